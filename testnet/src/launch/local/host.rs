//! A host: a process with many nodes of a run ([`tidings::host`] is the other side). Dropping it kills it, and all of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout};
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;
use tidings::api::HostQueue;
use tidings::client::Client;
use tidings::host::{Ended, Order, SOCKET};
use tokio::time::{Instant, sleep};

use super::error::{LOG_LINES, NodeError, START_POLL, START_TIMEOUT};
use super::folder::{Common, LOG};
use super::process::{Process, Verb, ending_by, last_lines};
use crate::usage::Waits;

/// Connections to a host, which its nodes share. A guess: as many requests at once as the launcher makes of all nodes
/// when it asks them all.
const CONNECTIONS: usize = 32;

/// A running host.
#[derive(Debug)]
pub struct Host {
    /// Its number.
    pub number: usize,
    /// How many nodes were given to it.
    nodes: Cell<usize>,
    folder: PathBuf,
    process: Process,
    orders: RefCell<ChildStdin>,
    told: RefCell<Told>,
    clients: Vec<Client>,
    stopping: Cell<bool>,
}

/// What a host told.
#[derive(Debug)]
struct Told {
    out: ChildStdout,
    /// The beginning of a line.
    partial: Vec<u8>,
    /// Nodes that ended, until somebody asks.
    ends: HashMap<usize, String>,
    /// How the host itself ended.
    death: Option<String>,
}

impl Host {
    /// Starts a host and waits until it listens.
    ///
    /// # Errors
    /// When it doesn't; the process is gone then.
    pub async fn start(number: usize, common: &Common) -> Result<Rc<Self>, NodeError> {
        let name = format!("host{number}");
        let folder = common.folder.join(&name);
        let log = folder.join(LOG);
        let failed =
            |problem| NodeError { name: name.clone(), problem, log: last_lines(&log, LOG_LINES) };
        // Whatever the process's umask: nodes refuse a folder that others can write to.
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| failed(format!("cannot create {}: {error}", folder.display())))?;
        let process = Process::start(Verb::Host, &folder, common).map_err(failed)?;
        let (orders, out) = process.take_pipes().expect("a host is started with pipes");
        let flags = fcntl_getfl(&out).map(|flags| flags | OFlags::NONBLOCK);
        flags
            .and_then(|flags| fcntl_setfl(&out, flags))
            .map_err(|error| failed(format!("cannot listen to it: {error}")))?;
        let told = Told { out, partial: Vec::new(), ends: HashMap::new(), death: None };
        let host = Self {
            number,
            nodes: Cell::new(0),
            clients: (0..CONNECTIONS).map(|_| Client::unix(folder.join(SOCKET))).collect(),
            folder,
            process,
            orders: RefCell::new(orders),
            told: RefCell::new(told),
            stopping: Cell::new(false),
        };
        let deadline = Instant::now() + START_TIMEOUT;
        while !host.folder.join(SOCKET).exists() {
            if let Some(death) = host.death() {
                return Err(failed(death));
            }
            if Instant::now() > deadline {
                let waited = START_TIMEOUT.as_secs();
                return Err(failed(format!("it doesn't listen after {waited} s")));
            }
            sleep(START_POLL).await;
        }
        Ok(Rc::new(host))
    }

    /// Gives it a node, which is to start now. Returns how to ask it.
    ///
    /// # Errors
    /// When the host is gone.
    pub(super) fn add(&self, node: usize, folder: PathBuf) -> io::Result<Client> {
        self.order(&Order::Start { number: node, folder })?;
        self.nodes.set(self.nodes.get() + 1);
        Ok(self.clients[node % CONNECTIONS].node(node))
    }

    /// Has it kill a node.
    pub(super) fn kill(&self, node: usize) {
        // One that is gone needs no killing.
        let _ = self.order(&Order::Kill { number: node });
    }

    /// Orders are short, and the host takes them at once: a pipe holds a thousand of them.
    fn order(&self, order: &Order) -> io::Result<()> {
        self.orders.borrow_mut().write_all(format!("{order}\n").as_bytes())
    }

    /// Asks all its nodes to shut down, once.
    pub(super) fn terminate(&self) {
        if !self.stopping.replace(true) {
            self.process.signal(Signal::TERM);
        }
    }

    /// Kills it and all its nodes, without waiting.
    pub(super) fn end(&self) {
        self.process.signal(Signal::KILL);
    }

    /// How its nodes waited for one another so far; `None` if it is gone.
    pub async fn queue(&self) -> Option<Waits> {
        let HostQueue { turns, waited_us } = self.clients[0].host_queue().await.ok()?;
        Some(Waits { turns, waited: Duration::from_micros(waited_us) })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// How many nodes were given to it.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.get()
    }

    /// Its log, which is its nodes'.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// How it ended, if it has.
    fn death(&self) -> Option<String> {
        let told = &mut self.told.borrow_mut();
        if told.death.is_none() {
            told.death = self.process.ended();
        }
        told.death.clone()
    }

    /// How a node of it ended, unless it lives or was killed. Tells so once, but for the end of them all.
    pub(super) fn end_of(&self, node: usize) -> Option<String> {
        self.told.borrow_mut().read();
        let end = self.told.borrow_mut().ends.remove(&node);
        end.or_else(|| self.death().map(|death| format!("its host, host{}, {death}", self.number)))
    }
}

impl Told {
    /// Takes what came.
    fn read(&mut self) {
        let mut buffer = [0; 4_096];
        // It ends with an error if nothing came, and with nothing once the host is gone.
        while let Ok(len @ 1..) = self.out.read(&mut buffer) {
            self.partial.extend_from_slice(&buffer[..len]);
        }
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if let Ok(Ended { number, code, sentence }) = line.trim_end().parse() {
                self.ends.insert(number, format!("{}: {sentence}", ending_by(code.into())));
            }
        }
    }
}
