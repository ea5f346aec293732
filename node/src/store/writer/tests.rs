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

/// Of a size that counts.
fn big(n: u32, len: usize) -> Arc<Item> {
    let mut bytes = vec![7; len];
    bytes[..4].copy_from_slice(&n.to_le_bytes());
    Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
}

#[test]
fn what_waits_for_a_stuck_disk_is_bounded_in_bytes_and_the_rest_is_told_so() {
    // Nobody takes what is handed over, as if the disk were stuck.
    let (jobs, inbox) = sync_channel(JOBS_MAX);
    let store = StoreHandle {
        jobs,
        thread: thread::spawn(|| ()),
        gauges: Arc::default(),
        clock_before_s: None,
        recalled: None,
    };
    let waiting = || store.gauges.waiting_bytes.load(Ordering::Relaxed);
    let (len, refused) = (90_000, Arc::new(AtomicUsize::new(0)));
    let fit = WAITING_MAX_BYTES / len;
    for n in 0..u32::try_from(fit).unwrap() + 50 {
        let refused = Arc::clone(&refused);
        let change = Change::Put { item: big(n, len), own: true };
        let waiter = Waiter::new(move |saved| {
            assert_eq!(saved.unwrap_err().reason, "the disk is too slow");
            refused.fetch_add(1, Ordering::Relaxed);
        });
        store.save(change, vec![waiter]);
    }
    assert_eq!(refused.load(Ordering::Relaxed), 50);
    assert!(waiting() <= WAITING_MAX_BYTES);
    let note = vec![Change::Put { item: big(1_000_000, len), own: false }];
    assert_eq!(store.note(note.clone()), Err(note), "it is noted again by whoever wanted it");
    store.note(vec![Change::Remove(tx(0).id())]).unwrap();
    assert_eq!(inbox.try_iter().count(), fit + 1);
}

#[test]
fn while_the_disk_refuses_large_changes_leave_before_small_ones() {
    let put = |n: u32| Change::Put { item: big(n, 1_000_000), own: false };
    let half = WAITING_MAX_BYTES / 2;
    let mut kept: Vec<_> = (0..40).map(put).collect();
    kept.insert(0, Change::Remove(tx(1).id()));
    let dropped = drop_excess(&mut kept);
    assert!(matches!(kept[0], Change::Remove(_)));
    let bytes: usize = kept.iter().map(Change::bytes).sum();
    assert!(bytes <= half && bytes + 1_000_000 > half, "{bytes}");
    assert_eq!(dropped[0], put(0), "the oldest first");
    assert_eq!(dropped.len() + kept.len(), 41);
    let mut many: Vec<_> = (0..KEPT_MAX + 9).map(|_| Change::Time).collect();
    assert_eq!((drop_excess(&mut many).len(), many.len()), (9, KEPT_MAX));
}

#[test]
fn a_file_that_is_mostly_free_is_compacted_while_it_is_open() {
    let running = start(tempfile::tempdir().unwrap());
    for part in 0..5 {
        let items = (part * 100..part * 100 + 100).map(|n| big(n, 90_000));
        let changes = items.map(|item| Change::Put { item, own: false }).collect();
        running.store.note(changes).unwrap();
        running.save(1_000 + part).blocking_recv().unwrap().unwrap();
    }
    let size = || running.store.gauges().file_bytes.load(Ordering::Relaxed);
    assert!(size() > 40_000_000, "{}", size());
    let gone = (0..490).map(|n| Change::Remove(big(n, 90_000).id()));
    running.store.note(gone.collect()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while size() > 8_000_000 {
        assert!(Instant::now() < deadline, "{} bytes", size());
        thread::yield_now();
    }
    running.save(2_000).blocking_recv().unwrap().unwrap();
    assert_eq!(running.store.gauges().waiting_bytes.load(Ordering::Relaxed), 0);
    let folder = running.close();
    assert_eq!(Store::open(&config(&folder)).unwrap().len(), 10 + 5 + 1);
}
