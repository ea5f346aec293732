//! Speaks the admin API of a node.
//!
//! A [`Client`] keeps one connection and sends one request at a time over it; whoever wants several
//! at once makes several clients. A connection that the node closed meanwhile is replaced. Clients of nodes in
//! one host may share a connection ([`Client::node`]).

mod bans;
mod chain;
mod connection;
mod kv;
mod members;
mod settings;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use hyper::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::de::DeserializeOwned;
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::api::explain::{PeerStory, TxStory};
use crate::api::peers::ADDRESSES_MAX;
use crate::api::trouble::{Trouble, Troubled};
use crate::api::{
    AddressPage, Batch, BatchResult, HostQueue, Outcome, Peers, Problem, ProblemKind, Readiness,
    SlowFrom, Slowed, Status, Submitted, path,
};
use crate::lab::slow_motion::SlowMotion;
use connection::{Answer, Body, Connection, Media, Outgoing, SendError};
pub use stream::EventStream;

/// How long a request may take. Longer than the node's own limits, so that its explanation arrives.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What means something in a path, or isn't allowed there (RFC 3986, section 2.3: all but what is "unreserved").
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a node's API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(addr) => write!(f, "{addr}"),
        }
    }
}

/// Why a request had no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("no node answers at {target}: {source}")]
    Connect {
        /// Where.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke before the answer was there. Whether the node acted isn't known.
    #[error("the connection to the node at {target} broke: {problem}")]
    Broken {
        /// Where.
        target: String,
        /// How.
        problem: String,
    },
    /// The node said no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// The node's answer isn't what this client knows.
    #[error(
        "the answer of the node at {target} makes no sense here ({problem}): is it another version?"
    )]
    Answer {
        /// Where.
        target: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Speaks to one node.
#[derive(Debug)]
pub struct Client {
    target: Target,
    token: Option<String>,
    /// What stands before all paths.
    prefix: String,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Client {
    /// A client of the node with this socket. Connects when first used.
    #[must_use]
    pub fn unix(socket: impl AsRef<Path>) -> Self {
        Self::new(Target::Unix(socket.as_ref().to_owned()), None)
    }

    /// A client of the node with its API at this address. Connects when first used.
    #[must_use]
    pub fn tcp(addr: SocketAddr, token: impl Into<String>) -> Self {
        Self::new(Target::Tcp(addr), Some(token.into()))
    }

    fn new(target: Target, token: Option<String>) -> Self {
        Self { target, token, prefix: String::new(), connection: Arc::default() }
    }

    /// A client of a node in the [host](crate::host) that this one is of. They share a connection, and wait for one
    /// another.
    #[must_use]
    pub fn node(&self, number: usize) -> Self {
        Self {
            target: self.target.clone(),
            token: self.token.clone(),
            prefix: format!("{}/{number}", path::NODES),
            connection: Arc::clone(&self.connection),
        }
    }

    /// State of the node.
    ///
    /// # Errors
    /// When the node doesn't answer well; so with all that follow.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get(path::STATUS).await
    }

    /// Its peers.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn peers(&self) -> Result<Peers, ClientError> {
        self.get(path::PEERS).await
    }

    /// How long nodes of a host wait for one another.
    ///
    /// # Errors
    /// As [`Client::status`], and when this is a client of a node.
    pub async fn host_queue(&self) -> Result<HostQueue, ClientError> {
        self.get(path::HOST_QUEUE).await
    }

    /// All addresses that it knows.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn addresses(&self) -> Result<AddressPage, ClientError> {
        let (mut all, mut after) = (AddressPage::default(), String::new());
        loop {
            let path = format!("{}?limit={ADDRESSES_MAX}{after}", path::ADDRESSES);
            let AddressPage { addresses, count, next } = self.get(&path).await?;
            all.addresses.extend(addresses);
            all.count = count;
            match next {
                Some(next) => after = format!("&after={}", escaped(&next)),
                None => return Ok(all),
            }
        }
    }

    /// Whether it has the peers that it needs.
    ///
    /// # Errors
    /// As [`Client::status`]; a node that isn't ready is no error.
    pub async fn ready(&self) -> Result<Readiness, ClientError> {
        let answer = self.send(Method::GET, path::READY, Bytes::new()).await?;
        match answer.status {
            StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => self.json(&answer),
            _ => Err(refused(&answer)),
        }
    }

    /// Hands in the canonical bytes of an item. That it is rejected is no error.
    ///
    /// # Errors
    /// As [`Client::status`], and when the item is larger than the network allows.
    pub async fn submit(&self, kind: ItemKind, bytes: Bytes) -> Result<Submitted, ClientError> {
        let path = match kind {
            ItemKind::Tx => path::TRANSACTIONS,
            ItemKind::Block => path::BLOCKS,
        };
        let request = Body { bytes, media: Media::Bytes };
        let answer = self.send_within(REQUEST_TIMEOUT, Method::POST, path, request).await?;
        if answer.status.is_success() {
            return self.json(&answer);
        }
        match refused(&answer) {
            ClientError::Refused(problem) if problem.kind == ProblemKind::RuleBroken => {
                let Problem { id, rule, rival, .. } = *problem;
                Ok(Submitted { id, outcome: Outcome::Rejected, rule, rival })
            }
            error => Err(error),
        }
    }

    /// Hands in the canonical bytes of several transactions, parents before children; tells what became of each.
    ///
    /// # Errors
    /// As [`Client::status`], and when they are too many, or too large.
    pub async fn submit_batch(&self, transactions: &[Bytes]) -> Result<BatchResult, ClientError> {
        let transactions = transactions.iter().map(|bytes| HEXLOWER.encode(bytes)).collect();
        let body = serde_json::to_vec(&Batch { transactions }).unwrap_or_default();
        self.json(&self.ask(Method::POST, path::TRANSACTIONS, body.into()).await?)
    }

    /// The canonical bytes of an item; `None` if the node doesn't have it.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn item(&self, id: Hash256) -> Result<Option<Bytes>, ClientError> {
        let path = format!("{}/{id}", path::ITEMS);
        let wanted = Body { bytes: Bytes::new(), media: Media::Bytes };
        let answer = self.send_within(REQUEST_TIMEOUT, Method::GET, &path, wanted).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(refused(&answer)),
        }
    }

    /// What happened to an item, by its id or the beginning of it.
    ///
    /// # Errors
    /// As [`Client::status`], and when nothing is known of it, or several fit.
    pub async fn explain_tx(&self, query: &str) -> Result<TxStory, ClientError> {
        self.get(&format!("{}/{}/story", path::ITEMS, escaped(query))).await
    }

    /// What passed between the node and a peer, by the peer's id, the beginning of it, its address or its
    /// link.
    ///
    /// # Errors
    /// As [`Client::explain_tx`].
    pub async fn explain_peer(&self, query: &str) -> Result<PeerStory, ClientError> {
        self.get(&format!("{}/{}/story", path::PEERS, escaped(query))).await
    }

    /// Lets the node's clock run slow from a moment on, microseconds of Unix time; tells how slow.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node is in no test network, or it is too late.
    pub async fn slow_down(&self, from_unix_us: u64) -> Result<SlowMotion, ClientError> {
        let body = serde_json::to_vec(&SlowFrom { from_unix_us }).unwrap_or_default();
        let answer = self.ask(Method::POST, path::SLOW_MOTION, body.into()).await?;
        self.json::<Slowed>(&answer).map(|slowed| slowed.slow_motion)
    }

    /// Lets this go wrong with what the node sends from now on, and nothing else; tells how many messages met trouble so far.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node is in no test network.
    pub async fn trouble(&self, trouble: &Trouble) -> Result<u64, ClientError> {
        let body = serde_json::to_vec(trouble).unwrap_or_default();
        let answer = self.ask(Method::PUT, path::TROUBLE, body.into()).await?;
        self.json::<Troubled>(&answer).map(|troubled| troubled.met)
    }

    /// Asks the node to stop. It still has to when this returns: see [`Client::wait_until_gone`].
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn stop(&self) -> Result<(), ClientError> {
        self.ask(Method::POST, path::STOP, Bytes::new()).await.map(drop)
    }

    /// What happens at the node from now on, over a connection of its own.
    ///
    /// # Errors
    /// As [`Client::status`], and when as many read events as may.
    pub async fn events(&self) -> Result<EventStream, ClientError> {
        self.events_of(&[], None).await
    }

    /// The same, of some kinds ([`What::kind`](crate::api::What::kind)) if any are named, and going on after an event that came before
    /// ([`EventStream::last_id`]).
    ///
    /// # Errors
    /// As [`Client::events`], and when there is no such kind.
    pub async fn events_of(
        &self,
        kinds: &[&str],
        after: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        let kinds = match kinds {
            [] => String::new(),
            kinds => format!("?kinds={}", escaped(&kinds.join(","))),
        };
        self.stream(&format!("{}{kinds}", path::EVENTS), after).await
    }

    /// Opens a stream without end, over a connection of its own.
    async fn stream<T: DeserializeOwned>(
        &self,
        path: &str,
        after: Option<&str>,
    ) -> Result<EventStream<T>, ClientError> {
        let mut connection = Connection::open(&self.target).await?;
        let mut request = self.request(Method::GET, path, Body::none());
        if let Some(Ok(id)) = after.map(str::parse) {
            request.headers_mut().insert("last-event-id", id);
        }
        let response = connection.send_streaming(&self.target, request).await?;
        Ok(EventStream::new(self.target.clone(), connection, response))
    }

    /// Waits until a node that was asked to stop has ended.
    pub async fn wait_until_gone(&self) {
        connection::wait_until_closed(&self.target).await;
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(&self.ask(Method::GET, path, Bytes::new()).await?)
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let answer = self.send(method, path, body).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// Sends a request. On a kept connection that turns out to be closed before anything of it was
    /// sent, it is sent on a new one.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, ClientError> {
        let body = Body { bytes: body, media: Media::Json };
        self.send_within(REQUEST_TIMEOUT, method, path, body).await
    }

    async fn send_within(
        &self,
        patience: Duration,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Answer, ClientError> {
        let exchange = async {
            let mut kept = self.connection.lock().await;
            let mut request = self.request(method, path, body);
            if let Some(mut connection) = kept.take() {
                match connection.send(&self.target, request).await {
                    Ok(answer) => {
                        *kept = Some(connection);
                        return Ok(answer);
                    }
                    Err(SendError::Unsent(unsent)) => request = *unsent,
                    Err(SendError::Failed(error)) => return Err(error),
                }
            }
            let mut connection = Connection::open(&self.target).await?;
            let answer = connection.send(&self.target, request).await;
            let answer = answer.map_err(|error| error.into_client_error(&self.target))?;
            *kept = Some(connection);
            Ok(answer)
        };
        timeout(patience, exchange).await.unwrap_or_else(|_| {
            let problem = format!("no answer within {} s", patience.as_secs());
            Err(ClientError::Broken { target: self.target.to_string(), problem })
        })
    }

    fn json<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        serde_json::from_slice(&answer.body).map_err(|error| ClientError::Answer {
            target: self.target.to_string(),
            problem: error.to_string(),
        })
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Outgoing {
        let path = format!("{}{path}", self.prefix);
        connection::request(method, &path, &self.target, self.token.as_deref(), body)
    }
}

/// A text as part of a path.
fn escaped(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

fn refused(answer: &Answer) -> ClientError {
    let problem = serde_json::from_slice(&answer.body).unwrap_or_else(|_| Problem {
        status: answer.status.as_u16(),
        ..Problem::new(ProblemKind::Other, format!("the node answered {}", answer.status))
    });
    ClientError::Refused(Box::new(problem))
}
