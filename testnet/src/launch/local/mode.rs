//! This program as a node: `tidings-testnet node …` is `tidings …`, tied to the life of its launcher; or as a host of
//! nodes: `tidings-testnet node … host --data-dir FOLDER`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::output;

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "node";

/// Followed by the process id of the launcher, without which the node shall not live.
pub const LAUNCHER: &str = "--launcher";

/// Followed by the program to become, instead of the node built in.
pub const EXEC: &str = "--exec";

/// The verb of a node, as the node has it.
pub const RUN: &str = "run";

/// The verb of a host of nodes.
pub const HOST: &str = "host";

/// Followed by the data folder of a node or a host.
pub const DATA_DIR: &str = "--data-dir";

/// Runs a node with what follows the subcommand.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    let NodeArgs { launcher, exec, rest } = NodeArgs::parse(args);
    if let Some(launcher) = launcher
        && let Err(problem) = die_with(launcher)
    {
        output::complain(problem);
        return ExitCode::FAILURE;
    }
    match exec {
        Some(program) => {
            let error = Command::new(&program).args(rest).exec();
            output::complain(format_args!("cannot start {} as a node: {error}", program.display()));
            ExitCode::FAILURE
        }
        None => match &rest[..] {
            [verb, flag, folder] if verb == HOST && flag == DATA_DIR => {
                tidings::host::main(Path::new(folder), tidings::cli::guest)
            }
            _ => tidings::cli::main(std::iter::once("tidings".into()).chain(rest)),
        },
    }
}

/// Arguments of the node mode; those that it doesn't know are the node's.
#[derive(Debug, Default, PartialEq, Eq)]
struct NodeArgs {
    launcher: Option<i32>,
    exec: Option<PathBuf>,
    rest: Vec<OsString>,
}

impl NodeArgs {
    fn parse(args: Vec<OsString>) -> Self {
        let mut parsed = Self::default();
        let mut args = args.into_iter().peekable();
        loop {
            if args.next_if(|arg| arg == LAUNCHER).is_some() {
                parsed.launcher =
                    args.next().and_then(|pid| pid.to_str().and_then(|pid| pid.parse().ok()));
            } else if args.next_if(|arg| arg == EXEC).is_some() {
                parsed.exec = args.next().map(PathBuf::from);
            } else {
                parsed.rest = args.collect();
                return parsed;
            }
        }
    }
}

/// Has the kernel kill this process when its launcher dies, however it dies. The request survives
/// `exec`. If the launcher died before the request was made, nobody is left to tell, hence the check.
pub(crate) fn die_with(launcher: i32) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("cannot tie this process to its launcher: {error}"))?;
    if getppid().map(Pid::as_raw_pid) == Some(launcher) {
        Ok(())
    } else {
        Err(format!("the launcher {launcher} is gone"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> NodeArgs {
        NodeArgs::parse(words.iter().map(OsString::from).collect())
    }

    #[test]
    fn what_the_node_mode_does_not_know_is_the_nodes() {
        let parsed = parse(&["--launcher", "12", "--exec", "/bin/x", "run", "--launcher", "3"]);
        let rest = vec!["run".into(), "--launcher".into(), "3".into()];
        let expected = NodeArgs { launcher: Some(12), exec: Some("/bin/x".into()), rest };
        assert_eq!(parsed, expected);
        assert_eq!(parse(&["status", "--json"]).launcher, None);
    }

    #[test]
    fn a_node_of_another_launcher_refuses_to_live() {
        let error = die_with(i32::MAX).unwrap_err();
        assert!(error.contains("is gone"), "{error}");
    }
}
