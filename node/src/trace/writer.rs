//! Writes a trace.
//!
//! Lines are buffered. A disk that refuses them doesn't stop the node: what can't be written is dropped and
//! counted, and a line tells so once writing works again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::BUFFER_LEN;
use super::line::{HEADER, Line};
use crate::files::guard;

/// A file that is open only while something is appended to it: a trace is written to once a second, and thousands of nodes
/// may share the descriptors of a process.
#[derive(Debug)]
pub struct Appended(PathBuf);

impl Appended {
    fn open(&self) -> io::Result<File> {
        guard::open(&self.0, OpenOptions::new().create(true).append(true))
    }
}

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A trace being written.
#[derive(Debug)]
pub struct Trace<W = Appended> {
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
    /// A trace file, to go on at its end. A new one begins with the names of its columns.
    ///
    /// # Errors
    /// When it can't be opened for writing now.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = Appended(path.to_owned());
        let is_new = file.open()?.metadata()?.len() == 0;
        let mut trace = Self::new(file);
        if is_new {
            trace.buffer.extend_from_slice(HEADER.as_bytes());
            trace.buffer.push(b'\n');
        }
        Ok(trace)
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
        self.last_us = line.unix_us();
        line.put(&mut self.buffer);
        self.lines += 1;
        if self.buffer.len() >= BUFFER_LEN {
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
            let dropped = Line::Dropped { unix_us: self.last_us, count: self.unsaid };
            let mut line = Vec::new();
            dropped.put(&mut line);
            self.out.write_all(&line)?;
            self.unsaid = 0;
        }
        self.out.write_all(&self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::ground::item::{Hash256, ItemId};
    use tidings_protocol::ground::link::Link;

    use super::super::line::Entry;
    use super::*;

    fn line(unix_us: u64, ingress: Option<Link>) -> Line {
        let id = ItemId::tx(Hash256([0xab; 32]));
        Line::Accepted(Entry { unix_us, id, bytes: 300, ingress })
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
            assert!(trace.buffer.len() <= BUFFER_LEN);
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
