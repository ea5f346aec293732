//! A replica's life: bytes say what peers send and what its own people write. After each step every bound is checked; in the end
//! another replica is linked to it, and the two must come to hold the same.
//!
//! A script is operations of one byte, each followed by what it needs: a length and so many bytes of a message, a key
//! and a value. What isn't a message is refused, and what is is written as it was.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::replica::{
    Action, ClockKind, Cx, Input, Key, Kind, Message, Millis, Model, Replica, ReplicaId, Settings,
    Write,
};

/// Small bounds, which are reached soon.
fn settings(first: u8) -> Settings {
    let models = [
        Model::LastWriter(ClockKind::Hybrid),
        Model::LastWriter(ClockKind::Wall),
        Model::Versions,
        Model::Convergent,
    ];
    let mut settings = Settings::new(models[usize::from(first) % models.len()], 1);
    (settings.keys_max, settings.bytes_max, settings.lost_max) = (8, 8_000, 4);
    (settings.batch_bytes, settings.grace_ms) = (600, 100_000);
    settings
}

/// Runs a script; returns how many operations it had.
///
/// # Panics
/// When a bound doesn't hold, or the two don't agree in the end.
pub fn run(bytes: &[u8]) -> u64 {
    let Some((first, script)) = bytes.split_first() else { return 0 };
    let mut life = Life::new(settings(*first));
    let (mut script, mut operations) = (script, 0);
    while let Some((operation, rest)) = script.split_first() {
        script = rest;
        life.run(*operation, &mut script);
        life.replica.check_invariants();
        operations += 1;
    }
    life.meet_another(settings(*first));
    operations
}

struct Life {
    replica: Replica,
    rng: ChaCha8Rng,
    now: Time,
    wall: Millis,
    /// Whether each of two links is up, and its generation.
    links: [(bool, u32); 2],
    actions: Vec<Action>,
}

impl Life {
    fn new(settings: Settings) -> Self {
        Self {
            replica: Replica::new(ReplicaId(1), settings),
            rng: ChaCha8Rng::seed_from_u64(1),
            now: Time::ZERO,
            wall: 1_000_000,
            links: [(false, 0); 2],
            actions: Vec::new(),
        }
    }

    fn run(&mut self, operation: u8, script: &mut &[u8]) {
        let slot = usize::from(operation >> 7);
        let link = |generation| Link::new(u32::from(operation >> 7), generation);
        match operation % 8 {
            0 | 1 => {
                let len = usize::from(take(script)) * [1, 16][usize::from(operation % 2)];
                let (bytes, rest) = script.split_at(len.min(script.len()));
                *script = rest;
                if let Ok(message) = Message::decode(bytes) {
                    assert_eq!(message.encode(), bytes, "it isn't written as it was");
                    self.hand(Input::Received {
                        link: link(self.links[slot].1),
                        message: &message,
                    });
                }
            }
            2 => {
                let (is_up, generation) = &mut self.links[slot];
                *generation += u32::from(!*is_up);
                *is_up = !*is_up;
                let (is_up, link) = (*is_up, link(*generation));
                let direction =
                    if operation & 8 == 0 { Direction::Inbound } else { Direction::Outbound };
                self.hand(match is_up {
                    true => Input::Connected { link, direction },
                    false => Input::Disconnected { link },
                });
            }
            3 => self.write(operation, script),
            4 => {
                self.now = self.now + Duration::from_millis(u64::from(take(script)) * 100);
                self.hand(Input::Wake);
            }
            5 => {
                let far = [1, 1_000, 60_000, 3_600_000][usize::from(operation >> 3) % 4];
                let by = u64::from(take(script)) * far;
                self.wall =
                    if operation & 64 == 0 { self.wall + by } else { self.wall.saturating_sub(by) };
            }
            6 => {
                self.now =
                    self.now.max(self.replica.deadline().min(self.now + Duration::from_secs(100)));
                self.hand(Input::Wake);
            }
            _ => {
                let link = link(self.links[slot].1);
                self.hand(match operation & 8 {
                    0 => Input::Congested { link },
                    _ => Input::Drained { link },
                });
            }
        }
    }

    fn write(&mut self, operation: u8, script: &mut &[u8]) {
        let (name, value) = (take(script), take(script));
        let kind = Kind::ALL[usize::from(name) % 5];
        let key = Key::new(kind, &[name % 16]).expect("it is short");
        let value = Bytes::from(vec![value; usize::from(value)]);
        let field = Bytes::from(vec![operation >> 3]);
        let write = match operation >> 3 & 7 {
            0 | 1 => Write::Put(value),
            2 => Write::Delete,
            3 => Write::Add(i64::MAX - i64::from(name)),
            4 => Write::Insert(value),
            5 => Write::Remove(value),
            6 => Write::PutField(field, value),
            _ => Write::DeleteField(field),
        };
        let before = self.replica.get(&key).cloned();
        let (now, wall) = (self.now, self.wall);
        let cx = &mut Cx { now, wall, rng: &mut self.rng, actions: &mut self.actions };
        if self.replica.write(&key, write, cx).is_err() {
            assert_eq!(
                self.replica.get(&key),
                before.as_ref(),
                "what was refused changed something"
            );
        }
        self.actions.clear();
    }

    fn hand(&mut self, input: Input<'_>) {
        let (now, wall) = (self.now, self.wall);
        let cx = &mut Cx { now, wall, rng: &mut self.rng, actions: &mut self.actions };
        let work = self.replica.handle(input, cx);
        assert!(work.merged <= 256 && work.bytes <= 16_000, "{work:?}");
        for action in self.actions.drain(..) {
            if let Action::Send { message, .. } = action {
                let read = Message::decode(&message.encode());
                assert_eq!(read.as_ref(), Ok(&message), "a peer would refuse it");
            }
        }
    }

    /// All links go, the clock is right again, and an empty replica comes to hold the same.
    fn meet_another(mut self, settings: Settings) {
        for (slot, (is_up, generation)) in (0..).zip(self.links) {
            if is_up {
                self.hand(Input::Disconnected { link: Link::new(slot, generation) });
            }
        }
        // Whatever was deleted is forgotten, and no stamp that was taken is ahead.
        self.wall = self.wall.max(1_000_000).saturating_add(1 << 40);
        let link = Link::new(0, u32::MAX);
        let mut pair = [self.replica, Replica::new(ReplicaId(2), settings)];
        let mut under_way: VecDeque<(usize, Message)> = VecDeque::new();
        for (at, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
            let cx = &mut Cx {
                now: self.now,
                wall: self.wall,
                rng: &mut self.rng,
                actions: &mut self.actions,
            };
            pair[at].handle(Input::Connected { link, direction }, cx);
            under_way.extend(sent(&mut self.actions).map(|message| (1 - at, message)));
        }
        for _ in 0..2_000 {
            if under_way.is_empty() && pair[0].entries().eq(pair[1].entries()) {
                return;
            }
            let (at, message) = match under_way.pop_front() {
                Some((at, message)) => (at, Some(message)),
                None => {
                    let at = usize::from(pair[1].deadline() < pair[0].deadline());
                    self.now = self.now.max(pair[at].deadline());
                    (at, None)
                }
            };
            let cx = &mut Cx {
                now: self.now,
                wall: self.wall,
                rng: &mut self.rng,
                actions: &mut self.actions,
            };
            pair[at].handle(
                message.as_ref().map_or(Input::Wake, |message| Input::Received { link, message }),
                cx,
            );
            under_way.extend(sent(&mut self.actions).map(|message| (1 - at, message)));
            pair.iter().for_each(Replica::check_invariants);
        }
        panic!("they don't agree");
    }
}

fn sent(actions: &mut Vec<Action>) -> impl Iterator<Item = Message> {
    actions.drain(..).filter_map(|action| match action {
        Action::Send { message, .. } => Some(message),
        _ => None,
    })
}

fn take(script: &mut &[u8]) -> u8 {
    let Some((byte, rest)) = script.split_first() else { return 0 };
    *script = rest;
    *byte
}
