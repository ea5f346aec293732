//! What inputs are made of, as bytes: verdicts, errors, what was read of blocks, writes, books, bans.

use std::sync::{Mutex, PoisonError};

use bytes::{BufMut as _, BytesMut};
use tidings_protocol::chain::{Blame, Chain, Confirmed, ConflictKey, Disconnected};
use tidings_protocol::chain::{Rejection, Rival, Verified};
use tidings_protocol::ground::item::HASH_LEN;
use tidings_protocol::ground::peer::{AddressRecord, BookRecord, BookSecret, PeerKey, Source};
use tidings_protocol::ground::subnet::{Banned, Subnet};
use tidings_protocol::machine::Loaded;
use tidings_protocol::replica::{Key, Kind, Write};
use tidings_protocol::wire::error::{DecodeError, Field, PartFault};

use super::bytes::{
    Cursor, Malformed, put_addr, put_addrs, put_bytes, put_id, put_ip, put_item, put_len,
    put_number, put_option,
};

/// Most names of rules that a process remembers from captures, and the longest. The rules that are shipped have some fifty, none
/// longer than 30 bytes.
const RULES_MAX: usize = 1_024;
const RULE_LEN_MAX: usize = 128;

const BLAMES: [Blame; 3] = [Blame::Nobody, Blame::Peer, Blame::Mutated];
const FIELDS: [Field; 6] =
    [Field::Address, Field::Choice, Field::Headers, Field::ItemKind, Field::Parts, Field::Span];
const PART_FAULTS: [PartFault; 6] = [
    PartFault::Head,
    PartFault::Interrupts,
    PartFault::Length,
    PartFault::NotDivisible,
    PartFault::Orphan,
    PartFault::WrongClass,
];

/// The place of a choice in its list.
pub(super) fn place<T: PartialEq>(of: &[T], one: &T) -> u8 {
    let place = of.iter().position(|other| other == one).and_then(|place| u8::try_from(place).ok());
    place.unwrap_or(u8::MAX) // read as something that means nothing
}

pub(super) fn put_rejection(rejection: &Rejection, out: &mut BytesMut) {
    put_bytes(rejection.rule.as_bytes(), out);
    out.put_u8(place(&BLAMES, &rejection.blame));
    out.put_u8(u8::from(rejection.rival.is_some()));
    if let Some(Rival { id, least_fee }) = rejection.rival {
        put_id(id, out);
        put_option(least_fee, out);
    }
}

pub(super) fn take_rejection(from: &mut Cursor<'_>) -> Result<Rejection, Malformed> {
    let rule = rule(from.bytes()?)?;
    let blame = from.choice(&BLAMES, "a blame")?;
    let rival = match from.truth()? {
        true => Some(Rival { id: from.id()?, least_fee: from.option()? }),
        false => None,
    };
    Ok(Rejection { rule, blame, rival })
}

/// The name of a rule, for as long as the process lives: rules name theirs in their code. Bounded by [`RULES_MAX`].
fn rule(name: &[u8]) -> Result<&'static str, Malformed> {
    static RULES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let name = std::str::from_utf8(name).map_err(|_| Malformed("a rule's name"))?;
    let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = rules.iter().find(|known| **known == name) {
        return Ok(known);
    }
    if rules.len() == RULES_MAX || name.len() > RULE_LEN_MAX {
        return Err(Malformed("a rule's name"));
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    rules.push(kept);
    Ok(kept)
}

pub(super) fn put_error(error: &DecodeError, out: &mut BytesMut) {
    let (number, a, b) = match *error {
        DecodeError::Empty => (0, 0, 0),
        DecodeError::Varint => (1, 0, 0),
        DecodeError::TooLong { len, max } => (2, len, max),
        DecodeError::TooMany { count, max } => (3, count, max),
        DecodeError::Truncated => (4, 0, 0),
        DecodeError::TrailingBytes => (5, 0, 0),
        DecodeError::BadValue(field) => (6, place(&FIELDS, &field).into(), 0),
        DecodeError::BadItem(_) => (7, 0, 0),
        DecodeError::BadPart(fault) => (8, place(&PART_FAULTS, &fault).into(), 0),
    };
    out.put_u8(number);
    put_len(a, out);
    put_len(b, out);
    if let DecodeError::BadItem(rejection) = error {
        put_rejection(rejection, out);
    }
}

pub(super) fn take_error(from: &mut Cursor<'_>) -> Result<DecodeError, Malformed> {
    let (number, a, b) = (from.byte()?, from.narrow()?, from.narrow()?);
    let unknown = Malformed("what was wrong with bytes");
    Ok(match number {
        0 => DecodeError::Empty,
        1 => DecodeError::Varint,
        2 => DecodeError::TooLong { len: a, max: b },
        3 => DecodeError::TooMany { count: a, max: b },
        4 => DecodeError::Truncated,
        5 => DecodeError::TrailingBytes,
        6 => DecodeError::BadValue(*FIELDS.get(a).ok_or(unknown)?),
        7 => DecodeError::BadItem(take_rejection(from)?),
        8 => DecodeError::BadPart(*PART_FAULTS.get(a).ok_or(unknown)?),
        _ => return Err(unknown),
    })
}

fn put_confirms(confirms: &[Confirmed], out: &mut BytesMut) {
    put_len(confirms.len(), out);
    for Confirmed { id, referred, spends } in confirms {
        put_id(*id, out);
        out.put_u8(u8::from(referred.is_some()));
        if let Some(referred) = referred {
            put_id(*referred, out);
        }
        put_keys(spends, out);
    }
}

fn take_confirms(from: &mut Cursor<'_>) -> Result<Vec<Confirmed>, Malformed> {
    let count = from.count()?;
    let mut confirms = Vec::new();
    for _ in 0..count {
        let id = from.id()?;
        let referred = if from.truth()? { Some(from.id()?) } else { None };
        confirms.push(Confirmed { id, referred, spends: take_keys(from)? });
    }
    Ok(confirms)
}

fn put_keys(keys: &[ConflictKey], out: &mut BytesMut) {
    put_len(keys.len(), out);
    keys.iter().for_each(|key| out.put_slice(&key.0));
}

fn take_keys(from: &mut Cursor<'_>) -> Result<Vec<ConflictKey>, Malformed> {
    let count = from.count()?;
    let (keys, _) = from.take(count.saturating_mul(HASH_LEN))?.as_chunks::<HASH_LEN>();
    Ok(keys.iter().copied().map(ConflictKey).collect())
}

pub(super) fn put_verified(verified: &Verified, out: &mut BytesMut) {
    put_option(verified.fee, out);
    put_confirms(&verified.confirms, out);
}

pub(super) fn take_verified(from: &mut Cursor<'_>) -> Result<Verified, Malformed> {
    Ok(Verified { fee: from.option()?, confirms: take_confirms(from)? })
}

pub(super) fn put_loaded(loaded: Option<&Loaded>, out: &mut BytesMut) {
    match loaded {
        None => out.put_u8(0),
        Some(Loaded::Block(block)) => {
            out.put_u8(1);
            put_item(block, out);
        }
        Some(Loaded::Confirms(confirms)) => {
            out.put_u8(2);
            put_confirms(confirms, out);
        }
        Some(Loaded::Returns(Disconnected { returns, void })) => {
            out.put_u8(3);
            put_len(returns.len(), out);
            returns.iter().for_each(|item| put_item(item, out));
            put_keys(void, out);
        }
    }
}

pub(super) fn take_loaded(
    from: &mut Cursor<'_>,
    chain: &dyn Chain,
) -> Result<Option<Loaded>, Malformed> {
    Ok(Some(match from.byte()? {
        0 => return Ok(None),
        1 => Loaded::Block(from.item(chain)?),
        2 => Loaded::Confirms(take_confirms(from)?),
        3 => {
            let count = from.count()?;
            let returns = (0..count).map(|_| from.item(chain)).collect::<Result<_, _>>()?;
            Loaded::Returns(Disconnected { returns, void: take_keys(from)? })
        }
        _ => return Err(Malformed("what was read of a block")),
    }))
}

pub(super) fn put_write(write: &Write, out: &mut BytesMut) {
    let (number, parts): (u8, [&[u8]; 2]) = match write {
        Write::Put(value) => (0, [value, b""]),
        Write::Delete => (1, [b"", b""]),
        Write::Add(by) => {
            out.put_u8(2);
            out.put_i64_le(*by);
            return;
        }
        Write::Insert(element) => (3, [element, b""]),
        Write::Remove(element) => (4, [element, b""]),
        Write::PutField(field, value) => (5, [field, value]),
        Write::DeleteField(field) => (6, [field, b""]),
    };
    out.put_u8(number);
    parts.into_iter().for_each(|part| put_bytes(part, out));
}

pub(super) fn take_write(from: &mut Cursor<'_>) -> Result<Write, Malformed> {
    let number = from.byte()?;
    if number == 2 {
        return Ok(Write::Add(from.u64_le()?.cast_signed()));
    }
    let (a, b) = (from.owned()?, from.owned()?);
    Ok(match number {
        0 => Write::Put(a),
        1 => Write::Delete,
        3 => Write::Insert(a),
        4 => Write::Remove(a),
        5 => Write::PutField(a, b),
        6 => Write::DeleteField(a),
        _ => return Err(Malformed("a write to the map")),
    })
}

pub(super) fn take_key(from: &mut Cursor<'_>) -> Result<Key, Malformed> {
    let unknown = Malformed("a key of the map");
    let [kind, name @ ..] = from.bytes()? else { return Err(unknown) };
    let kind = *Kind::ALL.get(usize::from(*kind)).ok_or(unknown)?;
    Key::new(kind, name).ok_or(unknown)
}

pub(super) fn put_source(source: Source, out: &mut BytesMut) {
    let (number, value) = match source {
        Source::Peer(PeerKey(key)) => (0, key),
        Source::Network(network) => (1, network.into()),
        Source::Lookup(lookup) => (2, lookup),
    };
    out.put_u8(number);
    out.put_u64_le(value);
}

pub(super) fn take_source(from: &mut Cursor<'_>) -> Result<Source, Malformed> {
    let (number, value) = (from.byte()?, from.u64_le()?);
    let unknown = Malformed("a source of addresses");
    Ok(match number {
        0 => Source::Peer(PeerKey(value)),
        1 => Source::Network(u32::try_from(value).map_err(|_| unknown)?),
        2 => Source::Lookup(value),
        _ => return Err(unknown),
    })
}

pub(super) fn put_book(book: &BookRecord, out: &mut BytesMut) {
    put_option(book.secret.map(|BookSecret(secret)| secret), out);
    put_addrs(&book.anchors, out);
    put_len(book.addresses.len(), out);
    for AddressRecord { addr, successes, failures, source, age_s } in &book.addresses {
        put_addr(*addr, out);
        put_number((*successes).into(), out);
        put_number((*failures).into(), out);
        put_number((*age_s).into(), out);
        out.put_u8(u8::from(source.is_some()));
        if let Some(source) = source {
            put_source(*source, out);
        }
    }
}

pub(super) fn take_book(from: &mut Cursor<'_>) -> Result<BookRecord, Malformed> {
    let (secret, anchors) = (from.option()?.map(BookSecret), from.addrs()?);
    let count = from.count()?;
    let mut addresses = Vec::new();
    for _ in 0..count {
        let addr = from.addr()?;
        let (successes, failures, age_s) = (from.narrow()?, from.narrow()?, from.narrow()?);
        let source = if from.truth()? { Some(take_source(from)?) } else { None };
        addresses.push(AddressRecord { addr, successes, failures, source, age_s });
    }
    Ok(BookRecord { secret, anchors, addresses })
}

pub(super) fn put_banned(whom: &Banned, out: &mut BytesMut) {
    match whom {
        Banned::Peer(PeerKey(key)) => {
            out.put_u8(0);
            out.put_u64_le(*key);
        }
        Banned::Subnet(subnet) => {
            out.put_u8(1);
            put_ip(subnet.ip(), out);
            out.put_u8(subnet.bits());
        }
    }
}

pub(super) fn take_banned(from: &mut Cursor<'_>) -> Result<Banned, Malformed> {
    match from.byte()? {
        0 => Ok(Banned::Peer(PeerKey(from.u64_le()?))),
        1 => {
            let (ip, bits) = (from.ip()?, from.byte()?);
            Subnet::new(ip, bits).map(Banned::Subnet).ok_or(Malformed("a subnet"))
        }
        _ => Err(Malformed("somebody who is banned")),
    }
}
