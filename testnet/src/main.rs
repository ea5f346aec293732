//! The binary `tidings-testnet`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let code = tidings_testnet::cli::main(std::env::args_os());
    tidings_testnet::output::finish();
    code
}
