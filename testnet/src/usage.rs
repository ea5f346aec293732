//! CPU time and memory of processes, as the kernel counts them (proc(5)).

use std::time::Duration;

use procfs::process::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
    let stat = process(pid)?.stat().ok()?;
    let ticks = (stat.utime + stat.stime) as f64;
    let cpu = Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64);
    Some(Usage { cpu, rss_bytes: stat.rss * procfs::page_size() })
}

impl Usage {
    /// The share of one of so many that used it together.
    #[must_use]
    pub fn share_of(self, sharers: usize) -> Self {
        let sharers = u32::try_from(sharers).unwrap_or(u32::MAX).max(1);
        Self { cpu: self.cpu / sharers, rss_bytes: self.rss_bytes / u64::from(sharers) }
    }
}

/// What a process holds of the machine's memory, bytes (proc(5), `/proc/PID/smaps_rollup`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident; pages that processes share, as those of a program that they all run, count in each.
    pub rss: u64,
    /// Its part of what is resident: a shared page counts as one over the number of its sharers. The sum over all processes is
    /// what they take in truth.
    pub pss: u64,
    /// What nobody shares with it, and what would be free if it ended.
    pub private: u64,
}

/// Memory of a process; `None` if there is no such process, or the kernel doesn't tell.
#[must_use]
pub fn memory(pid: u32) -> Option<Memory> {
    let rollup = process(pid)?.smaps_rollup().ok()?;
    let map = rollup.memory_map_rollup.0.into_iter().next()?.extension.map;
    let bytes = |name: &str| map.get(name).copied();
    Some(Memory {
        rss: bytes("Rss")?,
        pss: bytes("Pss")?,
        private: bytes("Private_Clean")? + bytes("Private_Dirty")?,
    })
}

/// How often a process got a processor up to now, and how long it waited for it in all: its first thread, on which a node
/// does nearly everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Times that it got one.
    pub turns: u64,
    /// How long it was ready to go on and didn't have one.
    pub waited: Duration,
}

/// A process's waits; `None` if there is no such process, or the kernel doesn't count.
#[must_use]
pub fn waits(pid: u32) -> Option<Waits> {
    let counted = process(pid)?.schedstat().ok()?;
    Some(Waits { turns: counted.pcount, waited: Duration::from_nanos(counted.run_delay) })
}

/// The mean wait of processes between two moments; those not known of both don't count. `None` if nobody got a
/// processor.
#[must_use]
pub fn mean_wait(before: &[Option<Waits>], after: &[Option<Waits>]) -> Option<Duration> {
    let (mut turns, mut waited) = (0, Duration::ZERO);
    for (before, after) in before.iter().zip(after) {
        if let (Some(before), Some(after)) = (before, after) {
            turns += after.turns.saturating_sub(before.turns);
            waited += after.waited.saturating_sub(before.waited);
        }
    }
    (turns > 0).then(|| waited.div_f64(turns as f64))
}

/// The most memory that a process has had resident, bytes. `None` if there is no such process.
#[must_use]
pub fn peak_rss_bytes(pid: u32) -> Option<u64> {
    Some(process(pid)?.status().ok()?.vmhwm? * 1_024)
}

/// How many descriptors a process has open. `None` if there is no such process.
#[must_use]
pub fn descriptors(pid: u32) -> Option<usize> {
    process(pid)?.fd_count().ok()
}

fn process(pid: u32) -> Option<Process> {
    Process::new(i32::try_from(pid).ok()?).ok()
}

/// Usage of this process.
#[must_use]
pub fn own_usage() -> Usage {
    usage(std::process::id()).unwrap_or_default()
}

/// The most memory that this process has had resident, MiB.
#[must_use]
pub fn peak_rss_mib() -> Option<f64> {
    let kib = Process::myself().ok()?.status().ok()?.vmhwm?;
    Some(kib as f64 / 1_024.0)
}

/// Seconds of CPU used between two moments; 0 if the later one is unknown.
#[must_use]
pub fn cpu_between(earlier: Usage, later: Usage) -> f64 {
    later.cpu.saturating_sub(earlier.cpu).as_secs_f64()
}

/// Most open files that the system lets this process have, and those that it starts; `None` if there is no limit.
#[must_use]
pub fn open_files_max() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the soft limit on open files to the hard one, for this process and those that it starts.
///
/// # Errors
/// What the system says.
pub fn raise_open_files() -> Result<(), rustix::io::Errno> {
    let maximum = open_files_max();
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_memory_is_part_of_the_share_and_that_of_what_is_resident() {
        let Memory { rss, pss, private } = memory(std::process::id()).unwrap();
        assert!(private > 100_000 && private <= pss && pss <= rss, "{private} {pss} {rss}");
        assert_eq!(memory(u32::MAX), None);
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
    fn waits_are_weighed_by_how_often_there_was_one() {
        let waits = |turns, ms| Some(Waits { turns, waited: Duration::from_millis(ms) });
        let before = [waits(10, 5), waits(0, 0), None, waits(3, 3)];
        let after = [waits(12, 105), waits(98, 100), waits(1_000, 1_000), None];
        assert_eq!(mean_wait(&before, &after), Some(Duration::from_millis(2)));
        assert_eq!(mean_wait(&before, &before), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_usage() {
        assert_eq!(usage(u32::MAX), None);
    }
}
