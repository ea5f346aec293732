//! Faults begin and end.

use rand::RngExt as _;
use tidings_protocol::ground::time::Time;
use tidings_timeline::State;

use super::state::{End, Event, Former, WAKES, World, narrow};
use crate::fault::{Cut, FaultSpec, Running};
use crate::random::shared;
use crate::units::{nanos, share_of};

impl World {
    pub(super) fn begin(&mut self, index: usize) {
        let fault = self.faults.get_mut(index);
        let until = fault.until;
        if fault.exempt.all {
            return;
        }
        let nodes = match fault.spec.clone() {
            FaultSpec::Loss { .. } | FaultSpec::Duplicate { .. } | FaultSpec::Reorder { .. } => {
                self.faults.set_watching(index, true);
                Vec::new()
            }
            FaultSpec::Clog { share, .. } => {
                self.clog(index, share, until);
                Vec::new()
            }
            FaultSpec::Crash { share, nodes, silent, restart_after_s, .. } => {
                let chosen = self.choose(index, share, &nodes);
                for node in &chosen {
                    let known = self.crash(*node, silent);
                    if restart_after_s.is_some() {
                        self.push(until, *node, Event::Restart(known));
                    }
                }
                chosen
            }
            FaultSpec::Churn { .. } => {
                let nodes = 0..self.fixed.layout.nodes;
                nodes.for_each(|node| self.doom(node, index));
                Vec::new()
            }
            FaultSpec::Partition { share, mode, .. } => self.part(index, share, mode),
            FaultSpec::Cut { links, mode, .. } => {
                self.count_pairs(index, &links);
                self.faults.set_watching(index, true);
                if mode == Cut::Break {
                    self.break_parted();
                }
                Vec::new()
            }
            FaultSpec::Slow { share, nodes, links, .. } => {
                let slow = self.choose(index, share, &nodes);
                self.faults.split(index, self.seats.len(), &slow);
                self.count_pairs(index, &links);
                self.faults.set_watching(index, true);
                self.faults.get_mut(index).nodes.clone_from(&slow);
                self.tell_states(&slow, State::Slow);
                slow
            }
            FaultSpec::Liar { share, nodes, .. } => {
                let liars = self.choose(index, share, &nodes);
                self.faults.corrupt(index, &liars, self.seats.len());
                self.faults.get_mut(index).nodes.clone_from(&liars);
                self.tell_states(&liars, State::Lying);
                liars
            }
            FaultSpec::Pause { share, nodes, .. } => {
                let chosen = self.choose(index, share, &nodes);
                for node in &chosen {
                    self.seats[*node as usize].paused = true;
                }
                self.faults.get_mut(index).nodes.clone_from(&chosen);
                self.tell_states(&chosen, State::Paused);
                chosen
            }
        };
        self.tell_fault(index, nodes);
    }

    pub(super) fn end(&mut self, index: usize) {
        self.faults.set_watching(index, false);
        let Running { spec, nodes, exempt, .. } = self.faults.get_mut(index);
        if exempt.all {
            return;
        }
        let nodes = std::mem::take(nodes);
        if matches!(spec, FaultSpec::Pause { .. }) {
            self.tell_states(&nodes, State::Resumed);
            nodes.into_iter().for_each(|node| self.resume(node));
        } else if matches!(spec, FaultSpec::Liar { .. }) {
            self.tell_states(&nodes, State::Honest);
            nodes.into_iter().for_each(|node| self.faults.reform(node));
        } else if matches!(spec, FaultSpec::Slow { .. }) {
            self.tell_states(&nodes, State::Quick);
        } else if matches!(spec, FaultSpec::Partition { .. }) {
            self.begin_healing();
        }
    }

    /// The nodes that a fault meets: those that it names, or a share of the living ones.
    fn choose(&mut self, index: usize, share: f64, named: &[u32]) -> Vec<u32> {
        let alive = |node: &u32| self.seats[*node as usize].alive;
        let mut chosen: Vec<u32> = named.iter().copied().filter(alive).collect();
        if share > 0.0 {
            let living: Vec<u32> = (0..self.fixed.layout.nodes).filter(alive).collect();
            let count = share_of(share, living.len());
            let picked = shared::sample(living.len(), count, &mut self.faults.get_mut(index).rng);
            chosen = picked.into_iter().map(|place| living[place]).collect();
        }
        chosen.sort_unstable();
        chosen.dedup();
        let exempt = &self.faults.get_mut(index).exempt;
        chosen.retain(|node| !exempt.nodes.contains(node));
        let fault = self.faults.get_mut(index);
        fault.touched += chosen.len() as u64;
        fault.met.extend(&chosen);
        chosen
    }

    /// Some links are read at neither end for a while.
    fn clog(&mut self, index: usize, share: f64, until: Time) {
        let mut clogged = Vec::new();
        let fault = self.faults.get_mut(index);
        for (node, seat) in (0..).zip(&self.seats) {
            for end in seat.ends.iter().filter(|end| end.live && end.dialled) {
                if fault.rng.random_bool(share) && !fault.exempt.link(node, end.peer) {
                    fault.met_links.push((node, end.peer));
                    clogged.push((node, end.near));
                    clogged.push((end.peer, end.far));
                }
            }
        }
        fault.touched += clogged.len() as u64 / 2;
        for (node, link) in clogged {
            self.hold(node, link, None, until);
        }
    }

    /// Returns the smaller side.
    fn part(&mut self, index: usize, share: f64, mode: Cut) -> Vec<u32> {
        let smaller = self.choose(index, share, &[]);
        self.faults.split(index, self.seats.len(), &smaller);
        self.faults.set_watching(index, true);
        if mode == Cut::Break {
            self.break_parted();
        }
        smaller
    }

    /// Counts the links between pairs of nodes that a fault names.
    fn count_pairs(&mut self, index: usize, pairs: &[(u32, u32)]) {
        let linked = |(a, b): &&(u32, u32)| {
            self.seats[*a as usize].ends.iter().any(|end| end.live && end.peer == *b)
        };
        let count = pairs.iter().filter(linked).count() as u64;
        self.faults.get_mut(index).touched += count;
    }

    /// Links break between which anything lies.
    fn break_parted(&mut self) {
        for node in 0..self.fixed.layout.nodes {
            for slot in 0..self.seats[node as usize].ends.len() {
                let end = &self.seats[node as usize].ends[slot];
                let (link, peer, live) = (end.near, end.peer, end.live);
                if live && self.faults.parted(node, peer) {
                    self.push(self.now, node, Event::Broken { link });
                }
            }
        }
    }

    /// Draws when a node crashes as part of a churn.
    fn doom(&mut self, node: u32, index: usize) {
        let fault = self.faults.get_mut(index);
        let FaultSpec::Churn { per_minute, .. } = fault.spec else {
            return;
        };
        let after = exponential(60.0 / per_minute, fault.rng.random());
        let at = Time::from_nanos(self.now.as_nanos().saturating_add(after));
        if at < fault.until && !fault.exempt.nodes.contains(&node) {
            let (fault, life) = (narrow(index), self.seats[node as usize].life);
            self.push(at, node, Event::Crash { fault, life });
        }
    }

    /// A node's time has come: it crashes, comes back, and is doomed again.
    pub(super) fn churn(&mut self, node: u32, index: u32) {
        let fault = self.faults.get_mut(index as usize);
        fault.touched += 1;
        fault.met.push(node);
        let FaultSpec::Churn { away_s, .. } = fault.spec else {
            return;
        };
        let away = exponential(away_s, fault.rng.random());
        let back = Time::from_nanos(self.now.as_nanos().saturating_add(away));
        let known = self.crash(node, false);
        self.push(back, node, Event::Restart(known));
        self.push(back, node, Event::Doom { fault: index });
    }

    pub(super) fn doomed(&mut self, node: u32, index: u32) {
        self.doom(node, index as usize);
    }

    /// A node dies and forgets everything. Returns whom it had dialled: its address file keeps them.
    fn crash(&mut self, node: u32, silent: bool) -> Box<[u32]> {
        let fresh = self.make_node(node);
        let seat = &mut self.seats[node as usize];
        if !seat.alive {
            return Box::default();
        }
        seat.alive = false;
        seat.paused = false;
        seat.wakes = [Time::NEVER; WAKES];
        let counters = std::mem::replace(&mut seat.node, fresh).counters();
        let known = seat.ends.iter().filter_map(End::dialled_peer).collect();
        let links: Vec<_> =
            seat.ends.iter().filter(|end| end.live).map(|end| (end.near, end.held)).collect();
        for (link, held) in links {
            if !silent {
                self.tell_broken(node, link);
            }
            if held {
                self.held.remove(&(node, narrow(link.slot())));
            }
            self.seats[node as usize].ends[link.slot()].live = false;
            if let Some(recording) = &mut self.recording {
                recording.end_gone(self.now, node, link.slot());
            }
        }
        self.tell_states(&[node], State::Down);
        self.paused.remove(&node);
        self.former.entry(node).or_default().add(&counters);
        self.living -= 1;
        self.record.node_down(node);
        known
    }

    /// A node that crashed starts again, with the addresses that it knew.
    pub(super) fn restart(&mut self, node: u32, known: &[u32]) {
        let seat = &mut self.seats[node as usize];
        if seat.alive {
            return;
        }
        seat.alive = true;
        seat.life += 1;
        self.living += 1;
        self.record.node_up(node);
        self.tell_states(&[node], State::Up);
        // In a fixed shape its operator's list stands.
        if !self.fixed.layout.shape.is_fixed() {
            self.remind(node);
            self.import(node, known);
        }
        self.arm(node, Time::ZERO);
    }

    /// A paused node goes on with what waited for it.
    fn resume(&mut self, node: u32) {
        self.seats[node as usize].paused = false;
        for event in self.paused.remove(&node).unwrap_or_default() {
            self.happen(node, &event);
        }
    }
}

/// A wait of an exponential distribution, nanoseconds, from a number of [0, 1). For ever if the mean is.
fn exponential(mean_s: f64, uniform: f64) -> u64 {
    nanos(-(1.0 - uniform).ln() * mean_s)
}

impl Former {
    fn add(&mut self, counters: &tidings_protocol::report::counters::Counters) {
        self.cross_region_bytes += counters.sent_cross_region_bytes;
        self.traffic.add(&counters.traffic);
    }
}
