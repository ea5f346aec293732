//! `tidings-maelstrom`: a Tidings node behind Maelstrom's standard input and output.
//!
//! The same as `tidings-tools maelstrom`, as a binary of its own, since Maelstrom takes a path. Options can
//! also stand in the environment variable `TIDINGS_MAELSTROM_ARGS`, separated by spaces; those on the
//! command line come after them.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use tidings_maelstrom::{MaelstromError, Options};

/// Exit code of wrong arguments (sysexits.h, `EX_USAGE`).
const EXIT_USAGE: u8 = 64;

/// A Tidings node behind Maelstrom's standard input and output.
///
/// Options can also stand in the environment, as `TIDINGS_MAELSTROM_ARGS`, separated by spaces.
/// Exit codes: 0 the input has ended, 1 failure, 64 wrong arguments.
#[derive(Debug, Parser)]
#[command(name = "tidings-maelstrom", version, args_override_self = true)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next().unwrap_or_default();
    let set = std::env::var("TIDINGS_MAELSTROM_ARGS").unwrap_or_default();
    let set = set.split_whitespace().map(OsString::from);
    let words = std::iter::once(program).chain(set).chain(words);
    let parsed = Arguments::command().try_get_matches_from(words);
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print(); // if it can't be printed, there is nobody to tell
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match tidings_maelstrom::run(&arguments.options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tidings-maelstrom: {error}");
            let is_usage = matches!(error, MaelstromError::Usage(_));
            ExitCode::from(if is_usage { EXIT_USAGE } else { 1 })
        }
    }
}
