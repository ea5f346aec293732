//! Where a capture's segments are: `STEM.LIFE-SEGMENT` beside one another, for their owner only.
//!
//! A *life* is one run of a node, from its start on. Its state can't be written down, so that whoever replays it needs all of it, from
//! the first segment on: what makes room for another life is the whole oldest one, and nothing of the present one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::files::guard;

/// The segments that there are, by life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found(pub(super) BTreeMap<u32, BTreeSet<u32>>);

/// The file of a segment.
pub(super) fn path(stem: &Path, life: u32, segment: u32) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(format!(".{life}-{segment}"));
    PathBuf::from(name)
}

/// Stem, life and segment of a file's path; `None` if it has no such name.
pub(super) fn parse(path: &Path) -> Option<(PathBuf, u32, u32)> {
    let name = path.file_name()?.to_str()?;
    let (stem, numbers) = name.rsplit_once('.')?;
    let (life, segment) = numbers.split_once('-')?;
    let stem = path.with_file_name(stem);
    Some((stem, life.parse().ok()?, segment.parse().ok()?))
}

/// Looks what there is.
///
/// # Errors
/// When the folder can't be read.
pub(super) fn find(stem: &Path) -> io::Result<Found> {
    let folder = stem.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Found::default();
    for entry in fs::read_dir(folder.unwrap_or_else(|| Path::new(".")))? {
        let name = entry?.file_name();
        let numbered = parse(&stem.with_file_name(name));
        if let Some((of, life, segment)) = numbered
            && of.file_name() == stem.file_name()
        {
            found.0.entry(life).or_default().insert(segment);
        }
    }
    Ok(found)
}

impl Found {
    /// The number of the next life.
    pub(super) fn next(&self) -> u32 {
        self.0.last_key_value().map_or(1, |(life, _)| life.saturating_add(1))
    }

    /// Deletes the oldest lives but one that goes on, until so many segments are left at most.
    ///
    /// # Errors
    /// When a file can't be deleted.
    pub(super) fn make_room(&mut self, stem: &Path, most: usize, keep: u32) -> io::Result<()> {
        while self.0.values().map(BTreeSet::len).sum::<usize>() > most {
            let oldest = self.0.first_entry().filter(|oldest| *oldest.key() != keep);
            let Some(oldest) = oldest else { return Ok(()) };
            let (life, segments) = oldest.remove_entry();
            // The first comes last: what is left of a life if this is cut short is known to be the rest of one.
            for segment in segments.into_iter().rev() {
                match fs::remove_file(path(stem, life, segment)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Makes a segment's file, which isn't there yet, for its owner only.
///
/// # Errors
/// When the system refuses.
pub(super) fn create(path: &Path) -> io::Result<File> {
    guard::open(path, OpenOptions::new().write(true).create_new(true).mode(0o600))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn lives(found: &Found) -> Vec<(u32, Vec<u32>)> {
        let all = found.0.iter();
        all.map(|(life, segments)| (*life, segments.iter().copied().collect())).collect()
    }

    #[test]
    fn the_oldest_life_goes_whole_and_the_present_one_never() {
        let folder = tempfile::tempdir().unwrap();
        let stem = folder.path().join("node.capture");
        assert_eq!(find(&stem).unwrap().next(), 1);
        for (life, segment) in [(1, 0), (1, 1), (2, 0), (10, 0), (10, 1)] {
            create(&path(&stem, life, segment)).unwrap();
        }
        fs::write(folder.path().join("other.capture.3-0"), "x").unwrap();
        let mut found = find(&stem).unwrap();
        assert_eq!(found.next(), 11);
        found.make_room(&stem, 4, 10).unwrap();
        assert_eq!(lives(&found), [(2, vec![0]), (10, vec![0, 1])]);
        found.make_room(&stem, 1, 10).unwrap();
        assert_eq!(lives(&find(&stem).unwrap()), [(10, vec![0, 1])]);
        assert!(folder.path().join("other.capture.3-0").exists());
    }

    #[test]
    fn a_segment_is_for_its_owner_only_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder.path().join("c"), 1, 0);
        let file = create(&path).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create(&path).is_err());
        assert_eq!(parse(&path), Some((folder.path().join("c"), 1, 0)));
        assert_eq!(parse(Path::new("c.x-0")), None);
    }
}
