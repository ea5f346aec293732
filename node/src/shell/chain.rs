//! Answers questions about blocks, the pool and items, and says what the next block would be.
//!
//! What takes long (opening blocks, searching for a proof of work) is left to whoever asked, who has threads for it.

use std::collections::VecDeque;
use std::sync::Arc;

use libp2p::PeerId;
use tidings_protocol::blocks::tree::{Status, Tree, View};
use tidings_protocol::ground::item::{Hash256, Item, ItemId, ItemKind};
use tidings_protocol::ground::time::Time;
use tidings_protocol::items::pool::template::Room;
use tidings_protocol::items::pool::walk::{Passed, Ranked, RatePlace};
use tidings_protocol::record::ItemEvent;

use super::Shell;
use crate::api::chain::{BlockRow, BlockState, ChainStatus, PoolPage, PoolRow};
use crate::control::{ChainCommand, Found, NotFound, PoolFrom, Template, Unexplained};

/// Blocks of which it is remembered when they came and from whom; the oldest is forgotten first. A guess: a week of Bitcoin's.
const ARRIVALS_MAX: usize = 1_024;

/// What a block has besides its transactions, bytes, at most: its header and their number. More than any rules that are built in
/// take.
const HEAD_MAX: usize = 256;

/// What a transaction takes in a block besides its own bytes: its length before it, a varint.
const EACH_MAX: usize = 5;

/// Most digits of a number that is taken for a height, and not for the beginning of an id.
const HEIGHT_DIGITS: usize = 9;

/// When blocks came, and from whom.
#[derive(Debug, Default)]
pub(super) struct Arrivals(VecDeque<Arrival>);

#[derive(Clone, Copy, Debug)]
struct Arrival {
    id: ItemId,
    unix_us: u64,
    from: Option<PeerId>,
}

impl Arrivals {
    /// A block was accepted.
    pub(super) fn note(&mut self, id: ItemId, unix_us: u64, from: Option<PeerId>) {
        if id.kind() == ItemKind::Block {
            self.0.truncate(ARRIVALS_MAX - 1);
            self.0.push_front(Arrival { id, unix_us, from });
        }
    }

    fn of(&self, id: ItemId) -> Option<Arrival> {
        self.0.iter().find(|arrival| arrival.id == id).copied()
    }
}

/// The first of a list, and where its next page begins if there is more of it.
fn page<T>(
    listed: impl Iterator<Item = T>,
    limit: usize,
    row: impl Fn(&T) -> Option<PoolRow>,
    place: impl Fn(&T) -> String,
) -> (Vec<PoolRow>, Option<String>) {
    let (mut listed, mut rows, mut last) = (listed, Vec::new(), None);
    for it in listed.by_ref().take(limit) {
        rows.extend(row(&it));
        last = Some(place(&it));
    }
    let is_rest = listed.next().is_some();
    (rows, last.filter(|_| is_rest))
}

impl Shell {
    pub(super) fn on_chain(&self, command: ChainCommand) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            ChainCommand::Blocks { last, reply } => drop(reply.send(self.last_blocks(last))),
            ChainCommand::Block { query, reply } => match self.block(&query) {
                Ok(mut found) if found.block.is_none() && found.row.state != BlockState::Header => {
                    self.blocks.look_up(ItemId::block(found.row.id), move |block| {
                        found.row.bytes = block.as_deref().map(Item::size);
                        found.block = block;
                        let _ = reply.send(Ok(found));
                    });
                }
                found => drop(reply.send(found)),
            },
            ChainCommand::Pool { from, limit, reply } => {
                let _ = reply.send(self.pool_page(from, limit));
            }
            ChainCommand::Item { query, reply } => match (self.find_item(&query), query.parse()) {
                (Err(missing @ NotFound::Item(_)), Ok(hash)) => {
                    self.blocks.look_up(ItemId::block(hash), move |block| {
                        let _ = reply.send(block.ok_or(missing));
                    });
                }
                (found, _) => drop(reply.send(found)),
            },
            ChainCommand::Template { on, txs_max, reply } => {
                let _ = reply.send(self.template(on.as_deref(), txs_max));
            }
        }
    }

    /// A block that this node has in memory; older ones are looked up on the disk.
    pub(super) fn kept_block(&self, id: &ItemId) -> Option<Arc<Item>> {
        self.node.blocks().get(id).cloned()
    }

    /// An item that this node has.
    pub(super) fn kept_item(&self, id: &ItemId) -> Option<Arc<Item>> {
        match id.kind() {
            ItemKind::Tx => self.node.item(id).cloned(),
            ItemKind::Block => self.kept_block(id),
        }
    }

    /// Where the chain is; none where blocks form none.
    pub(super) fn chain_status(&self) -> Option<ChainStatus> {
        let root = self.config.chain.root()?;
        let nothing =
            ChainStatus { tip: root, height: 0, best_header: root, best_height: 0, headers: 0 };
        Some(self.node.tree().map_or(nothing, |tree| {
            let (tip, best) = (tree.tip(), tree.best_header());
            ChainStatus {
                tip: tip.id,
                height: tip.height,
                best_header: best.id,
                best_height: best.height,
                // The root is no header.
                headers: tree.len() - 1,
            }
        }))
    }

    /// The blocks that end the chain, and headers that lead on from there; where there is no chain, those that came last.
    fn last_blocks(&self, last: usize) -> Vec<Found> {
        let Some(tree) = self.node.tree() else {
            let latest = self.node.blocks().recent();
            return latest.take(last).map(|block| self.found_kept(block)).collect();
        };
        // Up to the fork the two are the same; beyond it both are shown, what is connected after what is to be.
        let (fork, tip, best) = (tree.fork_height(), tree.tip().height, tree.best_header().height);
        let ahead = (fork + 1..=best).rev().filter_map(|height| tree.main(height));
        let connected = (1..=tip).rev().filter_map(|height| tree.active(height));
        ahead.chain(connected).take(last).map(|view| self.found(&view)).collect()
    }

    fn block(&self, query: &str) -> Result<Found, NotFound> {
        let Some(tree) = self.node.tree() else {
            let block =
                self.find_among(query, self.node.blocks().recent().map(|block| block.id()))?;
            let block = block.and_then(|id| self.kept_block(&id));
            let block = block.ok_or_else(|| self.no_block(query))?;
            let mut found = self.found_kept(&block);
            found.heard_unix_us = self.first_heard(block.id());
            return Ok(found);
        };
        let view = self.view(tree, query)?;
        let mut found = self.found(&view);
        found.heard_unix_us = self.first_heard(ItemId::block(view.id));
        Ok(found)
    }

    /// A header, by what the operator calls it.
    fn view<'a>(&self, tree: &'a Tree, query: &str) -> Result<View<'a>, NotFound> {
        if query.len() <= HEIGHT_DIGITS
            && let Ok(height) = query.parse()
        {
            let tip = tree.tip().height;
            return tree.active(height).ok_or(NotFound::Height { height, tip });
        }
        let heights = 0..=tree.tip().height.max(tree.best_header().height);
        let main = heights.clone().filter_map(|height| tree.main(height));
        let active = heights.filter_map(|height| tree.active(height));
        let branches = self.node.blocks().recent().filter_map(|block| tree.get(block.id().hash()));
        let known = main.chain(active).chain(branches);
        let found = match query.parse::<Hash256>() {
            Ok(hash) => Some(hash),
            Err(_) => self
                .find_among(query, known.map(|view| ItemId::block(view.id)))?
                .map(|id| id.hash()),
        };
        found.and_then(|hash| tree.get(hash)).ok_or_else(|| self.no_block(query))
    }

    fn no_block(&self, query: &str) -> NotFound {
        match query.parse::<u32>() {
            Ok(_) if self.config.chain.root().is_none() => NotFound::NoChain,
            _ => NotFound::Block(query.to_owned()),
        }
    }

    /// The one of these ids that begins so.
    fn find_among(
        &self,
        query: &str,
        ids: impl Iterator<Item = ItemId>,
    ) -> Result<Option<ItemId>, NotFound> {
        let digits = query.to_ascii_lowercase();
        let is_id = (1..=64).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_id {
            return Err(Unexplained::NoId(query.to_owned()).into());
        }
        let mut fitting: Vec<ItemId> = ids.filter(|id| id.hash().begins_with(&digits)).collect();
        fitting.sort_unstable();
        fitting.dedup();
        match fitting[..] {
            [] => Ok(None),
            [id] => Ok(Some(id)),
            _ => {
                let named = fitting.iter().map(|id| format!("{} ({})", id, id.kind()));
                Err(Unexplained::ambiguous(query, named.collect()).into())
            }
        }
    }

    fn find_item(&self, query: &str) -> Result<Arc<Item>, NotFound> {
        let pooled = self.node.pool().by_age(None).map(|passed| passed.id);
        let recent = self.node.blocks().recent().map(|block| block.id());
        let id = match query.parse() {
            Ok(hash) => {
                let ids = [ItemId::tx(hash), ItemId::block(hash)];
                return ids
                    .iter()
                    .find_map(|id| self.kept_item(id))
                    .ok_or_else(|| NotFound::Item(query.to_owned()));
            }
            Err(_) => self.find_among(query, pooled.chain(recent))?,
        };
        id.and_then(|id| self.kept_item(&id)).ok_or_else(|| NotFound::Item(query.to_owned()))
    }

    fn found(&self, view: &View<'_>) -> Found {
        let id = ItemId::block(view.id);
        let block = self.kept_block(&id);
        let state = match view.status {
            _ if view.is_active => BlockState::Connected,
            Status::Stored => BlockState::Stored,
            Status::Header => BlockState::Header,
        };
        let mut row = self.row(id, block.as_deref(), state);
        (row.height, row.time_s) = (Some(view.height), Some(view.time_s));
        let parent = (view.height > 0).then_some(view.parent);
        Found { row, parent, heard_unix_us: None, block }
    }

    fn found_kept(&self, block: &Arc<Item>) -> Found {
        let row = self.row(block.id(), Some(block), BlockState::Kept);
        let inspection = self.config.chain.inspect(block);
        let parent = inspection.ok().and_then(|inspection| inspection.parents.first().copied());
        let parent = parent.map(|id| id.hash());
        Found { row, parent, heard_unix_us: None, block: Some(block.clone()) }
    }

    fn row(&self, id: ItemId, block: Option<&Item>, state: BlockState) -> BlockRow {
        let arrival = self.arrivals.of(id);
        BlockRow {
            id: id.hash(),
            height: None,
            state,
            time_s: None,
            transactions: None,
            bytes: block.map(Item::size),
            came_unix_us: arrival.map(|arrival| arrival.unix_us),
            from: arrival.and_then(|arrival| arrival.from).map(|peer| peer.to_string()),
        }
    }

    /// When a block was first heard of, as far as the record says.
    fn first_heard(&self, id: ItemId) -> Option<u64> {
        let story = self.node.story_of(id)?;
        let comes =
            |what| matches!(what, ItemEvent::Heard(_) | ItemEvent::Arrived | ItemEvent::Submitted);
        let first = story.steps.iter().find(|step| comes(step.what))?;
        Some(self.clock.unix_us(first.at))
    }

    fn pool_page(&self, from: PoolFrom, limit: usize) -> PoolPage {
        let pool = self.node.pool();
        let (items, next) = match from {
            PoolFrom::Age(after) => {
                let place = |it: &Passed| format!("{}-{}", it.expires.as_nanos(), it.sequence);
                let row = |it: &Passed| self.pool_row(it.id, Some(it.expires));
                page(pool.by_age(after), limit, row, place)
            }
            PoolFrom::Rate(after) => {
                let place = |it: &Ranked| match it.place {
                    RatePlace::Paying(rate, sequence) => format!("paying-{}-{sequence}", rate.0),
                    RatePlace::Free(expires, sequence) => {
                        format!("free-{}-{sequence}", expires.as_nanos())
                    }
                };
                page(pool.by_rate(after), limit, |it| self.pool_row(it.id, None), place)
            }
        };
        let min_fee_rate = pool.min_fee_rate(self.now, &self.config.params).0;
        PoolPage { items, count: pool.len(), bytes: pool.bytes(), min_fee_rate, next }
    }

    fn pool_row(&self, id: ItemId, expires: Option<Time>) -> Option<PoolRow> {
        let pool = self.node.pool();
        Some(PoolRow {
            id: id.hash(),
            bytes: pool.get(id)?.size(),
            fee_rate: pool.fee_rate(id).unwrap_or_default().0,
            expires_s: expires.map(|expires| expires.since(self.now).as_secs()),
            own: self.node.unbroadcast().contains(id),
        })
    }

    /// What the next block would be.
    fn template(&self, on: Option<&str>, txs_max: usize) -> Result<Template, NotFound> {
        let root = self.config.chain.root().ok_or(NotFound::NoChain)?;
        let (parent, height) = match (self.node.tree(), on) {
            (Some(tree), None) => (tree.tip().id, tree.tip().height),
            (Some(tree), Some(on)) => {
                let view = self.view(tree, on)?;
                (view.id, view.height)
            }
            (None, None) => (root, 0),
            (None, Some(on)) if on == "0" || on == root.to_string() => (root, 0),
            (None, Some(on)) => return Err(NotFound::Block(on.to_owned())),
        };
        let bytes = self.config.chain.max_size(ItemKind::Block).saturating_sub(HEAD_MAX);
        let room = Room { bytes, each: EACH_MAX, transactions: txs_max };
        Ok(Template {
            parent,
            height: height + 1,
            time_s: self.clock.unix_us(self.now) / 1_000_000,
            transactions: self.node.pool().template(room),
        })
    }
}
