//! Which life of a member this is: a number that is higher with each start.
//!
//! It is the time of the start, seconds since 1970, or one above the last one where the clock says less. What others hold of an
//! earlier life is outdated by that. A file that can't be read begins anew at the clock's time.

use std::io;
use std::path::Path;

use crate::files::whole;

/// The generation of this start, noted for the next one.
///
/// # Errors
/// When the file can't be written.
pub(super) fn next(path: &Path, now_s: u64) -> io::Result<u64> {
    let last = std::fs::read_to_string(path).unwrap_or_default().trim().parse::<u64>().ok();
    // A file that somebody filled with a number out of range is none.
    let last = last.filter(|last| *last < u64::MAX / 2);
    let generation = last.map_or(now_s, |last| now_s.max(last + 1));
    whole::replace(path, |file| writeln!(file, "{generation}"))?;
    Ok(generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_is_later_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("members.generation");
        let starts = [100, 100, 50, 200].map(|now| next(&path, now).unwrap());
        assert_eq!(starts, [100, 101, 102, 200]);
        for damaged in ["oops", "18446744073709551615"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(next(&path, 300).unwrap(), 300);
        }
        assert!(next(Path::new("/nonexistent/x"), 1).is_err());
    }
}
