//! Packets read back as they were written, and what is no packet is refused.

use proptest::prelude::*;

use bytes::Bytes;

use super::*;
use crate::ground::time::Time;
use crate::membership::filter::Filter;
use crate::membership::lamport::LamportTime;
use crate::membership::leader::Claim;
use crate::membership::profile::Versions;
use crate::membership::state::{self, Moment, States};

fn part() -> impl Strategy<Value = Part> {
    let id = any::<u64>().prop_map(MemberId);
    let tag = (".{1,8}", ".{0,20}");
    let name = "[!-~]{1,64}";
    let alive = (id.clone(), any::<u32>(), name, any::<(u32, u16)>(), tag).prop_map(
        |(id, incarnation, name, (ip, port), (key, value))| {
            let addr = std::net::SocketAddr::from((ip.to_le_bytes(), port));
            let tags = [(key.as_str(), value.as_str())];
            let profile = Profile::new(&name, addr, &tags, Versions::OURS).unwrap();
            Alive { id, incarnation, profile: Arc::new(profile) }.into()
        },
    );
    let rest = (0_u8..7, any::<u32>(), id.clone(), id, any::<u8>());
    let rest = rest.prop_map(|(kind, number, id, by, nacks)| match kind {
        0 => Ping { seq: number, target: id }.into(),
        1 => Ack { seq: number }.into(),
        2 => PingReq { seq: number, target: id }.into(),
        3 => Nack { seq: number }.into(),
        4 => Suspect { id, incarnation: number, by, nacks }.into(),
        5 => Failed { id, incarnation: number, by }.into(),
        _ => Left { id, incarnation: number }.into(),
    });
    prop_oneof![2 => alive, 6 => rest, 4 => riding()]
}

/// What rides on packets, with contents of any length that is allowed.
fn riding() -> impl Strategy<Value = Part> {
    let text = |max| prop::collection::vec(any::<u8>(), 1..=max).prop_map(Bytes::from);
    let numbers = (0_u8..7, any::<u32>(), 1_u64..1 << 40);
    (numbers, any::<u64>().prop_map(MemberId), text(64), text(512), any::<bool>()).prop_map(
        |((kind, number, time), id, name, payload, flag)| {
            let (time, filter) = (LamportTime(time), Filter::default());
            match kind {
                0 => digest_of(&[(id.0, &name, &payload)], number).into(),
                1 => delta_of(&[(id.0, &name, &payload)], number).into(),
                2 => Coordinate::default().as_told().into(),
                3 => {
                    let address = name.clone();
                    let claims = vec![Claim { leader: id, address, by: MemberId(number.into()) }];
                    Record { group: name, epoch: time.0, claims }.into()
                }
                4 => UserEvent { time, origin: id, name, payload, coalesce: flag, filter }.into(),
                5 => {
                    let timeout_ms = number % 600_000;
                    let (origin, ack) = (id, flag);
                    Query { time, id: number, origin, name, payload, ack, timeout_ms, filter }
                        .into()
                }
                _ => {
                    let answer = flag.then_some(payload);
                    Response { time, id: number, from: id, answer }.into()
                }
            }
        },
    )
}

/// A member that wrote something.
fn states_of(writes: &[(u64, &[u8], &[u8])], wall: u32) -> States {
    let at = Moment { now: Time::ZERO, wall: wall.max(1) };
    let mut states = States::new(MemberId(writes[0].0), state::Settings::USUAL, at);
    for (_, key, value) in writes {
        states.set(key, value, at).unwrap();
    }
    states
}

fn digest_of(writes: &[(u64, &[u8], &[u8])], wall: u32) -> Digest {
    states_of(writes, wall).digest(500, &mut rng())
}

fn delta_of(writes: &[(u64, &[u8], &[u8])], wall: u32) -> Delta {
    states_of(writes, wall).guess(&Digest::default(), 1_300)
}

fn rng() -> rand_chacha::ChaCha8Rng {
    rand::SeedableRng::seed_from_u64(1)
}

proptest! {
    #[test]
    fn a_packet_reads_back_and_its_length_is_what_was_said(
        from: u64,
        parts in prop::collection::vec(part(), 0..8),
    ) {
        let mut packet = Packet::new(MemberId(from), parts);
        while packet.encoded_len() > PACKET_MAX {
            packet.parts.pop();
        }
        let bytes = packet.encode();
        prop_assert_eq!(packet.encoded_len(), bytes.len());
        prop_assert_eq!(Packet::decode(&bytes), Ok(packet));
    }

    #[test]
    fn any_bytes_are_a_packet_that_is_written_so_or_none(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        parts in prop::collection::vec(part(), 1..3),
        at: prop::sample::Index,
        with: u8,
    ) {
        let parts = parts.into_iter().filter(|part| part.encoded_len() < 650).collect();
        let mut near = Packet::new(MemberId(1), parts).encode();
        let at = at.index(near.len());
        near[at] = with;
        for bytes in [bytes, near] {
            if let Ok(packet) = Packet::decode(&bytes) && packet.skipped == 0 {
                prop_assert_eq!(packet.encode(), bytes);
            }
        }
    }
}

#[test]
fn the_longest_of_each_kind_fits_a_packet_and_no_part_of_it_reads() {
    let (name, long) = (Bytes::from(vec![7; 64]), Bytes::from(vec![7; 512]));
    let address = Bytes::from(vec![7; 128]);
    let time = LamportTime(1 << 61);
    let names: Vec<_> = (0..7_u8).map(|one| [one; 64]).collect();
    let names: Vec<_> = names.iter().map(|name| &name[..]).collect();
    let filter = Filter::new(&names, &[]).unwrap();
    let claim =
        |number| Claim { leader: MemberId(number), address: address.clone(), by: MemberId(1) };
    let (origin, payload) = (MemberId(1), long);
    let value = vec![7; 1_024];
    let all: [Part; 6] = [
        Record { group: name.clone(), epoch: 1 << 63, claims: (0..4).map(claim).collect() }.into(),
        UserEvent {
            time,
            origin,
            name: name.clone(),
            payload: payload.clone(),
            coalesce: true,
            filter: filter.clone(),
        }
        .into(),
        Query {
            time,
            id: 1,
            origin,
            name: name.clone(),
            payload,
            ack: true,
            timeout_ms: 600_000,
            filter,
        }
        .into(),
        Response { time, id: 1, from: origin, answer: Some(Bytes::from(vec![7; 1_024])) }.into(),
        delta_of(&[(1, &name, &value)], 1_700_000_000).into(),
        Coordinate::default().as_told().into(),
    ];
    for part in all {
        let packet = Packet::new(MemberId(1), vec![part]);
        let bytes = packet.encode();
        assert!(bytes.len() <= PACKET_MAX, "{} bytes of {packet:?}", bytes.len());
        assert_eq!(Packet::decode(&bytes).as_ref(), Ok(&packet));
        for len in HEAD + 1..bytes.len() {
            assert!(Packet::decode(&bytes[..len]).is_err(), "{len} bytes of {packet:?}");
        }
        // The part alone, cut short in itself.
        let Part::Response(_) = packet.parts[0] else { continue };
        let mut longer = packet.clone();
        longer.parts.push(Part::Response(Response {
            time,
            id: 1,
            from: origin,
            answer: Some(Bytes::from(vec![7; 400])),
        }));
        assert!(Packet::decode(&longer_encoded(&longer)).is_err(), "too long");
    }
}

/// A packet as somebody writes it who doesn't look at its length.
fn longer_encoded(packet: &Packet) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_id(packet.from, &mut out);
    packet.parts.iter().for_each(|part| part.put(&mut out));
    out
}

#[test]
fn a_part_of_an_unknown_kind_is_skipped_and_counted() {
    let known = Packet::new(MemberId(7), vec![Ack { seq: 5 }.into()]);
    let mut bytes = known.encode();
    bytes.extend_from_slice(&[200, 3, 1, 2, 3]);
    bytes.extend_from_slice(&[2, 4, 6, 0, 0, 0]);
    let read = Packet::decode(&bytes).unwrap();
    assert_eq!(read.parts, [Ack { seq: 5 }.into(), Ack { seq: 6 }.into()]);
    assert_eq!(read.skipped, 1);
}

#[test]
fn what_is_cut_too_long_or_of_another_version_is_refused() {
    let bytes =
        Packet::new(MemberId(7), vec![Ping { seq: 5, target: MemberId(1) }.into()]).encode();
    for len in (0..bytes.len()).filter(|len| *len != HEAD) {
        assert!(Packet::decode(&bytes[..len]).is_err(), "{len}");
    }
    let mut other = bytes.clone();
    other[0] = 2;
    assert_eq!(Packet::decode(&other), Err(Malformed::Version(2)));
    let mut longer = bytes.clone();
    (longer[HEAD + 1], longer[HEAD]) = (bytes[HEAD + 1] - 1, 1);
    assert!(Packet::decode(&longer).is_err());
    assert_eq!(Packet::decode(&vec![1; PACKET_MAX + 1]), Err(Malformed::Length("packet")));
    // A body that is longer than its kind.
    let mut body = vec![1_u8, 0, 0, 0, 0, 0, 0, 0, 0, 2, 5, 1, 2, 3, 4, 5];
    assert_eq!(Packet::decode(&body), Err(Malformed::Trailing));
    body[10] = 4;
    assert_eq!(Packet::decode(&body[..15]).map(|packet| packet.parts.len()), Ok(1));
}
