//! A process that the launcher started: a node, or a host of nodes.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::folder::{Common, LOG};
use super::mode;
use crate::usage;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: u32,
    child: RefCell<Child>,
}

/// What a process is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// A node.
    Run,
    /// One that ran before, whose log goes on.
    Again,
    /// A host, to which the launcher speaks over pipes.
    Host,
}

impl Process {
    /// Starts a process with a data folder, in a group of its own, so that the Ctrl-C of a terminal reaches the launcher
    /// only, which then ends the others in order.
    ///
    /// # Errors
    /// A sentence about what the system refuses.
    pub(super) fn start(verb: Verb, folder: &Path, common: &Common) -> Result<Self, String> {
        let mut log = File::options();
        let log =
            log.create(true).write(true).truncate(verb != Verb::Again).append(verb == Verb::Again);
        let log = log
            .open(folder.join(LOG))
            .map_err(|error| format!("cannot create its log: {error}"))?;
        let program = std::env::current_exe()
            .map_err(|error| format!("cannot find this program, to start it as a node: {error}"))?;
        let mut command = Command::new(&program);
        command.arg(mode::SUBCOMMAND);
        command.arg(mode::LAUNCHER).arg(std::process::id().to_string());
        if let Some(binary) = &common.node_binary {
            command.arg(mode::EXEC).arg(binary);
        }
        match verb {
            Verb::Run | Verb::Again => {
                let said = log.try_clone();
                let said = said.map_err(|error| format!("cannot share its log: {error}"))?;
                command.arg(mode::RUN).stdin(Stdio::null()).stdout(said);
            }
            Verb::Host => {
                command.arg(mode::HOST).stdin(Stdio::piped()).stdout(Stdio::piped());
            }
        }
        command.arg(mode::DATA_DIR).arg(folder).args(common.node_arguments);
        command.stderr(log).process_group(0);
        // The launcher's own environment must not overrule the settings of the manifest.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("TIDINGS_")) {
                command.env_remove(name);
            }
        }
        let child = command.spawn();
        let child =
            child.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        Ok(Self { pid: child.id(), child: RefCell::new(child) })
    }

    /// The pipes to and from a host, once.
    pub(super) fn take_pipes(&self) -> Option<(ChildStdin, ChildStdout)> {
        let mut child = self.child.borrow_mut();
        child.stdin.take().zip(child.stdout.take())
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<String> {
        let status = self.child.borrow_mut().try_wait().ok().flatten()?;
        // What it may have started goes with it.
        self.signal(Signal::KILL);
        Some(ending(status))
    }

    /// Waits until it is gone, which it must have been told to be; the CPU time that it used in all.
    pub(super) fn wait_for_end(&self) -> Duration {
        let used = usage::usage(self.pid).map_or(Duration::ZERO, |usage| usage.cpu);
        // A process that can't be waited for isn't there.
        let _ = self.child.borrow_mut().wait();
        used
    }

    /// Sends a signal to the process and all that it started: `--node-binary` may be a script. It leads a group of its
    /// own, which its id names until the process is waited for.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // All of them may have ended a moment ago: that is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        if !matches!(child.try_wait(), Ok(Some(_))) {
            self.signal(Signal::KILL);
            let _ = self.child.get_mut().wait();
        }
    }
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => ending_by(code),
        (None, Some(signal)) => format!("was killed by signal {signal}, not by this run"),
        (None, None) => "ended".to_owned(),
    }
}

/// What an exit code says of a node.
pub(super) fn ending_by(code: i32) -> String {
    match code {
        69 => {
            "ended with exit code 69: its port or data folder is in use, or its address can't be \
             listened on"
                .to_owned()
        }
        code => format!("ended with exit code {code}"),
    }
}

/// The last lines of a text file, the latest last; none if it can't be read.
pub(super) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_file_is_read() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(LOG);
        assert!(last_lines(&path, 3).is_empty());
        fs::write(&path, "1\n2\n3\n4\n").unwrap();
        assert_eq!(last_lines(&path, 2), ["3", "4"]);
    }
}
