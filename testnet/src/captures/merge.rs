//! One timeline of what all nodes saw.
//!
//! Peers that left no capture are nodes too, of which only that is known which others saw: what they sent left when it came, and what
//! was sent to them came when it left. A note says so.

use std::collections::BTreeMap;

use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Direction;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_timeline::{
    About, FaultSpan, ITEM_BLOCK, ITEM_TX, Recorder, Row, Sample, Source, State,
};
use tidings_timeline::{Timeline, recorder};

use super::align::{Alignment, align};
use super::pairing::{End, Fate, Life, Pair, Traffic, fates, pairs};
use super::sightings::{Sightings, number_of};

/// Most peers without a capture that become nodes. A guess: a node's address book in use.
const STRANGERS_MAX: usize = 4_096;

/// What is known of a network besides what its nodes saw.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// A short line for a page's head.
    pub title: String,
    /// The manifest of the run.
    pub manifest: String,
    /// The seed of the run.
    pub seed: String,
    /// When it began, microseconds of Unix time; with the first input if unset.
    pub began_us: Option<u64>,
    /// Names of the regions.
    pub regions: Vec<String>,
    /// The region of each node, by its place among them.
    pub region_of: Vec<u32>,
    /// What went wrong on purpose.
    pub faults: Vec<FaultSpan>,
    /// Moments with a name, microseconds of Unix time.
    pub marks: Vec<(u64, String)>,
    /// Why the run proves nothing.
    pub invalid_reasons: Vec<String>,
}

/// A node, by its name and all its lives.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it saw in each, the first life first.
    pub lives: Vec<Sightings>,
}

/// The timeline, and how the clocks were set.
#[derive(Debug)]
pub struct Merged {
    /// The timeline.
    pub timeline: Timeline,
    /// The clocks.
    pub alignment: Alignment,
    /// How many messages were found at both ends.
    pub matched: u64,
    /// How many peers left no capture.
    pub strangers: usize,
}

/// Merges what nodes saw.
#[must_use]
pub fn merge(nodes: Vec<Node>, known: Known) -> Merged {
    let mut names = Vec::new();
    let mut lives = Vec::new();
    for (node, Node { name, lives: of_node }) in (0..).zip(nodes) {
        names.push(name);
        lives.extend(of_node.into_iter().map(|seen| Life { node, seen }));
    }
    let traffic = Traffic::of(&lives);
    let pairs = pairs(&lives, &traffic);
    let alignment = align(&lives, &pairs, &traffic);
    let strangers = strangers(&lives, &mut names);
    let merging = Merging::new(&lives, &traffic, &alignment, known, names);
    merging.run(&pairs, &strangers)
}

/// Peers that left no capture, by key, with the number that each gets.
fn strangers(lives: &[Life], names: &mut Vec<String>) -> BTreeMap<u64, u32> {
    let captured: BTreeMap<u64, u32> =
        lives.iter().map(|life| (life.seen.key, life.node)).collect();
    let mut strangers = BTreeMap::new();
    for link in lives.iter().flat_map(|life| &life.seen.links) {
        let is_new = !captured.contains_key(&link.peer) && !strangers.contains_key(&link.peer);
        if is_new && strangers.len() < STRANGERS_MAX {
            strangers.insert(link.peer, u32::try_from(names.len()).unwrap_or(u32::MAX));
            names.push(format!("peer {:08x}", link.peer >> 32));
        }
    }
    strangers
}

struct Merging<'a> {
    lives: &'a [Life],
    traffic: &'a Traffic,
    alignment: &'a Alignment,
    began_us: u64,
    recorder: Recorder,
    /// Items by short id.
    items: BTreeMap<u64, u32>,
    /// The timeline's end of each end of a link.
    ends: BTreeMap<End, u32>,
    matched: u64,
    left_out: u64,
}

impl<'a> Merging<'a> {
    fn new(
        lives: &'a [Life],
        traffic: &'a Traffic,
        alignment: &'a Alignment,
        known: Known,
        names: Vec<String>,
    ) -> Self {
        let begins = lives.iter().zip(&alignment.offsets_us);
        let began_us = begins
            .map(|(life, offset_us)| life.seen.span_us.0.saturating_add_signed(*offset_us))
            .min();
        // What comes before the run's own beginning is a part of it: nodes find each other.
        let began_us = began_us.or(known.began_us).unwrap_or(0);
        let about = About {
            title: known.title,
            source: Source::Captured,
            began_unix_us: began_us,
            seed: known.seed,
            manifest: known.manifest,
            strategy: lives.first().map_or_else(String::new, |life| life.seen.strategy.clone()),
            nodes: u32::try_from(names.len()).unwrap_or(u32::MAX),
            names: Some(names),
            regions: known.regions,
            kinds: MessageKind::ALL.into_iter().map(|kind| kind.name().to_owned()).collect(),
            invalid_reasons: known.invalid_reasons,
            ..About::default()
        };
        let mut recorder = Recorder::new(about, recorder::BOUND);
        for (node, region) in (0..).zip(known.region_of) {
            recorder.place(node, region, (0, 0));
        }
        let since = |at_us: u64| at_us.saturating_sub(began_us);
        if let Some(at_us) = known.began_us {
            recorder.mark(since(at_us), "the first submission");
        }
        for (at_us, text) in known.marks {
            recorder.mark(since(at_us), &text);
        }
        // Faults are told from the first submission on.
        let first = known.began_us.map_or(0, since);
        for mut fault in known.faults {
            fault.at_us += first;
            fault.until_us = fault.until_us.map(|until_us| until_us + first);
            recorder.fault(fault);
        }
        Self {
            lives,
            traffic,
            alignment,
            began_us,
            recorder,
            items: BTreeMap::new(),
            ends: BTreeMap::new(),
            matched: 0,
            left_out: 0,
        }
    }

    /// A moment of a life's clock, in the timeline's time.
    fn at(&self, life: usize, at_us: u64) -> u64 {
        let offset_us = self.alignment.offsets_us[life];
        at_us.saturating_add_signed(offset_us).saturating_sub(self.began_us)
    }

    fn run(mut self, pairs: &[Pair], strangers: &BTreeMap<u64, u32>) -> Merged {
        self.items();
        for pair in pairs {
            self.link(pair);
        }
        let paired: std::collections::BTreeSet<End> =
            pairs.iter().flat_map(|pair| [pair.dialler, pair.dialled]).collect();
        let nodes: BTreeMap<u64, u32> = self
            .lives
            .iter()
            .map(|life| (life.seen.key, life.node))
            .chain(strangers.iter().map(|(key, node)| (*key, *node)))
            .collect();
        for life in 0..self.lives.len() {
            for link in 0..u32::try_from(self.lives[life].seen.links.len()).unwrap_or(u32::MAX) {
                let end = End { life, link };
                if !paired.contains(&end) {
                    self.half(end, &nodes);
                }
            }
        }
        for pair in pairs {
            self.messages(pair.dialler, pair.dialled);
            self.messages(pair.dialled, pair.dialler);
        }
        self.deliveries();
        self.states();
        if !strangers.is_empty() {
            let text = "peers without a capture: what they sent is shown as it came, and what they were sent as it left";
            self.recorder.mark(0, text);
        }
        self.recorder.mark(0, &self.alignment.sentence());
        if self.left_out > 0 {
            let text =
                format!("{} messages more than are kept of a node are missing", self.left_out);
            self.recorder.mark(0, &text);
        }
        let end_us =
            (0..self.lives.len()).map(|life| self.at(life, self.lives[life].seen.span_us.1));
        let end_us = end_us.max().unwrap_or(0);
        Merged {
            timeline: self.recorder.finish(end_us),
            alignment: self.alignment.clone(),
            matched: self.matched,
            strangers: strangers.len(),
        }
    }

    /// All items that anybody accepted, in the order of their first acceptance.
    fn items(&mut self) {
        let mut first: Vec<(u64, usize, usize)> = Vec::new();
        for (life, Life { seen, .. }) in self.lives.iter().enumerate() {
            let accepted = seen.accepted.iter().enumerate();
            first.extend(accepted.map(|(place, one)| (self.at(life, one.at_us), life, place)));
        }
        first.sort_unstable();
        for (at, life, place) in first {
            let Life { node, seen } = &self.lives[life];
            let accepted = &seen.accepted[place];
            let short = number_of(accepted.id);
            if self.items.contains_key(&short) {
                continue;
            }
            let kind = match accepted.id.kind() {
                ItemKind::Tx => ITEM_TX,
                ItemKind::Block => ITEM_BLOCK,
            };
            let [a, b, c, d, e, f, g, h, ..] = accepted.id.hash().0;
            let origin = accepted.from.is_none().then_some(*node);
            let hash = [a, b, c, d, e, f, g, h];
            if let Some(item) = self.recorder.item(at, kind, hash, accepted.size, origin) {
                self.items.insert(short, item);
            }
        }
    }

    /// A link that both ends saw: up once the later of them knows, down once the first does.
    fn link(&mut self, pair: &Pair) {
        let ends = [pair.dialler, pair.dialled];
        let seen = ends.map(|end| &self.lives[end.life].seen.links[end.link as usize]);
        let ups = [0, 1].map(|side| self.at(ends[side].life, seen[side].up_us));
        let downs =
            [0, 1].map(|side| seen[side].down_us.map(|down_us| self.at(ends[side].life, down_us)));
        let [from, to] = ends.map(|end| self.lives[end.life].node);
        let [a, b] = ups;
        if let Some(link) = self.recorder.link_up(a.min(b), from, to) {
            self.ends.insert(pair.dialler, 2 * link);
            self.ends.insert(pair.dialled, 2 * link + 1);
            if let Some(down) = downs.into_iter().flatten().min() {
                self.recorder.link_down(down, link);
            }
        }
    }

    /// A link that one end saw, with all that passed there.
    fn half(&mut self, end: End, nodes: &BTreeMap<u64, u32>) {
        let Life { node, seen } = &self.lives[end.life];
        let link = &seen.links[end.link as usize];
        let Some(peer) = nodes.get(&link.peer) else { return };
        let is_dialler = link.direction == Direction::Outbound;
        let (from, to) = if is_dialler { (*node, *peer) } else { (*peer, *node) };
        let up = self.at(end.life, link.up_us);
        let Some(number) = self.recorder.link_up(up, from, to) else { return };
        if let Some(down_us) = link.down_us {
            let down = self.at(end.life, down_us);
            self.recorder.link_down(down, number);
        }
        let own = 2 * number + u32::from(!is_dialler);
        self.ends.insert(end, own);
        for (which, end_of) in
            [(self.traffic.sent.get(end), own), (self.traffic.received.get(end), own ^ 1)]
        {
            let passages = if end_of == own { &seen.sent } else { &seen.received };
            for index in which {
                let row = self.sent(end.life, &passages[*index], end_of);
                let at = self.at(end.life, passages[*index].at_us);
                self.recorder.arrived(at, row);
            }
        }
    }

    fn sent(&mut self, life: usize, passage: &super::sightings::Passage, end: u32) -> Row {
        let at = self.at(life, passage.at_us);
        let named = self.lives[life].seen.named_by(passage);
        let items: Vec<u32> =
            named.iter().filter_map(|short| self.items.get(short).copied()).collect();
        self.recorder.sent(at, end, passage.kind as u8, passage.bytes, &items)
    }

    /// What one end sent to the other.
    fn messages(&mut self, from: End, to: End) {
        let Some(end) = self.ends.get(&from).copied() else { return };
        for (index, fate) in fates(self.lives, self.traffic, from, to) {
            let passage = &self.lives[from.life].seen.sent[index];
            let row = self.sent(from.life, passage, end);
            match fate {
                Fate::Arrived(at_us) => {
                    let at = self.at(to.life, at_us);
                    self.matched += 1;
                    self.recorder.arrived(at, row);
                }
                Fate::Lost => self.recorder.lost(row),
                Fate::Cut => self.recorder.cut(row),
                Fate::UnderWay => {}
            }
        }
    }

    /// Who had which item first, and from whom.
    fn deliveries(&mut self) {
        let mut has = std::collections::BTreeSet::new();
        for life in 0..self.lives.len() {
            let Life { node, seen } = &self.lives[life];
            for accepted in &seen.accepted {
                let Some(item) = self.items.get(&number_of(accepted.id)).copied() else { continue };
                // A life that begins anew may accept again what an earlier one had.
                if !has.insert((*node, item)) {
                    continue;
                }
                let link = accepted.from.map(|link| End { life, link });
                let from = link.and_then(|end| self.ends.get(&end)).map(|end| end ^ 1);
                let at = self.at(life, accepted.at_us);
                self.recorder.delivered(at, *node, item, from);
            }
        }
    }

    /// Who was down between two lives, and what each waited for.
    fn states(&mut self) {
        for life in 0..self.lives.len() {
            let Life { node, seen } = &self.lives[life];
            self.left_out += seen.left_out;
            let is_another = |other: Option<&Life>| other.is_some_and(|other| other.node == *node);
            if life > 0 && is_another(self.lives.get(life - 1)) {
                let at = self.at(life, seen.span_us.0);
                self.recorder.state(at, *node, State::Up);
            }
            let was_killed = !matches!(seen.told.ending, Some(tidings::capture::Ending::Ended(_)));
            if was_killed || is_another(self.lives.get(life + 1)) {
                let at = self.at(life, seen.span_us.1);
                self.recorder.state(at, *node, State::Down);
            }
            for (at_us, asked) in &seen.asked {
                let at = self.at(life, *at_us);
                let sample = Sample { asked: *asked, ..Sample::default() };
                self.recorder.sample(at, *node, sample);
            }
        }
    }
}
