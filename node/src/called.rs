//! Tells a task which of the things that it waits for have called it.
//!
//! A waker says that there is something, not what. So a task looks at all that it waits for whenever it runs, and what
//! it looks at in vain is most of what a small message costs: the code is cold each time. What waits on
//! [`Called::waker`] instead of the task's own is looked at only after it has called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use futures::task::AtomicWaker;

/// Some of the things that a task waits for.
#[derive(Debug)]
pub(crate) struct Called {
    shared: Arc<Shared>,
    waker: Waker,
}

#[derive(Debug)]
struct Shared {
    is_called: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_called.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Called {
    /// Called already: nothing waits for a call before it was looked at.
    pub(crate) fn new() -> Self {
        let shared = Arc::new(Shared { is_called: true.into(), task: AtomicWaker::new() });
        Self { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Whether there was a call since this was last asked. The task is woken by the next one.
    pub(crate) fn take(&self, cx: &Context<'_>) -> bool {
        self.shared.task.register(cx.waker());
        self.shared.is_called.swap(false, Ordering::AcqRel)
    }

    /// They are to be looked at again: not all of them were, or one had something.
    pub(crate) fn again(&self) {
        self.shared.is_called.store(true, Ordering::Release);
    }

    /// What they call.
    pub(crate) const fn waker(&self) -> &Waker {
        &self.waker
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker_ref;

    use super::*;

    #[test]
    fn a_task_looks_only_at_what_has_called() {
        let cx = Context::from_waker(noop_waker_ref());
        let (one, other) = (Called::new(), Called::new());
        assert!(one.take(&cx) && other.take(&cx), "at first it looks at everything");
        one.waker().wake_by_ref();
        assert_eq!((one.take(&cx), other.take(&cx)), (true, false));
        assert!(!one.take(&cx));
        one.again();
        assert!(one.take(&cx));
    }

    #[test]
    fn a_call_wakes_the_task() {
        let task = Called::new();
        let cx = Context::from_waker(task.waker());
        let called = Called::new();
        assert!(called.take(&cx) && task.take(&Context::from_waker(noop_waker_ref())));
        called.waker().wake_by_ref();
        assert!(task.take(&Context::from_waker(noop_waker_ref())));
    }
}
