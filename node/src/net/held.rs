//! What strangers make a node hold, in bytes of memory: counted where it waits, for each link and in all.
//!
//! Whatever waits has a [`Share`] of the one [`Account`]: a pipe for its messages, both half-written and half-read; a
//! muxer for its buffers. A share is what its owner last said that it holds, and nothing once it is dropped, so the account
//! is always the sum of all shares.
//!
//! Each owner is bounded by itself ([`crate::net::pipe`], [`crate::net::muxer`]). The account bounds all of them
//! together: over [`TOTAL_MAX`] a link is cut, and of those that hold more than [`FAIR_SHARE`] it is the one that has
//! done so for longest. Whoever takes a large block holds much for a moment; whoever doesn't read, for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Most bytes that all links may hold together. A guess: twenty of the largest blocks at once, and a node that is attacked stays below 160 MB
/// (SECURITY.md, `unfinished`).
pub(crate) const TOTAL_MAX: usize = 80 << 20;

/// What a link may hold without being in danger of its place: all links of a full node (133) may hold so much at once. A
/// guess.
pub(crate) const FAIR_SHARE: usize = 384 << 10;

/// What all links hold together.
#[derive(Debug, Default)]
pub(crate) struct Account {
    bytes: AtomicUsize,
    /// How often a link came to hold more than its fair share.
    greedy: AtomicU64,
    /// Connections closed for frames that no honest peer sends.
    floods: AtomicU64,
}

impl Account {
    /// Bytes held at present.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether a link is to be cut.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.bytes() > TOTAL_MAX
    }

    /// A connection was closed for flooding.
    pub(crate) fn note_flood(&self) {
        self.floods.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections closed for flooding so far.
    pub(crate) fn floods(&self) -> u64 {
        self.floods.load(Ordering::Relaxed)
    }
}

/// One owner's share of an account.
#[derive(Debug)]
pub(crate) struct Share {
    account: Arc<Account>,
    bytes: usize,
    greedy_since: Option<u64>,
}

impl Share {
    /// A share of nothing.
    pub(crate) const fn new(account: Arc<Account>) -> Self {
        Self { account, bytes: 0, greedy_since: None }
    }

    /// The owner holds so much from now on.
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.account.bytes.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.account.bytes.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        if bytes <= FAIR_SHARE {
            self.greedy_since = None;
        } else if self.greedy_since.is_none() {
            self.greedy_since = Some(self.account.greedy.fetch_add(1, Ordering::Relaxed));
        }
    }

    /// What the owner holds.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Since when the owner holds more than is fair: the lower, the longer. `None` if it doesn't.
    pub(crate) const fn greedy_since(&self) -> Option<u64> {
        self.greedy_since
    }

    /// The account that it is a share of.
    pub(crate) const fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_sum_of_its_shares_and_knows_who_was_greedy_first() {
        let account = Arc::new(Account::default());
        let [mut one, mut other] = [(); 2].map(|()| Share::new(Arc::clone(&account)));
        one.set(FAIR_SHARE);
        assert_eq!((account.bytes(), one.greedy_since()), (FAIR_SHARE, None));
        other.set(FAIR_SHARE + 1);
        one.set(FAIR_SHARE + 10);
        assert_eq!(account.bytes(), 2 * FAIR_SHARE + 11);
        assert!(other.greedy_since() < one.greedy_since(), "whoever was first stays first");
        other.set(5);
        assert_eq!((account.bytes(), other.greedy_since()), (FAIR_SHARE + 15, None));
        drop(one);
        assert_eq!((account.bytes(), account.is_overdrawn()), (5, false));
    }
}
