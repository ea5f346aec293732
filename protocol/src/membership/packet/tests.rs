//! Packets read back as they were written, and what is no packet is refused.

use proptest::prelude::*;

use super::*;
use crate::membership::profile::Versions;

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
    prop_oneof![alive, rest]
}

proptest! {
    #[test]
    fn a_packet_reads_back_and_its_length_is_what_was_said(
        from: u64,
        parts in prop::collection::vec(part(), 0..8),
    ) {
        let packet = Packet::new(MemberId(from), parts);
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
