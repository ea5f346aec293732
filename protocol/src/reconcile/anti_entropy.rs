//! Digests: which items a node accepted lately, in about eight bits for each, so that a peer can tell what
//! one of the two missed.
//!
//! This is the safety net under every strategy. Strategies assume that what was sent arrives and that
//! links stay; some leave a residue even so. Every `safety_pull_ms` a node that accepted something
//! within the last `safety_recent_ms` sends a random peer a [`Digest`] of it, and so it does when a link comes
//! up. The peer announces what the digest lacks. If the digest holds something that the peer lacks, it
//! answers with a digest of its own (once: an answer isn't answered), and gets announced that.
//!
//! A node that finds a gap, or that knows of an item and got it from none of its announcers, asks
//! another peer a second later: the first one's announcement may be lost, too.
//!
//! An item that a peer lacked is news again, as if it had been accepted just now: where one lacks it, others
//! may, and what was announced may be lost once more. (Demers et al. 1987, §1.5: what anti-entropy finds
//! missing becomes a hot rumour.) So gaps keep an item in the digests around them for as long as it
//! takes, while one without gaps leaves them after `safety_recent_ms`.
//!
//! *What the peer is known to have doesn't count here*: "known" includes what we sent it, and that may
//! have been lost.
//!
//! # Cost
//! A Bloom filter of eight bits an item and a head of 15 bytes, so at most 4.1 kB for [`RECENT_MAX`](crate::wire::digest::RECENT_MAX) items,
//! and 9 bytes in all for each item and node with the default times: 3 % of a transaction of 300
//! bytes. A node that has heard of nothing for `safety_recent_ms` is silent and keeps nothing.
//!
//! # Limits
//! A gap closes if it is younger than `safety_recent_ms`, or was noticed within that time, and one of the two ends
//! of a link that crosses it has a round before that. In each round 2.2 % of the gaps go unnoticed because the filter takes an item for
//! another; each digest has a new salt, so that it isn't the same ones again. What comes back after
//! longer needs reconciliation.
//!
//! *Attack*: a digest of few bytes can ask for many announcements. They are charged to the budget of what
//! the peer requests, see [`crate::limits::budget`]. A peer that pretends to lack what it has keeps it in our digests:
//! they grow to [`RECENT_MAX`](crate::wire::digest::RECENT_MAX) items at worst, 4.1 kB every `safety_pull_ms`.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::item::ItemId;
use crate::ground::time::Time;
use crate::items::recent::Recent;
use crate::machine::Part;
use crate::params::RelayParams;
use crate::wire::digest::Digest;

/// Younger items are left out, because they are probably on their way: a guess, above the time that
/// most strategies take to reach everybody.
const SETTLED: Duration = Duration::from_secs(1);

/// What a node compares with its peers, and when.
#[derive(Clone, Debug)]
pub struct AntiEntropy {
    recent: Recent,
    next: Time,
    /// No round out of turn before.
    calm_until: Time,
    /// There was a gap: the next round takes place even if we have nothing to tell.
    asking: bool,
}

impl Default for AntiEntropy {
    fn default() -> Self {
        Self { recent: Recent::default(), next: Time::NEVER, calm_until: Time::ZERO, asking: false }
    }
}

impl AntiEntropy {
    /// An item was accepted.
    pub fn on_accepted(&mut self, id: ItemId, now: Time, params: &RelayParams, rng: &mut dyn Rng) {
        if params.safety_pull_ms == 0 {
            return;
        }
        self.recent.push(id, now, params);
        if self.next == Time::NEVER {
            // From a random moment on, so that not all who heard of an item together speak together.
            let phase = interval(params).mul_f64(rng.random());
            self.next = now + SETTLED + phase;
        }
    }

    /// There is a gap: a peer has what we lack, or nobody who announced an item delivered it. Somebody else
    /// is asked soon instead of with the next round, but only once in an interval, so that an
    /// item which we refuse, or announcing items that don't exist, at most doubles the cost.
    pub fn hurry(&mut self, now: Time, params: &RelayParams) {
        let soon = now + SETTLED;
        if params.safety_pull_ms > 0 && self.next > soon && now >= self.calm_until {
            self.next = soon;
            self.calm_until = now + interval(params);
            self.asking = true;
        }
    }

    /// Whether it is time to send a random peer a digest, be it an empty one that asks for everything.
    pub fn is_due(&mut self, now: Time, params: &RelayParams) -> bool {
        if now < self.next {
            return false;
        }
        // Kept for longer than told: the peer accepted the same item at another moment, and must not
        // seem to lack it as soon as it is the first to forget.
        let kept = recent(params) + recent(params) / 2;
        self.recent.forget_while(|at, _| now.since(at) > kept);
        self.next = if self.recent.is_empty() { Time::NEVER } else { now + interval(params) };
        std::mem::take(&mut self.asking) || self.settled(now, params).next().is_some()
    }

    /// Whether there is nothing to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }

    /// What we accepted lately.
    pub fn digest(&self, now: Time, params: &RelayParams, rng: &mut dyn Rng) -> Digest {
        self.make(now, params, rng, false)
    }

    /// What a peer's digest lacks; and our own digest, if there is something that we lack and the peer
    /// expects an answer.
    pub fn compare(
        &mut self,
        theirs: &Digest,
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) -> (Vec<ItemId>, Option<Digest>) {
        let in_common = self.recent.iter().filter(|(_, id)| theirs.contains(id)).count();
        let lacked: Vec<_> = self.settled(now, params).filter(|id| !theirs.contains(id)).collect();
        if !lacked.is_empty() {
            self.recent
                .renew(|id| !theirs.contains(id), Time::ZERO + now.since(Time::ZERO + SETTLED));
        }
        let we_lack = (in_common as u64) < u64::from(theirs.count);
        if we_lack {
            self.hurry(now, params);
        }
        let answer = (we_lack && !theirs.is_answer).then(|| self.make(now, params, rng, true));
        (lacked, answer)
    }

    fn make(&self, now: Time, params: &RelayParams, rng: &mut dyn Rng, is_answer: bool) -> Digest {
        let ids: Vec<_> = self.settled(now, params).collect();
        Digest::of(&ids, rng.random(), is_answer)
    }

    fn settled(&self, now: Time, params: &RelayParams) -> impl Iterator<Item = ItemId> {
        let told = SETTLED..=recent(params);
        let items = self.recent.iter().filter(move |(at, _)| told.contains(&now.since(*at)));
        items.map(|(_, id)| *id)
    }
}

const fn interval(params: &RelayParams) -> Duration {
    Duration::from_millis(params.safety_pull_ms)
}

const fn recent(params: &RelayParams) -> Duration {
    Duration::from_millis(params.safety_recent_ms)
}

impl Part for AntiEntropy {
    fn deadline(&self) -> Time {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    fn ids(from: u32, to: u32) -> Vec<ItemId> {
        (from..to).map(|n| ItemId::tx(Hash256::of(&n.to_le_bytes()))).collect()
    }

    fn net(ids: &[ItemId], rng: &mut ChaCha8Rng) -> AntiEntropy {
        let mut net = AntiEntropy::default();
        for id in ids {
            net.on_accepted(*id, Time::ZERO, &RelayParams::default(), rng);
        }
        net
    }

    #[test]
    fn a_digest_holds_what_it_was_made_of_and_little_else() {
        let digest = Digest::of(&ids(0, 1_000), 7, false);
        assert!(ids(0, 1_000).iter().all(|id| digest.contains(id)));
        let wrong = ids(1_000, 51_000).iter().filter(|id| digest.contains(id)).count();
        // 2.16 % of 50,000 is 1,080, with a deviation of 33.
        assert!((950..1_210).contains(&wrong), "{wrong}");
        assert_eq!(digest.filter.len(), 1_000);
    }

    #[test]
    fn what_one_salt_hides_another_shows() {
        let (held, others) = (ids(0, 1_000), ids(1_000, 3_000));
        let hidden = |salt, ids: &[ItemId]| -> Vec<ItemId> {
            let digest = Digest::of(&held, salt, false);
            ids.iter().copied().filter(|id| digest.contains(id)).collect()
        };
        let first = hidden(1, &others);
        assert!(!first.is_empty());
        assert!(hidden(2, &first).len() <= 2, "of {}", first.len());
    }

    #[test]
    fn an_empty_digest_holds_nothing() {
        let digest = Digest::of(&[], 7, false);
        assert!(!ids(0, 100).iter().any(|id| digest.contains(id)));
    }

    #[test]
    fn each_side_learns_what_it_lacks() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams::default();
        let (mut a, mut b) = (net(&ids(0, 99), &mut rng), net(&ids(1, 100), &mut rng));
        let now = Time::from_millis(5_000);
        let (lacked, answer) = b.compare(&a.digest(now, &params, &mut rng), now, &params, &mut rng);
        assert_eq!(lacked, ids(99, 100));
        let (lacked, answer) = a.compare(&answer.expect("b lacks one"), now, &params, &mut rng);
        assert_eq!(lacked, ids(0, 1));
        assert_eq!(answer, None, "an answer isn't answered");
    }

    #[test]
    fn whoever_has_nothing_gets_everything() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams::default();
        let (mut full, mut empty) = (net(&ids(0, 9), &mut rng), AntiEntropy::default());
        let now = Time::from_millis(5_000);
        let digest = full.digest(now, &params, &mut rng);
        let (_, answer) = empty.compare(&digest, now, &params, &mut rng);
        let (lacked, _) = full.compare(&answer.expect("it lacks all"), now, &params, &mut rng);
        assert_eq!(lacked, ids(0, 9));
    }

    #[test]
    fn what_is_on_its_way_is_not_told_again() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams::default();
        let mut net = net(&ids(0, 9), &mut rng);
        let young = Time::from_millis(900);
        assert_eq!(net.digest(young, &params, &mut rng).count, 0);
        let none = Digest::of(&[], 1, false);
        assert!(net.compare(&none, young, &params, &mut rng).0.is_empty());
    }

    #[test]
    fn a_gap_is_asked_about_again_soon_but_once_in_an_interval() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams { safety_pull_ms: 20_000, ..RelayParams::default() };
        let mut net = net(&ids(0, 9), &mut rng);
        let now = net.deadline();
        assert!(net.is_due(now, &params));
        let theirs = Digest::of(&ids(0, 20), 7, true);
        assert!(net.compare(&theirs, now, &params, &mut rng).1.is_none());
        let soon = now + SETTLED;
        assert_eq!(net.deadline(), soon);
        assert!(net.is_due(soon, &params));
        net.compare(&theirs, soon, &params, &mut rng);
        assert_eq!(net.deadline(), soon + interval(&params), "it waits for its turn again");
    }

    #[test]
    fn what_a_peer_lacked_is_news_again_and_the_rest_is_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams::default();
        let mut net = net(&ids(0, 9), &mut rng);
        let told = |net: &AntiEntropy, at: u64, rng: &mut ChaCha8Rng| {
            net.digest(Time::from_millis(at), &params, rng).count
        };
        let theirs = Digest::of(&ids(0, 6), 7, true);
        let (lacked, _) = net.compare(&theirs, Time::from_millis(80_000), &params, &mut rng);
        assert_eq!(lacked, ids(6, 9));
        assert_eq!(told(&net, 80_000, &mut rng), 9, "all are told on");
        assert_eq!(told(&net, 91_000, &mut rng), 3, "three of them for longer");
        assert_eq!(told(&net, 170_000, &mut rng), 0, "but not for ever");
    }

    #[test]
    fn it_falls_silent_when_nothing_is_recent_and_keeps_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams::default();
        let mut net = net(&ids(0, 9), &mut rng);
        let mut rounds = 0;
        while net.deadline() != Time::NEVER {
            let now = net.deadline();
            rounds += usize::from(net.is_due(now, &params));
        }
        assert!((8..=10).contains(&rounds), "90 seconds, one in 10: {rounds}");
        assert_eq!(net.recent.capacity(), 0);
    }

    #[test]
    fn it_remembers_no_more_than_it_may() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let params = RelayParams { recent_max: 5, ..RelayParams::default() };
        let mut net = AntiEntropy::default();
        for id in ids(0, 9) {
            net.on_accepted(id, Time::ZERO, &params, &mut rng);
        }
        let digest = net.digest(Time::from_millis(2_000), &params, &mut rng);
        assert_eq!(digest.count, 5);
        assert!(ids(4, 9).iter().all(|id| digest.contains(id)), "the latest");
    }
}
