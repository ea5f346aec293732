//! Numbers as people read them. Thousands are grouped with commas, decimals follow a point.

/// A whole number with its thousands grouped: `1,557`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things: `1 block`, `1,557 blocks`.
#[must_use]
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

/// A measured number with three significant digits or all before the point: `0.0314`, `2.30`,
/// `46.5`, `1,234`.
#[must_use]
pub fn measured(number: f64) -> String {
    let size = number.abs();
    let decimals = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{size:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    let sign = if number < 0.0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// A share as per cent without the sign, rounded down to two decimals (four from 99.99 % on), so that
/// only all is 100: `97.89`, `99.9987`.
#[must_use]
pub fn percent(share: f64) -> String {
    if share >= 1.0 {
        return format!("{:.0}", share * 100.0);
    }
    let steps = if share >= 0.999_9 { 1e4 } else { 1e2 };
    // A hair more makes up for products such as 0.29 × 100 = 28.999….
    let rounded = (share * 100.0 * steps * (1.0 + 4.0 * f64::EPSILON)).floor() / steps;
    let text = format!("{rounded:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number of bytes with a binary unit: `12.3 MiB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = number as f64;
    let mut unit = 0;
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{} {}", measured(size), UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!(
            (counted(1, "block"), counted(0, "block")),
            ("1 block".into(), "0 blocks".into())
        );
    }

    #[test]
    fn measured_numbers_keep_three_digits() {
        let texts = [0.0, 0.0314, 0.25, 2.3, 46.51, 465.7, 12_345.6, -1.5].map(measured);
        assert_eq!(texts, ["0", "0.0314", "0.250", "2.30", "46.5", "466", "12,346", "-1.50"]);
    }

    #[test]
    fn only_all_is_a_hundred_per_cent() {
        let texts = [1.0, 0.999_999_9, 0.5, 0.29, 1.0 / 3.0, 0.0].map(percent);
        assert_eq!(texts, ["100", "99.9999", "50", "29", "33.33", "0"]);
    }

    #[test]
    fn bytes_take_the_unit_that_fits() {
        let texts = [1_023, 1_024, 12_900_000, u64::MAX].map(bytes);
        assert_eq!(texts, ["1023 B", "1.00 KiB", "12.3 MiB", "16,384 PiB"]);
    }
}
