//! Reads a trace file that is still being written, from where it stopped the last time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tidings_protocol::item::{ITEM_ID_LEN, ItemId};

/// Bytes read at once: what a node flushes at once, so that one read usually gets all.
pub const BUFFER_LEN: usize = 64 * 1_024;

/// One line of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The node accepted an item.
    Accepted {
        /// When, microseconds of Unix time.
        unix_us: u64,
        /// Which.
        id: ItemId,
    },
    /// The node refused an item.
    Rejected,
    /// The node had to leave lines out.
    Dropped {
        /// How many.
        count: u64,
    },
}

/// A line that isn't one of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine;

/// Reads one line: `unix_us,event,kind,id,bytes,ingress`, without its line end.
///
/// # Errors
/// When it is something else.
pub fn parse(line: &[u8]) -> Result<Line, BadLine> {
    let mut fields = line.split(|byte| *byte == b',');
    let mut field = || fields.next().ok_or(BadLine);
    let unix_us = number(field()?)?;
    let event = field()?;
    let (_kind, id, bytes) = (field()?, field()?, field()?);
    match event {
        b"accepted" => Ok(Line::Accepted { unix_us, id: item_id(id)? }),
        b"rejected" => Ok(Line::Rejected),
        b"dropped" => Ok(Line::Dropped { count: number(bytes)? }),
        _ => Err(BadLine),
    }
}

fn number(digits: &[u8]) -> Result<u64, BadLine> {
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(BadLine)
}

/// An id from its 64 digits. The hot spot of the launcher: one for each delivery.
fn item_id(digits: &[u8]) -> Result<ItemId, BadLine> {
    let (pairs, []) = digits.as_chunks::<2>() else { return Err(BadLine) };
    let pairs: &[[u8; 2]; ITEM_ID_LEN] = pairs.try_into().map_err(|_| BadLine)?;
    let mut id = [0; ITEM_ID_LEN];
    for (byte, [high, low]) in id.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Ok(ItemId(id))
}

const fn nibble(digit: u8) -> Result<u8, BadLine> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadLine),
    }
}

/// A trace file and how far it was read.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    /// Opened once the node has made it.
    file: Option<File>,
    offset: u64,
    /// The beginning of a line whose end isn't written yet.
    partial: Vec<u8>,
}

impl Tail {
    /// Follows a file, which need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, offset: 0, partial: Vec::new() }
    }

    /// Hands over every whole line written since the last call.
    ///
    /// # Errors
    /// When the file is there and can't be read.
    pub fn read(&mut self, buffer: &mut [u8], mut on_line: impl FnMut(&[u8])) -> io::Result<()> {
        if self.file.is_none() {
            match File::open(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        let Some(file) = &self.file else { return Ok(()) };
        loop {
            let len = file.read_at(buffer, self.offset)?;
            self.offset += len as u64;
            take_lines(&mut self.partial, &buffer[..len], &mut on_line);
            if len < buffer.len() {
                return Ok(());
            }
        }
    }
}

/// Splits what was read into lines; what follows the last line end waits in `partial`.
fn take_lines(partial: &mut Vec<u8>, mut read: &[u8], on_line: &mut impl FnMut(&[u8])) {
    while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
        if partial.is_empty() {
            on_line(&read[..end]);
        } else {
            partial.extend_from_slice(&read[..end]);
            on_line(partial);
            partial.clear();
        }
        read = &read[end + 1..];
    }
    partial.extend_from_slice(read);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_three_kinds_of_line_are_read() {
        let id = ItemId::of(b"x");
        let line = format!("1732180000123456,accepted,tx,{id},300,4.1");
        assert_eq!(
            parse(line.as_bytes()),
            Ok(Line::Accepted { unix_us: 1_732_180_000_123_456, id })
        );
        let line = format!("1,rejected,block,{id},300,-");
        assert_eq!(parse(line.as_bytes()), Ok(Line::Rejected));
        assert_eq!(parse(b"1,dropped,,,17,"), Ok(Line::Dropped { count: 17 }));
    }

    #[test]
    fn anything_else_is_refused() {
        let id = "0".repeat(64);
        for bad in [
            "",
            "x",
            "1,accepted,tx,,300,-",
            "1,dropped,,,x,",
            &format!("x,accepted,tx,{id},300,-"),
            &format!("1,excepted,tx,{id},300,-"),
            &format!("1,accepted,tx,{id}0,300,-"),
            &format!("1,accepted,tx,{},300,-", "G".repeat(64)),
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(BadLine), "{bad}");
        }
    }

    #[test]
    fn lines_arrive_once_and_whole_however_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        let mut tail = Tail::new(&path);
        let mut seen = Vec::new();
        let mut buffer = [0; 4];
        tail.read(&mut buffer, |_| panic!("there is no file yet")).unwrap();
        let mut file = File::create(&path).unwrap();
        for part in ["one\ntw", "", "o\n", "three, which is longer", "\n\nfive"] {
            file.write_all(part.as_bytes()).unwrap();
            let keep = |line: &[u8]| seen.push(String::from_utf8(line.to_vec()).unwrap());
            tail.read(&mut buffer, keep).unwrap();
        }
        assert_eq!(seen, ["one", "two", "three, which is longer", ""]);
    }
}
