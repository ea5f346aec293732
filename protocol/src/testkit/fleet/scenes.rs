//! What goes wrong with data that converges, each with a figure: updates that are lost in a partition and by wrong clocks,
//! copies that are damaged, and how soon news is everywhere. `protocol/examples/replica.rs` prints them.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::{Fleet, Traffic, Weather};
use crate::replica::{ClockKind, Key, Kind, Model, Settings, Spread, Stamp, State, Write};

/// Longer than any of these takes to converge.
const PATIENCE: Duration = Duration::from_secs(600);

/// What became of the updates of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divided {
    /// Updates during the partition.
    pub updates: usize,
    /// Keys that both sides updated.
    pub both_sides: usize,
    /// Different updates that replicas list as lost.
    pub lost: usize,
    /// Of the last updates of both sides, those that nobody can read afterwards.
    pub gone: usize,
    /// Keys with several values afterwards.
    pub contested: usize,
    /// How long it took to agree after the partition.
    pub healed_after: Duration,
}

/// Updates of [`partition`]: 55 seconds of them.
const UPDATES: usize = 220;

/// Five replicas, two of them cut off from the others for a minute. Twice a second somebody on each side sets one of 40
/// keys; on each side one replica sets a key, so that only the partition makes updates concurrent.
///
/// # Panics
/// If they don't agree in the end.
#[must_use]
pub fn partition(model: Model, seed: u64) -> Divided {
    let (kind, settings) = (
        if model == Model::Versions { Kind::Siblings } else { Kind::Register },
        Settings::new(model, 1),
    );
    let mut fleet = Fleet::new(5, &settings, Weather::FAIR, seed);
    let keys: Vec<_> = (0..40).map(|number| key(kind, number)).collect();
    for (number, key) in keys.iter().enumerate() {
        put(&mut fleet, number % 5, key, "before");
    }
    fleet.settle(PATIENCE).expect("nothing disturbs them");
    fleet.divide(|number| usize::from(number < 2));
    let mut last = vec![[None, None]; keys.len()];
    for update in 0..UPDATES {
        let (side, number) = (update % 2, fleet.below(keys.len()));
        let writer = if side == 0 { number % 2 } else { 2 + number % 3 };
        let value = format!("update {update}");
        put(&mut fleet, writer, &keys[number], &value);
        last[number][side] = Some(value);
        fleet.run_for(Duration::from_millis(250));
    }
    // So that each side agrees, and only the partition is to blame.
    fleet.run_for(Duration::from_secs(5));
    fleet.divide(|_| 0);
    let healed_after = fleet.settle(PATIENCE).expect("the partition is over");
    let both: Vec<_> =
        keys.iter().zip(&last).filter(|(_, last)| last.iter().all(Option::is_some)).collect();
    let gone =
        both.iter().flat_map(|(key, last)| last.iter().flatten().map(move |value| (key, value)));
    let gone =
        gone.filter(|(key, value)| !reads(&fleet, 0, key).contains(&value.as_bytes())).count();
    let contested = fleet.replica(0).contested().count();
    Divided {
        contested,
        updates: UPDATES,
        both_sides: both.len(),
        lost: listed(&fleet).len(),
        gone,
        healed_after,
    }
}

/// What became of updates where one clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skewed {
    /// Updates by those whose clock is right.
    pub right: usize,
    /// Of these, those that some replica with a right clock didn't show ten seconds later.
    pub right_lost: usize,
    /// Updates by the one whose clock is wrong.
    pub wrong: usize,
    /// Of these, those that some replica with a right clock didn't show ten seconds later.
    pub wrong_lost: usize,
    /// How often it was told that its stamps are too far ahead.
    pub told: u64,
    /// Whether all hold the same a minute after its clock was set right.
    pub agree: bool,
}

/// So many replicas, of which the last has a wrong clock. Every ten seconds a random one sets one of ten keys, and sees the one
/// before long since: no two updates are concurrent.
#[must_use]
pub fn skew(clock: ClockKind, size: usize, skew_ms: i64, seed: u64) -> Skewed {
    let settings = Settings::new(Model::LastWriter(clock), 1);
    let (mut fleet, wrong) = (Fleet::new(size, &settings, Weather::FAIR, seed), size - 1);
    fleet.set_skew(wrong, skew_ms);
    let mut figures =
        Skewed { right: 0, right_lost: 0, wrong: 0, wrong_lost: 0, told: 0, agree: false };
    for update in 0..200 {
        let (writer, key) = (fleet.below(size), key(Kind::Register, fleet.below(10)));
        let value = format!("update {update}");
        put(&mut fleet, writer, &key, &value);
        fleet.run_for(Duration::from_secs(10));
        let is_shown = (0..wrong).all(|number| reads(&fleet, number, &key) == [value.as_bytes()]);
        let (all, lost) = if writer == wrong {
            (&mut figures.wrong, &mut figures.wrong_lost)
        } else {
            (&mut figures.right, &mut figures.right_lost)
        };
        *all += 1;
        *lost += usize::from(!is_shown);
    }
    figures.told = fleet.told_ahead(wrong);
    fleet.set_skew(wrong, 0);
    fleet.run_for(Duration::from_secs(60));
    figures.agree = fleet.agrees(|_| true);
    figures
}

/// What repairing a copy took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Entries of a copy, and their bytes.
    pub entries: usize,
    /// Bytes of these.
    pub full: usize,
    /// How many of them were damaged.
    pub damaged: usize,
    /// Bytes of those.
    pub damaged_bytes: usize,
    /// What was sent both ways until the copy was right.
    pub traffic: Traffic,
    /// How long it took.
    pub after: Duration,
    /// What a comparison of equal copies takes, both ways.
    pub idle: Traffic,
}

/// Two replicas with so many entries of a hundred bytes. Of one copy one in twenty is damaged: half of these are gone, and half are
/// as they were before their last update. There are no rounds: only comparing finds them.
///
/// # Panics
/// If the copy isn't repaired.
#[must_use]
pub fn repair(entries: usize, seed: u64) -> Repaired {
    let mut settings = Settings::new(Model::LastWriter(ClockKind::Hybrid), 1);
    (settings.keys_max, settings.bytes_max) = (entries, 1 << 30);
    settings.round = Duration::ZERO;
    let mut fleet = Fleet::new(2, &settings, Weather::FAIR, seed);
    let keys: Vec<_> = (0..entries).map(|number| key(Kind::Register, number)).collect();
    let mut before = Vec::new();
    for round in 0..2 {
        for (number, key) in keys.iter().enumerate() {
            put(&mut fleet, 0, key, &format!("{round} {number:098}"));
        }
        fleet.settle(PATIENCE).expect("nothing disturbs them");
        before.extend(
            keys.iter().map(|key| fleet.replica(1).get(key).cloned()).filter(|_| round == 0),
        );
        fleet.run_for(Duration::from_secs(1));
    }
    fleet.take_traffic();
    let full = fleet.replica(0).bytes();
    let mut damaged_bytes = 0;
    let damaged: Vec<_> = (0..entries).step_by(20).collect();
    for (count, number) in damaged.iter().enumerate() {
        let held = fleet.replica(1).bytes();
        fleet.damage(1, &keys[*number], None);
        damaged_bytes += held - fleet.replica(1).bytes();
        if count % 2 == 0 {
            fleet.damage(1, &keys[*number], before[*number].clone());
        }
    }
    let after = fleet.settle(PATIENCE).expect("the copy is repaired");
    fleet.run_for(Duration::from_secs(1));
    let traffic = fleet.take_traffic();
    // The next one finds nothing.
    while fleet.traffic.messages == 0 {
        fleet.run_for(Duration::from_millis(100));
    }
    let (full_entries, idle) = (fleet.replica(0).len(), fleet.take_traffic());
    let damaged = damaged.len();
    Repaired { entries: full_entries, full, damaged, damaged_bytes, traffic, after, idle }
}

/// How one update spreads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spreading {
    /// How long until all had it, in rounds.
    pub rounds: f64,
    /// Messages until then, for each replica.
    pub messages: f64,
    /// Messages in a minute without news, for each replica.
    pub idle: f64,
}

/// One update in a fleet, without comparisons: one contact each round.
///
/// # Panics
/// If it isn't everywhere in the end.
#[must_use]
pub fn spread(spread: Spread, size: usize, seed: u64) -> Spreading {
    let mut settings = Settings::new(Model::LastWriter(ClockKind::Hybrid), 1);
    (settings.spread, settings.fanout, settings.compare) = (spread, 1, Duration::ZERO);
    let mut fleet = Fleet::new(size, &settings, Weather::FAIR, seed);
    fleet.run_for(Duration::from_secs(60));
    fleet.take_traffic();
    fleet.run_for(Duration::from_secs(60));
    let idle = fleet.take_traffic().messages;
    put(&mut fleet, 0, &key(Kind::Register, 1), "news");
    let after = fleet.settle(PATIENCE).expect("rounds reach all");
    let each = |messages: u64| messages as f64 / size as f64;
    let messages = each(fleet.take_traffic().messages);
    let rounds = after.as_secs_f64() / settings.round.as_secs_f64();
    Spreading { rounds, messages, idle: each(idle) }
}

/// The stamps that replicas list as lost, each once.
fn listed(fleet: &Fleet) -> BTreeSet<(Key, Stamp)> {
    let replicas = (0..fleet.len()).map(|number| fleet.replica(number));
    let lost = replicas.flat_map(|replica| replica.lost().iter());
    lost.map(|(key, lost)| (key.clone(), lost.stamp)).collect()
}

/// What a replica shows of a register or of siblings.
fn reads<'a>(fleet: &'a Fleet, number: usize, key: &Key) -> Vec<&'a [u8]> {
    match fleet.replica(number).get(key) {
        Some(State::Register(register)) => {
            register.value().map(|value| &value[..]).into_iter().collect()
        }
        Some(State::Siblings(siblings)) => siblings.values().map(|value| &value[..]).collect(),
        _ => Vec::new(),
    }
}

fn put(fleet: &mut Fleet, number: usize, key: &Key, value: &str) {
    let value = Bytes::copy_from_slice(value.as_bytes());
    fleet.write(number, key, Write::Put(value)).expect("there is room");
}

fn key(kind: Kind, number: usize) -> Key {
    Key::new(kind, format!("key {number}").as_bytes()).expect("it is short")
}
