//! What is random from now on, drawn anew; and what may be otherwise.

use std::sync::Arc;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::item::Item;
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::Params;

use super::state::{Entry, Event, Leg, World};
use crate::fault::Exempt;
use crate::otherwise::Otherwise;
use crate::random::{Use, stream};
use crate::watch::Watch;

impl World {
    /// Everything that is random from now on is drawn from another seed: nodes' choices, jitter, faults, who makes blocks.
    /// What was drawn before stays: messages under way arrive when they do, and timers that run run out when they
    /// would.
    pub fn reseed(&mut self, seed: u64) {
        for (node, seat) in (0..).zip(&mut self.seats) {
            seat.rng = stream(seed, Use::Node, node);
            seat.jitter = stream(seed, Use::Jitter, node);
        }
        self.faults.reseed(seed);
        self.mining_rng = ChaCha8Rng::seed_from_u64(stream(seed, Use::Fault, u64::MAX).next_u64());
    }

    /// Begins to note what is said of an item, or ends it.
    pub fn set_watch(&mut self, watch: Option<Watch>) {
        self.watch = watch.map(Box::new);
    }

    /// What is noted.
    #[must_use]
    pub fn watch(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    /// From now on some things are otherwise.
    pub fn set_otherwise(&mut self, otherwise: Option<Arc<Otherwise>>) {
        self.otherwise = otherwise;
    }

    /// A fault spares some from now on. What it did before stays.
    pub fn exempt(&mut self, fault: usize, exempt: Exempt) {
        self.faults.get_mut(fault).exempt = exempt;
    }

    /// A node that lies is honest from now on.
    pub fn reform(&mut self, node: u32) {
        self.faults.reform(node);
    }

    /// The links between two nodes have another latency from now on, nanoseconds each way, without what varies.
    pub fn set_latency(&mut self, a: u32, b: u32, nanos: u64) {
        for (node, peer) in [(a, b), (b, a)] {
            for end in self.seats[node as usize].ends.iter_mut().filter(|end| end.peer == peer) {
                end.latency = nanos;
            }
        }
    }

    /// The fixed latency from one node to another, if they are linked, nanoseconds.
    #[must_use]
    pub fn latency(&self, from: u32, to: u32) -> Option<u64> {
        let mut ends = self.seats[from as usize].ends.iter();
        ends.find(|end| end.live && end.peer == to).map(|end| end.latency)
    }

    /// Whom a node is linked with, ascending.
    #[must_use]
    pub fn neighbours(&self, node: u32) -> Vec<u32> {
        let live = self.seats[node as usize].ends.iter().filter(|end| end.live);
        let mut peers: Vec<u32> = live.map(|end| end.peer).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    /// The parameters of all nodes.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.fixed.params
    }

    /// Whether a node stands still.
    #[must_use]
    pub fn is_paused(&self, node: u32) -> bool {
        self.seats[node as usize].paused
    }

    /// What happens next, in words; `None` if nothing does.
    pub fn what_is_next(&mut self) -> Option<(Time, String)> {
        self.queue.look_ahead(Time::NEVER)?;
        let (at, Entry { node, event }) = self.queue.next_events(1).next()?;
        let fault = |fault: &u32| self.faults.all()[*fault as usize].spec.name();
        let text = match event {
            Event::Wake => format!("node {node} woke for something that was due"),
            Event::Message { leg: Leg::Out, message, .. } => {
                format!("node {node} was handed a message of kind {}", message.kind().name())
            }
            Event::Message { message, .. } => {
                format!("a message of kind {} was on its way to node {node}", message.kind().name())
            }
            Event::Garbled { .. } => format!("bytes that are no message came to node {node}"),
            Event::Broken { .. } => format!("a link of node {node} broke"),
            Event::Release { .. } => format!("node {node} read a link again"),
            Event::Dialled { .. } => format!("a dial of node {node} came to its end"),
            Event::Verdict { .. } | Event::VerdictOfJunk { .. } => {
                format!("node {node} had checked an item")
            }
            Event::Loaded { .. } => format!("node {node} had read a block"),
            Event::Learn(_) => format!("node {node} learned addresses"),
            Event::Mine => "a block was made".to_owned(),
            Event::Submit { item } => format!("item {item} was submitted"),
            Event::Begin { fault: number } => format!("the fault {} began", fault(number)),
            Event::End { fault: number } => format!("the fault {} ended", fault(number)),
            Event::Crash { fault: number, .. } => {
                format!("node {node} crashed, by the fault {}", fault(number))
            }
            Event::Restart(_) => format!("node {node} came back"),
            Event::Doom { .. } => format!("it was drawn when node {node} crashes next"),
        };
        Some((at, text))
    }

    /// The median of the fixed latencies of all links that stand, nanoseconds; 0 if there are none.
    #[must_use]
    pub fn median_latency(&self) -> u64 {
        let ends = self.seats.iter().flat_map(|seat| &seat.ends).filter(|end| end.live);
        let mut all: Vec<u64> = ends.map(|end| end.latency).collect();
        let middle = all.len() / 2;
        if all.is_empty() { 0 } else { *all.select_nth_unstable(middle).1 }
    }

    /// The transactions of the workload that must come before one.
    #[must_use]
    pub fn parents(&self, item: usize) -> Vec<Arc<Item>> {
        let chain = &self.fixed.chain;
        let Ok(inspection) = chain.inspect(&self.fixed.items[item]) else { return Vec::new() };
        if inspection.parents.is_empty() {
            return Vec::new();
        }
        let named = |other: &&Arc<Item>| {
            let referred = chain.inspect(other).map(|inspection| inspection.referred(other));
            referred.is_ok_and(|referred| inspection.parents.contains(&referred))
        };
        self.fixed.items.iter().filter(named).map(Arc::clone).collect()
    }
}
