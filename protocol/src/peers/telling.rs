//! Which addresses peers tell us, and which of ours they are told.

use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;

use crate::ground::link::Link;
use crate::ground::peer::{PeerAddr, Source};
use crate::ground::reach::Origin;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::wire::message::{Message, PeerExchange};

use super::Peers;
use super::backoff::jittered;
use super::book::{Added, source_of};
use super::table::{Peer, Question};

/// How long whoever asks is told the same, give or take a quarter (Bitcoin Core: 21 to 27 hours, `CConnman::GetAddresses`).
const ANSWER_LASTS: Duration = Duration::from_secs(86_400);

/// An answer is made anew when the book has changed by one part in so many: a network that starts would else be told of its first nodes
/// alone. A guess.
const ANSWER_GROWS: usize = 4;

/// What whoever asks for addresses is told. *Attack:* who asks under many names would otherwise read the whole book, and from it with
/// whom we are likely to be linked.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    addrs: Vec<PeerAddr>,
    /// How many addresses the book held.
    of: usize,
    until: Time,
}

impl Peers {
    /// Addresses came, already cut to the link's budget. Returns how many were not kept: not dialable,
    /// our own, shunned, over what one host may have in the book, or the place of others.
    pub fn on_addresses(&mut self, link: Link, addrs: &[PeerAddr], cx: &mut Cx<'_>) -> usize {
        let is_heard = self.views.is_none(); // else shuffles tell
        let Some(peer) =
            self.table.get_mut(link).filter(|peer| is_heard && peer.is_ready() && peer.tells())
        else {
            return addrs.len();
        };
        // Within a link order is kept and questions are answered at once, so this is the answer.
        let is_sample = peer.question == Question::Open;
        if is_sample {
            peer.question = Question::Answered;
        }
        let (origin, advertise) = (peer.origin, peer.advertise());
        let source = source_of(peer.key, origin);
        let mut dropped = 0;
        for addr in addrs {
            let added = match may_tell(origin, *addr, cx) {
                true => self.book.hear(*addr, source, cx),
                false => Added::Refused,
            };
            self.on_added(*addr, added);
            match added {
                Added::New if is_sample => {}
                Added::New => self.pass_on(*addr, link, cx),
                Added::Known if advertise == Some(*addr) => self.book.refresh(*addr, cx.now),
                Added::Known => {}
                Added::Refused => dropped += 1,
            }
        }
        self.settle(cx);
        dropped
    }

    /// Addresses that somebody told who is no peer: hearsay of one source, of which no more than a quarter of the links is made
    /// while another one tells anything (`outbound.rs`, rule 5). They aren't passed on: whoever is reached there says so itself.
    pub fn on_heard(&mut self, from: Source, addrs: &[PeerAddr], cx: &mut Cx<'_>) {
        for addr in addrs.iter().filter(|addr| addr.is_dialable()) {
            let added = self.book.hear(*addr, from, cx);
            self.on_added(*addr, added);
        }
        self.settle(cx);
    }

    /// What whoever asks is told: the same for all until [`ANSWER_LASTS`] is over, or the book has changed by a quarter.
    fn answer(&mut self, cx: &mut Cx<'_>) -> Vec<PeerAddr> {
        let known = self.book.len();
        let is_fresh = |answer: &Answer| {
            answer.until > cx.now && answer.of.abs_diff(known) * ANSWER_GROWS <= answer.of
        };
        if let Some(answer) = self
            .rare
            .as_ref()
            .and_then(|rare| rare.answer.as_ref())
            .filter(|answer| is_fresh(answer))
        {
            return answer.addrs.clone();
        }
        let addrs = self.book.sample(cx.now, cx.rng);
        let until = cx.now + ANSWER_LASTS.mul_f64(cx.rng.random_range(0.75..1.25));
        self.rare.get_or_insert_default().answer =
            Some(Answer { addrs: addrs.clone(), of: known, until });
        addrs
    }

    /// The peer asks for addresses. Returns how many it is told; `None` if it was answered before and is ignored now.
    pub fn on_get_addresses(&mut self, link: Link, cx: &mut Cx<'_>) -> Option<usize> {
        let peer = self.table.get_mut(link).filter(|peer| peer.tells())?;
        if !peer.answer() {
            return None;
        }
        let (dialled, advertise, origin) = (peer.dialled, peer.advertise(), peer.origin);
        let mut addrs = self.answer(cx);
        addrs.retain(|addr| Some(*addr) != dialled && Some(*addr) != advertise);
        addrs.retain(|addr| may_tell(origin, *addr, cx));
        let told = addrs.len();
        // Also when there are none: the peer takes our next message for the answer.
        self.outbox.push((link, Message::Peers(PeerExchange::Addresses(addrs.into()))));
        Some(told)
    }

    /// The peer says where it can be dialled.
    pub(super) fn on_advertised(&mut self, link: Link, addr: PeerAddr, cx: &mut Cx<'_>) {
        let Some(peer) = self.table.get_mut(link) else { return };
        if !may_tell(peer.origin, addr, cx) {
            return;
        }
        let source = source_of(peer.key, peer.origin);
        let is_its_host = peer.set_advertise(addr);
        let added = match is_its_host {
            true => self.book.invite(addr, source, cx),
            // What isn't the host's own wish is for shuffles to tell, where there are any.
            false if self.views.is_some() => Added::Refused,
            false => self.book.hear(addr, source, cx),
        };
        match added {
            Added::New if self.views.is_some() => {}
            Added::New => self.pass_on(addr, link, cx),
            Added::Known => self.book.refresh(addr, cx.now),
            Added::Refused => {}
        }
        self.set_connected(addr, true);
    }

    pub(super) fn ask(&mut self, link: Link) {
        if let Some(peer) = self.table.get_mut(link) {
            peer.question = Question::Open;
            self.outbox.push((link, Message::Peers(PeerExchange::GetAddresses)));
        }
    }

    /// Asks a random peer that wasn't asked yet (rule 5).
    pub(super) fn ask_anybody(&mut self, cx: &mut Cx<'_>) {
        let unasked =
            |(_, peer): &(Link, &Peer)| peer.is_ready() && peer.question == Question::Unasked;
        if let Some((link, _)) = self.table.iter().filter(unasked).choose(cx.rng) {
            self.ask(link);
        }
    }

    /// Lets an address that is new to us wait for a few random links, but not for the one it came by.
    fn pass_on(&mut self, addr: PeerAddr, from: Link, cx: &mut Cx<'_>) {
        let (slots, known) = (self.table.slots(), self.book.len());
        for _ in 0..cx.params.peers.address_fanout.min(slots) {
            // Slots are dense, so the first good link from a random slot on is nearly uniform.
            let start = cx.rng.random_range(0..slots);
            for slot in (start..slots).chain(0..start) {
                let Some((link, peer)) = self.table.at(slot) else { continue };
                let is_other = link != from && !peer.is_at(addr);
                let wants = is_other && peer.is_ready() && peer.tells();
                if wants
                    && may_tell(peer.origin, addr, cx)
                    && self.gossip.queue(link, addr, known, cx)
                {
                    break;
                }
            }
        }
    }

    /// Where we tell peers to dial us, if they can.
    #[must_use]
    pub fn told(&self) -> Option<PeerAddr> {
        self.advertise.filter(|_| !self.is_hidden)
    }

    /// Whether our own address is told to nobody from now on, because nobody can be dialled there. The other overlay goes on
    /// with it: its neighbours are told once, when they become that.
    pub const fn set_hidden(&mut self, hidden: bool) {
        self.is_hidden = hidden;
    }

    pub(super) fn announce_self(&mut self, cx: &mut Cx<'_>) {
        let Some(own) = self.told() else { return };
        for (link, peer) in self.table.iter().filter(|(_, peer)| peer.is_ready() && peer.tells()) {
            if may_tell(peer.origin, own, cx) {
                self.gossip.queue(link, own, self.book.len(), cx);
            }
        }
    }

    pub(super) fn arm_announcement(&mut self, cx: &mut Cx<'_>) {
        let wait_ms = cx.params.peers.self_announce_s.saturating_mul(1_000);
        self.announce_at = cx.now + jittered(wait_ms, cx.rng);
    }
}

/// Whether an address may be taken from a peer there, or told to it (rule 7).
fn may_tell(origin: Origin, addr: PeerAddr, cx: &Cx<'_>) -> bool {
    cx.params.peers.local_addresses || origin.may_tell(addr.ip)
}
