//! Who is asked for headers, and what is made of those that come.
//!
//! A peer tells the header of its tip when a link is ready, and of each block that joins its chain. Whoever tells one that doesn't
//! follow on any that is known is ahead of us, or on another branch: it is asked what follows on what we have, by a locator. One peer
//! is asked at a time; each further block that nobody can place has one more asked (Bitcoin Core: one initial peer, and one more
//! for each block that is announced, `net_processing.cpp`). A peer that doesn't answer loses its turn, and the next one has it.
//!
//! # Headers of little work
//! A long list of headers costs little where difficulty is low, so what leads to less work than the active chain had a day
//! ago isn't remembered ([`Tree::worthwhile`]), nor is much of what isn't better than ours. But a list comes in pieces, and a better
//! branch that forks off long ago begins with too little work. So it is asked for twice: the first time only the last id of each piece is kept, as a checkpoint, until the work
//! is enough; the second time each piece must end in its checkpoint, to which its headers are committed by their hashes, and is
//! taken. (Bitcoin Core's `HeadersSyncState` does the same with a bit of each 600th header: it has more of them.)
//!
//! # Bounds
//! Something for each link; of a first reading at most `CHECKPOINTS_MAX` ids, for one link at a time.

use std::time::Duration;

use crate::blocks::tree::Tree;
use crate::ground::item::Hash256;
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;

/// Most pieces of a first reading: as many as make a million headers. A guess.
const CHECKPOINTS_MAX: usize = 1_048;

/// How long a peer has to answer. A guess: a thousand headers are less than a tenth of a megabyte. (Bitcoin Core waits 15 minutes
/// and a millisecond for each header that it expects.)
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A link whose peer keeps a chain.
#[derive(Clone, Debug)]
struct Peer {
    link: Link,
    direction: Direction,
    /// Until when it has time to answer.
    asked: Option<Time>,
    /// It was asked, and told one header since: that may have been news, so that the answer is still to come.
    may_answer: bool,
    /// The header of most work that it is known to have.
    best: Option<Hash256>,
    /// It told of a block that nobody could place, and wasn't asked yet.
    is_ahead: bool,
    /// That block, until its place is known.
    unplaced: Option<Hash256>,
    /// It didn't answer once.
    was_silent: bool,
    first_reading: Option<Box<FirstReading>>,
}

/// Headers that aren't kept before their work is known.
#[derive(Clone, Debug)]
struct FirstReading {
    /// The known header on which they follow.
    from: Hash256,
    /// The last id of each piece.
    checkpoints: Vec<Hash256>,
    /// The work of all so far.
    work: u128,
    /// They lead to enough work: how many pieces were read a second time.
    again: Option<usize>,
}

/// What is to be done with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its headers are taken, whatever their work.
    Take,
    /// It is only read. The next piece is asked for behind this header.
    AskBehind(Hash256),
    /// All were read, and lead to too little work.
    Leave,
    /// It isn't what the peer sent the first time.
    Changed,
}

/// All links whose peers keep a chain.
#[derive(Clone, Debug, Default)]
pub struct HeaderSync {
    peers: Vec<Peer>,
    /// The last block that nobody could place, for which somebody was asked.
    unplaced: Option<Hash256>,
}

/// A piece that leads to little work.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// The known or read header on which it follows.
    pub from: Hash256,
    /// Its last header.
    pub last: Hash256,
    /// The work of its headers.
    pub work: u128,
    /// There may be more behind it.
    pub is_full: bool,
}

impl HeaderSync {
    /// A link is ready whose peer keeps a chain.
    pub fn on_ready(&mut self, link: Link, direction: Direction) {
        self.peers.push(Peer {
            link,
            direction,
            asked: None,
            may_answer: false,
            best: None,
            is_ahead: false,
            unplaced: None,
            was_silent: false,
            first_reading: None,
        });
    }

    /// A link went down.
    pub fn on_link_down(&mut self, link: Link) {
        self.peers.retain(|peer| peer.link != link);
    }

    /// Whether a link's peer keeps a chain.
    #[must_use]
    pub fn contains(&self, link: Link) -> bool {
        self.peers.iter().any(|peer| peer.link == link)
    }

    /// Whether a peer was asked for headers, and may answer.
    #[must_use]
    pub fn is_asked(&self, link: Link) -> bool {
        let peer = self.peers.iter().find(|peer| peer.link == link);
        peer.is_some_and(|peer| peer.asked.is_some() || peer.may_answer)
    }

    /// The best header that a peer is known to have; `None` if it keeps no chain.
    #[must_use]
    pub fn best(&self, link: Link) -> Option<Option<Hash256>> {
        self.peers.iter().find(|peer| peer.link == link).map(|peer| peer.best)
    }

    /// A peer is asked for headers.
    pub fn on_asked(&mut self, link: Link, now: Time) {
        if let Some(peer) = self.peer(link) {
            (peer.asked, peer.is_ahead) = (Some(now + PATIENCE), false);
        }
    }

    /// A peer answered, or told of one block, which may be both.
    pub fn on_answer(&mut self, link: Link, may_be_news: bool) {
        if let Some(peer) = self.peer(link) {
            (peer.asked, peer.may_answer, peer.was_silent) = (None, may_be_news, false);
        }
    }

    /// A peer told of a block that nobody can place. Whether it is to be asked what comes before: if nobody else is being asked, or this
    /// block is new.
    pub fn on_unplaced(&mut self, link: Link, id: Hash256) -> bool {
        let is_new = self.unplaced.replace(id) != Some(id);
        let is_quiet = self.peers.iter().all(|peer| peer.asked.is_none());
        let Some(peer) = self.peer(link) else { return false };
        (peer.is_ahead, peer.unplaced) = (true, Some(id));
        peer.asked.is_none() && (is_new || is_quiet)
    }

    /// A peer has a block, and all before it.
    pub fn on_has(&mut self, link: Link, id: Hash256, tree: &Tree) {
        let Some(new) = tree.get(id) else { return };
        let Some(peer) = self.peer(link) else { return };
        let best = peer.best.and_then(|best| tree.get(best));
        if best.is_none_or(|best| new.work > best.work) {
            peer.best = Some(id);
        }
    }

    /// More headers are known: perhaps those that peers told of.
    pub fn on_placed(&mut self, tree: &Tree) {
        let placed =
            |peer: &Peer| Some((peer.link, peer.unplaced.filter(|id| tree.contains(*id))?));
        let placed: Vec<_> = self.peers.iter().filter_map(placed).collect();
        for (link, id) in placed {
            self.on_has(link, id, tree);
            if let Some(peer) = self.peer(link) {
                (peer.unplaced, peer.is_ahead) = (None, false);
            }
        }
    }

    /// The links whose peers keep a chain, and the best header that each is known to have.
    pub fn bests(&self) -> impl Iterator<Item = (Link, Hash256)> {
        self.peers.iter().filter_map(|peer| Some((peer.link, peer.best?)))
    }

    /// Who is to be asked next, since nobody is being asked: of those who are ahead one that we dialled, one that answers.
    #[must_use]
    pub fn next_to_ask(&self) -> Option<Link> {
        if self.peers.iter().any(|peer| peer.asked.is_some()) {
            return None;
        }
        let ahead = self.peers.iter().filter(|peer| peer.is_ahead);
        let rank = |peer: &&Peer| (peer.was_silent, peer.direction == Direction::Inbound);
        ahead.min_by_key(rank).map(|peer| peer.link)
    }

    /// Peers that didn't answer in time lose their turn. What is being read of them is forgotten.
    pub fn on_wake(&mut self, now: Time) {
        for peer in &mut self.peers {
            if peer.asked.is_some_and(|until| until <= now) {
                (peer.asked, peer.was_silent, peer.is_ahead) = (None, true, false);
                peer.first_reading = None;
            }
        }
    }

    /// When somebody loses its turn.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.peers.iter().filter_map(|peer| peer.asked).min().unwrap_or(Time::NEVER)
    }

    /// Where the piece that a peer sends next has to begin, if it is read before it is taken.
    #[must_use]
    pub fn reads_behind(&self, link: Link) -> Option<Hash256> {
        let reading = self.peers.iter().find(|peer| peer.link == link)?.first_reading.as_ref()?;
        Some(reading.reached())
    }

    /// A piece came that may lead to less work than is enough, or a further one of such.
    pub fn read(&mut self, link: Link, piece: Piece, enough: u128, tree: &Tree) -> Verdict {
        let is_read_of_another =
            self.peers.iter().any(|peer| peer.link != link && peer.first_reading.is_some());
        let Some(peer) = self.peer(link) else { return Verdict::Leave };
        let mut reading = match peer.first_reading.take() {
            Some(reading) => reading,
            None if is_read_of_another => return Verdict::Leave,
            None => {
                let Some(work) = tree.work_with(piece.from, 0) else { return Verdict::Leave };
                let (from, checkpoints) = (piece.from, Vec::new());
                Box::new(FirstReading { from, checkpoints, work, again: None })
            }
        };
        if let Some(read) = &mut reading.again {
            let is_same = reading.checkpoints.get(*read) == Some(&piece.last);
            *read += 1;
            if is_same && *read < reading.checkpoints.len() {
                peer.first_reading = Some(reading);
            }
            return if is_same { Verdict::Take } else { Verdict::Changed };
        }
        reading.work = reading.work.saturating_add(piece.work);
        reading.checkpoints.push(piece.last);
        if reading.work >= enough {
            reading.again = Some(0);
        } else if !piece.is_full || reading.checkpoints.len() >= CHECKPOINTS_MAX {
            return Verdict::Leave;
        }
        let behind = reading.reached();
        peer.first_reading = Some(reading);
        Verdict::AskBehind(behind)
    }

    fn peer(&mut self, link: Link) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.link == link)
    }

    /// # Panics
    /// When a bound doesn't hold.
    pub fn check(&self) {
        let readings = self.peers.iter().filter_map(|peer| peer.first_reading.as_ref());
        let read: Vec<_> = readings.map(|reading| reading.checkpoints.len()).collect();
        assert!(read.len() <= 1 && read.iter().all(|len| *len <= CHECKPOINTS_MAX), "{read:?}");
    }
}

impl FirstReading {
    /// The header behind which the next piece begins.
    fn reached(&self) -> Hash256 {
        let read = match self.again {
            Some(read) => read.checked_sub(1).map(|last| self.checkpoints[last]),
            None => self.checkpoints.last().copied(),
        };
        read.unwrap_or(self.from)
    }
}
