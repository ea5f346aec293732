//! Who gives way to a newcomer when all inbound places are taken.
//!
//! # Why
//! A full node that turns everybody away belongs to whoever came first: an attacker that takes all places keeps every
//! newcomer out, for good. One that lets everybody in belongs to whoever comes most often. So a newcomer is let in where
//! that shares the places out more evenly, and otherwise it isn't.
//!
//! # Rules
//! 1. Protected is whom an attacker can't be easily (Bitcoin Core: `SelectNodeToEvict`, `node/eviction.cpp`): the oldest
//!    link of each of [`GROUPS`] networks that a secret chooses, the [`NEAREST`] links of the shortest round trips, the
//!    [`BRINGERS`] that were last to bring a new transaction, as many that were last to bring a new block; and of the others
//!    the half that has been there for longest. Each rule protects an eighth of all links at most, so that some are left where
//!    places are few. A peer that our operator named is always protected.
//! 2. Of the others one gives way that is of the largest network, and of several such the youngest.
//! 3. It gives way only to a newcomer whose network has at least two links fewer. Else the newcomer's would be the
//!    largest, and the newcomer is turned away.
//! 4. A link that is being closed gives way before all others, to anybody.
//!
//! # Why a full node can't be churned
//! By rule 3 each exchange makes the networks more alike: the sum of the squares of their sizes falls by two or more,
//! and nothing raises it but somebody who takes a place that was free. So however fast strangers knock, a node whose
//! networks differ by one link at most gives up nobody; whoever is alone in its network is never given up; and
//! no network ends with fewer links than the one that it made room for. (In Bitcoin Core each newcomer drives somebody out,
//! the youngest if all are alone, and how often is bounded by nothing but the rate of connections.)
//!
//! *Attack:* whoever has addresses in as many networks as there are places holds all of them, one in each, and lets
//! nobody in. It doesn't hold those whom we dialled.
//!
//! # Cost
//! A stranger at a full node has all links looked at and sorted four times: some ten microseconds, where the handshake
//! before it took five hundred.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::ground::link::Link;
use crate::ground::map::Salt;
use crate::ground::time::Time;

/// Networks of which one link each is protected (`EraseLastKElements` by `CompareNetGroupKeyed`: 4).
const GROUPS: usize = 4;

/// Links protected for their round trips (by `ReverseCompareNodeMinPingTime`: 8).
const NEAREST: usize = 8;

/// Links protected for the transactions that they brought, and as many for blocks (by `CompareNodeTXTime` and
/// `CompareNodeBlockTime`: 4 each).
const BRINGERS: usize = 4;

/// Of all links, one part in so many is protected by one rule at most, but for age. A guess: it matters where places are
/// fewer than 64.
const PART: usize = 8;

/// What a link's peer is and did, as far as it decides who gives way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Its network.
    pub group: u32,
    /// Its shortest round trip; `None` if there was none yet.
    pub rtt: Option<Duration>,
    /// When it last brought a transaction that was new to us, in seconds of the run; 0 if never.
    pub brought_tx: u32,
    /// The same for a block.
    pub brought_block: u32,
    /// For how many rounds of news it told and sent nothing that we have (`useless.rs`).
    pub idle: u32,
    /// For how many it asked for nothing either, nor was found to keep what we keep.
    pub silent: u32,
    /// It is being closed.
    pub is_closing: bool,
}

/// Why a link doesn't give way: one sort of merit that an attacker can't have easily.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shield {
    /// It is the oldest of a network that a secret chooses.
    Network,
    /// Its round trips are of the shortest.
    Near,
    /// It was of the last to bring a new transaction.
    Tx,
    /// It was of the last to bring a new block.
    Block,
    /// It is of the oldest.
    Age,
    /// No other is of its network.
    Alone,
    /// Our operator named it, or it is a neighbour in HyParView's sense.
    Named,
}

/// Whoever has an inbound place that it may lose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) link: Link,
    pub(super) since: Time,
    pub(super) standing: Standing,
}

/// Which link gives way to a newcomer of a network; `None` if none does.
pub(super) fn who_gives_way(
    candidates: Vec<Candidate>,
    newcomer: u32,
    secret: Salt,
) -> Option<Link> {
    let alike = candidates.iter().filter(|one| one.standing.group == newcomer).count();
    who_gives_way_to(candidates, alike, secret)
}

/// Which link gives way first: to a newcomer of a network that has no link.
pub(super) fn first_of_largest(candidates: Vec<Candidate>, secret: Salt) -> Option<Link> {
    who_gives_way_to(candidates, 0, secret)
}

/// Which link gives way to a newcomer whose network has so many.
fn who_gives_way_to(mut candidates: Vec<Candidate>, alike: usize, secret: Salt) -> Option<Link> {
    if let Some(closing) = candidates.iter().find(|one| one.standing.is_closing) {
        return Some(closing.link);
    }
    let mut sizes = BTreeMap::new();
    for one in &candidates {
        *sizes.entry(one.standing.group).or_insert(0_usize) += 1;
    }
    let size = |group| sizes.get(&group).copied().unwrap_or(0);
    let least = alike + 2;
    if sizes.values().all(|size| *size < least) {
        return None; // which is what most strangers come to
    }
    protect(&mut candidates, secret, |_, _| {});
    let last = candidates
        .into_iter()
        .max_by_key(|one| (size(one.standing.group), one.since, secret.rank(one.link.slot())))?;
    (size(last.standing.group) >= least).then_some(last.link)
}

/// Who would not give way now, and why.
pub(super) fn protected(mut candidates: Vec<Candidate>, secret: Salt) -> Vec<(Link, Shield)> {
    let mut all = Vec::new();
    protect(&mut candidates, secret, |one, shield| all.push((one.link, shield)));
    all
}

/// Leaves those that aren't protected, and tells of the others.
fn protect(
    candidates: &mut Vec<Candidate>,
    secret: Salt,
    mut is_protected: impl FnMut(&Candidate, Shield),
) {
    let most = candidates.len() / PART;
    let turn = |one: &Candidate| secret.rank(one.link.slot());
    // The oldest of each network, and of those the networks that the secret chooses.
    candidates.sort_unstable_by_key(|one| {
        (secret.rank(one.standing.group), one.standing.group, one.since, turn(one))
    });
    let (mut before, mut left) = (None, GROUPS.min(most));
    candidates.retain(|one| {
        let is_first = before.replace(one.standing.group) != Some(one.standing.group);
        let is_chosen = is_first && left > 0;
        if is_chosen {
            left -= 1;
            is_protected(one, Shield::Network);
        }
        !is_chosen
    });
    let nearest = take(candidates, NEAREST.min(most), |one| {
        one.standing.rtt.map(|rtt| (rtt, one.since, turn(one)))
    });
    nearest.iter().for_each(|one| is_protected(one, Shield::Near));
    let brought =
        |when: u32, one: &Candidate| (when > 0).then(|| (Reverse(when), one.since, turn(one)));
    let txs = take(candidates, BRINGERS.min(most), |one| brought(one.standing.brought_tx, one));
    txs.iter().for_each(|one| is_protected(one, Shield::Tx));
    let blocks =
        take(candidates, BRINGERS.min(most), |one| brought(one.standing.brought_block, one));
    blocks.iter().for_each(|one| is_protected(one, Shield::Block));
    let oldest = take(candidates, candidates.len() / 2, |one| Some((one.since, turn(one))));
    oldest.iter().for_each(|one| is_protected(one, Shield::Age));
}

/// Takes away so many, those with the least keys first, and none without a key.
fn take<K: Ord>(
    candidates: &mut Vec<Candidate>,
    count: usize,
    key: impl Fn(&Candidate) -> Option<K>,
) -> Vec<Candidate> {
    candidates.sort_by_cached_key(|one| {
        let key = key(one);
        (key.is_none(), key)
    });
    let taken = candidates.iter().take(count).filter(|one| key(one).is_some()).count();
    candidates.drain(..taken).collect()
}

#[cfg(test)]
mod tests;
