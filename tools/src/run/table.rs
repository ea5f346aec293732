//! One table of a run folder: plain comma-separated fields under a fixed header, every line ended.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use csv::{DeserializeErrorKind, QuoteStyle, StringRecord};
use serde::{Deserialize, Serialize, Serializer};

use super::RunError;
use super::file::write_whole;

/// The columns of a table, from left to right.
pub(super) type Columns = &'static [&'static str];

/// Reads one table row by row, holding one row at a time.
pub(super) struct Table {
    path: PathBuf,
    columns: Columns,
    /// How many of them the file has.
    named: usize,
    reader: csv::Reader<File>,
    record: StringRecord,
}

impl Table {
    /// Opens the table at `path`, whose first line has to name `columns`.
    pub(super) fn open(path: &Path, columns: Columns) -> Result<Self, RunError> {
        Self::open_older(path, columns, columns.len())
    }

    /// Opens the table at `path`, whose first line has to name `columns`, or at least the first `once` of them, which is what
    /// older folders have: then the others' fields are empty.
    pub(super) fn open_older(path: &Path, columns: Columns, once: usize) -> Result<Self, RunError> {
        let mut file = File::open(path).map_err(|source| RunError::reading(path, source))?;
        check_end(&mut file, path)?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let found = reader.headers().map_err(|error| RunError::reading(path, error.into()))?;
        let named = found.len();
        let known = columns.get(..named).is_some_and(|columns| found == columns);
        if named < once || !known {
            let found = found.iter().collect::<Vec<_>>().join(",");
            let expected = columns.join(",");
            return Err(RunError::Header { path: path.to_owned(), expected, found });
        }
        Ok(Self { path: path.to_owned(), columns, named, reader, record: StringRecord::new() })
    }

    /// Goes to the next row; false after the last.
    pub(super) fn advance(&mut self) -> Result<bool, RunError> {
        let read = self.reader.read_record(&mut self.record);
        if !read.map_err(|error| RunError::reading(&self.path, error.into()))? {
            return Ok(false);
        }
        if self.record.len() < self.named {
            let column = self.columns[self.record.len()];
            return Err(self.error(column, "a field", "the end of the line"));
        }
        if self.record.len() > self.named {
            let (path, expected) = (self.path.clone(), self.named);
            return Err(RunError::TooManyFields { path, line: self.line(), expected });
        }
        for _ in self.named..self.columns.len() {
            self.record.push_field("");
        }
        Ok(true)
    }

    /// The row, whose fields stand in the order of the columns.
    pub(super) fn row<'a, Row: Deserialize<'a>>(&'a self) -> Result<Row, RunError> {
        self.record.deserialize(None).map_err(|error| self.mistyped(error))
    }

    /// The error that the row's field in `column` isn't `expected`.
    pub(super) fn unexpected(&self, column: &'static str, expected: &str) -> RunError {
        let index = self.columns.iter().position(|name| *name == column);
        let field = index.and_then(|index| self.record.get(index)).unwrap_or_default();
        self.error(column, expected, &format!("`{field}`"))
    }

    /// Checks that `column` holds `index`, which has to be one of the `count` rows of the table `of`.
    pub(super) fn check_reference(
        &self,
        column: &'static str,
        index: u32,
        of: &str,
        count: usize,
    ) -> Result<(), RunError> {
        if (index as usize) < count {
            return Ok(());
        }
        let expected = format!("a row of {of}, which has {count} (numbered from 0)");
        Err(self.unexpected(column, &expected))
    }

    /// Checks that `column` holds `found`, which has to be the `number` of this row.
    pub(super) fn check_number(
        &self,
        column: &'static str,
        found: usize,
        number: usize,
    ) -> Result<(), RunError> {
        if found == number {
            return Ok(());
        }
        let expected = format!("{number} (rows are numbered from 0 in order)");
        Err(self.unexpected(column, &expected))
    }

    /// What a field that isn't of its column's type should have been.
    fn mistyped(&self, error: csv::Error) -> RunError {
        let csv::ErrorKind::Deserialize { err, .. } = error.kind() else {
            return RunError::reading(&self.path, error.into());
        };
        let column = err.field().and_then(|index| self.columns.get(usize::try_from(index).ok()?));
        let Some(column) = column else {
            return RunError::reading(&self.path, error.into());
        };
        let expected = match err.kind() {
            DeserializeErrorKind::ParseInt(_) => "a whole number",
            DeserializeErrorKind::ParseFloat(_) => "a number",
            DeserializeErrorKind::ParseBool(_) => "`true` or `false`",
            _ => "something else",
        };
        self.unexpected(column, expected)
    }

    fn error(&self, column: &'static str, expected: &str, found: &str) -> RunError {
        RunError::Field {
            path: self.path.clone(),
            line: self.line(),
            column,
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }
}

/// Refuses a file whose last line doesn't end: it was cut short.
fn check_end(file: &mut File, path: &Path) -> Result<(), RunError> {
    match open_line(file) {
        Ok(None) => Ok(()),
        Ok(Some(line)) => Err(RunError::CutShort { path: path.to_owned(), line }),
        Err(source) => Err(RunError::reading(path, source)),
    }
}

/// The number of the last line, if it doesn't end. A file that is whole is left at its beginning.
fn open_line(file: &mut File) -> io::Result<Option<u64>> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    file.rewind()?;
    if last == [b'\n'] {
        return Ok(None);
    }
    let lines =
        BufReader::new(file).split(b'\n').try_fold(0, |lines, line| line.map(|_| lines + 1));
    lines.map(Some)
}

/// Writes the table at `path` whole or not at all.
pub(super) fn write<Row: Serialize>(
    path: &Path,
    columns: Columns,
    rows: impl IntoIterator<Item = Row>,
) -> Result<(), RunError> {
    write_whole(path, |out| {
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .quote_style(QuoteStyle::Never)
            .from_writer(out);
        writer.write_record(columns)?;
        for row in rows {
            writer.serialize(row).map_err(refusal)?;
        }
        writer.flush()
    })
}

/// What the writer says of a row, without the words that it puts around it.
fn refusal(error: csv::Error) -> io::Error {
    match error.kind() {
        csv::ErrorKind::Serialize(why) => io::Error::new(io::ErrorKind::InvalidInput, why.clone()),
        _ => error.into(),
    }
}

/// Serializes text that needs no quotes, and refuses all other: whoever splits a line of these tables at its
/// commas gets its fields.
pub(super) fn plain<S: Serializer>(field: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if field.contains([',', '"', '\n', '\r']) {
        let field = field.escape_debug();
        return Err(serde::ser::Error::custom(format_args!(
            "the field `{field}` holds a comma, quote or line end"
        )));
    }
    serializer.serialize_str(field)
}
