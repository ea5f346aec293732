//! What happens to machines: a disk that is really full, a folder that can only be read, a socket's file that somebody deleted, few
//! descriptors, a clock that is set, a process that is stopped. Nothing that was acknowledged is lost, and what to do is said.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};
use tidings::trace::Line;

use super::kill::variable;
use super::{Folder, Node, code, eventually, stderr};

fn opaque() -> Folder {
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    folder
}

/// Namespaces of their own, in which a test may mount things; they end with it.
struct Mounts {
    holder: Child,
    _stdin: ChildStdin,
}

impl Mounts {
    /// Runs a script there, and keeps what it mounted. None where the system doesn't let us.
    fn new(script: &str) -> Option<Self> {
        let script = format!("{script} && echo ready && exec cat >/dev/null");
        let mut unshare = Command::new("unshare");
        unshare.args(["-Urm", "sh", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = unshare.spawn().ok()?;
        let (stdin, mut line) = (holder.stdin.take()?, String::new());
        BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
        let mounts = Self { holder, _stdin: stdin };
        if line != "ready\n" {
            eprintln!("left out: there are no namespaces here");
            return None;
        }
        Some(mounts)
    }

    /// The same command, in there.
    fn enter(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        let pid = self.holder.id().to_string();
        inside.args(["-t", &pid, "-U", "-m", "--preserve-credentials", "--"]);
        inside.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
        inside.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        inside
    }

    /// A path in there, as it is seen from here.
    fn seen(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(path.strip_prefix("/").unwrap())
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A data folder on a disk of its own, of eight megabytes.
struct Small {
    folder: Folder,
    mounts: Mounts,
}

impl Small {
    fn new() -> Option<Self> {
        let folder = Folder::empty();
        let path = folder.path().display().to_string();
        let mounts = Mounts::new(&format!(
            "mkdir {path} && mount -t tmpfs -o size=8m,mode=700 none {path}"
        ))?;
        let small = Self { folder, mounts };
        small.json(&["init", "--rules", "opaque"]);
        Some(small)
    }

    fn run(&self, args: &[&str]) -> Node {
        let fixed = ["run", "--json", "--listen", "127.0.0.1:0"];
        self.folder.start(self.mounts.enter(&self.folder.command(&[&fixed[..], args].concat())))
    }

    /// Runs a verb in there: its exit code, and what it said.
    fn tidings(&self, args: &[&str]) -> (i32, String) {
        let output = self.mounts.enter(&self.folder.command(args)).output().unwrap();
        (code(&output), String::from_utf8(output.stdout.clone()).unwrap() + &stderr(&output))
    }

    fn json(&self, args: &[&str]) -> Value {
        let (code, text) = self.tidings(&[args, &["--json"]].concat());
        assert_eq!(code, 0, "{args:?}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.mounts.seen(&self.folder.file(name))
    }

    /// Submits an item of 60,000 bytes.
    fn submit(&self, n: u32) -> (i32, String) {
        let path = self.folder.temp.path().join("item");
        let mut bytes = vec![7; 60_000];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        self.tidings(&["submit", path.to_str().unwrap()])
    }
}

#[test]
fn on_a_disk_that_is_really_full_nothing_acknowledged_is_lost_and_all_goes_on_when_there_is_room() {
    let Some(small) = Small::new() else { return };
    fs::write(small.file("ballast"), vec![0; 3_000_000]).unwrap();
    let node = small.run(&["--trace", small.folder.file("trace.csv").to_str().unwrap()]);
    let (mut acknowledged, mut message) = (0, String::new());
    for n in 0..200 {
        match small.submit(n) {
            (0, _) => acknowledged += 1,
            (_, said) => {
                message = said;
                break;
            }
        }
    }
    assert!(message.contains("could not be saved") && message.contains("make room"), "{message}");
    assert!(acknowledged > 0, "there was no room at all");
    // To the last byte: the trace and the log of losses, too.
    let _ = fs::write(small.file("more"), vec![0; 8_000_000]);
    let status = small.json(&["status"]);
    assert!(status["store"]["failures"].as_u64().unwrap() > 0, "{status}");
    fs::remove_file(small.file("more")).unwrap();
    fs::remove_file(small.file("ballast")).unwrap();
    eventually("what failed is saved after all", || {
        small.json(&["status"])["store"]["items"] == acknowledged + 1
    });
    assert_eq!(small.submit(1_000).0, 0);
    // What didn't fit while the disk was full is left out, and counted.
    eventually("the trace tells of each item, or how many it lacks", || {
        let trace = fs::read_to_string(small.file("trace.csv")).unwrap();
        let told = trace.lines().skip(1).map(|line| match Line::parse(line.as_bytes()) {
            Ok(Line::Dropped { count, .. }) => count,
            Ok(Line::Accepted(_)) => 1,
            _ => 0,
        });
        told.sum::<u64>() == acknowledged + 2
    });
    node.signal(Signal::KILL);
    node.code();
    let trace = fs::read_to_string(small.file("trace.csv")).unwrap();
    assert!(
        trace.ends_with('\n') && trace.lines().skip(1).all(|it| Line::parse(it.as_bytes()).is_ok())
    );
    let _node = small.run(&[]);
    eventually("all that was acknowledged is back", || {
        small.json(&["status"])["pool_items"] == acknowledged + 2
    });
}

#[test]
fn a_node_starts_on_a_full_disk_and_goes_on_when_there_is_room() {
    let Some(small) = Small::new() else { return };
    let node = small.run(&[]);
    assert_eq!(small.submit(1).0, 0);
    small.json(&["stop"]);
    drop(node);
    let _ = fs::write(small.file("ballast"), vec![0; 9_000_000]);
    let _node = small.run(&["--log-file", small.folder.file("node.log").to_str().unwrap()]);
    eventually("it is back", || small.json(&["status"])["pool_items"] == 1);
    let mut said = (0, String::new());
    // Until the pages that are free in the store are used.
    for n in 2..100 {
        said = small.submit(n);
        if said.0 != 0 {
            break;
        }
    }
    assert!(said.1.contains("could not be saved") && said.1.contains("make room"), "{said:?}");
    let lost = small.json(&["status"])["counters"]["log_dropped"].as_u64().unwrap();
    assert!(lost > 0, "no line of the log fits, and each is counted");
    assert!(small.tidings(&["status"]).1.contains("lines of the log"), "and shown");
    fs::remove_file(small.file("ballast")).unwrap();
    eventually("it is kept", || small.submit(1_000).0 == 0);
    let written = || fs::read_to_string(small.file("node.log")).unwrap();
    eventually("the log goes on", || written().contains("the store can be written again"));
}

#[test]
fn a_data_folder_that_can_only_be_read_is_refused_with_what_to_do_and_read_all_the_same() {
    let folder = opaque();
    let node = folder.run(&[]);
    fs::write(folder.file("item"), b"hello").unwrap();
    folder.json(&["submit", folder.file("item").to_str().unwrap()]);
    folder.json(&["stop"]);
    drop(node);
    let path = folder.path().display().to_string();
    let script = format!("mount --bind {path} {path} && mount -o remount,bind,ro {path}");
    let Some(mounts) = Mounts::new(&script) else { return };
    let before = fs::read(folder.file("store.redb")).unwrap();
    let output = mounts.enter(&folder.command(&["run", "--listen", "127.0.0.1:0"])).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("Read-only file system"), "{}", stderr(&output));
    assert!(stderr(&output).contains("let this user write there"), "{}", stderr(&output));
    let output = mounts.enter(&folder.command(&["config"])).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    drop(mounts);
    assert!(fs::read(folder.file("store.redb")).unwrap() == before);
    let _node = folder.run(&[]);
    eventually("nothing is lost", || folder.json(&["status"])["pool_items"] == 1);
}

#[test]
fn a_socket_whose_file_was_deleted_is_made_again() {
    let folder = opaque();
    let mut node = folder.run(&[]);
    fs::remove_file(folder.file("admin.sock")).unwrap();
    let error = folder.fails(69, &["status"]);
    assert!(error.contains("no node is running"), "{error}");
    eventually("commands find it again", || folder.tidings(&["status"]).status.success());
    folder.json(&["stop"]);
    let mut log = String::new();
    node.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("the admin socket was removed, and is made again"), "{log}");
    assert_eq!(node.code(), Some(0));
    assert!(!folder.file("admin.sock").exists());
}

/// A command whose process may have only so many files and sockets open, however much it asks.
fn with_descriptors(command: &Command, count: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {count}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell
}

#[test]
fn with_256_descriptors_a_node_takes_fewer_peers_and_loses_nothing_when_strangers_come() {
    let folder = opaque();
    let mut node = folder.run_by(|command| with_descriptors(&command, 256));
    let listen = node.ready["listen"][0].as_str().unwrap().to_owned();
    let strangers: Vec<_> = (0..300).filter_map(|_| TcpStream::connect(&listen).ok()).collect();
    assert!(strangers.len() > 250, "the system itself refuses: {}", strangers.len());
    for n in 0..20_u8 {
        fs::write(folder.file("item"), [n; 100]).unwrap();
        folder.json(&["submit", folder.file("item").to_str().unwrap()]);
    }
    node.signal(Signal::KILL);
    let mut log = String::new();
    node.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("too few files and sockets for 117 inbound peers"), "{log}");
    assert!(log.contains("`ulimit -n`"), "{log}");
    node.code();
    drop(strangers);
    let _node = folder.run(&[]);
    eventually("all are back", || folder.json(&["status"])["pool_items"] == 20);
}

#[test]
fn with_too_few_descriptors_a_node_says_how_to_have_more() {
    let folder = opaque();
    let command = folder.command(&["run", "--listen", "127.0.0.1:0"]);
    let output = with_descriptors(&command, 100).output().unwrap();
    assert_eq!(code(&output), 78, "{}", stderr(&output));
    let said = stderr(&output);
    assert!(
        said.contains("lets this process open 100 files") && said.contains("ulimit -n"),
        "{said}"
    );
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_micros()).unwrap()
}

const DAY_S: i64 = 86_400;

/// The machine's clock is set while the node runs: here the lab's, which is the same to it.
#[test]
fn a_clock_that_is_set_by_a_day_and_back_loses_nothing_and_leaves_no_stamp_wrong() {
    let folder = opaque();
    let set = |ahead_s: i64| {
        let text = format!("[lab]\nclock_ahead_s = {ahead_s}\n");
        fs::write(folder.file("config.toml"), text).unwrap();
    };
    set(0);
    let trace = folder.file("trace.csv");
    let node = folder.run(&["--trace", trace.to_str().unwrap()]);
    let mut submitted = 0;
    let mut submit = || {
        submitted += 1;
        fs::write(folder.file("item"), [submitted; 64]).unwrap();
        folder.json(&["submit", folder.file("item").to_str().unwrap()]);
        usize::from(submitted)
    };
    folder.json(&["ban", "192.0.2.1", "--for", "2d"]);
    folder.json(&["ban", "192.0.2.2", "--for", "12h"]);
    let bans = || folder.json(&["bans"])["bans"].as_array().unwrap().len();
    for (steps, ahead_s, banned) in [(1, DAY_S, 1), (2, -DAY_S, 2), (3, 0, 2)] {
        set(ahead_s);
        node.signal(Signal::HUP);
        let stepped = || folder.json(&["status"])["counters"]["clock_steps"] == steps;
        eventually("the node sees it", stepped);
        let count = submit();
        let mut last = None;
        eventually("the trace has it", || {
            let lines = fs::read_to_string(&trace).unwrap();
            last = lines.lines().skip(1).last().map(|line| Line::parse(line.as_bytes()).unwrap());
            lines.lines().skip(1).count() == count
        });
        let ahead_us = last.unwrap().unix_us().wrapping_sub(now_us()).cast_signed();
        assert!((ahead_us - ahead_s * 1_000_000).abs() < 60_000_000, "{ahead_us}");
        assert_eq!(bans(), banned, "{ahead_s}");
        assert_eq!(folder.json(&["status"])["pool_items"], count);
    }
    node.signal(Signal::KILL);
    node.code();
    // And wrong at the start, right later.
    for ahead_s in [DAY_S, -DAY_S] {
        set(ahead_s);
        let node = folder.run(&[]);
        eventually("all is back", || folder.json(&["status"])["pool_items"] == 3);
        set(0);
        node.signal(Signal::HUP);
        eventually("it is right", || folder.json(&["status"])["counters"]["clock_steps"] == 1);
        assert_eq!((bans(), &folder.json(&["status"])["pool_items"]), (2, &json!(3)));
    }
}

/// As a machine that is suspended, or a debugger: `SUSPENDED=600 cargo test -p tidings stopped_for` makes it ten minutes.
#[test]
fn a_node_that_was_stopped_for_a_while_goes_on_with_all_that_it_has() {
    let (first, second) = (opaque(), opaque());
    let node = first.run(&[]);
    let other = second.run(&["--connect", node.listen()]);
    eventually("they connect", || first.json(&["peers"])["peers"] != json!([]));
    let submit = |folder: &Folder, what: &[u8]| {
        fs::write(folder.file("item"), what).unwrap();
        folder.json(&["submit", folder.file("item").to_str().unwrap()]);
    };
    submit(&first, b"before");
    eventually("it spreads", || second.json(&["status"])["pool_items"] == 1);
    node.signal(Signal::STOP);
    submit(&second, b"meanwhile");
    sleep(Duration::from_secs(variable("SUSPENDED").unwrap_or(3)));
    node.signal(Signal::CONT);
    eventually("it has what came meanwhile", || first.json(&["status"])["pool_items"] == 2);
    submit(&first, b"after");
    eventually("they are linked", || second.json(&["status"])["pool_items"] == 3);
    // Of what peers brought nobody was told that it is.
    eventually("all is saved", || first.json(&["status"])["store"]["items"] == 3);
    drop(other);
    node.signal(Signal::KILL);
    node.code();
    let _node = first.run(&[]);
    eventually("all is back", || first.json(&["status"])["pool_items"] == 3);
}
