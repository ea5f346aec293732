//! What a line of a trace says, and how: `unix_us,event,kind,id,bytes,ingress`, which is also its first line, for
//! instance `1732180000123456,accepted,tx,<64 hex>,300,4.1`.
//!
//! The ingress is the link that the item came by, `-` if it was submitted here; the bytes of rejected items are
//! given as 0, and so are those of items that a restarted node has from before (`restored`). Who is at the other end of a link is told when it comes up: `unix_us,linked,peer,<peer id>,,4.1`. Where
//! lines had to be left out, `unix_us,dropped,,,<count>,` tells how many.

use std::io::Write as _;

use data_encoding::HEXLOWER;
use libp2p::PeerId;
use tidings_protocol::ground::item::{HASH_LEN, Hash256, ItemId, ItemKind};
use tidings_protocol::ground::link::Link;

/// The first line of a trace: the names of its columns.
pub const HEADER: &str = "unix_us,event,kind,id,bytes,ingress";

/// Bytes that are written at once at most, so that one read of as many usually gets all.
pub const BUFFER_LEN: usize = 64 << 10;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// An item passed the rules, for the first time.
    Accepted(Entry),
    /// An item broke one.
    Rejected(Entry),
    /// A node that started again has an item from before. Its size isn't told.
    Restored(Entry),
    /// A link came up.
    Linked {
        /// When, microseconds of Unix time.
        unix_us: u64,
        /// Its name.
        link: Link,
        /// Who is at its other end.
        peer: PeerId,
    },
    /// Lines had to be left out.
    Dropped {
        /// When that could be told, microseconds of Unix time.
        unix_us: u64,
        /// How many.
        count: u64,
    },
}

/// An item and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, microseconds of Unix time.
    pub unix_us: u64,
    /// Which item.
    pub id: ItemId,
    /// Its size; 0 if it isn't told.
    pub bytes: u32,
    /// The link it came by.
    pub ingress: Option<Link>,
}

/// A line that isn't one of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine;

impl Line {
    /// When it was, microseconds of Unix time.
    #[must_use]
    pub const fn unix_us(&self) -> u64 {
        match self {
            Self::Accepted(entry) | Self::Rejected(entry) | Self::Restored(entry) => entry.unix_us,
            Self::Linked { unix_us, .. } | Self::Dropped { unix_us, .. } => *unix_us,
        }
    }

    /// Appends the line, with its end.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Accepted(entry) => entry.put("accepted", out),
            Self::Rejected(entry) => entry.put("rejected", out),
            Self::Restored(entry) => entry.put("restored", out),
            Self::Linked { unix_us, link, peer } => {
                put(out, format_args!("{unix_us},linked,peer,{peer},,{link}\n"));
            }
            Self::Dropped { unix_us, count } => {
                put(out, format_args!("{unix_us},dropped,,,{count},\n"));
            }
        }
    }

    /// Reads a line without its end.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(line: &[u8]) -> Result<Self, BadLine> {
        let mut fields = line.split(|byte| *byte == b',');
        let mut field = || fields.next().ok_or(BadLine);
        let (unix_us, event) = (number(field()?)?, field()?);
        let (kind, id, bytes, ingress) = (field()?, field()?, field()?, field()?);
        let entry = || {
            Ok(Entry {
                unix_us,
                id: ItemId::new(item_kind(kind)?, item_hash(id)?),
                bytes: number(bytes)?,
                ingress: link(ingress)?,
            })
        };
        match event {
            b"accepted" => entry().map(Self::Accepted),
            b"rejected" => entry().map(Self::Rejected),
            b"restored" => entry().map(Self::Restored),
            b"linked" => Ok(Self::Linked {
                unix_us,
                link: link(ingress)?.ok_or(BadLine)?,
                peer: text(id)?.parse().map_err(|_| BadLine)?,
            }),
            b"dropped" => Ok(Self::Dropped { unix_us, count: number(bytes)? }),
            _ => Err(BadLine),
        }
    }
}

impl Entry {
    fn put(&self, event: &str, out: &mut Vec<u8>) {
        put(out, format_args!("{},{event},{},", self.unix_us, self.id.kind()));
        let mut digits = [0; 2 * HASH_LEN];
        HEXLOWER.encode_mut(&self.id.hash().0, &mut digits);
        out.extend(digits);
        put(out, format_args!(",{},", self.bytes));
        match self.ingress {
            Some(link) => put(out, format_args!("{link}\n")),
            None => out.extend_from_slice(b"-\n"),
        }
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes what it is given");
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Result<T, BadLine> {
    text(digits)?.parse().map_err(|_| BadLine)
}

fn text(bytes: &[u8]) -> Result<&str, BadLine> {
    std::str::from_utf8(bytes).map_err(|_| BadLine)
}

const fn item_kind(name: &[u8]) -> Result<ItemKind, BadLine> {
    match name {
        b"tx" => Ok(ItemKind::Tx),
        b"block" => Ok(ItemKind::Block),
        _ => Err(BadLine),
    }
}

fn item_hash(digits: &[u8]) -> Result<Hash256, BadLine> {
    let mut id = [0; HASH_LEN];
    if digits.len() != 2 * HASH_LEN || HEXLOWER.decode_mut(digits, &mut id).is_err() {
        return Err(BadLine);
    }
    Ok(Hash256(id))
}

fn link(name: &[u8]) -> Result<Option<Link>, BadLine> {
    if name == b"-" {
        return Ok(None);
    }
    let point = name.iter().position(|byte| *byte == b'.').ok_or(BadLine)?;
    Ok(Some(Link::new(number(&name[..point])?, number(&name[point + 1..])?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let (id, peer) = (Hash256::of(b"x"), PeerId::random());
        let (unix_us, ingress) = (1_732_180_000_123_456, Some(Link::new(4, 1)));
        let tx = Entry { unix_us, id: ItemId::tx(id), bytes: 300, ingress };
        let block = Entry { unix_us: 1, id: ItemId::block(id), bytes: 0, ingress: None };
        for (line, text) in [
            (Line::Accepted(tx), format!("1732180000123456,accepted,tx,{id},300,4.1\n")),
            (Line::Rejected(block), format!("1,rejected,block,{id},0,-\n")),
            (Line::Restored(block), format!("1,restored,block,{id},0,-\n")),
            (
                Line::Linked { unix_us: 1, link: Link::new(4, 1), peer },
                format!("1,linked,peer,{peer},,4.1\n"),
            ),
            (Line::Dropped { unix_us: 1, count: 17 }, "1,dropped,,,17,\n".to_owned()),
        ] {
            let mut written = Vec::new();
            line.put(&mut written);
            assert_eq!(std::str::from_utf8(&written), Ok(text.as_str()));
            assert_eq!(Line::parse(text.trim_end().as_bytes()), Ok(line));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let id = "0".repeat(64);
        for bad in [
            "",
            "x",
            "1,accepted,tx,,300,-",
            "1,dropped,,,x,",
            &format!("x,accepted,tx,{id},300,-"),
            &format!("1,excepted,tx,{id},300,-"),
            &format!("1,accepted,tx,{id}0,300,-"),
            &format!("1,accepted,tx,{},300,-", "G".repeat(64)),
            &format!("1,accepted,ty,{id},300,-"),
            &format!("1,accepted,tx,{id},-1,-"),
            &format!("1,accepted,tx,{id},300,4"),
            &format!("1,accepted,tx,{id},300"),
            "1,linked,peer,nobody,,4.1",
            &format!("1,linked,peer,{},,-", PeerId::random()),
        ] {
            assert_eq!(Line::parse(bad.as_bytes()), Err(BadLine), "{bad}");
        }
    }
}
