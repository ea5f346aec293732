//! Names that lead to peers: which are asked when, and what each of them tells.
//!
//! # Rules
//! 1. **Nothing waits for a name.** Each is asked by a thread of its own, since the system's resolver may take half a minute,
//!    and the node starts without it. A node that ends doesn't wait either.
//! 2. **Names are asked by whoever needs them**: a node that knows no address at once; one that knows some gives them
//!    `FEW_WAIT`, or `MANY_WAIT`, and asks only if it has no two links of its own choice by then (Bitcoin Core: row 65 of
//!    `protocol/RELAY.md`). It asks again as long as that is so, after `RETRY_MIN`, twice that, and so on up to `RETRY_MAX`.
//! 3. **What one name tells is hearsay of one source** ([`Source::Lookup`]), whatever comes of it and from whichever
//!    server: whoever answers for a name that our operator trusts chooses a quarter of the links, and no more while anybody
//!    else tells anything. How much it tells is bounded (`names/resolver.rs`).
//! 4. **A failure is said once**, and again only after the name had led somewhere.

mod resolver;
mod texts;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::PeerId;
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::ground::peer::{PeerAddr, Source};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::resolver::{Question, look_up};
pub use self::resolver::{Resolver, System};
use crate::config::seeds::{Seed, SeedAt};

/// Most names that are asked; further ones aren't. A guess: Bitcoin Core has nine.
pub const NAMES_MAX: usize = 16;

/// How long known addresses have before a name is asked (Bitcoin Core: `DNSSEEDS_DELAY_FEW_PEERS`, `net.cpp`).
const FEW_WAIT: Duration = Duration::from_secs(11);

/// ... and if there are [`MANY`] of them (`DNSSEEDS_DELAY_MANY_PEERS`).
const MANY_WAIT: Duration = Duration::from_secs(5 * 60);

/// Many addresses (`DNSSEEDS_DELAY_PEER_THRESHOLD`).
const MANY: usize = 1_000;

/// A node with so many links of its own choice asks nobody (Bitcoin Core: two full outbound peers, in
/// `ThreadDNSAddressSeed`).
pub(crate) const LINKS_ENOUGH: usize = 2;

/// First wait before a name is asked again. A guess: what it told has been dialled by then.
const RETRY_MIN: Duration = Duration::from_secs(60);

/// Longest wait. A guess: records of seeds live for about as long.
const RETRY_MAX: Duration = Duration::from_secs(3_600);

/// What a name told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The name, as our operator wrote it.
    pub(crate) seed: String,
    /// Whose word it is.
    pub(crate) source: Source,
    /// Who has to be there.
    pub(crate) peer: Option<PeerId>,
    /// Where it leads; or why nowhere, and whether that is news.
    pub(crate) addrs: Result<Vec<PeerAddr>, (String, bool)>,
}

/// A name, and when it is asked.
#[derive(Debug)]
struct Asked {
    question: Question,
    seed: String,
    source: Source,
    /// `None` while it is being asked.
    due: Option<Instant>,
    /// How often it was asked in vain, or in spite of what it told.
    rounds: u32,
    has_failed: bool,
}

/// All names. Bounded by [`NAMES_MAX`], and so are their threads: none is asked twice at once.
#[derive(Debug)]
pub(crate) struct Names {
    asked: Vec<Asked>,
    resolver: Arc<dyn Resolver>,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
}

#[derive(Debug)]
struct Answer {
    index: usize,
    addrs: Result<Vec<PeerAddr>, String>,
}

/// The source that a look-up is, the same in every run.
pub(crate) fn source_of(text: &str) -> Source {
    let hash = Hash256::of(text.as_bytes()).0;
    let (first, _) = hash.split_first_chunk().expect("a hash is longer than eight bytes");
    Source::Lookup(u64::from_be_bytes(*first))
}

impl Names {
    /// The names among some seeds, to be asked of `resolver` when a node that knows so many addresses needs them. `local` is whether
    /// addresses that aren't the world's may be told.
    pub(crate) fn new(
        seeds: &[Seed],
        resolver: Arc<dyn Resolver>,
        (known, local): (usize, bool),
        now: Instant,
    ) -> Self {
        let wait = match known {
            0 => Duration::ZERO,
            1..MANY => FEW_WAIT,
            _ => MANY_WAIT,
        };
        let mut asked: Vec<Asked> = Vec::new();
        for seed in seeds {
            let SeedAt::Name(name) = &seed.at else { continue };
            let question = Question { name: name.clone(), peer: seed.peer, local };
            let is_known = asked.iter().any(|other| other.seed == seed.to_string());
            if is_known || asked.len() >= NAMES_MAX {
                continue;
            }
            asked.push(Asked {
                question,
                // Who has to be there doesn't make it another source.
                source: source_of(&name.to_string()),
                seed: seed.to_string(),
                due: Some(now + wait),
                rounds: 0,
                has_failed: false,
            });
        }
        Self { asked, resolver, answers: mpsc::channel(NAMES_MAX) }
    }

    /// When one is due to be asked next, if one is.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.asked.iter().filter_map(|asked| asked.due).min()
    }

    /// Whether an answer is still to come.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked.iter().any(|asked| asked.due.is_none())
    }

    /// Asks the names that are due, if the node needs any.
    pub(crate) fn tick(&mut self, is_needed: bool, now: Instant) {
        for (index, asked) in self.asked.iter_mut().enumerate() {
            if asked.due.is_none_or(|due| due > now) {
                continue;
            }
            if !is_needed {
                (asked.due, asked.rounds) = (Some(now + RETRY_MIN), 0);
                continue;
            }
            asked.due = None;
            let (question, resolver) = (asked.question.clone(), Arc::clone(&self.resolver));
            let answers = self.answers.0.clone();
            let ask = move || {
                let found = AssertUnwindSafe(|| look_up(&question, &*resolver));
                let found = std::panic::catch_unwind(found);
                let addrs = found.unwrap_or_else(|_| Err("the look-up failed".to_owned()));
                // As many fit as there are names.
                let _ = answers.try_send(Answer { index, addrs });
            };
            if let Err(error) = std::thread::Builder::new().name("name".to_owned()).spawn(ask) {
                let addrs = Err(format!("there is no thread for it ({error})"));
                let _ = self.answers.0.try_send(Answer { index, addrs });
            }
        }
    }

    /// The next answer.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Told> {
        match self.answers.1.poll_recv(cx) {
            Poll::Ready(Some(answer)) => Poll::Ready(self.on_answer(answer, now)),
            // We hold a sender ourselves.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn on_answer(&mut self, Answer { index, addrs }: Answer, now: Instant) -> Told {
        let asked = &mut self.asked[index];
        let wait = RETRY_MIN.saturating_mul(1 << asked.rounds.min(16)).min(RETRY_MAX);
        asked.due = Some(now + wait);
        asked.rounds += 1;
        let is_news = addrs.is_err() && !std::mem::replace(&mut asked.has_failed, addrs.is_err());
        Told {
            seed: asked.seed.clone(),
            source: asked.source,
            peer: asked.question.peer,
            addrs: addrs.map_err(|why| (why, is_news)),
        }
    }
}

#[cfg(test)]
mod tests;
