//! One node: its data folder, what it runs in, its admin API. Dropping it kills it.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::Signal;
use tidings::client::Client;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::{Instant, sleep};

use super::error::{LOG_LINES, NodeError, START_POLL, START_TIMEOUT};
use super::folder::{self, Common, LOG, SOCKET};
use super::host::Host;
use super::process::{Process, Verb, last_lines};
use crate::launch::plan::NodePlan;

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
pub struct Node {
    /// What it was planned to be; its ports are free for itself now.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub addr: PeerAddr,
    /// Its data folder.
    pub folder: PathBuf,
    /// Its admin API.
    pub client: Client,
    /// Whether it announces items and never delivers any.
    pub withholds: bool,
    home: Home,
    fate: Cell<Fate>,
    /// It is stopped, or starts: it can be asked later.
    is_paused: Cell<bool>,
    /// CPU time of its earlier processes.
    earlier_cpu: Cell<Duration>,
}

/// What a node runs in.
#[derive(Debug)]
enum Home {
    /// A process of its own.
    Own(RefCell<Process>),
    /// A process that it shares.
    Host(Rc<Host>),
}

impl Node {
    /// Creates the data folder, starts the node, in a host if there is one, and waits until its API answers.
    ///
    /// # Errors
    /// When any of that fails; it is gone then.
    pub async fn start(
        plan: NodePlan,
        common: &Common,
        host: Option<Rc<Host>>,
    ) -> Result<Self, NodeError> {
        let folder = common.folder.join(plan.name());
        let (index, name, addr, withholds) = (plan.index, plan.name(), plan.addr(), plan.withholds);
        let failed = |problem| NodeError { name: name.clone(), problem, log: Vec::new() };
        folder::write(&folder, &plan, common)
            .map_err(|error| failed(format!("cannot create {}: {error}", folder.display())))?;
        // Set free at the last moment, so that nobody else takes them.
        plan.port.release().await.map_err(|taken| failed(taken.to_string()))?;
        if let Some(member) = plan.member {
            let released = member.port.release().await;
            released.map_err(|taken| failed(format!("as a member, {taken}")))?;
        }
        let (home, client) = match host {
            None => {
                let process = Process::start(Verb::Run, &folder, common).map_err(failed)?;
                (Home::Own(RefCell::new(process)), Client::unix(folder.join(SOCKET)))
            }
            Some(host) => {
                let client = host.add(index, folder.clone());
                let client =
                    client.map_err(|error| failed(format!("its host is gone: {error}")))?;
                (Home::Host(host), client)
            }
        };
        let fate = Cell::new(Fate::Alive);
        let (is_paused, earlier_cpu) = (Cell::new(false), Cell::new(Duration::ZERO));
        let node = Self {
            index,
            name,
            addr,
            folder,
            client,
            withholds,
            home,
            fate,
            is_paused,
            earlier_cpu,
        };
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
            let listens = matches!(self.home, Home::Host(_)) || socket.exists();
            if listens && self.client.status().await.is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let waited = START_TIMEOUT.as_secs();
                return Err(self.error(format!("its API doesn't answer after {waited} s")));
            }
            sleep(START_POLL).await;
        }
    }

    /// The process that it runs in.
    #[must_use]
    pub fn pid(&self) -> u32 {
        match &self.home {
            Home::Own(process) => process.borrow().pid,
            Home::Host(host) => host.pid(),
        }
    }

    /// The host that it runs in, if it shares one.
    #[must_use]
    pub fn host(&self) -> Option<&Host> {
        match &self.home {
            Home::Own(_) => None,
            Home::Host(host) => Some(host),
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

    /// Whether it lives and isn't paused, so that it can be asked.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.is_alive() && !self.is_paused.get()
    }

    /// CPU time of the processes that it had before.
    #[must_use]
    pub fn earlier_cpu(&self) -> Duration {
        self.earlier_cpu.get()
    }

    /// Stops its process, which stays, and all its sockets with it. Not in a host.
    pub fn pause(&self) {
        self.is_paused.set(true);
        self.signal(Signal::STOP);
    }

    /// Lets a paused one go on.
    pub fn resume(&self) {
        self.is_paused.set(false);
        self.signal(Signal::CONT);
    }

    /// Dies so that peers have to find out: it does nothing any more, and its sockets stay. Not in a host.
    pub fn freeze(&self) {
        self.fate.set(Fate::Killed);
        self.signal(Signal::STOP);
    }

    fn signal(&self, signal: Signal) {
        if let Home::Own(process) = &self.home {
            process.borrow().signal(signal);
        }
    }

    /// Starts one that we killed again, with its folder and its address, and waits until its API answers. Not in a host.
    ///
    /// # Errors
    /// When it doesn't start.
    pub async fn restart(&self, common: &Common) -> Result<(), NodeError> {
        let Home::Own(process) = &self.home else { return Ok(()) };
        if self.fate() != Fate::Killed {
            return Ok(());
        }
        self.end();
        self.earlier_cpu.set(self.earlier_cpu.get() + process.borrow().wait_for_end());
        let started = Process::start(Verb::Again, &self.folder, common);
        *process.borrow_mut() = started.map_err(|problem| self.error(problem))?;
        // Not up before it answers.
        self.is_paused.set(true);
        self.fate.set(Fate::Alive);
        let answers = self.wait_for_api().await;
        self.is_paused.set(false);
        answers
    }

    /// Looks whether it still runs. Tells its death once.
    #[must_use]
    pub fn check(&self) -> Option<NodeError> {
        if !self.is_alive() {
            return None;
        }
        let end = match &self.home {
            Home::Own(process) => process.borrow().ended(),
            Home::Host(host) => host.end_of(self.index),
        };
        let end = end?;
        self.fate.set(Fate::Died);
        Some(self.error(end))
    }

    /// Kills it as a power cut would (`kill -9`), as part of the plan.
    pub fn kill(&self) {
        self.fate.set(Fate::Killed);
        match &self.home {
            Home::Own(process) => process.borrow().signal(Signal::KILL),
            Home::Host(host) => host.kill(self.index),
        }
    }

    /// Asks it to shut down gracefully, and with it all others of its host.
    pub fn terminate(&self) {
        match &self.home {
            Home::Own(process) if self.is_alive() => process.borrow().signal(Signal::TERM),
            Home::Own(_) => {}
            Home::Host(host) => host.terminate(),
        }
    }

    /// An error about this node, with the end of its log.
    #[must_use]
    pub fn error(&self, problem: String) -> NodeError {
        let log = self.host().map_or_else(|| self.folder.join(LOG), Host::log);
        NodeError { name: self.name.clone(), problem, log: last_lines(&log, LOG_LINES) }
    }

    /// Sends SIGKILL to its process without waiting, and with it to all others of its host; the process is collected when
    /// this value is dropped.
    pub(crate) fn end(&self) {
        match &self.home {
            Home::Own(process) if self.fate() != Fate::Died => {
                process.borrow().signal(Signal::KILL);
            }
            Home::Own(_) => {}
            Home::Host(host) => host.end(),
        }
    }
}
