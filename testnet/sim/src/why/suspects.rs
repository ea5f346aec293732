//! Who might have made it late: candidates, found from what was said of the item and what the world did, never from what the
//! answer is to be.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidings_protocol::ground::time::Time;
use tidings_protocol::params::Params;

use super::answer::Kind;
use super::case::Case;
use super::change::{Candidate, Change};
use crate::fault::{Cut, Exempt, FaultSpec};
use crate::otherwise::{Edit, Into};
use crate::units::nanos;
use crate::watch::{Note, What, Word};

/// Most candidates of one sort. A guess: a node has 16 links or so, and a way some five hops.
const EACH_MAX: usize = 24;

/// A link or message that takes so many times the median is slow. A guess.
const SLOW: f64 = 1.5;

/// A wait before an announcement that is worth asking about, nanoseconds. A guess: 5 ms.
const WAIT_MIN: u64 = 5_000_000;

/// Everything worth trying.
pub(super) fn suspects(case: &Case) -> Vec<Candidate> {
    let near = Near::of(case);
    let mut all = Vec::new();
    for found in [
        lost(case, &near),
        faults(case, &near),
        links(case, &near),
        lines(case, &near),
        waits(case, &near),
        orphans(case, &near),
        unanswered(case, &near),
    ] {
        all.extend(found.into_iter().take(EACH_MAX));
    }
    all
}

/// The nodes that had a part in it: those on the item's way, the node's neighbours, and itself.
struct Near {
    /// On the way, the node included.
    way: Vec<u32>,
    /// All.
    all: BTreeSet<u32>,
    /// The end of what matters.
    until: Time,
}

impl Near {
    fn of(case: &Case) -> Self {
        let node = case.goal.node;
        let mut way: Vec<u32> = case.path(node).into_iter().map(|(node, ..)| node).collect();
        let mut all = BTreeSet::from([node]);
        all.extend(case.start.neighbours(node));
        all.extend(case.end.neighbours(node));
        if way.is_empty() {
            way.push(node);
            // It never came: the ways to those who could have given it.
            let givers: Vec<u32> = all.iter().copied().collect();
            for giver in givers {
                way.extend(case.path(giver).into_iter().map(|(node, ..)| node));
            }
            way.sort_unstable();
            way.dedup();
        }
        all.extend(&way);
        let came = case.accepted(node).map(|(at, ..)| at);
        Self { way, all, until: came.unwrap_or(Time::NEVER) }
    }

    fn on_the_way(&self, node: u32) -> bool {
        self.way.contains(&node)
    }

    fn notes<'a>(&self, case: &'a Case) -> impl Iterator<Item = &'a Note> {
        let until = self.until;
        case.notes.iter().filter(move |note| note.at <= until)
    }
}

/// Messages that a fault lost or held up.
fn lost(case: &Case, near: &Near) -> Vec<Candidate> {
    let lost = |note: &Note| {
        let What::Sent { from, to, word, arrives, by: Some(fault), .. } = note.what else {
            return None;
        };
        if !near.on_the_way(to) && !near.on_the_way(from) {
            return None;
        }
        let spec = &case.source.scenario.fault[fault];
        let is_lost = arrives == Time::NEVER;
        let (kind, fate) = match (spec, is_lost, word) {
            (FaultSpec::Partition { .. }, true, _) => (Kind::Partition, "was lost at a partition"),
            (FaultSpec::Partition { .. }, false, _) => (Kind::Partition, "waited for a partition"),
            (FaultSpec::Cut { .. }, true, _) => {
                (Kind::Partition, "was lost where nothing is heard")
            }
            (FaultSpec::Cut { .. }, false, _) => (Kind::Partition, "waited where nothing is heard"),
            (_, false, _) => (Kind::HeldUp, "was held up on its way"),
            (_, _, Word::Announcement) => (Kind::LostAnnouncement, "was lost"),
            (_, _, Word::Request) => (Kind::LostRequest, "was lost"),
            (_, _, Word::Item) => (Kind::LostItem, "was lost"),
            _ => (Kind::LostMessage, "was lost"),
        };
        let message = message(from, to, word);
        let edit = Edit { item: case.id, word, from, to, at: note.at, into: Into::Arrives };
        Some(Candidate {
            kind,
            node: Some(from),
            peer: Some(to),
            fault: Some(fault),
            at: note.at,
            change: Change::Message(edit, note.step),
            what: format!("{message} {fate}"),
            instead: format!("had {message} arrived in time"),
        })
    };
    // Near the node first: of those lost on a long way many had no effect.
    let mut found: Vec<Candidate> = near.notes(case).filter_map(lost).collect();
    found.sort_by_key(|candidate| candidate.peer != Some(case.goal.node));
    found
}

/// A message in words.
pub(super) fn message(from: u32, to: u32, word: Word) -> String {
    match word {
        Word::Item => format!("the item from node {from} to node {to}"),
        _ => format!("the {} from node {from} to node {to}", word.name()),
    }
}

/// When a fault begins; its nodes are met then.
fn began(case: &Case, fault: usize) -> Time {
    match &case.source.scenario.fault[fault] {
        spec if spec.is_from_the_beginning() => Time::ZERO,
        spec => Time::from_nanos(case.first.as_nanos() + nanos(spec.window().0)),
    }
}

/// Faults, as a whole and of single nodes and links.
fn faults(case: &Case, near: &Near) -> Vec<Candidate> {
    let running = case.end.faults().all().iter().enumerate();
    let tried = running
        .filter(|(number, fault)| fault.touched > 0 && began(case, *number) <= near.until)
        .map(|(number, fault)| (Spared { number, at: began(case, number) }, fault));
    let mut found: Vec<Candidate> =
        tried.clone().map(|(spared, fault)| spared.all(&fault.spec)).collect();
    for (spared, fault) in tried {
        let met: BTreeSet<u32> = fault.met.iter().copied().collect();
        for node in met.into_iter().filter(|node| near.all.contains(node)) {
            found.extend(spared.node(case, near, &fault.spec, node));
        }
        let is_near = |(a, b): &&(u32, u32)| near.all.contains(a) && near.all.contains(b);
        found.extend(fault.met_links.iter().filter(is_near).map(|(a, b)| spared.link(*a, *b)));
    }
    found
}

/// A fault that is to spare somebody.
#[derive(Clone, Copy)]
struct Spared {
    number: usize,
    at: Time,
}

impl Spared {
    fn candidate(self, kind: Kind, exempt: Exempt, what: String, instead: String) -> Candidate {
        Candidate {
            kind,
            node: None,
            peer: None,
            fault: Some(self.number),
            at: self.at,
            change: Change::Spare(vec![(self.number, exempt)]),
            what,
            instead,
        }
    }

    /// It spares everybody.
    fn all(self, spec: &FaultSpec) -> Candidate {
        let name = spec.name();
        let (kind, what) = match spec {
            FaultSpec::Partition { mode: Cut::Break, .. } => {
                (Kind::Partition, "a partition broke the links between its sides".to_owned())
            }
            FaultSpec::Partition { .. } => {
                (Kind::Partition, "a partition lay between its sides".to_owned())
            }
            FaultSpec::Cut { .. } => {
                (Kind::Partition, "some nodes heard nothing of some others".to_owned())
            }
            _ => (Kind::Fault, format!("there was the fault {name}")),
        };
        let exempt = Exempt { all: true, ..Exempt::default() };
        self.candidate(kind, exempt, what, format!("without the fault {name}"))
    }

    /// It spares a link.
    fn link(self, a: u32, b: u32) -> Candidate {
        let exempt = Exempt { links: vec![(a, b)], ..Exempt::default() };
        let what = format!("the link between nodes {a} and {b} was read at neither end");
        let instead = format!("had the link between nodes {a} and {b} been read");
        let candidate = self.candidate(Kind::ClogLink, exempt, what, instead);
        Candidate { node: Some(a), peer: Some(b), ..candidate }
    }

    /// It spares a node. Whom a partition or a loss met is told by the messages.
    fn node(self, case: &Case, near: &Near, spec: &FaultSpec, node: u32) -> Vec<Candidate> {
        let (kind, did, instead) = match spec {
            FaultSpec::Crash { .. } | FaultSpec::Churn { .. } => {
                (Kind::Crash, "crashed", format!("had node {node} gone on"))
            }
            FaultSpec::Pause { .. } => {
                (Kind::Pause, "stood still", format!("had node {node} not stood still"))
            }
            FaultSpec::Liar { .. } => {
                let (kind, did) = match withheld(case, node) {
                    true => (Kind::Withholder, "kept to itself what it had announced"),
                    false => (Kind::Liar, "lied"),
                };
                (kind, did, format!("had node {node} been honest"))
            }
            _ => return Vec::new(),
        };
        let exempt = Exempt { nodes: vec![node], ..Exempt::default() };
        let spared = self.candidate(kind, exempt, format!("node {node} {did}"), instead);
        let spared = Candidate { node: Some(node), ..spared };
        let mut found = vec![spared.clone()];
        // A liar from its first misdeed on, if that is known: whether it would come to one was chance.
        if matches!(spec, FaultSpec::Liar { .. })
            && let Some((at, step)) = first_misdeed(case, near, node)
        {
            found.push(Candidate { at, change: Change::Honest(node, step), ..spared });
        }
        found
    }
}

/// When a liar could first do harm to the item: when it kept something back or was asked for it by whoever it came to
/// matter to, or at least when it had it.
fn first_misdeed(case: &Case, near: &Near, liar: u32) -> Option<(Time, u64)> {
    let of_way = near.notes(case).find(|note| match note.what {
        What::Withheld { from, to, .. } => from == liar && near.on_the_way(to),
        What::Came { from, to, word: Word::Request } => to == liar && near.on_the_way(from),
        _ => false,
    });
    let had = || case.accepted(liar).map(|(at, step, _)| (at, step));
    let first = of_way.map(|note| (note.at, note.step)).or_else(had)?;
    (first.1 > case.start_step).then_some(first)
}

/// Whether a node kept the item from somebody who had asked for it.
fn withheld(case: &Case, node: u32) -> bool {
    case.notes.iter().any(
        |note| matches!(note.what, What::Withheld { from, word: Word::Item, .. } if from == node),
    )
}

/// Links that are slower than most, and messages that took longer.
fn links(case: &Case, near: &Near) -> Vec<Candidate> {
    let median = case.start.median_latency();
    let mut transits: Vec<u64> = Vec::new();
    for note in &case.notes {
        if let What::Sent { leaves, arrives, by: None, .. } = note.what
            && arrives != Time::NEVER
        {
            transits.push(arrives.as_nanos() - leaves.as_nanos());
        }
    }
    transits.sort_unstable();
    let usual = transits.get(transits.len() / 2).copied().unwrap_or(0);
    let is_slow = |takes: u64, usual: u64| takes as f64 > SLOW * usual as f64;
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for note in near.notes(case) {
        let What::Sent { from, to, word, leaves, arrives, by: None } = note.what else { continue };
        if !near.on_the_way(to) && !near.on_the_way(from) || arrives == Time::NEVER {
            continue;
        }
        let (a, b) = (from.min(to), from.max(to));
        let fixed = case.start.latency(a, b).unwrap_or(0);
        if is_slow(fixed, median) {
            if seen.insert((a, b)) {
                let ms = |nanos: u64| nanos as f64 / 1e6;
                found.push(Candidate {
                    kind: Kind::SlowLink,
                    node: Some(a),
                    peer: Some(b),
                    fault: None,
                    at: note.at,
                    change: Change::Latency((a, b), median, note.step),
                    what: format!(
                        "the link between nodes {a} and {b} takes {:.0} ms each way, where most take {:.0}",
                        ms(fixed),
                        ms(median)
                    ),
                    instead: format!("had it taken {:.0} ms", ms(median)),
                });
            }
            continue;
        }
        let takes = arrives.as_nanos() - leaves.as_nanos();
        if is_slow(takes, usual) && fixed < takes / 2 {
            let into = Into::Takes(usual);
            let edit = Edit { item: case.id, word, from, to, at: note.at, into };
            let message = message(from, to, word);
            found.push(Candidate {
                kind: Kind::SlowMessage,
                node: Some(from),
                peer: Some(to),
                fault: None,
                at: note.at,
                change: Change::Message(edit, note.step),
                what: format!("{message} took {:.0} ms", takes as f64 / 1e6),
                instead: format!("had it taken {:.0} ms", usual as f64 / 1e6),
            });
        }
    }
    found
}

/// Lines that may be full.
fn lines(case: &Case, near: &Near) -> Vec<Candidate> {
    if !case.start.latencies().has_bandwidth() {
        return Vec::new();
    }
    let line = |node: &u32| Candidate {
        kind: Kind::FullLine,
        node: Some(*node),
        peer: None,
        fault: None,
        at: case.start.now(),
        change: Change::Wide(*node),
        what: format!("the line of node {node} was full"),
        instead: format!("had node {node} a line that carries anything at once"),
    };
    let others = near.all.iter().filter(|node| !near.on_the_way(**node));
    near.way.iter().chain(others).map(line).collect()
}

/// Waits before an announcement, on the way and at neighbours who had it.
fn waits(case: &Case, near: &Near) -> Vec<Candidate> {
    let params = case.start.params();
    let mut prompt = params.clone();
    prompt.relay.trickle_outbound_ms = 0;
    prompt.relay.trickle_inbound_ms = 0;
    let mut open = params.clone();
    open.unbroadcast.first_hops_ms = 0;
    open.unbroadcast.standing_s = 0;
    let (prompt, open): (Arc<Params>, Arc<Params>) = (Arc::new(prompt), Arc::new(open));
    let mut found = Vec::new();
    for &node in &near.all {
        let Some((at, ..)) = case.accepted(node) else { continue };
        if at >= near.until {
            continue;
        }
        // How long until it said a word of it to whoever matters.
        let told = case.notes.iter().find_map(|note| match note.what {
            What::Sent { from, to, word: Word::Announcement | Word::Item, .. }
                if from == node
                    && near.on_the_way(to)
                    && case.accepted(to).is_none_or(|(had, ..)| had > at) =>
            {
                Some((to, note.at))
            }
            _ => None,
        });
        let until = told.map_or_else(|| case.decided(), |(_, when)| when);
        let wait = until.as_nanos().saturating_sub(at.as_nanos());
        if wait < WAIT_MIN {
            continue;
        }
        let whom =
            told.map_or_else(|| "anybody on the way".to_owned(), |(to, _)| format!("node {to}"));
        let ms = wait as f64 / 1e6;
        let one = |kind, params: &Arc<Params>, what: String, instead: String| Candidate {
            kind,
            node: Some(node),
            peer: told.map(|(to, _)| to),
            fault: None,
            at,
            change: Change::Params(node, Arc::clone(params)),
            what,
            instead,
        };
        found.push(one(
            Kind::Trickle,
            &prompt,
            format!("node {node} had the item and waited {ms:.0} ms before it told {whom}"),
            format!("had node {node} announced it at once"),
        ));
        if node == case.origin {
            found.push(one(
                Kind::Embargo,
                &open,
                format!("node {node}, where the item was submitted, kept it to its first hops, and told {whom} after {ms:.0} ms"),
                format!("had node {node} told everybody as early as those"),
            ));
        }
    }
    // Where most was waited first.
    found.sort_by_key(|candidate| !near.on_the_way(candidate.node.unwrap_or(0)));
    found
}

/// Nodes that had the item and waited for its parents.
fn orphans(case: &Case, near: &Near) -> Vec<Candidate> {
    let parents = case.start.parents(case.goal.item);
    if parents.is_empty() {
        return Vec::new();
    }
    let came = |node: &u32| {
        let note = case.notes.iter().find(
            |note| matches!(note.what, What::Came { to, word: Word::Item, .. } if to == *node),
        )?;
        let (accepted, ..) = case.accepted(*node).unwrap_or((Time::NEVER, 0, None));
        let waited = accepted.as_nanos().saturating_sub(note.at.as_nanos());
        (waited >= WAIT_MIN).then(|| Candidate {
            kind: Kind::MissingParent,
            node: Some(*node),
            peer: None,
            fault: None,
            at: note.at,
            change: Change::Given(*node, parents.clone(), note.step),
            what: format!("node {node} had the item's bytes, but not the transactions that must come before it"),
            instead: format!("had node {node} had these"),
        })
    };
    near.way.iter().filter_map(came).collect()
}

/// Peers that were asked and didn't answer before somebody else did.
fn unanswered(case: &Case, near: &Near) -> Vec<Candidate> {
    let mut found = Vec::new();
    for note in near.notes(case) {
        let What::Sent { from: asker, to: asked, word: Word::Request, .. } = note.what else {
            continue;
        };
        let accepted = case.accepted(asker);
        if !near.on_the_way(asker) || accepted.is_some_and(|(_, _, from)| from == Some(asked)) {
            continue;
        }
        let says = |earlier: &&Note| {
            let is_said = matches!(earlier.what, What::Sent { from, to, word: Word::Announcement, .. }
                if (from, to) == (asked, asker));
            is_said && earlier.at <= note.at
        };
        let heard = case.notes.iter().rev().find(says);
        let Some(heard) = heard.filter(|heard| heard.step > case.start_step) else { continue };
        let edit = Edit {
            item: case.id,
            word: Word::Announcement,
            from: asked,
            to: asker,
            at: heard.at,
            into: Into::Lost,
        };
        found.push(Candidate {
            kind: Kind::Unanswered,
            node: Some(asker),
            peer: Some(asked),
            fault: None,
            at: heard.at,
            change: Change::Message(edit, heard.step),
            what: format!("node {asker} asked node {asked}, who didn't answer in time"),
            instead: format!(
                "had node {asker} not heard of it from node {asked}, and asked another"
            ),
        });
    }
    found
}
