//! What the thread promises to those who wait for it.

use std::fs;

use tokio::sync::oneshot;

use super::super::tests::{Place, block, blocks};
use super::*;
use tidings_protocol::ground::item::Hash256;

/// A folder of blocks with its thread.
struct Running {
    place: Place,
    handle: BlocksHandle,
}

type Answer = oneshot::Receiver<Result<(), NotSaved>>;

impl Running {
    fn start(place: Place) -> Self {
        let (handle, _) = BlocksHandle::start(&place.config, Histogram::noop()).unwrap();
        Self { place, handle }
    }

    fn keep(&self, block: &Arc<Item>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let waiter = Waiter::new(|saved| drop(reply.send(saved)));
        self.handle.keep(block, None, 0, vec![waiter]);
        answer
    }

    /// What a crash at this moment would leave.
    fn after_a_crash(&self) -> u64 {
        let crashed = Place::new();
        fs::create_dir(crashed.folder()).unwrap();
        for entry in fs::read_dir(self.place.folder()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), crashed.folder().join(entry.file_name())).unwrap();
        }
        crashed.open().len()
    }

    fn close(self) -> Place {
        self.handle.close();
        self.place
    }
}

#[test]
fn an_answer_means_that_the_block_is_on_the_disk() {
    let running = Running::start(Place::new());
    for (n, block) in (1..).zip(blocks(5, 100)) {
        running.keep(&block).blocking_recv().unwrap().unwrap();
        assert_eq!(running.after_a_crash(), n);
    }
    assert_eq!(running.handle.gauges().waiting.load(Ordering::Relaxed), 0);
    assert_eq!(running.handle.unwritten_bytes(), 0);
}

#[test]
fn blocks_that_come_together_share_commits_and_are_read_before_they_are_written() {
    let (running, all) = (Running::start(Place::new()), blocks(500, 100));
    let answers: Vec<_> = all.iter().map(|block| running.keep(block)).collect();
    let reader = running.handle.reader().clone();
    for block in &all {
        assert_eq!(reader.read(block.id()).unwrap().as_ref(), Some(block));
    }
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().unwrap().is_ok()));
    let commits = running.handle.gauges().commits.load(Ordering::Relaxed);
    assert!(commits < 100, "{commits} commits for 500 blocks");
    drop(reader);
    let place = running.close();
    let (handle, headers) = BlocksHandle::start(&place.config, Histogram::noop()).unwrap();
    assert_eq!((headers.len(), handle.gauges().blocks.load(Ordering::Relaxed)), (500, 500));
}

#[test]
fn while_the_disk_refuses_blocks_wait_in_memory_and_are_written_afterwards() {
    let (running, all) = (Running::start(Place::new()), blocks(9, 1_000));
    running.keep(&all[0]).blocking_recv().unwrap().unwrap();
    // The next file of blocks can't be made.
    let obstacle = running.place.file("blk00001.dat");
    fs::create_dir(&obstacle).unwrap();
    for block in &all[1..3] {
        running.keep(block).blocking_recv().unwrap().unwrap();
    }
    for block in &all[3..] {
        running.keep(block).blocking_recv().unwrap().unwrap_err();
    }
    assert!(running.handle.gauges().failures.load(Ordering::Relaxed) > 0);
    assert!(running.handle.unwritten_bytes() > 6_000);
    let reader = running.handle.reader();
    assert!(all.iter().all(|block| reader.read(block.id()).unwrap().as_ref() == Some(block)));
    assert_eq!(running.after_a_crash_but_for(&obstacle), 3);
    fs::remove_dir(&obstacle).unwrap();
    let place = running.close();
    let store = place.open();
    assert_eq!((store.len(), store.segments_len()), (9, 3));
}

impl Running {
    fn after_a_crash_but_for(&self, obstacle: &std::path::Path) -> u64 {
        fs::remove_dir(obstacle).unwrap();
        let left = self.after_a_crash();
        fs::create_dir(obstacle).unwrap();
        left
    }
}

#[test]
fn what_finds_no_room_to_wait_is_not_kept_and_said_so() {
    let running = Running::start(Place::new());
    let obstacle = running.place.file("blk00000.dat");
    fs::create_dir(&obstacle).unwrap();
    let large = |n| block(Hash256([7; 32]), n, 3 << 20);
    let answers: Vec<_> = (0..12).map(|n| running.keep(&large(n))).collect();
    let dropped = running.handle.gauges().dropped.load(Ordering::Relaxed);
    assert_eq!(dropped, 2, "there is room for ten of three megabytes");
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().unwrap().is_err()));
    assert!(running.handle.unwritten_bytes() <= WAITING_MAX_BYTES);
    let reader = running.handle.reader();
    let here = (0..12).filter(|n| reader.read(large(*n).id()).unwrap().is_some()).count();
    assert_eq!(here, 10);
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(running.close().open().len(), 10);
}

#[test]
fn a_lost_block_is_not_there_any_more() {
    let (running, all) = (Running::start(Place::new()), blocks(2, 100));
    all.iter().for_each(|block| running.keep(block).blocking_recv().unwrap().unwrap());
    running.handle.lost(all[0].id());
    assert_eq!(running.handle.gauges().damaged.load(Ordering::Relaxed), 1);
    let place = running.close();
    let reader = place.open().reader();
    assert!(reader.read(all[0].id()).unwrap().is_none());
    assert!(reader.read(all[1].id()).unwrap().is_some());
}

#[test]
fn what_nobody_waits_for_gathers_and_what_somebody_waits_for_takes_it_along() {
    let (running, all) = (Running::start(Place::new()), blocks(300, 100));
    all[..299].iter().for_each(|block| running.handle.keep(block, None, 0, Vec::new()));
    running.keep(&all[299]).blocking_recv().unwrap().unwrap();
    assert_eq!(running.handle.unwritten_bytes(), 0);
    let commits = running.handle.gauges().commits.load(Ordering::Relaxed);
    assert!(commits < 30, "{commits} commits for 300 blocks");
    // What nobody waits for is written all the same.
    running.handle.keep(&block(Hash256([7; 32]), 1_000, 100), None, 0, Vec::new());
    while running.handle.unwritten_bytes() > 0 {
        thread::yield_now();
    }
    assert_eq!(running.close().open().len(), 301);
}
