//! An event as a line: what it says, escaped and shortened, whoever wrote the event and whatever a stranger put into it.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata};

use crate::calendar::Civil;
use crate::config::log::LogFormat;
use crate::printable;

/// Longest value of a field, and longest message, bytes; what is longer ends early. A guess: the longest that a node
/// writes itself are paths and lists of addresses.
const VALUE_MAX: usize = 256;

/// Most bytes of all values of a line. A guess. What frames them (the time, names, quotes) isn't a stranger's.
pub(super) const VALUES_MAX: usize = 1_024;

/// How a line is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) format: LogFormat,
    /// Colours for a terminal.
    pub(super) colours: bool,
}

/// What an event says.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) target: &'static str,
    pub(super) message: String,
    /// Names are those of the program's text.
    fields: Vec<(&'static str, Value)>,
    /// Bytes that values may still take.
    room: usize,
}

impl Line {
    /// A line with a message and nothing more.
    pub(super) fn new(metadata: &'static Metadata<'static>, message: String) -> Self {
        let (level, target) = (*metadata.level(), metadata.target());
        Self { level, target, message, fields: Vec::new(), room: VALUES_MAX }
    }

    /// What an event says.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut line = Self::new(event.metadata(), String::new());
        event.record(&mut line);
        line
    }

    /// Adds a number.
    pub(super) fn with(mut self, name: &'static str, number: u64) -> Self {
        self.fields.push((name, number.into()));
        self
    }

    /// The line as bytes, newline included, as of a moment.
    pub(super) fn render(&self, style: Style, now: SystemTime) -> String {
        match style.format {
            LogFormat::Text => self.text(style.colours, now),
            LogFormat::Json => self.json(now),
        }
    }

    fn text(&self, colours: bool, now: SystemTime) -> String {
        let (on, off) = if colours { (colour(self.level), "\u{1b}[0m") } else { ("", "") };
        let Self { level, target, message, .. } = self;
        let mut text = format!("{} {on}{level:>5}{off} {target}:", timestamp(now));
        if !message.is_empty() {
            let _ = write!(text, " {message}");
        }
        for (name, value) in &self.fields {
            let _ = match value {
                Value::String(value) if !is_word(value) => {
                    write!(text, " {name}=\"{}\"", value.replace('"', "\\\""))
                }
                Value::String(value) => write!(text, " {name}={value}"),
                value => write!(text, " {name}={value}"),
            };
        }
        text.push('\n');
        text
    }

    fn json(&self, now: SystemTime) -> String {
        let first = [
            ("timestamp", timestamp(now).into()),
            ("level", self.level.as_str().into()),
            ("message", self.message.as_str().into()),
        ];
        let fields = self.fields.iter().map(|(name, value)| (*name, value.clone()));
        let all = first.into_iter().chain(fields).chain([("target", self.target.into())]);
        let members: Vec<_> =
            all.map(|(name, value): (_, Value)| format!("{}:{value}", Value::from(name))).collect();
        format!("{{{}}}\n", members.join(","))
    }

    fn take(&mut self, field: &Field, value: &impl fmt::Display) {
        let value = printable::line(value, VALUE_MAX.min(self.room));
        self.room = self.room.saturating_sub(value.len());
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value.into())),
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.take(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.push((field.name(), value.into()));
    }
}

/// Whether a value can stand without quotes and be taken for nothing else.
fn is_word(value: &str) -> bool {
    !value.is_empty() && !value.contains([' ', '"', '=', '\\'])
}

/// RFC 3339 to the microsecond, in UTC.
fn timestamp(now: SystemTime) -> String {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let Civil { year, month, day, time: (hour, minute, second) } = Civil::of(since.as_secs());
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The escape sequence that begins a level's colour.
const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}
