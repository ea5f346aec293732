//! What a shaped connection begins with, one way and the other: four bytes that tell where the sender is.

use std::error::Error;
use std::io;

use crate::links::{NodeType, Place, Position, Region};

/// Its length, bytes.
pub(crate) const LEN: usize = 4;

/// Its first byte: one that begins neither a libp2p nor a TLS connection.
pub(crate) const MAGIC: u8 = 0xD7;

/// Its second byte, if a region and a type of node follow, a byte each.
const PLACE: u8 = 1;

/// The same, if a node's number follows, big-endian.
const NUMBER: u8 = 2;

/// Where a peer says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Place(Region, NodeType),
    Number(u16),
}

/// One end of a connection is shaped, and the other isn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the peer's links are of another model: links.model must be the same on all nodes of a network"
)]
struct OtherLinks;

/// What has it behind it: layers above hand on what is behind an error, and drop the error itself.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
struct Behind(#[source] OtherLinks);

/// The error of a connection of which one end is shaped, and the other isn't.
pub(crate) fn other_links() -> io::Error {
    io::Error::other(Behind(OtherLinks))
}

/// Whether that is behind an error.
pub(crate) fn is_other_links(error: &io::Error) -> bool {
    let mut at: Option<&(dyn Error + 'static)> = error.get_ref().map(|error| error as _);
    while let Some(error) = at {
        if error.is::<OtherLinks>() {
            return true;
        }
        // What an error of the system wraps isn't what it says is behind it.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        at = inner.map_or_else(|| error.source(), |inner| Some(inner as _));
    }
    false
}

/// The error of a connection with a peer who is where we know nothing of.
pub(super) fn nowhere() -> io::Error {
    io::Error::other("the peer says that it is in no place that we know")
}

/// That of a node at a position.
pub(super) const fn of(position: &Position) -> [u8; LEN] {
    match position {
        Position::Place(Place { region, node_type, .. }) => {
            [MAGIC, PLACE, *region as u8, *node_type as u8]
        }
        Position::Row(row) => {
            let [high, low] = row.number.to_be_bytes();
            [MAGIC, NUMBER, high, low]
        }
    }
}

/// Where the peer is.
///
/// # Errors
/// When the peer isn't shaped ([`is_other_links`]), or is nowhere that we know.
pub(super) fn read(told: [u8; LEN]) -> io::Result<Peer> {
    match told {
        [MAGIC, PLACE, region, node_type] => {
            let place = (Region::from_number(region), NodeType::from_number(node_type));
            let (Some(region), Some(node_type)) = place else { return Err(nowhere()) };
            Ok(Peer::Place(region, node_type))
        }
        [MAGIC, NUMBER, high, low] => Ok(Peer::Number(u16::from_be_bytes([high, low]))),
        _ => Err(other_links()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_what_begins_otherwise_is_of_another_model() {
        let place = Place { region: Region::Europe, node_type: NodeType::Fullnode, seed: 1 };
        let told = of(&Position::Place(place));
        assert_eq!(read(told).unwrap(), Peer::Place(Region::Europe, NodeType::Fullnode));
        assert_eq!(read([MAGIC, NUMBER, 1, 2]).unwrap(), Peer::Number(258));
        let error = read(*b"\x13/mu").unwrap_err();
        assert!(is_other_links(&error), "{error}");
        let handed_on = io::Error::other(io::Error::other(error));
        assert!(is_other_links(&handed_on), "{handed_on}");
        let error = read([MAGIC, PLACE, 0xff, 0]).unwrap_err();
        assert!(!is_other_links(&error), "{error}");
    }
}
