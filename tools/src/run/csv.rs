//! Comma-separated tables of plain fields: no quoting, one header line, every line ended.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::str::{FromStr, Split};

use super::RunError;

/// Reads one table row by row, holding one line at a time.
pub(super) struct Table {
    path: PathBuf,
    header: &'static str,
    width: usize,
    file: BufReader<File>,
    line: String,
    number: u64,
}

/// One row; its fields are taken from left to right.
pub(super) struct Row<'a> {
    path: &'a Path,
    number: u64,
    width: usize,
    columns: Split<'static, char>,
    fields: Split<'a, char>,
    field: &'a str,
    column: &'static str,
}

impl Table {
    /// Opens the table at `path`, whose first line has to be `header`.
    pub(super) fn open(path: &Path, header: &'static str) -> Result<Self, RunError> {
        let file = File::open(path).map_err(|source| RunError::reading(path, source))?;
        let file = BufReader::with_capacity(1 << 16, file);
        let mut table = Self {
            path: path.to_owned(),
            header,
            width: header.split(',').count(),
            file,
            line: String::new(),
            number: 0,
        };
        let found = if table.advance()? { table.line.clone() } else { String::new() };
        if found != header {
            return Err(RunError::Header { path: table.path, expected: header, found });
        }
        Ok(table)
    }

    /// The next row; `None` after the last.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>, RunError> {
        if !self.advance()? {
            return Ok(None);
        }
        Ok(Some(Row {
            path: &self.path,
            number: self.number,
            width: self.width,
            columns: self.header.split(','),
            fields: self.line.split(','),
            field: "",
            column: "",
        }))
    }

    /// Reads the next line, without its line end, into `self.line`; false at the end of the file.
    fn advance(&mut self) -> Result<bool, RunError> {
        self.line.clear();
        self.number += 1;
        let read = self.file.read_line(&mut self.line);
        if read.map_err(|source| RunError::reading(&self.path, source))? == 0 {
            return Ok(false);
        }
        if self.line.pop() != Some('\n') {
            return Err(RunError::CutShort { path: self.path.clone(), line: self.number });
        }
        if self.line.ends_with('\r') {
            self.line.pop();
        }
        Ok(true)
    }
}

impl<'a> Row<'a> {
    /// Takes the next field as text.
    pub(super) fn text(&mut self) -> Result<&'a str, RunError> {
        self.column = self.columns.next().expect("a table takes as many fields as it has columns");
        match self.fields.next() {
            Some(field) => {
                self.field = field;
                Ok(field)
            }
            None => Err(self.error("a field", "the end of the line")),
        }
    }

    /// Takes the next field as `expected`, for instance "a whole number".
    pub(super) fn value<T: FromStr>(&mut self, expected: &str) -> Result<T, RunError> {
        let field = self.text()?;
        field.parse().map_err(|_| self.unexpected(expected))
    }

    /// Takes the next field as `expected`, or `None` where it is empty.
    pub(super) fn optional<T: FromStr>(&mut self, expected: &str) -> Result<Option<T>, RunError> {
        let field = self.text()?;
        if field.is_empty() {
            return Ok(None);
        }
        field.parse().map(Some).map_err(|_| self.unexpected(expected))
    }

    /// Takes the next field as the number of one of `count` rows of the table `of`.
    pub(super) fn reference(&mut self, of: &str, count: usize) -> Result<u32, RunError> {
        let index: u32 = self.value("a whole number")?;
        if (index as usize) < count {
            return Ok(index);
        }
        Err(self.unexpected(&format!("a row of {of}, which has {count} (numbered from 0)")))
    }

    /// Takes the next field, which has to be the number of this row.
    pub(super) fn own_number(&mut self, number: usize) -> Result<(), RunError> {
        let found: usize = self.value("a whole number")?;
        if found == number {
            return Ok(());
        }
        Err(self.unexpected(&format!("{number} (rows are numbered from 0 in order)")))
    }

    /// Ends the row: no field may be left.
    pub(super) fn end(mut self) -> Result<(), RunError> {
        if self.fields.next().is_none() {
            return Ok(());
        }
        let path = self.path.to_owned();
        Err(RunError::TooManyFields { path, line: self.number, expected: self.width })
    }

    /// The error that the field last taken is not `expected`.
    pub(super) fn unexpected(&self, expected: &str) -> RunError {
        self.error(expected, &format!("`{}`", self.field))
    }

    fn error(&self, expected: &str, found: &str) -> RunError {
        RunError::Field {
            path: self.path.to_owned(),
            line: self.number,
            column: self.column,
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

/// Refuses text that a table of plain fields can't hold.
pub(super) fn plain(field: &str) -> io::Result<&str> {
    if field.contains([',', '"', '\n', '\r']) {
        let message =
            format!("the field `{}` holds a comma, quote or line end", field.escape_debug());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(field)
}
