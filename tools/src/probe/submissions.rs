//! When items were submitted, as whoever submitted them wrote down: `tidings-tools load`, or a launch.
//!
//! Both write Unix time, by the clock of their own machine. Where that isn't the probe's machine, times since submission are
//! as wrong as one clock is against the other: give the probe's host and theirs one source of time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tidings_protocol::ground::item::{HASH_LEN, Hash256, ItemId, ItemKind, ShortId};

use crate::figures::summary::Summary;
use crate::run::{self, ITEMS, ItemKind as RunKind, Run, RunError};

/// Name of the table that `tidings-tools load` writes.
pub const SUBMITTED: &str = "submitted.csv";

/// Its columns: the item's hash; when it was due and when it was sent, nanoseconds of Unix time; to which node; its size; what became of
/// it; how long after it was due that was known, microseconds.
pub const SUBMITTED_COLUMNS: &str = "id,due_ns,sent_ns,node,bytes,outcome,latency_us";

/// Key of a launch's summary: when it began, microseconds of Unix time.
pub const BEGAN_UNIX_US: &str = "began_unix_us";

/// Why times of submission can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionsError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] RunError),
    /// It isn't what it should be.
    #[error("{}: {problem}", path.display())]
    Wrong {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl SubmissionsError {
    /// Whether the input isn't there at all.
    #[must_use]
    pub const fn is_missing_input(&self) -> bool {
        matches!(self, Self::File(error) if error.is_missing_input())
    }
}

/// When each item was submitted, nanoseconds of Unix time, by short id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submissions(BTreeMap<ShortId, u64>);

impl Submissions {
    /// Reads what `load` or a launch left in a folder.
    ///
    /// # Errors
    /// When it is neither's, or damaged.
    pub fn read(dir: &Path) -> Result<Self, SubmissionsError> {
        let path = dir.join(SUBMITTED);
        if path.exists() {
            return Self::parse(&run::read_text(&path)?)
                .map_err(|problem| SubmissionsError::Wrong { path, problem });
        }
        if !dir.join(ITEMS).exists() && dir.is_dir() {
            let problem = format!(
                "there is neither {SUBMITTED} of a load nor {ITEMS} of a launch; did it finish?"
            );
            return Err(SubmissionsError::Wrong { path: dir.to_owned(), problem });
        }
        let run = Run::read(dir)?;
        let summary = Summary::read(dir)?;
        let began = summary.inputs.more.get(BEGAN_UNIX_US).and_then(serde_json::Value::as_u64);
        let Some(began_us) = began else {
            let problem = format!(
                "its summary doesn't say `{BEGAN_UNIX_US}`: it is a simulation, or of an earlier version"
            );
            return Err(SubmissionsError::Wrong { path: dir.to_owned(), problem });
        };
        let submitted = run.items.iter().filter_map(|item| {
            let kind = match item.kind {
                RunKind::Tx => ItemKind::Tx,
                RunKind::Block => ItemKind::Block,
            };
            let at_us = began_us.saturating_add(item.submitted_us);
            Some((ItemId::new(kind, hash_of(&item.id)?).into(), at_us.saturating_mul(1_000)))
        });
        Ok(Self(submitted.collect()))
    }

    /// Of the table that `load` writes: when each item that was sent left.
    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().enumerate();
        if lines.next().is_none_or(|(_, line)| line != SUBMITTED_COLUMNS) {
            return Err(format!("its first line isn't `{SUBMITTED_COLUMNS}`"));
        }
        let mut submitted = BTreeMap::new();
        for (number, line) in lines {
            let mut fields = line.split(',');
            let (id, sent) = (fields.next().and_then(hash_of), fields.nth(1));
            let sent = sent.and_then(|sent| sent.parse::<u64>().ok());
            let (Some(id), Some(sent)) = (id, sent) else {
                return Err(format!("line {} has no id, or no time", number + 1));
            };
            if sent > 0 {
                submitted.insert(ItemId::tx(id).into(), sent);
            }
        }
        Ok(Self(submitted))
    }

    /// When an item was submitted.
    #[must_use]
    pub fn of(&self, short: ShortId) -> Option<u64> {
        self.0.get(&short).copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(ShortId, u64)> for Submissions {
    fn from_iter<T: IntoIterator<Item = (ShortId, u64)>>(submitted: T) -> Self {
        Self(submitted.into_iter().collect())
    }
}

/// The hash that digits are; what stands before a colon is a kind.
fn hash_of(text: &str) -> Option<Hash256> {
    let digits = text.rsplit(':').next().unwrap_or(text).as_bytes();
    if digits.len() != 2 * HASH_LEN {
        return None;
    }
    let mut hash = [0; HASH_LEN];
    for (byte, pair) in hash.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(Hash256(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_tells_when_each_item_left() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = [b"a", b"b"].map(|bytes| Hash256::of(bytes));
        let table =
            format!("{SUBMITTED_COLUMNS}\n{a},5,7,n0,300,accepted,100\n{b},6,0,n0,300,unsent,0\n");
        std::fs::write(dir.path().join(SUBMITTED), table).unwrap();
        let submitted = Submissions::read(dir.path()).unwrap();
        assert_eq!(submitted.of(ItemId::tx(a).into()), Some(7));
        assert_eq!(submitted.of(ItemId::tx(b).into()), None, "it never left");
        assert_eq!(submitted.len(), 1);
    }

    #[test]
    fn what_is_no_table_of_a_load_is_refused_by_line() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("nonsense\n".to_owned(), "its first line isn't"),
            (format!("{SUBMITTED_COLUMNS}\nxyz,1,2\n"), "line 2 has no id"),
        ] {
            std::fs::write(dir.path().join(SUBMITTED), text).unwrap();
            let error = Submissions::read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        std::fs::remove_file(dir.path().join(SUBMITTED)).unwrap();
        let error = Submissions::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("neither submitted.csv"), "{error}");
        assert!(Submissions::read(&dir.path().join("x")).unwrap_err().is_missing_input());
    }
}
