//! How a life ends: nothing is left of those who left, and healthy peers find a healthy node.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::inputs::key;
use super::{Chaos, ROUND_MS, SLOTS};
use crate::chain::Chain as _;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::PeerKey;
use crate::ground::time::Time;
use crate::machine::{Action, Cx, Input, Machine as _};
use crate::node::{Identity, Node};
use crate::params::{OverlayKind, Params, StrategyKind};
use crate::testkit::ties::{Draft, Ties};
use crate::wire::message::{Items, Message, Names, PeerExchange, Reconcile, Session, Signal};

/// Wake-ups after the last link, before it counts as restlessness.
const WAKES_MAX: usize = 10_000;

/// From one node to the other.
const LATENCY: Duration = Duration::from_millis(50);

/// After that long two healthy nodes are equal.
const UNTIL_EQUAL: Duration = Duration::from_secs(600);

/// So long they are listened to then.
const SILENCE: Duration = Duration::from_secs(120);

/// A node that nothing has happened to, at the other end of one link, and what is on its way between the two.
struct Healthy {
    node: Node,
    params: Params,
    link: Link,
    /// To it, and from it.
    coming: VecDeque<(Time, Message)>,
    going: VecDeque<(Time, Message)>,
}

impl Chaos {
    /// Ends it: everybody leaves, and time passes.
    ///
    /// # Panics
    /// When something stays of those who left; when what a healthy peer has doesn't get through afterwards; and when two
    /// healthy nodes don't come to hold the same, cut one another off or don't fall silent.
    pub fn finish(mut self) {
        self.leave();
        self.heal();
        self.leave();
        self.converge();
    }

    /// Everybody leaves and every verdict is given.
    fn leave(&mut self) {
        (0..SLOTS).for_each(|slot| self.disconnect(slot));
        self.give_verdicts(usize::MAX, true);
        let until = self.now + Duration::from_secs(3_600);
        for _ in 0..WAKES_MAX {
            self.give_verdicts(usize::MAX, false);
            let at = self.node.deadline();
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            self.hand(Input::Wake);
        }
        assert!(self.node.deadline() > self.now, "it never comes to rest");
        assert_eq!(self.node.links().count(), 0);
        assert_eq!(self.node.wanted(), 0, "wanted of nobody");
        assert!(self.node.orphanage().is_none(), "an orphan whose announcers are gone");
    }

    /// A healthy peer's transaction is fetched, and told to another.
    fn heal(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        self.said.clear();
        // Strangers: those of before may have misbehaved.
        let [giver, taker] = [0, 1].map(|slot| {
            let stranger = PeerKey(key(slot).0 + 100);
            self.connect(slot, stranger, Direction::Outbound)
        });
        for link in [giver, taker] {
            self.say(link, Session::Hello(Box::default()).into());
        }
        let tx = Draft::paying(u32::MAX, 1_000_000).item();
        let names = Names::Whole { kind: ItemKind::Tx, ids: [tx.id()].into() };
        self.say(giver, Items::Announce(names).into());
        let until = self.now + Duration::from_secs(120);
        let mut is_told = false;
        while !is_told && self.now <= until {
            self.hand(Input::Wake);
            for (link, said) in std::mem::take(&mut self.said) {
                match said {
                    Message::Items(Items::GetData(_)) if link == giver => {
                        self.say(giver, Items::Item(tx.clone()).into());
                        self.give_verdicts(usize::MAX, false);
                    }
                    Message::Session(Session::Ping { nonce }) => {
                        self.say(link, Session::Pong { nonce }.into());
                    }
                    Message::Peers(PeerExchange::Join | PeerExchange::Neighbour { .. }) => {
                        self.say(link, PeerExchange::NeighbourReply { is_taken: true }.into());
                    }
                    Message::Reconcile(Reconcile::Held(lists)) if link == taker => {
                        let mut ids = lists.iter().flat_map(|list| list.ids.iter());
                        is_told |= ids.any(|id| *id == tx.id().into());
                    }
                    Message::Reconcile(Reconcile::Lacked(ids)) if link == taker => {
                        is_told |= ids.contains(&tx.id().into());
                    }
                    Message::Items(Items::Item(item)) if link == taker => {
                        is_told |= item.id() == tx.id();
                    }
                    Message::Items(Items::Announce(names)) if link == taker => {
                        is_told |= names.iter().any(|name| name.fits(&tx.id()));
                    }
                    _ => {}
                }
            }
            self.now = self.now.max(self.node.deadline()).max(self.now + Duration::from_millis(1));
        }
        assert!(self.node.item(&tx.id()).is_some(), "a healthy peer's item isn't taken");
        // These two tell nobody but who asks, or of nothing but our own.
        let is_silent =
            matches!(self.params.relay.strategy, StrategyKind::DirectMail | StrategyKind::Pull);
        assert!(is_told || is_silent, "a healthy peer isn't told");
    }

    /// The node and one that nothing has happened to come to hold the same, and then say nothing more.
    fn converge(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        self.said.clear();
        let mut other = Healthy::new(self.params.peers.overlay, self.params.relay.strategy);
        let (ours, theirs) = match self.steps % 2 {
            0 => (Direction::Inbound, Direction::Outbound),
            _ => (Direction::Outbound, Direction::Inbound),
        };
        let link = self.connect(0, PeerKey(2_000), ours);
        self.honest = Some(link);
        other.hand(
            Input::Connected {
                link: other.link,
                peer: PeerKey(1_000),
                direction: theirs,
                addr: None,
            },
            self,
        );
        let own = |n: u32| Draft::paying(u32::MAX - n, 1_000_000 + u64::from(n)).item();
        let all: Vec<Arc<Item>> = (1..=6).map(own).collect();
        for tx in &all[..3] {
            self.hand(Input::Submitted(tx.clone()));
        }
        for tx in &all[3..] {
            other.hand(Input::Submitted(tx.clone()), self);
        }
        self.live_with(&mut other, self.now + UNTIL_EQUAL);
        for tx in &all {
            assert!(self.node.item(&tx.id()).is_some(), "a healthy node's item doesn't come");
            assert!(other.node.item(&tx.id()).is_some(), "a healthy node isn't given an item");
        }
        let lacks = |id: &&ItemId| !other.node.pool().contains(**id);
        let lacking: Vec<_> = self.pooled.iter().filter(lacks).copied().collect();
        let parentless = |id: &&ItemId| {
            let item = self.node.pool().get(**id);
            item.is_some_and(|item| Ties.inspect(item).is_ok_and(|found| found.parents.is_empty()))
        };
        let knows_no_block = other.node.blocks().is_empty();
        assert!(
            !knows_no_block || !lacking.iter().any(|id| parentless(&id)),
            "two healthy nodes don't come to hold the same"
        );
        if lacking.is_empty() && other.node.pool().len() == self.pooled.len() {
            let said = self.live_with(&mut other, self.now + SILENCE);
            assert_eq!(said, [], "equal nodes don't fall silent");
        }
    }

    /// Time passes for the two. Returns what was said about items.
    fn live_with(&mut self, other: &mut Healthy, until: Time) -> Vec<Message> {
        let mut said = Vec::new();
        let mut steps = 0;
        while self.now < until {
            steps += 1;
            assert!(steps < WAKES_MAX, "two nodes never come to rest");
            let arrives = |queue: &VecDeque<(Time, Message)>| {
                queue.front().map_or(Time::NEVER, |(at, _)| *at)
            };
            let (coming, going) = (arrives(&other.coming), arrives(&other.going));
            let ours = going.min(self.node.deadline());
            let theirs = coming.min(other.node.deadline());
            self.now = self.now.max(ours.min(theirs).min(until));
            if going <= self.now
                && let (Some((_, message)), Some(link)) = (other.going.pop_front(), self.honest)
            {
                said.extend(Some(&message).filter(|said| is_about_items(said)).cloned());
                self.say(link, message);
            } else if coming <= self.now
                && let Some((_, message)) = other.coming.pop_front()
            {
                said.extend(Some(&message).filter(|said| is_about_items(said)).cloned());
                other.hand(Input::Received { link: other.link, message: &message }, self);
            } else if self.node.deadline() <= self.now {
                self.hand(Input::Wake);
            } else if other.node.deadline() <= self.now {
                other.hand(Input::Wake, self);
            }
            self.give_verdicts(usize::MAX, false);
            let at = self.now + LATENCY;
            let news = self.said.drain(..).filter(|(link, _)| Some(*link) == self.honest);
            other.coming.extend(news.map(|(_, message)| (at, message)));
        }
        said
    }
}

/// Whether it isn't of those that equal nodes exchange for ever.
fn is_about_items(message: &Message) -> bool {
    match message {
        Message::Items(Items::FeeFilter(_))
        | Message::Session(_)
        | Message::Peers(_)
        | Message::Relay(Signal::Poll) => false,
        Message::Items(_)
        | Message::Blocks(_)
        | Message::Symbols(_)
        | Message::Relay(_)
        | Message::Reconcile(_)
        | Message::Replica(_)
        | Message::Unknown { .. } => true,
    }
}

impl Healthy {
    fn new(overlay: OverlayKind, strategy: StrategyKind) -> Self {
        let mut params = Params::default();
        params.peers.overlay = overlay;
        params.relay.strategy = strategy;
        params.relay.round_ms = ROUND_MS;
        Self {
            node: Node::new(Identity::for_tests(2_000), &params),
            params,
            link: Link::new(0, 1),
            coming: VecDeque::new(),
            going: VecDeque::new(),
        }
    }

    fn hand(&mut self, input: Input<'_>, world: &mut Chaos) {
        let (now, mut actions) = (world.now, Vec::new());
        let mut hand = |node: &mut Node, input: Input<'_>, actions: &mut Vec<Action>| {
            let mut cx =
                Cx { now, params: &self.params, chain: &Ties, rng: &mut world.rng, actions };
            node.handle(input, &mut cx);
        };
        hand(&mut self.node, input, &mut actions);
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Send { message, .. } => {
                        self.going.push_back((now + LATENCY, message));
                    }
                    Action::Verify(item) => {
                        let verdict = Ties.verify(&item);
                        let verdict = Input::Verdict { item: &item, verdict };
                        hand(&mut self.node, verdict, &mut actions);
                    }
                    Action::Disconnect { why, .. } => {
                        panic!("a healthy node cuts off the one that chaos left: {why:?}")
                    }
                    Action::Throttle { .. }
                    | Action::Load { .. }
                    | Action::Dial { .. }
                    | Action::Changed(_)
                    | Action::Written { .. }
                    | Action::Report(_) => {}
                }
            }
        }
    }
}
