//! Whoever reads standard output or standard error may be gone, stuck, or a full disk: a node runs all the same, and ends
//! when it is told to.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::process::{Child, Stdio};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use super::{Folder, eventually};

/// A pipe whose reader has gone.
fn closed() -> PipeWriter {
    let (_, writer) = io::pipe().unwrap();
    writer
}

/// A pipe that is full, and that nobody reads.
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

/// Starts a node that tells much; kills it when dropped.
struct Noisy(Child);

impl Noisy {
    fn start(folder: &Folder, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Self {
        let args = ["run", "--json", "--listen", "127.0.0.1:0", "--log", "debug"];
        Self(folder.command(&args).stdout(out).stderr(err).spawn().unwrap())
    }

    /// That it takes what is submitted, and ends as it should.
    fn assert_runs_and_stops(mut self, folder: &Folder) {
        eventually("it is up", || folder.tidings(&["status"]).status.success());
        assert_eq!(folder.json(&["submit", "--payload", "hello"])["outcome"], "accepted");
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        eventually("it ends", || self.0.try_wait().unwrap().is_some());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_node_runs_whoever_reads_its_output() {
    let folder = Folder::new();
    let run =
        |out: Stdio, err: Stdio| Noisy::start(&folder, out, err).assert_runs_and_stops(&folder);
    run(closed().into(), closed().into());
    run(full().into(), full().into());
    let ((_out, out), (_err, err)) = (stuck(), stuck());
    run(out.into(), err.into());
}

#[test]
fn a_signal_again_ends_a_node_whose_terminal_is_stuck() {
    let folder = Folder::new();
    let (_err, err) = stuck();
    let mut node = Noisy::start(&folder, Stdio::null(), err);
    eventually("it is up", || folder.tidings(&["status"]).status.success());
    eventually("it ends", || {
        let _ = kill_process(Pid::from_child(&node.0), Signal::INT);
        node.0.try_wait().unwrap().is_some()
    });
}

#[test]
fn a_reader_who_quits_is_no_failure_and_a_full_disk_is_one() {
    let folder = Folder::new();
    let version = |out: Stdio, err: Stdio| {
        folder.command(&["version"]).stdout(out).stderr(err).status().unwrap().code()
    };
    assert_eq!(version(closed().into(), closed().into()), Some(0));
    assert_eq!(version(full().into(), full().into()), Some(1));
    let (mut told, err) = io::pipe().unwrap();
    assert_eq!(version(full().into(), err.into()), Some(1));
    let mut text = String::new();
    told.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("tidings: cannot write the result: No space left"), "{text}");
}
