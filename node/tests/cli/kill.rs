//! A node is killed at random moments under load, and every submission that it acknowledged is still there.
//!
//! Twenty times by default; `KILLS=200 cargo test -p tidings acknowledged` kills it 200 times.
//! The moments depend on a seed, which a failure shows; `KILL_SEED` sets it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use tidings::api::Outcome;
use tidings::client::{Client, ClientError};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Folder, PATIENCE};

/// Who submit at once.
const SUBMITTERS: u64 = 16;

/// Longest time from the node's being up to its being killed.
pub(super) const LIFE_MAX: Duration = Duration::from_millis(300);

pub(super) fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} should be a number, not {value}")))
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Submits one item after the other until the node is gone, and notes what it acknowledged.
async fn submit(client: Client, tag: [u64; 2], acknowledged: Arc<Mutex<Vec<Hash256>>>) {
    for number in 0_u64.. {
        let mut bytes = vec![0; 300];
        for (place, word) in bytes.chunks_exact_mut(8).zip([tag[0], tag[1], number]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        match client.submit(ItemKind::Tx, bytes.into()).await {
            Ok(submitted) => {
                assert_eq!(submitted.outcome, Outcome::Accepted);
                acknowledged.lock().unwrap().extend(submitted.id);
            }
            Err(ClientError::Connect { .. } | ClientError::Broken { .. }) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs a node under load for so long, kills it, and returns what it acknowledged.
fn live_and_die(folder: &Folder, round: u64, life: Duration) -> Vec<Hash256> {
    let node = folder.run(&[]);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    runtime().block_on(async {
        let mut submitters = JoinSet::new();
        for who in 0..SUBMITTERS {
            let client = Client::unix(folder.file("admin.sock"));
            submitters.spawn(submit(client, [round, who], Arc::clone(&acknowledged)));
        }
        sleep(life).await;
        node.signal(Signal::KILL);
        submitters.join_all().await;
    });
    assert_eq!(node.code(), None, "it was killed");
    std::mem::take(&mut acknowledged.lock().unwrap())
}

/// Waits until everything stored is back, and counts what is missing of these.
async fn missing(client: &Client, ids: &[Hash256]) -> usize {
    let deadline = Instant::now() + PATIENCE;
    while client.status().await.unwrap().store.unwrap().restoring {
        assert!(Instant::now() < deadline, "what is stored doesn't come back");
        sleep(Duration::from_millis(5)).await;
    }
    let mut missing = 0;
    for id in ids {
        missing += usize::from(client.item(*id).await.unwrap().is_none());
    }
    missing
}

#[test]
fn every_acknowledged_submission_survives_a_kill() {
    let rounds = variable("KILLS").unwrap_or(20);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = variable("KILL_SEED").unwrap_or(now.as_secs());
    eprintln!("KILLS={rounds} KILL_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    let (mut all, mut checked) = (Vec::new(), 0);
    for round in 0..rounds {
        let life = LIFE_MAX.mul_f64(rng.random());
        let acknowledged = live_and_die(&folder, round, life);
        // Killed a second time while the items come back, now and then.
        if rng.random_bool(0.3) {
            let node = folder.run(&[]);
            std::thread::sleep(LIFE_MAX.mul_f64(rng.random::<f64>() / 10.0));
            node.signal(Signal::KILL);
        }
        let node = folder.run(&[]);
        let client = Client::unix(folder.file("admin.sock"));
        let missing = runtime().block_on(missing(&client, &acknowledged));
        assert_eq!(missing, 0, "of {} in round {round}; KILL_SEED={seed}", acknowledged.len());
        checked += acknowledged.len();
        all.extend(acknowledged);
        drop(node); // another kill
    }
    let _node = folder.run(&[]);
    let client = Client::unix(folder.file("admin.sock"));
    let missing = runtime().block_on(missing(&client, &all));
    assert_eq!(missing, 0, "of {checked} in all; KILL_SEED={seed}");
    eprintln!("{rounds} kills, {checked} acknowledged submissions, all there");
    assert!(checked as u64 > rounds, "hardly anything was submitted: {checked}");
}
