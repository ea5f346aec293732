//! What the system tells of this process: the `process_…` metrics that all programs have.

use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::gauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::values::whole;

/// What `/proc/self/stat` says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    threads: u64,
    /// Ticks after the machine's start.
    started: u64,
    virtual_bytes: u64,
}

impl Stat {
    /// Reads it. The name of the program stands in it in brackets, and may have anything in it.
    fn read(text: &str) -> Option<Self> {
        let (_, fields) = text.rsplit_once(')')?;
        // The first of these is the third of proc(5).
        let field = |number: usize| fields.split_ascii_whitespace().nth(number - 3)?.parse().ok();
        Some(Self { threads: field(20)?, started: field(22)?, virtual_bytes: field(23)? })
    }
}

/// When this process started, seconds of Unix time; it began so many ticks after the machine. Worked out once: a clock that is set afterwards
/// doesn't make it another process.
fn started(ticks: u64) -> f64 {
    static STARTED: OnceLock<f64> = OnceLock::new();
    *STARTED.get_or_init(|| {
        let seconds =
            |clock| Duration::try_from(clock_gettime(clock)).unwrap_or_default().as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "whoever runs for 2^53 ticks may be told so"
        )]
        let after = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        seconds(ClockId::Realtime) - (seconds(ClockId::Boottime) - after)
    })
}

/// Sets what there is on the recorder at hand. `rss_bytes` and `cpu_s` are known already. What the system doesn't tell isn't set.
pub(super) fn set(rss_bytes: u64, cpu_s: f64) {
    gauge!("process_cpu_seconds_total").set(cpu_s);
    gauge!("process_resident_memory_bytes").set(whole(rss_bytes));
    if let Some(most) = getrlimit(Resource::Nofile).current {
        gauge!("process_max_fds").set(whole(most));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Reading the folder takes one.
        gauge!("process_open_fds").set(whole(open.count().saturating_sub(1)));
    }
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let Some(stat) = Stat::read(&stat) else { return };
    gauge!("process_threads").set(whole(stat.threads));
    gauge!("process_virtual_memory_bytes").set(whole(stat.virtual_bytes));
    gauge!("process_start_time_seconds").set(started(stat.started));
}

#[cfg(test)]
mod tests {
    use metrics::with_local_recorder;

    use super::*;
    use crate::measured::Registry;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_confuse() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 5 0 4711 9000 77";
        let stat = Stat::read(&format!("42 (a) b (c)) {rest}"));
        assert_eq!(stat, Some(Stat { threads: 5, started: 4_711, virtual_bytes: 9_000 }));
        assert_eq!(Stat::read("42 (a) S 1"), None);
    }

    #[test]
    fn this_process_is_shown_whole() {
        let registry = Registry::default();
        with_local_recorder(&registry, || set(1, 0.5));
        let text = registry.text();
        for name in ["start_time_seconds", "open_fds", "max_fds", "threads", "virtual_memory_bytes"]
        {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{name}: {text}");
        }
        let line = text.lines().find(|line| line.starts_with("process_start_time_seconds "));
        let start: f64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        let now = clock_gettime(ClockId::Realtime).tv_sec as f64;
        assert!((now - 3_600.0..=now + 1.0).contains(&start), "{start}, and it is {now}");
    }
}
