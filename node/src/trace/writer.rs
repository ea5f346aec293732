//! The trace file: one line for every item that was accepted or rejected, as the measuring tools read it.
//!
//! `unix_us,event,kind,id,bytes,ingress`, for instance `1732180000123456,accepted,tx,<64 hex>,300,4.1`.
//! The ingress is the link that the item came by, `-` if it was submitted here; the bytes of rejected
//! items are given as 0. Lines are buffered. A disk that refuses them doesn't stop the node: what
//! can't be written is dropped and counted, and a line `unix_us,dropped,,,<count>,` tells so once
//! writing works again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tidings_protocol::item::{ItemId, ItemKind};
use tidings_protocol::link::Link;

/// Buffered bytes at which they are written.
const BUFFER_MAX: usize = 64 << 10;

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed the rules, for the first time.
    Accepted,
    /// It broke one.
    Rejected,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// When, microseconds of Unix time.
    pub unix_us: u64,
    /// What happened.
    pub outcome: Outcome,
    /// What kind of item.
    pub kind: ItemKind,
    /// Which.
    pub id: ItemId,
    /// Its size; 0 if it isn't told.
    pub bytes: u32,
    /// The link it came by.
    pub ingress: Option<Link>,
}

/// A trace being written.
#[derive(Debug)]
pub struct Trace<W = File> {
    out: W,
    buffer: Vec<u8>,
    /// Complete lines in the buffer.
    lines: u64,
    /// Lines that could not be written since the last that could.
    unsaid: u64,
    /// The same, over all time.
    dropped: u64,
    last_us: u64,
}

impl Trace {
    /// Opens a trace file, to go on at its end.
    ///
    /// # Errors
    /// When it can't be opened for writing.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(OpenOptions::new().create(true).append(true).open(path)?))
    }
}

impl<W: Write> Trace<W> {
    /// A trace on anything that can be written.
    pub const fn new(out: W) -> Self {
        let buffer = Vec::new();
        Self { out, buffer, lines: 0, unsaid: 0, dropped: 0, last_us: 0 }
    }

    /// Adds a line; writes when enough have come together.
    pub fn record(&mut self, line: &Line) {
        self.last_us = line.unix_us;
        self.put(line);
        self.lines += 1;
        if self.buffer.len() >= BUFFER_MAX {
            self.flush();
        }
    }

    /// Whether there is anything to write.
    pub const fn is_clean(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Lines that could not be written.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes what is buffered, or drops it.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let written = self.write();
        if let Err(error) = written {
            if self.unsaid == 0 {
                tracing::error!(%error, "the trace can't be written: lines are dropped until it can");
            }
            self.unsaid += self.lines;
            self.dropped += self.lines;
        }
        self.buffer.clear();
        self.lines = 0;
    }

    fn write(&mut self) -> io::Result<()> {
        if self.unsaid > 0 {
            writeln!(self.out, "{},dropped,,,{},", self.last_us, self.unsaid)?;
            self.unsaid = 0;
        }
        self.out.write_all(&self.buffer)
    }

    fn put(&mut self, line: &Line) {
        let outcome = match line.outcome {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
        };
        put(&mut self.buffer, format_args!("{},{outcome},{},", line.unix_us, line.kind));
        put_hex(&mut self.buffer, &line.id);
        put(&mut self.buffer, format_args!(",{},", line.bytes));
        match line.ingress {
            Some(link) => put(&mut self.buffer, format_args!("{link}\n")),
            None => self.buffer.extend_from_slice(b"-\n"),
        }
    }
}

fn put(buffer: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    buffer.write_fmt(text).expect("memory takes what it is given");
}

/// A table, since formatting 32 bytes one by one would be the dearest part of a line.
fn put_hex(buffer: &mut Vec<u8>, id: &ItemId) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in id.0 {
        buffer.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(unix_us: u64, ingress: Option<Link>) -> Line {
        let (kind, outcome) = (ItemKind::Tx, Outcome::Accepted);
        Line { unix_us, outcome, kind, id: ItemId([0xab; 32]), bytes: 300, ingress }
    }

    /// A disk that can be full.
    #[derive(Default)]
    struct Disk {
        full: bool,
        bytes: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.full {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text(trace: &Trace<Disk>) -> String {
        String::from_utf8(trace.out.bytes.clone()).unwrap()
    }

    #[test]
    fn a_line_is_written_as_the_tools_read_it() {
        let mut trace = Trace::new(Disk::default());
        trace.record(&line(5, Some(Link::new(4, 1))));
        trace.record(&line(6, None));
        assert_eq!(text(&trace), "", "buffered");
        trace.flush();
        let id = "ab".repeat(32);
        assert_eq!(text(&trace), format!("5,accepted,tx,{id},300,4.1\n6,accepted,tx,{id},300,-\n"));
    }

    #[test]
    fn a_full_buffer_is_written_without_being_asked() {
        let mut trace = Trace::new(Disk::default());
        while trace.out.bytes.is_empty() {
            trace.record(&line(5, None));
            assert!(trace.buffer.len() <= BUFFER_MAX);
        }
        assert!(trace.is_clean());
    }

    #[test]
    fn a_full_disk_costs_lines_and_says_how_many() {
        let mut trace = Trace::new(Disk { full: true, ..Disk::default() });
        trace.record(&line(5, None));
        trace.record(&line(6, None));
        trace.flush();
        assert_eq!(trace.dropped(), 2);
        trace.out.full = false;
        trace.record(&line(7, None));
        trace.flush();
        assert!(text(&trace).starts_with("7,dropped,,,2,\n7,accepted,"), "{}", text(&trace));
        assert_eq!(trace.dropped(), 2);
    }
}
