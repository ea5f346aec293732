//! The binary `tidings-testnet`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidings_testnet::cli::main(std::env::args_os())
}
