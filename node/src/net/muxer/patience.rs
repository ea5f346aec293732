//! How many frames a peer may send that carry nothing.
//!
//! A stream opened and reset, a ping, a window update and an empty frame cost us work and the peer twelve bytes. An honest
//! peer sends few: a ping every ten seconds or more, a window update for every 128 KiB or more that it was sent, a stream
//! or two in a connection's life. So there is a stock of them, which grows with time and with what is sent either way, and
//! whoever goes beyond it floods.

use tokio::time::Instant;

/// Most frames in stock. A guess: as many as a peer needs that opens streams of a dozen protocols which we don't speak.
pub(super) const STOCK: u32 = 64;

/// Data moved for which another frame is granted, bytes: a quarter of Yamux's first window, of which peers grant
/// again what was read by the half (`rust-yamux`, `hashicorp/yamux`).
pub(super) const EARNING: usize = 64 << 10;

/// What is left of the stock.
#[derive(Debug)]
pub(super) struct Patience {
    left: u32,
    earned: usize,
    since: Instant,
}

impl Patience {
    /// A full stock.
    pub(super) const fn new(now: Instant) -> Self {
        Self { left: STOCK, earned: 0, since: now }
    }

    /// Data was sent or received.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.earned += bytes;
        if self.earned >= EARNING {
            self.grant(self.earned / EARNING);
            self.earned %= EARNING;
        }
    }

    /// A frame came that carries nothing; false if that is too much. One is granted every second.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        if seconds > 0 {
            self.since = now;
            self.grant(usize::try_from(seconds).unwrap_or(usize::MAX));
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    fn grant(&mut self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(STOCK);
        self.left = self.left.saturating_add(frames).min(STOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_flood_ends_and_what_an_honest_peer_sends_does_not() {
        let now = Instant::now();
        let mut patience = Patience::new(now);
        assert_eq!((0..1_000).take_while(|_| patience.spend(now)).count(), STOCK as usize);
        for second in 1..1_000 {
            assert!(patience.spend(now + Duration::from_secs(second)), "one a second");
        }
        let then = now + Duration::from_secs(1_000);
        while patience.spend(then) {}
        for _ in 0..1_000 {
            patience.earn(EARNING);
            assert!(patience.spend(then), "one for what was moved");
        }
        patience.earn(usize::MAX / 2);
        assert_eq!((0..1_000).take_while(|_| patience.spend(then)).count(), STOCK as usize);
    }
}
