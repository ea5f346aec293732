//! What can be asked about the members.

use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::{Membership, Status};

use super::{Fleet, id, narrow};
use crate::hash::EventHash;
use crate::members::setup::Process;
use crate::members::tally::{Sighting, Traffic, Verdicts};

impl Fleet {
    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many there are, whatever their processes do.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn member(&self, number: u32) -> &Membership {
        &self.hosts[number as usize].machine
    }

    /// The hash of all that happened up to now: equal for equal runs.
    #[must_use]
    pub const fn hash(&self) -> EventHash {
        self.hash
    }

    /// What was sent since the warm-up, or since this was last taken.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// What was sent, which begins anew.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Who was taken for dead since the warm-up.
    #[must_use]
    pub const fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// When others took one for dead.
    #[must_use]
    pub fn sighting(&self, of: u32) -> Sighting {
        self.verdicts.of[of as usize]
    }

    /// Whether a fault has met one: it was stopped, killed or slowed, or left.
    #[must_use]
    pub fn is_met(&self, number: u32) -> bool {
        self.hosts[number as usize].is_met
    }

    /// How often a fault of the setup met anything.
    #[must_use]
    pub fn touched(&self, fault: usize) -> u64 {
        self.faults.all()[fault].touched
    }

    /// What one takes another for. `None`: it doesn't know it.
    #[must_use]
    pub fn view(&self, of: u32, on: u32) -> Option<Status> {
        self.member(of).get(id(on)).map(|member| member.status)
    }

    /// Those whose processes run, and that haven't left.
    #[must_use]
    pub fn running(&self) -> Vec<u32> {
        let runs = |number: &u32| {
            let host = &self.hosts[*number as usize];
            host.process == Process::Running && !host.machine.is_gone()
        };
        (0..narrow(self.hosts.len())).filter(runs).collect()
    }

    /// Whether all that run take all that run for alive, and nobody else.
    #[must_use]
    pub fn agree(&self) -> bool {
        let running = self.running();
        let knows_all = |of: u32| {
            let is_alive = |on: u32| on == of || self.view(of, on) == Some(Status::Alive);
            self.member(of).present() == running.len() && running.iter().all(|on| is_alive(*on))
        };
        running.iter().all(|of| knows_all(*of))
    }

    /// The share of pairs of those that run of whom the one takes the other for alive.
    #[must_use]
    pub fn agreement(&self) -> f64 {
        let running = self.running();
        let pairs = running.len() * running.len().saturating_sub(1);
        let is_alive = |of: u32, on: u32| on != of && self.view(of, on) == Some(Status::Alive);
        let knows = |of: &u32| running.iter().filter(|on| is_alive(*of, **on)).count();
        running.iter().map(knows).sum::<usize>() as f64 / pairs.max(1) as f64
    }

    /// Checks every member's bounds.
    ///
    /// # Panics
    /// When one doesn't hold.
    pub fn check(&self) {
        self.hosts.iter().for_each(|host| host.machine.check_invariants());
    }
}
