//! Clocks that make stamps: the hybrid logical clock, and the wall's for what it shows.
//!
//! A hybrid logical clock (Kulkarni et al. 2014, "Logical Physical Clocks", the algorithm of Figure 5) is as late as
//! the latest time that it has seen, its own machine's or a peer's, and counts what happens while that stands still. So
//! what was written after something was seen has the later stamp, however wrong the clocks are, and a replica whose clock is an
//! hour slow overwrites what it has seen all the same.
//!
//! *Attack*: a stamp far in the future would take all clocks along, and nobody could overwrite it. So a peer's time counts only
//! up to [`Settings::ahead_ms`](super::settings::Settings::ahead_ms) before our machine's: what is later isn't taken.
//! And if our own machine's clock was set back by more than that, what it said before counts for nothing (the paper's §4,
//! self-stabilization): the clock begins anew at the machine's time.
//!
//! The wall's clock says what the machine says. Stamps of a machine that is slow lose to what they were meant to overwrite, and
//! those of one that is fast can't be overwritten by the others: that is what it is here to show. It refuses nothing.

use super::stamp::{Millis, Tick};

/// Where stamps come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// A hybrid logical clock.
    #[default]
    Hybrid,
    /// The machine's. For demonstrations: it loses updates.
    Wall,
}

/// A replica's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    kind: ClockKind,
    /// How far ahead of our machine's time a peer's may be, milliseconds.
    ahead: Millis,
    latest: Tick,
}

impl Clock {
    /// A clock that has seen nothing.
    #[must_use]
    pub fn new(kind: ClockKind, ahead_ms: Millis) -> Self {
        Self { kind, ahead: ahead_ms, latest: Tick::default() }
    }

    /// The latest time that is taken from a peer, or of what we keep ourselves.
    #[must_use]
    pub const fn limit(&self, wall: Millis) -> Millis {
        match self.kind {
            ClockKind::Hybrid => wall.saturating_add(self.ahead),
            ClockKind::Wall => Millis::MAX,
        }
    }

    /// The tick of something that happens now, by our machine's time `wall`.
    pub fn tick(&mut self, wall: Millis) -> Tick {
        let now = Tick { millis: wall, count: 0 };
        match self.kind {
            // Within a millisecond what one replica writes has an order.
            ClockKind::Wall if self.latest.millis != wall => self.latest = now,
            ClockKind::Hybrid if now > self.latest || self.latest.millis > self.limit(wall) => {
                self.latest = now;
            }
            ClockKind::Wall | ClockKind::Hybrid => self.latest = next(self.latest),
        }
        self.latest
    }

    /// A peer's tick was seen; one beyond the [limit](Clock::limit) isn't.
    pub fn see(&mut self, tick: Tick, wall: Millis) {
        let counts = self.kind == ClockKind::Hybrid && tick.millis <= self.limit(wall);
        if counts && tick > self.latest {
            self.latest = tick;
        }
    }
}

/// The next tick. Four billion events of one millisecond carry over to the next.
fn next(tick: Tick) -> Tick {
    match tick.count.checked_add(1) {
        Some(count) => Tick { count, ..tick },
        None => Tick { millis: tick.millis.saturating_add(1), count: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Millis = 3_600_000;

    #[test]
    fn what_follows_has_the_later_tick_however_slow_the_clock_is() {
        let mut clock = Clock::new(ClockKind::Hybrid, 60_000);
        let mut last = Tick::default();
        for (wall, seen) in [(10, None), (10, None), (5, Some(40)), (6, None), (50, Some(20))] {
            if let Some(millis) = seen {
                let seen = Tick { millis, count: 7 };
                clock.see(seen, wall);
                last = last.max(seen);
            }
            let tick = clock.tick(wall);
            assert!(tick > last, "{tick:?} after {last:?}");
            last = tick;
        }
        assert_eq!(last, Tick { millis: 50, count: 0 });
    }

    #[test]
    fn a_time_too_far_ahead_moves_nothing() {
        let mut clock = Clock::new(ClockKind::Hybrid, 60_000);
        clock.see(Tick { millis: HOUR, count: 0 }, 1_000);
        assert_eq!(clock.tick(1_000).millis, 1_000);
        clock.see(Tick { millis: 61_000, count: u32::MAX }, 1_000);
        assert_eq!(clock.tick(1_000), Tick { millis: 61_001, count: 0 });
    }

    #[test]
    fn a_clock_that_was_set_back_by_an_hour_begins_anew() {
        let mut clock = Clock::new(ClockKind::Hybrid, 60_000);
        assert_eq!(clock.tick(2 * HOUR).millis, 2 * HOUR);
        assert_eq!(clock.tick(HOUR), Tick { millis: HOUR, count: 0 });
    }

    #[test]
    fn the_walls_clock_goes_where_the_machine_says() {
        let mut clock = Clock::new(ClockKind::Wall, 0);
        clock.see(Tick { millis: HOUR, count: 0 }, 5);
        assert_eq!(clock.limit(5), Millis::MAX);
        assert_eq!(
            [clock.tick(5), clock.tick(5), clock.tick(4)].map(|tick| tick.millis),
            [5, 5, 4]
        );
    }
}
