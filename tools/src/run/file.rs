//! Files of a run folder, read and replaced as a whole.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::RunError;

/// Reads a text file of a run folder.
///
/// # Errors
///
/// If it is missing, unreadable or not UTF-8.
pub fn read_text(path: &Path) -> Result<String, RunError> {
    fs::read_to_string(path).map_err(|source| RunError::reading(path, source))
}

/// Writes a file of a run folder whole or not at all: beside it first, then renamed.
///
/// # Errors
///
/// If it can't be written; an older file of that name is then still there.
pub fn write_text(path: &Path, text: &str) -> Result<(), RunError> {
    write_whole(path, |file| file.write_all(text.as_bytes()))
}

/// [`write_text`] for what is no text.
///
/// # Errors
///
/// If it can't be written; an older file of that name is then still there.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    write_whole(path, |file| file.write_all(bytes))
}

/// [`write_text`] for what is too large to be a string first.
pub(crate) fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<(), RunError> {
    replace(path, fill).map_err(|source| RunError::Write { path: path.to_owned(), source })
}

fn replace(
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> io::Result<()> {
    let dir =
        path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // As readable as any other new file, not as private as temporary ones are.
    let readable = fs::Permissions::from_mode(0o666);
    let mut beside =
        BufWriter::new(tempfile::Builder::new().permissions(readable).tempfile_in(dir)?);
    fill(&mut beside)?;
    beside.into_inner()?.persist(path)?;
    Ok(())
}
