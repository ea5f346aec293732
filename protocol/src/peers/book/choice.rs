//! Which address is dialled next.
//!
//! # The draw
//! A group is drawn uniformly, of those that have an address that may be dialled; then an address of it. Every second
//! draw is only among the addresses that were reached before, if one of those may be dialled; every second draw of a
//! feeler is only among those that never were.
//!
//! *Why by group*: nobody can tell an attacker's groups from others by what the book holds. So of all rules that let a link
//! have one group, none leaves an attacker who adapts to it a smaller part than equal chances do: his part of the groups.
//! With a chance for each address he would get his part of the addresses, which cost less.
//!
//! *Why half of the draws among those reached*: hearsay is free, and may name any groups. Whoever fills *new* with the dead
//! makes the other half of the draws come to nothing, which is slow and no capture. (Bitcoin Core's `Select` takes half of
//! its draws from *new* alone. Where that holds nothing but an attacker's, half of the links are his; here it is his
//! part of all groups.)
//!
//! # What is held back
//! 1. **One link, one group**: an address of a group that a link of our choice leads to, or a dial, is dialled only when the
//!    book knows no address of another group that could still answer: one that is free, or failed fewer than
//!    [`TELL_FAILURES_MAX`] times in a row. So small networks of one provider still connect. *Attack:* before one group gets a
//!    second link, every address of all others must have failed three times, while others answered or nobody did.
//! 2. **A quarter from one mouth**: of the links, no more than a quarter are to lead to addresses that one source alone told.
//!    What another source tells as well, and what was reached in an earlier run, is no longer its word alone. With
//!    nothing else to dial, others are waited for first (`outbound.rs`).
//!
//! Addresses that are by themselves (`groups.rs`) are beside both rules, and a book that has no others draws uniformly. Of what a look-up
//! told ([`Source::Lookup`]), the second rule is about those too: whoever answers a name, or answers on this link, needs no peer there.
//!
//! # What it comes to
//! `bound.rs` computes how likely all links are the attacker's: he has 64 groups, we know others in `n`, and have reached
//! somebody in each; two anchors stand beside the eight links.
//!
//! | n | eight links | and one anchor | and two |
//! |---|---|---|---|
//! | 500 | 1.8 × 10⁻⁸ | 1.9 × 10⁻⁹ | 1.8 × 10⁻¹⁰ |
//! | 250 | 2.1 × 10⁻⁶ | 3.8 × 10⁻⁷ | 6.8 × 10⁻⁸ |

use rand::{Rng, RngExt as _};

use crate::ground::map::Salt;
use crate::ground::peer::{PeerAddr, Source};
use crate::ground::time::Time;

use super::Book;
use super::entry::{Entry, TELL_FAILURES_MAX};

/// What [`Book::choose`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peers) enum Choice {
    /// This address may be dialled.
    Dial(PeerAddr),
    /// This one may be, but nothing else, and its source told enough of the links already.
    LoneWord(PeerAddr),
    /// None may be dialled before this moment, unless something changes.
    NoneBefore(Time),
}

/// What is wanted of an address.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::peers) struct Wish<'a> {
    /// Being dialled.
    pub(in crate::peers) busy: &'a [PeerAddr],
    /// Groups that have a link.
    pub(in crate::peers) groups: &'a [u32],
    /// Sources that told enough of the links.
    pub(in crate::peers) spent: &'a [Source],
    /// Half of the draws are to be among what was never reached.
    pub(in crate::peers) feels: bool,
}

/// How willingly an address is dialled, most willingly first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Welcome,
    LoneWord,
    TakenGroup,
}

/// The best address of a tier.
#[derive(Clone, Copy, Debug, Default)]
struct Best {
    free: Option<((bool, u64, u64), PeerAddr)>,
    /// Some address of the tier may still answer.
    is_hopeful: bool,
}

impl Wish<'_> {
    fn tier(&self, entry: &Entry) -> Tier {
        let Some(source) = entry.source.filter(|_| entry.is_ruled()) else {
            return self.tier_of_group(entry);
        };
        match self.tier_of_group(entry) {
            Tier::Welcome if entry.lone_word && self.spent.contains(&source) => Tier::LoneWord,
            tier => tier,
        }
    }

    fn tier_of_group(&self, entry: &Entry) -> Tier {
        match entry.group {
            Some(group) if self.groups.contains(&group) => Tier::TakenGroup,
            _ => Tier::Welcome,
        }
    }
}

impl Book {
    /// An address that is neither connected, nor resting, nor busy, drawn as the header tells; or else when to look again.
    pub(in crate::peers) fn choose(&self, wish: &Wish<'_>, now: Time, rng: &mut dyn Rng) -> Choice {
        const DRAWS: usize = 64;
        if self.is_empty() {
            return Choice::NoneBefore(Time::NEVER);
        }
        if self.grouped == 0 {
            // No rule tells them apart, and in a large simulation a walk is dear.
            let draws_new = wish.feels && rng.random();
            let mut found = None; // of those reached, in case nothing else is found
            for _ in 0..DRAWS {
                let entry = &self.entries[rng.random_range(0..self.entries.len())];
                if !entry.is_free(now) || wish.busy.contains(&entry.addr) {
                    continue;
                }
                if !draws_new || !self.is_tried(entry) {
                    return Choice::Dial(entry.addr);
                }
                found = found.or(Some(entry.addr));
            }
            if let Some(addr) = found {
                return Choice::Dial(addr);
            }
        }
        let halved = self.grouped > 0 && rng.random();
        self.walk(wish, halved, Salt::new(rng.random()), now)
    }

    /// The draw itself: by a number that is new each time and ranks all groups, and all addresses in them, the first one.
    fn walk(&self, wish: &Wish<'_>, halved: bool, draw: Salt, now: Time) -> Choice {
        let (mut tiers, mut earliest) = ([Best::default(); 3], Time::NEVER);
        for entry in &self.entries {
            if entry.connected || wish.busy.contains(&entry.addr) {
                continue;
            }
            let best = &mut tiers[wish.tier(entry) as usize];
            let until = entry.backoff.until();
            if until > now {
                best.is_hopeful |= entry.backoff.tries() < TELL_FAILURES_MAX;
                earliest = earliest.min(until);
                continue;
            }
            let passed_over = halved && self.is_tried(entry) == wish.feels;
            let own = draw.rank(entry.addr);
            let rank = (passed_over, entry.group.map_or(own, |group| draw.rank(group)), own);
            if best.free.is_none_or(|(least, _)| rank < least) {
                best.free = Some((rank, entry.addr));
            }
        }
        for (tier, best) in [Tier::Welcome, Tier::LoneWord, Tier::TakenGroup].into_iter().zip(tiers)
        {
            match best.free {
                Some((_, addr)) if tier == Tier::LoneWord => return Choice::LoneWord(addr),
                Some((_, addr)) => return Choice::Dial(addr),
                None if best.is_hopeful => break,
                None => {}
            }
        }
        Choice::NoneBefore(earliest)
    }
}
