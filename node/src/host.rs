//! A host: many nodes in one process, for test networks of thousands on one machine. Nothing of it runs elsewhere.
//!
//! Its nodes have their own sockets between them, their own core, clock, trace and data folder. They share what a process
//! has once: one thread for all of them, the log, signals, the threads that verify, and what the system counts of memory
//! and CPU time, which a node's status tells of the whole host. A node that panics costs that node, as far as it
//! does in a process of its own: its shell contains the panic, says so and ends, and the others go on.
//!
//! # Speaking to a host
//! Whoever started it speaks to it over its standard input, which is a pipe, and its output, in lines ([`Order`], [`Ended`]):
//!
//! | to the host | |
//! |---|---|
//! | `start NUMBER FOLDER` | starts the node of a data folder |
//! | `kill NUMBER` | ends a node as a power cut would |
//!
//! | from the host | |
//! |---|---|
//! | `ended NUMBER CODE SENTENCE` | a node ended by itself; the code is what its process would have ended with |
//!
//! The end of its input is the end of the host, SIGTERM asks all its nodes to stop. The API of each is under
//! `/nodes/NUMBER` on the one socket of the host ([`Client::node`](crate::client::Client::node)), and how long they wait for one another under
//! `/queue` ([`HostQueue`](crate::api::HostQueue)).

mod lines;
mod nodes;
mod queue;

use std::future::{Future, ready};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;

use axum::routing::get;
use axum::{Json, Router};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

pub use self::lines::{Ended, Order};
use self::nodes::Nodes;
use self::queue::Queue;
use crate::admin::routes::{nothing_here, other_method};
use crate::api::path;
use crate::config::log::LogConfig;
use crate::control::Stop;
use crate::files::datadir::DataDir;
use crate::http::bind::AdminSocket;
use crate::http::server;
use crate::{logging, panics};

/// The socket of a host, within its folder.
pub const SOCKET: &str = "admin.sock";

/// A node that can live in a host.
pub struct Guest {
    /// Makes its API, for one request: kept, it would take a node more memory than all else that it does when idle.
    pub routes: Box<dyn Fn() -> Router + Send + Sync>,
    /// Asks it to end.
    pub stop: Stop,
    /// Its life. When it is dropped, all that belongs to the node ends, unsaved.
    pub life: Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").finish_non_exhaustive()
    }
}

/// Why a node didn't start, or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What its process would have ended with.
    pub code: u8,
    /// What was wrong.
    pub sentence: String,
}

/// Why a host can't go on.
#[derive(Debug, thiserror::Error)]
enum HostError {
    #[error("cannot {0}: {1}")]
    Io(&'static str, std::io::Error),
    #[error(transparent)]
    Folder(#[from] crate::files::datadir::DataDirError),
    #[error(transparent)]
    Socket(#[from] crate::http::bind::BindError),
    #[error(transparent)]
    Log(#[from] crate::config::ConfigError),
    #[error("cannot understand `{0}`")]
    Order(String),
}

/// Runs a host in a folder of its own, whose nodes `start` puts together from their data folders, until its input ends or
/// it is asked to stop.
#[must_use]
pub fn main(folder: &Path, start: impl AsyncFn(PathBuf) -> Result<Guest, Failure>) -> ExitCode {
    panics::tell_in_log();
    let ended = run(folder, start);
    if let Err(error) = &ended {
        logging::tell(&format!("tidings: {error}"));
    }
    logging::drain();
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(
    folder: &Path,
    start: impl AsyncFn(PathBuf) -> Result<Guest, Failure>,
) -> Result<(), HostError> {
    let dir = DataDir::locate(Some(folder))?;
    let _lock = dir.lock()?;
    let _log = logging::init(&LogConfig::default())?;
    raise_open_files();
    // As many threads that verify as there are cores: each node would start that many.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(cores)
        .build()
        .map_err(|error| HostError::Io("start the runtime", error))?;
    let socket = runtime.block_on(async { AdminSocket::bind(dir.join(SOCKET)) })?;
    let hosted = runtime.block_on(host(socket, start));
    // Nodes that were killed may have left something to a thread.
    runtime.shutdown_background();
    hosted
}

/// As many as the system allows: whoever started the host has counted what its nodes need.
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
}

async fn host(
    socket: AdminSocket,
    start: impl AsyncFn(PathBuf) -> Result<Guest, Failure>,
) -> Result<(), HostError> {
    let mut nodes = Nodes::default();
    let (stop, queue) = (Stop::default(), Queue::default());
    let watching = tokio::spawn(queue.clone().watch());
    let turns = get(move || ready(Json(queue.seen())));
    let routes = nodes
        .router()
        .route(path::HOST_QUEUE, turns)
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method);
    let serving = tokio::spawn(server::serve(socket, routes, stop.clone()));
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| HostError::Io("listen for signals", error))?;
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let input = input.and_then(pipe::Receiver::from_owned_fd);
    let mut orders =
        BufReader::new(input.map_err(|error| HostError::Io("read orders", error))?).lines();
    loop {
        tokio::select! {
            order = orders.next_line() => {
                let order = order.map_err(|error| HostError::Io("read orders", error))?;
                let Some(order) = order else { return Ok(()) };
                match order.parse::<Order>().map_err(|()| HostError::Order(order))? {
                    Order::Start { number, folder } => match start(folder).await {
                        Ok(guest) => nodes.add(number, guest),
                        Err(failure) => tell(&Ended::of(number, failure))?,
                    },
                    Order::Kill { number } => nodes.kill(number),
                }
            }
            ended = nodes.next_ended() => tell(&ended)?,
            _ = terminate.recv() => break,
        }
    }
    tracing::info!("stopping: SIGTERM");
    nodes.stop().await;
    stop.request();
    let _ = serving.await;
    watching.abort();
    Ok(())
}

/// Tells whoever started the host, who reads what a pipe holds at least once a second.
fn tell(ended: &Ended) -> Result<(), HostError> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ended}")
        .and_then(|()| out.flush())
        .map_err(|error| HostError::Io("tell that a node ended", error))
}
