//! What bytes are under a network's rules: their id, whether they keep the rules, and what they say.
//!
//! All that the bytes alone tell, without a node. Verifying a full block takes as long as a node's threads take for it: who has
//! something else to do doesn't do it here.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use tidings_protocol::chain::tidings::{Block, Header, Transfer};
use tidings_protocol::chain::{Chain, Inspection, Rejection, Rules};
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};

use crate::api::chain::{Decoded, IDS_MAX};

/// Reads bytes as an item of a kind.
#[must_use]
pub fn decode(chain: &dyn Chain, kind: ItemKind, bytes: &Bytes) -> Decoded {
    let mut decoded = Decoded {
        kind,
        id: None,
        bytes: bytes.len(),
        valid: false,
        rule: None,
        fields: fields(chain, kind, bytes),
    };
    if bytes.len() > chain.max_size(kind) {
        decoded.rule = Some("too-large".to_owned());
        return decoded;
    }
    match chain.item(kind, bytes.clone()) {
        Ok(item) => {
            decoded.id = Some(item.id().hash());
            decoded.rule = check(chain, &item, &mut decoded.fields).err().map(rule);
        }
        Err(rejection) => decoded.rule = Some(rule(rejection)),
    }
    decoded.valid = decoded.rule.is_none();
    decoded
}

/// Reads bytes as what they are: as a transaction and as a block, and of these what is valid. If both are, or none, both.
#[must_use]
pub fn guess(chain: &dyn Chain, bytes: &Bytes) -> Vec<Decoded> {
    let both = [ItemKind::Tx, ItemKind::Block].map(|kind| decode(chain, kind, bytes));
    match both.iter().filter(|decoded| decoded.valid).count() {
        1 => both.into_iter().filter(|decoded| decoded.valid).collect(),
        _ => both.into(),
    }
}

/// The ids of a block's transactions: as many as are told at once, and how many there are. Nothing where the rules don't look into
/// blocks.
#[must_use]
pub fn transactions(chain: &dyn Chain, block: &Item) -> Option<(Vec<Hash256>, usize)> {
    let all = chain.split(block)?.transactions;
    Some((all.iter().take(IDS_MAX).map(|item| item.id().hash()).collect(), all.len()))
}

/// How many transactions a block has; none where the rules don't look into blocks.
#[must_use]
pub fn count(chain: &dyn Chain, block: &Item) -> Option<usize> {
    if chain.name() == Rules::Tidings.name() {
        // Without naming each of them.
        return Block::parse(block.bytes()).ok().map(|block| block.transactions.len());
    }
    chain.split(block).map(|split| split.transactions.len())
}

fn rule(rejection: Rejection) -> String {
    rejection.rule.to_owned()
}

fn check(
    chain: &dyn Chain,
    item: &Arc<Item>,
    fields: &mut Map<String, Value>,
) -> Result<(), Rejection> {
    let inspection = chain.inspect(item)?;
    let needs_verification = inspection.needs_verification;
    describe(&inspection, item, fields);
    if needs_verification {
        chain.verify(item)?;
    }
    Ok(())
}

/// What all rules tell.
fn describe(inspection: &Inspection, item: &Item, fields: &mut Map<String, Value>) {
    let Inspection { spends, creates, parents, weight, .. } = inspection;
    let mut put = |name: &str, value: Value| {
        fields.entry(name).or_insert(value);
    };
    if item.kind() == ItemKind::Tx {
        if !spends.is_empty() {
            put("spends", json!(spends.len()));
        }
        if *creates > 0 {
            put("creates", json!(creates));
        }
        if !parents.is_empty() {
            let parents: Vec<_> =
                parents.iter().take(IDS_MAX).map(|id| id.hash().to_string()).collect();
            put("parents", json!(parents));
        }
    } else if let [parent] = parents[..] {
        put("parent", json!(parent.hash()));
    }
    if let Some(weight) = weight {
        put("weight", json!(weight.0));
    }
}

/// What these bytes say under the rules that we know more of.
fn fields(chain: &dyn Chain, kind: ItemKind, bytes: &Bytes) -> Map<String, Value> {
    let mut fields = Map::new();
    if chain.name() == Rules::Tidings.name() {
        match kind {
            ItemKind::Tx => transfer(bytes, &mut fields),
            ItemKind::Block => block(bytes, &mut fields),
        }
    } else if kind == ItemKind::Block
        && let Ok(header) = chain.header(bytes)
    {
        fields.insert("parent".to_owned(), json!(header.parent));
        fields.insert("time_s".to_owned(), json!(header.time_s));
    }
    fields
}

fn transfer(bytes: &[u8], fields: &mut Map<String, Value>) {
    let Ok(transfer) = Transfer::parse(bytes) else { return };
    let Transfer { genesis, sender, nonce, fee, payload, .. } = transfer;
    fields.insert("genesis".to_owned(), json!(genesis));
    fields.insert("sender".to_owned(), json!(HEXLOWER.encode(&sender)));
    fields.insert("nonce".to_owned(), json!(nonce));
    fields.insert("fee".to_owned(), json!(fee));
    fields.insert("payload_bytes".to_owned(), json!(payload.len()));
    if let Ok(text) = std::str::from_utf8(payload)
        && !text.is_empty()
        && text.chars().all(crate::printable::is_plain)
    {
        fields.insert("payload".to_owned(), json!(text));
    }
}

fn block(bytes: &Bytes, fields: &mut Map<String, Value>) {
    let Ok(Header { parent, root, time, bits, nonce }) = Header::parse(bytes) else { return };
    fields.insert("parent".to_owned(), json!(parent));
    fields.insert("root".to_owned(), json!(root));
    fields.insert("time_s".to_owned(), json!(time));
    fields.insert("bits".to_owned(), json!(bits));
    fields.insert("nonce".to_owned(), json!(nonce));
    if let Ok(block) = Block::parse(bytes) {
        fields.insert("transactions".to_owned(), json!(block.transactions.len()));
    }
}

#[cfg(test)]
mod tests {
    use ed25519_zebra::SigningKey;
    use tidings_protocol::chain::opaque::Opaque;
    use tidings_protocol::chain::tidings::Tidings;

    use super::*;

    const GENESIS: Hash256 = Hash256([7; 32]);

    fn transfer() -> Bytes {
        Transfer::sign(&SigningKey::from([1; 32]), GENESIS, 3, 5, b"hello")
    }

    #[test]
    fn a_transfer_and_a_block_are_told_apart_and_say_what_is_in_them() {
        let chain = Tidings::new(GENESIS, 4);
        let [decoded] = &guess(&chain, &transfer())[..] else {
            panic!("it is a transaction alone")
        };
        assert_eq!(
            (decoded.kind, decoded.valid, decoded.rule.as_deref()),
            (ItemKind::Tx, true, None)
        );
        let fields = &decoded.fields;
        assert_eq!((&fields["nonce"], &fields["fee"]), (&json!(3), &json!(5)));
        assert_eq!((&fields["payload"], &fields["spends"]), (&json!("hello"), &json!(1)));

        // The first block's parent stands where a transfer names its network.
        let mined = Block::mine(GENESIS, &[transfer()], 9, 4).unwrap();
        let [decoded] = &guess(&chain, &mined)[..] else { panic!("it is a block alone") };
        assert_eq!((decoded.kind, decoded.valid), (ItemKind::Block, true));
        let fields = &decoded.fields;
        assert_eq!((&fields["transactions"], &fields["time_s"]), (&json!(1), &json!(9)));
        assert_eq!(fields["parent"], json!(GENESIS));
        let item = chain.item(ItemKind::Block, mined).unwrap();
        let (ids, count) = transactions(&chain, &item).unwrap();
        assert_eq!((ids, count), (vec![Hash256::of(&transfer())], 1));
    }

    #[test]
    fn what_breaks_a_rule_says_which_and_what_may_be_either_is_told_as_both() {
        let chain = Tidings::new(GENESIS, 4);
        let mut forged = transfer().to_vec();
        forged[130] ^= 1;
        let decoded = decode(&chain, ItemKind::Tx, &forged.into());
        assert!(!decoded.valid && decoded.rule.is_some() && decoded.id.is_some());
        let both = guess(&chain, &Bytes::from_static(&[1, 2, 3]));
        let rules: Vec<_> = both.iter().map(|decoded| decoded.rule.as_deref()).collect();
        assert_eq!(rules, [Some("truncated"), Some("truncated")]);
        assert!(both.iter().all(|decoded| decoded.fields.is_empty()));
        let chain = Opaque { max_tx_bytes: 2, max_block_bytes: 9 };
        let both = guess(&chain, &Bytes::from_static(&[1, 2]));
        assert!(both.len() == 2 && both.iter().all(|decoded| decoded.valid), "{both:?}");
        let [block] = &guess(&chain, &Bytes::from_static(&[1, 2, 3]))[..] else {
            panic!("{both:?}")
        };
        assert_eq!(block.kind, ItemKind::Block);
    }
}
