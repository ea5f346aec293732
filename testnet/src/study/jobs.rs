//! Independent pieces of work on several threads. Each piece runs on one thread from beginning to end, so
//! that its result is the same however many there are.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads the machine runs at once.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does `work` for every task, at most `jobs` at once, begun in their order. Results are in their order.
pub fn map<T: Sync, R: Send>(jobs: usize, tasks: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(tasks.iter().map(|_| None).collect());
    let run = || {
        while let Some((number, task)) = claim(&next, tasks) {
            let result = work(task);
            results.lock().expect("no thread panics while it holds the results")[number] =
                Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(tasks.len()) {
            scope.spawn(run);
        }
        run();
    });
    let results = results.into_inner().expect("no thread panics while it holds the results");
    results.into_iter().map(|result| result.expect("every task was claimed and done")).collect()
}

fn claim<'a, T>(next: &AtomicUsize, tasks: &'a [T]) -> Option<(usize, &'a T)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    tasks.get(number).map(|task| (number, task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_tasks_however_many_threads_there_are() {
        let tasks: Vec<u32> = (0..50).collect();
        for jobs in [0, 1, 3, 100] {
            let squares = map(jobs, &tasks, |task| task * task);
            assert!(squares.iter().zip(&tasks).all(|(square, task)| *square == task * task));
        }
        assert!(map(2, &[] as &[u32], |task| *task).is_empty());
    }
}
