//! What a member says of itself: its name, where it is, its tags, what it speaks.
//!
//! A profile belongs to one incarnation of its member: whoever changes it raises the incarnation. It is shared (`Arc`) by all that
//! speak of it, since thousands of simulated members know the same thousands.

use std::net::SocketAddr;

use super::bytes::{canonical, put_addr};
use crate::wire::bytes::{Encode, Malformed, Reader, put_count, put_text};

/// Most bytes of a name. A guess: a host's label in DNS has 63 (RFC 1035, §2.3.4).
pub const NAME_MAX: usize = 64;

/// Most tags. A guess.
pub const TAGS_MAX: usize = 16;

/// Most bytes of all tags, keys and values: memberlist's `MetaMaxSize`, where Serf keeps its tags.
pub const TAG_BYTES_MAX: usize = 512;

/// What is wrong with a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The name is empty, longer than [`NAME_MAX`], or not of printable ASCII without spaces.
    #[error("a member's name has 1 to 64 printable ASCII characters, and no space")]
    Name,
    /// Too many tags, too long ones, two with one key, or one with an empty key.
    #[error("tags are at most 16, each key once and not empty, and 512 bytes in all")]
    Tags,
    /// The lowest version is above the highest.
    #[error("the lowest protocol version is above the highest")]
    Versions,
}

/// The versions of the protocol that a member speaks, the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: u8,
    /// The highest.
    pub max: u8,
}

impl Versions {
    /// What this code speaks.
    pub const OURS: Self = Self { min: 1, max: 1 };

    /// Whether the two speak a common one.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }
}

/// What a member says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    name: Box<str>,
    addr: SocketAddr,
    tags: Box<[(Box<str>, Box<str>)]>,
    versions: Versions,
}

impl Profile {
    /// A profile. Tags are put in order of their keys.
    ///
    /// # Errors
    /// See [`Invalid`].
    pub fn new(
        name: &str,
        addr: SocketAddr,
        tags: &[(&str, &str)],
        versions: Versions,
    ) -> Result<Self, Invalid> {
        let mut tags: Vec<_> = tags.iter().map(|(k, v)| (Box::from(*k), Box::from(*v))).collect();
        tags.sort_unstable();
        Self::checked(name, canonical(addr), tags, versions)
    }

    fn checked(
        name: &str,
        addr: SocketAddr,
        tags: Vec<(Box<str>, Box<str>)>,
        versions: Versions,
    ) -> Result<Self, Invalid> {
        let is_printable = name.bytes().all(|byte| byte.is_ascii_graphic());
        if name.is_empty() || name.len() > NAME_MAX || !is_printable {
            return Err(Invalid::Name);
        }
        let bytes: usize = tags.iter().map(|(key, value)| key.len() + value.len()).sum();
        let in_order = tags.is_sorted_by(|(one, _), (other, _)| one < other);
        let is_empty = tags.first().is_some_and(|(key, _)| key.is_empty());
        if tags.len() > TAGS_MAX || bytes > TAG_BYTES_MAX || !in_order || is_empty {
            return Err(Invalid::Tags);
        }
        if versions.min > versions.max {
            return Err(Invalid::Versions);
        }
        Ok(Self { name: name.into(), addr, tags: tags.into(), versions })
    }

    /// What people call it. Two members may have one name; that is reported.
    #[must_use]
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// Where its datagrams come from and go to.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its tags, in order of their keys.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().map(|(key, value)| (&**key, &**value))
    }

    /// What it speaks.
    #[must_use]
    pub const fn versions(&self) -> Versions {
        self.versions
    }
}

impl Encode for Profile {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(&self.name, out);
        put_addr(self.addr, out);
        out.extend_from_slice(&[self.versions.min, self.versions.max]);
        put_count(self.tags.len(), out);
        for (key, value) in &self.tags {
            put_text(key, out);
            put_text(value, out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name = input.text("name", NAME_MAX)?;
        let addr = input.addr()?;
        let versions = Versions { min: input.u8()?, max: input.u8()? };
        let count = input.count("tags", TAGS_MAX)?;
        let mut tag = || -> Result<_, Malformed> {
            let key = input.text("tag", TAG_BYTES_MAX)?;
            Ok((key.into(), input.text("tag", TAG_BYTES_MAX)?.into()))
        };
        let tags = (0..count).map(|_| tag()).collect::<Result<_, _>>()?;
        Self::checked(name, addr, tags, versions).map_err(|_| Malformed::Meaningless("profile"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr() -> SocketAddr {
        ([10, 0, 0, 1], 7946).into()
    }

    #[test]
    fn a_profile_reads_back_with_its_tags_in_order() {
        let tags = [("role", "sentry"), ("dc", "fra")];
        let profile = Profile::new("a-1.example", addr(), &tags, Versions::OURS).unwrap();
        assert_eq!(profile.tags().next(), Some(("dc", "fra")));
        let mut out = Vec::new();
        profile.put(&mut out);
        assert_eq!(Profile::take(&mut Reader::new(&out)), Ok(profile));
        for len in 0..out.len() {
            assert!(Profile::take(&mut Reader::new(&out[..len])).is_err(), "{len}");
        }
    }

    #[test]
    fn names_tags_and_versions_are_bounded() {
        let new = |name: &str, tags: &[(&str, &str)]| {
            Profile::new(name, addr(), tags, Versions::OURS).err()
        };
        for name in ["", "a b", "a\n", "ü", &"x".repeat(65)] {
            assert_eq!(new(name, &[]), Some(Invalid::Name), "{name:?}");
        }
        assert_eq!(new(&"x".repeat(64), &[]), None);
        assert_eq!(new("a", &[("k", &"v".repeat(512))]), Some(Invalid::Tags));
        assert_eq!(new("a", &[("k", &"v".repeat(511))]), None);
        assert_eq!(new("a", &[("k", "1"), ("k", "2")]), Some(Invalid::Tags));
        assert_eq!(new("a", &[("", "1")]), Some(Invalid::Tags));
        let keys: Vec<_> = (0..17).map(|key| key.to_string()).collect();
        let tags: Vec<_> = keys.iter().map(|key| (key.as_str(), "")).collect();
        assert_eq!(new("a", &tags), Some(Invalid::Tags));
        let wrong = Versions { min: 2, max: 1 };
        assert_eq!(Profile::new("a", addr(), &[], wrong), Err(Invalid::Versions));
    }
}
