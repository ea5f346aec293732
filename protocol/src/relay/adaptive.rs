//! Adaptive: whole items to the peers that probably lack them, ids to the others.
//!
//! # Model
//! For each link a node estimates the *odds* p that its peer has an item first from us ([`Odds`]). Sending
//! an item whole costs 1 - p useless copies; not sending it costs a round trip with probability p. Hence
//! one threshold T, and for an accepted item:
//!
//! - p >= T: the item whole, at once (*eager*)
//! - p < T, but not hopeless ([`Preset::prompt_from`](crate::params::Preset::prompt_from)): its id, within a short window
//!   ([`Preset::window`](crate::params::Preset::window), *prompt*)
//! - below that: nothing. Each link is compared once a [round](crate::params::AdaptiveParams::compare_ms), which
//!   costs what differs ([`Turns`]): mostly nothing, where an id would have been told in vain. (Without rounds: its id in
//!   the next batch, up to [`LAZY`] later, unless the peer announces it to us before, *lazy*.)
//!
//! # The dial
//! The dial ([`Redundancy`](crate::params::Redundancy)) says how many useless copies an item may cost. It is no threshold: which
//! one costs so many depends on the links. Where latencies are nothing but chance, or all equal, all peers have the same odds,
//! and a threshold that is right on a plane sends everything to everybody. So each node moves its T by
//! feedback until the useless copies that it causes, which their receivers tell it of, are as many as the dial says: the law, its
//! gain, its bounds, its stability and what it forgets stand in `adaptive/threshold.rs`. Each useless copy that is received was
//! sent, so where all nodes keep the dial as senders, they have it as receivers, on average. A node that can't
//! spend it usefully (there is nobody whose odds are 3 %) spends less.
//!
//! What a node sends in all is bounded too, to twice the mean (`adaptive/ration.rs`).
//!
//! # Ids
//! So ids leave in batches (`adaptive/batches.rs`), and only whole items and requests leave at once. What a
//! window costs in time is bought back by a lower threshold, for what it saves in bytes: at equal t99 and bytes
//! windows save a fifth of the messages.
//!
//! A receiver that hears of an item waits for it to come whole before it asks (`adaptive/patience.rs`).
//! Each link's ends come to hold the same by comparing, so every item reaches every node that one honest path of links leads
//! to; odds only decide how soon.
//!
//! # Learning
//! One item in four is a trial, on a new link every one (`adaptive/trials.rs`): receivers say "known" of a copy
//! that came second and "first" of an announcement that was ahead of the copy that came; being asked for
//! an item counts as "first", always. Peers that get lazy ids are tried with fewer items, since an id that can't
//! wait is dear; but every trial that is told promptly anyway counts, or a peer would be told promptly for long
//! that should be told lazily. Feedback isn't
//! urgent and waits for a batch too (`adaptive/feedback.rs`).
//!
//! *Dead heats*: of two links by which an item comes within [`Preset::dead_heat`](crate::params::Preset::dead_heat), the one with more
//! *merit* counts as the first, whichever was: merit is the odds that a link's copies come first. So
//! equally fast links don't share the firsts and stay eager both; one wins and goes on winning.
//! An announcement that was ahead by less isn't worth a "first" either. Where neighbours are equally far
//! this saves a quarter of the bytes, and the threshold can be lower.
//!
//! Where the odds that every node has of every peer settle, the eager links form an overlay of shortest
//! paths with a few parents a node, not one tree: it serves all origins, and none need be known.
//! Odds for each pair of an ingress and an egress link, which would tell origins apart,
//! save no bytes at equal speed, learn 16 times more slowly and take 16 times the memory.
//!
//! # Recovery
//! When a link goes down, the node's patience ends: it asks whoever announces first, at once, and that
//! raises the odds of those it asks. A peer that falls silent without leaving costs at most
//! the wait that had been learned, and less by a quarter with each item.
//!
//! # Privacy
//! Our own items go whole to a few first hops only and spread from there like any other
//! (`adaptive/origin.rs`). Spies at 10 % of the nodes, who name whoever delivered or announced an item to any of
//! them first, name its true origin in 26 % of the cases with `balanced`, and in 37 % with flood.
//!
//! # Attacks
//! *Feedback*: what a peer says moves the odds of its own link, and our one threshold a little. One that always says
//! "known" gets ids only, like any leaf, after a few items, and what it is not sent it can't call useless: so it raises T no
//! more. One that calls useful copies useless as often as keeps it in play takes its share of the dial from the others, and no more:
//! a useless copy that it names is one that isn't sent to them. One that never says "known" is sent everything whole by all
//! that it is linked with. It lowers T by what it doesn't admit, at most to where honest peers' useless copies come to the dial;
//! and what it costs in bytes the ration bounds, which prefers those who bring something.
//! Nobody can talk us out of serving another: an item is late by at most a round and a second, [`WAIT_MAX`] and two
//! round trips wherever one honest link leads, and by a round's share where several do.
//!
//! *Merit*: an attacker who is always little later than an honest link can win its dead heats, as if he
//! were always first, and gains no more than that:
//!
//! *Eclipse by speed*: an attacker who is always first makes the odds of a victim's honest neighbours fall,
//! truthfully. If he then keeps items back, each honest neighbour is still compared with in its turn,
//! and the victim asks: an item is late by at most a round and a second (9 s, 17 s with `lean`) and two
//! round trips if one neighbour is honest, by one or two seconds if most are, and after a few items the honest neighbours are
//! eager again. If he announces and doesn't deliver, the request runs out first: 1 s more for each of his
//! links that spoke before the honest ones. First hops that keep our own items back delay them by one
//! batch, [`LAZY`].
//!
//! *Short ids*: see [`ShortId`].
//!
//! Blocks are announced at once to all, and asked for at once.

mod batches;
mod expected;
mod feedback;
mod odds;
mod origin;
mod patience;
mod ration;
mod threshold;
mod trials;

use std::sync::Arc;
use std::time::Duration;

use super::topology::{spread, spread_among};
use super::turns::Turns;
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Link, LinkSet, LinkTable};
use crate::ground::time::Time;
use crate::params::{Probability, RelayParams};
use crate::wire::message::Signal;

use batches::Batches;
use expected::{Arrival, Expected};
use feedback::{Feedback, Said};
use origin::{Own, first_hops};
use patience::Patience;
use ration::Ration;
use threshold::Threshold;
use trials::{Trials, is_answered, is_new, is_told_trial, is_trial};

pub use batches::LAZY;
pub use odds::Odds;
pub use patience::WAIT_MAX;

/// How long a peer that was asked has before the next one is. A guess: a few round trips; a peer that
/// needs longer costs a second copy.
pub const ANSWER: Duration = Duration::from_secs(1);

/// So many items ago whoever never brought any counts as having brought one: longer than any link stands.
const LONG_AGO: u32 = 1 << 31;

/// Whoever brought nothing of so many items is missed by nobody when it goes. A guess: as many as odds settle in.
const LATELY: u32 = 256;

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct Adaptive {
    links: LinkTable<Side>,
    /// How many transactions were accepted; wraps.
    accepted: u32,
    /// Where peers are compared with and not told lazily.
    turns: Turns,
    threshold: Threshold,
    ration: Ration,
    trials: Trials,
    expected: Expected,
    patience: Patience,
    feedback: Feedback,
    own: Own,
    batches: Batches,
}

/// Our side of a link.
#[derive(Clone, Copy, Debug)]
struct Side {
    /// That the peer has an item first from us.
    odds: Odds,
    /// That of what the peer sends whole, we have an item first from it.
    merit: Odds,
    /// [`Adaptive::accepted`] when it came up.
    since: u32,
    /// The same when it last brought something; long ago if it never did.
    brought: u32,
}

impl Side {
    /// How many transactions it has seen.
    const fn age(self, accepted: u32) -> u32 {
        accepted.wrapping_sub(self.since)
    }
}

impl Strategy for Adaptive {
    fn on_link_up(&mut self, neighbour: Neighbour, cx: &mut RelayCx<'_>) {
        let side = Side {
            odds: Odds::default(),
            merit: Odds::default(),
            since: self.accepted,
            brought: self.accepted.wrapping_sub(LONG_AGO),
        };
        self.links.insert(neighbour.link, side);
        // It may be told of what came lately (`Node::meet`), and where links are compared nothing else has that leave.
        if !cx.params.compared().is_zero() {
            self.batches.be_lazy(cx.now, cx.rng);
        }
    }

    fn on_link_down(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        let side = self.links.remove(link);
        if side.is_some_and(|side| self.accepted.wrapping_sub(side.brought) <= LATELY) {
            self.hurry(cx);
        }
        self.trials.on_link_down(link);
        self.feedback.on_link_down(link);
        self.expected.on_link_down(link);
        self.batches.on_link_down(link);
        self.patience.on_link_down();
    }

    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        if item.kind() == ItemKind::Block {
            for neighbour in cx.overlay.ignorant(item.id()) {
                cx.steps.push(Step::AnnounceNow(neighbour.link, item.id()));
            }
            return;
        }
        self.settle(cx.now, cx.params);
        self.accepted = self.accepted.wrapping_add(1);
        match ingress {
            Some(link) => {
                if let Some(side) = self.links.get_mut(link) {
                    side.brought = self.accepted;
                }
                self.note_arrival(item.id().into(), ingress, cx);
                self.spread(item, ingress, cx);
            }
            None => self.spread_own(item, cx),
        }
    }

    fn on_let_go(&mut self, item: &Arc<Item>, others: &[Link], cx: &mut RelayCx<'_>) {
        let id = item.id();
        if self.own.take_echo(id.into()).is_some() {
            return self.spread(item, None, cx);
        }
        cx.steps.extend(others.iter().map(|link| Step::Hold(*link, id)));
        self.batches.be_lazy(cx.now, cx.rng);
    }

    fn on_duplicate(&mut self, link: Link, id: ItemId, cx: &mut RelayCx<'_>) {
        let id = id.into();
        self.on_echo(id, cx);
        if self.expected.is_answer(link, id) {
            return; // we asked for it, and it came from elsewhere meanwhile
        }
        // Worth waiting for is only who is sometimes first: whoever gives back what he gets never is.
        let merit = self.links.get(link).map(|side| side.merit.probability());
        if let Some(lag) = self.expected.overtaken(id, cx.now)
            && merit.is_some_and(|merit| merit >= cx.params.adaptive.prompt_from())
        {
            self.patience.on_lag(lag);
        }
        if is_trial(id) || is_answered(self.age(link)) {
            let second = self.judge(link, id, cx);
            self.say(second, Said::Known, id, cx);
        }
    }

    fn on_announced(
        &mut self,
        link: Link,
        (kind, id): (ItemKind, ShortId),
        known: bool,
        cx: &mut RelayCx<'_>,
    ) -> Duration {
        if known {
            self.on_echo(id, cx);
        }
        if known || kind == ItemKind::Block {
            return Duration::ZERO;
        }
        let since = self.expected.on_announced(link, id, cx.now);
        self.patience.wait().saturating_sub(cx.now - since)
    }

    fn on_requested(&mut self, link: Link, id: ItemId, _cx: &mut RelayCx<'_>) {
        self.trials.take_told(link, id.into());
        self.hit(link);
    }

    fn on_asked(&mut self, _link: Link, id: ShortId, _cx: &mut RelayCx<'_>) {
        self.expected.on_asked(id);
    }

    fn on_signal(&mut self, link: Link, signal: &Signal, _cx: &mut RelayCx<'_>) {
        match signal {
            Signal::Known(ids) => {
                let news = ids.iter().filter(|id| self.trials.take_sent(link, **id)).count();
                (0..news).for_each(|_| self.miss(link));
            }
            Signal::First(ids) => {
                let news = ids.iter().filter(|id| self.trials.take_told(link, **id)).count();
                (0..news).for_each(|_| self.hit(link));
            }
            Signal::Prune | Signal::Graft | Signal::Poll => {}
        }
    }

    fn on_gap(&mut self, cx: &mut RelayCx<'_>) {
        self.hurry(cx);
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        cx.take_turn(&mut self.turns, cx.params.compared());
        if self.batches.take_lazy(cx.now) {
            self.settle(cx.now, cx.params);
            let own = self.own.take();
            for id in &own {
                spread(cx, *id, |Neighbour { link, .. }| Step::Hold(link, *id));
            }
            self.feedback.flush(cx.steps);
            flush(cx, |cx, link| !own.is_empty() || cx.overlay.waiting(link) > 0);
            return;
        }
        if self.batches.take_hurried(cx.now) {
            self.feedback.flush(cx.steps);
        }
        if let Some(prompt) = self.batches.take_prompt(cx.now) {
            flush(cx, |cx, link| prompt.contains(link) && cx.overlay.waiting(link) > 0);
        }
    }

    fn deadline(&self) -> Time {
        self.batches.deadline().min(self.turns.deadline())
    }

    fn keeps(&self, link: Link) -> bool {
        self.links.get(link).is_some()
            || self.trials.keeps(link)
            || self.feedback.keeps(link)
            || self.expected.keeps(link)
            || self.batches.keeps(link)
    }

    fn warm(&self, link: Link) -> u64 {
        let side = self.links.get(link).map_or(0, |side| side.since);
        let lens = self.own.len() as u64 ^ self.trials.len() as u64;
        let wait = u64::from(self.patience.wait().subsec_nanos());
        u64::from(side ^ self.accepted) ^ lens ^ wait ^ self.batches.deadline().as_nanos()
    }

    fn patience(&self, _params: &RelayParams) -> Option<Duration> {
        Some(ANSWER)
    }

    fn takes_unasked(&self) -> bool {
        true
    }

    fn names_short(&self) -> bool {
        true
    }
}

impl Adaptive {
    /// Compares in haste, where it compares.
    fn hurry(&mut self, cx: &RelayCx<'_>) {
        let round = cx.params.compared();
        if !round.is_zero() {
            self.turns.hurry(round, cx.overlay.len(), cx.now);
        }
    }

    /// Gives every peer its share of a transaction that came from another.
    fn spread(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let (id, steps_before) = (item.id(), cx.steps.len());
        let eager = self.eager(id, cx);
        let compares = !cx.params.compared().is_zero();
        let params = cx.params;
        let is_told = |to: Neighbour| {
            !compares || eager.contains(to.link) || self.is_prompt(to.link, id.into(), params)
        };
        let step = |Neighbour { link, .. }| {
            if eager.contains(link) { Step::Send(link, item.clone()) } else { Step::Hold(link, id) }
        };
        spread_among(cx, id, is_told, step);
        if compares {
            self.turns.on_news(params.compared(), cx.overlay.len(), cx.now);
        }
        let is_trial = is_trial(id.into());
        let (mut sent, mut told) = (LinkSet::default(), LinkSet::default());
        let window = self.window(cx.params);
        for place in steps_before..cx.steps.len() {
            match cx.steps[place] {
                Step::Send(link, _) if is_trial || is_new(self.age(link)) => _ = sent.insert(link),
                Step::Hold(link, id) if self.is_prompt(link, id.into(), cx.params) => {
                    if is_trial {
                        told.insert(link);
                    }
                    if window.is_zero() {
                        cx.steps.push(Step::Flush(link));
                    } else {
                        self.batches.be_prompt(link, window, cx.now, cx.rng);
                    }
                }
                Step::Hold(..) => self.batches.be_lazy(cx.now, cx.rng),
                _ => {}
            }
        }
        let is_up = |link: &Link| self.links.get(*link).is_some();
        let first = ingress.filter(is_up).filter(|link| is_trial || is_new(self.age(*link)));
        self.trials.begin(id.into(), (cx.now, first), sent, told, self.threshold.epoch());
    }

    /// The links that get an item whole: all that are worth it, or as many as the ration lets, and of those first who brought us
    /// something last.
    fn eager(&mut self, id: ItemId, cx: &RelayCx<'_>) -> LinkSet {
        let least = self.threshold(cx.params);
        let links = cx.overlay.ignorant(id).map(|neighbour| neighbour.link);
        let mut worth: Vec<_> = links.filter(|link| self.odds(*link) >= least).collect();
        let most = self.ration.take(worth.len(), cx.params.adaptive.redundancy());
        if most < worth.len() {
            let brought = |link: &Link| self.links.get(*link).map_or(0, |side| side.brought);
            worth.sort_unstable_by_key(|link| self.accepted.wrapping_sub(brought(link)));
        }
        let mut eager = LinkSet::default();
        worth.into_iter().take(most).for_each(|link| _ = eager.insert(link));
        eager
    }

    /// From which odds on a peer gets items whole.
    fn threshold(&self, params: &RelayParams) -> Probability {
        self.threshold.value(params.adaptive.eager_from())
    }

    fn odds(&self, link: Link) -> Probability {
        self.links.get(link).map_or(Probability::ONE, |side| side.odds.probability())
    }

    /// Whether an id that isn't worth a whole item is worth more than a place in the lazy batch.
    fn is_prompt(&self, link: Link, id: ShortId, params: &RelayParams) -> bool {
        self.odds(link) >= params.adaptive.prompt_from() || is_told_trial(id, self.age(link))
    }

    /// How long prompt ids wait for company: no longer than we would wait for the item ourselves before we
    /// asked. Where items come by request only, that is not at all.
    fn window(&self, params: &RelayParams) -> Duration {
        params.adaptive.preset.window().min(self.patience.wait())
    }

    /// How many transactions a link has seen.
    fn age(&self, link: Link) -> u32 {
        self.links.get(link).map_or(0, |side| side.age(self.accepted))
    }

    /// Sends an own transaction to the first hops. The others hear of it when somebody else speaks of it, or
    /// with the next lazy batch.
    fn spread_own(&mut self, item: &Arc<Item>, cx: &mut RelayCx<'_>) {
        let id = item.id();
        let hops = first_hops(cx.overlay, cx.params.adaptive.first_hops());
        let links = cx.overlay.ignorant(id).map(|neighbour| neighbour.link);
        let sends = links.filter(|link| hops.contains(*link));
        cx.steps.extend(sends.map(|link| Step::Send(link, item.clone())));
        if let Some(oldest) = self.own.on_submitted(id) {
            spread(cx, oldest, |Neighbour { link, .. }| Step::Hold(link, oldest));
        }
        self.batches.be_lazy(cx.now, cx.rng);
    }

    /// A peer has a transaction that we have too: if it is an own one, it is spread like any other now.
    fn on_echo(&mut self, id: ShortId, cx: &mut RelayCx<'_>) {
        let Some(own) = self.own.take_echo(id) else { return };
        let Some(item) = cx.overlay.item(&own).cloned() else { return };
        self.spread(&item, None, cx);
    }

    /// Which of two links sent a trial second: the one by which it came again, unless that was a dead heat
    /// and the other one has less merit.
    fn judge(&mut self, link: Link, id: ShortId, cx: &RelayCx<'_>) -> Link {
        let (now, margin) = (cx.now, cx.params.adaptive.preset.dead_heat());
        let merit = |link| self.links.get(link).map(|side| side.merit.probability());
        let second = self
            .trials
            .on_copy(link, id, |since, first| now - since < margin && merit(link) > merit(first));
        if let Some(side) = self.links.get_mut(second) {
            side.merit.miss();
        }
        second
    }

    fn say(&mut self, link: Link, said: Said, id: ShortId, cx: &mut RelayCx<'_>) {
        self.feedback.hold(link, said, id);
        self.batches.be_lazy(cx.now, cx.rng);
        if is_answered(self.age(link)) {
            self.batches.hurry(cx.now, cx.rng);
        }
    }

    /// Learns from how an item came, and lets those who announced it first learn.
    fn note_arrival(&mut self, id: ShortId, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        match self.expected.on_arrived(id, ingress, cx.now) {
            Arrival::Unannounced => {}
            Arrival::Asked => self.patience.on_vain(),
            Arrival::Unasked { first, lag, asked } => {
                if asked && is_trial(id) {
                    self.threshold.on_waste();
                }
                self.patience.on_lag(lag);
                let margin = cx.params.adaptive.preset.dead_heat();
                if lag >= margin && is_trial(id) {
                    self.say(first, Said::First, id, cx);
                }
            }
        }
    }

    /// Silence is an answer, once there was time enough for another.
    fn settle(&mut self, now: Time, params: &RelayParams) {
        let (dial, first) = (params.adaptive.redundancy(), params.adaptive.eager_from());
        while let Some(trial) = self.trials.take_due(now) {
            if is_trial(trial.id) {
                self.threshold.on_verdict(trial.epoch, trial.useless.into(), dial, first);
            }
            if let Some(side) = trial.first.and_then(|link| self.links.get_mut(link)) {
                side.merit.hit();
            }
            for (link, side) in self.links.iter_mut() {
                if trial.sent.contains(link) {
                    side.odds.hit();
                } else if trial.told.contains(link) {
                    side.odds.miss();
                }
            }
        }
    }

    fn hit(&mut self, link: Link) {
        if let Some(side) = self.links.get_mut(link) {
            side.odds.hit();
        }
    }

    fn miss(&mut self, link: Link) {
        if let Some(side) = self.links.get_mut(link) {
            side.odds.miss();
        }
    }
}

/// Lets all that waits on some links leave.
fn flush(cx: &mut RelayCx<'_>, is_due: impl Fn(&RelayCx<'_>, Link) -> bool) {
    for neighbour in cx.overlay.neighbours() {
        if is_due(cx, neighbour.link) {
            cx.steps.push(Step::Flush(neighbour.link));
        }
    }
}

#[cfg(test)]
mod tests;
