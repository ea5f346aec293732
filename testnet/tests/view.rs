//! `tidings-testnet view` as its users have it: a server that a browser asks, and a file.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

const BINARY: &str = env!("CARGO_BIN_EXE_tidings-testnet");

/// How long anything here may take before it counts as hanging. Debug builds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn view(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.arg("view").args(args).current_dir(folder).stdin(Stdio::null());
    command
}

/// What a view came to that ends by itself: its exit code, and what it said on standard error.
fn failed(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = view(folder, args).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// A view that serves.
struct Served {
    child: Child,
    port: u16,
}

impl Served {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let command = &mut view(folder, args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("http://127.0.0.1:").unwrap().trim_end_matches('/');
        Self { child, port: port.parse().unwrap() }
    }

    /// Sends a head of a request and takes the answer: its status line with headers, and its body.
    fn ask(&self, head: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let at = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (
            String::from_utf8(answer[..at].to_vec()).unwrap().to_lowercase(),
            answer[at + 4..].to_vec(),
        )
    }

    fn get(&self, path: &str) -> (String, Vec<u8>) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}", self.port))
    }

    /// Interrupts it as Ctrl-C does, and gives its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it doesn't end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn the_page_its_parts_and_its_runs_are_served_until_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = timelines(folder.path());
    let served = Served::start(folder.path(), &["a.tdt", "b.tdt"]);
    let (head, page) = served.get("/");
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    for header in
        ["content-security-policy: default-src 'none'", "cache-control: no-store", "text/html"]
    {
        assert!(head.contains(header), "{header}: {head}");
    }
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.contains(r#"[{"name":"a","url":"/timeline/0"},{"name":"b","url":"/timeline/1"}]"#),
        "{page}"
    );
    for (path, media) in [("/view.js", "text/javascript"), ("/view.css", "text/css")] {
        let (head, body) = served.get(path);
        assert!(
            head.starts_with("http/1.1 200") && head.contains(media) && !body.is_empty(),
            "{head}"
        );
    }
    assert_eq!([served.get("/timeline/0").1, served.get("/timeline/1").1], [one, two]);
    assert_eq!(served.interrupt(), Some(0));
}

#[test]
fn what_is_not_there_for_another_host_or_no_get_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), &[]);
    let (head, body) = served.get("/timeline/0");
    assert!(head.starts_with("http/1.1 404"), "no run was named: {head}");
    assert_eq!(body, b"Nothing is at /timeline/0: the page is at /.\n");
    let (head, body) = served.ask("GET / HTTP/1.1\r\nHost: evil.example");
    assert!(head.starts_with("http/1.1 421"), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("for this machine alone"));
    let (head, _) = served.ask(&format!("POST / HTTP/1.1\r\nHost: localhost:{}", served.port));
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
    let (head, body) = served.ask(&format!("HEAD / HTTP/1.1\r\nHost: localhost:{}", served.port));
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}");
    assert_eq!(served.interrupt(), Some(0));
}

#[test]
fn a_port_in_use_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = Served::start(folder.path(), &[]);
    let (code, told) = failed(folder.path(), &["--port", &first.port.to_string()]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("(--port)") && told.contains("choose another port"), "{told}");
}

#[test]
fn one_file_has_everything_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    timelines(folder.path());
    let output = view(folder.path(), &["a.tdt", "b.tdt", "--html", "page.html"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("page.html: ") && said.contains("iB, a, b; open it"), "{said}");
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    assert_eq!(page.matches("class=\"timeline\" data-name=").count(), 2);
    assert!(!page.contains("src=\"view.js\"") && !page.contains("href=\"view.css\""));
    let (code, told) = failed(folder.path(), &["a.tdt", "--html", "page.html"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("page.html exists, and is not overwritten"), "{told}");
    assert_eq!(fs::read_to_string(folder.path().join("page.html")).unwrap(), page);
}

#[test]
fn what_is_no_run_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "not a timeline").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("cut.tdt"), &SMALL[..SMALL.len() - 1]).unwrap();
    for (path, sentence) in [
        ("nowhere", "there is no nowhere: name a timeline"),
        ("notes.txt", "notes.txt is no timeline"),
        ("cut.tdt", "cut.tdt can't be shown: this timeline is cut"),
        ("empty", "empty is a folder, and no run was written there"),
    ] {
        let (code, told) = failed(folder.path(), &[path]);
        assert_eq!(code, Some(64), "{path}: {told}");
        assert!(told.contains(sentence), "{told}");
    }
    let seven = ["x"; 7];
    assert_eq!(failed(folder.path(), &seven).0, Some(64));
}

#[test]
fn a_run_folder_is_shown_and_the_newest_of_runs_where_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::create_dir(here.join("runs")).unwrap();
    for name in ["first", "second"] {
        let mut sim = Command::new(BINARY);
        sim.args(["sim", "--nodes", "10", "--txs", "3", "--out"]).arg(here.join("runs").join(name));
        let status = sim.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(0));
    }
    // Whatever the clock of the disk says of two files of one moment.
    let table =
        fs::File::options().write(true).open(here.join("runs/first/deliveries.csv")).unwrap();
    table.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let served = Served::start(here, &[]);
    let page = String::from_utf8(served.get("/").1).unwrap();
    assert!(page.contains(r#"[{"name":"second","url":"/timeline/0"}]"#), "{page}");
    assert!(served.get("/timeline/0").1.starts_with(b"TIDINGTL"));
    assert_eq!(served.interrupt(), Some(0));
    let both = Served::start(here, &["runs/first", "runs/second/"]);
    let page = String::from_utf8(both.get("/").1).unwrap();
    assert!(page.contains(r#""name":"first""#) && page.contains(r#""name":"second""#), "{page}");
    assert_eq!(both.interrupt(), Some(0));
}

/// A timeline as a file has it.
const SMALL: &[u8] = include_bytes!("../timeline/tests/fixtures/small.tdt");

/// Writes `a.tdt` and `b.tdt`, and gives their bytes.
fn timelines(folder: &Path) -> [Vec<u8>; 2] {
    ["a.tdt", "b.tdt"].map(|name| {
        fs::write(folder.join(name), SMALL).unwrap();
        SMALL.to_vec()
    })
}
