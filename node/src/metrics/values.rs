//! Labels and values as the crate `metrics` takes them.

/// Labels with their values, in the order of the table.
pub(super) type Labels = &'static [(&'static str, &'static str)];

/// A number as a gauge has it: a float, exact up to 2^53. The crate itself takes none of more than 32 bits.
pub(super) fn whole(number: impl TryInto<u64>) -> f64 {
    // No number here is negative.
    let number = number.try_into().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "more bytes than 2^53 may be rounded")]
    let float = number as f64;
    float
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_what_they_are() {
        let numbers = [whole(7_usize), whole(1_u64 << 53), whole(0_u32)].map(|n| n.to_string());
        assert_eq!(numbers, ["7", "9007199254740992", "0"]);
    }
}
