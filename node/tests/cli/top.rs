//! `tidings top`: a real node on a real terminal, which is as it was afterwards.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::{Folder, PATIENCE, code, eventually};

/// What takes a terminal's screen, and what gives it back.
const TAKES: &str = "\u{1b}[?1049h";
const GIVES_BACK: &str = "\u{1b}[?1049l";

/// A terminal with `tidings top` in it; ended when dropped.
struct Terminal {
    child: Child,
    /// The end of whoever sits before it.
    keys: File,
    /// The end of the program: kept, so that its settings can be looked at.
    program: OwnedFd,
    shown: Receiver<Vec<u8>>,
    /// All that was written.
    written: Vec<u8>,
    columns: usize,
    rows: usize,
}

impl Terminal {
    fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let program = rustix::fs::open(name, flags, Mode::empty()).unwrap();
        tcsetwinsize(
            &program,
            Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 },
        )
        .unwrap();
        let end = || Stdio::from(program.try_clone().unwrap());
        let child =
            command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm").spawn().unwrap();
        let (keys, mut screen) = (File::from(user.try_clone().unwrap()), File::from(user));
        let (send, shown) = sync_channel(1_024);
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(len @ 1..) = screen.read(&mut bytes) {
                if send.send(bytes[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        let (columns, rows) = (columns.into(), rows.into());
        Self { child, keys, program, shown, written: Vec::new(), columns, rows }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// What a terminal would show now: letters go where the cursor was moved to, and colours are left out.
    fn screen(&self) -> String {
        let mut grid = vec![vec![' '; self.columns]; self.rows];
        let (mut row, mut column) = (0, 0);
        let text = self.text();
        let mut rest = text.as_str();
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            if letter != '\u{1b}' {
                if let Some(cell) = grid.get_mut(row).and_then(|cells| cells.get_mut(column)) {
                    *cell = letter;
                }
                column += 1;
                continue;
            }
            let Some(end) = rest.find(|letter: char| letter.is_ascii_alphabetic()) else { break };
            let (sequence, after) = rest.split_at(end + 1);
            rest = after;
            let numbers = sequence.trim_start_matches('[').trim_end_matches('H');
            let place = numbers.split_once(';').filter(|_| sequence.ends_with('H'));
            let place = place.and_then(|(row, column)| {
                Some((row.parse::<usize>().ok()?, column.parse::<usize>().ok()?))
            });
            if let Some(place) = place {
                (row, column) = (place.0 - 1, place.1 - 1);
            } else if sequence == "[2J" {
                grid = vec![vec![' '; self.columns]; self.rows];
            }
        }
        let lines: Vec<String> =
            grid.into_iter().map(|cells| cells.into_iter().collect()).collect();
        lines.join("\n")
    }

    /// Waits until the screen shows something.
    fn shows(&mut self, what: &str) {
        self.wait(what, |terminal| terminal.screen().contains(what));
    }

    fn wait(&mut self, what: &str, fits: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !fits(self) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.shown.recv_timeout(left) else {
                panic!("waited in vain: {what}\n{}", self.screen());
            };
            self.written.extend(bytes);
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether keys reach the program one by one.
    fn is_raw(&self) -> bool {
        !tcgetattr(&self.program).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// That it ends with a code, and leaves the terminal as it was.
    fn assert_ends_well(mut self) {
        eventually("it ends", || self.child.try_wait().unwrap().is_some());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.wait("the screen is given back", |terminal| terminal.text().contains(GIVES_BACK));
        assert!(self.text().contains("\u{1b}[?25h"), "the cursor is there again");
        assert!(!self.is_raw());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_is_looked_at_and_the_terminal_is_as_it_was_afterwards() {
    let folder = Folder::new();
    let node = folder.run(&["--admin-tcp", "127.0.0.1:0"]);
    let token = folder.file("admin.token").display().to_string();
    let elsewhere =
        ["top", "--admin", node.ready["admin_tcp"].as_str().unwrap(), "--token-file", &token];
    for (keys, args) in [("q", &["top"][..]), ("\u{3}", &elsewhere)] {
        let mut terminal = Terminal::start(folder.command(args), 80, 24);
        terminal.shows("no peers yet");
        assert!(terminal.text().contains(TAKES) && terminal.is_raw());
        let id = folder.json(&["submit", "--payload", "hello"])["id"].clone();
        terminal.shows(&id.as_str().unwrap()[..12]);
        terminal.press("4\r");
        terminal.shows("In short: accepted");
        terminal.press("\u{1b}");
        terminal.shows("latest items");
        terminal.press(keys);
        terminal.assert_ends_well();
    }
}

#[test]
fn a_signal_gives_the_terminal_back_and_a_node_that_goes_away_is_told() {
    let folder = Folder::new();
    let node = folder.run(&[]);
    let mut terminal = Terminal::start(folder.command(&["top"]), 120, 40);
    terminal.shows("no peers yet");
    drop(node);
    terminal.shows("THE NODE IS GONE");
    let _node = folder.run(&[]);
    terminal.shows("the node is back");
    kill_process(Pid::from_child(&terminal.child), Signal::TERM).unwrap();
    terminal.assert_ends_well();
}

#[test]
fn what_is_no_terminal_gets_a_sentence_and_a_picture_if_it_wants_one() {
    let folder = Folder::new();
    let error = folder.fails(64, &["top"]);
    assert!(error.contains("wants a terminal, and standard input is none"), "{error}");
    let error = folder.fails(64, &["top", "--json"]);
    assert!(error.contains("no JSON"), "{error}");
    let error = folder.fails(69, &["top", "--svg", "x.svg"]);
    assert!(error.contains("no node is running"), "{error}");
    folder.fails(64, &["top", "--svg", "x.svg", "--columns", "59"]);
    folder.fails(64, &["top", "--columns", "100"]);
    let _node = folder.run(&[]);
    let file = folder.file("top.svg");
    let drawn = folder.tidings(&["top", "--svg", file.to_str().unwrap(), "--seconds", "1"]);
    assert_eq!(code(&drawn), 0);
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("no peers yet"), "{svg}");
}

/// A server of tmux of its own; ended when dropped.
struct Tmux<'a> {
    folder: &'a Folder,
    socket: String,
}

impl Tmux<'_> {
    fn ask(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.env("TIDINGS_DATA_DIR", self.folder.path()).stdin(Stdio::null());
        let output = command.args(["-S", &self.socket, "-f", "/dev/null"]).args(args).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    }

    /// Waits until the screen shows something, and gives back all of it.
    fn shows(&self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.ask(&["capture-pane", "-p"]);
            if screen.contains(what) {
                return screen;
            }
            assert!(Instant::now() < deadline, "waited in vain: {what}\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.ask(&["kill-server"]);
    }
}

/// tmux draws what a terminal would, so that what is seen is looked at, not what is written.
#[test]
fn a_terminal_shows_whole_screens_in_tmux() {
    if Command::new("tmux").arg("-V").output().is_err() {
        eprintln!("skipped: there is no tmux");
        return;
    }
    let folder = Folder::new();
    let _node = folder.run(&[]);
    let program = env!("CARGO_BIN_EXE_tidings");
    for (columns, rows) in [("80", "24"), ("200", "60")] {
        // The server before may not be gone yet.
        let socket = folder.file(&format!("tmux{columns}")).display().to_string();
        let tmux = Tmux { folder: &folder, socket };
        let shell = format!("'{program}' top; echo it ended with $?; cat");
        tmux.ask(&["new-session", "-d", "-x", columns, "-y", rows, &shell]);
        let shown = tmux.shows("no peers yet");
        for part in ["tidings 0.", "memory", "flows", "pool", "latest items", "log", "? help"] {
            assert!(shown.contains(part), "{part}:\n{shown}");
        }
        tmux.ask(&["send-keys", "?"]);
        tmux.shows("ban the peer for a day");
        tmux.ask(&["send-keys", "Escape"]);
        tmux.shows("latest items");
        tmux.ask(&["send-keys", "q"]);
        let after = tmux.shows("it ended with 0");
        assert!(!after.contains("latest items"), "the screen is given back: {after}");
    }
}
