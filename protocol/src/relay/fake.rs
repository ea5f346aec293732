//! A node's surroundings, set by hand: what the tests of strategies look at and through.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::{Neighbour, Overlay, RelayCx, Step, Strategy};
use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::params::RelayParams;
use crate::wire::message::Signal;

/// An overlay that does what steps would do to it: what is sent or announced is known from then on.
pub(crate) struct Fake {
    pub(crate) params: RelayParams,
    pub(crate) now: Time,
    pub(crate) links: Vec<Neighbour>,
    pub(crate) region: Option<u8>,
    known: BTreeSet<(Link, ItemId)>,
    held: Vec<(Link, ItemId)>,
    items: Vec<Arc<Item>>,
    rng: ChaCha8Rng,
}

pub(crate) fn tx(n: u8) -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, vec![n; 100].into()).unwrap()
}

pub(crate) fn link(slot: u32) -> Link {
    Link::new(slot, 1)
}

impl Fake {
    pub(crate) fn new(links: u32) -> Self {
        let neighbour = |slot| {
            let direction = if slot % 2 == 0 { Direction::Outbound } else { Direction::Inbound };
            Neighbour { link: link(slot), direction, region: None }
        };
        Self {
            params: RelayParams::default(),
            now: Time::ZERO,
            links: (0..links).map(neighbour).collect(),
            region: None,
            known: BTreeSet::new(),
            held: Vec::new(),
            items: (0..=u8::MAX).map(tx).collect(),
            rng: ChaCha8Rng::seed_from_u64(11),
        }
    }

    /// The peer of a link is known to have an item.
    pub(crate) fn tell(&mut self, slot: u32, id: ItemId) {
        self.known.insert((link(slot), id));
    }

    /// Whether the peer of a link is known to have an item, or its id waits there.
    pub(crate) fn is_told(&self, slot: u32, id: ItemId) -> bool {
        self.known.contains(&(link(slot), id)) || self.held.contains(&(link(slot), id))
    }

    /// Hands over a call and returns the steps, carried out.
    pub(crate) fn ask(&mut self, call: impl FnOnce(&mut RelayCx<'_>)) -> Vec<Step> {
        let mut rng = self.rng.clone();
        let mut steps = Vec::new();
        let (now, params) = (self.now, &self.params);
        call(&mut RelayCx { now, params, rng: &mut rng, overlay: self, steps: &mut steps });
        self.rng = rng;
        for step in &steps {
            match step {
                Step::Send(link, item) => {
                    self.known.insert((*link, item.id()));
                }
                Step::Announce(link, id) | Step::AnnounceNow(link, id) => {
                    self.known.insert((*link, *id));
                }
                Step::Hold(link, id) => self.held.push((*link, *id)),
                Step::Flush(link) => {
                    let leaves = |held: &mut (Link, ItemId)| held.0 == *link;
                    self.known.extend(self.held.extract_if(.., leaves));
                }
                Step::Signal(..) | Step::Charge(..) | Step::Compare(_) => {}
            }
        }
        steps
    }

    /// Hands over an item that came by a link.
    pub(crate) fn accept(
        &mut self,
        strategy: &mut impl Strategy,
        n: u8,
        ingress: Option<u32>,
    ) -> Vec<Step> {
        let item = tx(n);
        if let Some(slot) = ingress {
            self.tell(slot, item.id());
        }
        self.ask(|cx| strategy.on_accepted(&item, ingress.map(link), cx))
    }

    /// Wakes a strategy when it wants it. Returns what it then does.
    pub(crate) fn wake(&mut self, strategy: &mut impl Strategy) -> Vec<Step> {
        assert_ne!(strategy.deadline(), Time::NEVER, "it sleeps");
        self.now = self.now.max(strategy.deadline());
        self.ask(|cx| strategy.on_wake(cx))
    }
}

/// To how many links an item is sent whole.
pub(crate) fn sends(steps: &[Step]) -> usize {
    steps.iter().filter(|step| matches!(step, Step::Send(..))).count()
}

/// The links that are polled.
pub(crate) fn polls(steps: &[Step]) -> Vec<Link> {
    let poll = |step: &Step| match step {
        Step::Signal(link, Signal::Poll) => Some(*link),
        _ => None,
    };
    steps.iter().filter_map(poll).collect()
}

impl Overlay for Fake {
    fn len(&self) -> usize {
        self.links.len()
    }

    fn neighbour(&self, index: usize) -> Neighbour {
        self.links[index]
    }

    fn knows(&self, link: Link, id: &ItemId) -> bool {
        self.known.contains(&(link, *id))
    }

    fn waiting(&self, link: Link) -> usize {
        self.held.iter().filter(|(held, _)| *held == link).count()
    }

    fn item(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.items.iter().find(|item| item.id() == *id)
    }

    fn region(&self) -> Option<u8> {
        self.region
    }
}
