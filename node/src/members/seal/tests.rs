use super::*;
use crate::members::keyring::KEY_LEN;

fn key(number: u8) -> Key {
    Key::new([number; KEY_LEN])
}

fn seal_of(network: &str, keys: &[u8], session: u8) -> Seal {
    let mut ring = Keyring::default();
    keys.iter().for_each(|number| ring.install(key(*number)).unwrap());
    Seal::new(network, ring, [session; 16])
}

fn here() -> Purpose {
    Purpose::Datagram(([10, 0, 0, 1], 4010).into())
}

#[test]
fn what_is_sealed_opens_where_a_key_is_known_and_nowhere_else() {
    let sender = seal_of("a", &[1], 1);
    let (sealed, stamp) = sender.seal(here(), b"hello");
    assert_eq!(sealed.len(), 5 + OVERHEAD);
    assert!(!sealed.windows(5).any(|window| window == b"hello"));
    let opened = seal_of("a", &[2, 1], 9).open(here(), &sealed);
    assert_eq!(opened, Ok((b"hello".to_vec(), stamp)));
    assert_eq!(seal_of("a", &[2], 9).open(here(), &sealed), Err(Shut::Key));
    assert_eq!(seal_of("b", &[1], 9).open(here(), &sealed), Err(Shut::Network));
    assert_eq!(seal_of("a", &[], 9).open(here(), &sealed), Err(Shut::Sealed));
}

#[test]
fn a_network_with_the_same_tag_and_key_opens_nothing_either() {
    let sender = seal_of("a", &[1], 1);
    let (sealed, _) = sender.seal(here(), b"hello");
    let mut other = seal_of("b", &[1], 9);
    let tag = sender.tag();
    other.network.0[..2].copy_from_slice(&tag);
    assert_eq!(other.open(here(), &sealed), Err(Shut::Forged));
}

#[test]
fn a_purpose_is_one_address_or_one_question() {
    let (one, other) = (seal_of("a", &[1], 1), seal_of("a", &[1], 2));
    let (asked, question) = one.seal(Purpose::Question, b"?");
    let (_, another) = one.seal(Purpose::Question, b"?");
    let (answer, _) = other.seal(Purpose::Answer(question), b"!");
    assert!(one.open(Purpose::Answer(question), &answer).is_ok());
    assert_eq!(one.open(Purpose::Answer(another), &answer), Err(Shut::Forged));
    assert_eq!(other.open(here(), &asked), Err(Shut::Forged));
    let (sent, _) = one.seal(here(), b"x");
    for elsewhere in ["10.0.0.2:4010", "10.0.0.1:4011", "[2001:db8::1]:4010"] {
        let elsewhere = Purpose::Datagram(elsewhere.parse().unwrap());
        assert_eq!(other.open(elsewhere, &sent), Err(Shut::Forged));
    }
    let mapped = Purpose::Datagram("[::ffff:10.0.0.1]:4010".parse().unwrap());
    assert!(other.open(mapped, &sent).is_ok(), "one address in two forms");
}

#[test]
fn nothing_shorter_opens_and_nothing_with_a_bit_changed() {
    for keys in [&[1][..], &[]] {
        let (sender, receiver) = (seal_of("a", keys, 1), seal_of("a", keys, 2));
        let (sealed, _) = sender.seal(here(), b"some bytes");
        let shortest = if keys.is_empty() { HEAD } else { sealed.len() };
        for len in 0..shortest {
            let shut = receiver.open(here(), &sealed[..len]).unwrap_err();
            assert!(matches!(shut, Shut::Short | Shut::Forged), "{len}: {shut:?}");
        }
        // What is open vouches for its head alone.
        for bit in 0..8 * shortest {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.open(here(), &changed).is_err(), "bit {bit}");
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert_eq!(receiver.open(here(), &longer).is_err(), !keys.is_empty());
    }
}

#[test]
fn other_versions_are_told_apart_and_none_with_a_key_hears_what_is_open() {
    let (open, sealed) = (seal_of("a", &[], 1), seal_of("a", &[1], 2));
    let (mut bytes, _) = open.seal(here(), b"hello");
    assert_eq!(open.open(here(), &bytes).unwrap().0, b"hello");
    assert_eq!(sealed.open(here(), &bytes), Err(Shut::Unsealed));
    bytes[0] = 2;
    assert_eq!(sealed.open(here(), &bytes), Err(Shut::Version));
    assert_eq!(open.open(here(), &bytes), Err(Shut::Version));
    assert_eq!(open.open(here(), &[]), Err(Shut::Short));
}

#[test]
fn no_two_are_sealed_with_one_nonce() {
    let seal = seal_of("a", &[1], 1);
    let stamps: Vec<_> = (0..100).map(|_| seal.seal(here(), b"same").1.count).collect();
    assert_eq!(stamps, (0..100).collect::<Vec<u64>>());
}

#[test]
fn keys_change_without_a_gap() {
    let text = |number: u8| key(number).to_text();
    let (one, other) = (seal_of("a", &[1], 1), seal_of("a", &[1], 2));
    let both_hear = |step: &str| {
        for (from, to) in [(&one, &other), (&other, &one)] {
            let (sealed, _) = from.seal(here(), b"x");
            assert!(to.open(here(), &sealed).is_ok(), "{step}");
        }
    };
    let change = |seal: &Seal, change: &dyn Fn(&mut Keyring)| {
        let mut ring = Keyring::clone(&seal.ring());
        change(&mut ring);
        seal.set_ring(ring);
    };
    type Step<'a> = (&'a str, &'a dyn Fn(&mut Keyring));
    let steps: [Step<'_>; 3] = [
        ("install", &|ring| ring.install(key(2)).unwrap()),
        ("use", &|ring| ring.make_primary(&text(2)).unwrap()),
        ("remove", &|ring| ring.remove(&text(1)).unwrap()),
    ];
    for (name, step) in steps {
        change(&one, step);
        both_hear(name);
        change(&other, step);
        both_hear(name);
    }
    let (old, _) = seal_of("a", &[1], 3).seal(here(), b"x");
    assert_eq!(one.open(here(), &old), Err(Shut::Key));
}

#[test]
fn a_full_packet_fits_into_a_frame_over_ipv6() {
    let (sealed, _) = seal_of("a", &[1], 1).seal(here(), &[0; PACKET_MAX]);
    assert_eq!(sealed.len(), DATAGRAM_MAX);
    const { assert!(DATAGRAM_MAX <= 1_500 - 40 - 8, "IPv6's head has 40 bytes, UDP's 8") };
}
