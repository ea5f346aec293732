//! What is fuzzed: a function of bytes for each target. `fuzz_targets/` hands libFuzzer's inputs to them, and
//! `tests/corpora.rs` replays those that were kept, without libFuzzer.

#[cfg(feature = "surface")]
mod links;
mod merkle;
#[cfg(feature = "surface")]
mod surface;
mod tally;

use bytes::{Bytes, BytesMut};
use tidings_protocol::chain::{Chain, Limits, Opened, Rules, Settings, Verdict};
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::params::{OverlayKind, StrategyKind};
use tidings_protocol::testkit::chaos::Chaos;
use tidings_protocol::testkit::fleet::life;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::frame::Reader;
use tidings_protocol::wire::message::Message;

/// Small, so that sizes beyond them are tried often.
const LIMITS: Limits = Limits { max_tx_bytes: 1_000, max_block_bytes: 4_000 };

/// All rules that are built in.
fn all_rules() -> Vec<std::sync::Arc<dyn Chain>> {
    let names = Rules::NAMES.into_iter().filter_map(|name| name.parse::<Rules>().ok());
    names.map(|rules| rules.chain(LIMITS, &Settings::for_tests())).collect()
}

/// Rules that take any bytes.
fn opaque() -> std::sync::Arc<dyn Chain> {
    Rules::Opaque.chain(LIMITS, &Settings::for_tests())
}

/// The decoders of all kinds of message: the first byte is the kind, the rest the body. What can be read is written
/// as it was.
pub fn messages(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    tally::BYTES.add(body.len() as u64);
    let chain = opaque();
    let Ok(message) = codec::decode(*kind, Bytes::copy_from_slice(body), &*chain) else { return };
    if matches!(message, Message::Unknown { .. }) {
        return;
    }
    let (again, rest) = through_frames(&message, &*chain);
    assert_eq!(again.as_ref(), Some(&message), "it isn't read as it was written");
    assert!(rest.is_empty());
}

/// Writes a message and reads it.
fn through_frames(message: &Message, chain: &dyn Chain) -> (Option<Message>, Vec<u8>) {
    let mut out = BytesMut::new();
    codec::encode(message, &mut out);
    let mut input = &out[..];
    let read = Reader::default().read(&mut input, chain);
    (read.expect("it was written by us"), input.to_vec())
}

/// The reader of frames: the first byte says how the stream is cut, and however it is, the same is read.
pub fn frames(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    tally::BYTES.add(2 * stream.len() as u64);
    let chain = opaque();
    let whole = read_in(stream, stream.len(), &*chain);
    let pieces = read_in(stream, 1 + usize::from(*cut), &*chain);
    assert_eq!(whole, pieces, "how a stream is cut decides what is read");
}

/// Everything that a stream in pieces of a length says, as text, up to its first error.
fn read_in(stream: &[u8], len: usize, chain: &dyn Chain) -> (Vec<Message>, Option<String>) {
    let (mut reader, mut read) = (Reader::default(), Vec::new());
    for mut piece in stream.chunks(len.max(1)) {
        loop {
            match reader.read(&mut piece, chain) {
                Ok(Some(message)) => read.push(message),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.held_bytes(), 0, "a reader that failed holds something");
                    return (read, Some(error.to_string()));
                }
            }
        }
    }
    (read, None)
}

/// The rules of all chains, on any bytes: they don't panic, and what they say of an item agrees with itself.
pub fn chains(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    tally::BYTES.add(rest.len() as u64);
    let kind = if first % 2 == 0 { ItemKind::Tx } else { ItemKind::Block };
    for chain in all_rules() {
        let Ok(item) = chain.item(kind, Bytes::copy_from_slice(rest)) else {
            assert_eq!(kind, ItemKind::Block, "any bytes are a transaction");
            continue;
        };
        assert_eq!(chain.item(kind, item.bytes().clone()).expect("it was named").id(), item.id());
        let Ok(inspection) = chain.inspect(&item) else { continue };
        let verdict = chain.verify(&item);
        let batch = chain.verify_batch(&[item.clone(), item.clone()]);
        assert!(batch.iter().all(|each| each.is_ok() == verdict.is_ok()), "batches decide");
        if kind == ItemKind::Block {
            opens(&*chain, &item, &verdict);
        }
        assert!(inspection.vbytes(&item) <= item.size().max(1));
    }
}

/// What is said of a block that is taken apart is what is said of it as a whole.
fn opens(chain: &dyn Chain, block: &Item, verdict: &Verdict) {
    let returns = chain.disconnect(block).returns.len();
    let judged = match chain.open(block) {
        None => return,
        Some(Err(rejection)) => Err(rejection),
        Some(Ok(Opened { parts, confirms })) => {
            assert!(returns <= confirms.len(), "more leaves a block than joined by it");
            let verdicts = chain.verify_batch(&parts).into_iter();
            verdicts.collect::<Result<Vec<_>, _>>().map(|_| confirms)
        }
    };
    assert_eq!(verdict.as_ref().map(|verified| &verified.confirms), judged.as_ref());
}

/// The life of a node: the first byte is its strategy and its overlay.
pub fn node(bytes: &[u8]) {
    let Some((first, script)) = bytes.split_first() else { return };
    let strategies = StrategyKind::ALL;
    let (many, strategy) =
        (usize::from(*first) / strategies.len(), usize::from(*first) % strategies.len());
    let overlay = if many % 4 == 3 { OverlayKind::Hyparview } else { OverlayKind::Random };
    let mut chaos = Chaos::over(overlay, strategies[strategy]);
    tally::OPERATIONS.add(chaos.run(script));
    chaos.finish();
}

/// What a peer says of its map, and what comes of it.
pub fn merkle(bytes: &[u8]) {
    tally::BYTES.add(bytes.len() as u64);
    merkle::merkle(bytes);
}

/// The life of a replica, and its peers' decoder: the first byte says what data it keeps.
pub fn replica(bytes: &[u8]) {
    tally::OPERATIONS.add(life::run(bytes));
}

/// A client's connection to the admin API.
#[cfg(feature = "surface")]
pub fn http(bytes: &[u8]) {
    tally::BYTES.add(bytes.len() as u64);
    surface::http(bytes);
}

/// A file of the operator's.
#[cfg(feature = "surface")]
pub fn files(bytes: &[u8]) {
    tally::BYTES.add(bytes.len() as u64);
    surface::files(bytes);
}

/// A stranger's connection.
#[cfg(feature = "surface")]
pub fn links(bytes: &[u8]) {
    tally::FRAMES.add(links::links(bytes));
}
