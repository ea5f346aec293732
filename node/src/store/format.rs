//! What is in the file: tables, records, and the version of both.

use redb::TableDefinition;
use tidings_protocol::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};

/// Version of the tables and records below. A change that an older program can't read raises it.
pub(super) const FORMAT: u64 = 2;

/// What the file is: [`KEY_FORMAT`], [`KEY_NETWORK`], [`KEY_RULES`] and [`KEY_TIME`].
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// [`FORMAT`], little-endian.
pub(super) const KEY_FORMAT: &str = "format";
/// Name of the network.
pub(super) const KEY_NETWORK: &str = "network";
/// What the network's file said about which items are valid, as text; stores of earlier versions don't have it.
pub(super) const KEY_RULES: &str = "rules";
/// How late it is: [`Times`].
pub(super) const KEY_TIME: &str = "time";

/// Items by number, in the order of their arrival: pooled transactions, and blocks submitted here.
pub(super) const ITEMS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("items");
/// Numbers of the transactions that were submitted here and that no peer has asked for.
pub(super) const UNBROADCAST: TableDefinition<'_, u64, ()> = TableDefinition::new("unbroadcast");
/// Transactions whose parents are missing, as [`ITEMS`]; no number is in both.
pub(super) const ORPHANS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("orphans");

/// The format whose records have Unix time, of a clock that may have been wrong.
pub(super) const FIRST_FORMAT: u64 = 1;

/// Two times, saved together with whatever changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// The store's own: for how many seconds processes have had it open; little-endian, as the other.
    pub(super) held_s: u64,
    /// What the system's clock showed, seconds of Unix time; 0 if nobody looked.
    pub(super) unix_s: u64,
}

impl Times {
    /// As they are stored.
    pub(super) fn encode(self) -> [u8; 16] {
        (u128::from(self.held_s) | u128::from(self.unix_s) << 64).to_le_bytes()
    }

    /// Times from their bytes; `None` if they are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (held_s, unix_s) = bytes.split_first_chunk()?;
        let unix_s = unix_s.try_into().ok()?;
        Some(Self { held_s: u64::from_le_bytes(*held_s), unix_s: u64::from_le_bytes(unix_s) })
    }
}

/// Bytes of a record before the item's own: kind, time, id.
const HEAD_LEN: usize = 1 + 8 + HASH_LEN;

/// An item as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// What it is: 0 a transaction, 1 a block.
    pub(super) kind: ItemKind,
    /// When it came, seconds of the store's time; little-endian. In [format 1](FIRST_FORMAT) it was Unix time.
    pub(super) at_s: u64,
    /// Its id, so that an index can be made without its rules.
    pub(super) id: ItemId,
    /// Its canonical bytes.
    pub(super) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record of an item that came at a moment of the store's time.
    pub(super) fn encode(item: &Item, at_s: u64) -> Vec<u8> {
        let mut record = Vec::with_capacity(HEAD_LEN + item.size());
        record.push(match item.kind() {
            ItemKind::Tx => 0,
            ItemKind::Block => 1,
        });
        record.extend(at_s.to_le_bytes());
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
        let (at_s, rest) = rest.split_first_chunk()?;
        let (id, bytes) = rest.split_first_chunk()?;
        let (at_s, id) = (u64::from_le_bytes(*at_s), ItemId::new(kind, Hash256(*id)));
        Some(Self { kind, at_s, id, bytes })
    }

    /// Says of a record that its item came when the store's time began.
    pub(super) fn rejuvenate(record: &mut [u8]) {
        if let Some(at_s) = record.get_mut(1..=8) {
            at_s.fill(0);
        }
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
            assert_eq!(decoded, Record { kind, at_s: 0x0102, id: item.id(), bytes: &[7; 90] });
        }
    }

    #[test]
    fn times_are_what_they_were_made_of() {
        let times = Times { held_s: 0x0102, unix_s: 7 };
        assert_eq!(times.encode()[..9], [2, 1, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(Times::decode(&times.encode()), Some(times));
        assert_eq!(Times::decode(&[0; 15]), None);
    }

    #[test]
    fn what_is_no_record_is_none() {
        assert_eq!(Record::decode(&[]), None);
        assert_eq!(Record::decode(&[0; HEAD_LEN - 1]), None);
        assert_eq!(Record::decode(&[2; HEAD_LEN + 1]), None);
    }
}
