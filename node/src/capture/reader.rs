//! Reads a life from its segments, record by record, as far as it is whole.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::time::Time;

use super::block::{BLOCK_HEAD, Block, BlockHead, Kind, SEGMENT_HEAD, SegmentHead};
use super::bytes::{Cursor, Malformed};
use super::files;
use super::head::{BadHead, Head};
use super::input::{self, Recorded};

/// A capture that can't be read, or not from its beginning.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is none.
    #[error(
        "there is no capture {}: name what capture.file names (its segments are {}.1-0 and so on), or a segment",
        .0.display(),
        .0.display()
    )]
    Missing(PathBuf),
    /// The life's first segment isn't there.
    #[error("of life {life} of {} the beginning is gone, and it can't be replayed without", stem.display())]
    NoBeginning {
        /// What the names of its segments begin with.
        stem: PathBuf,
        /// The life.
        life: u32,
    },
    /// A file isn't what it should be.
    #[error("{}: {why}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Its beginning makes no core.
    #[error(transparent)]
    Head(#[from] BadHead),
    /// A record means nothing, though its checksum fits: another version wrote it.
    #[error("record {number} of {} can't be read: {why}", path.display())]
    Record {
        /// The segment.
        path: PathBuf,
        /// Number of the record's input.
        number: u64,
        /// What is wrong.
        why: Malformed,
    },
}

/// Something that the core was told, and what came of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Number of the input, from 0; of what is none, that of the input that follows.
    pub number: u64,
    /// When, in the core's time.
    pub at: Time,
    /// What the node's clock showed then, microseconds of Unix time.
    pub unix_us: u64,
    /// What it was told.
    pub what: Recorded,
    /// What it decided; `None` where the node ended before it was told, as by a panic, and for what is no input.
    pub acted: Option<Acted>,
}

/// What came of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    /// The numbers of the actions.
    pub numbers: Vec<u8>,
    /// The digest after them; `None` if there were none.
    pub digest: Option<u32>,
}

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was ended, for this reason.
    Ended(String),
    /// The last block is the last that was written: the node was killed, or runs.
    Open,
    /// A block is cut or damaged, and so much behind it wasn't looked at.
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the block begins, bytes.
        offset: u64,
        /// Bytes from there on, in this segment and those that follow.
        lost: u64,
    },
}

/// A life, as it is read.
#[derive(Debug)]
pub struct Life {
    /// What the core was made of.
    pub head: Head,
    /// Its number.
    pub life: u32,
    stem: PathBuf,
    segments: Vec<u32>,
    /// The segment at hand: its place among them, and its bytes from where it is read on.
    at: usize,
    file: BufReader<File>,
    offset: u64,
    /// The block at hand, and where in it to go on.
    block: Block<Vec<u8>>,
    place: usize,
    number: u64,
    last: Time,
    ending: Option<Ending>,
}

/// Stem and life of what a path names: a stem (its last life), `STEM.LIFE`, or a segment.
fn resolve(path: &Path) -> Result<(PathBuf, u32, Vec<u32>), ReadError> {
    let failed = |source| ReadError::Io { path: path.to_owned(), source };
    let (stem, wanted) = match files::parse(path) {
        Some((stem, life, _)) => (stem, Some(life)),
        None => (path.to_owned(), None),
    };
    let mut found = files::find(&stem).map_err(failed)?.0;
    let of_life = wanted.or_else(|| found.last_key_value().map(|(life, _)| *life));
    if let Some(life) = of_life
        && let Some(segments) = found.remove(&life)
    {
        return Ok((stem, life, segments.into_iter().collect()));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some((stem, life)) = name.and_then(|name| name.rsplit_once('.'))
        && let Ok(life) = life.parse()
    {
        let stem = path.with_file_name(stem);
        if let Some(segments) = files::find(&stem).map_err(failed)?.0.remove(&life) {
            return Ok((stem, life, segments.into_iter().collect()));
        }
    }
    Err(ReadError::Missing(path.to_owned()))
}

fn open(stem: &Path, life: u32, segment: u32) -> Result<BufReader<File>, ReadError> {
    let path = files::path(stem, life, segment);
    let mut head = [0; SEGMENT_HEAD];
    let opened = File::open(&path).map(BufReader::new);
    let opened = opened.and_then(|mut file| file.read_exact(&mut head).map(|()| file));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(ReadError::Unfit { path, why: "it has no beginning".to_owned() });
        }
        Err(source) => return Err(ReadError::Io { path, source }),
    };
    match SegmentHead::of_bytes(&head) {
        Ok(head) if head == (SegmentHead { life, segment }) => Ok(file),
        Ok(_) => Err(ReadError::Unfit { path, why: "it is another segment's file".to_owned() }),
        Err(why) => Err(ReadError::Unfit { path, why }),
    }
}

/// The lives of a capture, each as [`Life::open`] takes it, the first first. One that names a life or a segment has that alone.
///
/// # Errors
/// When there is none.
pub fn lives(path: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let (stem, life, _) = resolve(path)?;
    if stem != path {
        return Ok(vec![files::path(&stem, life, 0)]);
    }
    let found =
        files::find(&stem).map_err(|source| ReadError::Io { path: stem.clone(), source })?;
    let begun = found.0.iter().filter(|(_, segments)| segments.contains(&0));
    Ok(begun.map(|(life, _)| files::path(&stem, *life, 0)).collect())
}

/// The captures whose segments are in a folder, in the order of their names.
///
/// # Errors
/// When it can't be read.
pub fn captures_in(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Io { path: folder.to_owned(), source };
    let mut stems = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        stems.extend(files::parse(&path).map(|(stem, _, _)| stem));
    }
    stems.sort_unstable();
    stems.dedup();
    Ok(stems)
}

impl Life {
    /// Opens a life: the last of a capture (`node.capture`), one of them (`node.capture.3`), or that of a segment's file
    /// (`node.capture.3-0`).
    ///
    /// # Errors
    /// When there is none, or it has no beginning that can be used.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let (stem, life, segments) = resolve(path)?;
        if segments.first() != Some(&0) {
            return Err(ReadError::NoBeginning { stem, life });
        }
        let mut file = open(&stem, life, 0)?;
        let path = files::path(&stem, life, 0);
        let unfit = |why: &str| ReadError::Unfit { path: path.clone(), why: why.to_owned() };
        let read =
            read_block(&mut file).map_err(|source| ReadError::Io { path: path.clone(), source })?;
        let (block, len) = match read {
            Got::Block(block, len) if block.kind == Kind::Head => (block, len),
            _ => {
                return Err(unfit(
                    "its first block is missing or damaged: it says what the core was made of",
                ));
            }
        };
        let head = serde_json::from_slice(&block.raw)
            .map_err(|error| unfit(&format!("its first block can't be read: {error}")))?;
        let offset = SEGMENT_HEAD as u64 + len;
        let place = block.raw.len();
        Ok(Self {
            head,
            life,
            stem,
            segments,
            at: 0,
            file,
            offset,
            block,
            place,
            number: 0,
            last: Time::ZERO,
            ending: None,
        })
    }

    /// The rest of it, read anew.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn again(&self) -> Result<Self, ReadError> {
        Self::open(&files::path(&self.stem, self.life, 0))
    }

    /// How it ends; `None` before its end is reached.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Bytes of its segments.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        let paths =
            self.segments.iter().map(|segment| files::path(&self.stem, self.life, *segment));
        paths.filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    fn path(&self) -> PathBuf {
        files::path(&self.stem, self.life, self.segments.get(self.at).copied().unwrap_or(0))
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// When a file can't be read, or another version wrote it.
    pub fn next(&mut self, chain: &dyn Chain) -> Result<Option<Record>, ReadError> {
        while self.place == self.block.raw.len() {
            if self.ending.is_some() || !self.next_block()? {
                return Ok(None);
            }
        }
        let mut cursor = Cursor::new(self.block.raw.get(self.place..).unwrap_or_default());
        let record = self.take(&mut cursor, chain);
        let taken = cursor.at();
        let record = record.map_err(|why| ReadError::Record {
            path: self.path(),
            number: self.number,
            why,
        })?;
        self.place += taken;
        self.last = record.at;
        self.number += u64::from(!matches!(record.what, Recorded::Met { .. }));
        Ok(Some(record))
    }

    fn take(&self, cursor: &mut Cursor<'_>, chain: &dyn Chain) -> Result<Record, Malformed> {
        let at = Time::from_nanos(self.last.as_nanos().wrapping_add(cursor.number()?));
        let what = input::take(cursor, chain)?;
        let is_input = !matches!(what, Recorded::Met { .. });
        let acted = if is_input && !cursor.is_empty() { Some(acted(cursor)?) } else { None };
        let since_us = at.since(self.block.at).as_micros();
        let unix_us = self.block.unix_us.saturating_add(u64::try_from(since_us).unwrap_or(0));
        Ok(Record { number: self.number, at, unix_us, what, acted })
    }

    /// Whether there is another block of inputs, at hand then.
    fn next_block(&mut self) -> Result<bool, ReadError> {
        loop {
            let path = self.path();
            let read = read_block(&mut self.file);
            match read.map_err(|source| ReadError::Io { path: path.clone(), source })? {
                Got::Block(block, len) => {
                    self.offset += len;
                    match block.kind {
                        Kind::Head => continue,
                        Kind::End => {
                            let why = String::from_utf8_lossy(&block.raw).into_owned();
                            self.ending = Some(Ending::Ended(why));
                            return Ok(false);
                        }
                        Kind::Inputs => {}
                    }
                    (self.number, self.last) = (block.first, block.at);
                    (self.block, self.place) = (block, 0);
                    return Ok(true);
                }
                Got::Nothing => {
                    let expected = self.segments.get(self.at).map(|segment| segment + 1);
                    match self.segments.get(self.at + 1).copied() {
                        Some(next) if Some(next) == expected => {
                            self.file = open(&self.stem, self.life, next)?;
                            self.at += 1;
                            self.offset = SEGMENT_HEAD as u64;
                        }
                        Some(_) => {
                            self.ending = Some(self.damaged(path));
                            return Ok(false);
                        }
                        None => {
                            self.ending = Some(Ending::Open);
                            return Ok(false);
                        }
                    }
                }
                Got::Damaged => {
                    self.ending = Some(self.damaged(path));
                    return Ok(false);
                }
            }
        }
    }

    fn damaged(&self, path: PathBuf) -> Ending {
        let rest = self.segments.iter().skip(self.at);
        let bytes: u64 = rest
            .filter_map(|segment| files::path(&self.stem, self.life, *segment).metadata().ok())
            .map(|metadata| metadata.len())
            .sum();
        Ending::Damaged { path, offset: self.offset, lost: bytes.saturating_sub(self.offset) }
    }

    /// The rules of its network.
    ///
    /// # Errors
    /// When they aren't among those of this build.
    pub fn chain(&self) -> Result<Arc<dyn Chain>, BadHead> {
        self.head.chain()
    }
}

fn acted(cursor: &mut Cursor<'_>) -> Result<Acted, Malformed> {
    let count = cursor.count()?;
    let numbers = cursor.take(count)?.to_vec();
    let digest = if count > 0 { Some(cursor.u32_le()?) } else { None };
    Ok(Acted { numbers, digest })
}

/// All that is in a life, decompressed.
#[cfg(test)]
pub(crate) fn raw(path: &Path) -> Vec<u8> {
    let mut life = Life::open(path).unwrap();
    let mut raw = serde_json::to_vec(&life.head).unwrap();
    while life.next_block().unwrap() {
        raw.extend_from_slice(&life.block.raw);
    }
    raw
}

enum Got {
    /// A block, and how many bytes it takes.
    Block(Block<Vec<u8>>, u64),
    /// The file ends.
    Nothing,
    /// What comes is no whole block.
    Damaged,
}

fn read_block(file: &mut impl Read) -> io::Result<Got> {
    let mut head = [0; BLOCK_HEAD];
    let got = read_up_to(file, &mut head)?;
    if got == 0 {
        return Ok(Got::Nothing);
    }
    let Some(read) = BlockHead::of_bytes(&head).filter(|_| got == BLOCK_HEAD) else {
        return Ok(Got::Damaged);
    };
    let mut stored = Vec::new();
    file.take(read.stored as u64).read_to_end(&mut stored)?;
    let len = (BLOCK_HEAD + read.stored) as u64;
    let whole = (stored.len() == read.stored).then(|| read.open(&head, &stored)).flatten();
    Ok(whole.map_or(Got::Damaged, |block| Got::Block(block, len)))
}

/// Reads until a buffer is full or nothing comes; returns how much came.
fn read_up_to(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match file.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
