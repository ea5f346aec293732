//! One node: its data folder, its process, its admin API. Dropping it kills it.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tidings::client::Client;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::{Instant, sleep};

use super::folder::{self, Common, LOG, SOCKET};
use super::mode;
use crate::launch::plan::NodePlan;

/// How many lines of a log are shown when its node failed.
const LOG_LINES: usize = 5;

/// How long a node may take until its API answers. A guess: 1,000 nodes that start on two cores.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a starting node is looked at: it takes some 20 ms.
const START_POLL: Duration = Duration::from_millis(10);

/// A node that didn't start or died, with what it said last.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {problem}{}", log_tail(log))]
pub struct NodeError {
    /// Its name.
    pub name: String,
    /// What happened.
    pub problem: String,
    /// The last lines of its log.
    pub log: Vec<String>,
}

fn log_tail(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    | {line}")).collect()
}

/// Whether a node lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs.
    Alive,
    /// We killed it, as planned.
    Killed,
    /// It ended by itself, or by somebody else.
    Died,
}

/// A running node.
#[derive(Debug)]
pub struct NodeProcess {
    /// What it was planned to be; its port is free for itself now.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub addr: PeerAddr,
    /// Its data folder.
    pub folder: PathBuf,
    /// Its process.
    pub pid: u32,
    /// Its admin API, over one kept connection.
    pub client: Client,
    /// Whether it announces items and never delivers any.
    pub withholds: bool,
    child: RefCell<Child>,
    fate: Cell<Fate>,
}

impl NodeProcess {
    /// Creates the data folder, starts the process and waits until its API answers.
    ///
    /// # Errors
    /// When any of that fails; the process is gone then.
    pub async fn start(plan: NodePlan, common: &Common) -> Result<Self, NodeError> {
        let folder = common.folder.join(plan.name());
        let failed = |problem: String| NodeError {
            name: plan.name(),
            problem,
            log: last_lines(&folder.join(LOG), LOG_LINES),
        };
        folder::write(&folder, &plan, common)
            .map_err(|error| failed(format!("cannot create {}: {error}", folder.display())))?;
        let (index, name, addr, withholds) = (plan.index, plan.name(), plan.addr(), plan.withholds);
        // Set free at the last moment, so that nobody else takes it.
        let released = plan.port.release().await.map_err(|taken| taken.to_string());
        let child = released
            .and_then(|()| spawn(&folder, common))
            .map_err(|problem| NodeError { name: name.clone(), problem, log: Vec::new() })?;
        let client = Client::unix(folder.join(SOCKET));
        let pid = child.id();
        let (child, fate) = (RefCell::new(child), Cell::new(Fate::Alive));
        let node = Self { index, name, addr, folder, pid, client, withholds, child, fate };
        node.wait_for_api().await?;
        Ok(node)
    }

    async fn wait_for_api(&self) -> Result<(), NodeError> {
        let socket = self.folder.join(SOCKET);
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(death) = self.check() {
                return Err(death);
            }
            if socket.exists() && self.client.status().await.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waited = START_TIMEOUT.as_secs();
                return Err(self.error(format!("its API doesn't answer after {waited} s")));
            }
            sleep(START_POLL).await;
        }
    }

    /// Whether it lives, as far as we know.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate.get()
    }

    /// Whether it lives, as far as we know.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.fate() == Fate::Alive
    }

    /// Looks whether it still runs. Tells its death once.
    #[must_use]
    pub fn check(&self) -> Option<NodeError> {
        if !self.is_alive() {
            return None;
        }
        let status = self.child.borrow_mut().try_wait().ok().flatten()?;
        self.fate.set(Fate::Died);
        // What it may have started goes with it.
        self.signal(Signal::KILL);
        Some(self.error(ending(status)))
    }

    /// Kills it as a power cut would (`kill -9`), as part of the plan.
    pub fn kill(&self) {
        self.fate.set(Fate::Killed);
        self.end();
    }

    /// Asks it to shut down gracefully.
    pub fn terminate(&self) {
        if self.is_alive() {
            self.signal(Signal::TERM);
        }
    }

    /// Sends a signal to the process and all that it started: `--node-binary` may be a script. The
    /// node leads a group of its own, which its id names until the process is waited for.
    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // All of them may have ended a moment ago: that is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    /// An error about this node, with the end of its log.
    #[must_use]
    pub fn error(&self, problem: String) -> NodeError {
        let log = last_lines(&self.folder.join(LOG), LOG_LINES);
        NodeError { name: self.name.clone(), problem, log }
    }

    /// Sends SIGKILL without waiting; the process is collected when this value is dropped.
    pub(crate) fn end(&self) {
        if self.fate() != Fate::Died {
            self.signal(Signal::KILL);
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        self.end();
        let _ = self.child.borrow_mut().wait();
    }
}

/// Starts the process in a group of its own, so that the Ctrl-C of a terminal reaches the launcher
/// only, which then ends the nodes in order.
fn spawn(folder: &Path, common: &Common) -> Result<Child, String> {
    let log = File::create(folder.join(LOG))
        .map_err(|error| format!("cannot create its log: {error}"))?;
    let errors = log.try_clone().map_err(|error| format!("cannot share its log: {error}"))?;
    let program = std::env::current_exe()
        .map_err(|error| format!("cannot find this program, to start it as a node: {error}"))?;
    let mut command = Command::new(&program);
    command.arg(mode::SUBCOMMAND);
    command.arg(mode::LAUNCHER).arg(std::process::id().to_string());
    if let Some(binary) = &common.node_binary {
        command.arg(mode::EXEC).arg(binary);
    }
    command.arg("run").arg("--data-dir").arg(folder);
    command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    // The launcher's own environment must not overrule the settings of the manifest.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("TIDINGS_")) {
            command.env_remove(name);
        }
    }
    command.spawn().map_err(|error| format!("cannot start {}: {error}", program.display()))
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(69), _) => {
            "ended with exit code 69: its port or data folder is in use, or its address can't be \
             listened on"
                .to_owned()
        }
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}, not by this run"),
        (None, None) => "ended".to_owned(),
    }
}

/// The last lines of a text file, the latest last; none if it can't be read.
fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(count)).map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_shown() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(LOG);
        assert!(last_lines(&path, 3).is_empty());
        fs::write(&path, "1\n2\n3\n4\n").unwrap();
        let log = last_lines(&path, 2);
        let error = NodeError { name: "n0012".into(), problem: "port in use".into(), log };
        assert_eq!(error.to_string(), "n0012: port in use\n    | 3\n    | 4");
    }
}
