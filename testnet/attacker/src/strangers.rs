//! Strangers who come so many a second, whatever becomes of them: a node that turns them away isn't spared the next ones.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::interval;

use crate::lane::Lane;
use crate::mode::{Attack, Mode};

/// How many come each second.
pub const PER_S: u32 = 200;

/// Addresses of those who have many.
pub const ADDRESSES: usize = 250;

/// Networks (/16) of those addresses: more than a node has inbound places by default, so that all places can be taken by as many
/// networks, and none of these can be told from a newcomer's.
pub const NETWORKS: u8 = 125;

/// First network of theirs: 127.1.0.0/16. Honest nodes and newcomers are of other ones.
const FIRST: u8 = 1;

/// The only address of those who have one: of a network that nobody else is of.
const ONLY: Ipv4Addr = Ipv4Addr::new(127, FIRST + NETWORKS, 0, 1);

/// Most of them at once; over it others don't come, which is told by their number. A guess: a node that lets in as many is none
/// that anything bounds.
const AT_ONCE_MAX: usize = 4_096;

/// From where they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// One address.
    One,
    /// [`ADDRESSES`] in turn, neighbours being of different networks.
    Many,
}

impl Whence {
    /// Where the one of a number comes from.
    #[must_use]
    pub fn address(self, number: usize) -> Ipv4Addr {
        match self {
            Self::One => ONLY,
            Self::Many => {
                let (networks, number) = (usize::from(NETWORKS), number % ADDRESSES);
                let part = |number: usize| u8::try_from(number).unwrap_or(0);
                let (network, host) = (part(number % networks), part(number / networks));
                Ipv4Addr::new(127, FIRST + network, 0, 1 + host)
            }
        }
    }
}

/// A way of coming, from one address or from many.
pub(crate) const fn mode(
    whence: Whence,
    name: &'static str,
    does: &'static str,
    attack: Attack,
) -> Mode {
    let holds = match whence {
        Whence::One => {
            "an address may come ten times, and then once a second: all links stay, a newcomer comes in"
        }
        Whence::Many => {
            "all links stay; a newcomer of a network that never came has a place kept for it"
        }
    };
    let (lanes, per_s) = (1, Some(PER_S));
    Mode { name, does, holds, lanes, is_of_blocks: false, is_fair: false, per_s, attack }
}

/// Has strangers come until it is dropped, each of whom does something from its address until that is over.
///
/// # Errors
/// Never: whatever becomes of one is the node's business.
pub async fn come<F>(
    mut lane: Lane,
    whence: Whence,
    each: impl Fn(Lane, Ipv4Addr) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>>,
{
    let mut ticks = interval(Duration::from_secs(1) / PER_S);
    let mut here = FuturesUnordered::new();
    for number in 0.. {
        loop {
            tokio::select! {
                _ = ticks.tick() => break,
                Some(_) = here.next() => lane.counts.again(),
            }
        }
        // Each is somebody else.
        lane = lane.next();
        if here.len() < AT_ONCE_MAX {
            here.push(each(lane.clone(), whence.address(number)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn many_addresses_are_of_more_networks_than_a_node_has_places() {
        let all: HashSet<_> = (0..1_000).map(|number| Whence::Many.address(number)).collect();
        let networks: HashSet<_> = all.iter().map(|ip| ip.octets()[1]).collect();
        assert_eq!((all.len(), networks.len()), (ADDRESSES, usize::from(NETWORKS)));
        assert!(!networks.contains(&ONLY.octets()[1]) && !networks.contains(&0));
        assert!((0..9).all(|number| Whence::One.address(number) == ONLY));
    }
}
