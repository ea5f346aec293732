//! Whether the system lets the node have as many descriptors as its settings may need, known before it starts.
//!
//! *Why:* a node that runs out of them accepts nobody, dials nobody and can't open its own files, hours later and because
//! of strangers.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidings_protocol::params::PeerParams;

use crate::control::READERS_MAX;
use crate::http::door::STRANGERS_MAX;
use crate::http::server::CONNECTIONS_MAX;
use crate::net;

/// Standard streams, the runtime's own (epoll, its waker, signals), the lock, the log, the trace, the store, the
/// blocks (four), the admin socket, and files that are being written. Counted on a running node, and doubled.
const OWN: usize = 32;

/// Fewest inbound places that are worth running with when the system allows no more; a node may be told to have none. A
/// guess: so that a node runs with 256 descriptors.
const INBOUND_LEAST: usize = 4;

/// Fewest who may read events. A guess.
const READERS_LEAST: usize = 8;

/// The system allows too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system lets this process open {allowed} files and sockets, and a node with these settings needs {needed}: raise \
     the limit (`ulimit -n`, LimitNOFILE= of systemd), or lower params.peers.inbound_max or params.peers.outbound"
)]
pub struct TooFew {
    allowed: usize,
    needed: usize,
}

/// Most descriptors that a node with these settings has open, and listeners.
fn needed(peers: &PeerParams, listeners: usize) -> usize {
    let chosen = peers.outbound + peers.block_only;
    let dials = chosen + 2 * peers.dialling_max;
    let sockets = net::inbound_sockets_max(peers.inbound_max + chosen) + dials + listeners;
    sockets + CONNECTIONS_MAX + STRANGERS_MAX + READERS_MAX + OWN
}

/// What to do about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// The limit to ask the system for.
    limit: usize,
    /// How many inbound places fit.
    inbound_max: usize,
    /// How many may read events.
    readers: usize,
}

/// Makes the settings fit what the system allows: `soft` now, and `hard` if asked.
fn plan(peers: &PeerParams, listeners: usize, soft: usize, hard: usize) -> Result<Plan, TooFew> {
    let need = needed(peers, listeners);
    let limit = soft.max(need.min(hard));
    let lacking = need.saturating_sub(limit);
    // Peers go before readers.
    let unread = lacking.min(READERS_MAX - READERS_LEAST);
    let (lacking, readers) = (lacking - unread, READERS_MAX - unread);
    match peers.inbound_max.checked_sub(lacking) {
        Some(inbound_max) if lacking == 0 || inbound_max >= INBOUND_LEAST => {
            Ok(Plan { limit, inbound_max, readers })
        }
        _ => Err(TooFew { allowed: limit, needed: need }),
    }
}

/// Raises the process's limit as far as the settings need, and lowers the inbound places if that isn't far enough. Tells how many may
/// read events.
///
/// # Errors
/// When too few are left for a node.
pub(super) fn provide(peers: &mut PeerParams, listeners: usize) -> Result<usize, TooFew> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let number = |limit: Option<u64>| {
        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
    };
    let soft = number(current);
    let mut planned = plan(peers, listeners, soft, number(maximum))?;
    if planned.limit > soft {
        let raised = Rlimit { current: u64::try_from(planned.limit).ok(), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "the limit of open files can't be raised");
            planned = plan(peers, listeners, soft, soft)?;
        }
    }
    if planned.inbound_max < peers.inbound_max {
        tracing::warn!(
            limit = planned.limit,
            "the system lets this process open too few files and sockets for {} inbound peers: there is room for {}. Raise the limit for more \
             (`ulimit -n`, LimitNOFILE= of systemd)",
            peers.inbound_max,
            planned.inbound_max
        );
        peers.inbound_max = planned.inbound_max;
    }
    Ok(planned.readers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_at_its_start_how_many_descriptors_it_may_need() {
        let peers = PeerParams::default();
        let need = needed(&peers, 2);
        assert!(need > peers.inbound_max + peers.outbound && need < 1_024, "{need}");
        let full = |limit| Ok(Plan { limit, inbound_max: peers.inbound_max, readers: READERS_MAX });
        assert_eq!(plan(&peers, 2, 1_024, 1_024), full(1_024), "the usual limit is left alone");
        assert_eq!(
            plan(&peers, 2, 100, 1 << 20),
            full(need),
            "a low one is raised as far as needed"
        );
        let inbound_max = peers.inbound_max;
        let lower = Ok(Plan { limit: need - 50, inbound_max, readers: READERS_MAX - 50 });
        assert_eq!(plan(&peers, 2, 100, need - 50), lower, "and readers give way to peers");
        let limit = need - 50 - (READERS_MAX - READERS_LEAST);
        let lower = Ok(Plan { limit, inbound_max: inbound_max - 50, readers: READERS_LEAST });
        assert_eq!(plan(&peers, 2, 100, limit), lower, "and what doesn't fit is left out");
        let too_few = Err(TooFew { allowed: 100, needed: need });
        assert_eq!(plan(&peers, 2, 100, 100), too_few, "too few are no node");
        let closed = PeerParams { inbound_max: 0, ..peers };
        assert!(
            plan(&closed, 2, needed(&closed, 2), 0).is_ok(),
            "nobody has to have inbound peers"
        );
    }
}
