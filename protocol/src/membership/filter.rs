//! Whom an event or a query is for: members by name and by tags.
//!
//! Serf has regular expressions here. A stranger's pattern costs what it likes, so these are texts that must be equal.

use bytes::Bytes;

use crate::wire::bytes::{Encode, Malformed, Reader, put_count, put_string};

/// Most names. A guess.
pub const NAMES_MAX: usize = 16;
/// Most tags. A guess.
pub const TAGS_MAX: usize = 8;
/// The longest name, key or value of a tag, bytes. A guess.
pub const TEXT_MAX: usize = 64;
/// Most bytes of a filter. A guess: with it, an event or a query still fits a packet of 1,400.
pub const FILTER_MAX: usize = 512;

/// Whom something is for. The empty one is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    names: Vec<Bytes>,
    tags: Vec<(Bytes, Bytes)>,
}

impl Filter {
    /// For members with one of these names (any, if there is none) and all of these tags, keys and their values.
    /// `None` if there are too many, one is too long, or all are together.
    #[must_use]
    pub fn new(names: &[&[u8]], tags: &[(&[u8], &[u8])]) -> Option<Self> {
        let bytes = Bytes::copy_from_slice;
        let mut names: Vec<_> = names.iter().map(|name| bytes(name)).collect();
        let mut tags: Vec<_> = tags.iter().map(|(key, value)| (bytes(key), bytes(value))).collect();
        names.sort_unstable();
        names.dedup();
        tags.sort_unstable();
        tags.dedup_by(|a, b| a.0 == b.0);
        let fits = |text: &Bytes| text.len() <= TEXT_MAX;
        let all_fit = names.iter().all(fits) && tags.iter().all(|tag| fits(&tag.0) && fits(&tag.1));
        let few = names.len() <= NAMES_MAX && tags.len() <= TAGS_MAX;
        let filter = Self { names, tags };
        (few && all_fit && filter.encoded().len() <= FILTER_MAX).then_some(filter)
    }

    /// Whether a member of this name and with these tags is meant.
    pub fn matches<'a>(&self, name: &[u8], tag: impl Fn(&[u8]) -> Option<&'a [u8]>) -> bool {
        (self.names.is_empty() || self.names.iter().any(|one| one == name))
            && self.tags.iter().all(|(key, value)| tag(key) == Some(value))
    }
}

impl Encode for Filter {
    /// How many names, and these; how many tags, and keys and values. Both ascend.
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.names.len(), out);
        self.names.iter().for_each(|name| put_string(name, out));
        put_count(self.tags.len(), out);
        for (key, value) in &self.tags {
            put_string(key, out);
            put_string(value, out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let text = |input: &mut Reader<'_>| input.string("text", TEXT_MAX);
        let names = input.list("names", NAMES_MAX, text, Bytes::clone)?;
        let pair = |input: &mut Reader<'_>| Ok((text(input)?, text(input)?));
        let tags = input.list("tags", TAGS_MAX, pair, |(key, _)| key.clone())?;
        let filter = Self { names, tags };
        let fits = filter.encoded().len() <= FILTER_MAX;
        if fits { Ok(filter) } else { Err(Malformed::Length("filter")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags<'a>(key: &[u8]) -> Option<&'a [u8]> {
        (key == b"role").then_some(b"sentry")
    }

    #[test]
    fn names_are_alternatives_and_tags_must_all_be_there() {
        let is_for = |names: &[&[u8]], wanted: &[(&[u8], &[u8])]| {
            Filter::new(names, wanted).unwrap().matches(b"a", tags)
        };
        assert!(is_for(&[], &[]));
        assert!(is_for(&[b"b", b"a"], &[(b"role", b"sentry")]));
        assert!(!is_for(&[b"b"], &[]));
        assert!(!is_for(&[b"a"], &[(b"role", b"sentry"), (b"region", b"eu")]));
        assert!(!is_for(&[], &[(b"role", b"sent")]));
    }

    #[test]
    fn a_filter_reads_as_it_was_written_and_has_bounds() {
        let filter = Filter::new(&[b"b", b"a"], &[(b"role", b"x"), (b"eu", b"")]).unwrap();
        assert_eq!(Filter::take(&mut Reader::new(&filter.encoded())), Ok(filter));
        assert_eq!(Filter::new(&[&[0; TEXT_MAX + 1]], &[]), None);
        let many: Vec<_> = (0..=NAMES_MAX).map(|n| vec![u8::try_from(n).unwrap()]).collect();
        let many: Vec<_> = many.iter().map(|name| &name[..]).collect();
        assert_eq!(Filter::new(&many, &[]), None);
        let long: Vec<_> = (0..8).map(|n| [n; TEXT_MAX]).collect();
        let long: Vec<_> = long.iter().map(|name| &name[..]).collect();
        assert_eq!(Filter::new(&long, &[]), None);
        let long =
            Filter { names: long.into_iter().map(Bytes::copy_from_slice).collect(), tags: vec![] };
        let read = Filter::take(&mut Reader::new(&long.encoded()));
        assert_eq!(read, Err(Malformed::Length("filter")));
        assert_eq!(
            Filter::take(&mut Reader::new(&[2, 1, b'b', 1, b'a', 0])),
            Err(Malformed::Order("names"))
        );
        assert_eq!(Filter::take(&mut Reader::new(&[17])), Err(Malformed::Length("names")));
    }
}
