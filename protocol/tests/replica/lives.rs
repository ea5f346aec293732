//! Any bytes as a replica's life: what the fuzzer does for longer.

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::replica::stamp::Tick;
use tidings_protocol::replica::state::Pen;
use tidings_protocol::replica::{Entry, Key, Kind, Message, ReplicaId, State, Write};
use tidings_protocol::testkit::fleet::life;

/// A message of a peer that writes one entry, as the script has it.
fn message(rng: &mut ChaCha8Rng, script: &mut Vec<u8>) {
    let kind = Kind::ALL[rng.random_range(0..5)];
    let key = Key::new(kind, &[rng.random_range(0..16)]).unwrap();
    let word = bytes::Bytes::from(vec![rng.random_range(0..4); rng.random_range(0..60)]);
    let write = match kind {
        Kind::Register | Kind::Siblings => Write::Put(word),
        Kind::Counter => Write::Add(rng.random()),
        Kind::Set => Write::Insert(word),
        Kind::Map => Write::PutField(word.slice(..word.len() / 2), word),
    };
    let millis = 1_000_000 + rng.random_range(0..100_000);
    let pen = Pen {
        writer: ReplicaId(rng.random_range(0..4)),
        tick: Tick { millis, count: 0 },
        limit: u64::MAX,
    };
    let Ok((state, _)) = State::written(None::<&State>, &key, write, pen) else { return };
    let bytes = Message::Entries([Entry { key, state }].into()).encode();
    if let Ok(len) = u8::try_from(bytes.len()) {
        script.extend([8 * rng.random_range(0..32), len]);
        script.extend(bytes);
    }
}

/// The scripts that the fuzzer begins with, too.
fn script(seed: u64) -> Vec<u8> {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let mut script = vec![rng.random(), 2, 130];
    for _ in 0..rng.random_range(0..80) {
        match rng.random_range(0..4) {
            0 | 1 => message(rng, &mut script),
            2 => script.push(rng.random()),
            _ => {
                let mut bytes = [0; 6];
                rng.fill_bytes(&mut bytes);
                script.extend(bytes);
            }
        }
    }
    script
}

#[test]
fn any_life_stays_within_its_bounds_and_ends_in_agreement() {
    for seed in 0..400 {
        let script = script(seed);
        let run = std::panic::catch_unwind(|| life::run(&script));
        assert!(run.is_ok(), "seed {seed}");
    }
}
