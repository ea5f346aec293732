//! A writer that makes nobody wait: a thread of its own writes, and what it can't keep up with is dropped and counted.
//!
//! Whoever reads a log may be slow, stopped (a terminal after Ctrl-S, a pager, a pipe that nobody reads) or gone, and the
//! disk behind it full. None of that may hold up or end whatever writes the log. So lines wait, at most
//! [`LINES_MAX`] of them; and the end waits for the reader only as long as it is told to. Its thread is also the clock of
//! whoever has something to write later.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most lines that wait to be written; further ones are dropped. A guess: some 200 KB, and 1.3 MB of the longest.
pub const LINES_MAX: usize = 1_024;

/// The writer. Its clones write to the same place, each call one line; it never fails. Its thread lives as
/// long as the process.
#[derive(Clone, Debug)]
pub struct Lossy(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    /// One more is being written.
    writing: bool,
    dropped: u64,
    later: Option<(Instant, Later)>,
}

/// Makes what is to be written at some later moment.
struct Later(Box<dyn FnOnce() -> Vec<u8> + Send>);

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.writing
    }
}

impl Lossy {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || of_thread.run(out))?;
        Ok(Self(shared))
    }

    /// Asks at a later moment for something to write. Only the latest wish counts.
    pub fn later(&self, at: Instant, make: impl FnOnce() -> Vec<u8> + Send + 'static) {
        self.0.lock().later = Some((at, Later(Box::new(make))));
        self.0.changed.notify_all();
    }

    /// Lines that were lost: they came too fast for the reader, or nobody took them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }

    /// Waits until all is written, but only for so long. True if it is.
    pub fn drain(&self, patience: Duration) -> bool {
        let state = self.0.lock();
        let waited = self.0.changed.wait_timeout_while(state, patience, |state| !state.is_idle());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_idle()
    }
}

impl Write for Lossy {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.waiting.len() < LINES_MAX {
            state.waiting.push_back(line.to_vec());
            drop(state);
            self.0.changed.notify_all();
        } else {
            state.dropped += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// A panic can't leave it half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut out: impl Write) {
        loop {
            let line = self.next();
            let written = out.write_all(&line).and_then(|()| out.flush());
            let mut state = self.lock();
            state.writing = false;
            state.dropped += u64::from(written.is_err());
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for something to write, which is then being written.
    fn next(&self) -> Vec<u8> {
        let mut state = self.lock();
        loop {
            if let Some(line) = state.waiting.pop_front() {
                state.writing = true;
                return line;
            }
            let now = Instant::now();
            let due = state.later.as_ref().map(|(at, _)| at.saturating_duration_since(now));
            state = match due {
                Some(Duration::ZERO) => {
                    let later = state.later.take();
                    // Whoever makes it may write, too.
                    drop(state);
                    let made = later.map(|(_, Later(make))| make());
                    let mut state = self.lock();
                    state.waiting.extend(made.filter(|made| !made.is_empty()));
                    state
                }
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes a line whenever somebody lets it, and all of them once nobody can any more.
    struct Stuck {
        let_go: mpsc::Receiver<()>,
        taken: mpsc::SyncSender<Vec<u8>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.let_go.recv();
            let _ = self.taken.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_takes_nothing_costs_lines_and_holds_up_nobody() {
        let (let_go, stuck) = mpsc::sync_channel(1);
        let (taken, lines) = mpsc::sync_channel(2 * LINES_MAX);
        let mut writer = Lossy::start(Stuck { let_go: stuck, taken }).unwrap();
        for number in 0..LINES_MAX + 100 {
            writer.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        // One more than wait is being written.
        assert!((99..=100).contains(&writer.dropped()));
        assert!(!writer.drain(Duration::ZERO), "nor does the end wait for it");
        drop(let_go);
        assert!(writer.drain(Duration::from_secs(60)));
        let lines: Vec<_> = lines.try_iter().collect();
        assert_eq!((&lines[0][..], &lines[1_000][..]), (&b"0\n"[..], &b"1000\n"[..]));
        assert_eq!(lines.len() as u64 + writer.dropped(), LINES_MAX as u64 + 100);
    }

    #[test]
    fn a_place_that_refuses_costs_lines_and_nothing_else() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = Lossy::start(Full).unwrap();
        for _ in 0..3 {
            writer.write_all(b"a line\n").unwrap();
        }
        assert!(writer.drain(Duration::from_secs(60)));
        assert_eq!(writer.dropped(), 3);
    }

    #[test]
    fn something_is_written_later_though_nobody_writes_then() {
        let (taken, lines) = mpsc::sync_channel(2);
        let (let_go, stuck) = mpsc::sync_channel(1);
        drop(let_go);
        let writer = Lossy::start(Stuck { let_go: stuck, taken }).unwrap();
        writer.later(Instant::now() + Duration::from_secs(3_600), || b"never".to_vec());
        writer.later(Instant::now(), || b"later".to_vec());
        assert_eq!(lines.recv().unwrap(), b"later");
    }
}
