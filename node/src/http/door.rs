//! Strangers at a TCP port: few, and not for long.
//!
//! Whoever connects is a stranger until it shows the token. *What an attacker could try:* to connect and say nothing, so that
//! whoever has the token finds no place. So strangers have places of their own, and when these are taken the newcomer gets
//! one all the same: the oldest connection of the address that has most of them goes. Somebody who is honest shows the token with
//! its first bytes, and needs its place for no longer than that; a flood from one address pushes out itself.

use std::future::pending;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Most connections of strangers at one port. A guess: more than there are tools that connect within one round trip.
pub(crate) const STRANGERS_MAX: usize = 32;

/// Most of these from one address (of IPv6, from one /64). A guess.
const FROM_ONE_MAX: usize = 16;

/// How long a stranger may take to show the token. A guess: some round trips around the world.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The strangers at one port. Its clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    waiting: Arc<Mutex<Waiting>>,
    patience: Option<Duration>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// The oldest first; at most [`STRANGERS_MAX`].
    strangers: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    from: u64,
    go: Arc<Notify>,
}

/// A stranger's place.
#[derive(Debug)]
pub(crate) struct Stranger {
    door: Door,
    number: u64,
    go: Arc<Notify>,
    until: Option<Instant>,
}

impl Door {
    /// A door behind which a token is wanted, soon.
    pub(crate) fn guarded() -> Self {
        Self { waiting: Arc::default(), patience: Some(PATIENCE) }
    }

    /// One behind which nothing is wanted: all who come remain strangers.
    pub(crate) fn open() -> Self {
        Self { waiting: Arc::default(), patience: None }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Each change of the list is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody comes. There is always a place; somebody else may lose it.
    pub(crate) fn enter(&self, from: IpAddr) -> Stranger {
        let (from, go) = (network(from), Arc::new(Notify::new()));
        let mut waiting = self.lock();
        let of = |from: u64, all: &[Entry]| all.iter().filter(|it| it.from == from).count();
        let loser = if of(from, &waiting.strangers) >= FROM_ONE_MAX {
            Some(from)
        } else if waiting.strangers.len() >= STRANGERS_MAX {
            let all = &waiting.strangers;
            all.iter().map(|it| it.from).max_by_key(|from| of(*from, all))
        } else {
            None
        };
        let place = loser.and_then(|from| waiting.strangers.iter().position(|it| it.from == from));
        if let Some(place) = place {
            waiting.strangers.remove(place).go.notify_one();
        }
        let number = waiting.next;
        waiting.next += 1;
        waiting.strangers.push(Entry { number, from, go: Arc::clone(&go) });
        drop(waiting);
        let until = self.patience.map(|patience| Instant::now() + patience);
        Stranger { door: self.clone(), number, go, until }
    }

    fn forget(&self, number: u64) -> bool {
        let mut waiting = self.lock();
        let place = waiting.strangers.iter().position(|it| it.number == number);
        place.map(|place| waiting.strangers.remove(place)).is_some()
    }

    fn has(&self, number: u64) -> bool {
        self.lock().strangers.iter().any(|it| it.number == number)
    }
}

impl Stranger {
    /// It is none any more.
    pub(crate) fn prove(&self) {
        self.door.forget(self.number);
    }

    /// Waits until it has to go: it took too long, or others need its place.
    pub(crate) async fn expelled(&self) {
        let late = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => pending().await,
            }
            // Whoever was no stranger by then may stay.
            if !self.door.has(self.number) {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.go.notified() => {}
            () = late => {}
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.door.forget(self.number);
    }
}

/// An address, or the /64 that one of IPv6 is in.
fn network(from: IpAddr) -> u64 {
    match from.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or_default() | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_from_one_address_pushes_out_itself() {
        let door = Door::guarded();
        let honest = door.enter(ip(1));
        let flood: Vec<_> = (0..1_000).map(|_| door.enter(ip(2))).collect();
        assert!(honest.expelled().now_or_never().is_none());
        let out = flood.iter().filter(|it| it.expelled().now_or_never().is_some()).count();
        assert_eq!(out, 1_000 - FROM_ONE_MAX);
        assert_eq!(door.lock().strangers.len(), FROM_ONE_MAX + 1);
        drop(flood);
        assert_eq!(door.lock().strangers.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_finds_a_place_and_the_address_with_most_loses_one() {
        let door = Door::guarded();
        let many: Vec<_> =
            (0..4).flat_map(|n| (0..8).map(move |_| n)).map(|n| door.enter(ip(n))).collect();
        let more: Vec<_> = (10..14).map(|n| door.enter(ip(n))).collect();
        assert!(more.iter().all(|it| it.expelled().now_or_never().is_none()));
        let out = many.iter().filter(|it| it.expelled().now_or_never().is_some()).count();
        assert_eq!((out, door.lock().strangers.len()), (4, STRANGERS_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_shown_out_after_a_while_and_who_proved_itself_is_not() {
        let door = Door::guarded();
        let (silent, proven) = (door.enter(ip(1)), door.enter(ip(1)));
        proven.prove();
        tokio::time::sleep(PATIENCE + Duration::from_secs(1)).await;
        assert!(silent.expelled().now_or_never().is_some());
        assert!(proven.expelled().now_or_never().is_none());
        let open = Door::open();
        let reader = open.enter(ip(1));
        tokio::time::sleep(10 * PATIENCE).await;
        assert!(reader.expelled().now_or_never().is_none(), "nothing is wanted of it");
    }

    #[test]
    fn neighbours_of_ipv6_are_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
