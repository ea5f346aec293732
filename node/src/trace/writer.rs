//! Writes a trace.
//!
//! Lines are buffered. A disk that refuses them doesn't stop the node: what can't be written is dropped and
//! counted, and a line tells so once writing works again. Every line is whole: one of which the disk took a part is ended
//! first when it takes more, and if the process ends before that, the next run cuts it off and counts it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
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
    /// The rest of a line whose beginning is written: the disk took no more. It comes first.
    torn: Vec<u8>,
    /// Lines that could not be written since the last that could.
    unsaid: u64,
    /// The same, over all time.
    dropped: u64,
    last_us: u64,
}

/// Most bytes of a line's beginning that an earlier run can have left: no line is longer.
const LINE_MAX: u64 = 256;

impl Trace {
    /// A trace file, to go on at its end. A new one begins with the names of its columns. What a run that was killed left of a line
    /// there is cut off, and counts as a line that is lost.
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
        } else if cut_torn(path)? {
            // When that was nobody knows.
            (trace.unsaid, trace.dropped) = (1, 1);
        }
        Ok(trace)
    }
}

/// Cuts off what follows the last line of a file. True if there was something. A line that can't be one of ours is left as it is.
fn cut_torn(path: &Path) -> io::Result<bool> {
    let file = guard::open(path, OpenOptions::new().read(true).write(true))?;
    let len = file.metadata()?.len();
    let looked_at = len.min(LINE_MAX);
    let mut end = vec![0; usize::try_from(looked_at).unwrap_or_default()];
    file.read_exact_at(&mut end, len - looked_at)?;
    let torn = end.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
    if torn == 0 || torn == LINE_MAX {
        return Ok(false);
    }
    file.set_len(len - torn)?;
    Ok(true)
}

impl<W: Write> Trace<W> {
    /// A trace on anything that can be written.
    pub const fn new(out: W) -> Self {
        Self { out, buffer: Vec::new(), torn: Vec::new(), unsaid: 0, dropped: 0, last_us: 0 }
    }

    /// Adds a line; writes when enough have come together.
    pub fn record(&mut self, line: &Line) {
        self.last_us = line.unix_us();
        line.put(&mut self.buffer);
        if self.buffer.len() >= BUFFER_LEN {
            self.flush();
        }
    }

    /// Whether there is anything to write.
    pub const fn is_clean(&self) -> bool {
        self.buffer.is_empty() && self.torn.is_empty() && self.unsaid == 0
    }

    /// Lines that could not be written.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Writes what is buffered, or drops it. A line that the disk took a part of is ended before any other.
    pub fn flush(&mut self) {
        if self.is_clean() {
            return;
        }
        let was_unsaid = self.unsaid;
        if let Err(error) = self.write() {
            let lost = self.buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
            if was_unsaid == 0 {
                tracing::error!(
                    %error,
                    "the trace can't be written: lines are dropped until it can. Make room where it is"
                );
            }
            self.unsaid += lost;
            self.dropped += lost;
        }
        self.buffer.clear();
    }

    /// Writes as much as the disk takes; what is left of the buffer is whole lines.
    fn write(&mut self) -> io::Result<()> {
        put(&mut self.out, &mut self.torn).1?;
        if self.unsaid > 0 {
            Line::Dropped { unix_us: self.last_us, count: self.unsaid }.put(&mut self.torn);
            let len = self.torn.len();
            let (_, written) = put(&mut self.out, &mut self.torn);
            if self.torn.len() == len {
                // Nothing of it is there: it is said later, with what is lost until then.
                self.torn.clear();
            } else {
                self.unsaid = 0;
            }
            written?;
        }
        let (is_torn, written) = put(&mut self.out, &mut self.buffer);
        if is_torn {
            let end = self.buffer.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            self.torn.extend(self.buffer.drain(..end));
        }
        written
    }
}

/// Writes as much as is taken, and leaves the rest. Whether what was written ends in the middle of a line, and what went wrong.
fn put(out: &mut impl Write, bytes: &mut Vec<u8>) -> (bool, io::Result<()>) {
    let (mut done, mut written) = (0, Ok(()));
    while done < bytes.len() {
        match out.write(&bytes[done..]) {
            Ok(0) => written = Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => done += taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => written = Err(error),
        }
        if written.is_err() {
            break;
        }
    }
    let is_torn = bytes[..done].last().is_some_and(|byte| *byte != b'\n');
    bytes.drain(..done);
    (is_torn, written)
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

    /// A disk that can be full: at once, or after so many bytes.
    #[derive(Default)]
    struct Disk {
        full: bool,
        room: Option<usize>,
        bytes: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
            if self.full || taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room.iter_mut().for_each(|room| *room -= taken);
            self.bytes.write(&bytes[..taken])
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
    /// However little room there is whenever somebody writes: all lines are whole, in order, and with those that are said to be missing
    /// they are all.
    #[test]
    fn whatever_the_disk_takes_all_lines_are_whole_and_all_losses_are_told() {
        for seed in 0..500_usize {
            let mut trace = Trace::new(Disk::default());
            let mut made = 0;
            for round in 0..20 {
                trace.out.room = Some(seed.wrapping_mul(7_919 + round * 104_729) % 700);
                for _ in 0..seed % 5 {
                    made += 1;
                    trace.record(&line(made, None));
                }
                trace.flush();
            }
            trace.out.room = None;
            trace.flush();
            let (mut told, mut last) = (0, 0);
            for text in text(&trace).lines() {
                match Line::parse(text.as_bytes()).unwrap_or_else(|_| panic!("{text}, {seed}")) {
                    Line::Dropped { count, .. } => told += count,
                    entry => {
                        assert!(entry.unix_us() > last, "seed {seed}");
                        (told, last) = (told + 1, entry.unix_us());
                    }
                }
            }
            assert_eq!((told, trace.is_clean()), (made, true), "seed {seed}");
        }
    }

    #[test]
    fn what_a_killed_run_left_of_a_line_is_cut_off_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        let mut whole = Vec::new();
        line(5, None).put(&mut whole);
        for torn in [&b""[..], b"6,acc", b"6,accepted,tx,abab,3"] {
            std::fs::write(&path, [&whole[..], torn].concat()).unwrap();
            let mut trace = Trace::open(&path).unwrap();
            trace.flush();
            let lost = if torn.is_empty() { String::new() } else { "0,dropped,,,1,\n".to_owned() };
            let expected = String::from_utf8(whole.clone()).unwrap() + &lost;
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        }
        std::fs::write(&path, vec![b'x'; 5_000]).unwrap();
        Trace::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 5_000, "no trace of ours");
    }
}
