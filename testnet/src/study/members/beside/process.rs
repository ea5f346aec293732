//! One process of a fleet: ours or another's, tied to the life of this one.
//!
//! Each is started as this program's node mode ([`mode`]), which has the kernel kill it when its launcher dies, however that dies; another's program
//! is then put in its place, and the tie stays. Dropping one kills it, whether it runs or is stopped.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::launch::local::mode;
use crate::usage::{self, Memory, Usage};

/// Most processes of a fleet, with those that are no members: each has an address of its own, in one block of 256.
pub(super) const PROCESSES_MAX: usize = 254;

/// How many lines of a log are shown when its process failed.
const LOG_LINES: usize = 5;

/// What a process is.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// This one, as a node.
    Ours,
    /// Another one.
    Other(PathBuf),
}

/// A running process.
#[derive(Debug)]
pub(super) struct Agent {
    /// What it is called among members.
    pub(super) name: String,
    /// The address that it alone has.
    pub(super) ip: IpAddr,
    log: PathBuf,
    child: RefCell<Child>,
    /// Whether we killed it.
    killed: Cell<bool>,
}

/// What the member of a number is called.
pub(super) fn name(number: usize) -> String {
    format!("n{number}")
}

/// The number of the member that is called so.
pub(super) fn number(name: &str) -> Option<usize> {
    name.strip_prefix('n')?.parse().ok()
}

/// The address of a number: all of 127/8 is this machine (RFC 1122, section 3.2.1.3). Each measurement has a block of 256, by the number of its process, so that
/// two on one machine rarely meet.
pub(super) fn ip(number: usize) -> IpAddr {
    let block = 1 + std::process::id() % 64_000;
    let [_, _, upper, lower] = block.to_be_bytes();
    let last = u8::try_from(number + 1).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, upper, lower, last).into()
}

impl Agent {
    /// Starts it, with what it says in `folder`, in a group of its own: the Ctrl-C of a terminal reaches this process alone, which ends the others.
    ///
    /// # Errors
    /// A sentence about what the system refuses.
    pub(super) fn start(
        program: &Program,
        args: impl IntoIterator<Item = OsString>,
        number: usize,
        folder: &Path,
    ) -> Result<Self, String> {
        let name = name(number);
        let log = folder.join(format!("{name}.log"));
        let refused = |error: std::io::Error| format!("{name} can't be started: {error}");
        let out = File::create(&log).map_err(refused)?;
        let mut command = Command::new(std::env::current_exe().map_err(refused)?);
        command.arg(mode::SUBCOMMAND);
        command.arg(mode::LAUNCHER).arg(std::process::id().to_string());
        if let Program::Other(program) = program {
            command.arg(mode::EXEC).arg(program);
        }
        command.args(args).process_group(0).stdin(Stdio::null());
        command.stdout(out.try_clone().map_err(refused)?).stderr(out);
        // Settings of whoever calls must not overrule those of the measurement.
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("TIDINGS_")) {
                command.env_remove(key);
            }
        }
        let child = RefCell::new(command.spawn().map_err(refused)?);
        Ok(Self { ip: ip(number), name, log, child, killed: Cell::new(false) })
    }

    fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    /// Whether we didn't kill it.
    pub(super) fn lives(&self) -> bool {
        !self.killed.get()
    }

    /// That it still runs, unless we killed it.
    ///
    /// # Errors
    /// How it ended, with the end of its log.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.child.borrow_mut().try_wait() {
            Ok(Some(status)) if self.lives() => Err(self.problem(&format!("ended ({status})"))),
            _ => Ok(()),
        }
    }

    /// A problem of it, with the end of its log.
    pub(super) fn problem(&self, problem: &str) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        let last: String = last.iter().map(|line| format!("\n    | {line}")).collect();
        format!("{} {problem}{last}", self.name)
    }

    /// `kill -9`, and waits until it is gone.
    pub(super) fn kill(&self) {
        self.killed.set(true);
        let child = &mut self.child.borrow_mut();
        // It may have ended already: that is what is wanted.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Has it stand still.
    pub(super) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    pub(super) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        // It isn't waited for before it is killed, so the id is its own.
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// What it holds; `None` if it is gone.
    pub(super) fn memory(&self) -> Option<Memory> {
        usage::memory(self.pid())
    }

    /// What it used; `None` if it is gone.
    pub(super) fn usage(&self) -> Option<Usage> {
        usage::usage(self.pid())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_addresses_are_each_ones_own() {
        for of in [0, 7, PROCESSES_MAX - 1] {
            assert_eq!(number(&name(of)), Some(of));
        }
        assert_eq!((number("m3"), number("n")), (None, None));
        let last =
            |number| ip(number).to_string().rsplit_once('.').map(|(_, last)| last.to_owned());
        assert_eq!(
            (last(0).as_deref(), last(PROCESSES_MAX - 1).as_deref()),
            (Some("1"), Some("254"))
        );
        assert!(ip(0).is_loopback() && ip(0).to_string() != "127.0.0.1");
    }
}
