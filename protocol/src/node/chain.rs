//! Blocks join the chain and leave it, and what they contain leaves the pool and comes back.
//!
//! A block that passed the rules is stored. If it ends the branch of most work it is connected, at once if it follows the last one. Else
//! the blocks that aren't on its branch are disconnected first, the last one first; what they contained waits in limbo until the new
//! branch is connected, and what that doesn't contain is pooled again. Nobody is told of it: those who were on the same branch have it,
//! and comparisons tell the others.
//!
//! # What may go wrong
//! | what | what follows |
//! |---|---|
//! | a block whose parent nobody told of | it isn't taken; whoever sent it is asked for headers |
//! | a block, or branch, of little work | it isn't taken |
//! | a block that breaks a rule | its branch is forgotten, up to it; whoever builds on it loses the link |
//! | the driver can't read a block that is to be connected | it is fetched again |
//! | it can't read one that is to leave | it leaves, and what it contained doesn't come back |

use std::sync::Arc;

use bytes::Bytes;

use super::Node;
use crate::blocks::activation::Portion;
use crate::blocks::blockchain::Blockchain;
use crate::blocks::limbo::Returning;
use crate::blocks::tree::{Refusal, Step, Tree, Worth};
use crate::chain::{Confirmed, ConflictKey, Disconnected, Rejection};
use crate::ground::bringer::Bringer;
use crate::ground::item::{Hash256, Item, ItemId};
use crate::ground::link::{Link, LinkSet};
use crate::items::seen::{Outcome, Seen};
use crate::machine::{Action, Cx, Load, Loaded};
use crate::node::orphans::ParentStatus;
use crate::record::ItemEvent;
use crate::report::event::Departure;
use crate::report::event::Event;

/// So many of the last blocks of an earlier run are connected once more, so that what they contain is known to be confirmed. A
/// guess: what they contain is hardly asked for later.
const CONNECTED_AGAIN: u32 = 6;

/// Most transactions that are pooled again in one input: half a millisecond's work. A guess.
const RETURNED_MAX: usize = 64;

/// So many heights beyond the last connected block one that wasn't asked for isn't taken (Bitcoin Core: `MIN_BLOCKS_TO_KEEP`, in
/// `AcceptBlock`, `validation.cpp`).
const AHEAD_MAX: u32 = 288;

/// The block before isn't known.
pub(super) const UNKNOWN_PARENT: Rejection = Rejection::policy("unknown-parent");

/// Why a block isn't taken, by its place in the tree.
const fn rejection(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::Unconnected => UNKNOWN_PARENT,
        Refusal::Invalid => Rejection::invalid("builds-on-invalid"),
        Refusal::TooLittleWork => Rejection::policy("too-little-work"),
        Refusal::Full => Rejection::policy("too-many-headers"),
    }
}

impl Node {
    /// The tree of headers, if these rules have a chain and anything was heard of it.
    #[must_use]
    pub fn tree(&self) -> Option<&Tree> {
        self.blockchain.as_deref().map(|chain| &chain.tree)
    }

    /// The chain, if these rules have one.
    pub(super) fn chain_of(&mut self, cx: &Cx<'_>) -> Option<&mut Blockchain> {
        if self.blockchain.is_none() {
            let root = cx.chain.root()?;
            self.blockchain = Some(Box::new(Blockchain::new(root, self.salt)));
        }
        self.blockchain.as_deref_mut()
    }

    /// The headers of an earlier run.
    pub(super) fn on_kept_headers(&mut self, headers: &[Bytes], cx: &mut Cx<'_>) {
        let (rules, max) = (cx.chain, cx.params.blocks.headers_max);
        let Some(chain) = self.chain_of(cx) else { return };
        for bytes in headers {
            let Ok(header) = rules.header(bytes) else { continue };
            if chain.tree.insert(&header, bytes, Worth::Vouched, max).is_ok() {
                chain.tree.on_stored(header.id);
            }
        }
        chain.tree.resume(CONNECTED_AGAIN);
        self.advance(cx);
    }

    /// Finds the place of a block by its header. Our operator's may lead to little work.
    ///
    /// # Errors
    /// When it has none, and why.
    pub(super) fn place_block(
        &mut self,
        bytes: &[u8],
        is_ours: bool,
        cx: &Cx<'_>,
    ) -> Result<(), Rejection> {
        let (rules, max) = (cx.chain, cx.params.blocks.headers_max);
        let Some(chain) = self.chain_of(cx) else { return Ok(()) };
        let header = rules.header(bytes)?;
        let bytes = &bytes[..header.len.min(bytes.len())];
        let worth = if is_ours { Worth::Vouched } else { Worth::Unknown };
        chain.tree.insert(&header, bytes, worth, max).map(|_| ()).map_err(rejection)
    }

    /// Whether a block comes so early that it isn't taken unless it was asked for.
    pub(super) fn is_far_ahead(&self, bytes: &[u8], cx: &Cx<'_>) -> bool {
        let Some(chain) = &self.blockchain else { return false };
        let header = cx.chain.header(bytes).ok();
        let parent = header.and_then(|header| chain.tree.get(header.parent));
        parent.is_some_and(|parent| parent.height >= chain.tree.tip().height + AHEAD_MAX)
    }

    /// A block has no place, since nobody told of the one before it: whoever sent it is asked.
    pub(super) fn on_unplaced(&mut self, link: Link, block: &Item, cx: &mut Cx<'_>) {
        self.requests.on_arrived(block.id(), cx.now, &cx.params.requests);
        self.record.note(link, block.id(), ItemEvent::Rejected(UNKNOWN_PARENT.rule), cx.now);
        self.ask_what_precedes(link, block.id().hash(), cx);
    }

    /// A block passed the rules. Says whether it is news for others.
    pub(super) fn store_block(
        &mut self,
        block: &Arc<Item>,
        confirms: Vec<Confirmed>,
        cx: &Cx<'_>,
    ) -> bool {
        let id = block.id().hash();
        let Some(chain) = self.chain_of(cx) else { return true };
        chain.tree.on_stored(id);
        chain.activation.on_verified(id, confirms);
        let is_news = chain.tree.is_news(id);
        if is_news {
            chain.told = Some(id);
        }
        for gone in self.blocks.insert(block.clone(), &cx.params.memory) {
            self.seen.release(gone);
        }
        is_news
    }

    /// A block broke a rule.
    pub(super) fn on_invalid_block(&mut self, id: ItemId) {
        if let Some(chain) = &mut self.blockchain {
            chain.tree.on_invalid(id.hash());
        }
    }

    /// Takes all steps towards the best block that can be taken now.
    pub(super) fn advance(&mut self, cx: &mut Cx<'_>) {
        loop {
            let Some(chain) = &mut self.blockchain else { return };
            let Some(step) = chain.tree.next_step().filter(|_| chain.activation.is_free()) else {
                break;
            };
            let what = match step {
                Step::Connect(_) if self.confirming.is_full() => break,
                Step::Connect(id) => match chain.activation.take_verified(id) {
                    Some(confirms) => {
                        self.connect(id, confirms, cx);
                        continue;
                    }
                    None => Load::Confirms,
                },
                // What is confirmed yet must not come back before.
                Step::Disconnect(_) if !self.confirming.is_empty() => break,
                Step::Disconnect(_) => Load::Returns,
            };
            chain.activation.load(step);
            cx.actions.push(Action::Load { id: ItemId::block(step.block()), what });
        }
        self.tell_tip(cx);
    }

    /// The driver has read a block.
    pub(super) fn on_loaded(
        &mut self,
        id: ItemId,
        what: Load,
        loaded: Option<Loaded>,
        cx: &mut Cx<'_>,
    ) {
        let Some(chain) = &mut self.blockchain else { return };
        if what == Load::Block {
            let block = match loaded {
                Some(Loaded::Block(block)) if block.id() == id => Some(block),
                _ => None,
            };
            chain.lending.on_read(id, block);
            return self.serving.on_read(cx.now);
        }
        let Some(step) = chain.activation.on_loaded(id.hash()) else { return };
        if chain.tree.next_step() == Some(step) {
            match (step, loaded) {
                (Step::Connect(id), Some(Loaded::Confirms(confirms))) => {
                    self.connect(id, confirms, cx);
                }
                (Step::Connect(id), _) => {
                    chain.tree.on_lost(id);
                    chain.download.look_at(cx.now);
                    self.counters.blocks_lost += 1;
                }
                (Step::Disconnect(id), Some(Loaded::Returns(returns))) => {
                    self.disconnect_block(id, returns, cx);
                }
                (Step::Disconnect(id), _) => {
                    self.counters.blocks_lost += 1;
                    self.disconnect_block(id, Disconnected::default(), cx);
                }
            }
        }
        self.advance(cx);
    }

    fn connect(&mut self, id: Hash256, confirms: Vec<Confirmed>, cx: &mut Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        chain.tree.on_step(Step::Connect(id));
        chain.download.on_connected();
        let height = chain.tree.tip().height;
        self.seen.on_block(true);
        self.confirming.begin(confirms);
        self.confirm_some(cx);
        cx.report(Event::BlockConnected { id: ItemId::block(id), height });
    }

    fn disconnect_block(&mut self, id: Hash256, left: Disconnected, cx: &mut Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        let height = chain.tree.tip().height;
        chain.tree.on_step(Step::Disconnect(id));
        chain.activation.leave(left);
        self.seen.on_block(true);
        self.counters.blocks_disconnected += 1;
        cx.report(Event::BlockDisconnected { id: ItemId::block(id), height });
        self.leave_some(cx);
    }

    /// A part of a block leaves the chain.
    fn leave_some(&mut self, cx: &Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        let limbo = &mut chain.activation;
        let Some(Portion { returns, void }) = limbo.next_leaving() else { return };
        let mut dropped = Vec::new();
        for item in returns {
            if let Ok(inspection) = cx.chain.inspect(&item) {
                dropped.extend(limbo.limbo.add(item, inspection));
            }
        }
        self.drop_returning(dropped, void, cx);
    }

    /// Transactions that left the chain can't be confirmed any more, and nobody can use these: whatever does goes too.
    fn drop_returning(
        &mut self,
        mut dropped: Vec<Returning>,
        mut void: Vec<ConflictKey>,
        cx: &Cx<'_>,
    ) {
        loop {
            self.pool.void(&void);
            let Some(chain) = &mut self.blockchain else { return };
            dropped.extend(chain.activation.limbo.on_void(&void));
            let Some(Returning { item, inspection }) = dropped.pop() else { return };
            let (id, referred) = (item.id(), inspection.referred(&item).hash());
            self.seen.insert(id, Seen::new(Outcome::Refused, LinkSet::default()));
            self.record.note_from(None, id, ItemEvent::Left(Departure::Conflicted), cx.now);
            let outputs = 0..inspection.creates;
            void = outputs.map(|number| ConflictKey::output(referred, number)).collect();
        }
    }

    /// Some of what left the chain is pooled again, since the chain is settled.
    fn return_some(&mut self, cx: &mut Cx<'_>) {
        for _ in 0..RETURNED_MAX {
            let Some(chain) = self.blockchain.as_deref_mut().filter(|chain| chain.is_settled())
            else {
                return;
            };
            if !self.confirming.is_empty() {
                return;
            }
            let Some(returning) = chain.activation.limbo.take_first() else { return };
            let Returning { item, inspection } = returning.clone();
            let id = item.id();
            let is_complete = self.parent_status(&inspection, cx.params) == ParentStatus::Complete;
            let bringer = Bringer::Earlier;
            let is_pooled = is_complete
                && self.pool.insert(item, inspection, bringer, cx.now, cx.params).is_ok();
            if !is_pooled {
                self.drop_returning(vec![returning], Vec::new(), cx);
                continue;
            }
            self.seen.come_back(id);
            self.orphans.on_parent_accepted(self.pool.referred(id));
            if let Some(rate) = self.pool.fee_rate(id) {
                self.anti_entropy.on_restored((id, rate), &cx.params.relay);
            }
            self.counters.returned += 1;
            self.record.note_from(None, id, ItemEvent::Restored, cx.now);
            cx.report(Event::Returned { id });
        }
    }

    /// Some transactions of a block are confirmed: what left the chain and is among them doesn't come back, nor does what conflicts.
    pub(super) fn keep_out_of_limbo(&mut self, confirmed: &[Confirmed], cx: &Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        let limbo = &mut chain.activation.limbo;
        if !limbo.is_empty() {
            let gone = confirmed.iter().flat_map(|one| limbo.on_confirmed(one)).collect();
            self.drop_returning(gone, Vec::new(), cx);
        }
    }

    /// The last block is told to all if it is news and nobody was told, since something had to be fetched before.
    fn tell_tip(&mut self, cx: &mut Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        let tip = chain.tree.tip().id;
        if !chain.tree.is_news(tip) || chain.told == Some(tip) {
            return;
        }
        chain.told = Some(tip);
        if let Some(block) = self.blocks.get(&ItemId::block(tip)).cloned() {
            self.spread(&block, None, cx);
        }
    }

    /// Something of the chain is due.
    pub(super) fn chain_due(&mut self, cx: &mut Cx<'_>) {
        if self.blockchain.as_ref().is_some_and(|chain| chain.activation.is_leaving()) {
            self.leave_some(cx);
            return self.advance(cx);
        }
        self.return_some(cx);
        self.headers_due(cx);
    }
}
