//! Text of strangers, made harmless for whoever shows it: a terminal, a pager, a log.
//!
//! An error's text quotes what a peer sent, an answer of the API what a node was told. So a stranger could move the
//! cursor, colour a screen, begin a line of its own, or turn the order of letters around. Whatever shows text that isn't
//! its own shows it through here: what isn't plainly printable is escaped as in Rust (`\n`, `\u{1b}`), and what is
//! too long ends early and says so.

use std::fmt::{self, Write as _};

/// Scripts that are written from right to left: they reorder the digits and signs beside them, so a line shows
/// something else than it says. The blocks of Unicode's `DerivedBidiClass.txt` with the classes R and AL.
const RIGHT_TO_LEFT: [std::ops::RangeInclusive<char>; 5] = [
    '\u{590}'..='\u{8ff}',
    '\u{fb1d}'..='\u{fdff}',
    '\u{fe70}'..='\u{feff}',
    '\u{10800}'..='\u{10fff}',
    '\u{1e800}'..='\u{1efff}',
];

/// Whether a letter shows itself and nothing else: no control, no mark on its neighbour, no other space than a space,
/// no order of its own.
#[must_use]
pub fn is_plain(letter: char) -> bool {
    if letter.is_ascii() {
        return matches!(letter, ' '..='~');
    }
    // Rust escapes what Unicode calls no graphic character, and what is drawn upon another.
    let shows_itself = letter.escape_debug().len() == 1;
    shows_itself && !RIGHT_TO_LEFT.iter().any(|range| range.contains(&letter))
}

/// Text as one printable line. A backslash is escaped, too, so that the text can be told from what was escaped.
#[must_use]
pub fn line(text: &impl fmt::Display, max: usize) -> String {
    let mut line = Line { text: String::new(), max, left_out: 0 };
    // Only a `Display` that fails makes this fail, and then its beginning is shown.
    let _ = write!(line, "{text}");
    if line.left_out > 0 {
        let _ = write!(line.text, "… ({} bytes more)", line.left_out);
    }
    line.text
}

/// Takes text and keeps its beginning, escaped.
struct Line {
    text: String,
    max: usize,
    left_out: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for (at, letter) in part.char_indices() {
            let before = self.text.len();
            match letter {
                '\\' => self.text.push_str("\\\\"),
                letter if is_plain(letter) => self.text.push(letter),
                letter if letter.is_ascii() => self.text.extend(letter.escape_default()),
                letter => self.text.extend(letter.escape_unicode()),
            }
            if self.left_out > 0 || self.text.len() > self.max {
                self.text.truncate(before);
                self.left_out += part.len() - at;
                break;
            }
        }
        Ok(())
    }
}

/// Lines for a terminal: newlines stay, and what else isn't plain is escaped.
#[must_use]
pub fn lines(text: &str) -> String {
    escaped(text, |letter| letter.escape_unicode().to_string())
}

/// JSON text that is the same value and plainly printable: what isn't plain can stand in strings only.
#[must_use]
pub fn json(text: &str) -> String {
    escaped(text, |letter| {
        let mut units = [0; 2];
        letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\n' || is_plain(letter) {
            shown.push(letter);
        } else {
            shown.push_str(&escape(letter));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_is_one_line_that_shows_what_it_says() {
        for (text, shown) in [
            ("plain text, ü and 日本 too", "plain text, ü and 日本 too"),
            ("a\nb\r\n\tc\0", "a\\nb\\r\\n\\tc\\u{0}"),
            ("\u{1b}[31mred\u{1b}]0;title\u{7}", "\\u{1b}[31mred\\u{1b}]0;title\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gnp.exe\u{2066}", "\\u{202e}gnp.exe\\u{2066}"),
            (
                "\u{2028}\u{2029}\u{85}\u{feff}\u{200b}\u{e0041}",
                "\\u{2028}\\u{2029}\\u{85}\\u{feff}\\u{200b}\\u{e0041}",
            ),
            ("a\u{335}\u{300}", "a\\u{335}\\u{300}"),
            ("5 \u{5d0} 6", "5 \\u{5d0} 6"),
            ("C:\\n", "C:\\\\n"),
        ] {
            assert_eq!(line(&text, 100), shown, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_ends_early_and_says_by_how_much() {
        assert_eq!(line(&"x".repeat(10), 10), "x".repeat(10));
        assert_eq!(line(&"x".repeat(1_000_000), 10), "xxxxxxxxxx… (999990 bytes more)");
        assert_eq!(line(&"abc\u{1b}d", 6), "abc… (2 bytes more)", "no escape is cut in two");
        assert_eq!(
            line(&format_args!("{}{}", "x".repeat(11), "yy"), 10),
            "xxxxxxxxxx… (3 bytes more)"
        );
    }

    #[test]
    fn a_terminal_gets_lines_and_json_that_is_the_same_value() {
        assert_eq!(lines("a\n\u{1b}[2Jb\r\n"), "a\n\\u{1b}[2Jb\\u{d}\n");
        let value = serde_json::json!({ "a\u{9b}": "\u{1b}\u{202e}\u{e0041}\n" });
        let shown = json(&value.to_string());
        assert!(shown.chars().all(is_plain), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
