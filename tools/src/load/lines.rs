//! A file that grows by whole lines: what a full disk or a crash leaves of it ends with one.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Bytes that are gathered before they are written. A guess.
const GATHERED: usize = 64 << 10;

/// Such a file.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: File,
    waiting: String,
    written: u64,
}

impl Lines {
    /// Makes a file, with a first line. One of that name must not be there.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path, first: &str) -> io::Result<Self> {
        let file = File::create_new(path)?;
        let mut lines = Self { path: path.to_owned(), file, waiting: String::new(), written: 0 };
        lines.push(first)?;
        lines.flush()?;
        Ok(lines)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, soon.
    ///
    /// # Errors
    /// What the system says. Then the file ends with the last line that was written whole.
    pub fn push(&mut self, line: &str) -> io::Result<()> {
        self.waiting += line;
        self.waiting.push('\n');
        if self.waiting.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`Lines::push`]; what waited is lost.
    pub fn flush(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if let Err(error) = self.file.write_all(waiting.as_bytes()) {
            // Part of it may be there, and part of a line.
            let _ = self.file.set_len(self.written); // it is broken either way, and the error tells
            return Err(error);
        }
        self.written += waiting.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_there_once_they_are_flushed_and_nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines.csv");
        let mut lines = Lines::create(&path, "a,b").unwrap();
        lines.push("1,2").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n");
        lines.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n1,2\n");
        assert_eq!(Lines::create(&path, "a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_full_disk_is_told() {
        let full = Path::new("/dev/full");
        let file = std::fs::OpenOptions::new().write(true).open(full).unwrap();
        let mut lines = Lines { path: full.to_owned(), file, waiting: String::new(), written: 0 };
        lines.push("1,2").unwrap();
        assert_eq!(lines.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
