//! The form in which what is kept is carried elsewhere: lines of text, in the order in which they are taken in.
//!
//! ```text
//! tidings-export 1
//! network NAME
//! rules NAME
//! chain HEIGHT HEX      a block of the chain
//! block AGE HEX         a block that was submitted, where the rules have no chain
//! own AGE HEX           a transaction that was submitted and that no peer has asked for
//! tx AGE HEX            another that is pooled
//! waiting AGE HEX       one whose parents are missing
//! end COUNT             how many lines of the last five kinds there were
//! ```
//!
//! `HEX` are an item's canonical bytes, `AGE` the seconds for which the node held it. A file without its last line is cut short,
//! and taken in by nobody.

use std::io::{self, BufRead, Read as _, Write};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::machine::RestoredAs;

use crate::files::network::LIMIT_MAX;

/// Version of the form.
const VERSION: u32 = 1;

/// Longest line, bytes: the largest item that any network allows, and its words.
const LINE_MAX: u64 = 2 * LIMIT_MAX as u64 + 128;

/// What an item is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// A block of the chain.
    Chain,
    /// A block of the store.
    Block,
    /// A transaction, or what it was.
    Tx(RestoredAs),
}

const WORDS: [(&str, Was); 5] = [
    ("chain", Was::Chain),
    ("block", Was::Block),
    ("own", Was::Tx(RestoredAs::Own)),
    ("tx", Was::Tx(RestoredAs::Kept)),
    ("waiting", Was::Tx(RestoredAs::Orphan)),
];

impl Was {
    fn word(self) -> &'static str {
        WORDS.iter().find(|(_, was)| *was == self).map_or("", |(word, _)| word)
    }

    pub(super) const fn kind(self) -> ItemKind {
        match self {
            Self::Chain | Self::Block => ItemKind::Block,
            Self::Tx(_) => ItemKind::Tx,
        }
    }
}

/// Writes a file.
#[derive(Debug)]
pub(super) struct Writer<W> {
    out: W,
    count: u64,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(mut out: W, network: &str, rules: &str) -> io::Result<Self> {
        write!(out, "tidings-export {VERSION}\nnetwork {network}\nrules {rules}\n")?;
        Ok(Self { out, count: 0 })
    }

    /// One item; `number` is its height or its age.
    pub(super) fn item(&mut self, was: Was, number: u64, bytes: &[u8]) -> io::Result<()> {
        self.count += 1;
        writeln!(self.out, "{} {number} {}", was.word(), HEXLOWER.encode(bytes))
    }

    /// The last line. Says how many items there are.
    pub(super) fn end(mut self) -> io::Result<u64> {
        writeln!(self.out, "end {}", self.count)?;
        self.out.flush()?;
        Ok(self.count)
    }
}

/// Whose items a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) network: String,
    pub(super) rules: String,
}

/// Reads a file, line by line.
#[derive(Debug)]
pub(super) struct Reader<R> {
    from: R,
    /// Number of the line that was read last.
    pub(super) line: u64,
    count: u64,
    text: Vec<u8>,
}

/// Why a file can't be read on, as the end of a sentence.
pub(super) type Problem = String;

impl<R: BufRead> Reader<R> {
    pub(super) fn begin(from: R) -> Result<(Self, Head), Problem> {
        let mut reader = Self { from, line: 0, count: 0, text: Vec::new() };
        let version = reader.value("tidings-export")?;
        if version != VERSION.to_string() {
            return Err(format!(
                "it has form {version}, and this version of tidings reads form {VERSION}: use the version that wrote it"
            ));
        }
        let (network, rules) = (reader.value("network")?, reader.value("rules")?);
        Ok((reader, Head { network, rules }))
    }

    /// The value of a line that begins with a word.
    fn value(&mut self, word: &str) -> Result<String, Problem> {
        let line = self.next_line()?;
        let value = line.strip_prefix(word.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
        let Some(value) = value else {
            return Err(format!("line {} should begin with `{word}`", self.line));
        };
        Ok(String::from_utf8_lossy(value).into_owned())
    }

    fn next_line(&mut self) -> Result<&[u8], Problem> {
        self.line += 1;
        self.text.clear();
        let read = (&mut self.from).take(LINE_MAX).read_until(b'\n', &mut self.text);
        read.map_err(|error| error.to_string())?;
        match self.text.strip_suffix(b"\n") {
            Some(line) => Ok(line),
            None if self.text.len() as u64 >= LINE_MAX => {
                Err(format!("line {} is longer than any item", self.line))
            }
            None => Err(format!("it is cut short behind line {}", self.line - 1)),
        }
    }

    /// The next item; `None` at the end.
    pub(super) fn item(&mut self) -> Result<Option<(Was, Vec<u8>)>, Problem> {
        let (number, count) = (self.line + 1, self.count);
        let wrong = || format!("line {number} is none of an export");
        let line = self.next_line()?;
        let mut words = line.split(|byte| *byte == b' ');
        let mut word = || words.next().ok_or_else(wrong);
        let first = word()?;
        if first == b"end" {
            let told = word()?;
            return if told == count.to_string().as_bytes() {
                Ok(None)
            } else {
                Err(format!("it has {count} items, and its end says otherwise"))
            };
        }
        let was = WORDS.iter().find(|(word, _)| word.as_bytes() == first);
        let (_, was) = was.ok_or_else(wrong)?;
        let _number = word()?;
        let bytes = HEXLOWER_PERMISSIVE.decode(word()?).map_err(|_| wrong())?;
        self.count += 1;
        Ok(Some((*was, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer::begin(&mut out, "net", "opaque").unwrap();
        for (number, (_, was)) in (0..).zip(WORDS) {
            writer.item(was, number, &[u8::try_from(number).unwrap(); 3]).unwrap();
        }
        assert_eq!(writer.end().unwrap(), 5);
        out
    }

    fn read(bytes: &[u8]) -> Result<Vec<(Was, Vec<u8>)>, Problem> {
        let (mut reader, head) = Reader::begin(bytes)?;
        assert_eq!(head, Head { network: "net".to_owned(), rules: "opaque".to_owned() });
        let mut items = Vec::new();
        while let Some(item) = reader.item()? {
            items.push(item);
        }
        Ok(items)
    }

    #[test]
    fn what_is_written_reads_back() {
        let items = read(&written()).unwrap();
        let expected = (0..).zip(WORDS).map(|(number, (_, was))| (was, vec![number; 3]));
        assert_eq!(items, expected.collect::<Vec<_>>());
    }

    #[test]
    fn the_form_is_as_documented() {
        let text = String::from_utf8(written()).unwrap();
        let expected = "tidings-export 1\nnetwork net\nrules opaque\nchain 0 000000\nblock 1 010101\nown 2 020202\n\
                        tx 3 030303\nwaiting 4 040404\nend 5\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_file_that_is_cut_short_anywhere_says_so() {
        let whole = written();
        for len in 0..whole.len() {
            let error = read(&whole[..len]).unwrap_err();
            assert!(
                error.contains("cut short") || error.contains("should begin"),
                "{len}: {error}"
            );
        }
    }

    #[test]
    fn what_is_no_export_says_which_line() {
        for (bytes, said) in [
            (&b"oops\n"[..], "line 1 should begin with `tidings-export`"),
            (b"tidings-export 2\n", "it has form 2"),
            (b"tidings-export 1\nnetwork net\nrules opaque\ntx 0 0x\n", "line 4"),
            (b"tidings-export 1\nnetwork net\nrules opaque\nwhat 0 00\n", "line 4"),
            (b"tidings-export 1\nnetwork net\nrules opaque\ntx 0 00\nend 2\n", "it has 1 items"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
