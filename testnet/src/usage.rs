//! CPU time and memory of processes, as the kernel counts them (proc(5)).

use std::time::Duration;

use rustix::param::{clock_ticks_per_second, page_size};

/// What a process used up to now, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all its threads, user and system, ended threads included. Counted in clock ticks,
    /// usually of 10 ms.
    pub cpu: Duration,
    /// Resident memory, bytes; pages shared with other processes count in each.
    pub rss_bytes: u64,
}

/// Usage of a process; `None` if there is no such process.
#[must_use]
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&stat, clock_ticks_per_second(), page_size() as u64)
}

/// Resident memory of a process that is its own, bytes: all but the pages of files, which processes
/// that run the same program share. `None` if there is no such process.
#[must_use]
pub fn private_bytes(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    parse_statm(&statm, page_size() as u64)
}

/// Usage of this process.
#[must_use]
pub fn own_usage() -> Usage {
    usage(std::process::id()).unwrap_or_default()
}

/// The most memory that this process has had resident, MiB (proc(5), `VmHWM`).
#[must_use]
pub fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1_024.0)
}

/// Seconds of CPU used between two moments; 0 if the later one is unknown.
#[must_use]
pub fn cpu_between(earlier: Usage, later: Usage) -> f64 {
    later.cpu.saturating_sub(earlier.cpu).as_secs_f64()
}

/// Raises the soft limit on open files to the hard one, for this process and those that it starts:
/// per node the launcher holds a socket and a trace file. Returns the limit, if there is one.
///
/// # Errors
/// What the system says.
pub fn raise_open_files() -> Result<Option<u64>, rustix::io::Errno> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum)
}

/// Reads `/proc/PID/stat`. The second field is the name in parentheses, which may itself contain
/// spaces and parentheses, so counting begins behind the last one.
fn parse_stat(stat: &str, ticks_per_s: u64, page_bytes: u64) -> Option<Usage> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    // Numbers as in proc(5), where the state behind the name is field 3.
    let user: u64 = fields.nth(14 - 3)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let rss_pages: u64 = fields.nth(24 - 16)?.parse().ok()?;
    let cpu = Duration::from_secs_f64((user + system) as f64 / ticks_per_s as f64);
    Some(Usage { cpu, rss_bytes: rss_pages * page_bytes })
}

/// Reads `/proc/PID/statm`: size, resident and shared pages come first.
fn parse_statm(statm: &str, page_bytes: u64) -> Option<u64> {
    let mut fields = statm.split_ascii_whitespace().skip(1);
    let resident: u64 = fields.next()?.parse().ok()?;
    let shared: u64 = fields.next()?.parse().ok()?;
    Some(resident.saturating_sub(shared) * page_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let stat = "42 (a) (b c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 7 8 20 0 1 0 9999 1000000 \
                    2000 18446744073709551615 1 1";
        let usage = parse_stat(stat, 100, 4_096).unwrap();
        assert_eq!(usage, Usage { cpu: Duration::from_secs(2), rss_bytes: 2_000 * 4_096 });
        for bad in ["", "42 (a) S 1", "42 a S"] {
            assert_eq!(parse_stat(bad, 100, 4_096), None, "{bad}");
        }
    }

    #[test]
    fn private_memory_is_what_is_not_shared() {
        assert_eq!(parse_statm("900 250 210 5 0 80 0", 4_096), Some(40 * 4_096));
        assert_eq!(parse_statm("900", 4_096), None);
        assert!(private_bytes(std::process::id()).is_some_and(|bytes| bytes > 100_000));
    }

    #[test]
    fn work_shows_in_the_own_usage() {
        let before = own_usage();
        let mut x = 1_u64;
        while cpu_between(before, own_usage()) < 0.03 {
            x = (0..100_000).fold(x, |x, n| std::hint::black_box(x.wrapping_mul(31) + n));
        }
        assert!(before.rss_bytes > 100_000, "{before:?}");
    }

    #[test]
    fn a_process_that_is_not_there_has_no_usage() {
        assert_eq!(usage(u32::MAX), None);
    }
}
