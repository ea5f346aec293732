//! The fleet's map: what time it is for it, what is asked of it, and when a write is answered.

use std::collections::HashSet;
use std::time::Duration;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rand::Rng as _;
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::machine::Input;
use tidings_protocol::member::{Fleet, Membership};
use tidings_protocol::replica::fields::{FIELD_NAME_MAX, FIELD_VALUE_MAX};
use tidings_protocol::replica::key::NAME_MAX;
use tidings_protocol::replica::register::{Lost, VALUE_MAX};
use tidings_protocol::replica::set::ELEMENT_MAX;
use tidings_protocol::replica::{
    Entry, Key, Kind, Model, Refused, Replica, ReplicaId, State, Write,
};
use tokio::time::Instant;

use super::commands::PENDING_MAX;
use super::{Shell, ShellConfig};
use crate::api::kv::{
    KvConflicts, KvEntry, KvKind, KvLost, KvPage, KvStatus, KvText, KvWhy, KvWrite,
};
use crate::config::kv::KvModel;
use crate::control::{KvCommand, KvRefused, KvReply};
use crate::store::{Change, MapChange, Recalled, Waiter};

/// How often the machine's clock is read for the map. A guess: a clock that was set is noticed soon.
const CLOCK_INTERVAL: Duration = Duration::from_secs(10);

/// Most entries of a page or an answer, and most bytes of names and values in it, but for the last. A guess: a millisecond's work.
const PAGE_MAX: usize = 256;
const PAGE_BYTES: usize = 256 << 10;

/// The shell's part of the map.
#[derive(Debug, Default)]
pub(super) struct MapDesk {
    /// When the machine's clock is to be read again, if there is a map.
    clock_at: Option<Instant>,
    /// What became of the write at hand.
    pub(super) outcome: Option<Result<(), Refused>>,
}

/// The place that a node has in its fleet, and what it knows of the map from an earlier run.
pub(super) fn join(
    config: &ShellConfig,
    own: PeerKey,
    recalled: Option<Recalled>,
    rng: &mut rand_chacha::ChaCha8Rng,
) -> Option<(Box<Membership>, Vec<Entry>)> {
    let kv = config.kv.as_ref()?;
    match &kv.fleet {
        Fleet::Anybody => tracing::warn!(
            "kv.fleet is [\"*\"]: ANY peer, a stranger too, can read and change all of this node's map. That is for labs alone: \
             name the peers of the fleet instead"
        ),
        Fleet::Peers(peers) if peers.iter().all(|peer| *peer == own) => {
            tracing::warn!("kv.fleet names no other peer: nobody shares this node's map");
        }
        Fleet::Peers(_) => {}
    }
    if config.store.is_none() {
        tracing::warn!("store.enabled is false: what the map holds is only in memory");
    }
    let Recalled { writer, mut entries } = recalled.unwrap_or_default();
    // What a map of another model left stays in the store, for whoever goes back to it.
    entries.retain(|entry| kv.settings.model.keeps(entry.key.kind()));
    let bytes: usize = entries.iter().map(|entry| entry.to_bytes().len()).sum();
    // What has no room is forgotten, and who forgets what it wrote is somebody else.
    let fits = entries.len() <= kv.settings.keys_max && bytes <= kv.settings.bytes_max;
    let writer = writer.filter(|_| fits);
    let id = writer.unwrap_or_else(|| {
        let (random, now) = (rng.next_u64(), config.lab.clock.unix_us());
        ReplicaId(random ^ own.0 ^ now)
    });
    tracing::info!(
        model = KvModel::of(kv.settings.model).name(), writer = %id, entries = entries.len(),
        "this node takes part in a map"
    );
    let (fleet, settings) = (kv.fleet.clone(), kv.settings.clone());
    Some((Box::new(Membership { id, fleet, settings }), entries))
}

impl Shell {
    /// Holds what an earlier run held of the map, before the first link.
    pub(super) fn recall(&mut self, entries: &[Entry]) {
        if self.node.replica().is_none() {
            return;
        }
        self.read_machines_clock();
        for entry in entries {
            self.handle(Input::Recalled(entry));
        }
        if let Some(replica) = self.node.replica() {
            let held = entries.iter().map(|entry| &entry.key);
            let held = held.filter(|key| replica.get(key).is_some()).cloned();
            self.keeper.begin_map(replica.id(), held.collect());
        }
    }

    /// Reads the machine's clock for the map, if it is time to.
    pub(super) fn look_at_machines_clock(&mut self) {
        if self.desk.clock_at.is_some_and(|at| at <= self.real) {
            self.read_machines_clock();
        }
    }

    fn read_machines_clock(&mut self) {
        self.desk.clock_at = Some(self.real + CLOCK_INTERVAL);
        let wall = self.config.lab.clock.unix_us() / 1_000;
        self.handle(Input::Clock { wall });
    }

    pub(super) fn on_kv(&mut self, command: KvCommand) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            KvCommand::Get { key, reply } => {
                let get = |replica: &Replica| Ok(under(replica, &key));
                let _ = reply.send(self.replica().and_then(get));
            }
            KvCommand::Look { key, kind, reply } => {
                let _ = reply.send(self.node.replica().and_then(|replica| {
                    let key = Key::new(kind_of(kind), &key.0)?;
                    replica.get(&key).map(|state| KvEntry::of(&key, state))
                }));
            }
            KvCommand::List { prefix, after, reply } => {
                let list = |replica: &Replica| page(replica, &prefix, after.as_deref());
                let _ = reply.send(self.replica().and_then(list));
            }
            KvCommand::Conflicts(reply) => {
                let _ = reply.send(self.replica().map(conflicts));
            }
            KvCommand::Has(reply) => drop(reply.send(self.replica().map(drop))),
            KvCommand::Write { write, reply } => self.write(write, reply),
        }
    }

    fn replica(&self) -> Result<&Replica, KvRefused> {
        self.node.replica().ok_or(KvRefused::Off)
    }

    /// Writes, and answers once that is saved.
    fn write(&mut self, write: KvWrite, reply: KvReply) {
        let aimed = self.replica().and_then(|replica| aim(replica, write));
        let (key, write) = match aimed {
            Ok(aimed) => aimed,
            Err(why) => return drop(reply.send(Err(why))),
        };
        if self.keeper.waiting() >= PENDING_MAX {
            return drop(reply.send(Err(KvRefused::Busy)));
        }
        self.read_machines_clock();
        self.handle(Input::Write { ticket: 0, key: &key, write: &write });
        let outcome = self.desk.outcome.take();
        let Some(replica) = self.node.replica() else { return };
        match (outcome, replica.get(&key)) {
            (Some(Ok(())), Some(state)) => {
                let told = KvEntry::of(&key, state);
                let Some(store) = self.keeper.store() else {
                    return drop(reply.send(Ok(told)));
                };
                let entry = Box::new(Entry { key, state: state.clone() });
                let waiter = Waiter::new(move |saved| {
                    let _ = reply.send(saved.map(|()| told).map_err(KvRefused::from));
                });
                store.save(Change::Map(MapChange::Hold(entry)), vec![waiter]);
            }
            (Some(Err(why)), _) => drop(reply.send(Err(refusal(why, replica)))),
            (Some(Ok(())) | None, _) => {}
        }
    }

    /// How the map is.
    pub(super) fn map_status(&self) -> Option<KvStatus> {
        let replica = self.node.replica()?;
        let settings = replica.settings();
        Some(KvStatus {
            model: KvModel::of(settings.model).name().to_owned(),
            writer: replica.id().to_string(),
            keys: replica.len(),
            keys_max: settings.keys_max,
            bytes: replica.bytes(),
            bytes_max: settings.bytes_max,
            peers: replica.links(),
            contested: replica.contested().count(),
        })
    }
}

const fn kind_of(kind: KvKind) -> Kind {
    match kind {
        KvKind::Register => Kind::Register,
        KvKind::Siblings => Kind::Siblings,
        KvKind::Counter => Kind::Counter,
        KvKind::Set => Kind::Set,
        KvKind::Map => Kind::Map,
    }
}

/// What is under a name, by its kinds.
fn under(replica: &Replica, name: &KvText) -> Vec<KvEntry> {
    let keys = Kind::ALL.into_iter().filter_map(|kind| Key::new(kind, &name.0));
    let held = keys.filter_map(|key| {
        let state = replica.get(&key).filter(|state| !state.is_deleted())?;
        Some(KvEntry::of(&key, state))
    });
    held.collect()
}

/// Keys in order, from behind the end of another page.
fn page(replica: &Replica, prefix: &KvText, after: Option<&str>) -> Result<KvPage, KvRefused> {
    let after = after.map(|after| HEXLOWER_PERMISSIVE.decode(after.as_bytes()));
    let after = after.transpose().map_err(|_| KvRefused::NoPage)?.unwrap_or_default();
    let (mut page, mut bytes, mut last) = (KvPage::default(), 0, None);
    let rest = replica.entries().filter(|(key, _)| key.as_ref() > &after[..]);
    let fitting =
        rest.filter(|(key, state)| key.name().starts_with(&prefix.0) && !state.is_deleted());
    for (key, state) in fitting {
        if page.entries.len() >= PAGE_MAX || bytes >= PAGE_BYTES {
            page.next = last.map(|key: &Key| HEXLOWER.encode(key.as_ref()));
            break;
        }
        let entry = KvEntry::of(key, state);
        bytes += size(&entry);
        page.entries.push(entry);
        last = Some(key);
    }
    Ok(page)
}

/// Bytes of what an entry says.
fn size(entry: &KvEntry) -> usize {
    let values: usize = entry.values.iter().map(|value| value.0.len()).sum();
    let field = |field: &crate::api::kv::KvField| field.name.0.len() + field.value.0.len();
    entry.key.0.len() + values + entry.fields.iter().map(field).sum::<usize>()
}

fn conflicts(replica: &Replica) -> KvConflicts {
    let mut contested = replica.contested().map(|(key, siblings)| {
        let values = siblings.values().map(|value| KvText::from(&value[..])).collect();
        let (key, kind) = (key.name().into(), KvKind::Siblings);
        let (deleted, number, fields, written) = (false, None, Vec::new(), None);
        KvEntry { key, kind, deleted, values, number, fields, written }
    });
    let first: Vec<_> = contested.by_ref().take(PAGE_MAX).collect();
    let lost = replica.lost().iter().map(|(key, lost)| {
        let stays = replica.get(key).and_then(|state| match state {
            State::Register(register) if register.stamp() == lost.winner => register.value(),
            _ => None,
        });
        KvLost {
            key: key.name().into(),
            why: match lost.why {
                Lost::Concurrent => KvWhy::Concurrent,
                Lost::Outdated => KvWhy::Outdated,
                Lost::Ahead => KvWhy::Ahead,
            },
            written: lost.stamp.into(),
            value: lost.value.as_ref().map(|value| KvText::from(&value[..])),
            winner: lost.winner.into(),
            stays: stays.map(|value| KvText::from(&value[..])),
        }
    });
    let counts = replica.lost().counts();
    KvConflicts {
        contested: first,
        more: contested.next().is_some(),
        lost: lost.collect(),
        lost_count: counts.concurrent + counts.outdated + counts.ahead,
    }
}

/// What a write does to which key, under the network's model.
fn aim(replica: &Replica, write: KvWrite) -> Result<(Key, Write), KvRefused> {
    let model = replica.settings().model;
    let bytes = |text: KvText, what: &str, max: usize| {
        let len = text.0.len();
        if len <= max {
            return Ok(bytes::Bytes::from(text.0));
        }
        Err(KvRefused::Bound(format!("{what} has at most {max} bytes, and this one has {len}")))
    };
    let (key, kind, write) = match write {
        KvWrite::Set { key, value, field: None } => {
            let kind = match model {
                Model::LastWriter(_) => Kind::Register,
                Model::Versions => Kind::Siblings,
                Model::Convergent => {
                    let why = "this fleet's map is convergent: it holds counters (add), sets (include, exclude) and maps of \
                               fields (set and delete with a field)";
                    return Err(KvRefused::Kind(why.to_owned()));
                }
            };
            (key, kind, Write::Put(bytes(value, "a value", VALUE_MAX)?))
        }
        KvWrite::Set { key, value, field: Some(field) } => {
            let name = bytes(field, "the name of a field", FIELD_NAME_MAX)?;
            let value = bytes(value, "the value of a field", FIELD_VALUE_MAX)?;
            (key, only_convergent(model, Kind::Map, "fields")?, Write::PutField(name, value))
        }
        KvWrite::Delete { key, field: Some(field), kind: None | Some(KvKind::Map) } => {
            let name = bytes(field, "the name of a field", FIELD_NAME_MAX)?;
            (key, only_convergent(model, Kind::Map, "fields")?, Write::DeleteField(name))
        }
        KvWrite::Delete { field: Some(_), .. } => {
            return Err(KvRefused::Kind("only maps have fields".to_owned()));
        }
        KvWrite::Delete { key, field: None, kind } => {
            let kind = to_delete(replica, &key, kind)?;
            (key, kind, Write::Delete)
        }
        KvWrite::Add { key, by } => {
            (key, only_convergent(model, Kind::Counter, "counters")?, Write::Add(by))
        }
        KvWrite::Include { key, element } => {
            let element = bytes(element, "an element of a set", ELEMENT_MAX)?;
            (key, only_convergent(model, Kind::Set, "sets")?, Write::Insert(element))
        }
        KvWrite::Exclude { key, element } => {
            let element = bytes(element, "an element of a set", ELEMENT_MAX)?;
            (key, only_convergent(model, Kind::Set, "sets")?, Write::Remove(element))
        }
    };
    let named = Key::new(kind, &key.0).ok_or_else(|| {
        let len = key.0.len();
        KvRefused::Bound(format!("a key has 1 to {NAME_MAX} bytes, and this one has {len}"))
    });
    Ok((named?, write))
}

fn only_convergent(model: Model, kind: Kind, what: &str) -> Result<Kind, KvRefused> {
    if model.keeps(kind) {
        return Ok(kind);
    }
    let name = KvModel::of(model).name();
    Err(KvRefused::Kind(format!(
        "this fleet's map has the model {name}, which has no {what}: set values, or have all the fleet use kv.model = \
         \"convergent\""
    )))
}

/// Which of the kinds that may be called so is to be deleted.
fn to_delete(replica: &Replica, name: &KvText, kind: Option<KvKind>) -> Result<Kind, KvRefused> {
    let there: HashSet<KvKind> = under(replica, name).iter().map(|entry| entry.kind).collect();
    let is_meant = |each: &KvKind| kind.is_none_or(|kind| kind == *each);
    let mut meant = there.iter().copied().filter(is_meant).filter(|kind| *kind != KvKind::Counter);
    match (meant.next(), meant.next()) {
        (Some(kind), None) => Ok(kind_of(kind)),
        (Some(_), Some(_)) => Err(KvRefused::Kind(
            "a set and a map of fields are called so: say which kind is to be deleted".to_owned(),
        )),
        _ if there.iter().any(is_meant) => Err(KvRefused::Kind(
            "a counter can't be deleted: what somebody adds meanwhile would be lost".to_owned(),
        )),
        _ => Err(KvRefused::Absent),
    }
}

fn refusal(why: Refused, replica: &Replica) -> KvRefused {
    let settings = replica.settings();
    match why {
        Refused::Kind => KvRefused::Kind(why.to_string()),
        Refused::Bound => KvRefused::Bound(
            "there are as many elements, fields or writers as a key may have, or the sum is full"
                .to_owned(),
        ),
        Refused::Full => KvRefused::Full {
            keys: replica.len(),
            keys_max: settings.keys_max,
            bytes: replica.bytes(),
            bytes_max: settings.bytes_max,
        },
        Refused::Absent => KvRefused::Absent,
    }
}
