//! Which nodes a load goes to, and the connections over which it does.
//!
//! A connection to a node's API carries one request at a time, so each node has several: as many as are waiting for an answer at
//! once, at most [`CONNECTIONS_MAX`]. A submission for which all of them are taken waits for one, and that counts as its latency.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tidings::client::Client;
use tokio::sync::Semaphore;

/// Most connections to one node. A guess: half of what a node's API takes from all together.
pub const CONNECTIONS_MAX: usize = 32;

/// Name of a node's socket within its folder.
const SOCKET: &str = "admin.sock";

/// Where a node's API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A socket of this machine.
    Socket(PathBuf),
    /// An address, where a token is asked for.
    Address(SocketAddr),
}

impl Target {
    /// Reads a target: an address and port, with or without `http://`, or else the path of a socket or of a data folder.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        if let Ok(address) = address.parse() {
            return Self::Address(address);
        }
        let path = Path::new(text);
        Self::Socket(if path.is_dir() { path.join(SOCKET) } else { path.to_owned() })
    }

    /// As people write it.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Socket(path) => path.display().to_string(),
            Self::Address(address) => address.to_string(),
        }
    }
}

/// The sockets of all nodes of a run that is being made.
///
/// # Errors
/// A sentence, when there are none.
pub fn of_run(dir: &Path) -> Result<Vec<Target>, String> {
    let nodes = fs::read_dir(dir.join("nodes")).into_iter().flatten().flatten();
    let mut sockets: Vec<PathBuf> = nodes.map(|node| node.path().join(SOCKET)).collect();
    sockets.retain(|socket| socket.exists());
    sockets.sort_unstable();
    if sockets.is_empty() {
        return Err(format!(
            "{}: no node of a run has its socket there; is the run still going, and not in hosts?",
            dir.display()
        ));
    }
    Ok(sockets.into_iter().map(Target::Socket).collect())
}

/// A node, and connections to it that nobody uses at the moment.
#[derive(Debug)]
pub struct Node {
    /// As it is shown.
    pub name: String,
    target: Target,
    token: String,
    free: RefCell<Vec<Client>>,
    room: Semaphore,
}

impl Node {
    /// A node. The token matters only at an address.
    #[must_use]
    pub fn new(target: Target, token: &str) -> Rc<Self> {
        Rc::new(Self {
            name: target.shown(),
            target,
            token: token.to_owned(),
            free: RefCell::default(),
            room: Semaphore::new(CONNECTIONS_MAX),
        })
    }

    /// Uses a connection that nobody uses, or a new one; waits if there are too many.
    pub async fn with<T>(&self, ask: impl AsyncFnOnce(&Client) -> T) -> T {
        let _place = self.room.acquire().await;
        let kept = self.free.borrow_mut().pop();
        let client = kept.unwrap_or_else(|| match &self.target {
            Target::Socket(socket) => Client::unix(socket),
            Target::Address(address) => Client::tcp(*address, self.token.clone()),
        });
        let answer = ask(&client).await;
        self.free.borrow_mut().push(client);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_a_socket_or_a_folder_with_one() {
        let address = Target::Address("127.0.0.1:4001".parse().unwrap());
        for text in ["127.0.0.1:4001", "http://127.0.0.1:4001", "http://127.0.0.1:4001/"] {
            assert_eq!(Target::read(text), address);
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        assert_eq!(Target::read(folder), Target::Socket(dir.path().join("admin.sock")));
        assert_eq!(Target::read("/run/x.sock"), Target::Socket("/run/x.sock".into()));
    }

    #[test]
    fn nodes_of_a_run_are_those_whose_socket_is_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(of_run(dir.path()).unwrap_err().contains("still going"));
        for node in ["n1", "n0", "n2"] {
            let folder = dir.path().join("nodes").join(node);
            fs::create_dir_all(&folder).unwrap();
            if node != "n2" {
                fs::write(folder.join(SOCKET), "").unwrap();
            }
        }
        let found = of_run(dir.path()).unwrap();
        let expected = ["n0", "n1"].map(|node| dir.path().join("nodes").join(node).join(SOCKET));
        assert_eq!(found, expected.map(Target::Socket));
    }

    #[tokio::test]
    async fn connections_are_used_again_and_bounded() {
        let node = Node::new(Target::read("/nowhere"), "");
        for _ in 0..3 {
            node.with(async |_| ()).await;
        }
        assert_eq!(node.free.borrow().len(), 1);
        let held = futures::future::join_all((0..40).map(|_| {
            node.with(async |_| {
                tokio::task::yield_now().await;
            })
        }));
        held.await;
        assert_eq!(node.free.borrow().len(), CONNECTIONS_MAX);
    }
}
