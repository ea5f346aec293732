//! What a launch says of itself when the machine or a clock was in the way. How figures become a verdict is tested where that
//! is decided, in `tidings_tools::figures::verdict`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::hint::spin_loop;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_tidings-testnet");

/// Launches, and returns the exit code and the summary.
fn launch(folder: &Path, args: &str) -> (Option<i32>, Value) {
    let mut command = Command::new(BINARY);
    command.args(["launch", "--idle", "0", "--json", "--quiet", "--out"]);
    command.arg(folder.join("run")).args(args.split_whitespace()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let summary = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("no summary: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), summary)
}

/// Does something beside so many threads that never stop, all on one core: however many the machine has, that one is
/// taken.
fn beside_busy_loops<T>(loops: usize, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let all = sched_getaffinity(None).unwrap();
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).unwrap());
    // Threads and processes begin with the affinity of whoever starts them.
    sched_setaffinity(None, &one).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..loops {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    spin_loop();
                }
            });
        }
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn a_launch_beside_eight_busy_loops_is_not_green() {
    let temp = tempfile::tempdir().unwrap();
    let args = "--nodes 5 --txs 50 --rate 25";
    let (code, summary) = beside_busy_loops(8, || launch(temp.path(), args));
    let verdict = summary["verdict"].as_str().unwrap();
    assert!(["machine", "invalid"].contains(&verdict), "{summary:#}");
    assert_eq!(code == Some(3), verdict == "invalid", "{code:?}: {summary:#}");
    let reasons = format!("{}{}", summary["machine_reasons"], summary["invalid_reasons"]);
    assert!(reasons.contains("for a processor each time"), "{reasons}");
    assert!(summary["try_slow_motion"].as_u64() > Some(1), "{summary:#}");
}

#[test]
fn a_launch_that_the_machine_cannot_hold_beside_eight_busy_loops_is_not_green() {
    let temp = tempfile::tempdir().unwrap();
    // All of it within 5 ms: no machine does that.
    let args = "--links none --nodes 3 --txs 500 --rate 100000 --rules opaque --strategy flood";
    let (code, summary) = beside_busy_loops(8, || launch(temp.path(), args));
    let verdict = summary["verdict"].as_str().unwrap();
    assert!(["machine", "invalid"].contains(&verdict), "{summary:#}");
    assert_eq!(code == Some(3), verdict == "invalid", "{code:?}: {summary:#}");
    let reasons = format!("{}{}", summary["machine_reasons"], summary["invalid_reasons"]);
    assert!(reasons.contains("of 100000.0 asked for"), "{reasons}");
    assert!(summary["try_slow_motion"].as_u64() > Some(1), "{summary:#}");
    let page = fs::read_to_string(temp.path().join("run/report.html")).unwrap();
    assert!(page.contains("This is the machine's time, not the network's: try --slow-motion"));
}

/// A program that is a node whose clock is wrong if its name is `n0001`.
fn node_with_a_wrong_clock(folder: &Path, ahead_s: i64) -> String {
    let script = folder.join("node");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *n0001*) export TIDINGS_LAB__CLOCK_AHEAD_S={ahead_s};; esac\n\
         exec {BINARY} node \"$@\"\n"
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script.display().to_string()
}

#[test]
fn a_launch_in_which_a_clock_is_another_is_invalid() {
    for (ahead_s, sentence) in [(3_600, "s after the run"), (-3_600, "s before its submission")] {
        let temp = tempfile::tempdir().unwrap();
        let node = node_with_a_wrong_clock(temp.path(), ahead_s);
        let args = format!("--links none --nodes 3 --txs 5 --rate 40 --node-binary {node}");
        let (code, summary) = launch(temp.path(), &args);
        assert_eq!((code, &summary["verdict"]), (Some(3), &"invalid".into()), "{summary:#}");
        let reasons = summary["invalid_reasons"].to_string();
        assert!(reasons.contains("n0001 has another clock: it accepted an item 3"), "{reasons}");
        assert!(reasons.contains(sentence), "{reasons}");
        assert!(!reasons.contains("n0000") && !reasons.contains("n0002"), "{reasons}");
    }
}
