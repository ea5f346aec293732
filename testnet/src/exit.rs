//! What commands exit with when they come to nothing. A run that came to its end has its own code
//! ([`tidings_tools::figures::summary::Summary::exit_code`]).

use std::process::ExitCode;

use crate::output;

/// What help says about exit codes.
pub const HELP: &str = "Exit codes: 0 all is well, 1 something failed or coverage is below 100 %, \
                        3 the run was not valid, 64 wrong arguments, 130 interrupted.";

/// Exit code for wrong arguments (sysexits.h, `EX_USAGE`).
pub const USAGE: u8 = 64;

/// Exit code of a run that says nothing, since it didn't come to its end as it should.
pub const NOT_VALID: u8 = 3;

/// Exit code after Ctrl-C, as shells have it (128 and the number of SIGINT).
pub const INTERRUPTED: u8 = 130;

/// Says what is wrong with the arguments.
#[must_use]
pub fn usage(problem: &str) -> ExitCode {
    output::complain(problem);
    ExitCode::from(USAGE)
}
