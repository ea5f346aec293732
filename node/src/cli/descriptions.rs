//! The command line as shells and manuals have it: `tidings completions` and `tidings manual`.
//!
//! Both come of the same description as `--help`, so that neither can differ from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::args::{Cli, CompletionsArgs, ManualArgs};
use super::error::Error;
use super::output::Output;
use super::shapes::{Manual, ManualPage, ManualPages, Script};

/// The command line without what only parsing needs.
fn described() -> Command {
    // No page of help on help.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// Prints what a shell needs to complete the words of the command line.
pub(super) fn completions(output: Output, args: &CompletionsArgs) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tidings", &mut script);
    let script = String::from_utf8_lossy(&script);
    let value = Script { shell: args.shell.to_string(), script: script.into_owned() };
    output.print_own(&value, &value.script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of `tidings`, or writes those of all verbs.
pub(super) fn manual(output: Output, args: &ManualArgs) -> Result<ExitCode, Error> {
    let Some(folder) = &args.out else {
        let page = page(&described())?;
        output.print_own(&Manual::Page(ManualPage { page: page.clone() }), &page)?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut written = Vec::new();
    write(&described(), folder, &mut written)?;
    let lines = written.iter().map(|path| format!("{}\n", path.display())).collect();
    output.print(&Manual::Written(ManualPages { written }), || lines)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages of a command and of all below it: `tidings.1`, `tidings-run.1` and so on.
fn write(command: &Command, folder: &Path, written: &mut Vec<PathBuf>) -> Result<(), Error> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page(command)?)
        .map_err(Error::io(format!("write the manual page {}", path.display())))?;
    written.push(path);
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        write(verb, folder, written)?;
    }
    Ok(())
}

/// A page in the language of manuals (roff).
fn page(command: &Command) -> Result<String, Error> {
    let mut page = Vec::new();
    let rendered = Man::new(command.clone()).render(&mut page);
    rendered.map_err(Error::io("make the manual page"))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let mut written = Vec::new();
        write(&described(), folder.path(), &mut written).unwrap();
        let has = |name: &str| written.contains(&folder.path().join(name));
        assert!(has("tidings.1") && has("tidings-run.1") && has("tidings-explain-tx.1"));
        assert!(!written.iter().any(|path| path.display().to_string().contains("help")));
        let page = fs::read_to_string(folder.path().join("tidings-run.1")).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Relay strategy"), "{page}");
    }
}
