//! What signals do to a node: SIGINT and SIGTERM end it in order, one of them after a while ends it at once, and SIGHUP has it
//! read again what may change while it runs.
//!
//! *After a while*, since two at once are seldom two wishes: a terminal and a supervisor both tell the same process, or a
//! shell tells all of a group and a wrapper passes on what it got. *SIGHUP is no end*: `logrotate` sends it, and whoever started
//! a node by `nohup` wants it to outlive the terminal.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::reload::Reload;
use crate::cli::error::{EXIT_FAILURE, Error};
use crate::control::Stop;
use crate::logging;

/// How long after the first wish that the node end another one is the same. A guess: shorter than anybody takes to press a key
/// again on purpose, and far longer than two programs take to say the same.
const IMPATIENCE: Duration = Duration::from_millis(500);

/// Listens for signals from now on.
///
/// # Errors
/// When the system refuses.
pub(super) fn heed(stop: &Stop, reload: Reload) -> Result<(), Error> {
    let listen = |kind| signal(kind).map_err(Error::io("listen for signals"));
    let interrupt = listen(SignalKind::interrupt())?;
    let terminate = listen(SignalKind::terminate())?;
    let hang_up = listen(SignalKind::hangup())?;
    tokio::spawn(wait(stop.clone(), [interrupt, terminate, hang_up], reload));
    Ok(())
}

async fn wait(stop: Stop, signals: [Signal; 3], reload: Reload) {
    let [mut interrupt, mut terminate, mut hang_up] = signals;
    let (reload, mut reading) = (Arc::new(reload), None);
    let mut since: Option<Instant> = None;
    loop {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
            // One that comes meanwhile waits. The disk may be stuck: the others are heard all the same.
            _ = hang_up.recv(), if reading.is_none() => {
                reading = Some(tokio::spawn(Arc::clone(&reload).again()));
                continue;
            }
            () = end_of(&mut reading), if reading.is_some() => {
                reading = None;
                continue;
            }
        };
        match since {
            None => {
                tracing::info!("stopping: {name}");
                stop.request();
                since = Some(Instant::now());
            }
            Some(since) if since.elapsed() < IMPATIENCE => {
                tracing::debug!("{name} came with the one before, and counts as one with it");
            }
            Some(_) => {
                // The log's filter may be off, and its reader stuck.
                logging::tell(&format!("tidings: {name} again: giving up at once"));
                logging::drain();
                std::process::exit(i32::from(EXIT_FAILURE));
            }
        }
    }
}

/// Waits until a task has ended, if there is one.
async fn end_of(task: &mut Option<JoinHandle<()>>) {
    if let Some(task) = task {
        // Its panic was told by itself.
        let _ = task.await;
    }
}
