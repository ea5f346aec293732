//! Signatures at the edges, where implementations of Ed25519 differ from one another and their batches from their
//! single checks (ZIP 215; Chalkias, Garillot, Nikolaenko 2020, "Taming the many EdDSAs"): here both must say the same,
//! or nodes that took the same transaction in different company would split.

use super::*;

/// All encodings of the eight points of small order, the six that aren't canonical last.
const SMALL_ORDER: [[u8; 32]; 14] = [
    filled(0x01, 0x00, 0x00),
    filled(0xec, 0xff, 0x7f),
    filled(0x00, 0x00, 0x00),
    filled(0x00, 0x00, 0x80),
    with_top(ORDER_EIGHT[0], 0x05),
    with_top(ORDER_EIGHT[0], 0x85),
    with_top(ORDER_EIGHT[1], 0x7a),
    with_top(ORDER_EIGHT[1], 0xfa),
    filled(0x01, 0x00, 0x80),
    filled(0xec, 0xff, 0xff),
    filled(0xee, 0xff, 0x7f),
    filled(0xee, 0xff, 0xff),
    filled(0xed, 0xff, 0x7f),
    filled(0xed, 0xff, 0xff),
];

/// The y-coordinates of the points of order eight.
const ORDER_EIGHT: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// The order of the group, little-endian.
const ORDER: [u8; 32] = {
    let mut order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    order[31] = 0x10;
    order
};

const fn filled(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

const fn with_top(mut bytes: [u8; 32], last: u8) -> [u8; 32] {
    bytes[31] = last;
    bytes
}

/// A transfer with whatever key, `R` and `s`.
fn crafted(key: &[u8; 32], r: &[u8; 32], s: &[u8; 32]) -> Bytes {
    let mut bytes = BytesMut::from(&transfer(1, 0)[..]);
    let signature = bytes.len() - 64;
    bytes[33..65].copy_from_slice(key);
    bytes[signature..signature + 32].copy_from_slice(r);
    bytes[signature + 32..].copy_from_slice(s);
    bytes.freeze()
}

/// What becomes of a transfer alone, which must be what becomes of it in a batch with a good one.
fn judge_both_ways(bytes: Bytes) -> Verdict {
    let odd = item(ItemKind::Tx, bytes);
    let alone = CHAIN.verify(&odd);
    let batch = [odd, item(ItemKind::Tx, transfer(1, 1))];
    assert_eq!(CHAIN.verify_batch(&batch), [alone.clone(), GOOD], "in company");
    alone
}

const BAD: Verdict = Err(Rejection::invalid("bad-signature"));

#[test]
fn keys_and_points_of_small_order_are_judged_alike_alone_and_in_company() {
    // With s = 0 both sides of the equation vanish once they are multiplied by the cofactor, and for most of
    // these only then: what checks without it, alone, and batches with it, refuses and accepts them.
    for key in &SMALL_ORDER {
        for r in &SMALL_ORDER {
            assert_eq!(judge_both_ways(crafted(key, r, &[0; 32])), GOOD, "{key:x?} {r:x?}");
            let one = filled(1, 0, 0);
            assert_eq!(judge_both_ways(crafted(key, r, &one)), BAD, "{key:x?} {r:x?}");
        }
    }
    let all: Vec<_> = SMALL_ORDER
        .iter()
        .flat_map(|key| SMALL_ORDER.iter().map(move |r| crafted(key, r, &[0; 32])))
        .map(|bytes| item(ItemKind::Tx, bytes))
        .collect();
    assert_eq!(CHAIN.verify_batch(&all), vec![GOOD; all.len()]);
}

#[test]
fn a_signature_has_one_s() {
    // s plus the order of the group would do as well in the equation: anybody could make a second transaction
    // of a transaction.
    let good = transfer(1, 0);
    let s = good.len() - 32;
    let mut grown = BytesMut::from(&good[..]);
    let mut carry = 0_u16;
    for (byte, add) in grown[s..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert_eq!((judge_both_ways(good), judge_both_ways(grown.freeze())), (GOOD, BAD));
    let [key, r] = [SMALL_ORDER[0]; 2];
    assert_eq!(judge_both_ways(crafted(&key, &r, &ORDER)), BAD, "zero plus the order");
}

#[test]
fn what_is_no_point_is_neither_key_nor_r() {
    // Half of all y are on the curve.
    let is_point = |y: &u8| ed25519_zebra::VerificationKey::try_from(filled(*y, 0, 0)).is_ok();
    let (points, others): (Vec<u8>, Vec<u8>) = (0..40).partition(is_point);
    assert!(points.len() > 10 && others.len() > 10);
    for y in others {
        let (other, point) = (filled(y, 0, 0), SMALL_ORDER[0]);
        assert_eq!(judge_both_ways(crafted(&other, &point, &[0; 32])), BAD, "key {y}");
        assert_eq!(judge_both_ways(crafted(&point, &other, &[0; 32])), BAD, "R {y}");
    }
}

fn arbitrary_item() -> impl Strategy<Value = Arc<Item>> {
    let good = (0..4u8, 0..9u64).prop_map(|(seed, nonce)| transfer(seed, nonce));
    let transfer = prop_oneof![
        6 => good,
        1 => (0..8 * TRANSFER_LEN_MIN).prop_map(|bit| flipped(&transfer(1, 1), bit)),
        1 => (0..14_usize, 0..14_usize).prop_map(|(key, r)| {
            crafted(&SMALL_ORDER[key], &SMALL_ORDER[r], &[0; 32])
        }),
    ];
    let transfers = prop::collection::vec(transfer.clone(), 0..4);
    prop_oneof![
        8 => transfer.prop_map(|bytes| item(ItemKind::Tx, bytes)),
        1 => transfers.prop_map(|transfers| item(ItemKind::Block, block(&transfers))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_batch_gives_the_same_verdicts_as_one_by_one(
        items in prop::collection::vec(arbitrary_item(), 0..12),
    ) {
        let one_by_one: Vec<_> = items.iter().map(|item| CHAIN.verify(item)).collect();
        prop_assert_eq!(CHAIN.verify_batch(&items), one_by_one);
    }

    #[test]
    fn arbitrary_bytes_are_judged_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        block in any::<bool>(),
    ) {
        let kind = if block { ItemKind::Block } else { ItemKind::Tx };
        if let Ok(item) = Tidings::new(GENESIS, 0).item(kind, bytes.into()) {
            prop_assert!(judge(&item).is_err());
        }
    }
}

#[test]
fn errors_that_would_cancel_out_in_a_plain_sum_are_caught() {
    // s of one signature grows by 1 and s of the other shrinks by 1: without random coefficients the
    // batch equation would still hold.
    let shifted = |bytes: &Bytes, up: bool| {
        let mut bytes = BytesMut::from(&bytes[..]);
        let s = bytes.len() - 32;
        let low = &mut bytes[s];
        *low = if up { low.wrapping_add(1) } else { low.wrapping_sub(1) };
        bytes.freeze()
    };
    let items = [
        item(ItemKind::Tx, shifted(&transfer(1, 1), true)),
        item(ItemKind::Tx, shifted(&transfer(2, 1), false)),
    ];
    let bad = Err(Rejection::invalid("bad-signature"));
    assert_eq!(CHAIN.verify_batch(&items), [bad.clone(), bad]);
}
