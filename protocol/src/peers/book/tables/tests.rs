use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::ground::peer::PeerKey;
use crate::peers::book::groups::Groups;

fn layout(secret: u64, book_max: usize) -> Layout {
    Layout::new(BookSecret(secret), Shape::of(book_max))
}

/// An address of the world, told by whoever.
fn told(ip: u32, source: Option<Source>) -> Whose {
    let addr = PeerAddr::tcp((Ipv4Addr::from_bits(ip), 4_000).into());
    Whose { addr, group: Groups::default().group(addr.ip), source }
}

#[test]
fn the_tables_of_bitcoin_core_are_those_of_its_size() {
    let shape = Shape::of(81_920);
    assert_eq!(shape, Shape { slots: 64, new: 1_024, tried: 256 });
    assert_eq!((shape.source_buckets(), shape.group_buckets()), (64, 8));
    assert_eq!(Shape::of(10_240), Shape { slots: 8, new: 1_024, tried: 256 });
}

#[test]
fn there_are_never_more_slots_than_addresses_are_allowed() {
    for book_max in (1..2_000).chain([10_000, 10_240, 81_920, 1_000_000]) {
        let shape = Shape::of(book_max);
        let slots = (shape.new + shape.tried) * shape.slots;
        assert!(slots as usize <= book_max, "{shape:?} of {book_max}");
        assert!(slots as usize * 8 >= book_max * 7 || shape.slots < 8, "{shape:?} of {book_max}");
        assert!(shape.new > 0 && shape.source_buckets() <= shape.new);
        assert!(shape.group_buckets() <= shape.tried);
    }
}

#[test]
fn a_source_reaches_its_share_of_the_buckets_and_no_more() {
    let layout = layout(1, 81_920);
    for source in [Source::Network(0x0808), Source::Peer(PeerKey(7))] {
        let slots =
            (0..200_000_u32).map(|n| layout.new_slot(told(0x1400_0000 + (n << 8), Some(source))));
        let buckets: BTreeSet<_> = slots.map(|slot| layout.bucket(slot)).collect();
        assert!((56..=64).contains(&buckets.len()), "{} of 1,024", buckets.len());
    }
}

#[test]
fn a_group_told_by_one_source_has_one_bucket_and_reaches_eight_when_tried() {
    let layout = layout(1, 81_920);
    let group: Vec<_> =
        (0..10_000).map(|n| told(0x1401_0000 + n, Some(Source::Network(1)))).collect();
    let new: BTreeSet<_> = group.iter().map(|of| layout.bucket(layout.new_slot(*of))).collect();
    assert_eq!(new.len(), 1);
    let tried = group.iter().map(|of| layout.tried_slot(*of).unwrap());
    let tried: BTreeSet<_> = tried.map(|slot| layout.bucket(slot)).collect();
    assert!((5..=8).contains(&tried.len()), "{}", tried.len());
}

#[test]
fn slots_are_taken_evenly() {
    let layout = layout(1, 10_240);
    let mut taken = vec![0_u32; 10_240];
    for n in 0..100_000_u32 {
        let of = told(0x1400_0000 + n.wrapping_mul(40_503) % 0x1000_0000, Some(Source::Network(n)));
        taken[layout.new_slot(of) as usize] += 1;
        taken[layout.tried_slot(of).unwrap() as usize] += 1;
    }
    let (new, tried) = taken.split_at(8_192);
    // 12.2 and 48.8 expected each.
    assert!(new.iter().all(|times| *times <= 40), "{:?}", new.iter().max());
    assert!(tried.iter().all(|times| (10..=110).contains(times)), "{:?}", tried.iter().max());
}

proptest! {
    #[test]
    fn each_address_has_a_slot_of_its_table(secret: u64, ip: u32, from: u32, book_max in 1..100_000_usize) {
        let layout = layout(secret, book_max);
        let of = told(ip, Some(Source::Network(from)));
        let new = layout.new_slot(of);
        prop_assert!(new < layout.shape().new_slots());
        prop_assert_eq!(new, layout.new_slot(of), "always the same one");
        if let Some(tried) = layout.tried_slot(of) {
            prop_assert!(tried >= layout.shape().new_slots() && (tried as usize) < book_max);
            let elsewhere = Whose { source: None, ..of };
            prop_assert_eq!(layout.tried_slot(elsewhere), Some(tried), "whoever told it");
        }
    }
}
