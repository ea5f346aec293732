//! The library alone: batches of signatures, and nothing around them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_zebra::{Signature, VerificationKeyBytes, batch};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use rustix::time::{ClockId, clock_gettime};
use tidings_protocol::chain::tidings::Transfer;
use tidings_protocol::ground::item::Item;

/// Signatures a batch: as many as the node takes at most.
const BATCH: usize = 256;

/// Most signatures that are measured: enough for a second.
const SIGNATURES_MAX: usize = 50_000;

/// What the library does.
pub(crate) struct Bare {
    /// Signatures a second, all threads together.
    pub(crate) rate: f64,
    /// CPU time a signature, microseconds.
    pub(crate) cpu_us: f64,
}

/// Verifies the transactions' signatures on so many threads, each on a core of its own.
pub(crate) fn run(items: &Arc<[Arc<Item>]>, threads: usize) -> Bare {
    let count = items.len().min(SIGNATURES_MAX);
    let start = Instant::now();
    let verifiers: Vec<_> = (0..threads)
        .map(|thread| {
            let items = Arc::clone(items);
            std::thread::spawn(move || {
                crate::pin(&[thread]);
                let before = thread_time();
                items[..count].chunks(BATCH).skip(thread).step_by(threads).for_each(verify);
                thread_time() - before
            })
        })
        .collect();
    let cpu: Duration = verifiers.into_iter().map(|thread| thread.join().unwrap()).sum();
    let count = count as f64;
    Bare { rate: count / start.elapsed().as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / count }
}

fn verify(items: &[Arc<Item>]) {
    let mut batch = batch::Verifier::new();
    for item in items {
        let (signed, signature) = item.bytes().split_last_chunk::<64>().unwrap();
        let sender = Transfer::parse(item.bytes()).unwrap().sender;
        batch.queue((VerificationKeyBytes::from(sender), Signature::from_bytes(signature), signed));
    }
    batch.verify(ChaCha20Rng::seed_from_u64(1)).unwrap();
}

fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
