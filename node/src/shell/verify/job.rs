//! What a thread is given to do, and what it brings back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidings_protocol::chain::{self, Chain, Confirmed, Opened};
use tidings_protocol::ground::item::{Item, ItemId};

use super::verdicts::Verdicts;

/// Least items of a batch while more wait than one core takes at once: smaller ones cost more than they spread. So whoever opened a
/// block of which no more is new verifies that as well, while it has its bytes at hand.
pub(super) const BATCH_MIN: usize = 32;

/// What a thread is to do.
pub(super) enum Job {
    /// To open blocks, one after the other.
    Open(Vec<Arc<Item>>),
    /// To verify a batch, of a block if one is named.
    Verify(Option<ItemId>, Vec<Arc<Item>>),
}

/// What a thread did.
pub(super) enum Done {
    /// It opened blocks, and so many of their parts were remembered, of so many that were verified. The last is how long it took.
    Opened(Vec<(Arc<Item>, Body)>, [u64; 2], Duration),
    /// It verified a batch, of a block if one is named. The last is how long it took.
    Batch(Option<ItemId>, Vec<Arc<Item>>, Vec<chain::Verdict>, Duration),
}

/// What was found in a block.
pub(super) enum Body {
    /// It has to be verified as a whole.
    Whole,
    /// All of it was verified, or it isn't worth it.
    Judged(chain::Verdict),
    /// Parts that are to be verified, and what the block confirms.
    Parts(Vec<Arc<Item>>, Vec<Confirmed>),
}

impl Job {
    pub(super) fn run(self, chain: &dyn Chain, remembered: &Verdicts) -> Done {
        let began = Instant::now();
        match self {
            Self::Open(blocks) => {
                let mut counts = [0; 2];
                let mut open = |block: Arc<Item>| {
                    let body = open(&block, chain, remembered, &mut counts);
                    (block, body)
                };
                let opened = blocks.into_iter().map(&mut open).collect();
                Done::Opened(opened, counts, began.elapsed())
            }
            Self::Verify(block, items) => {
                let verdicts = chain.verify_batch(&items);
                Done::Batch(block, items, verdicts, began.elapsed())
            }
        }
    }
}

/// Opens a block, and verifies what is new of it if that is little.
fn open(
    block: &Item,
    chain: &dyn Chain,
    remembered: &Verdicts,
    [known, verified]: &mut [u64; 2],
) -> Body {
    let (mut parts, confirms) = match chain.open(block) {
        None => return Body::Whole,
        Some(Err(rejection)) => return Body::Judged(Err(rejection)),
        Some(Ok(Opened { parts, confirms })) => (parts, confirms),
    };
    let all = parts.len();
    parts.retain(|part| !remembered.knows(part, chain));
    *known += (all - parts.len()) as u64;
    if parts.is_empty() {
        return Body::Judged(confirming(confirms));
    }
    if parts.len() > BATCH_MIN {
        return Body::Parts(parts, confirms);
    }
    *verified += parts.len() as u64;
    let verdicts = chain.verify_batch(&parts);
    remembered.learn(&parts, &verdicts, chain);
    Body::Judged(match verdicts.into_iter().find_map(Result::err) {
        Some(rejection) => Err(rejection),
        None => confirming(confirms),
    })
}

/// The verdict on a block that is good.
pub(super) fn confirming(confirms: Vec<Confirmed>) -> chain::Verdict {
    Ok(chain::Verified { confirms, ..chain::Verified::default() })
}
