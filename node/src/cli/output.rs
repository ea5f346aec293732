//! Results on standard output: text for people, or one JSON object.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::cli::error::Error;
use crate::printable;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints a value as JSON, or as the text that `text` makes of it. A reader who has gone away
    /// (`tidings peers | head`) is no error. What a terminal would obey is escaped: a node tells what peers
    /// told it, and whoever was asked may be no node.
    pub(super) fn print(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        write_out(&self.shown(value, text)?)
    }

    /// The same for text of the program's own, in which nothing is escaped: scripts and pages.
    pub(super) fn print_own(self, value: &impl Serialize, text: &str) -> Result<(), Error> {
        if self.json { self.print(value, String::new) } else { write_out(text) }
    }

    /// What is printed: nothing in it does more than show itself.
    fn shown(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<String, Error> {
        if !self.json {
            return Ok(printable::lines(&text()));
        }
        let json = serde_json::to_string(value);
        let json = json.map_err(|error| Error::io("write the result")(error.into()))?;
        Ok(printable::json(&json) + "\n")
    }
}

fn write_out(shown: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write the result")(error))
        }
        _ => Ok(()),
    }
}

/// Columns of the terminal that standard output is; `None` if it is none.
pub(super) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_an_answer_says() {
        let name = "a\u{1b}]0;title\u{7}\u{9b}2J\u{202e}";
        for json in [false, true] {
            let shown = Output { json }.shown(&name, || format!("NAME\n{name}\n")).unwrap();
            assert!(shown.chars().all(|letter| letter == '\n' || printable::is_plain(letter)));
            assert!(shown.contains(']'), "{shown}");
        }
    }
}
