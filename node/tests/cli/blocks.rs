//! The chain of blocks as its operator meets it: a node that is killed, a full disk, and what is refused.
//!
//! Twenty kills by default; `KILLS=200 cargo test -p tidings whole_after_a_kill` makes it 200. The moments depend on a seed,
//! which a failure shows; `KILL_SEED` sets it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use serde_json::{Value, json};
use tidings::api::Outcome;
use tidings::blocks::{BlockStore, BlocksConfig, SEGMENT_BYTES};
use tidings::client::{Client, ClientError};
use tidings::files::network::{Meaning, Network};
use tidings_protocol::chain::tidings::Block;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::kill::{LIFE_MAX, runtime, variable};
use super::store::limit_files;
use super::{Folder, eventually};

/// Who submit at once, often on top of the same block.
const SUBMITTERS: u64 = 4;

/// A folder of a network whose blocks prove no work.
pub(super) fn free() -> Folder {
    let folder = Folder::new();
    let path = folder.file("network.toml");
    let network = fs::read_to_string(&path).unwrap();
    let changed = network.replace("difficulty_bits = 16", "difficulty_bits = 0");
    assert_ne!(changed, network);
    fs::write(path, changed).unwrap();
    folder
}

/// The first block of a network without work.
fn first(n: u64) -> Bytes {
    Block::mine(Hash256([0; 32]), &[], n, 0).unwrap()
}

fn id(block: &[u8]) -> Hash256 {
    tidings_protocol::chain::tidings::Header::id(block).unwrap()
}

impl Folder {
    fn submit_block(&self, block: &[u8]) -> (i32, String) {
        fs::write(self.file("item"), block).unwrap();
        let output = self.tidings(&["submit", "--block", self.file("item").to_str().unwrap()]);
        let said = String::from_utf8(output.stdout.clone()).unwrap() + &super::stderr(&output);
        (super::code(&output), said)
    }

    fn kept(&self) -> Value {
        self.json(&["status"])["block_store"]["blocks"].clone()
    }

    /// What is on the disk while no node runs.
    pub(super) fn blocks(&self) -> BlockStore {
        let network = Network::load(&self.file("network.toml")).unwrap();
        let chain = network.chain();
        let config = BlocksConfig {
            folder: self.file("blocks"),
            network: network.name.clone(),
            rules: Meaning::of(&network),
            root: chain.root().unwrap(),
            chain,
            kept: None,
            max_bytes: None,
            segment_bytes: SEGMENT_BYTES,
        };
        BlockStore::open(&config).unwrap()
    }
}

#[test]
fn a_submitted_block_is_kept_once_and_headers_come_back() {
    let folder = free();
    let node = folder.run(&[]);
    assert_eq!(folder.submit_block(&first(1)).0, 0);
    let status = folder.json(&["status"]);
    assert_eq!(
        (&status["block_store"]["blocks"], &status["store"]["items"]),
        (&json!(1), &json!(0))
    );
    node.signal(Signal::KILL);
    node.code();
    let _node = folder.run(&[]);
    assert_eq!(folder.kept(), 1);
    let client = Client::unix(folder.file("admin.sock"));
    let item = runtime().block_on(client.item(id(&first(1)))).unwrap();
    assert_eq!(item, Some(first(1)), "the core hasn't it, but the disk has");
    assert_eq!(folder.submit_block(&first(2)).0, 0);
    let text = String::from_utf8(folder.tidings(&["status"]).stdout).unwrap();
    assert!(text.contains("kept       2 blocks, "), "{text}");
}

#[test]
fn without_a_store_and_without_a_chain_no_blocks_are_kept() {
    let folder = free();
    let node = folder.run(&["--set", "store.enabled=false"]);
    assert_eq!(folder.submit_block(&first(1)).0, 0);
    assert_eq!(folder.json(&["status"])["block_store"], Value::Null);
    drop(node);
    assert!(!folder.file("blocks").exists());
    let folder = Folder::empty();
    folder.json(&["init", "--rules", "opaque"]);
    drop(folder.run(&[]));
    assert!(!folder.file("blocks").exists());
}

#[test]
fn blocks_of_another_network_and_too_few_of_them_are_refused() {
    let folder = free();
    drop(folder.run(&[]));
    let network = fs::read_to_string(folder.file("network.toml")).unwrap();
    fs::write(folder.file("network.toml"), network.replace("tidings-dev", "elsewhere")).unwrap();
    fs::remove_file(folder.file("store.redb")).unwrap();
    let error = folder.fails(78, &["run", "--listen", "127.0.0.1:0"]);
    assert!(error.contains("belong to the network `tidings-dev`"), "{error}");
    let error = folder.fails(78, &["run", "--set", "blocks.kept=5"]);
    assert!(
        error.contains("`blocks.kept` in flag --set blocks.kept is 5, but must be at least 288"),
        "{error}"
    );
}

#[test]
fn on_a_full_disk_a_submitted_block_fails_with_a_reason_and_is_kept_later() {
    let folder = free();
    // A node that ignores the signal of a file that is too large, as one does that writes to a full disk.
    let node = folder.run_by(|command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(command.get_program());
        shell.args(command.get_args()).envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
        shell.process_group(0);
        shell
    });
    assert_eq!(folder.submit_block(&first(1)).0, 0);
    // First the blocks' file is too large, then their index.
    for (kept, limit) in [(1, 200), (2, 4_096)] {
        limit_files(&node, Some(limit));
        let (failed, message) = folder.submit_block(&first(1 + kept));
        assert_eq!(failed, 1, "{message}");
        assert!(message.contains("could not be saved"), "{message}");
        assert!(message.contains("make room"), "{message}");
        assert_eq!(folder.kept(), kept);
        limit_files(&node, None);
        eventually("what failed is kept after all", || folder.kept() == kept + 1);
    }
    assert_eq!(folder.submit_block(&first(4)).0, 0);
    node.signal(Signal::KILL);
    node.code();
    assert_eq!(folder.blocks().len(), 4);
}

/// The chain so far: its length and its last block.
type Tip = Arc<Mutex<(u32, Hash256)>>;

/// Submits blocks on top of the last one until the node is gone, and notes those that it acknowledged.
async fn submit(client: Client, tag: u64, tip: Tip, acknowledged: Arc<Mutex<Vec<Hash256>>>) {
    for number in 0_u64.. {
        let (height, parent) = *tip.lock().unwrap();
        let block = Block::mine(parent, &[], tag << 32 | number, 0).unwrap();
        let submitted = match client.submit(ItemKind::Block, block.clone()).await {
            Ok(submitted) => submitted,
            Err(ClientError::Connect { .. } | ClientError::Broken { .. }) => return,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(submitted.outcome, Outcome::Accepted, "{submitted:?}");
        acknowledged.lock().unwrap().extend(submitted.id);
        let mut tip = tip.lock().unwrap();
        *tip = (*tip).max((height + 1, id(&block)));
    }
}

#[test]
fn every_acknowledged_block_is_whole_after_a_kill() {
    let rounds = variable("KILLS").unwrap_or(20);
    let seed = variable("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("KILLS={rounds} KILL_SEED={seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (folder, mut all) = (free(), Vec::new());
    let tip: Tip = Arc::new(Mutex::new((0, Hash256([0; 32]))));
    for round in 0..rounds {
        let node = folder.run(&[]);
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        runtime().block_on(async {
            let mut submitters = JoinSet::new();
            for who in 0..SUBMITTERS {
                let client = Client::unix(folder.file("admin.sock"));
                let tag = round * SUBMITTERS + who;
                submitters.spawn(submit(client, tag, Arc::clone(&tip), Arc::clone(&acknowledged)));
            }
            sleep(LIFE_MAX.mul_f64(rng.random())).await;
            node.signal(Signal::KILL);
            submitters.join_all().await;
        });
        assert_eq!(node.code(), None, "it was killed");
        all.append(&mut acknowledged.lock().unwrap());
        let store = folder.blocks();
        let reader = store.reader();
        for hash in &all {
            let block = reader.read(ItemId::block(*hash)).unwrap();
            assert!(block.is_some(), "{hash} in round {round}; KILL_SEED={seed}");
        }
        assert_eq!(store.headers().unwrap().len() as u64, store.len());
    }
    eprintln!("{rounds} kills, {} acknowledged blocks, all there", all.len());
    assert!(all.len() as u64 > rounds, "hardly anything was submitted: {}", all.len());
}
