//! The fleet's map, as the API tells of it and takes writes.

use std::fmt;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tidings_protocol::replica::{Key, Kind, Stamp, State};
use utoipa::ToSchema;

use super::schema::{Number, Text};

/// A name or value: any bytes. In JSON a string if they are UTF-8, as they mostly are, and `{"hex": "…"}` otherwise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KvText(pub Vec<u8>);

/// Bytes that are no text.
#[derive(Serialize, Deserialize)]
struct Hex {
    hex: String,
}

impl From<&[u8]> for KvText {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for KvText {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for KvText {
    /// As it is; what is no UTF-8 is escaped as in Rust: `\xff`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for KvText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Serialize for KvText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => Hex { hex: HEXLOWER.encode(&self.0) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for KvText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a string, or {\"hex\": \"…\"}")]
        enum Either {
            Text(String),
            Bytes(Hex),
        }
        match Either::deserialize(deserializer)? {
            Either::Text(text) => Ok(Self(text.into_bytes())),
            Either::Bytes(Hex { hex }) => HEXLOWER_PERMISSIVE
                .decode(hex.as_bytes())
                .map(Self)
                .map_err(|error| serde::de::Error::custom(format!("no hexadecimal: {error}"))),
        }
    }
}

/// A sum. In JSON a number if it has 64 bits, as it mostly has, and otherwise a string of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvNumber(pub i128);

impl Serialize for KvNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0) {
            Ok(number) => serializer.serialize_i64(number),
            Err(_) => serializer.collect_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for KvNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a whole number, or one as a string")]
        enum Either {
            Number(i64),
            Digits(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number.into())),
            Either::Digits(digits) => digits.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

/// What data a key holds: see [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KvKind {
    /// One value, the last writer's.
    Register,
    /// Values side by side.
    Siblings,
    /// A number.
    Counter,
    /// Elements.
    Set,
    /// Fields.
    Map,
}

impl KvKind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Siblings => "siblings",
            Self::Counter => "counter",
            Self::Set => "set",
            Self::Map => "map",
        }
    }
}

impl From<Kind> for KvKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Register => Self::Register,
            Kind::Siblings => Self::Siblings,
            Kind::Counter => Self::Counter,
            Kind::Set => Self::Set,
            Kind::Map => Self::Map,
        }
    }
}

/// When something was written, by the writer's clock, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvStamp {
    /// Milliseconds of Unix time.
    pub unix_ms: u64,
    /// Writes of one millisecond are told apart by this.
    pub count: u32,
    /// The writer: 16 hexadecimal digits, which a node keeps as long as it loses nothing.
    pub writer: String,
}

impl From<Stamp> for KvStamp {
    fn from(Stamp { tick, writer }: Stamp) -> Self {
        Self { unix_ms: tick.millis, count: tick.count, writer: writer.to_string() }
    }
}

/// A field and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvField {
    /// Its name.
    #[schema(value_type = Text)]
    pub name: KvText,
    /// Its value.
    #[schema(value_type = Text)]
    pub value: KvText,
}

/// A key and what it holds. Of `values`, `number` and `fields` there is what its kind has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvEntry {
    /// What it is called.
    #[schema(value_type = Text)]
    pub key: KvText,
    /// What data it holds.
    pub kind: KvKind,
    /// Nothing is left of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The value; or values between which nobody has chosen; or elements, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Text>)]
    pub values: Vec<KvText>,
    /// The sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Number>)]
    pub number: Option<KvNumber>,
    /// The fields, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<KvField>,
    /// When a register was written, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<KvStamp>,
}

impl KvEntry {
    /// What a key holds.
    #[must_use]
    pub fn of(key: &Key, state: &State) -> Self {
        let mut entry = Self {
            key: key.name().into(),
            kind: key.kind().into(),
            deleted: state.is_deleted(),
            values: Vec::new(),
            number: None,
            fields: Vec::new(),
            written: None,
        };
        let text = |bytes: &[u8]| KvText::from(bytes);
        match state {
            State::Register(register) => {
                entry.values.extend(register.value().map(|value| text(value)));
                entry.written = Some(register.stamp().into());
            }
            State::Siblings(siblings) => {
                entry.values.extend(siblings.values().map(|value| text(value)));
            }
            State::Counter(counter) => entry.number = Some(KvNumber(counter.value())),
            State::Set(set) => entry.values.extend(set.elements().iter().map(|value| text(value))),
            State::Map(fields) => {
                let field = |(name, value): (&bytes::Bytes, &bytes::Bytes)| KvField {
                    name: text(name),
                    value: text(value),
                };
                entry.fields.extend(fields.values().map(field));
            }
        }
        entry
    }
}

/// Some keys in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvPage {
    /// What they hold. Deleted ones aren't told.
    pub entries: Vec<KvEntry>,
    /// Where to go on, if there are more.
    pub next: Option<String>,
}

/// What is under one name: one entry, or several of different kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvEntries {
    /// The entries.
    pub entries: Vec<KvEntry>,
}

/// Why a write is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KvWhy {
    /// Neither writer knew of the other's write.
    Concurrent,
    /// It was to overwrite what stays, by a clock that was behind.
    Outdated,
    /// It has a time of the future, by a clock that was set back since.
    Ahead,
}

/// A write that is lost: another one stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvLost {
    /// Of which key.
    #[schema(value_type = Text)]
    pub key: KvText,
    /// Why.
    pub why: KvWhy,
    /// When it was written, and by whom.
    pub written: KvStamp,
    /// What was written; `None` if it was a deletion.
    #[schema(value_type = Option<Text>)]
    pub value: Option<KvText>,
    /// The stamp of what stayed.
    pub winner: KvStamp,
    /// What stayed, if it is still there.
    #[schema(value_type = Option<Text>)]
    pub stays: Option<KvText>,
}

/// What wants somebody's attention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvConflicts {
    /// Keys with several values between which nobody has chosen yet.
    pub contested: Vec<KvEntry>,
    /// Whether there are more of these.
    pub more: bool,
    /// Writes that are lost, as far as this node saw it since it started; the latest last. Only some are remembered.
    pub lost: Vec<KvLost>,
    /// How many are lost in all.
    pub lost_count: u64,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum KvWrite {
    /// Sets a value in place of all that is there, or that of a field.
    Set {
        /// Of which key.
        #[schema(value_type = Text)]
        key: KvText,
        /// To what.
        #[schema(value_type = Text)]
        value: KvText,
        /// Of which field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Text>)]
        field: Option<KvText>,
    },
    /// Deletes what a key holds, or a field.
    Delete {
        /// Which key.
        #[schema(value_type = Text)]
        key: KvText,
        /// Which field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Text>)]
        field: Option<KvText>,
        /// If a set and a map of fields are called so: which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<KvKind>,
    },
    /// Adds to a counter.
    Add {
        /// Which.
        #[schema(value_type = Text)]
        key: KvText,
        /// How much; less than 0 takes away.
        #[schema(minimum = -9_223_372_036_854_775_808_i64, maximum = 9_223_372_036_854_775_807_i64)]
        by: i64,
    },
    /// Adds an element to a set.
    Include {
        /// Which.
        #[schema(value_type = Text)]
        key: KvText,
        /// What.
        #[schema(value_type = Text)]
        element: KvText,
    },
    /// Removes an element of a set.
    Exclude {
        /// Which.
        #[schema(value_type = Text)]
        key: KvText,
        /// What.
        #[schema(value_type = Text)]
        element: KvText,
    },
}

/// How the map is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KvStatus {
    /// What data it keeps: `last-writer`, `versions` or `convergent`.
    pub model: String,
    /// Who this node is among the writers.
    pub writer: String,
    /// How many keys it has, deleted ones included.
    pub keys: usize,
    /// Most keys.
    pub keys_max: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Most bytes.
    pub bytes_max: usize,
    /// Peers that take part now.
    pub peers: usize,
    /// Keys with several values between which nobody has chosen yet.
    pub contested: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<T>(value: &T) -> String
    where
        T: Serialize + for<'a> Deserialize<'a> + PartialEq + fmt::Debug,
    {
        let json = serde_json::to_string(value).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
        json
    }

    #[test]
    fn text_is_a_string_and_other_bytes_are_told_as_such() {
        assert_eq!(reads_back(&KvText::from("ü\n")), r#""ü\n""#);
        assert_eq!(reads_back(&KvText(vec![0xff, b'a'])), r#"{"hex":"ff61"}"#);
        assert_eq!(KvText(vec![0xff, b'a', 0xc3, 0xbc]).to_string(), "\\xffaü");
    }

    #[test]
    fn sums_are_numbers_as_far_as_everybody_reads_those() {
        assert_eq!(reads_back(&KvNumber(-7)), "-7");
        assert_eq!(reads_back(&KvNumber(i128::from(u64::MAX))), "\"18446744073709551615\"");
    }

    #[test]
    fn what_is_streamed_and_asked_for_reads_back() {
        let entry = KvEntry {
            key: "hits".into(),
            kind: KvKind::Counter,
            deleted: false,
            values: Vec::new(),
            number: Some(KvNumber(3)),
            fields: Vec::new(),
            written: None,
        };
        let json = reads_back(&entry);
        assert_eq!(json, r#"{"key":"hits","kind":"counter","number":3}"#);
        let (key, field) = (KvText::from("x"), None);
        let set = KvWrite::Set { key: key.clone(), value: "1".into(), field };
        assert_eq!(reads_back(&set), r#"{"op":"set","key":"x","value":"1"}"#);
        reads_back(&KvWrite::Exclude { key, element: KvText(vec![0xff]) });
    }
}
