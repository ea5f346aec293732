//! What the thread promises to those who wait for it.

use std::fs;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tokio::sync::oneshot;

use super::*;
use crate::clock::SystemClock;
use crate::files::network::Meaning;

/// A store with its thread, in a temporary folder.
struct Running {
    folder: tempfile::TempDir,
    store: StoreHandle,
    restored: mpsc::Receiver<Vec<Restored>>,
}

fn config(folder: &tempfile::TempDir) -> StoreConfig {
    StoreConfig {
        path: folder.path().join("store.redb"),
        network: "test".to_owned(),
        rules: Meaning::default(),
        orphan_expiry: Duration::from_secs(1_000),
        clock: SystemClock::default(),
        map: false,
        chain: Arc::new(Opaque::default()),
        expiry: Duration::from_secs(1_000),
    }
}

fn start(folder: tempfile::TempDir) -> Running {
    let (store, restored) = StoreHandle::start(config(&folder), Histogram::noop()).unwrap();
    Running { folder, store, restored }
}

fn tx(n: u32) -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, n.to_le_bytes().to_vec().into()).unwrap()
}

fn put(n: u32) -> Change {
    Change::Put { item: tx(n), own: true }
}

impl Running {
    fn save(&self, n: u32) -> oneshot::Receiver<Result<(), NotSaved>> {
        let (reply, answer) = oneshot::channel();
        self.store.save(put(n), vec![Waiter::new(|saved| drop(reply.send(saved)))]);
        answer
    }

    /// What a crash at this moment would leave.
    fn after_a_crash(&self) -> usize {
        let (crashed, config) = (tempfile::tempdir().unwrap(), config(&self.folder));
        let copy = crashed.path().join("store.redb");
        fs::copy(&config.path, &copy).unwrap();
        Store::open(&StoreConfig { path: copy, ..config }).unwrap().len()
    }

    fn close(self) -> tempfile::TempDir {
        drop(self.restored);
        self.store.close();
        self.folder
    }

    fn commits(&self) -> u64 {
        self.store.gauges().commits.load(Ordering::Relaxed)
    }
}

#[test]
fn an_answer_means_that_the_item_is_in_the_file() {
    let running = start(tempfile::tempdir().unwrap());
    for n in 0..5 {
        running.save(n).blocking_recv().unwrap().unwrap();
        assert_eq!(running.after_a_crash(), n as usize + 1);
    }
    assert_eq!(running.store.gauges().waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn what_comes_together_shares_a_commit() {
    // The thread waits for somebody to take what it hands back; meanwhile others come.
    let folder = start(tempfile::tempdir().unwrap()).close();
    let before: Vec<_> = (0..1_000).map(put).collect();
    Store::open(&config(&folder)).unwrap().apply(&before).unwrap();
    let running = start(folder);
    let answers: Vec<_> = (1_000..1_500).map(|n| running.save(n)).collect();
    let Running { folder, store, restored } = running;
    drop(restored);
    for answer in answers {
        answer.blocking_recv().unwrap().unwrap();
    }
    let commits = store.gauges().commits.load(Ordering::Relaxed);
    assert!((1..=5).contains(&commits), "{commits} commits for 500 submissions");
    store.close();
    assert_eq!(Store::open(&config(&folder)).unwrap().len(), 1_500);
}

#[test]
fn everything_comes_back_while_submissions_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let before: Vec<_> = (0..1_000).map(put).collect();
    Store::open(&config(&folder)).unwrap().apply(&before).unwrap();
    let mut running = start(folder);
    assert!(running.store.gauges().restoring.load(Ordering::Relaxed));
    let (mut back, mut answers) = (Vec::<ItemId>::new(), Vec::new());
    while let Some(batch) = running.restored.blocking_recv() {
        back.extend(batch.iter().map(|restored| restored.item.id()));
        answers.push(running.save(1_000 + u32::try_from(back.len()).unwrap()));
    }
    let expected: Vec<_> = (0..1_000).map(|n| tx(n).id()).collect();
    assert_eq!(back, expected, "what is submitted meanwhile doesn't come back");
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().unwrap().is_ok()));
    assert!(!running.store.gauges().restoring.load(Ordering::Relaxed));
}

#[test]
fn whatever_was_handed_over_is_saved_before_it_closes() {
    let running = start(tempfile::tempdir().unwrap());
    running.store.note((0..100).map(put).collect()).unwrap();
    running.store.note(vec![Change::Remove(tx(0).id())]).unwrap();
    let folder = running.close();
    assert_eq!(Store::open(&config(&folder)).unwrap().len(), 99);
}

#[test]
fn what_changes_nothing_costs_no_commit_of_the_database() {
    let running = start(tempfile::tempdir().unwrap());
    running.save(1).blocking_recv().unwrap().unwrap();
    let before = fs::read(running.folder.path().join("store.redb")).unwrap();
    running.store.note(vec![Change::Remove(tx(7).id()), put(1)]).unwrap();
    running.save(1).blocking_recv().unwrap().unwrap();
    assert!(running.commits() >= 2);
    assert!(fs::read(running.folder.path().join("store.redb")).unwrap() == before);
}
