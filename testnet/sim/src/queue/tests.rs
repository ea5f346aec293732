use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::rc::Rc;

use rand::RngExt as _;
use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::random::SplitMix64;

impl<T> Queue<T> {
    fn pop_until(&mut self, until: Time) -> Option<(Time, T)> {
        self.is_due(until).then(|| self.pop())
    }
}

/// The plain way: a binary heap by time and sequence.
#[derive(Default)]
struct Heap<T> {
    heap: BinaryHeap<Reverse<(Time, u64)>>,
    events: std::collections::BTreeMap<u64, T>,
    sequence: u64,
}

impl<T> Heap<T> {
    fn push(&mut self, at: Time, event: T) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence)));
        self.events.insert(self.sequence, event);
    }

    fn pop_until(&mut self, until: Time) -> Option<(Time, T)> {
        let Reverse((at, sequence)) = *self.heap.peek()?;
        if at > until {
            return None;
        }
        self.heap.pop();
        self.events.remove(&sequence).map(|event| (at, event))
    }
}

#[test]
fn what_is_left_goes_with_the_queue_and_what_leaves_goes_once() {
    let token = Rc::new(());
    let mut queue = Queue::default();
    for ms in [1, 1, 50, 3_000] {
        queue.push(Time::from_millis(ms), Rc::clone(&token));
    }
    let copy = queue.clone();
    assert_eq!(Rc::strong_count(&token), 9);
    assert!(queue.pop_until(Time::from_millis(1)).is_some());
    assert_eq!(Rc::strong_count(&token), 8);
    drop((queue, copy));
    assert_eq!(Rc::strong_count(&token), 1);
}

#[test]
fn it_agrees_with_a_heap_by_time_and_sequence() {
    for seed in 0..50 {
        let mut rng = SplitMix64::new(seed);
        let (mut queue, mut heap) = (Queue::default(), Heap::default());
        let mut now = 0_u64;
        for event in 0..2_000_u32 {
            // Delays of every magnitude, many of them equal.
            let magnitude = rng.random_range(0..45);
            let at = Time::from_nanos(now + (rng.random_range(0..4_u64) << magnitude));
            queue.push(at, event);
            heap.push(at, event);
            let until = Time::from_nanos(now + rng.random_range(0..1 << 30));
            while rng.random_bool(0.45) {
                let popped = queue.pop_until(until);
                assert_eq!(popped, heap.pop_until(until));
                match popped {
                    Some((at, _)) => now = at.as_nanos(),
                    None => {
                        now = until.as_nanos();
                        break;
                    }
                }
            }
        }
        while let Some(popped) = queue.pop_until(Time::NEVER) {
            assert_eq!(Some(popped), heap.pop_until(Time::NEVER));
        }
        assert!(queue.is_empty() && heap.pop_until(Time::NEVER).is_none());
    }
}

#[test]
fn events_of_one_moment_leave_as_they_came_even_if_pushed_in_that_moment() {
    let mut queue = Queue::default();
    let at = Time::from_millis(5);
    queue.push(at, 1);
    queue.push(at, 2);
    assert_eq!(queue.pop_until(Time::NEVER), Some((at, 1)));
    queue.push(at, 3);
    queue.push(Time::ZERO, 4); // late: counts as now
    let rest: Vec<_> = std::iter::from_fn(|| queue.pop_until(Time::NEVER)).map(|e| e.1).collect();
    assert_eq!(rest, [2, 3, 4]);
}

#[test]
fn nothing_later_than_asked_for_leaves_and_never_never_comes() {
    let mut queue = Queue::default();
    queue.push(Time::NEVER, 0);
    queue.push(Time::from_millis(10), 1);
    assert_eq!(queue.len(), 1);
    assert_eq!(queue.pop_until(Time::from_millis(9)), None);
    queue.push(Time::from_millis(9), 2);
    assert_eq!(queue.pop_until(Time::from_millis(10)).map(|e| e.1), Some(2));
    assert_eq!(queue.pop_until(Time::from_millis(10)).map(|e| e.1), Some(1));
}

/// The hold model: pop one, push one, at a steady number of pending events.
fn hold(pending: u64, steps: u64, step: &mut dyn FnMut(Option<u64>) -> u64) -> f64 {
    let mut rng = SplitMix64::new(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a delay of some seconds at most"
    )]
    let mut delay = move || (-(1.0 - rng.random::<f64>()).ln() * 1e8) as u64;
    for _ in 0..pending {
        step(Some(delay()));
    }
    let before = clock_gettime(ClockId::ProcessCPUTime);
    for _ in 0..steps {
        let now = step(None);
        step(Some(now + delay()));
    }
    let used = clock_gettime(ClockId::ProcessCPUTime) - before;
    (used.tv_sec as f64 * 1e9 + used.tv_nsec as f64) / steps as f64
}

#[test]
#[ignore = "a measurement: run it with --release -- --ignored --nocapture"]
fn measure_the_wheel_against_a_heap() {
    type Event = [u64; 7]; // what an event of the simulator takes besides its time
    for pending in [10_000, 100_000, 1_000_000] {
        let mut queue = Queue::<Event>::default();
        let wheel_ns = hold(pending, 3_000_000, &mut |push| match push {
            Some(at) => {
                queue.push(Time::from_nanos(at), black_box([0; 7]));
                0
            }
            None => queue.pop_until(Time::NEVER).map_or(0, |(at, _)| at.as_nanos()),
        });
        let (mut heap, mut sequence) = (BinaryHeap::<Reverse<(u64, u64, Event)>>::new(), 0);
        let heap_ns = hold(pending, 3_000_000, &mut |push| match push {
            Some(at) => {
                sequence += 1;
                heap.push(Reverse((at, sequence, black_box([0; 7]))));
                0
            }
            None => heap.pop().map_or(0, |Reverse(entry)| entry.0),
        });
        println!("{pending} pending: wheel {wheel_ns:.0} ns, heap {heap_ns:.0} ns an event");
    }
}
