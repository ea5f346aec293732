//! What a bout came to, and which bounds it broke.

use serde::Serialize;
use tidings_attacker::strangers::PER_S;

/// Megabytes, as bounds are told.
const MB: f64 = 1e6;

/// What a bout came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// The attack, or the attacks.
    pub name: String,
    /// How many attacks ran side by side.
    pub modes: usize,
    /// Whether blocks were flooded.
    pub is_of_blocks: bool,
    /// How long it was attacked, seconds.
    pub seconds: f64,
    /// Peak of resident memory above what it was before the attack, bytes, of the node that had most.
    pub rss_above_idle: u64,
    /// CPU time of the victim above what honest transactions take, seconds.
    pub victim_cpu_s: f64,
    /// CPU time of the attacker, seconds.
    pub attacker_cpu_s: f64,
    /// Bytes that the attacker sent.
    pub attacker_sent: u64,
    /// Bytes that the victim sent to the attacker, as far as they were read.
    pub victim_sent: u64,
    /// Links that the attacker had, one after another and at once.
    pub attacker_links: u64,
    /// Times that the attacker had to begin again.
    pub attacker_ended: u64,
    /// Most descriptors that the victim had open.
    pub descriptors: usize,
    /// Honest latency before the attack, milliseconds: half of the deliveries were faster.
    pub p50_before_ms: Option<f64>,
    /// The same, 99 of 100.
    pub p99_before_ms: Option<f64>,
    /// Honest latency under attack.
    pub p50_ms: Option<f64>,
    /// The same, 99 of 100.
    pub p99_ms: Option<f64>,
    /// Honest transactions submitted.
    pub submitted: usize,
    /// Honest transactions that some node never accepted.
    pub missing: usize,
    /// Links between honest nodes before the attack.
    pub links: usize,
    /// Those of them that broke.
    pub links_lost: usize,
    /// Honest nodes that ended.
    pub deaths: usize,
    /// The longest that a newcomer waited, seconds.
    pub newcomer_s: Option<f64>,
    /// How many newcomers came in.
    pub newcomers: usize,
    /// How many strangers connected each second, where they came at a steady rate.
    pub strangers_per_s: Option<f64>,
    /// Whom the victim had linked before the attack, inbound.
    pub inbound_before: usize,
    /// The victim before the attack, during it and after it.
    pub stages: Vec<Stage>,
    /// Bytes that the victim's log grew by in a minute.
    pub log_bytes_per_min: f64,
    /// Lines of logs that no node wrote.
    pub forged_lines: usize,
    /// By how many transactions pools differed in the end, where they must not. Pools of as many transactions and other
    /// bytes differ by one at least.
    pub pool_spread: Option<usize>,
    /// The longest turn of the victim's loop, seconds.
    pub longest_turn_s: f64,
    /// What didn't hold.
    pub broken: Vec<String>,
}

/// The victim for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Stage {
    /// Which while.
    pub name: &'static str,
    /// How long, seconds.
    pub seconds: f64,
    /// CPU time, seconds.
    pub cpu_s: f64,
    /// Resident memory at its end, bytes.
    pub rss_bytes: u64,
    /// The same, pages that processes share divided among them.
    pub pss_bytes: u64,
}

impl Row {
    /// CPU of the victim by CPU of the attacker.
    #[must_use]
    pub fn cpu_ratio(&self) -> Option<f64> {
        (self.attacker_cpu_s > 0.0).then(|| self.victim_cpu_s / self.attacker_cpu_s)
    }

    /// Bytes that the victim sent by bytes that the attacker sent.
    #[must_use]
    pub fn amplification(&self) -> Option<f64> {
        (self.attacker_sent > 0).then(|| self.victim_sent as f64 / self.attacker_sent as f64)
    }
}

/// What must hold. `None` isn't judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Peak of memory above idle, bytes.
    rss: Option<u64>,
    /// The same with all attacks side by side.
    rss_of_many: Option<u64>,
    /// Latency that 99 of 100 honest deliveries keep, milliseconds.
    p99_ms: Option<f64>,
    /// The same while blocks are flooded.
    p99_of_blocks_ms: Option<f64>,
    /// The same at a victim with all its links, which announces to most of them in batches that wait a second or two (`relay.trickle_*`).
    p99_of_full_ms: Option<f64>,
    /// How long a newcomer waits, seconds.
    newcomer_s: Option<f64>,
    /// Strangers who connect each second at least, where they come at a steady rate: else it was no such attack.
    strangers_per_s: Option<f64>,
    /// Bytes of log a minute.
    log_bytes_per_min: Option<f64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rss: Some(160_000_000),
            rss_of_many: Some(512_000_000),
            p99_ms: Some(250.0),
            p99_of_blocks_ms: Some(1_000.0),
            p99_of_full_ms: Some(5_000.0),
            newcomer_s: Some(5.0),
            strangers_per_s: Some(0.95 * f64::from(PER_S)),
            log_bytes_per_min: Some(1e6),
        }
    }
}

impl Bounds {
    /// Only what a slow machine doesn't break.
    #[must_use]
    pub const fn untimed() -> Self {
        Self {
            rss: None,
            rss_of_many: None,
            p99_ms: None,
            p99_of_blocks_ms: None,
            p99_of_full_ms: None,
            newcomer_s: None,
            strangers_per_s: None,
            log_bytes_per_min: None,
        }
    }

    /// What of a row doesn't hold, a sentence each.
    #[must_use]
    pub fn broken_by(&self, row: &Row) -> Vec<String> {
        let must_be_none = [
            (row.deaths, "nodes ended"),
            (row.links_lost, "honest links lost"),
            (row.missing, "honest transactions missing"),
            (row.forged_lines, "forged lines in logs"),
            (row.pool_spread.unwrap_or(0), "transactions by which pools differ in the end"),
        ];
        let some = must_be_none.into_iter().filter(|(count, _)| *count > 0);
        let mut broken: Vec<_> = some.map(|(count, what)| format!("{what}: {count}")).collect();
        let mut judge = |value: Option<f64>, bound: Option<f64>, what: &str, unit: &str| {
            if let (Some(value), Some(bound)) = (value, bound)
                && value >= bound
            {
                broken.push(format!("{what} {value:.0} {unit}, bound {bound:.0}"));
            }
        };
        let rss = if row.modes > 1 { self.rss_of_many } else { self.rss };
        judge(
            Some(row.rss_above_idle as f64 / MB),
            rss.map(|bytes| bytes as f64 / MB),
            "memory above idle",
            "MB",
        );
        let p99 = match row.strangers_per_s {
            Some(_) => self.p99_of_full_ms,
            None if row.is_of_blocks => self.p99_of_blocks_ms,
            None => self.p99_ms,
        };
        judge(row.p99_ms, p99, "honest p99", "ms");
        judge(row.newcomer_s, self.newcomer_s, "a newcomer waited", "s");
        judge(
            Some(row.log_bytes_per_min / MB),
            self.log_bytes_per_min.map(|bytes| bytes / MB),
            "log",
            "MB a minute",
        );
        if let (Some(came), Some(least)) = (row.strangers_per_s, self.strangers_per_s)
            && came < least
        {
            broken.push(format!("strangers {came:.0} a second, at least {least:.0}"));
        }
        broken
    }
}

/// The value that so many of a hundred don't exceed (the nearest rank); `None` if there are none.
#[must_use]
pub fn percentile(values: &mut [f64], percent: usize) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Row {
        Row {
            modes: 1,
            rss_above_idle: 159_000_000,
            p99_ms: Some(249.0),
            newcomer_s: Some(4.9),
            log_bytes_per_min: 9e5,
            ..Row::default()
        }
    }

    fn broken(change: impl FnOnce(&mut Row)) -> Vec<String> {
        let mut row = good();
        change(&mut row);
        Bounds::default().broken_by(&row)
    }

    #[test]
    fn a_row_within_all_bounds_breaks_none() {
        assert_eq!(broken(|_| {}), [""; 0]);
        assert_eq!(broken(|row| row.p99_ms = None), [""; 0], "nothing was measured");
    }

    #[test]
    fn each_bound_is_judged_and_named() {
        type Change = fn(&mut Row);
        let cases: [(Change, &str); 10] = [
            (|row| row.pool_spread = Some(4), "transactions by which pools differ in the end: 4"),
            (|row| row.rss_above_idle = 160_000_000, "memory above idle 160 MB, bound 160"),
            (|row| row.p99_ms = Some(250.0), "honest p99 250 ms, bound 250"),
            (|row| row.newcomer_s = Some(5.0), "a newcomer waited 5 s, bound 5"),
            (|row| row.log_bytes_per_min = 1e6, "log 1 MB a minute, bound 1"),
            (|row| row.strangers_per_s = Some(90.0), "strangers 90 a second, at least 190"),
            (|row| row.links_lost = 1, "honest links lost: 1"),
            (|row| row.missing = 2, "honest transactions missing: 2"),
            (|row| row.forged_lines = 3, "forged lines in logs: 3"),
            (|row| row.deaths = 1, "nodes ended: 1"),
        ];
        for (change, told) in cases {
            let broken = broken(change);
            assert_eq!(broken.len(), 1, "{broken:?}");
            assert!(broken[0].starts_with(told), "{broken:?}");
        }
    }

    #[test]
    fn blocks_and_many_attacks_at_once_have_bounds_of_their_own() {
        assert_eq!(broken(|row| (row.is_of_blocks, row.p99_ms) = (true, Some(999.0))), [""; 0]);
        assert_eq!(broken(|row| (row.modes, row.rss_above_idle) = (9, 500_000_000)), [""; 0]);
        assert_eq!(broken(|row| (row.modes, row.rss_above_idle) = (9, 520_000_000)).len(), 1);
    }

    #[test]
    fn what_depends_on_the_machine_can_be_left_out() {
        let row = Row { p99_ms: Some(1e6), rss_above_idle: 1 << 40, ..good() };
        assert_eq!(Bounds::untimed().broken_by(&row), [""; 0]);
        assert_eq!(Bounds::untimed().broken_by(&Row { missing: 1, ..row }).len(), 1);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_there() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 50), Some(50.0));
        assert_eq!(percentile(&mut values, 99), Some(99.0));
        assert_eq!(percentile(&mut [7.0], 99), Some(7.0));
        assert_eq!(percentile(&mut [], 50), None);
    }
}
