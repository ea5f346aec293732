//! Copies against all that owners wrote, and against bytes that nobody wrote.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// All writes of an owner in a generation: version by version.
type History = BTreeMap<(Generation, Version), (Vec<u8>, Option<Vec<u8>>)>;

/// A message that may come any number of times, at any time.
#[derive(Clone)]
enum Sent {
    Digest(usize, Digest),
    Delta(Delta),
}

/// Whether a copy is what its owner wrote, as far as it says that it knows.
fn check_copy(copy: &States, owner: usize, history: &History) {
    let member = MemberId(owner as u64);
    let Some(told) = copy.told(member).filter(|told| told.generation > 0) else { return };
    let mut latest: BTreeMap<&[u8], (Version, Option<&[u8]>)> = BTreeMap::new();
    for ((generation, version), (key, value)) in history {
        if *generation == told.generation {
            latest.insert(key, (*version, value.as_deref()));
        }
    }
    for (key, (version, value)) in latest {
        if version <= told.version && told.version >= told.collected {
            assert_eq!(
                copy.value(member, key).map(|value| &value[..]),
                value,
                "{member} {key:?} {told:?}"
            );
        }
    }
    for (key, value) in copy.values(member) {
        let is_written = history.iter().any(|((generation, _), (a_key, a_value))| {
            *generation == told.generation && a_key == key && a_value.as_deref() == Some(value)
        });
        assert!(is_written, "{member} never wrote {key:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any order, loss and repetition of messages, restarts, sleep beyond the grace: copies are never wrong, and come to be whole.
    #[test]
    fn copies_converge_to_what_their_owners_wrote(seed in any::<u64>(), steps in 50_usize..400) {
        const COUNT: usize = 4;
        let rng = &mut rng(seed);
        let mut fleet = fleet(COUNT as u64);
        let mut histories = vec![History::new(); COUNT];
        let mut sent: Vec<(usize, Sent)> = Vec::new();
        let (mut seconds, mut written) = (10, 0_u32);
        for _ in 0..steps {
            let who = rng.random_range(0..COUNT);
            let moment = at(seconds);
            match rng.random_range(0..12) {
                0..=2 => {
                    let key = vec![rng.random_range(0..12_u8)];
                    written += 1;
                    let value = (rng.random_range(0..3) > 0)
                        .then(|| [&written.to_le_bytes()[..], &vec![0; rng.random_range(0..400)]].concat());
                    let done = match &value {
                        Some(value) => fleet[who].set(&key, value, moment).unwrap(),
                        None => fleet[who].delete(&key, moment).unwrap(),
                    };
                    let told = fleet[who].told(MemberId(who as u64)).unwrap();
                    if done {
                        histories[who].insert((told.generation, told.version), (key, value));
                    }
                }
                3 => fleet[who].beat(moment),
                4 => seconds += rng.random_range(0..30),
                5 if rng.random_range(0..8) == 0 => {
                    let mut again = States::new(MemberId(who as u64), Settings { grace: GRACE, ..Settings::default() }, moment);
                    (0..COUNT as u64).for_each(|other| assert!(again.admit(MemberId(other), moment.now)));
                    let before = fleet[who].told(MemberId(who as u64)).unwrap().generation;
                    // A second start in one second is a case of its own: it is told by the others that it began before.
                    if before < moment.wall {
                        fleet[who] = again;
                    }
                }
                6 | 7 => {
                    let budget = rng.random_range(60..1_400);
                    let digest = fleet[who].digest(budget, rng);
                    sent.push((rng.random_range(0..COUNT), Sent::Digest(who, coded(&digest, budget))));
                }
                // The latest, or any that was ever sent: late, again, or never.
                _ if !sent.is_empty() => {
                    let first = if rng.random() { 0 } else { sent.len().saturating_sub(4) };
                    let (to, message) = sent[rng.random_range(first..sent.len())].clone();
                    // One of them sleeps through most of it.
                    if to == COUNT - 1 && !seconds.is_multiple_of(5) {
                        continue;
                    }
                    match message {
                        Sent::Digest(from, digest) => {
                            let heard = fleet[to].hear(&digest, moment);
                            prop_assert!(!heard.refuted, "nobody lies");
                            let budget = rng.random_range(60..3_000);
                            let delta = fleet[to].delta_for(&digest, budget, rng);
                            sent.push((from, Sent::Delta(coded_delta(&delta, budget))));
                            let reply = fleet[to].reply(&digest, budget);
                            sent.push((from, Sent::Digest(to, coded(&reply, budget))));
                        }
                        Sent::Delta(delta) => {
                            let applied = fleet[to].apply(&delta, moment);
                            prop_assert_eq!((applied.unknown, applied.ahead, applied.full), (0, 0, 0));
                        }
                    }
                }
                _ => {}
            }
            fleet[who].collect(at(seconds).now);
            for (place, copy) in fleet.iter().enumerate() {
                copy.check();
                (0..COUNT).filter(|owner| *owner != place).for_each(|owner| check_copy(copy, owner, &histories[owner]));
            }
        }
        for round in 0..40 {
            for a in 0..COUNT {
                exchange(&mut fleet, a, (a + 1 + round % (COUNT - 1)) % COUNT, 1_400, at(seconds));
            }
        }
        for owner in 0..COUNT {
            for copy in &fleet {
                prop_assert_eq!(map(copy, owner as u64), map(&fleet[owner], owner as u64));
                prop_assert_eq!(copy.told(MemberId(owner as u64)).map(|told| (told.generation, told.heartbeat, told.version)),
                    fleet[owner].told(MemberId(owner as u64)).map(|told| (told.generation, told.heartbeat, told.version)));
            }
        }
    }

    /// Whatever a peer says, bounds hold, and bytes read as they were written.
    #[test]
    fn any_bytes_do_no_harm(seed in any::<u64>()) {
        let rng = &mut rng(seed);
        let mut fleet = fleet(3);
        let mut bytes: Vec<Vec<u8>> = Vec::new();
        for step in 0..60 {
            fleet[0].set(&[rng.random_range(0..5)], &[step; 40], at(5)).unwrap();
            exchange(&mut fleet, 0, 1, 1_400, at(6));
            let mut out = Vec::new();
            let empty = fleet[2].digest(1_400, rng);
            match step % 2 {
                0 => fleet[1].digest(1_400, rng).put(&mut out),
                _ => fleet[1].delta_for(&empty, 1_400, rng).put(&mut out),
            }
            for _ in 0..rng.random_range(0..4) {
                let place = rng.random_range(0..out.len());
                out[place] = if rng.random() { rng.random() } else { out[place] ^ 1 };
            }
            bytes.push(out);
        }
        for message in bytes {
            if let Ok(digest) = Digest::decode(&message) {
                let mut again = Vec::new();
                digest.put(&mut again);
                prop_assert_eq!(&again, &message, "it has one encoding");
                fleet[2].hear(&digest, at(7));
                coded_delta(&fleet[2].delta_for(&digest, 1_400, rng), 1_400);
            }
            if let Ok(delta) = Delta::decode(&message) {
                let mut again = Vec::new();
                delta.put(&mut again);
                prop_assert_eq!(&again, &message, "it has one encoding");
                fleet[2].apply(&delta, at(7));
            }
            fleet[2].check();
        }
    }
}
