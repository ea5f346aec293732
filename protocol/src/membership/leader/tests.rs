//! Claims, alone and in a fleet.

use proptest::prelude::*;

use super::*;

fn claim(leader: u64, address: &'static str, by: u64) -> Claim {
    Claim { leader: MemberId(leader), address: address.into(), by: MemberId(by) }
}

fn record(epoch: u64, claims: &[Claim]) -> Record {
    Record { group: "db".into(), epoch, claims: claims.to_vec() }
}

#[test]
fn a_later_epoch_wins_however_far_it_leaps_and_an_earlier_one_is_told_so() {
    let (mut leaders, mut changes) = (Leaders::default(), Vec::new());
    leaders.claim(b"db", 5, claim(1, "a:1", 1), &mut changes).unwrap();
    leaders.claim(b"db", EPOCH_MAX, claim(2, "b:1", 2), &mut changes).unwrap();
    let again = leaders.claim(b"db", 6, claim(1, "a:1", 1), &mut changes);
    assert_eq!(again.unwrap_err(), Refused::Deposed(EPOCH_MAX));
    let led = [record(5, &[claim(1, "a:1", 1)]), record(EPOCH_MAX, &[claim(2, "b:1", 2)])];
    assert_eq!(changes, led.map(Change::Led));
}

#[test]
fn two_leaders_with_one_epoch_are_kept_and_reported_once() {
    let (mut leaders, mut changes) = (Leaders::default(), Vec::new());
    let [a, b] = [record(5, &[claim(1, "a:1", 1)]), record(5, &[claim(2, "b:1", 2)])];
    assert!(leaders.merge(&a, &mut changes) && leaders.merge(&b, &mut changes));
    for _ in 0..3 {
        assert!(!leaders.merge(&a, &mut changes) && !leaders.merge(&b, &mut changes));
    }
    let claims = &[claim(1, "a:1", 1), claim(2, "b:1", 2)][..];
    assert_eq!(leaders.redirect(b"db", 0), Redirect::Broken { epoch: 5, claims });
    let both = record(5, &[claim(1, "a:1", 1), claim(2, "b:1", 2)]);
    assert_eq!(changes, [Change::Led(a), Change::BrokenConsensus(both)]);
    // Somebody else who says the same is no news to users.
    assert!(leaders.merge(&record(5, &[claim(2, "b:1", 0)]), &mut changes));
    assert_eq!(changes.len(), 2);
    // A later choice ends it.
    changes.clear();
    let healed = record(6, &[claim(2, "b:1", 2)]);
    assert!(leaders.merge(&healed, &mut changes));
    assert_eq!(changes, [Change::Led(healed)]);
}

#[test]
fn many_who_tell_of_one_leader_make_one_claim() {
    let (mut leaders, mut changes) = (Leaders::default(), Vec::new());
    for by in [9, 3, 7, 5, 8, 4] {
        leaders.merge(&record(5, &[claim(1, "a:1", by)]), &mut changes);
    }
    assert_eq!(leaders.get(b"db").unwrap().claims, [claim(1, "a:1", 3)]);
    assert_eq!(changes.len(), 1, "{changes:?}");
}

#[test]
fn a_follower_tells_its_epoch_and_a_client_is_never_sent_back() {
    let (mut leaders, mut changes) = (Leaders::default(), Vec::new());
    assert_eq!(leaders.redirect(b"db", 0), Redirect::Unknown);
    leaders.merge(&record(5, &[claim(1, "a:1", 1)]), &mut changes);
    let claim = &claim(1, "a:1", 1);
    for known in [0, 4, 5] {
        assert_eq!(leaders.redirect(b"db", known), Redirect::Leader { epoch: 5, claim });
    }
    assert_eq!(leaders.redirect(b"db", 6), Redirect::Behind { epoch: 5 });
}

#[test]
fn claims_and_groups_have_bounds_and_say_when_they_are_full() {
    let (mut leaders, mut changes) = (Leaders::default(), Vec::new());
    for leader in 0..CLAIMS_MAX as u64 {
        leaders.claim(b"db", 5, claim(leader, "a:1", 1), &mut changes).unwrap();
    }
    let one_more = leaders.claim(b"db", 5, claim(99, "a:1", 1), &mut changes);
    assert_eq!(one_more.unwrap_err(), Refused::Full);
    // Who says what is known already isn't one more.
    assert!(leaders.claim(b"db", 5, claim(3, "a:1", 9), &mut changes).is_ok());
    for group in 1..GROUPS_MAX {
        let name = format!("group {group:02}");
        leaders.claim(name.as_bytes(), 1, claim(1, "a:1", 1), &mut changes).unwrap();
    }
    changes.clear();
    let last = leaders.claim(b"zebra", 1, claim(1, "a:1", 1), &mut changes);
    assert_eq!(last.unwrap_err(), Refused::Full);
    leaders.claim(b"ant", 1, claim(1, "a:1", 1), &mut changes).unwrap();
    assert_eq!(changes[0], Change::Forgotten("group 63".into()));
    let longest = "x".repeat(ADDRESS_MAX);
    for (group, epoch, address, why) in [
        ("", 1, "a", Refused::Length),
        ("g", 0, "a", Refused::Epoch),
        ("g", EPOCH_MAX + 1, "a", Refused::Epoch),
        ("g", 1, "", Refused::Length),
    ] {
        let refused = leaders.claim(group.as_bytes(), epoch, claim(1, address, 1), &mut changes);
        assert_eq!(refused.unwrap_err(), why);
    }
    let claims =
        (0..4).map(|leader| Claim { address: longest.clone().into(), ..claim(leader, "", 1) });
    let group = vec![b'g'; GROUP_MAX].into();
    let greatest = Record { group, epoch: 1, claims: claims.collect() };
    assert_eq!(greatest.bytes().len(), RECORD_MAX);
}

#[test]
fn records_read_as_they_were_written_and_nothing_else_is_read() {
    let good = record(5, &[claim(1, "a:1", 1), claim(1, "b:1", 1)]);
    assert_eq!(Record::decode(&good.bytes()), Ok(good.clone()));
    for end in 0..good.bytes().len() {
        assert_eq!(Record::decode(&good.bytes()[..end]), Err(Malformed::Truncated));
    }
    let twice = record(5, &[claim(1, "a:1", 1), claim(1, "a:1", 2)]);
    assert_eq!(Record::decode(&twice.bytes()), Err(Malformed::Order("claims")));
    for epoch in [0, EPOCH_MAX + 1] {
        let bytes = record(epoch, &[claim(1, "a:1", 1)]).bytes();
        assert_eq!(Record::decode(&bytes), Err(Malformed::Meaningless("epoch")));
    }
    assert_eq!(Record::decode(&record(1, &[]).bytes()), Err(Malformed::Length("claims")));
}

impl Record {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let address = prop::sample::select(vec!["a:1", "b:1"]);
    let claims = prop::collection::vec((0_u64..6, address, 0_u64..3), 1..=CLAIMS_MAX);
    // More groups than there is room for.
    (0_usize..GROUPS_MAX + 8, 1_u64..4, claims).prop_map(|(group, epoch, claims)| {
        let mut claims: Vec<_> =
            claims.into_iter().map(|(leader, address, by)| claim(leader, address, by)).collect();
        claims.sort();
        claims.dedup_by(|a, b| is_same(a, b));
        let group = if group % 2 == 0 { group } else { 1 };
        Record { group: format!("{group:03}").into(), epoch, claims }
    })
}

fn joined(records: &[Record]) -> Vec<Record> {
    let (mut leaders, mut changes) = (Leaders::default(), Vec::new());
    for record in records {
        leaders.merge(record, &mut changes);
    }
    assert!(leaders.records.len() <= GROUPS_MAX);
    leaders.records().cloned().collect()
}

/// All claims by group and latest epoch, and then the bounds: what any order must come to.
fn model(records: &[Record]) -> Vec<Record> {
    let mut groups: Vec<_> = records.iter().map(|record| record.group.clone()).collect();
    groups.sort();
    groups.dedup();
    groups.truncate(GROUPS_MAX);
    let of = |group: Bytes| {
        let of_group = || records.iter().filter(|record| record.group == group);
        let epoch = of_group().map(|record| record.epoch).max().unwrap();
        let latest = of_group().filter(|record| record.epoch == epoch);
        let mut claims: Vec<_> = latest.flat_map(|record| record.claims.clone()).collect();
        claims.sort();
        claims.dedup_by(|a, b| is_same(a, b));
        claims.truncate(CLAIMS_MAX);
        Record { group, epoch, claims }
    };
    groups.into_iter().map(of).collect()
}

proptest! {
    /// In any order, any grouping, any number of times: all come to hold the same.
    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        records in prop::collection::vec(any_record(), 0..200).prop_flat_map(|records| {
            (Just(records.clone()), Just(records).prop_shuffle())
        }),
        cut in 0_usize..200,
    ) {
        let (records, shuffled) = records;
        let expected = model(&records);
        prop_assert_eq!(joined(&records), &expected[..]);
        prop_assert_eq!(joined(&shuffled), &expected[..]);
        let (left, right) = shuffled.split_at(cut.min(shuffled.len()));
        let (left, right) = (joined(left), joined(right));
        prop_assert_eq!(joined(&[&left[..], &right].concat()), &expected[..]);
        prop_assert_eq!(joined(&[&right[..], &left, &left].concat()), &expected[..]);
        prop_assert_eq!(joined(&[&expected[..], &records].concat()), &expected[..]);
    }

    /// Whatever is read has one encoding.
    #[test]
    fn what_is_read_is_what_was_written(
        record in any_record(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = record.bytes();
        let which = place.index(bytes.len());
        bytes[which] = byte;
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.bytes(), bytes);
        }
    }
}
