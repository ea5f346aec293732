//! How far a simulation is: a bar on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use tidings_protocol::ground::time::Time;
use tidings_sim::world::World;

use crate::output;
use crate::ui::{Bar, Ui};

/// How often a line is written where there is no terminal. A guess: seldom enough for a log, and soon enough for whoever waits.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Watches a simulation for whoever waits for it.
#[derive(Debug)]
pub(super) struct Watch {
    bar: Bar,
    /// Pairs of item and node.
    pairs: u64,
    said: Instant,
}

impl Watch {
    /// Of a simulation of so many pairs of item and node.
    #[must_use]
    pub(super) fn new(pairs: u64) -> Self {
        let length = usize::try_from(pairs).unwrap_or(usize::MAX);
        Self { bar: Ui::new(false).bar("simulating", length), pairs, said: Instant::now() }
    }

    /// Says how far it is, if it is time to.
    pub(super) fn look(&mut self, world: &World) {
        let delivered = world.record().delivered();
        let simulated = format!("{:.1} s simulated", world.now().since(Time::ZERO).as_secs_f64());
        self.bar.show(usize::try_from(delivered).unwrap_or(usize::MAX), &simulated);
        if self.bar.is_hidden() && self.said.elapsed() >= LINE_INTERVAL {
            self.said = Instant::now();
            output::tell(&line(delivered, self.pairs, &simulated));
        }
    }
}

fn line(delivered: u64, pairs: u64, simulated: &str) -> String {
    let share = 100.0 * delivered as f64 / pairs.max(1) as f64;
    format!("{share:.0} % of {pairs} deliveries, {simulated}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_is_done_of_what() {
        assert_eq!(line(25, 200, "1.5 s simulated"), "12 % of 200 deliveries, 1.5 s simulated");
        assert_eq!(line(0, 0, "0.0 s simulated"), "0 % of 0 deliveries, 0.0 s simulated");
    }
}
