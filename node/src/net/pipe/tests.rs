//! What a pipe says that it holds is what it holds.

use std::time::Duration;

use bytes::BytesMut;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tidings_protocol::ground::item::{Hash256, Item, ItemId, ItemKind, ShortId};
use tidings_protocol::wire::message::{Items, Names, Session};

use super::*;
use crate::net::held::FAIR_SHARE;
use crate::net::inbox::INBOX_MAX;

fn new_pipe(account: &Arc<Account>) -> Arc<Pipe> {
    let who = (ConnectionId::new_unchecked(1), PeerId::random(), Direction::Inbound);
    Pipe::new(who, None, 4_000_000, Arc::default(), Arc::clone(account))
}

fn ping() -> Message {
    Message::Session(Session::Ping { nonce: 1 })
}

fn item(kind: ItemKind, bytes: usize) -> Message {
    let id = ItemId::new(kind, Hash256::of(&bytes.to_le_bytes()));
    Message::Items(Items::Item(Item::identified(id, vec![0; bytes].into())))
}

fn any_message(rng: &mut StdRng) -> Message {
    match rng.random_range(0..5) {
        0 => ping(),
        1 => Message::Unknown { kind: 200, len: 60_000 },
        2 => item(ItemKind::Tx, rng.random_range(0..30_000)),
        3 => item(ItemKind::Block, rng.random_range(0..90_000)),
        _ => {
            let ids: Vec<_> = (0..rng.random_range(0..500)).map(|_| ShortId([7; 8])).collect();
            Message::Items(Items::Announce(Names::Short(ids.into())))
        }
    }
}

/// A pipe, and what each end of it has: counted anew after each step.
struct Model {
    account: Arc<Account>,
    pipe: Arc<Pipe>,
    /// What the driver has.
    lent: Option<Vec<Message>>,
    /// What is queued.
    queued: Vec<Message>,
    spare: Vec<Message>,
    out: BytesMut,
    now: Instant,
}

impl Model {
    fn step(&mut self, rng: &mut StdRng) {
        let pipe = Arc::clone(&self.pipe);
        let mut state = pipe.state();
        match rng.random_range(0..10) {
            0..=2 if state.wants_input() => {
                (0..rng.random_range(1..40)).for_each(|_| state.arrive(any_message(rng)));
                state.unfinished = rng.random_range(0..100_000);
                state.count();
            }
            3 | 4 => {
                if let Some(messages) = state.lend(&mut self.spare) {
                    assert!(self.lent.is_none(), "one batch at a time");
                    self.lent = Some(messages);
                }
            }
            5 => {
                // There was no time for some of it, or it is all dealt with.
                if let Some(mut messages) = self.lent.take() {
                    messages.drain(..rng.random_range(0..=messages.len()));
                    state.keep_lent(&messages);
                    self.lent = Some(messages);
                }
            }
            6 => {
                if let Some(messages) = self.lent.take() {
                    state.settle(Vec::new());
                    self.spare = messages;
                    self.spare.clear();
                }
            }
            7 => {
                // Throttled in between.
                let class = Class::ALL.get(rng.random_range(0..=Class::ALL.len())).copied();
                state.hold(class, self.now + Duration::from_secs(rng.random_range(0..3)));
                if let Some(mut messages) = self.lent.take() {
                    messages.drain(..rng.random_range(0..=messages.len()));
                    state.settle(messages);
                }
            }
            8 => {
                self.now += Duration::from_secs(1);
                state.release(self.now);
                let message = any_message(rng);
                if matches!(&message, Message::Unknown { .. }) {
                    return; // We never send one.
                }
                self.queued.push(message.clone());
                state.writer.push(message).unwrap();
                state.count();
            }
            _ => {
                let everything = state.writer.queued_bytes();
                state.writer.fill(&mut self.out, everything);
                self.queued.clear();
                state.leaving = self.out.capacity();
                state.count();
            }
        }
    }

    /// What is held, counted from what there is.
    fn held(&self) -> usize {
        let state = self.pipe.state();
        let vector = |messages: &Vec<Message>| {
            let room = messages.capacity() - messages.len();
            messages.iter().map(Message::held_bytes).sum::<usize>() + room * size_of::<Message>()
        };
        let queued: usize = self.queued.iter().map(Message::held_bytes).sum();
        let aside = state.inbox.aside.iter().map(|aside| vector(&aside.messages.list));
        vector(&state.inbox.waiting.list)
            + aside.sum::<usize>()
            + self.lent.as_ref().map_or(0, vector)
            + queued
            + state.unfinished
            + state.leaving
    }
}

#[tokio::test]
async fn for_any_sequence_of_reads_holds_and_releases_the_counted_bytes_are_the_held_bytes() {
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let account = Arc::new(Account::default());
        let mut models: Vec<_> = (0..3)
            .map(|_| Model {
                account: Arc::clone(&account),
                pipe: new_pipe(&account),
                lent: None,
                queued: Vec::new(),
                spare: Vec::new(),
                out: BytesMut::new(),
                now: Instant::now(),
            })
            .collect();
        for step in 0..200 {
            let which = rng.random_range(0..models.len());
            models[which].step(&mut rng);
            let held: Vec<_> = models.iter().map(Model::held).collect();
            for (model, held) in models.iter().zip(&held) {
                assert_eq!(model.pipe.state().share().bytes(), *held, "seed {seed}, step {step}");
            }
            assert_eq!(account.bytes(), held.iter().sum::<usize>(), "seed {seed}, step {step}");
        }
        let first = models.swap_remove(0);
        let mut state = first.pipe.state();
        state.end();
        let left = state.unfinished + state.leaving;
        assert_eq!(state.share().bytes(), left, "an ended link holds no message");
        drop(state);
        assert!(Arc::ptr_eq(&first.account, &account));
        drop((first, models));
        assert_eq!(account.bytes(), 0, "seed {seed}: whoever is gone holds nothing");
    }
}

#[test]
fn nothing_is_read_from_a_link_while_its_messages_are_held() {
    let (account, mut spare) = (Arc::new(Account::default()), Vec::new());
    let pipe = new_pipe(&account);
    let mut state = pipe.state();
    for round in 0..100 {
        // As much as the connection may read before it is asked again, of messages of two bytes.
        while state.wants_input() {
            (0..100).for_each(|_| state.arrive(Message::Unknown { kind: 200, len: 0 }));
            state.count();
        }
        let held = state.share().bytes();
        assert!(held <= 2 * INBOX_MAX + 100 * size_of::<Message>(), "{held} after {round}");
        let messages = state.lend(&mut spare).unwrap();
        assert!(!state.wants_input(), "the driver has them");
        assert!(state.lend(&mut spare).is_none(), "it gets no more before it is done with them");
        let until = Instant::now();
        state.hold(None, until);
        state.settle(messages);
        assert!(!state.wants_input(), "the link is throttled");
        state.release(until);
        assert!(!state.wants_input(), "what was held is still here");
    }
}

#[test]
fn pings_that_are_not_taken_fill_the_queue_by_what_they_hold() {
    let account = Arc::new(Account::default());
    let pipe = new_pipe(&account);
    let mut state = pipe.state();
    while state.writer.push(ping()).is_ok() {}
    state.count();
    assert!(state.share().bytes() <= HARD_BOUND + 4_000_000 + size_of::<Message>());
    assert!(state.share().greedy_since().is_some() && account.bytes() > FAIR_SHARE);
}
