//! What goes wrong: by the setup's faults, and by whoever calls.

use std::time::Duration;

use rand::RngExt as _;
use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::Input;

use super::{Event, Fleet, machine, narrow};
use crate::fault::{FaultSpec, Running};
use crate::members::setup::Process;
use crate::random::shared;
use crate::units::{nanos, share_of};

impl Fleet {
    /// Stops a process, lets it go on, or ends it.
    pub fn set(&mut self, number: u32, process: Process) {
        let host = &mut self.hosts[number as usize];
        let before = std::mem::replace(&mut host.process, process);
        host.is_met |= process != Process::Running;
        for (to, is_stream, arrival) in std::mem::take(&mut host.outbox) {
            if process == Process::Running {
                self.post(number, to, is_stream, arrival);
            }
        }
        if process == Process::Running && matches!(before, Process::Paused | Process::Muffled) {
            let host = &self.hosts[number as usize];
            if self.setup.is_rash && host.is_due(self.now) {
                self.hand(number, Input::Wake);
            }
            // What came meanwhile comes first.
            while let Some(arrival) = self.hosts[number as usize].backlog.pop_front() {
                self.deliver(number, &arrival);
            }
        }
        let host = &mut self.hosts[number as usize];
        if matches!(process, Process::Killed | Process::Vanished) {
            host.backlog.clear();
            host.slow = None;
        }
        host.wake_at = Time::NEVER;
        self.arm(number);
    }

    /// Starts a process anew, which knows nothing of its earlier run but its key and its name, and has it join.
    pub fn restart(&mut self, number: u32) {
        let host = &mut self.hosts[number as usize];
        host.machine = machine(number, &host.profile, &self.setup);
        host.process = Process::Running;
        host.wake_at = Time::NEVER;
        host.backlog.clear();
        self.join(number);
    }

    /// Has a process go slow, from now: so long paused or muffled, and so long free, in turns.
    pub fn slow(&mut self, number: u32, how: Process, blocked: Duration, free: Duration) {
        self.hosts[number as usize].slow = Some((how, blocked, free));
        self.turn(number);
    }

    /// Has a slow one go on as others do.
    pub fn quicken(&mut self, number: u32) {
        let host = &mut self.hosts[number as usize];
        let is_blocked = host.slow.take().is_some_and(|(how, ..)| host.process == how);
        if is_blocked {
            self.set(number, Process::Running);
        }
    }

    /// Says who is on which side of a partition; all on one side is none. Streams between sides are silent, too.
    pub fn divide(&mut self, side: impl Fn(u32) -> u8) {
        self.sides = (0..narrow(self.hosts.len())).map(side).collect();
    }

    /// Share of the datagrams that are lost from one to another, in that direction alone.
    pub fn set_loss(&mut self, from: u32, to: u32, loss: f64) {
        self.losses.insert((from, to), loss);
    }

    /// Has a member's clocks go wrong from now on: all of its seconds are too short by so many millionths, at most [`DRIFT_MAX`](super::DRIFT_MAX), and
    /// the date that its system shows is so many seconds too late.
    pub fn set_clock(&mut self, number: u32, drift: i32, offset_s: i64) {
        self.hosts[number as usize].clock.set(self.now, drift, offset_s);
        // What is queued of its wake-ups is of the clock before.
        self.hosts[number as usize].wake_at = Time::NEVER;
        self.arm(number);
    }

    pub(super) fn turn(&mut self, number: u32) {
        let host = &self.hosts[number as usize];
        let Some((how, blocked, free)) = host.slow else { return };
        let (process, after) = match host.process {
            Process::Running => (how, blocked),
            _ => (Process::Running, free),
        };
        self.set(number, process);
        self.queue.push(self.now + after, Event::Turn(number));
    }

    /// Queues when each fault begins and ends.
    pub(super) fn schedule_faults(&mut self) {
        let begins = self.now;
        for fault in 0..self.setup.fault.len() {
            let (at_s, for_s) = self.setup.fault[fault].window();
            let at = begins + Duration::from_nanos(nanos(at_s));
            self.queue.push(at, Event::Begin(narrow(fault)));
            if let Some(for_s) = for_s {
                let until = at + Duration::from_nanos(nanos(for_s));
                self.faults.get_mut(fault).until = until;
                self.queue.push(until, Event::End(narrow(fault)));
            }
        }
    }

    pub(super) fn begin(&mut self, index: u32) {
        let fault = self.faults.get_mut(index as usize);
        let until = fault.until;
        match fault.spec.clone() {
            FaultSpec::Loss { .. } | FaultSpec::Duplicate { .. } | FaultSpec::Reorder { .. } => {
                self.faults.set_watching(index as usize, true);
            }
            FaultSpec::Crash { share, nodes, silent, restart_after_s, .. } => {
                let process = if silent { Process::Vanished } else { Process::Killed };
                for number in self.choose(index, share, &nodes) {
                    self.set(number, process);
                    if restart_after_s.is_some() {
                        self.queue.push(until, Event::Restart(number));
                    }
                }
            }
            FaultSpec::Churn { .. } => {
                (0..narrow(self.hosts.len())).for_each(|number| self.doom(number, index));
            }
            FaultSpec::Partition { share, .. } => {
                let smaller = self.choose(index, share, &[]);
                self.faults.split(index as usize, self.hosts.len(), &smaller);
                self.faults.set_watching(index as usize, true);
            }
            FaultSpec::Pause { share, nodes, .. } => {
                let chosen = self.choose(index, share, &nodes);
                chosen.iter().for_each(|number| self.set(*number, Process::Paused));
                self.faults.get_mut(index as usize).nodes = chosen;
            }
            FaultSpec::Slow { share, nodes, .. } => {
                let slow = self.choose(index, share, &nodes);
                self.faults.split(index as usize, self.hosts.len(), &slow);
                self.faults.set_watching(index as usize, true);
            }
            // A setup with them isn't valid.
            FaultSpec::Clog { .. } | FaultSpec::Cut { .. } | FaultSpec::Liar { .. } => {}
        }
    }

    pub(super) fn end(&mut self, index: u32) {
        self.faults.set_watching(index as usize, false);
        let Running { spec, nodes, .. } = self.faults.get_mut(index as usize);
        let is_pause = matches!(spec, FaultSpec::Pause { .. });
        for number in std::mem::take(nodes).into_iter().filter(|_| is_pause) {
            if self.hosts[number as usize].process == Process::Paused {
                self.set(number, Process::Running);
            }
        }
    }

    /// Draws when a member crashes as part of a churn.
    pub(super) fn doom(&mut self, number: u32, index: u32) {
        let fault = self.faults.get_mut(index as usize);
        let FaultSpec::Churn { per_minute, .. } = fault.spec else { return };
        let at = self.now + exponential(60.0 / per_minute, fault.rng.random());
        if at < fault.until {
            self.queue.push(at, Event::Crash { member: number, fault: index });
        }
    }

    /// A member's time has come: it is killed, comes back, and is doomed again.
    pub(super) fn churn(&mut self, number: u32, index: u32) {
        let fault = self.faults.get_mut(index as usize);
        fault.touched += 1;
        let FaultSpec::Churn { away_s, .. } = fault.spec else { return };
        let back = self.now + exponential(away_s, fault.rng.random());
        self.set(number, Process::Killed);
        self.queue.push(back, Event::Restart(number));
        self.queue.push(back, Event::Doom { member: number, fault: index });
    }

    /// The members that a fault meets: those that it names, or a share of those that run.
    fn choose(&mut self, index: u32, share: f64, named: &[u32]) -> Vec<u32> {
        let running = self.running();
        let mut chosen: Vec<u32> =
            named.iter().copied().filter(|number| running.contains(number)).collect();
        if share > 0.0 {
            let count = share_of(share, running.len());
            let rng = &mut self.faults.get_mut(index as usize).rng;
            let picked = shared::sample(running.len(), count, rng);
            chosen = picked.into_iter().map(|place| running[place]).collect();
        }
        chosen.sort_unstable();
        chosen.dedup();
        self.faults.get_mut(index as usize).touched += chosen.len() as u64;
        chosen
    }
}

/// A wait of an exponential distribution, from a number of [0, 1). For ever if the mean is.
fn exponential(mean_s: f64, uniform: f64) -> Duration {
    Duration::from_nanos(nanos(-(1.0 - uniform).ln() * mean_s))
}
