//! Neighbours tell one another what they expect in the next block, and blocks are sent as places in that.
//!
//! What is told, to whom, and what is kept of it, stands at [`crate::items::templates`]. A block goes to everybody with whom templates
//! are exchanged as soon as all of it is here and its header commits to it, before it is verified (where `blocks.cut_through`
//! is on): it is so small that it may come over all these links. What our template lacks, and neither the peer's lists nor it is known to
//! have, comes along as far as there is room; the rest is named.
//!
//! # What may go wrong
//! | what | what follows |
//! |---|---|
//! | a template that can't be, or an answer with what wasn't asked for | an offence |
//! | a peer lists what it never sends, or what is nothing | it is asked once, and others after two seconds |
//! | two transactions that share a short id (2^32 hashes to make) | the header doesn't commit to the parts; the block is asked for as names |
//! | a block by a template that the peer didn't tell | it counts as announced, and is asked for |
//! | most of a block isn't in our template | it is sent as names to those who asked for that, and announced to the others |

use std::sync::Arc;

use bytes::Bytes;

use super::Node;
use super::anti_entropy::LOOKED_AT_PER_REQUEST;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link};
use crate::items::rebuilding::Rebuild;
use crate::items::seen::Outcome;
use crate::items::templates::{Taken, Wrong};
use crate::limits::misbehavior::Offence;
use crate::machine::Cx;
use crate::record::{ItemEvent, Manner};
use crate::relay::serve::{BYTES_PER_REQUEST, PORTION};
use crate::relay::upload::{Answer, Asker};
use crate::wire::codec;
use crate::wire::message::{
    BY_TEMPLATE_MAX, Blocks, ByTemplate, HEADER_MAX, Message, NOWHERE, Template,
};

/// A rule that templates, and answers to questions about them, broke.
const WRONG_TEMPLATE: &str = "wrong-template";

/// So many ids of a template are looked up for what one requested id is charged: each in three tables. A guess.
const FOUND_PER_REQUEST: usize = 16;

/// A block as it is sent by places in our template, but for what that lacks.
struct Placed {
    header: Bytes,
    template: u32,
    places: Arc<[u16]>,
    /// What has no place, and its place in the block.
    outside: Vec<(u16, Arc<Item>)>,
}

impl Node {
    /// Our template is made anew, and told to those who don't know it.
    pub(super) fn tell_templates(&mut self, cx: &mut Cx<'_>) {
        let Self { templates, pool, embargo, ready, links, .. } = self;
        let change = templates.renew(pool, |id| !embargo.contains(id), cx);
        let able = ready.iter().filter(|it| it.direction == Direction::Outbound);
        let able = able.map(|it| it.link);
        let deals = |link: &Link| links.get(*link).is_some_and(|state| state.templates);
        templates.choose(able.filter(deals), cx);
        let partners: Vec<_> = self.templates.partners().collect();
        let whole = partners.iter().any(|(_, is_told)| !is_told).then(|| self.templates.whole());
        for (link, is_told) in partners {
            let news =
                if is_told { change.as_ref() } else { whole.as_ref().and_then(Option::as_ref) };
            if let Some(news) = news.cloned() {
                self.tell_template(link, news, cx);
            }
        }
    }

    /// Tells a peer of our template, unless its queue is full.
    fn tell_template(&mut self, link: Link, template: Arc<Template>, cx: &mut Cx<'_>) {
        let is_free = self.links.get(link).is_some_and(|it| !it.congested && it.closing.is_none());
        self.templates.set_told(link, is_free);
        if is_free {
            self.send(link, Blocks::Template(template), cx);
        }
    }

    pub(super) fn on_template(&mut self, link: Link, template: &Template, cx: &mut Cx<'_>) {
        let neighbour = self.ready.iter().find(|neighbour| neighbour.link == link);
        let may = cx.params.blocks.shares_templates();
        let Some(direction) = neighbour.filter(|_| may).map(|it| it.direction) else {
            return self.misbehave(link, Offence::Unsolicited, cx);
        };
        self.templates.begin(&self.pool, self.salt, cx);
        match self.templates.on_told(link, direction, template, cx.now) {
            Ok(Taken::Kept) => {}
            Ok(Taken::NoRoom) => return,
            Ok(Taken::Unasked) => return self.misbehave(link, Offence::Unsolicited, cx),
            Err(Wrong) => {
                return self.misbehave(link, Offence::InvalidItem(WRONG_TEMPLATE), cx);
            }
        }
        self.charge_answer(link, 1 + self.templates.len_of(link) / FOUND_PER_REQUEST, cx);
        let is_answer = direction == Direction::Outbound || self.templates.shares(link);
        if let Some(whole) = self.templates.whole().filter(|_| !is_answer) {
            self.tell_template(link, whole, cx);
        }
        let Self { templates, pool, seen, verification, .. } = self;
        let is_here = |id: ShortId| {
            let name = Name::Short(id);
            let is_settled =
                matches!(seen.outcome(name), Some(Outcome::Confirmed | Outcome::Invalid));
            is_settled || pool.find(name).is_some() || verification.contains(name)
        };
        if let Some(wanted) = templates.ask(link, is_here, cx.now) {
            self.send(link, Blocks::GetListed(wanted), cx);
        }
    }

    pub(super) fn on_get_listed(&mut self, link: Link, wanted: &[ShortId], cx: &mut Cx<'_>) {
        if !self.templates.shares(link) {
            return self.misbehave(link, Offence::Unsolicited, cx);
        }
        let Some(state) = self.links.get(link) else { return };
        let asker = Asker { link, since: state.since, bringer: state.bringer };
        let (mut transactions, mut bytes) = (Vec::new(), 0);
        for id in wanted.iter().filter(|id| self.templates.lists(**id)) {
            let fits = |item: &&Arc<Item>| bytes + item.size() <= PORTION;
            let Some(item) = self.pool.get(*id).filter(fits) else { continue };
            let what = (item.id(), item.size());
            let answer = self.upload.ask(asker, what, true, cx.now, &cx.params.upload);
            if matches!(answer, Answer::Later(_)) {
                break;
            }
            bytes += item.size();
            transactions.push(item.bytes().clone());
        }
        self.charge_answer(link, bytes / BYTES_PER_REQUEST, cx);
        self.send(link, Blocks::Listed(transactions.into()), cx);
    }

    pub(super) fn on_listed(&mut self, link: Link, transactions: &[Bytes], cx: &mut Cx<'_>) {
        if self.templates.on_answer(link, transactions, cx.chain) {
            self.counters.template_parts += transactions.len() as u64;
        } else {
            self.misbehave(link, Offence::InvalidItem(WRONG_TEMPLATE), cx);
        }
    }

    pub(super) fn on_by_template(&mut self, link: Link, block: &ByTemplate, cx: &mut Cx<'_>) {
        let is_taken = self.templates.shares(link);
        let Some((id, direction)) = self.on_block_head(link, &block.header, is_taken, cx) else {
            return;
        };
        let named = self.templates.names(link, block.template, &block.places);
        let named = named.filter(|_| self.rebuilding.has_room_for(id, link, direction));
        self.charge_answer(link, block.places.len() / LOOKED_AT_PER_REQUEST, cx);
        let here = self.here();
        let rebuild =
            named.and_then(|names| Rebuild::by_template(id, link, (block, names), here, cx));
        match rebuild {
            Some(rebuild) => self.begin_rebuild(rebuild, direction, None, cx),
            None => {
                // As if it had only been announced.
                self.rebuilding.note_holder(id, link);
                self.want_after_rebuild(link, id, cx);
            }
        }
    }

    /// A block of which all is here goes to everybody with whom templates are exchanged, and who hasn't got it. Returns to whom.
    pub(super) fn push_by_template(
        &mut self,
        (id, header): (ItemId, &Bytes),
        transactions: &[Arc<Item>],
        has_it: impl Fn(&Self, Link) -> bool,
        cx: &mut Cx<'_>,
    ) -> Vec<Link> {
        let mut links = self.templates.sharing();
        links.retain(|link| {
            let is_free = self.links.get(*link).is_some_and(|state| !state.congested);
            is_free && !has_it(self, *link)
        });
        let is_short = transactions.len() <= BY_TEMPLATE_MAX && header.len() <= HEADER_MAX;
        if links.is_empty() || !is_short {
            return Vec::new();
        }
        let ids = || transactions.iter().map(|part| ShortId::from(part.id()));
        let Some((template, places)) = self.templates.places(ids()) else { return Vec::new() };
        let all = places.iter().zip(transactions).zip(0..);
        let outside = all.filter(|((place, _), _)| **place == NOWHERE);
        let outside: Vec<_> = outside.map(|((_, part), place)| (place, part.clone())).collect();
        if outside.len() > transactions.len() / 2 + 1 {
            return Vec::new();
        }
        let placed = Placed { header: header.clone(), template, places, outside };
        links.retain(|link| {
            let message = Message::from(Blocks::ByTemplate(self.for_mate(*link, &placed, cx)));
            let bytes = codec::frame_len(&message);
            let may = message.is_allowed()
                && self.pushed_blocks.try_push_as(id, bytes, cx.now, &cx.params.budgets);
            if may {
                self.upload.on_given(id, *link);
                self.record.note(*link, id, ItemEvent::Sent(Manner::Now), cx.now);
                self.send(*link, message, cx);
            }
            may
        });
        if !links.is_empty() {
            self.on_wanted(id, cx);
        }
        links
    }

    /// What a peer probably lacks comes along.
    fn for_mate(&self, link: Link, placed: &Placed, cx: &Cx<'_>) -> Arc<ByTemplate> {
        let all = placed.outside.iter().map(|(_, part)| part.id().into());
        let listed = self.templates.listed_by(link, all.collect());
        let (mut prefilled, mut ids) = (Vec::new(), Vec::new());
        let mut room = cx.params.blocks.prefilled_max;
        for (place, part) in &placed.outside {
            let id = ShortId::from(part.id());
            let has_it = listed.binary_search(&id).is_ok() || self.seen.knows(part.id(), link);
            if !has_it && part.size() <= room {
                room -= part.size();
                prefilled.push((*place, part.bytes().clone()));
            } else {
                ids.push(id);
            }
        }
        Arc::new(ByTemplate {
            header: placed.header.clone(),
            template: placed.template,
            places: placed.places.clone(),
            prefilled: prefilled.into(),
            ids: ids.into(),
        })
    }

    /// A new block is here, and verified: whoever exchanges templates is sent it, unless it has it.
    pub(super) fn push_whole_by_template(&mut self, block: &Item, cx: &mut Cx<'_>) {
        self.templates.begin(&self.pool, self.salt, cx);
        let id = block.id();
        debug_assert_eq!(id.kind(), ItemKind::Block, "nothing else has parts");
        let lacks = |link: &Link| !self.seen.knows(id, *link);
        if !self.templates.sharing().iter().any(lacks) {
            return;
        }
        let Some(split) = cx.chain.split(block) else { return };
        let has_it = |node: &Self, link| node.seen.knows(id, link);
        let told = self.push_by_template((id, &split.header), &split.transactions, has_it, cx);
        told.into_iter().for_each(|link| self.seen.note_told(id, link));
    }
}
