//! Results on standard output: text for people, or one JSON object.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::cli::error::Error;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Prints a value as JSON, or as the text that `text` makes of it. A reader who has gone away
    /// (`tidings peers | head`) is no error.
    pub(super) fn print(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        let shown = if self.json {
            let json = serde_json::to_string(value);
            json.map_err(|error| Error::io("write the result")(error.into()))? + "\n"
        } else {
            text()
        };
        let mut out = io::stdout().lock();
        match out.write_all(shown.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::io("write the result")(error))
            }
            _ => Ok(()),
        }
    }
}

/// Columns of the terminal that standard output is; `None` if it is none.
pub(super) fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}
