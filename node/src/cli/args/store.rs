//! What may stand behind `tidings store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StoreVerb {
    /// Read everything that is kept, verify it, and say what is bad and what to do; nothing is changed
    Check,
    /// Write everything that is kept into a file of lines; nothing else is changed
    Export(ExportArgs),
    /// Take in what was exported, as far as the network's rules take it
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The file to make; `-` is standard output
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Leave the blocks of the chain out: peers have them
    #[arg(long)]
    pub(in crate::cli) without_blocks: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
}
