//! Reads a trace file that is still being written, from where it stopped the last time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::line::HEADER;

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

    /// Hands over every whole line written since the last call, without its end. The line that names the columns is left out.
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
            take_lines(&mut self.partial, &buffer[..len], &mut |line: &[u8]| {
                if line != HEADER.as_bytes() {
                    on_line(line);
                }
            });
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
    fn lines_arrive_once_and_whole_however_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.csv");
        let mut tail = Tail::new(&path);
        let mut seen = Vec::new();
        let mut buffer = [0; 4];
        tail.read(&mut buffer, |_| panic!("there is no file yet")).unwrap();
        let mut file = File::create(&path).unwrap();
        for part in [
            "unix_us,event,",
            "kind,id,bytes,ingress\none\ntw",
            "",
            "o\n",
            "three, which is longer",
            "\n\nfive",
        ] {
            file.write_all(part.as_bytes()).unwrap();
            let keep = |line: &[u8]| seen.push(String::from_utf8(line.to_vec()).unwrap());
            tail.read(&mut buffer, keep).unwrap();
        }
        assert_eq!(seen, ["one", "two", "three, which is longer", ""]);
    }
}
