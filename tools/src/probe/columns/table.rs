//! A table of a few kinds of columns, as a file of Parquet.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{ROWS_MAX, RecordError, wrong};
use crate::run::{RunError, write_whole};

/// Rows of a group: what is put together in memory at once. A guess, as is usual.
const GROUP_ROWS: usize = 1 << 17;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// One, or nothing.
    OptionalNumber,
    /// Nanoseconds of Unix time.
    Time,
    /// Those, or nothing.
    OptionalTime,
    /// Text.
    Text,
}

/// Names and kinds of columns, in order.
pub(crate) type Columns = &'static [(&'static str, Kind)];

/// What one column holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Column {
    /// Numbers or times.
    Numbers(Vec<i64>),
    /// The same, of which some are nothing.
    Optional(Vec<Option<i64>>),
    /// Texts.
    Texts(Vec<String>),
}

/// All columns, in order.
pub(crate) type Table = Vec<Column>;

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Optional(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }
}

/// What Parquet calls such columns.
fn schema(columns: Columns) -> String {
    let mut text = "message probe {".to_owned();
    for (column, kind) in columns {
        let of = match kind {
            Kind::Number | Kind::Time => "required int64",
            Kind::OptionalNumber | Kind::OptionalTime => "optional int64",
            Kind::Text => "required binary",
        };
        let means = match kind {
            Kind::Number | Kind::OptionalNumber => "",
            Kind::Time | Kind::OptionalTime => " (TIMESTAMP(NANOS,true))",
            Kind::Text => " (STRING)",
        };
        text += &format!(" {of} {column}{means};");
    }
    text + " }"
}

/// Writes a table of so many rows whole or not at all; `part` makes some of them at a time.
pub(crate) fn write(
    path: &Path,
    columns: Columns,
    rows: usize,
    part: impl Fn(Range<usize>) -> Table,
) -> Result<(), RecordError> {
    let fill = |file: &mut (dyn Write + Send)| {
        let message = parse_message_type(&schema(columns)).map_err(io_error)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut writer = SerializedFileWriter::new(file, Arc::new(message), Arc::new(properties))
            .map_err(io_error)?;
        for from in (0..rows).step_by(GROUP_ROWS) {
            let mut group = writer.next_row_group().map_err(io_error)?;
            for column in part(from..(from + GROUP_ROWS).min(rows)) {
                write_column(&mut group, &column).map_err(io_error)?;
            }
            group.close().map_err(io_error)?;
        }
        writer.close().map_err(io_error)?;
        Ok(())
    };
    Ok(write_whole(path, fill)?)
}

/// What the system said, if it did.
fn io_error(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(error) => std::io::Error::other(error),
        },
        error => std::io::Error::other(error),
    }
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    column: &Column,
) -> Result<(), ParquetError> {
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General("there are more columns than in the schema".to_owned()));
    };
    match column {
        Column::Numbers(values) => {
            writer.typed::<Int64Type>().write_batch(values, None, None)?;
        }
        Column::Optional(values) => {
            let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
            let values: Vec<i64> = values.iter().copied().flatten().collect();
            writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
        }
        Column::Texts(values) => {
            let texts: Vec<ByteArray> =
                values.iter().map(|text| ByteArray::from(text.as_str())).collect();
            writer.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
        }
    }
    writer.close()
}

/// Reads a table, which has to have these columns: hands in some rows at a time.
pub(super) fn read(
    path: &Path,
    columns: Columns,
    take: impl FnMut(Rows) -> Result<(), String>,
) -> Result<(), RecordError> {
    let file = File::open(path).map_err(|source| RunError::reading(path, source))?;
    read_file(file, columns, take).map_err(|problem| wrong(path, problem))
}

fn read_file(
    file: File,
    columns: Columns,
    mut take: impl FnMut(Rows) -> Result<(), String>,
) -> Result<(), String> {
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let metadata = reader.metadata().file_metadata();
    let found: Vec<String> =
        metadata.schema_descr().columns().iter().map(|column| column.name().to_owned()).collect();
    let expected: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    if found != expected {
        return Err(format!("the columns are {}, not {}", found.join(","), expected.join(",")));
    }
    let mut left = ROWS_MAX;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(|error| error.to_string())?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(usize::MAX);
        if rows > left || rows > GROUP_ROWS {
            return Err(format!("it has more than {ROWS_MAX} rows, or {GROUP_ROWS} in a group"));
        }
        left -= rows;
        let mut table: Table = columns.iter().map(|(_, kind)| empty(*kind)).collect();
        for (index, column) in table.iter_mut().enumerate() {
            read_column(&*group, index, rows, column).map_err(|error| error.to_string())?;
        }
        if table.iter().any(|column| column.len() != rows) {
            return Err("its columns aren't equally long".to_owned());
        }
        take(Rows::new(table))?;
    }
    Ok(())
}

const fn empty(kind: Kind) -> Column {
    match kind {
        Kind::Number | Kind::Time => Column::Numbers(Vec::new()),
        Kind::OptionalNumber | Kind::OptionalTime => Column::Optional(Vec::new()),
        Kind::Text => Column::Texts(Vec::new()),
    }
}

fn read_column(
    group: &dyn RowGroupReader,
    index: usize,
    rows: usize,
    column: &mut Column,
) -> Result<(), ParquetError> {
    let other = || ParquetError::General("a column is of another kind".to_owned());
    match (group.get_column_reader(index)?, column) {
        (ColumnReader::Int64ColumnReader(mut reader), Column::Numbers(into)) => {
            while reader.read_records(rows, None, None, into)?.0 > 0 {}
        }
        (ColumnReader::Int64ColumnReader(mut reader), Column::Optional(into)) => {
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            while reader.read_records(rows, Some(&mut levels), None, &mut values)?.0 > 0 {}
            let mut values = values.into_iter();
            into.extend(levels.iter().map(|level| (*level > 0).then(|| values.next()).flatten()));
        }
        (ColumnReader::ByteArrayColumnReader(mut reader), Column::Texts(into)) => {
            let mut values = Vec::new();
            while reader.read_records(rows, None, None, &mut values)?.0 > 0 {}
            for value in values {
                into.push(value.as_utf8()?.to_owned());
            }
        }
        _ => return Err(other()),
    }
    Ok(())
}

/// Goes through a table row by row, and through each row field by field.
#[derive(Debug)]
pub(super) struct Rows {
    columns: Vec<Fields>,
    left: usize,
    next: usize,
}

#[derive(Debug)]
enum Fields {
    Numbers(std::vec::IntoIter<i64>),
    Optional(std::vec::IntoIter<Option<i64>>),
    Texts(std::vec::IntoIter<String>),
}

impl Rows {
    fn new(table: Table) -> Self {
        let left = table.first().map_or(0, Column::len);
        let columns = table
            .into_iter()
            .map(|column| match column {
                Column::Numbers(values) => Fields::Numbers(values.into_iter()),
                Column::Optional(values) => Fields::Optional(values.into_iter()),
                Column::Texts(values) => Fields::Texts(values.into_iter()),
            })
            .collect();
        Self { columns, left, next: 0 }
    }

    /// Goes to the next row; false after the last.
    pub(super) fn advance(&mut self) -> bool {
        self.next = 0;
        let has_next = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has_next
    }

    fn field(&mut self) -> Option<&mut Fields> {
        self.next += 1;
        self.columns.get_mut(self.next - 1)
    }

    /// The next field of the row, a number.
    pub(super) fn number(&mut self) -> i64 {
        match self.field() {
            Some(Fields::Numbers(values)) => values.next().unwrap_or(0),
            _ => 0,
        }
    }

    /// The next field, which may be nothing.
    pub(super) fn optional(&mut self) -> Option<i64> {
        match self.field() {
            Some(Fields::Optional(values)) => values.next().flatten(),
            _ => None,
        }
    }

    /// The next field, a text.
    pub(super) fn text(&mut self) -> String {
        match self.field() {
            Some(Fields::Texts(values)) => values.next().unwrap_or_default(),
            _ => String::new(),
        }
    }
}
