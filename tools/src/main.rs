//! `tidings-tools`: reports on runs of Tidings networks, and compares them.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
