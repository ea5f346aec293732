//! What commands say, and to whom: results on standard output, everything else on standard error.
//!
//! Neither may hold up or end a run. Whoever reads them may be stuck (a terminal after Ctrl-S, a pager, a pipe that nobody
//! reads), gone, or a full disk. So what is told on the way goes to standard error by a thread that may wait
//! ([`tidings::logging`]), and is lost if it must; results are printed when they are in the run folder already, and
//! nothing is left that could be held up.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use tidings::logging;
use tidings_tools::show::table::Ink;

/// Tells a line on standard error, if anybody takes it.
pub fn tell(line: &str) {
    logging::tell(line);
}

/// Tells what went wrong.
pub fn complain(problem: impl std::fmt::Display) {
    tell(&format!("error: {problem}"));
}

/// Waits, but not for long, until what was told has been read. To be called before the process ends.
pub fn finish() {
    logging::drain();
}

/// Prints a result, and says what to exit with. A reader who has gone (`| head`, a pager that was quit) has had enough;
/// anything else that refuses it makes a failure of the command, unless the result `is_kept` in files, too.
#[must_use]
pub fn print(text: &str, is_kept: bool, code: ExitCode) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("the result can't be printed: {error}"));
            if is_kept { code } else { ExitCode::FAILURE }
        }
        _ => code,
    }
}

/// Colours are for a terminal, unless its user doesn't want any: <https://no-color.org>.
#[must_use]
pub fn ink() -> Ink {
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if colours { Ink::Colours } else { Ink::Plain }
}
