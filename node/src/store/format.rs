//! What is in the file: tables, records, and the version of both.

use redb::TableDefinition;
use tidings_protocol::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};

/// Version of the tables and records below. A change that an older program can't read raises it.
pub(super) const FORMAT: u64 = 1;

/// What the file is: [`KEY_FORMAT`] and [`KEY_NETWORK`].
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// [`FORMAT`], little-endian.
pub(super) const KEY_FORMAT: &str = "format";
/// Name of the network.
pub(super) const KEY_NETWORK: &str = "network";

/// Items by number, in the order of their arrival: pooled transactions, and blocks submitted here.
pub(super) const ITEMS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("items");
/// Numbers of the transactions that were submitted here and that no peer has asked for.
pub(super) const UNBROADCAST: TableDefinition<'_, u64, ()> = TableDefinition::new("unbroadcast");
/// Transactions whose parents are missing, as [`ITEMS`]; no number is in both. The first programs of this format
/// left it empty, and don't read it.
pub(super) const ORPHANS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("orphans");

/// Bytes of a record before the item's own: kind, time, id.
const HEAD_LEN: usize = 1 + 8 + HASH_LEN;

/// An item as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// What it is: 0 a transaction, 1 a block.
    pub(super) kind: ItemKind,
    /// When it came, seconds of Unix time; little-endian.
    pub(super) unix_s: u64,
    /// Its id, so that an index can be made without its rules.
    pub(super) id: ItemId,
    /// Its canonical bytes.
    pub(super) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record of an item that came at a moment.
    pub(super) fn encode(item: &Item, unix_s: u64) -> Vec<u8> {
        let mut record = Vec::with_capacity(HEAD_LEN + item.size());
        record.push(match item.kind() {
            ItemKind::Tx => 0,
            ItemKind::Block => 1,
        });
        record.extend(unix_s.to_le_bytes());
        record.extend(item.id().hash().0);
        record.extend(item.bytes().iter());
        record
    }

    /// A record from its bytes; `None` if they are none.
    pub(super) fn decode(record: &'a [u8]) -> Option<Self> {
        let (kind, rest) = record.split_first()?;
        let kind = match kind {
            0 => ItemKind::Tx,
            1 => ItemKind::Block,
            _ => return None,
        };
        let (unix_s, rest) = rest.split_first_chunk()?;
        let (id, bytes) = rest.split_first_chunk()?;
        Some(Self {
            kind,
            unix_s: u64::from_le_bytes(*unix_s),
            id: ItemId::new(kind, Hash256(*id)),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::chain::Chain as _;
    use tidings_protocol::chain::opaque::Opaque;

    #[test]
    fn a_record_is_what_it_was_made_of() {
        for (kind, tag) in [(ItemKind::Tx, 0), (ItemKind::Block, 1)] {
            let item = Opaque::default().item(kind, vec![7; 90].into()).unwrap();
            let record = Record::encode(&item, 0x0102);
            // The layout is a promise to files that exist.
            assert_eq!((record.len(), &record[..3]), (HEAD_LEN + 90, &[tag, 2, 1][..]));
            let decoded = Record::decode(&record).unwrap();
            assert_eq!(decoded, Record { kind, unix_s: 0x0102, id: item.id(), bytes: &[7; 90] });
        }
    }

    #[test]
    fn what_is_no_record_is_none() {
        assert_eq!(Record::decode(&[]), None);
        assert_eq!(Record::decode(&[0; HEAD_LEN - 1]), None);
        assert_eq!(Record::decode(&[2; HEAD_LEN + 1]), None);
    }
}
