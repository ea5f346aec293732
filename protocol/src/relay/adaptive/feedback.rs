//! Feedback: what we say to peers about what they sent and announced.
//!
//! It isn't urgent, and a message of its own costs both ends more than the ids in it; so it waits for the
//! next lazy batch, or a little on a new link (`adaptive/batches.rs`).

use crate::ground::item::ShortId;
use crate::ground::link::Link;
use crate::relay::Step;
use crate::wire::message::{KNOWN_MAX, Signal};

/// Most ids that wait; more are not said, and the silence is taken for the opposite. A guess: a second of
/// 64 trials on each of 16 links.
const HELD_MAX: usize = 1_024;

/// One thing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Said {
    /// [`Signal::Known`].
    Known,
    /// [`Signal::First`].
    First,
}

/// What waits to be said, at most [`HELD_MAX`] ids. Empty, it holds no memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Feedback(Vec<(Link, Said, ShortId)>);

impl Feedback {
    /// Holds one thing to say.
    pub(super) fn hold(&mut self, link: Link, said: Said, id: ShortId) {
        if self.0.len() < HELD_MAX {
            self.0.push((link, said, id));
        }
    }

    /// A link is gone.
    pub(super) fn on_link_down(&mut self, gone: Link) {
        self.0.retain(|(link, ..)| *link != gone);
    }

    /// Whether anything waits for a link.
    pub(super) fn keeps(&self, link: Link) -> bool {
        self.0.iter().any(|(held, ..)| *held == link)
    }

    /// Says everything.
    pub(super) fn flush(&mut self, steps: &mut Vec<Step>) {
        let mut held = std::mem::take(&mut self.0);
        held.sort_unstable();
        let alike = |a: &(Link, Said, ShortId), b: &(Link, Said, ShortId)| (a.0, a.1) == (b.0, b.1);
        for group in held.chunk_by(alike) {
            for group in group.chunks(KNOWN_MAX) {
                let (link, said, _) = group[0];
                let ids = group.iter().map(|(.., id)| *id).collect();
                let signal = match said {
                    Said::Known => Signal::Known(ids),
                    Said::First => Signal::First(ids),
                };
                steps.push(Step::Signal(link, signal));
            }
        }
    }
}
