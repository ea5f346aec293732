//! Layers of settings, merged by dotted key, each value with its origin.
//!
//! What is allowed is given by an example value of the settings' type ([`Schema`]). If anything is wrong, each
//! entry is tried alone on top of the defaults, so that the error names the one key, file and line to
//! blame; serde alone would only say what is wrong somewhere in the merged whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Table, Value};

/// How alike two keys must be for one to be suggested for the other, Jaro-Winkler. A guess: `listne`
/// and `listen` have 0.96, unrelated keys of one section up to 0.8.
const ALIKE_MIN: f64 = 0.85;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is the default.
    Default,
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// Its line there, from 1.
        line: usize,
    },
    /// An environment variable of that name.
    Env(String),
    /// A flag of that name.
    Flag(String),
}

impl Origin {
    /// The layer, as `tidings config --json` names it.
    #[must_use]
    pub const fn layer(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File { .. } => "file",
            Self::Env(_) => "env",
            Self::Flag(_) => "flag",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// Why layers can't be merged.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line} is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// There is no such setting.
    #[error("unknown key `{key}` in {origin}{}", hint(suggestion.as_ref()))]
    UnknownKey {
        /// What was written.
        key: String,
        /// Where.
        origin: Origin,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// The setting can't have that value.
    #[error("`{key}` in {origin} {problem}")]
    BadValue {
        /// The setting.
        key: String,
        /// Where.
        origin: Origin,
        /// What is wrong with its value.
        problem: String,
    },
}

fn hint(suggestion: Option<&String>) -> String {
    suggestion.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

/// One value in one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Dotted key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
}

impl Entry {
    /// An entry from text, read as whatever type the setting has.
    ///
    /// # Errors
    /// When there is no such setting or the text can't be read as its type.
    pub fn from_text(
        schema: &Schema,
        key: &str,
        text: &str,
        origin: Origin,
    ) -> Result<Self, LayerError> {
        let like = schema.get(key, &origin)?;
        match read_like(text, like) {
            Some(value) => Ok(Self { key: key.to_owned(), value, origin }),
            None => {
                let problem = format!("must be {}, not `{text}`", type_name(like));
                Err(LayerError::BadValue { key: key.to_owned(), origin, problem })
            }
        }
    }
}

/// The settings that exist, and their types and defaults.
#[derive(Clone, Debug)]
pub struct Schema {
    defaults: Table,
    examples: BTreeMap<String, Value>,
}

impl Schema {
    /// The schema of a type, by its defaults and an example in which every setting has a value.
    ///
    /// # Panics
    /// When the type doesn't serialise to a TOML table: an error in the program.
    #[must_use]
    pub fn new<T: Serialize>(defaults: &T, example: &T) -> Self {
        let table = |value: &T| Table::try_from(value).expect("settings serialise to a TOML table");
        let mut examples = BTreeMap::new();
        flatten("", table(example), &mut |key, value| {
            examples.insert(key, value);
        });
        Self { defaults: table(defaults), examples }
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.examples.keys().map(String::as_str)
    }

    /// The setting's default, if it has one.
    #[must_use]
    pub fn default_of(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.defaults.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    /// A value that the setting could have, if there is such a setting.
    #[must_use]
    pub fn example_of(&self, key: &str) -> Option<&Value> {
        self.examples.get(key)
    }

    /// An example of the setting's value.
    fn get(&self, key: &str, origin: &Origin) -> Result<&Value, LayerError> {
        if let Some(value) = self.examples.get(key) {
            return Ok(value);
        }
        let (key, origin) = (key.to_owned(), origin.clone());
        let section = format!("{key}.");
        if let Some(inner) = self.keys().find(|known| known.starts_with(&section)) {
            let problem = format!("is a section, not a setting; it has settings such as `{inner}`");
            return Err(LayerError::BadValue { key, origin, problem });
        }
        let suggestion = self.closest(&key).map(str::to_owned);
        Err(LayerError::UnknownKey { key, origin, suggestion })
    }

    /// The key most like another, if any is: as a whole, or with its section left out or mistaken.
    fn closest(&self, key: &str) -> Option<&str> {
        let last = |key: &str| key.rsplit('.').next().map(str::to_owned).unwrap_or_default();
        let likeness = |known: &str| {
            let names = strsim::jaro_winkler(&last(known), &last(key)) * 0.98;
            names.max(strsim::jaro_winkler(known, key))
        };
        let scored = self.keys().map(|known| (likeness(known), known));
        let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= ALIKE_MIN).then_some(best.1)
    }

    /// Checks that there is such a setting, and that it has values of that type.
    fn check_type(&self, entry: &Entry) -> Result<(), LayerError> {
        let Entry { key, value, origin } = entry;
        if is_known_section(self, key, value) {
            return Ok(());
        }
        let like = self.get(key, origin)?;
        if fits(value, like) {
            return Ok(());
        }
        let problem = format!("must be {}, not {}", type_name(like), type_name(value));
        Err(LayerError::BadValue { key: key.clone(), origin: origin.clone(), problem })
    }

    /// Checks one entry by itself.
    fn check<T: DeserializeOwned>(&self, entry: &Entry) -> Result<(), LayerError> {
        self.check_type(entry)?;
        let Entry { key, value, origin } = entry;
        if value.is_table() {
            return Ok(());
        }
        let mut alone = self.defaults.clone();
        insert(&mut alone, key, value.clone());
        T::deserialize(alone).map(drop).map_err(|error| {
            let problem = format!("is {value}, but: {}", error.message());
            LayerError::BadValue { key: key.clone(), origin: origin.clone(), problem }
        })
    }

    /// Whether all entries are good, as far as that shows when they are taken together. What a later one
    /// overrides doesn't show.
    fn takes_all<T: DeserializeOwned>(&self, entries: &[Entry]) -> bool {
        let mut all = self.defaults.clone();
        let mut keys = BTreeSet::new();
        for entry in entries {
            if self.check_type(entry).is_err() || !keys.insert(&entry.key) {
                return false;
            }
            if !entry.value.is_table() {
                insert(&mut all, &entry.key, entry.value.clone());
            }
        }
        T::deserialize(all).is_ok()
    }
}

/// An empty section sets nothing, and is fine if there is such a section.
fn is_known_section(schema: &Schema, key: &str, value: &Value) -> bool {
    let section = format!("{key}.");
    value.is_table() && schema.keys().any(|known| known.starts_with(&section))
}

/// Merged layers.
#[derive(Clone, Debug)]
pub struct Layered {
    merged: Table,
    origins: BTreeMap<String, Origin>,
}

impl Layered {
    /// Merges entries over the defaults, later ones over earlier ones.
    ///
    /// # Errors
    /// The first entry that is no setting of `T`, or no value of it.
    pub fn resolve<T: DeserializeOwned>(
        schema: &Schema,
        entries: Vec<Entry>,
    ) -> Result<Self, LayerError> {
        // One by one is a hundred times the work: only where somebody is to blame, or may be.
        if !schema.takes_all::<T>(&entries) {
            entries.iter().try_for_each(|entry| schema.check::<T>(entry))?;
        }
        let mut merged = schema.defaults.clone();
        let mut origins = BTreeMap::new();
        for entry in entries {
            if !entry.value.is_table() {
                insert(&mut merged, &entry.key, entry.value);
                origins.insert(entry.key, entry.origin);
            }
        }
        Ok(Self { merged, origins })
    }

    /// Takes over what other layers say of a key, where it is set or unset there.
    pub fn adopt(&mut self, other: &Self, key: &str) {
        match other.get(key) {
            Some(value) => insert(&mut self.merged, key, value.clone()),
            None => remove(&mut self.merged, key),
        }
        match other.origins.get(key) {
            Some(origin) => drop(self.origins.insert(key.to_owned(), origin.clone())),
            None => drop(self.origins.remove(key)),
        }
    }

    /// The merged value.
    ///
    /// # Errors
    /// When values that are good by themselves aren't together.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T, LayerError> {
        T::deserialize(self.merged.clone()).map_err(|error| LayerError::BadValue {
            key: "(all)".to_owned(),
            origin: Origin::Default,
            problem: format!("do not fit together: {error}"),
        })
    }

    /// Where the value of a key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Where the value of a key, or of the first key of a section, came from, if not from the defaults.
    #[must_use]
    pub fn origin_under(&self, key: &str) -> Origin {
        let section = format!("{key}.");
        let mut set = self.origins.iter();
        let found = set.find(|(name, _)| *name == key || name.starts_with(&section));
        found.map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// The value of a key; `None` if it is unset.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.merged.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }
}

/// Reads a file as a layer; `None` if there is no such file.
///
/// # Errors
/// When it can't be read or is no TOML.
pub fn read_file(path: &Path) -> Result<Option<Vec<Entry>>, LayerError> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse_file(path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LayerError::Read { path: path.to_owned(), source }),
    }
}

/// Reads TOML text as a layer.
///
/// # Errors
/// When it is no TOML.
pub fn parse_file(path: &Path, text: &str) -> Result<Vec<Entry>, LayerError> {
    let line = |offset: usize| {
        let before = text.as_bytes().iter().take(offset);
        1 + before.filter(|byte| **byte == b'\n').count()
    };
    let table = DeTable::parse(text).map_err(|error| LayerError::Syntax {
        path: path.to_owned(),
        line: line(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let mut entries = Vec::new();
    flatten_spanned("", table.into_inner(), &mut |key, offset, value| {
        let origin = Origin::File { path: path.to_owned(), line: line(offset) };
        entries.push(Entry { key, value, origin });
    });
    Ok(entries)
}

fn flatten_spanned(prefix: &str, table: DeTable<'_>, leaf: &mut impl FnMut(String, usize, Value)) {
    for (name, value) in table {
        let (key, offset) = (format!("{prefix}{}", name.get_ref()), name.span().start);
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(inner) if !inner.is_empty() => {
                flatten_spanned(&format!("{key}."), inner, leaf);
            }
            value => {
                let value = ValueDeserializer::from(Spanned::new(span, value));
                leaf(key, offset, Value::deserialize(value).expect("any TOML is a TOML value"));
            }
        }
    }
}

fn flatten(prefix: &str, table: Table, leaf: &mut impl FnMut(String, Value)) {
    for (name, value) in table {
        match value {
            Value::Table(inner) => flatten(&format!("{prefix}{name}."), inner, leaf),
            value => leaf(format!("{prefix}{name}"), value),
        }
    }
}

/// Sets the value of a dotted key; sections appear as needed.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Unsets a dotted key.
fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => drop(table.remove(key)),
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                remove(inner, rest);
            }
        }
    }
}

/// Reads text as the type that an example has. Lists are written as in TOML, or separated by commas: `[::1]:4000` is
/// such a list of one.
fn read_like(text: &str, like: &Value) -> Option<Value> {
    let toml = || {
        let value = ValueDeserializer::parse(text).ok()?;
        Value::deserialize(value).ok().filter(|value| fits(value, like))
    };
    match like {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Array(_) => Some(toml().unwrap_or_else(|| separated(text))),
        _ => toml(),
    }
}

fn separated(text: &str) -> Value {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
}

/// Whether a value has the type of an example; whole numbers are numbers, too.
fn fits(value: &Value, like: &Value) -> bool {
    like.same_type(value) || like.is_float() && value.is_integer()
}

/// What people call the type of a value.
#[must_use]
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
