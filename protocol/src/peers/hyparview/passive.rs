//! The passive view: addresses that are kept to replace neighbours, and how much of it one teller may fill.
//!
//! # Bounds, and the attack on them
//! At most `peers.hyparview.passive_view` addresses. In a full view a newcomer takes the place of one that the teller was just told
//! in exchange, or else of a random one (the paper, section 4.5). A peer that wants to be our only neighbour fills the view
//! with its own addresses, by shuffles, their answers and forged news of newcomers. Against it:
//! - What one source told us (a peer, or all peers of one network of the world, see [`Source`]) holds at most a
//!   [`SOURCE_SHARE`]-th of the view; more of it takes the places of its own.
//! - What all those told us together who came to us by their own wish ([`Teller::Asker`]), and the addresses of neighbours that were,
//!   hold at most a half. So whoever comes and goes under many names never has the other half, which is told by neighbours that
//!   we chose.
//!
//! Addresses aren't looked up by hash: there are few.

use rand::{Rng, RngExt as _};

use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::params::PeerParams;

use super::super::backoff::Backoff;
use crate::ground::peer::Source;

/// One source's share of the view: one part in this many. A guess: less than half, and more than each of five neighbours needs.
pub(in crate::peers) const SOURCE_SHARE: usize = 3;

/// Who told us an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peers) enum Teller {
    /// A neighbour of our own choice.
    Chosen(Source),
    /// A neighbour that came to us; or it is the address of one that was a neighbour, or didn't want to be.
    Asker(Source),
}

impl Teller {
    const fn source(self) -> Source {
        match self {
            Self::Chosen(source) | Self::Asker(source) => source,
        }
    }

    const fn asked(self) -> bool {
        matches!(self, Self::Asker(_))
    }
}

/// The passive view. See the [module](self).
#[derive(Clone, Debug, Default)]
pub(in crate::peers) struct Passive(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    addr: PeerAddr,
    teller: Teller,
    backoff: Backoff,
}

/// What [`Passive::choose`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::peers) enum Candidate {
    /// This address may be dialled.
    Dial(PeerAddr),
    /// None may be before this moment, unless something changes.
    NoneBefore(Time),
}

impl Passive {
    /// How many addresses are in it.
    pub(in crate::peers) const fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub(in crate::peers) fn iter(&self) -> impl Iterator<Item = PeerAddr> {
        self.0.iter().map(|entry| entry.addr)
    }

    /// Whether an address is in it.
    pub(in crate::peers) fn contains(&self, addr: PeerAddr) -> bool {
        self.iter().any(|held| held == addr)
    }

    /// Takes an address in, in the place of another if need be; of one of `sent` before others. One that is there already stays
    /// as it is. At most `max` are held.
    pub(super) fn insert(
        &mut self,
        addr: PeerAddr,
        teller: Teller,
        sent: &[PeerAddr],
        max: usize,
        rng: &mut dyn Rng,
    ) {
        if self.contains(addr) {
            return;
        }
        let entry = Entry { addr, teller, backoff: Backoff::default() };
        let of_source = |held: &Entry| held.teller.source() == teller.source();
        let by_askers = |held: &Entry| held.teller.asked();
        let source_is_full = self.count(of_source) >= (max / SOURCE_SHARE).max(1);
        let askers_are = teller.asked() && self.count(by_askers) >= (max / 2).max(1);
        let victim = if source_is_full {
            self.pick(of_source, rng)
        } else if askers_are {
            self.pick(by_askers, rng)
        } else if self.len() >= max {
            self.pick(|held| sent.contains(&held.addr), rng).or_else(|| self.pick(|_| true, rng))
        } else {
            None
        };
        match victim {
            Some(place) => self.0[place] = entry,
            None => self.0.push(entry),
        }
    }

    /// Takes an address out.
    pub(super) fn remove(&mut self, addr: PeerAddr) {
        self.0.retain(|entry| entry.addr != addr);
    }

    /// A random address that may be dialled now and isn't among `busy`; or else when one may be.
    pub(super) fn choose(&self, busy: &[PeerAddr], now: Time, rng: &mut dyn Rng) -> Candidate {
        let is_idle = |entry: &Entry| !busy.contains(&entry.addr);
        let free = |entry: &Entry| is_idle(entry) && entry.backoff.until() <= now;
        if let Some(place) = self.pick(free, rng) {
            return Candidate::Dial(self.0[place].addr);
        }
        let resting = self.0.iter().filter(|entry| is_idle(entry));
        let earliest = resting.map(|entry| entry.backoff.until()).min();
        Candidate::NoneBefore(earliest.unwrap_or(Time::NEVER))
    }

    /// An address isn't dialled for a while, which doubles each time up to `cap_ms`.
    pub(super) fn rest(
        &mut self,
        addr: PeerAddr,
        cap_ms: u64,
        now: Time,
        params: &PeerParams,
        rng: &mut dyn Rng,
    ) {
        if let Some(entry) = self.0.iter_mut().find(|entry| entry.addr == addr) {
            entry.backoff.excuse(now, cap_ms, params, rng);
        }
    }

    /// All may be dialled again.
    pub(super) fn end_rests(&mut self, now: Time) {
        self.0.iter_mut().for_each(|entry| entry.backoff.forgive(now));
    }

    /// At most `count` random addresses.
    pub(super) fn sample(&self, count: usize, rng: &mut dyn Rng) -> Vec<PeerAddr> {
        let mut addrs: Vec<_> = self.iter().collect();
        let count = count.min(addrs.len());
        for place in 0..count {
            let other = rng.random_range(place..addrs.len());
            addrs.swap(place, other);
        }
        addrs.truncate(count);
        addrs
    }

    /// How many of the addresses were told by those who came to us by their own wish, or are theirs.
    #[cfg(test)]
    pub(in crate::peers) fn by_askers(&self) -> usize {
        self.count(|entry| entry.teller.asked())
    }

    fn count(&self, counts: impl Fn(&Entry) -> bool) -> usize {
        self.0.iter().filter(|entry| counts(entry)).count()
    }

    /// The place of a random entry of some.
    fn pick(&self, may: impl Fn(&Entry) -> bool, rng: &mut dyn Rng) -> Option<usize> {
        let count = self.count(&may);
        let nth = (count > 0).then(|| rng.random_range(0..count))?;
        let places = self.0.iter().enumerate().filter(|(_, entry)| may(entry));
        places.map(|(place, _)| place).nth(nth)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::ground::peer::PeerKey;

    const MAX: usize = 30;

    fn addr(n: u32) -> PeerAddr {
        PeerAddr::tcp(SocketAddr::new(Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 4_000))
    }

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    fn chosen(key: u64) -> Teller {
        Teller::Chosen(Source::Peer(PeerKey(key)))
    }

    fn asker(key: u64) -> Teller {
        Teller::Asker(Source::Peer(PeerKey(key)))
    }

    #[test]
    fn one_source_fills_no_more_than_its_share() {
        let (mut view, mut rng) = (Passive::default(), rng());
        (0..1_000).for_each(|n| view.insert(addr(n), chosen(1), &[], MAX, &mut rng));
        assert_eq!(view.len(), MAX / SOURCE_SHARE);
        assert!(
            view.iter().any(|held| held >= addr(900)),
            "what it says last takes its own places"
        );
        (2_000..2_010).for_each(|n| view.insert(addr(n), chosen(2), &[], MAX, &mut rng));
        assert_eq!(view.len(), 2 * MAX / SOURCE_SHARE);
    }

    #[test]
    fn whoever_comes_under_many_names_fills_no_more_than_half() {
        let (mut view, mut rng) = (Passive::default(), rng());
        let honest = 0..u32::try_from(MAX).unwrap() / 2;
        honest.clone().for_each(|n| view.insert(addr(n), chosen(u64::from(n)), &[], MAX, &mut rng));
        for n in 1_000..5_000 {
            view.insert(addr(n), asker(n.into()), &[], MAX, &mut rng);
        }
        assert_eq!((view.len(), view.by_askers()), (MAX, MAX / 2));
        assert!(honest.into_iter().all(|n| view.contains(addr(n))));
    }

    #[test]
    fn what_was_sent_in_exchange_leaves_first() {
        let (mut view, mut rng) = (Passive::default(), rng());
        (0..30).for_each(|n| view.insert(addr(n), chosen(u64::from(n)), &[], MAX, &mut rng));
        let sent = [addr(3), addr(4)];
        view.insert(addr(100), chosen(100), &sent, MAX, &mut rng);
        view.insert(addr(101), chosen(100), &sent, MAX, &mut rng);
        assert!(!view.contains(addr(3)) && !view.contains(addr(4)));
        view.insert(addr(102), chosen(100), &sent, MAX, &mut rng);
        assert_eq!(view.len(), MAX);
    }

    #[test]
    fn an_address_that_rests_is_chosen_only_when_it_has_rested() {
        let (mut view, mut rng, params) = (Passive::default(), rng(), PeerParams::default());
        assert_eq!(view.choose(&[], Time::ZERO, &mut rng), Candidate::NoneBefore(Time::NEVER));
        view.insert(addr(1), chosen(1), &[], MAX, &mut rng);
        assert_eq!(view.choose(&[], Time::ZERO, &mut rng), Candidate::Dial(addr(1)));
        assert_eq!(
            view.choose(&[addr(1)], Time::ZERO, &mut rng),
            Candidate::NoneBefore(Time::NEVER)
        );
        view.rest(addr(1), 60_000, Time::ZERO, &params, &mut rng);
        let Candidate::NoneBefore(until) = view.choose(&[], Time::ZERO, &mut rng) else { panic!() };
        assert!(until > Time::ZERO && until <= Time::from_millis(500));
        assert_eq!(view.choose(&[], until, &mut rng), Candidate::Dial(addr(1)));
        view.end_rests(Time::ZERO);
        assert_eq!(view.choose(&[], Time::ZERO, &mut rng), Candidate::Dial(addr(1)));
    }

    #[test]
    fn a_sample_is_random_and_has_nobody_twice() {
        let (mut view, mut rng) = (Passive::default(), rng());
        (0..10).for_each(|n| view.insert(addr(n), chosen(u64::from(n)), &[], MAX, &mut rng));
        let mut sample = view.sample(4, &mut rng);
        assert_ne!(sample, view.sample(4, &mut rng));
        sample.sort_unstable();
        sample.dedup();
        assert_eq!(sample.len(), 4);
        assert_eq!(view.sample(99, &mut rng).len(), 10);
    }
}
