//! A member's life: any inputs in any order. Packets of those it knows and of strangers, forged ids, incarnations at the ends of
//! their range, answers that are right and wrong, jumps of time; after each every bound is checked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{addr_of, id_of, wall};
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::membership::packet::{Ack, Alive, Failed, Left, Nack, Ping, PingReq, Suspect};
use crate::membership::said::{Entry, Full};
use crate::membership::state::{self, Digest};
use crate::membership::{
    Action, Cx, Input, MemberId, Membership, PACKET_MAX, Packet, Part, Profile, Said, Saying,
    Settings, Status, StreamId, Versions,
};

mod riding;

/// How many others there are: more than the member may know.
const OTHERS: usize = 9;

/// Most datagrams of rumors for one input: those that it knows, some with more rumors than fit one packet.
const RUMORS_MAX: usize = 12;

/// A member whose life is drawn at random.
#[derive(Debug)]
pub struct Life {
    machine: Membership,
    rng: ChaCha8Rng,
    now: Time,
    profiles: Vec<Arc<Profile>>,
    /// Numbers that the member asked with, and whom: so that some answers are right.
    asked: VecDeque<(SocketAddr, u32)>,
    actions: Vec<Action>,
}

impl Life {
    /// A member that is the first of a few.
    ///
    /// # Panics
    /// Never: names and addresses are valid.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let profile = |number| {
            let tags = [("t", if number % 2 == 0 { "one" } else { "other" })];
            let profile =
                Profile::new(&format!("m{number}"), addr_of(number), &tags, Versions::OURS);
            Arc::new(profile.expect("it is valid"))
        };
        let profiles: Vec<_> = (0..=OTHERS).map(profile).collect();
        let presets = [
            Settings::fleet(),
            Settings::lan(),
            Settings::local().without_lifeguard(),
            Settings::phi(),
        ];
        let mut settings = presets[usize::try_from(seed % 4).unwrap_or(0)].clone();
        (settings.members_max, settings.relays_max, settings.relays_each) = (7, 5, 2);
        (settings.news_max, settings.keep_failed) = ((5, 400), Duration::from_secs(100));
        let riding = &mut settings.riding;
        (riding.phi_max, riding.coordinates_max, riding.rumors_max) = (4, 4, (5, 2_000));
        riding.state = riding
            .state
            .map(|_| state::Settings { grace: Duration::from_secs(30), bytes_max: 3_000 });
        let machine =
            Membership::new(id_of(0), Arc::clone(&profiles[0]), settings, Salt::new(seed));
        Self {
            machine,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Time::ZERO,
            profiles,
            asked: VecDeque::new(),
            actions: Vec::new(),
        }
    }

    /// Hands in something, and checks what must hold.
    ///
    /// # Panics
    /// When a bound doesn't hold.
    pub fn step(&mut self) {
        match self.rng.random_range(0..26) {
            24.. => self.want(),
            0..10 => {
                let packet = self.packet();
                let from = self.addr_for(packet.from);
                self.hand(Input::Datagram { from, packet: &packet });
            }
            10 => self.garble(),
            11..14 => self.answer(),
            14 => {
                let said = self.said();
                let stream = StreamId(self.rng.random());
                self.hand(Input::Asked { stream, said: &said });
            }
            15 => {
                let said = self.said();
                let by = self.addr_for(said.from);
                self.hand(Input::Answered { by, said: &said });
            }
            16 => {
                let addr = self.addr();
                self.hand(Input::Refused { addr });
            }
            17 => self.order(),
            18..22 => self.wake_at_deadline(),
            22 => {
                let far = [1, 100, 5_000, 200_000][self.rng.random_range(0..4)];
                self.now = self.now + Duration::from_millis(self.rng.random_range(0..=far));
            }
            _ => self.hand(Input::Wake),
        }
    }

    /// The member, as it is now.
    #[must_use]
    pub const fn machine(&self) -> &Membership {
        &self.machine
    }

    fn order(&mut self) {
        match self.rng.random_range(0..40) {
            0..8 => {
                let addrs: Vec<_> =
                    (0..self.rng.random_range(0..20)).map(|_| self.addr()).collect();
                self.hand(Input::Joining(&addrs));
            }
            8..16 => {
                let id = self.id();
                self.hand(Input::ForceLeave(id));
            }
            16..20 => {
                let tags = [("k", ["a", "b"][self.rng.random_range(0..2)])];
                let number = self.rng.random_range(0..2);
                let name = format!("m{number}");
                let profile = Profile::new(&name, addr_of(0), &tags, Versions::OURS);
                self.hand(Input::Retag(&Arc::new(profile.expect("it is valid"))));
            }
            20 => {
                self.hand(Input::Leave);
                let (seed, now) = (self.rng.random(), self.now);
                for _ in 0..50 {
                    self.wake_at_deadline();
                }
                *self = Self { now, ..Self::new(seed) };
            }
            _ => {
                let from = self.addr();
                self.hand(Input::Malformed { from });
            }
        }
    }

    fn wake_at_deadline(&mut self) {
        let soon = self.now + Duration::from_secs(100);
        self.now = self.now.max(self.machine.deadline().min(soon));
        self.hand(Input::Wake);
        let mut wakes = 0;
        while self.machine.deadline() <= self.now {
            self.hand(Input::Wake);
            wakes += 1;
            assert!(wakes < 10, "it wants to be woken for ever");
        }
    }

    /// Bytes that are nearly a packet.
    fn garble(&mut self) {
        let mut bytes = self.packet().encode();
        for _ in 0..self.rng.random_range(0..3) {
            let at = self.rng.random_range(0..bytes.len());
            bytes[at] = self.rng.random();
        }
        bytes.truncate(self.rng.random_range(0..=bytes.len() * 2).min(bytes.len()));
        let from = self.addr();
        match Packet::decode(&bytes) {
            Ok(packet) => self.hand(Input::Datagram { from, packet: &packet }),
            Err(_) => self.hand(Input::Malformed { from }),
        }
    }

    /// An answer to what it asked, right or nearly so.
    fn answer(&mut self) {
        let Some((to, seq)) = self.asked.pop_front() else { return };
        let Some(number) = (1..=OTHERS).find(|number| addr_of(*number) == to) else { return };
        let part = if self.rng.random() { Ack { seq }.into() } else { Nack { seq }.into() };
        let packet = Packet::new(id_of(number), vec![part]);
        self.now = self.now + Duration::from_millis(self.rng.random_range(0..300));
        self.hand(Input::Datagram { from: to, packet: &packet });
    }

    fn packet(&mut self) -> Packet {
        let from = self.id();
        let parts = (0..self.rng.random_range(0..5)).map(|_| self.part()).collect();
        let mut packet = Packet::new(from, parts);
        while packet.encoded_len() > PACKET_MAX {
            packet.parts.pop();
        }
        packet
    }

    fn part(&mut self) -> Part {
        let (id, by, seq) = (self.id(), self.id(), self.rng.next_u32());
        let incarnation = self.incarnation(id);
        match self.rng.random_range(0..16) {
            10.. => self.riding(),
            0 => Ping { seq, target: id }.into(),
            1 => Ping { seq, target: id_of(0) }.into(),
            2 => PingReq { seq, target: id }.into(),
            3 => Ack { seq }.into(),
            4 => Nack { seq }.into(),
            5 => Suspect { id, incarnation, by, nacks: self.rng.random() }.into(),
            6 => Failed { id, incarnation, by }.into(),
            7 => Left { id, incarnation }.into(),
            _ => self.alive(id).into(),
        }
    }

    fn alive(&mut self, id: MemberId) -> Alive {
        let incarnation = self.incarnation(id);
        let number = (0..=OTHERS).find(|number| id_of(*number) == id).unwrap_or(0);
        let any = self.rng.random_range(0..=OTHERS);
        let number = if self.rng.random_ratio(1, 8) { any } else { number };
        Alive { id, incarnation, profile: Arc::clone(&self.profiles[number]) }
    }

    fn said(&mut self) -> Said {
        let from = self.id();
        let saying = match self.rng.random_range(0..4) {
            0 => Saying::Ping(Ping { seq: self.rng.random(), target: self.id() }),
            1 => {
                let seq = self.asked.front().map_or(0, |(_, seq)| *seq);
                Saying::Ack(Ack { seq })
            }
            _ => {
                let count = self.rng.random_range(0..12);
                let entry = |life: &mut Self| {
                    let status = Status::ALL[life.rng.random_range(0..4)];
                    let id = life.id();
                    Entry { status, last: life.alive(id) }
                };
                let entries = (0..count).map(|_| entry(self)).collect();
                let leaders = vec![self.record()];
                let times = [self.lamport(), self.lamport()];
                let mut states = self.others_states();
                let delta = states.guess(&Digest::default(), 5_000);
                let digest = states.digest(5_000, &mut self.rng);
                Saying::Exchange(Arc::new(Full { entries, leaders, times, digest, delta }))
            }
        };
        Said { from, saying }
    }

    /// One of those that there are, the member itself too; seldom a stranger.
    fn id(&mut self) -> MemberId {
        match self.rng.random_range(0..20) {
            0 => MemberId(self.rng.random()),
            _ => id_of(self.rng.random_range(0..=OTHERS)),
        }
    }

    fn addr(&mut self) -> SocketAddr {
        addr_of(self.rng.random_range(0..OTHERS + 3))
    }

    /// Where somebody is, or seldom somewhere else.
    fn addr_for(&mut self, id: MemberId) -> SocketAddr {
        let right = (0..=OTHERS).find(|number| id_of(*number) == id).map(addr_of);
        let other = self.addr();
        right.filter(|_| !self.rng.random_ratio(1, 10)).unwrap_or(other)
    }

    /// Around what is known, at the bounds of what is believed, and at the ends of the range.
    fn incarnation(&mut self, id: MemberId) -> u32 {
        let known = match self.machine.get(id) {
            Some(member) => member.incarnation,
            None => self.machine.incarnation(),
        };
        let by = self.rng.random_range(0..3_u32);
        match self.rng.random_range(0..16) {
            0 => known.saturating_add(1 << 16).saturating_add(by),
            1 => u32::MAX - by,
            2 => (1 << 31) + by,
            3 => known.saturating_sub(1),
            4 => self.rng.random(),
            _ => known.saturating_add(by),
        }
    }

    fn hand(&mut self, input: Input<'_>) {
        let news = self.machine.settings().fanout + self.machine.settings().indirect;
        let cx = &mut Cx {
            now: self.now,
            wall: wall(self.now),
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        self.machine.handle(input, cx);
        self.machine.check_invariants();
        let mut sent = 0;
        for action in self.actions.drain(..) {
            match action {
                Action::Send { to, packet } => {
                    sent += 1;
                    let bytes = packet.encode();
                    assert!(bytes.len() <= PACKET_MAX, "{} bytes", bytes.len());
                    assert_eq!(Packet::decode(&bytes).as_ref(), Ok(&packet), "it reads back");
                    for part in &packet.parts {
                        if let Part::Ping(Ping { seq, .. }) | Part::PingReq(PingReq { seq, .. }) =
                            part
                        {
                            self.asked.push_back((to, *seq));
                        }
                    }
                }
                Action::Stream { said, .. } | Action::Answer { said, .. } => {
                    assert_eq!(Said::decode(&said.encode()), Ok(said), "it reads back");
                }
                Action::Report(_) => {}
            }
        }
        // Whatever comes: an answer to a ping, one to an accusation, one ping for somebody; and what is due of our own, for each suspect too.
        // And rumors to the children of each, but never to more than there are.
        assert!(sent <= 2 * news + 12 + RUMORS_MAX, "{sent} datagrams");
        while self.asked.len() > 64 {
            self.asked.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MEMBERSHIP_INPUTS=10000000 cargo test --release -p tidings-protocol --lib members::life` for a long one.
    #[test]
    fn whatever_is_handed_in_every_bound_holds() {
        let inputs = std::env::var("MEMBERSHIP_INPUTS").ok().and_then(|text| text.parse().ok());
        let inputs: u64 = inputs.unwrap_or(60_000);
        let each = 2_000;
        let mut all = [0; 14];
        for seed in 0..inputs.div_ceil(each) {
            let run = std::panic::catch_unwind(|| {
                let mut life = Life::new(seed);
                (0..each).for_each(|_| life.step());
                life.machine().counts()
            });
            let Ok(counts) = run else { panic!("it fails with seed {seed}") };
            let here = [
                counts.failed,
                counts.suspected,
                counts.refuted,
                counts.full,
                counts.leapt,
                counts.unrelayed,
                counts.strange,
                counts.conflicts,
                counts.stalled,
                counts.dropped,
                counts.states_refused,
                counts.states_refuted,
                counts.rumors_refused,
                counts.rumors_told,
            ];
            all = std::array::from_fn(|at| all[at] + here[at]);
        }
        assert!(all.iter().all(|count| *count > 0), "something never happens: {all:?}");
    }
}
