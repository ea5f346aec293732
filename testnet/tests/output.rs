//! Whoever reads standard output or standard error may be gone, stuck, or a full disk: a run goes on, and its results are
//! written.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, PipeReader, PipeWriter, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, tcflow};

const BINARY: &str = env!("CARGO_BIN_EXE_tidings-testnet");

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A pipe whose reader has gone.
fn closed() -> PipeWriter {
    let (_, writer) = io::pipe().unwrap();
    writer
}

/// A pipe that is full, and that nobody reads while the other end lives.
fn stuck() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 4_096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).unwrap();
    (reader, writer)
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// Starts a small launch with these in place of a terminal.
fn start(folder: &Path, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Child {
    let mut command = Command::new(BINARY);
    command.args(["launch", "--nodes", "3", "--txs", "5", "--rate", "40", "--links", "none"]);
    command.args(["--idle", "0", "--out"]).arg(folder.join("run"));
    command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap()
}

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end(mut child: Child) -> ExitStatus {
    wait_for("the end", || child.try_wait().unwrap())
}

/// That the results are there and say that all is well.
fn assert_results(folder: &Path) {
    let summary = fs::read_to_string(folder.join("run/summary.json")).unwrap();
    assert!(summary.contains("\"coverage\": 1.0"), "{summary}");
    assert!(folder.join("run/report.html").is_file());
}

#[test]
fn a_closed_standard_output_and_error_do_not_end_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let child = start(folder.path(), closed(), closed());
    assert_eq!(end(child).code(), Some(0));
    assert_results(folder.path());
}

#[test]
fn a_full_disk_behind_standard_output_and_error_does_not_end_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let child = start(folder.path(), full(), full());
    assert_eq!(end(child).code(), Some(0), "the results are in the folder");
    assert_results(folder.path());
}

#[test]
fn a_run_does_not_wait_for_whoever_reads_what_it_tells() {
    let folder = tempfile::tempdir().unwrap();
    let ((_out, out), (_err, err)) = (io::pipe().unwrap(), stuck());
    let child = start(folder.path(), out, err);
    assert_eq!(end(child).code(), Some(0));
    assert_results(folder.path());
}

/// A terminal after Ctrl-S, on which bars are drawn.
#[test]
fn a_stopped_terminal_does_not_stop_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let err = File::options().read(true).write(true).open(name).unwrap();
    assert!(err.is_terminal());
    tcflow(&err, Action::OOff).unwrap();
    let child = start(folder.path(), Stdio::null(), err);
    assert_eq!(end(child).code(), Some(0));
    assert_results(folder.path());
}

#[test]
fn a_pager_that_nobody_looks_at_gets_the_result_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let ((mut reader, out), (_err, err)) = (stuck(), stuck());
    let child = start(folder.path(), out, err);
    wait_for("the results", || folder.path().join("run/report.html").is_file().then_some(()));
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert!(read.contains("Complete: every live node has every item."), "{read}");
    assert_eq!(end(child).code(), Some(0));
    assert_results(folder.path());
}

#[test]
fn a_result_that_is_nowhere_else_and_cannot_be_printed_is_a_failure_and_a_quitter_is_none() {
    let sim = |out: Stdio, err: Stdio| {
        let mut command = Command::new(BINARY);
        command.args(["sim", "--nodes", "10", "--txs", "3"]).stdin(Stdio::null());
        command.stdout(out).stderr(err).status().unwrap().code()
    };
    assert_eq!(sim(closed().into(), closed().into()), Some(0));
    assert_eq!(sim(full().into(), full().into()), Some(1));
    let (mut reader, err) = io::pipe().unwrap();
    assert_eq!(sim(full().into(), err.into()), Some(1));
    let mut told = String::new();
    reader.read_to_string(&mut told).unwrap();
    assert!(told.contains("error: the result can't be printed: No space left"), "{told}");
}
