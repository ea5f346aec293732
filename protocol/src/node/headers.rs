//! Headers are told, asked for and sent; and blocks of the best chain that aren't here are fetched.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Node;
use crate::blocks::blockchain::Blockchain;
use crate::blocks::header_sync::{Piece, Verdict};
use crate::blocks::tree::{Status, View, Worth};
use crate::chain::{Blame, BlockHeader, Chain, Rejection};
use crate::ground::item::{Hash256, ItemId, ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::limits::misbehavior::{Offence, Reason};
use crate::machine::Cx;
use crate::record::ItemEvent;
use crate::relay::serve::BYTES_PER_REQUEST;
use crate::wire::message::{Blocks, HEADERS_MAX, Hello, Items, LOCATOR_MAX, Names};

/// Most headers by which blocks are announced; of more the last is named (Bitcoin Core: `MAX_BLOCKS_TO_ANNOUNCE`,
/// `net_processing.cpp`).
const NEWS_MAX: u32 = 8;

/// How long what a peer sent in vain isn't asked for again. A guess.
const RETRY: Duration = Duration::from_millis(100);

impl Node {
    /// A link is ready. If its peer keeps the chain too, it is told of our tip: if that is news to it, it asks.
    pub(super) fn begin_chain(&mut self, link: Link, hello: &Hello, cx: &mut Cx<'_>) {
        let Some(direction) = self.links.get(link).map(|state| state.direction) else { return };
        let Some(chain) = self.chain_of(cx).filter(|_| hello.keeps_chain()) else { return };
        chain.headers.on_ready(link, direction);
        let tip = chain.tree.tip();
        if tip.height > 0 {
            let header = Bytes::copy_from_slice(tip.header);
            self.send(link, Blocks::Headers([header].into()), cx);
        }
    }

    /// Whether a peer takes headers for news of blocks.
    pub(super) fn takes_headers(&self, link: Link) -> bool {
        self.blockchain.as_ref().is_some_and(|chain| chain.headers.contains(link))
    }

    /// The headers by which a peer is told of a block: it, and those before it that the peer isn't known to have. `None` if there are too
    /// many, or the peer takes none.
    pub(super) fn as_headers(&self, link: Link, block: ItemId) -> Option<Arc<[Bytes]>> {
        let chain = self.blockchain.as_ref()?;
        let best = chain.headers.best(link)?;
        let mut headers = Vec::new();
        let mut view = chain.tree.get(block.hash())?;
        loop {
            headers.push(Bytes::copy_from_slice(view.header));
            let parent = view.parent;
            let has_parent = best.is_some_and(|best| chain.tree.is_ancestor(best, parent));
            if view.height == 1 || has_parent || self.seen.knows(ItemId::block(parent), link) {
                headers.reverse();
                return Some(headers.into());
            }
            if headers.len() == NEWS_MAX as usize {
                return None;
            }
            view = chain.tree.get(parent)?;
        }
    }

    /// A peer has a block, and with it all before.
    pub(super) fn on_chain_holder(&mut self, link: Link, name: Name) {
        if let Name::Whole(id) = name
            && id.kind() == ItemKind::Block
            && let Some(Blockchain { headers, tree, .. }) = self.blockchain.as_deref_mut()
        {
            headers.on_has(link, id.hash(), tree);
        }
    }

    pub(super) fn on_get_headers(&mut self, link: Link, locator: &[Hash256], cx: &mut Cx<'_>) {
        if !self.takes_headers(link) {
            return self.misbehave(link, Offence::Unsolicited, cx);
        }
        let Some(chain) = self.chain_of(cx) else { return };
        let views = chain.tree.after(locator, HEADERS_MAX);
        let headers: Arc<[_]> = views.map(|view| Bytes::copy_from_slice(view.header)).collect();
        let bytes: usize = headers.iter().map(Bytes::len).sum();
        self.charge_answer(link, bytes / BYTES_PER_REQUEST, cx);
        self.send(link, Blocks::Headers(headers), cx);
    }

    pub(super) fn on_headers(&mut self, link: Link, headers: &[Bytes], cx: &mut Cx<'_>) {
        let Some(chain) = self.blockchain.as_deref_mut().filter(|it| it.headers.contains(link))
        else {
            return self.misbehave(link, Offence::Unsolicited, cx);
        };
        let was_asked = chain.headers.is_asked(link);
        if !was_asked && headers.len() > NEWS_MAX as usize {
            return self.misbehave(link, Offence::Unsolicited, cx);
        }
        let parsed = match parse(headers, cx.chain) {
            Ok(parsed) => parsed,
            // An upgraded peer may tell of later versions in good faith.
            Err(Rejection { blame: Blame::Nobody, .. }) => return,
            Err(why) => return self.misbehave(link, Offence::InvalidItem(why.rule), cx),
        };
        // A single header is what blocks are told by. Who was asked may tell of one before it answers, and goes on being asked.
        let is_news = parsed.len() <= 1 && !parsed.is_empty();
        let (Some(first), Some(last)) = (parsed.first(), parsed.last()) else {
            if was_asked {
                chain.headers.on_answer(link, false);
                self.ask_next_for_headers(cx);
            }
            return;
        };
        if parsed.iter().any(|it| chain.tree.is_invalid(it.parent) || chain.tree.is_invalid(it.id))
        {
            return self.misbehave(link, Offence::InvalidItem("builds-on-invalid"), cx);
        }
        let is_read = chain.headers.reads_behind(link) == Some(first.parent);
        if !chain.tree.contains(first.parent) && !is_read {
            return match was_asked && !is_news {
                // By a locator we ask for what follows something known.
                true => self.misbehave(link, Offence::InvalidItem("unconnected-headers"), cx),
                false => self.ask_what_precedes(link, last.id, cx),
            };
        }
        if was_asked {
            chain.headers.on_answer(link, is_news);
        }
        let is_full = headers.len() == HEADERS_MAX;
        let work = parsed.iter().fold(0, |work: u128, it| work.saturating_add(it.work));
        let (enough, most) = (chain.tree.worthwhile(), chain.tree.best_header().work);
        let total = chain.tree.work_with(first.parent, work).filter(|_| !is_read);
        // A long branch has to be better than ours, or there would be room for few.
        let is_worth = total.is_some_and(|total| total > most || (total >= enough && !is_full));
        if !is_worth {
            let enough = most.saturating_add(1);
            let piece = Piece { from: first.parent, last: last.id, work, is_full };
            match chain.headers.read(link, piece, enough, &chain.tree) {
                Verdict::Take => {}
                Verdict::AskBehind(id) => return self.ask_for_headers(link, Some(id), cx),
                Verdict::Leave => return self.ask_next_for_headers(cx),
                Verdict::Changed => {
                    let changed = Offence::InvalidItem("changed-headers");
                    return self.misbehave(link, changed, cx);
                }
            }
        }
        for (header, bytes) in parsed.iter().zip(headers) {
            match chain.tree.insert(header, bytes, Worth::Vouched, cx.params.blocks.headers_max) {
                Ok(_) => {}
                Err(_) => return self.ask_next_for_headers(cx),
            }
        }
        chain.headers.on_has(link, last.id, &chain.tree);
        chain.headers.on_placed(&chain.tree);
        if was_asked && is_full {
            self.ask_for_headers(link, Some(last.id), cx);
        } else {
            self.ask_next_for_headers(cx);
        }
        if !was_asked || is_news {
            self.hear_of_blocks(link, &parsed, cx);
        }
        self.fetch_blocks(cx);
    }

    /// Blocks were told by their headers: the next few are asked for like anything that is announced.
    fn hear_of_blocks(&mut self, link: Link, headers: &[BlockHeader], cx: &mut Cx<'_>) {
        let Some(chain) = &self.blockchain else { return };
        let tip = chain.tree.tip();
        let is_near = |header: &&BlockHeader| {
            chain.tree.get(header.id).is_some_and(|view| {
                let follows = view.height <= tip.height + NEWS_MAX;
                (view.work >= tip.work && follows) || view.status == Status::Stored
            })
        };
        let near: Vec<_> = headers.iter().filter(is_near).map(|it| ItemId::block(it.id)).collect();
        if !near.is_empty() {
            let names = Names::of(ItemKind::Block, near.iter().copied().map(Name::Whole));
            self.on_announce(link, &names, near.len(), cx);
        }
    }

    /// A peer told of a block that doesn't follow on any that is known.
    pub(super) fn ask_what_precedes(&mut self, link: Link, id: Hash256, cx: &mut Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        if chain.headers.on_unplaced(link, id) {
            self.ask_for_headers(link, None, cx);
        }
    }

    fn ask_for_headers(&mut self, link: Link, behind: Option<Hash256>, cx: &mut Cx<'_>) {
        let Some(chain) = &mut self.blockchain else { return };
        let locator = behind.into_iter().chain(chain.tree.locator());
        let locator = locator.take(LOCATOR_MAX).collect();
        chain.headers.on_asked(link, cx.now);
        self.send(link, Blocks::GetHeaders(locator), cx);
    }

    /// Nobody is being asked for headers, perhaps: whoever is ahead has its turn.
    fn ask_next_for_headers(&mut self, cx: &mut Cx<'_>) {
        let Some(chain) = &self.blockchain else { return };
        if let Some(link) = chain.headers.next_to_ask() {
            self.ask_for_headers(link, None, cx);
        }
    }

    /// Blocks of the best chain that aren't here are asked for.
    pub(super) fn fetch_blocks(&mut self, cx: &mut Cx<'_>) {
        let Some(chain) = self.blockchain.as_deref_mut() else { return };
        let Blockchain { tree, headers, download, .. } = chain;
        if tree.best_header().id == tree.tip().id {
            return download.rest();
        }
        let bests: Vec<_> = headers.bests().collect();
        let Self { requests, verification, rebuilding, coded, .. } = self;
        let comes = |id| {
            let id = ItemId::block(id);
            let is_under_way =
                verification.contains(id) || rebuilding.contains(id) || coded.contains(id);
            is_under_way || requests.is_wanted(id)
        };
        for (link, ids) in download.plan(tree, &bests, comes, cx.now) {
            self.counters.requests += ids.len() as u64;
            let ids = ids.into_iter().map(ItemId::block);
            ids.clone().for_each(|id| self.record.note(link, id, ItemEvent::Asked, cx.now));
            let names = Names::of(ItemKind::Block, ids.map(Name::Whole));
            self.send(link, Items::GetData(names), cx);
        }
    }

    /// What came of the best chain and found no room is asked for again from a moment on.
    pub(super) fn fetch_blocks_at(&mut self, at: Time) {
        if let Some(chain) = self.blockchain.as_deref_mut() {
            chain.download.look_at(at);
        }
    }

    /// What a peer sent of a block that it owes led to nothing: it is asked for again.
    pub(super) fn on_fetch_failed(&mut self, link: Link, id: ItemId, now: Time) {
        if let Some(chain) = self.blockchain.as_deref_mut()
            && chain.download.on_failed(link, id.hash())
        {
            chain.download.look_at(now + RETRY);
        }
    }

    /// Whether a peer owes a block that is fetched.
    pub(super) fn owes_block(&self, link: Link, id: ItemId) -> bool {
        let is_block = id.kind() == ItemKind::Block;
        let chain = self.blockchain.as_ref().filter(|_| is_block);
        chain.is_some_and(|chain| chain.download.was_asked(link, id.hash()))
    }

    /// Whether a peer owes a block that was here once, and was lost: it is taken as if it were new.
    pub(super) fn is_fetched_again(&self, link: Link, id: ItemId) -> bool {
        let Some(chain) = self.blockchain.as_ref().filter(|_| self.owes_block(link, id)) else {
            return false;
        };
        let is_missing = |view: View<'_>| view.status == Status::Header;
        chain.tree.get(id.hash()).is_some_and(is_missing) && !self.verification.contains(id)
    }

    /// A peer brought a block. Whoever was asked for it before and stalls loses the link.
    pub(super) fn on_block_brought(&mut self, link: Link, id: ItemId, cx: &mut Cx<'_>) {
        let Some(chain) = self.blockchain.as_deref_mut() else { return };
        if !chain.download.was_asked(link, id.hash()) {
            return;
        }
        chain.download.on_delivered(link, id.hash(), cx.now);
        let stallers = chain.download.stallers(cx.now);
        stallers.into_iter().for_each(|link| self.disconnect(link, Reason::Stalls, cx));
    }

    /// A peer brought a block that is here already.
    pub(super) fn on_late_block(&mut self, link: Link, id: ItemId, cx: &Cx<'_>) {
        if let Some(chain) = self.blockchain.as_deref_mut().filter(|_| id.kind() == ItemKind::Block)
        {
            chain.download.on_late(link, cx.now);
        }
    }

    /// A peer hasn't got a block that it was asked for. Whether it was.
    pub(super) fn on_block_denied(&mut self, link: Link, name: Name, now: Time) -> bool {
        match (name, self.blockchain.as_deref_mut()) {
            (Name::Whole(id), Some(chain)) if id.kind() == ItemKind::Block => {
                chain.download.on_denied(link, id.hash(), now)
            }
            _ => false,
        }
    }

    /// Time has passed for whoever was asked for headers or blocks.
    pub(super) fn headers_due(&mut self, cx: &mut Cx<'_>) {
        let Some(chain) = self.blockchain.as_deref_mut() else { return };
        chain.headers.on_wake(cx.now);
        let is_owed_for_long = chain.download.deadline() <= cx.now;
        let stallers = if is_owed_for_long { chain.download.stallers(cx.now) } else { Vec::new() };
        stallers.into_iter().for_each(|link| self.disconnect(link, Reason::Stalls, cx));
        self.ask_next_for_headers(cx);
        self.fetch_blocks(cx);
    }
}

/// Reads headers that follow one another.
fn parse(headers: &[Bytes], rules: &dyn Chain) -> Result<Vec<BlockHeader>, Rejection> {
    let mut parsed: Vec<BlockHeader> = Vec::with_capacity(headers.len());
    for bytes in headers {
        let header = rules.header(bytes)?;
        if header.len != bytes.len() {
            return Err(Rejection::invalid("bad-header"));
        }
        if parsed.last().is_some_and(|last| last.id != header.parent) {
            return Err(Rejection::invalid("gap-in-headers"));
        }
        parsed.push(header);
    }
    Ok(parsed)
}
