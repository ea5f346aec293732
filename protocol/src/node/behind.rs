//! Links that fell behind hear of what their queues had no room for: the pool is gone through for them.

use std::time::Duration;

use super::Node;
use crate::ground::item::ItemId;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::wire::message::ANNOUNCE_MAX;

/// Most transactions of the pool that are looked at in one wake-up, for all links together: half a millisecond's
/// work. A guess.
const WALK_MAX: usize = 1_024;

/// How long it is waited when there is no room, or no turn. A guess: by then a peer has given credit for what it has
/// dealt with.
const PAUSE: Duration = Duration::from_millis(100);

/// Younger transactions aren't looked at, so that nobody hears of one by this before its announcement is due: longer than
/// nearly every wait of a trickle, and than every one of `adaptive`.
const SETTLED: Duration = Duration::from_secs(5);

/// Where going through the pool ended.
enum Walked {
    /// At its end.
    Through,
    /// At this number; it goes on at this moment.
    UpTo(u64, Time),
}

impl Node {
    /// A link's queue had no room for an item.
    pub(super) fn fall_behind(&mut self, link: Link, id: Option<ItemId>, now: Time) {
        if let Some(sequence) = id.and_then(|id| self.pool.sequence(id)) {
            self.announcer.fall_behind(link, sequence, now);
        }
    }

    /// The backlog of all links had no room for an item.
    pub(super) fn all_fall_behind(&mut self, id: ItemId, now: Time) {
        for place in 0..self.ready.len() {
            self.fall_behind(self.ready[place].link, Some(id), now);
        }
    }

    /// Goes through the pool for the links that fell behind. What waits in the backlog pays more, and goes first.
    pub(super) fn catch_up(&mut self, cx: &Cx<'_>) {
        let mut budget = WALK_MAX;
        for (link, since) in self.announcer.lagging(cx.now) {
            match self.walk(link, since, &mut budget, cx) {
                Walked::Through => self.announcer.caught_up(link, since, None),
                Walked::UpTo(sequence, at) => self.announcer.caught_up(link, sequence, Some(at)),
            }
        }
    }

    fn walk(&mut self, link: Link, since: u64, budget: &mut usize, cx: &Cx<'_>) -> Walked {
        let max = ANNOUNCE_MAX.min(cx.params.relay.announce_queue_max);
        let takes = self.may_announce(link, cx).unwrap_or(0).min(max);
        let mut room = takes.saturating_sub(self.announcer.waiting(link));
        if room == 0 || !self.rate_limiter.is_empty() {
            return Walked::UpTo(since, cx.now + PAUSE);
        }
        if *budget == 0 {
            return Walked::UpTo(since, cx.now);
        }
        let expiry = Duration::from_secs(cx.params.memory.pool_expiry_s);
        let mut lacked = Vec::new();
        let mut end = Walked::Through;
        for passed in self.pool.since(since) {
            let settled_at = Time::ZERO + passed.expires.since(Time::ZERO + expiry) + SETTLED;
            if settled_at > cx.now {
                end = Walked::UpTo(passed.sequence, settled_at);
                break;
            }
            if *budget == 0 || room == 0 {
                end =
                    Walked::UpTo(passed.sequence, if room == 0 { cx.now + PAUSE } else { cx.now });
                break;
            }
            *budget -= 1;
            if !self.seen.knows(passed.id, link)
                && !self.is_filtered(link, &passed.id)
                && !self.is_hidden(link, passed.id, cx)
            {
                lacked.push(passed.id);
                room -= 1;
            }
        }
        for id in lacked {
            let dropped = self.announcer.hold(link, id, &cx.params.relay);
            self.fall_behind(link, dropped, cx.now);
        }
        self.announcer.hurry(link, cx.now);
        end
    }
}
