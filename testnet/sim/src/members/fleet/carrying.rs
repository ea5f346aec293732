//! What becomes of what members send.
//!
//! A datagram is counted when it leaves, and may be lost, doubled or held up by a fault. A stream takes one message each way and loses
//! nothing; a partition silences it, a killed process refuses it, and what is sent to a machine that is gone is never heard of again.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;
use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::{
    Action, Event as Report, Input, MemberId, Packet, Said, StreamId,
};

use super::{Arrival, Event, Fleet, addr};
use crate::members::setup::Process;

/// Most that waits for a member that is paused: what Linux keeps of small datagrams for a socket (`net.core.rmem_default`, 212,992 bytes,
/// at 832 each).
const BACKLOG_MAX: usize = 256;

/// Most that a muffled member keeps back; what comes later is lost. A guess: what it sends in half a minute.
const OUTBOX_MAX: usize = 1_024;

/// Whoever opened a stream stands in the lowest bits of its number.
const OPENER_BITS: u32 = 24;

impl Fleet {
    pub(super) fn carry_out(&mut self, number: u32, action: Action) {
        match action {
            Action::Send { to, packet } => self.send(number, to, packet),
            Action::Stream { to, said } => {
                self.traffic.streams += u64::from(self.is_counting);
                self.count_said(&said);
                let Some(to) = self.number_at(to) else { return };
                self.sequence += 1;
                let stream = StreamId(self.sequence << OPENER_BITS | u64::from(number));
                self.post(number, to, true, Arrival::Asked { stream, said });
            }
            Action::Answer { stream, said } => {
                self.count_said(&said);
                self.post(number, opener(stream), true, Arrival::Answered { by: number, said });
            }
            Action::Report(report) => self.note(number, report),
        }
    }

    pub(super) fn arrive(&mut self, number: u32, arrival: Arrival) {
        let host = &mut self.hosts[number as usize];
        match host.process {
            Process::Running => self.deliver(number, &arrival),
            Process::Paused | Process::Muffled if host.backlog.len() < BACKLOG_MAX => {
                host.backlog.push_back(arrival);
            }
            Process::Paused | Process::Muffled | Process::Vanished => {}
            Process::Killed => {
                if let Arrival::Asked { stream, .. } = arrival {
                    self.post(number, opener(stream), true, Arrival::Refused { by: number });
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, number: u32, arrival: &Arrival) {
        match arrival {
            Arrival::Datagram { from, packet } => {
                self.hand(number, Input::Datagram { from: addr(*from), packet });
            }
            Arrival::Asked { stream, said } => {
                self.hand(number, Input::Asked { stream: *stream, said });
            }
            Arrival::Answered { by, said } => {
                self.hand(number, Input::Answered { by: addr(*by), said });
            }
            Arrival::Refused { by } => self.hand(number, Input::Refused { addr: addr(*by) }),
        }
    }

    fn send(&mut self, from: u32, to: SocketAddr, packet: Packet) {
        let bytes = packet.encode();
        if self.is_counting {
            self.traffic.datagram(bytes.len());
        }
        let Some(to) = self.number_at(to) else { return };
        self.hash.word(u64::from(from) << 32 | u64::from(to));
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.hash.word(u64::from_le_bytes(word));
        }
        let loss = self.losses.get(&(from, to)).copied();
        if !loss.is_some_and(|loss| self.chance.random_bool(loss)) {
            self.post(from, to, false, Arrival::Datagram { from, packet });
        }
    }

    /// Sends something on its way, or keeps it back if nothing leaves its sender.
    pub(super) fn post(&mut self, from: u32, to: u32, is_stream: bool, arrival: Arrival) {
        let host = &mut self.hosts[from as usize];
        if host.process == Process::Muffled {
            if host.outbox.len() < OUTBOX_MAX {
                host.outbox.push((to, is_stream, arrival));
            }
            return;
        }
        let now = self.now.as_nanos();
        let fixed = self.latencies.fixed(from, to);
        // Drawn in any case: so what a fault changes is what it touches.
        let jitter = &mut self.hosts[from as usize].jitter;
        let at = Time::from_nanos(self.latencies.arrival(now, fixed, jitter));
        if self.is_divided(from, to) {
            return;
        }
        let (mut at, mut copies) = (at, 1);
        if self.faults.watch_messages() {
            let fate = self.faults.fate(from, to, is_stream);
            at = (at + Duration::from_nanos(fate.delay)).max(fate.not_before);
            copies = fate.copies;
        }
        for _ in 1..copies {
            self.queue.push(at, Event::Arrives(to, arrival.clone()));
        }
        if copies > 0 {
            self.queue.push(at, Event::Arrives(to, arrival));
        }
    }

    fn is_divided(&self, one: u32, other: u32) -> bool {
        self.sides.get(one as usize) != self.sides.get(other as usize)
    }

    fn count_said(&mut self, said: &Said) {
        self.hash.word(said.from.0);
        if self.is_counting {
            self.traffic.stream_bytes += said.encode().len() as u64;
        }
    }

    /// Takes down what a member reports.
    fn note(&mut self, by: u32, report: Report) {
        if !self.is_counting {
            return;
        }
        let is_healthy = |number: u32| !self.hosts[number as usize].is_met;
        // What is beyond a partition is as good as dead.
        let is_wrong =
            |on: u32| is_healthy(on) && !self.is_divided(by, on) && !self.faults.parted(by, on);
        match report {
            Report::Failed { id, .. } => {
                if let Some(on) = self.number_of(id) {
                    let (is_wrong, is_at_healthy) = (is_wrong(on), is_healthy(by));
                    self.verdicts.fail(on, self.now, is_wrong, is_at_healthy);
                }
            }
            Report::Suspected { id, .. } => {
                let on = self.number_of(id).filter(|on| is_wrong(*on));
                self.verdicts.wrong_suspicions += u64::from(on.is_some());
            }
            Report::UserEvent(_) => self.heard.push(self.now),
            _ => {}
        }
    }

    fn number_of(&self, id: MemberId) -> Option<u32> {
        let at = self.numbers.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(self.numbers[at].1)
    }

    fn number_at(&self, to: SocketAddr) -> Option<u32> {
        let (SocketAddr::V4(to), SocketAddr::V4(first)) = (to, addr(0)) else { return None };
        let number = u32::from(*to.ip()).checked_sub(u32::from(*first.ip()))?;
        Some(number).filter(|number| (*number as usize) < self.hosts.len())
    }
}

fn opener(stream: StreamId) -> u32 {
    u32::try_from(stream.0 & ((1 << OPENER_BITS) - 1)).expect("so many bits fit")
}
