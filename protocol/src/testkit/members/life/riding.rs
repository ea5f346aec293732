//! What rides on packets in a member's life: states, rumors and coordinates of others, true and made up, and what its operator wants.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt as _;

use super::Life;
use crate::membership::coordinates::Vivaldi;
use crate::membership::filter::Filter;
use crate::membership::lamport::LamportTime;
use crate::membership::leader::{Claim, Record};
use crate::membership::queries::{Query, Question, Response};
use crate::membership::state::{self, Digest, Moment, States};
use crate::membership::user_events::UserEvent;
use crate::membership::{Input, Part};
use crate::testkit::members::wall;

impl Life {
    pub(super) fn text(&mut self, most: usize) -> Bytes {
        let len = [1, 2, most / 2, most][self.rng.random_range(0..4)];
        // Few, so that one meets another of its name.
        Bytes::from(vec![self.rng.random_range(0..4); len])
    }

    /// Around what is known, or anything.
    pub(super) fn lamport(&mut self) -> LamportTime {
        let far = [0, 1, 1 << 20, 1 << 40][self.rng.random_range(0..4)];
        LamportTime(self.rng.random_range(0..40) + far)
    }

    pub(super) fn filter(&mut self) -> Filter {
        let names: [&[u8]; 1] = [[&b"m0"[..], b"m1"][self.rng.random_range(0..2)]];
        let names = if self.rng.random() { &names[..] } else { &[] };
        Filter::new(names, &[]).expect("it is short")
    }

    pub(super) fn query(&mut self) -> Query {
        Query {
            time: self.lamport(),
            id: self.rng.random_range(0..3),
            origin: self.id(),
            name: self.text(64),
            payload: self.text(100),
            ack: self.rng.random(),
            timeout_ms: self.rng.random_range(0..20_000),
            filter: self.filter(),
        }
    }

    pub(super) fn record(&mut self) -> Record {
        let mut claims: Vec<_> = (0..self.rng.random_range(1..5))
            .map(|_| Claim { leader: self.id(), address: self.text(20), by: self.id() })
            .collect();
        claims.sort_unstable();
        claims.dedup_by_key(|claim| (claim.leader, claim.address.clone()));
        let group = Bytes::from(vec![self.rng.random_range(0..70); 1]);
        let epoch =
            [1, 2, 1 << 63][self.rng.random_range(0..3)] - u64::from(self.rng.random_ratio(1, 2));
        Record { group, epoch: epoch.max(1), claims }
    }

    /// What another member says of states: of itself and of others, what is so and what isn't.
    pub(super) fn others_states(&mut self) -> States {
        let own = self.id();
        let ahead = [0, 1, 80_000, 1 << 30][self.rng.random_range(0..4)];
        let at = Moment { now: self.now, wall: wall(self.now).saturating_add(ahead) };
        let settings = state::Settings { grace: Duration::from_secs(5), bytes_max: 10_000 };
        let mut states = States::new(own, settings, at);
        for _ in 0..self.rng.random_range(0..4) {
            let (key, value) = (self.text(64), self.text(400));
            let _ = states.set(&key, &value, at);
            if self.rng.random_ratio(1, 4) {
                let _ = states.delete(&key, at);
            }
            states.beat(at);
        }
        states
    }

    pub(super) fn riding(&mut self) -> Part {
        match self.rng.random_range(0..8) {
            0 => self.others_states().digest(300, &mut self.rng).into(),
            1 | 2 => self.others_states().guess(&Digest::default(), 900).into(),
            3 => {
                let mut vivaldi = Vivaldi::default();
                let (id, there) = (self.id(), vivaldi.coordinate().clone());
                let _ = vivaldi.update(id, &there, Duration::from_secs(1), &mut self.rng);
                vivaldi.coordinate().as_told().into()
            }
            4 => self.record().into(),
            5 => UserEvent {
                time: self.lamport(),
                origin: self.id(),
                name: self.text(64),
                payload: self.text(100),
                coalesce: self.rng.random(),
                filter: self.filter(),
            }
            .into(),
            6 => self.query().into(),
            _ => {
                // Of its own queries, or of none.
                let open = self.machine.queries().and_then(|all| all.open().first());
                let (time, id) = open.map_or((LamportTime(1), 0), |asked| asked.id);
                let answer = self.rng.random::<bool>().then(|| self.text(1_024));
                Response { time, id, from: self.id(), answer }.into()
            }
        }
    }

    pub(super) fn want(&mut self) {
        let (name, long, filter) = (self.text(65), self.text(200), self.filter());
        match self.rng.random_range(0..7) {
            0 => self.hand(Input::Delete { key: &name }),
            1 | 2 => self.hand(Input::Set { key: &name, value: &long }),
            3 => {
                let (group, leader) = (&name[..1], self.id());
                let epoch = self.rng.random_range(0..4);
                self.hand(Input::Claim { group, epoch, leader, address: &name });
            }
            4 => {
                let coalesce = self.rng.random();
                self.hand(Input::Fire { name: &name, payload: &long, coalesce, filter: &filter });
            }
            5 => {
                let timeout = Duration::from_secs(self.rng.random_range(0..20));
                let (name, payload, ack) = (&name[..], &long[..], self.rng.random());
                self.hand(Input::Ask(&Question { name, payload, ack, filter, timeout }));
            }
            _ => {
                let query = self.query();
                self.hand(Input::Respond { query: &query, answer: &long });
            }
        }
    }
}
