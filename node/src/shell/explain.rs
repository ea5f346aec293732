//! Answers questions about the past: the core's record, with peers named and times made absolute.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use libp2p::PeerId;
use tidings_protocol::ground::item::{ItemId, ItemKind, SHORT_ID_LEN, ShortId};
use tidings_protocol::ground::peer::{PeerAddr, PeerKey};
use tidings_protocol::ground::time::Time;
use tidings_protocol::node::Node;
use tidings_protocol::params::Params;
use tidings_protocol::record::{
    Dealings, Excess, Heard, ItemEvent, Life, Manner, Record, Step, Story, Totals, Wait,
};
use tidings_protocol::relay::{AnyStrategy, Strategy as _};
use tidings_protocol::wire::kinds::Budget;

use super::Shell;
use crate::api::explain::{
    DealingsStatus, ExcessStatus, LinkStatus, PEER_STEPS_MAX, PeerStory, StepName, StepStatus,
    TotalsStatus, TxStory, WaitSettings, WaitStatus,
};
use crate::control::Unexplained;

/// Most peers whose names are kept; over it those forget who are in no record any more. The record itself
/// bounds how many those are.
const ACQUAINTANCES_MAX: usize = 1_024;

/// The beginning that the ids of all peers with Ed25519 keys share.
const COMMON_PREFIX: &str = "12D3KooW";

/// The names of peers that the core knows by key, those who have left included.
#[derive(Debug, Default)]
pub struct Acquaintances(BTreeMap<u64, Acquaintance>);

#[derive(Clone, Copy, Debug)]
struct Acquaintance {
    peer: PeerId,
    address: Option<PeerAddr>,
}

impl Acquaintances {
    /// A peer connected. Keeps the names of those that the record knows.
    pub fn meet(
        &mut self,
        key: PeerKey,
        peer: PeerId,
        address: Option<PeerAddr>,
        record: Option<&Record>,
    ) {
        let Some(record) = record else { return };
        if self.0.len() >= ACQUAINTANCES_MAX {
            self.0.retain(|key, _| record.lives().any(|life| life.peer.0 == *key));
        }
        self.0.insert(key.0, Acquaintance { peer, address });
    }

    /// A peer said where it can be dialled.
    pub fn learn_address(&mut self, key: PeerKey, address: PeerAddr) {
        if let Some(acquaintance) = self.0.get_mut(&key.0) {
            acquaintance.address = Some(address);
        }
    }

    /// The id of a peer, if it is known.
    #[must_use]
    pub fn name(&self, key: PeerKey) -> Option<String> {
        self.get(key).map(|acquaintance| acquaintance.peer.to_string())
    }

    fn get(&self, key: PeerKey) -> Option<Acquaintance> {
        self.0.get(&key.0).copied()
    }

    /// Who is meant by an id, the beginning of one (with or without what all ids begin with), an
    /// address, or a link.
    fn find(&self, query: &str, record: &Record) -> Vec<(PeerKey, PeerId)> {
        let met = self.0.iter().filter(|(key, _)| record.lives().any(|life| life.peer.0 == **key));
        let (mut exact, mut beginning) = (Vec::new(), Vec::new());
        for (key, Acquaintance { peer, address }) in met {
            let (key, id) = (PeerKey(*key), peer.to_string());
            let is_address = address.is_some_and(|address| address.to_string() == query);
            let has_link = || {
                let mut lives = record.lives().filter(|life| life.peer == key);
                lives.any(|life| life.link.to_string() == query)
            };
            if id == query || is_address || has_link() {
                exact.push((key, *peer));
            } else if id.starts_with(query)
                || id.strip_prefix(COMMON_PREFIX).is_some_and(|rest| rest.starts_with(query))
            {
                beginning.push((key, *peer));
            }
        }
        if exact.is_empty() { beginning } else { exact }
    }
}

/// What answers need: a core, whose record it is, and what only its driver knows. A shell has one, and so has whoever replays a capture.
pub struct Teller<'a> {
    /// The core.
    pub node: &'a Node,
    /// Its parameters.
    pub params: &'a Params,
    /// Who its peers are.
    pub acquaintances: &'a Acquaintances,
    /// The core's time.
    pub now: Time,
    /// Microseconds of Unix time at a time of the core's.
    pub unix_us: &'a dyn Fn(Time) -> u64,
}

impl fmt::Debug for Teller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Teller<'_> {
    /// The story of the item whose id, or the beginning of it, is given.
    ///
    /// # Errors
    /// When nothing is known of one, or of several.
    pub fn explain_tx(&self, query: &str) -> Result<TxStory, Unexplained> {
        let record = self.node.record().ok_or(Unexplained::Off)?;
        let digits = query.to_ascii_lowercase();
        let is_id = (1..=64).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_id {
            return Err(Unexplained::NoId(query.to_owned()));
        }
        let (id, story) = match &self.stories_of(&digits)[..] {
            [] => return Err(self.unknown("an item", query, record)),
            [(id, story)] => (*id, story.clone()),
            many => {
                let named = many.iter().map(|(id, _)| format!("{} ({})", id, id.kind()));
                return Err(Unexplained::ambiguous(query, named.collect()));
            }
        };
        let item = self.node.item(&id);
        let (relay, requests) = (&self.params.relay, &self.params.requests);
        let patience = AnyStrategy::from(relay.strategy).patience(relay);
        let patience = patience.unwrap_or_else(|| requests.timeout(ItemKind::Tx));
        Ok(TxStory {
            id: id.to_string(),
            kind: item.map(|item| item.kind()),
            bytes: item.map(|item| item.size()),
            complete_since_unix_us: self.unix_us(record.complete_since()),
            settings: WaitSettings {
                strategy: relay.strategy.to_string(),
                answer_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
                trickle_outbound_ms: relay.trickle_outbound_ms,
                trickle_inbound_ms: relay.trickle_inbound_ms,
                batch_ms: relay.batch_ms,
            },
            links: story.lives.iter().map(|life| self.link_status(life)).collect(),
            steps: self.steps_of(&story),
        })
    }

    /// The steps of an item's story. Whom it conflicted with is known of its last refusal.
    fn steps_of(&self, story: &Story) -> Vec<StepStatus> {
        let steps = story.steps.iter().map(|step| self.step_status(step, false));
        let mut steps: Vec<StepStatus> = steps.collect();
        if let Some(refused) = steps.iter_mut().rfind(|step| step.step == StepName::Rejected) {
            refused.rival = story.rival.map(Into::into);
        }
        steps
    }

    /// The dealings with the peer that is given by its id, the beginning of it, an address or a link.
    ///
    /// # Errors
    /// When nothing is known of one, or of several.
    pub fn explain_peer(&self, query: &str) -> Result<PeerStory, Unexplained> {
        let record = self.node.record().ok_or(Unexplained::Off)?;
        let found = self.acquaintances.find(query, record);
        let [(key, peer)] = found[..] else {
            let named = |(_, peer): &(PeerKey, PeerId)| peer.to_string();
            return Err(match found.len() {
                0 => self.unknown("a peer", query, record),
                _ => Unexplained::ambiguous(query, found.iter().map(named).collect()),
            });
        };
        let dealings = self.node.dealings_with(key);
        Ok(PeerStory {
            peer_id: peer.to_string(),
            complete_since_unix_us: self.unix_us(record.complete_since()),
            links: dealings.iter().map(|dealings| self.dealings_status(dealings)).collect(),
        })
    }

    fn unknown(&self, what: &'static str, query: &str, record: &Record) -> Unexplained {
        let complete_s = self.now.since(record.complete_since()).as_secs();
        Unexplained::Unknown { what, query: query.to_owned(), complete_s }
    }

    /// The stories of the items whose ids are given, or the beginning of them: of what isn't here and never was, a
    /// whole id alone tells. Of two kinds with one hash, both.
    fn stories_of(&self, digits: &str) -> Vec<(ItemId, Story)> {
        let mut ids: Vec<ItemId> = match digits.parse() {
            Ok(hash) => vec![ItemId::tx(hash), ItemId::block(hash)],
            Err(_) => self.node.seen().ids_beginning(digits).collect(),
        };
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| Some((id, self.node.story_of(id)?))).collect()
    }

    fn unix_us(&self, at: Time) -> u64 {
        (self.unix_us)(at)
    }

    fn link_status(&self, life: &Life) -> LinkStatus {
        let acquaintance = self.acquaintances.get(life.peer);
        LinkStatus {
            link: life.link.to_string(),
            peer_id: acquaintance.map(|acquaintance| acquaintance.peer.to_string()),
            direction: life.direction,
            address: acquaintance.and_then(|acquaintance| acquaintance.address),
            up_unix_us: self.unix_us(life.up),
            down_unix_us: life.down.map(|(at, _)| self.unix_us(at)),
            why: life.down.and_then(|(_, why)| why).map(|why| why.to_string()),
        }
    }

    fn dealings_status(&self, dealings: &Dealings) -> DealingsStatus {
        let Dealings { life, steps, totals } = dealings;
        let latest = &steps[steps.len().saturating_sub(PEER_STEPS_MAX)..];
        DealingsStatus {
            link: self.link_status(life),
            offences: life.offences,
            last_offence: life.last_offence.map(|(_, offence)| offence.to_string()),
            excess: excess_status(&life.excess),
            totals: totals_status(totals),
            steps: latest.iter().map(|step| self.step_status(step, true)).collect(),
        }
    }

    /// The beginning of an item's id, by which it can be asked about; of one that nothing else is known of, what the
    /// record calls it.
    fn item_name(&self, short: ShortId) -> String {
        let id = self.node.seen().id_of(short).map(|id| id.to_string());
        let mut name = id.unwrap_or_else(|| HEXLOWER.encode(&short.0));
        name.truncate(2 * SHORT_ID_LEN);
        name
    }

    fn step_status(&self, step: &Step, with_item: bool) -> StepStatus {
        let (name, detail) = name_and_detail(step.what);
        StepStatus {
            unix_us: self.unix_us(step.at),
            item: step.id.filter(|_| with_item).map(|id| self.item_name(id)),
            link: step.link.map(|link| link.to_string()),
            step: name,
            detail: detail.map(str::to_owned),
            rival: None,
            waits_for: step.wait.map(|wait| match wait {
                Wait::Request(link) => WaitStatus::Request(link.to_string()),
                Wait::Push => WaitStatus::Push,
                Wait::Capacity => WaitStatus::Capacity,
            }),
        }
    }
}

impl Shell {
    fn tell<T>(&self, of: impl FnOnce(&Teller<'_>) -> T) -> T {
        of(&Teller {
            node: &self.node,
            params: &self.config.params,
            acquaintances: &self.acquaintances,
            now: self.now,
            unix_us: &|at| self.clock.unix_us(at),
        })
    }

    pub(super) fn explain_tx(&self, query: &str) -> Result<TxStory, Unexplained> {
        self.tell(|teller| teller.explain_tx(query))
    }

    pub(super) fn explain_peer(&self, query: &str) -> Result<PeerStory, Unexplained> {
        self.tell(|teller| teller.explain_peer(query))
    }
}

fn excess_status(excess: &Excess) -> ExcessStatus {
    let overrun = Budget::ALL.into_iter().zip(excess.overrun).filter(|(_, count)| *count > 0);
    ExcessStatus {
        overrun: overrun.map(|(budget, count)| (budget.name().to_owned(), count)).collect(),
        announcements_unseen: excess.announcements,
        slowed_us: u64::try_from(excess.slowed.as_micros()).unwrap_or(u64::MAX),
    }
}

fn totals_status(totals: &Totals) -> TotalsStatus {
    TotalsStatus {
        announced: totals.heard,
        announced_news: totals.news,
        asked: totals.asked,
        answered: totals.answered,
        expired: totals.expired,
        not_found: totals.not_found,
        gave_way: totals.gave_way,
        open: totals.open,
        arrived: totals.arrived,
        duplicates: totals.duplicates,
        rejected: totals.rejected,
        told: totals.told,
        sent: totals.sent,
        sent_on_request: totals.sent_on_request,
        answer_median_us: totals
            .answer_median
            .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
    }
}

fn name_and_detail(what: ItemEvent) -> (StepName, Option<&'static str>) {
    match what {
        ItemEvent::Submitted => (StepName::Submitted, None),
        ItemEvent::Restored => (StepName::Restored, None),
        ItemEvent::Implied => (StepName::Implied, None),
        ItemEvent::Orphaned => (StepName::Orphaned, None),
        ItemEvent::Heard(heard) => (StepName::Heard, Some(heard_name(heard))),
        ItemEvent::Arrived => (StepName::Arrived, None),
        ItemEvent::Duplicate => (StepName::Duplicate, None),
        ItemEvent::Unsolicited => (StepName::Unsolicited, None),
        ItemEvent::Overflow => (StepName::Overflow, None),
        ItemEvent::Checking => (StepName::Checking, None),
        ItemEvent::Accepted => (StepName::Accepted, None),
        ItemEvent::Rejected(rule) => (StepName::Rejected, Some(rule)),
        ItemEvent::Delayed => (StepName::Delayed, None),
        ItemEvent::Unsent => (StepName::Unsent, None),
        ItemEvent::Released => (StepName::Released, None),
        ItemEvent::Alone => (StepName::Alone, None),
        ItemEvent::Again => (StepName::Again, None),
        ItemEvent::Told(manner) => (StepName::Told, Some(manner_name(manner))),
        ItemEvent::Sent(manner) => (StepName::Sent, Some(manner_name(manner))),
        ItemEvent::Denied => (StepName::Denied, None),
        ItemEvent::NotFound => (StepName::NotFound, None),
        ItemEvent::Expired => (StepName::Expired, None),
        ItemEvent::Broke => (StepName::Broke, None),
        ItemEvent::Asked => (StepName::Asked, None),
        ItemEvent::Congested => (StepName::Congested, None),
        ItemEvent::Drained => (StepName::Drained, None),
        ItemEvent::Left(why) => (StepName::Left, Some(why.name())),
        ItemEvent::OverBudget(budget) => (StepName::OverBudget, Some(budget.name())),
    }
}

const fn heard_name(heard: Heard) -> &'static str {
    match heard {
        Heard::Asked => "asked",
        Heard::Kept => "kept",
        Heard::Held => "held",
        Heard::Known => "known",
        Heard::Again => "again",
        Heard::Dropped => "dropped",
        Heard::OverBudget => "over-budget",
    }
}

const fn manner_name(manner: Manner) -> &'static str {
    match manner {
        Manner::Now => "now",
        Manner::Batch => "batch",
        Manner::Round => "round",
        Manner::Gap => "gap",
        Manner::Answer => "answer",
    }
}
