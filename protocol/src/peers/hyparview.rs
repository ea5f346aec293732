//! HyParView: few neighbours, an address book that is hardly larger, and both kept random by the neighbours themselves
//! (Leitão, Pereira, Rodrigues: "HyParView: a membership protocol for reliable gossip-based broadcast", DSN 2007).
//!
//! # Model
//! The *active view* is the links to our neighbours, the same at both ends. The *passive view* is addresses to dial when one of them
//! is gone. Of the whole network a node knows no more, however large it is.
//! - **A newcomer** dials a contact and asks to *join*. The contact takes it, and sends news of it on a random walk by each
//!   other neighbour. Where a walk ends, the newcomer is dialled and asked to be a neighbour; half way its address is noted.
//! - **A neighbour that is gone** is replaced: an address of the passive view is dialled and asked, *urgently* if no neighbour
//!   is left. Who is asked urgently makes room, and otherwise says no if it has none. Addresses where nobody is are forgotten.
//! - **Whoever makes room** tells the neighbour that has to go, and both note each other's address. So views stay symmetric.
//! - **Shuffles**: now and then a node sends some of its addresses on a random walk, and whoever is at the end answers with as
//!   many of its own. So passive views have random addresses, and hardly any dead ones.
//!
//! # What differs from the paper
//! 1. The end of a walk asks the newcomer, and is a neighbour once it said yes; nobody has to go before that.
//! 2. An answer to a shuffle goes back by the links of its walk, see [`walks`].
//! 3. At first, two contacts may be dialled at once ([`CONTACTS`]), since one may be dead.
//! 4. Whoever was told no asks one at a time, and waits before that, ever longer up to `peers.hyparview.shuffle_s`: in a network where all
//!    views are full but ours, asking on would be all that it does.
//! 5. Whoever has no candidate left tries those whom it met earlier, which the address book remembers: of ten thousand nodes of which
//!    eight thousand die at once, thirty candidates leave more than two without any (0.8³⁰), and a few small parts on their own.
//! 6. A node without neighbours forgets no address that it can't reach, since its own network may be down (`peers/outage.rs`).
//! 7. Who is left and whom views hold is bounded against those who ask too often, see [`views`] and [`passive`].
//!
//! # For closed networks
//! Nobody vouches for the passive view. An address is in it because some neighbour said so, who may have made it up, and what
//! counts is not who is in the network but who talks. Against strangers the random set is better: it draws from thousands of
//! addresses, most of which it heard from many, and nobody can make it close a link. Here five links are all there is, and the rules
//! have them given up for whoever asks. The bounds below keep an attacker from taking all of them soon, not for ever.
//!
//! # What peers can make us do
//! - *Joins without end*: a join costs its sender a connection and us four messages, of which each node passes on one for one, at
//!   most `peers.hyparview.active_walk` times. A full view makes room [`asking::ROOM`] times, and no more; then even urgent ones are told no.
//! - *Forged news of newcomers*: [`asking::NEWCOMERS`] for each neighbour, each with one dial at its end, of an address that this neighbour
//!   may tell (`ground/reach.rs`). The address is asked politely: if it is somebody's whose view is full, nothing comes of it.
//! - *Shuffles without end*: ten times what there should be of each neighbour, and the rest is dropped.
//! - *Answers that nobody asked for* are ignored.
//! - *Who dials us and asks nothing* is left after [`PATIENCE`]; so is who was told to go and stays.

mod asking;
mod passive;
mod shuffling;
mod views;
mod walks;

use std::time::Duration;

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::machine::{Action, Cx};
use crate::params::Params;
use crate::wire::message::{Message, PeerExchange};

use super::backoff::{Backoff, jittered};
use super::bans::Bans;
use super::book::{Book, Choice, Wish, source_of};
use super::outage::ALONE_MAX_MS;
use super::table::Table;
#[cfg(test)]
pub(super) use asking::{NEWCOMERS, ROOM};
use passive::Candidate;
#[cfg(test)]
pub(super) use shuffling::SHUFFLES_BURST;
use shuffling::taken;
use views::{Neighbour, Views};
use walks::{WALKS_MAX, Walks};

/// How long who was asked may take to answer, and who dialled to ask. A guess: many round trips.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Contacts that are dialled or asked at once by a node that has never had a neighbour. A guess: one may be dead.
const CONTACTS: usize = 2;

/// Both views, and what is under way to change them. See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct HyParView {
    views: Views,
    /// Links that aren't neighbours. Bounded as links are.
    pending: Vec<Pending>,
    /// At most `peers.dialling_max`.
    dialling: Vec<(PeerAddr, Aim)>,
    walks: Walks,
    /// There was a neighbour once.
    has_joined: bool,
    room: Bucket,
    /// Grows with each no in a row.
    refusals: Backoff,
    /// The driver has no room for a dial before, or nobody could be reached.
    busy_until: Time,
    shuffle_at: Time,
    refill_at: Time,
    /// Links that are to be closed. Bounded as links are.
    surplus: Vec<Link>,
    /// What is to be sent, taken out after each call.
    outbox: Vec<(Link, Message)>,
}

/// What a dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// To get into the network.
    Join,
    /// To take in a newcomer of whom there was news.
    Newcomer,
    /// To replace a neighbour.
    Promotion,
}

/// A link that is no neighbour's.
#[derive(Clone, Copy, Debug)]
struct Pending {
    link: Link,
    stage: Stage,
    /// When it is given up.
    until: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// We dialled, and the peer has said no hello yet.
    Greeting(Aim),
    /// We asked, and wait for the answer.
    Asked(Aim),
    /// The peer dialled, and is to ask.
    Awaited,
    /// The peer was told to go.
    Leaving,
}

/// What a node knows besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) table: &'a Table,
    pub(super) book: &'a Book,
}

impl Around<'_> {
    /// Whether an address is taken from whoever is behind a link.
    fn may_take(&self, by: Link, addr: PeerAddr, cx: &Cx<'_>) -> bool {
        self.means_the_same(by, addr, cx) && self.book.may_hold(addr, cx.now)
    }

    /// Whether an address means the same there.
    fn means_the_same(&self, link: Link, addr: PeerAddr, cx: &Cx<'_>) -> bool {
        let peer = self.table.get(link);
        let may = peer.is_some_and(|peer| peer.origin.may_tell(addr.ip));
        may || cx.params.peers.local_addresses
    }

    fn neighbour(&self, link: Link, is_chosen: bool) -> Option<Neighbour> {
        let peer = self.table.get(link)?;
        let source = source_of(peer.key, peer.origin);
        Some(Neighbour::new(link, peer.dialled.or_else(|| peer.advertise()), source, is_chosen))
    }
}

impl HyParView {
    /// A node that knows nobody.
    pub(super) fn new(own: Option<PeerAddr>) -> Self {
        Self {
            views: Views::new(own),
            pending: Vec::new(),
            dialling: Vec::new(),
            walks: Walks::default(),
            has_joined: false,
            room: Bucket::default(),
            refusals: Backoff::default(),
            busy_until: Time::ZERO,
            shuffle_at: Time::NEVER,
            refill_at: Time::NEVER,
            surplus: Vec::new(),
            outbox: Vec::new(),
        }
    }

    /// Both views.
    pub(super) const fn views(&self) -> &Views {
        &self.views
    }

    /// Dials under way.
    pub(super) const fn dialling(&self) -> usize {
        self.dialling.len()
    }

    /// What is to be sent, and is so once.
    pub(super) const fn outbox_mut(&mut self) -> &mut Vec<(Link, Message)> {
        &mut self.outbox
    }

    /// A link that is to be closed.
    pub(super) fn take_surplus(&mut self) -> Option<Link> {
        self.surplus.pop()
    }

    /// When something is to be done.
    pub(super) fn deadline(&self) -> Time {
        let given_up = self.pending.iter().map(|pending| pending.until).min();
        self.shuffle_at.min(self.refill_at).min(given_up.unwrap_or(Time::NEVER))
    }

    /// A dial ended. What it was for, if it was ours.
    pub(super) fn dial_ended(&mut self, addr: PeerAddr) -> Option<Aim> {
        let place = self.dialling.iter().position(|(dialled, _)| *dialled == addr)?;
        Some(self.dialling.swap_remove(place).1)
    }

    /// A dial led to a link.
    pub(super) fn on_dialled(&mut self, link: Link, aim: Aim) {
        self.pend(link, Stage::Greeting(aim), Time::NEVER);
    }

    /// An address is no candidate any more: a link leads there, or nobody is there.
    pub(super) fn remove_candidate(&mut self, addr: PeerAddr) {
        self.views.passive_mut().remove(addr);
    }

    /// Nobody was there, which may be our own fault.
    pub(super) fn excuse(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        let params = &cx.params.peers;
        self.views.passive_mut().rest(addr, ALONE_MAX_MS, cx.now, params, cx.rng);
    }

    /// We are on the network again.
    pub(super) fn end_outage(&mut self, now: Time) {
        self.busy_until = Time::ZERO;
        self.views.passive_mut().end_rests(now);
    }

    /// Nobody is dialled for up to so long.
    pub(super) fn pause(&mut self, wait_ms: u64, cx: &mut Cx<'_>) {
        self.busy_until = cx.now + jittered(wait_ms, cx.rng);
    }

    /// The hellos of a link are through.
    pub(super) fn on_hello(&mut self, link: Link, is_outbound: bool, cx: &Cx<'_>) {
        if !is_outbound {
            return self.pend(link, Stage::Awaited, cx.now + PATIENCE);
        }
        let aim = match self.stage(link) {
            Some(Stage::Greeting(aim)) => aim,
            _ => Aim::Promotion,
        };
        let is_alone = self.views.active().is_empty();
        let asks = |pending: &Pending| matches!(pending.stage, Stage::Asked(_));
        let is_first = is_alone && !self.pending.iter().any(asks);
        let ask = match aim {
            Aim::Join if is_alone => PeerExchange::Join,
            Aim::Newcomer => PeerExchange::Neighbour { is_urgent: false },
            Aim::Join | Aim::Promotion => PeerExchange::Neighbour { is_urgent: is_first },
        };
        self.say(link, ask);
        self.pend(link, Stage::Asked(aim), cx.now + PATIENCE);
    }

    /// A peer said something about views; of the addresses in it, the first `admitted` may be looked at. How many of them were
    /// dropped.
    pub(super) fn on_message(
        &mut self,
        link: Link,
        message: &PeerExchange,
        admitted: usize,
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) -> usize {
        match message {
            PeerExchange::GetAddresses | PeerExchange::Addresses(_) => return 0,
            PeerExchange::Join => self.on_join(link, around, cx),
            PeerExchange::Neighbour { is_urgent } => self.on_asked(link, *is_urgent, around, cx),
            PeerExchange::NeighbourReply { is_taken } => {
                self.on_answer(link, *is_taken, around, cx);
            }
            PeerExchange::Disconnect => self.on_told_to_go(link, cx),
            PeerExchange::ForwardJoin { steps, addr } => {
                let addr = addr.filter(|addr| admitted > 0 && around.may_take(link, *addr, cx));
                let Some(addr) = addr else { return 1 };
                let is_taken = self.on_newcomer(link, *steps, addr, around, cx);
                return usize::from(!is_taken);
            }
            PeerExchange::Shuffle { number, steps, addrs } => {
                let taken = taken(link, addrs, admitted, around, cx);
                let is_taken = self.on_shuffle(link, (*number, *steps), &taken, around, cx);
                return if is_taken { addrs.len() - taken.len() } else { addrs.len() };
            }
            PeerExchange::ShuffleReply { number, addrs } => {
                let taken = taken(link, addrs, admitted, around, cx);
                self.on_shuffle_reply(link, *number, &taken, around, cx);
                return addrs.len() - taken.len();
            }
        }
        0
    }

    /// A link is gone.
    pub(super) fn forget(&mut self, link: Link) {
        if self.views.leave(link).is_some() {
            self.refusals = Backoff::default();
        }
        self.pending.retain(|pending| pending.link != link);
        self.surplus.retain(|surplus| *surplus != link);
        self.walks.forget(link);
    }

    /// Whether anything of a link is kept.
    pub(super) fn keeps(&self, link: Link) -> bool {
        let is_pending = self.stage(link).is_some() || self.surplus.contains(&link);
        self.views.get(link).is_some() || is_pending || self.walks.keeps(link)
    }

    /// Something may be due.
    pub(super) fn on_wake(&mut self, around: Around<'_>, cx: &mut Cx<'_>) {
        for pending in self.pending.extract_if(.., |pending| pending.until <= cx.now) {
            self.surplus.push(pending.link);
        }
        if self.shuffle_at <= cx.now {
            self.shuffle(around, cx);
            self.plan_shuffle(cx);
        }
    }

    /// After any change: dials who is missing, and notes when to try again.
    pub(super) fn refill(&mut self, book: &mut Book, bans: &Bans, cx: &mut Cx<'_>) {
        if !self.views.active().is_empty() && self.shuffle_at == Time::NEVER {
            self.plan_shuffle(cx);
        }
        self.refill_at = Time::NEVER;
        // The end of a dial goes on from here.
        while self.is_missing_some(cx.params) && self.dialling.len() < cx.params.peers.dialling_max
        {
            let wait = self.busy_until.max(self.refusals.until());
            if wait > cx.now {
                self.refill_at = wait;
                return;
            }
            match self.choose(book, cx) {
                Ok((addr, _)) if bans.keep_out(None, Some(addr.ip), cx.now) => {
                    self.remove_candidate(addr);
                    book.shun(addr, cx.now);
                }
                Ok((addr, aim)) => {
                    book.attempt(addr, cx.now);
                    self.dial(addr, aim, cx);
                }
                Err(not_before) => {
                    self.refill_at = not_before;
                    return;
                }
            }
        }
    }

    /// Checks what holds.
    pub(super) fn check(&self, params: &Params) {
        self.views.check(&params.peers.hyparview);
        let (dialling, most) = (self.dialling.len(), params.peers.dialling_max);
        assert!(dialling <= most, "{dialling} dials of at most {most}");
        assert!(self.walks.len() <= WALKS_MAX, "{} shuffles under way", self.walks.len());
        for pending in &self.pending {
            let link = pending.link;
            assert!(self.views.get(link).is_none(), "{link} is a neighbour and isn't");
        }
    }

    /// Whom to dial, and for what; or when somebody may be.
    fn choose(&self, book: &Book, cx: &mut Cx<'_>) -> Result<(PeerAddr, Aim), Time> {
        let busy: Vec<_> = self.dialling.iter().map(|(addr, _)| *addr).collect();
        let mut not_before = Time::NEVER;
        if self.has_joined {
            match self.views.passive().choose(&busy, cx.now, cx.rng) {
                Candidate::Dial(addr) => return Ok((addr, Aim::Promotion)),
                Candidate::NoneBefore(at) => not_before = at,
            }
        }
        let is_alone = self.views.active().is_empty();
        if !is_alone && self.views.passive().len() > 0 {
            return Err(not_before);
        }
        if is_alone && self.joins_under_way() >= CONTACTS {
            return Err(not_before);
        }
        let aim = if is_alone { Aim::Join } else { Aim::Promotion };
        let wish = Wish { busy: &busy, ..Wish::default() };
        match book.choose(&wish, cx.now, cx.rng) {
            Choice::Dial(addr) | Choice::LoneWord(addr) => Ok((addr, aim)),
            Choice::NoneBefore(at) => Err(not_before.min(at)),
        }
    }

    fn joins_under_way(&self) -> usize {
        let joins = |pending: &&Pending| {
            matches!(pending.stage, Stage::Greeting(Aim::Join) | Stage::Asked(Aim::Join))
        };
        let dialled = self.dialling.iter().filter(|(_, aim)| *aim == Aim::Join).count();
        dialled + self.pending.iter().filter(joins).count()
    }

    fn is_missing_some(&self, params: &Params) -> bool {
        let comes =
            |pending: &&Pending| matches!(pending.stage, Stage::Greeting(_) | Stage::Asked(_));
        let coming = self.dialling.len() + self.pending.iter().filter(comes).count();
        let one_by_one = self.refusals.tries() > 0 && coming > 0;
        let missing = params.peers.hyparview.active_view.saturating_sub(self.views.active().len());
        !one_by_one && coming < missing
    }

    fn is_dialling(&self, addr: PeerAddr) -> bool {
        self.dialling.iter().any(|(dialled, _)| *dialled == addr)
    }

    fn dial(&mut self, addr: PeerAddr, aim: Aim, cx: &mut Cx<'_>) {
        self.dialling.push((addr, aim));
        cx.actions.push(Action::Dial { addr });
    }

    /// Makes a link that is there a neighbour's, for whom another goes if need be. Its address, if it has one; `None` if there
    /// is no such link.
    fn take_in(
        &mut self,
        link: Link,
        is_chosen: bool,
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) -> Option<Option<PeerAddr>> {
        let neighbour = around.neighbour(link, is_chosen)?;
        let addr = neighbour.addr;
        self.pending.retain(|pending| pending.link != link);
        self.has_joined = true;
        if let Some(gone) = self.views.enter(neighbour, &cx.params.peers.hyparview, cx.rng) {
            self.rest(gone.addr, cx);
            self.send_off(gone.link, cx);
        }
        Some(addr)
    }

    /// A neighbour is told to go, or one that there is no room for.
    fn send_off(&mut self, link: Link, cx: &Cx<'_>) {
        self.say(link, PeerExchange::Disconnect);
        self.pend(link, Stage::Leaving, cx.now + PATIENCE);
    }

    /// A peer that asked is told no.
    fn turn_away(&mut self, link: Link, cx: &Cx<'_>) {
        self.say(link, PeerExchange::NeighbourReply { is_taken: false });
        self.pend(link, Stage::Leaving, cx.now + PATIENCE);
    }

    fn keep(&mut self, gone: &Neighbour, cx: &mut Cx<'_>) {
        self.views.keep(gone, &cx.params.peers.hyparview, cx.rng);
        self.rest(gone.addr, cx);
    }

    /// Somebody who was a neighbour just now isn't asked again at once.
    fn rest(&mut self, addr: Option<PeerAddr>, cx: &mut Cx<'_>) {
        let params = &cx.params.peers;
        let cap_ms = params.hyparview.shuffle_s.saturating_mul(1_000);
        if let Some(addr) = addr {
            self.views.passive_mut().rest(addr, cap_ms, cx.now, params, cx.rng);
        }
    }

    fn give_up(&mut self, link: Link) {
        self.pending.retain(|pending| pending.link != link);
        self.surplus.push(link);
    }

    fn pend(&mut self, link: Link, stage: Stage, until: Time) {
        self.pending.retain(|pending| pending.link != link);
        self.pending.push(Pending { link, stage, until });
    }

    fn stage(&self, link: Link) -> Option<Stage> {
        let pending = self.pending.iter().find(|pending| pending.link == link);
        pending.map(|pending| pending.stage)
    }

    fn say(&mut self, link: Link, message: PeerExchange) {
        self.outbox.push((link, Message::Peers(message)));
    }
}
