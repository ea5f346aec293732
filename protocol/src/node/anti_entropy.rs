//! Two peers compare the transactions that they keep, and tell one another what the other one lacks.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::Node;
use crate::ground::item::{ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link};
use crate::machine::Cx;
use crate::reconcile::anti_entropy::{YOUNG, fresh};
use crate::reconcile::by_sketch::{self, Next};
use crate::reconcile::kept::View;
use crate::reconcile::telling::Telling;
use crate::record::{ItemEvent, Manner};
use crate::relay::announce::Form;
use crate::relay::serve::BYTES_PER_REQUEST;
use crate::relay::{Neighbour, Strategy as _};
use crate::wire::digest::{Digest, LISTED_MAX, List};
use crate::wire::kinds::Budget;
use crate::wire::message::{Hello, Names, Reconcile};
use crate::wire::sketch::{Cell, Cells, Want};

/// As many ids are looked at for what one requested id is charged: both take about a microsecond.
pub(super) const LOOKED_AT_PER_REQUEST: usize = 256;

/// As many announcers are noted, or transactions removed, in the time in which one that is requested is found and
/// given. A guess.
const STEPS_PER_REQUEST: usize = 4;

/// So many comparisons by sketch are followed by one by salted sums, in the mean: whoever made ids for the cells, which have no
/// salt, hides nothing from these. A guess.
const SKETCHES: u32 = 7;

/// So many ids that nobody had told of, in one comparison, aren't just slow: a gap. A guess; one or two of twenty a second are slow on
/// links whose latency is chance.
const GAP: usize = 4;

/// Most ids that a peer is told of for one comparison: nearly all that the cells of one message show. A guess: some
/// two milliseconds' work, which it is charged for.
const TOLD_MAX: usize = 2_048;

impl Node {
    /// A peer is ready. It is told of what may still wait for others, by the trickle, and charged for that: whoever comes
    /// again and again has us do it each time. It is told of the latest blocks; and if we dialled it, we compare, unless
    /// neither of us keeps anything.
    pub(super) fn meet(&mut self, neighbour: Neighbour, hello: &Hello, cx: &mut Cx<'_>) {
        let (link, params) = (neighbour.link, &cx.params.relay);
        if params.safety_pull_ms == 0 {
            return;
        }
        let mut fresh: Vec<_> = self.anti_entropy.fresh(cx.now, params).collect();
        fresh.retain(|id| !self.is_hidden(link, id, cx));
        self.charge_answer(link, fresh.len(), cx);
        for id in fresh {
            if self.pool.contains(id) && !self.seen.knows(id, link) {
                self.announcer.enqueue(link, (id, Form::Id), cx.now, params, cx.rng);
            }
        }
        self.tell_latest_blocks(link, cx);
        self.compare_first(neighbour, hello, cx);
    }

    /// A peer is told of the blocks that came of late, and of the latest.
    pub(super) fn tell_latest_blocks(&mut self, link: Link, cx: &mut Cx<'_>) {
        if self.takes_headers(link) {
            return; // it was told of the tip
        }
        let mut blocks = self.anti_entropy.blocks(cx.now, &cx.params.relay);
        let latest = self.blocks.latest().map(|block| block.id());
        blocks.extend(latest.filter(|latest| !blocks.contains(latest)));
        self.announce_blocks(link, blocks, cx);
    }

    /// If we dialled a peer, we compare, unless neither of us keeps anything.
    fn compare_first(&mut self, neighbour: Neighbour, hello: &Hello, cx: &Cx<'_>) {
        let params = &cx.params.relay;
        let are_new = hello.keeps_nothing() && self.anti_entropy.keeps_nothing(cx.now, params);
        if neighbour.direction == Direction::Outbound && !are_new {
            self.anti_entropy.on_newcomer(neighbour.link, params);
        }
    }

    /// Comparisons are due.
    pub(super) fn compare_due(&mut self, cx: &mut Cx<'_>) {
        let count = self.ready.len();
        let random = (count > 0).then(|| self.ready[cx.rng.random_range(0..count)].link);
        // Or it would learn that there is something.
        let random = random.filter(|link| self.hidden_from(*link, cx).next().is_none());
        for link in self.anti_entropy.due(random, cx.now, &cx.params.relay) {
            if self.ready_links().any(|ready| ready == link) {
                self.compare(link, cx);
            }
        }
    }

    /// A peer is ready with which we only compare.
    pub(super) fn begin_to_compare(&mut self, neighbour: Neighbour, hello: &Hello, cx: &Cx<'_>) {
        self.reconcile_links.insert(neighbour.link);
        self.compare_first(neighbour, hello, cx);
    }

    /// It is the turn of one of the links that only compare.
    pub(super) fn reconcile_due(&mut self, cx: &mut Cx<'_>) {
        let turn = self.reconcile_links.on_wake(cx.now, &cx.params.relay);
        if let Some(link) = turn.filter(|link| self.hidden_from(*link, cx).next().is_none()) {
            self.compare(link, cx);
        }
    }

    /// Begins a comparison.
    fn compare(&mut self, link: Link, cx: &mut Cx<'_>) {
        let blocks = self.anti_entropy.blocks(cx.now, &cx.params.relay);
        self.announce_blocks(link, blocks, cx);
        if cx.params.relay.sketches && cx.rng.random_range(0..=SKETCHES) == 0 {
            self.compare_by_spans(link, cx);
        } else {
            self.compare_by_sketch(link, cx);
        }
    }

    /// Begins one by sketch, where sketches are on.
    pub(super) fn compare_by_sketch(&mut self, link: Link, cx: &mut Cx<'_>) {
        if !cx.params.relay.sketches {
            self.compare_by_spans(link, cx);
            return;
        }
        let first = self.anti_entropy.first_cells();
        let Some(view) = self.view(link, cx) else { return };
        match by_sketch::begin(&view, first) {
            Some(cells) => self.send(link, Reconcile::Cells(Box::new(cells)), cx),
            None => _ = self.compare_by_spans(link, cx),
        }
    }

    /// Begins one by salted sums. Returns how many ids it looked at, for which whoever had it do so is to be charged.
    fn compare_by_spans(&mut self, link: Link, cx: &mut Cx<'_>) -> usize {
        let salt = cx.rng.random();
        let Some(view) = self.view(link, cx) else { return 0 };
        let telling = Telling::begin(&view, salt);
        let looked_at = view.looked_at();
        self.tell(link, telling, cx);
        looked_at
    }

    /// A peer's message had us look at so many ids.
    fn charge_looks(&mut self, link: Link, looked_at: usize, cx: &mut Cx<'_>) {
        self.charge_answer(link, looked_at / LOOKED_AT_PER_REQUEST, cx);
    }

    /// A peer's cells: what differs is announced or asked for, if they are enough to see it.
    pub(super) fn on_cells(
        &mut self,
        link: Link,
        theirs: &Cells,
        admitted: usize,
        cx: &mut Cx<'_>,
    ) {
        let Some(view) = self.view(link, cx) else { return };
        let next = by_sketch::take(theirs, &view);
        let mut looked_at = view.looked_at();
        if by_sketch::is_answer(theirs) {
            self.found.on_answer();
        }
        match next {
            Next::Found { theirs, ours } => {
                self.on_part_taken(link); // so little differs that the cells show it
                self.anti_entropy.on_compared(theirs.len() + ours.len());
                self.announce_lacked(link, theirs, cx);
                self.on_found(link, ours.into(), admitted, cx);
            }
            // Whoever is told of all of it now compares once it is here.
            Next::Ask(_) | Next::Spans if self.found.is_coming(cx.now) => {}
            Next::Ask(want) if self.found.may_ask(cx.now) => {
                self.send(link, Reconcile::Want(Box::new(want)), cx);
            }
            Next::Ask(_) => self.anti_entropy.on_unfinished(link, cx.now, &cx.params.relay),
            Next::Spans => looked_at += self.compare_by_spans(link, cx),
        }
        self.charge_looks(link, looked_at, cx);
    }

    /// A peer wants as many cells as our difference takes.
    pub(super) fn on_want(&mut self, link: Link, want: &Want, cx: &mut Cx<'_>) {
        if self.found.is_coming(cx.now) {
            return; // we compare once it is here
        }
        let Some(view) = self.view(link, cx) else { return };
        let cells = by_sketch::answer(want, &view);
        let mut looked_at = view.looked_at();
        match cells {
            Some(told) => {
                self.charge_answer(link, told.cells.len() * Cell::LEN / BYTES_PER_REQUEST, cx);
                self.send(link, Reconcile::Cells(Box::new(told)), cx);
            }
            None => looked_at += self.compare_by_spans(link, cx),
        }
        self.charge_looks(link, looked_at, cx);
    }

    /// A peer's sums: it is told more of where ours are others.
    pub(super) fn on_digest(&mut self, link: Link, theirs: &Digest, cx: &mut Cx<'_>) {
        let first = cx.rng.random_range(0..theirs.splits.len().max(1));
        let Some(view) = self.view(link, cx) else { return };
        let telling = Telling::answer(theirs, &view, first);
        self.charge_looks(link, view.looked_at(), cx);
        if self.found.is_coming(cx.now) {
            return; // we compare once it is here
        }
        if telling.is_empty() {
            self.on_part_taken(link);
        }
        if telling.is_cut() {
            self.anti_entropy.on_unfinished(link, cx.now, &cx.params.relay);
        }
        self.tell(link, telling, cx);
    }

    /// All that a peer keeps of some spans: it is told of what else we keep there, and asked for what we lack.
    /// `admitted`: how many of the ids may be looked at.
    pub(super) fn on_held(&mut self, link: Link, lists: &[List], admitted: usize, cx: &mut Cx<'_>) {
        let start = ShortId(cx.rng.random());
        let Some(view) = self.view(link, cx) else { return };
        let besides = lists.iter().flat_map(|list| {
            let ours = view.ids_from(list.span, start);
            ours.filter(|id| list.ids.binary_search(id).is_err())
        });
        let lacked: Vec<ShortId> = besides.take(LISTED_MAX).collect();
        self.charge_looks(link, view.looked_at(), cx);
        if lacked.is_empty() {
            self.on_part_taken(link);
        }
        if lacked.len() == LISTED_MAX {
            self.anti_entropy.on_unfinished(link, cx.now, &cx.params.relay);
        }
        self.announce_lacked(link, lacked, cx);
        let params = &cx.params.relay;
        let theirs = || lists.iter().flat_map(|list| list.ids.iter().copied());
        theirs().for_each(|id| {
            self.anti_entropy.on_listed(link, id, cx.now, params, cx.rng);
        });
        self.on_found(link, theirs().collect(), admitted, cx);
    }

    /// A comparison showed what a peer has, and we lack. A few of these are slow news; many are a gap.
    pub(super) fn on_found(
        &mut self,
        link: Link,
        ids: Arc<[ShortId]>,
        admitted: usize,
        cx: &mut Cx<'_>,
    ) {
        let is_unheard =
            |id: &ShortId| !self.requests.is_wanted(*id) && !self.is_known(Name::Short(*id));
        let unheard: Vec<_> = ids.iter().take(admitted).copied().filter(is_unheard).collect();
        let is_gap = unheard.len() >= GAP;
        if is_gap {
            self.relay(cx, |strategy, cx| strategy.on_gap(cx));
        }
        let is_news = !(is_gap || self.found.is_open()) || self.strategy.shows_at_once();
        self.hear(link, &Names::Short(ids), admitted, is_news, cx);
        if !is_news {
            self.found.note(unheard.into_iter(), self.salt, cx.now);
        }
    }

    /// What was found is here by now: peers may lack it too.
    pub(super) fn share_found(&mut self, cx: &mut Cx<'_>) {
        let turn = self.found.on_wake(self.ready_links().count(), cx.now);
        let link = turn.and_then(|place| self.ready_links().nth(place));
        if let Some(link) = link.filter(|link| self.hidden_from(*link, cx).next().is_none()) {
            self.compare(link, cx);
        }
    }

    /// A peer lacks these: it is told of those that pay best, and of the others when it has taken them.
    fn announce_lacked(&mut self, link: Link, mut lacked: Vec<ShortId>, cx: &mut Cx<'_>) {
        lacked.retain(|id| !self.anti_entropy.is_there(link, id));
        lacked.sort_by_cached_key(|id| (Reverse(self.pool.fee_rate(*id)), *id));
        // If it takes no announcements now, it gets lists, for which it asked in a way.
        let told = lacked.len().min(TOLD_MAX);
        let by_lists = self.may_announce(link, cx).unwrap_or(0) < told;
        let most = if by_lists { LISTED_MAX } else { TOLD_MAX };
        if lacked.len() > most {
            self.anti_entropy.on_unfinished(link, cx.now, &cx.params.relay);
        }
        lacked.truncate(most);
        self.charge_answer(link, lacked.len(), cx);
        self.counters.gaps_found += lacked.len() as u64;
        // What is told isn't shown for a while: so what is shown of it is put together before.
        let view = self.view(link, cx).filter(|_| by_lists);
        if let Some(telling) = view.map(|view| Telling::lists_of(&view, &mut lacked)) {
            return self.list_lacked(link, telling, &lacked, cx);
        }
        self.anti_entropy.on_told(link, lacked.iter().copied(), cx.now, &cx.params.relay);
        let pooled = lacked.iter().filter_map(|id| self.pool.get(*id));
        let ids: Vec<ItemId> = pooled.map(|item| item.id()).collect();
        self.announce(link, ItemKind::Tx, &ids, Manner::Gap, cx);
    }

    /// A peer is told by lists what it lacks, which is sorted: as much of it as they hold.
    fn list_lacked(&mut self, link: Link, telling: Telling, lacked: &[ShortId], cx: &mut Cx<'_>) {
        let listed = telling.lists().iter().flat_map(|list| list.ids.iter().copied());
        let told = listed.filter(|id| lacked.binary_search(id).is_ok());
        self.anti_entropy.on_told(link, told, cx.now, &cx.params.relay);
        if telling.is_cut() {
            self.anti_entropy.on_unfinished(link, cx.now, &cx.params.relay);
        }
        self.tell(link, telling, cx);
    }

    /// What we show to a peer now; nothing if it isn't to be compared with.
    pub(super) fn view(&self, link: Link, cx: &Cx<'_>) -> Option<View<'_>> {
        let is_on = cx.params.relay.safety_pull_ms > 0 && self.links.get(link).is_some();
        let least = self.fee_filter.shared_with(link);
        is_on.then(|| {
            let knows = |id: &ItemId| self.seen.knows(id, link);
            // If more waits than came lately, some of it waits for room, and not for its time: then only what came lately is hidden.
            let lately = self.anti_entropy.fresh(cx.now, &cx.params.relay);
            let is_behind = self.announcer.waiting(link) > lately.count();
            let waiting = self.announcer.items(link).filter(|_| !is_behind);
            let within = match self.strategy.shows_at_once() {
                _ if is_behind => fresh(&cx.params.relay),
                true => Duration::ZERO,
                false => YOUNG,
            };
            let hidden = waiting.chain(self.hidden_from(link, cx));
            self.anti_entropy.view(link, hidden, (within, &knows), least, cx.now)
        })
    }

    /// Sends sums and lists. What is listed is told.
    fn tell(&mut self, link: Link, telling: Telling, cx: &mut Cx<'_>) {
        for id in telling.lists().iter().flat_map(|list| list.ids.iter().copied()) {
            if !self.seen.knows(id, link) {
                self.seen.note_told(id, link);
                self.record.note(link, id, ItemEvent::Told(Manner::Gap), cx.now);
            }
        }
        let (digest, lists) = telling.finish();
        if let Some(digest) = digest {
            self.send(link, Reconcile::Digest(Box::new(digest)), cx);
        }
        if let Some(lists) = lists {
            self.send(link, Reconcile::Held(lists), cx);
        }
    }

    fn announce_blocks(&mut self, link: Link, mut blocks: Vec<ItemId>, cx: &mut Cx<'_>) {
        blocks.retain(|id| self.blocks.get(id).is_some());
        self.announce(link, ItemKind::Block, &blocks, Manner::Gap, cx);
    }

    /// Charges steps that a transaction made us take: as long as a request takes four.
    pub(super) fn charge_work(&mut self, link: Option<Link>, steps: usize, cx: &mut Cx<'_>) {
        if let Some(link) = link {
            self.charge_answer(link, steps / STEPS_PER_REQUEST, cx);
        }
    }

    /// Charges what a peer had us do for it, as if it had requested so many ids.
    pub(super) fn charge_answer(&mut self, link: Link, work: usize, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get_mut(link).filter(|_| work > 0) else {
            return;
        };
        if let Some(debt) = state.budget.charge_answer(work, cx.now, &cx.params.budgets) {
            self.slow(link, None, debt.until, cx);
            self.over_budget(link, Budget::Requests, cx.now);
        }
    }
}
