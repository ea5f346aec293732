//! How soon news is everywhere that rides on the pings, beside what theory expects.
//!
//! - *A write* of a key travels with pings and their answers: push-pull, in which each member speaks to one other in each second. The textbook
//!   counts rounds in step, log3 n + log2 ln n (Karp et al. 2000). Members aren't in step, and what came to one a moment ago it tells on in
//!   the same second, so they are faster. What they are held against is a model of push-pull out of step ([`out_of_step`]).
//! - *An event* is told on at once, along two trees.
//! - *Two leaders* with one epoch: when the last member sees that a consensus is broken.
//! - *A write after a restart with a wrong clock*: all clocks are wrong, by up to [`DRIFT`] and a day, and the writer's was set back by an
//!   hour before it started again. Others know its earlier run as the later one, so it has to find that out first.

use rand::{Rng, RngExt as _};
use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::Settings;
use tidings_protocol::membership::leader::Redirect;
use tidings_sim::members::fleet::{DRIFT_MAX, Fleet};
use tidings_sim::members::setup::{Process, Setup};
use tidings_sim::random::SplitMix64;

use super::MembersArgs;
use crate::study::jobs;
use crate::study::progress;
use crate::study::table::mean;
use crate::study::table::{Field, Goal, Table};
use crate::study::theory::push_pull_rounds;

/// How far a write may be from its model.
const TOLERANCE: f64 = 0.05;

/// How soon all see two leaders with one epoch, seconds.
const BROKEN_S: f64 = 1.0;

/// How long anything may take, seconds.
const PATIENCE_S: f64 = 120.0;

/// How wrong clocks are, millionths of their rate.
const DRIFT: i32 = DRIFT_MAX / 5;

/// How wrong the dates are, seconds.
const DATE_S: i64 = 86_400 / 2;

/// The group that has leaders.
const GROUP: &[u8] = b"writer";

/// The key that is written.
const KEY: &[u8] = b"tip";

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Write,
    Event,
    TwoLeaders,
    AfterRestart,
}

impl News {
    const ALL: [Self; 4] = [Self::Write, Self::Event, Self::TwoLeaders, Self::AfterRestart];

    const fn name(self) -> &'static str {
        match self {
            Self::Write => "a write",
            Self::Event => "an event",
            Self::TwoLeaders => "two leaders, one epoch",
            Self::AfterRestart => "a write after a restart, clocks wrong",
        }
    }
}

/// What was measured of one kind of news among so many.
struct Measured {
    news: News,
    nodes: usize,
    /// Of each run, when a half, 99 % and all knew it, seconds. Infinite: never.
    times: Vec<[f64; 3]>,
    /// What a model says of all.
    expected: Option<f64>,
    wrong: u64,
}

/// The table.
pub(super) fn table(args: &MembersArgs) -> Table {
    let nodes = if args.quick { &[100][..] } else { &args.nodes };
    let tasks: Vec<_> =
        nodes.iter().flat_map(|nodes| News::ALL.map(|news| (news, *nodes))).collect();
    let runs = if args.quick { 16 } else { 40 };
    let all = jobs::map(args.jobs, &tasks, |(news, nodes)| {
        let measured = measure(*news, *nodes, runs, args.seed);
        progress::tell(&format!("{}, {nodes} members", news.name()));
        measured
    });
    Table {
        id: "news",
        title: "How soon news is everywhere",
        note: format!(
            "Fleets with everything that rides on the pings; {runs} runs each. Seconds until a half, 99 % and all of the members know it, means, \
             and the longest. `expected`: what push-pull out of step takes, a member a second ({} runs of a model). `in step`: log3 n + log2 ln n.",
            MODEL_RUNS
        ),
        columns: vec![
            "news", "members", "half", "99 %", "all", "longest", "expected", "in step", "wrong",
        ],
        rows: all.iter().map(row).collect(),
        goals: all.iter().map(goal).collect(),
        picture: None,
    }
}

fn row(measured: &Measured) -> Vec<Field> {
    let column =
        |place: usize| -> Vec<f64> { measured.times.iter().map(|times| times[place]).collect() };
    let seconds = |number: f64| match number.is_finite() {
        true => Field::number(number, 3),
        false => Field::seconds(None),
    };
    let none = || Field::word("");
    let in_step = push_pull_rounds(measured.nodes as f64, 1.0);
    vec![
        Field::word(measured.news.name()),
        Field::count(measured.nodes as u64),
        seconds(mean(&column(0))),
        seconds(mean(&column(1))),
        if mean(&column(2)).is_finite() { Field::mean(&column(2)) } else { seconds(f64::INFINITY) },
        seconds(column(2).into_iter().fold(0.0, f64::max)),
        measured.expected.map_or_else(none, |expected| Field::number(expected, 2)),
        measured.expected.map_or_else(none, |_| Field::number(in_step, 2)),
        Field::count(measured.wrong),
    ]
}

fn goal(measured: &Measured) -> Goal {
    let Measured { news, nodes, times, expected, wrong } = measured;
    let all: Vec<f64> = times.iter().map(|times| times[2]).collect();
    let longest = all.iter().copied().fold(0.0, f64::max);
    let (what, holds) = match (news, expected) {
        (News::Write, Some(expected)) => (
            format!("everywhere as soon as push-pull out of step, within {} %", TOLERANCE * 100.0),
            (mean(&all) / expected - 1.0).abs() <= TOLERANCE,
        ),
        (News::TwoLeaders, _) => {
            (format!("seen by all within {BROKEN_S} s, in each run"), longest <= BROKEN_S)
        }
        (News::AfterRestart, Some(expected)) => (
            format!("everywhere within {:.0} s, in each run", 3.0 * expected),
            longest <= 3.0 * expected,
        ),
        _ => ("everywhere, in each run".to_owned(), longest.is_finite()),
    };
    Goal {
        text: format!("{}, {nodes}: {what}; nobody is taken for dead", news.name()),
        is_met: holds && *wrong == 0,
    }
}

fn measure(news: News, nodes: usize, runs: usize, seed: u64) -> Measured {
    let setup = Setup::lan(nodes, &Settings::fleet(), seed);
    let mut fleet = Fleet::new(&setup).expect("the setup is valid");
    let last = u32::try_from(nodes - 1).expect("so few members have numbers");
    if news == News::AfterRestart {
        set_clocks_wrongly(&mut fleet, last, seed);
    }
    let mut times = Vec::new();
    for run in 0..u32::try_from(runs).unwrap_or(u32::MAX) {
        // Another moment of the members' periods, and another member, each time.
        fleet.run_for(1.0 + 0.137 * f64::from(run % 16));
        let by = (run * 37 + 1) % last;
        let value = run.to_be_bytes();
        times.push(match news {
            News::Write => {
                fleet.write(by, KEY, &value);
                watch(&mut fleet, 0.05, |fleet, number| has(fleet, number, by, &value))
            }
            News::AfterRestart => {
                restart(&mut fleet, by);
                fleet.write(by, KEY, &value);
                watch(&mut fleet, 0.05, |fleet, number| has(fleet, number, by, &value))
            }
            News::TwoLeaders => {
                let epoch = u64::from(run) + 1;
                fleet.claim(by, GROUP, epoch);
                fleet.claim(last - by, GROUP, epoch);
                watch(&mut fleet, 0.001, |fleet, number| is_broken(fleet, number, epoch))
            }
            News::Event => hear(&mut fleet, by, &value),
        });
    }
    let expected = matches!(news, News::Write | News::AfterRestart).then(|| {
        let rng = &mut SplitMix64::new(seed);
        mean(&(0..MODEL_RUNS).map(|_| out_of_step(nodes, rng)).collect::<Vec<_>>())
    });
    Measured { news, nodes, times, expected, wrong: fleet.verdicts().wrong }
}

/// Lets time pass until all know something, and says when a half, 99 % and all did. Whoever knew it once isn't asked again.
fn watch(fleet: &mut Fleet, every_s: f64, knows: impl Fn(&Fleet, u32) -> bool) -> [f64; 3] {
    let (begin, nodes) = (fleet.now(), fleet.len());
    let mut left = fleet.running();
    let mut times = [f64::INFINITY; 3];
    while !left.is_empty() && fleet.now().since(begin).as_secs_f64() < PATIENCE_S {
        left.retain(|number| !knows(fleet, *number));
        let now = fleet.now().since(begin).as_secs_f64();
        for (time, most) in times.iter_mut().zip([nodes / 2, nodes / 100, 0]) {
            if left.len() <= most {
                *time = time.min(now);
            }
        }
        fleet.run_for(every_s);
    }
    times
}

/// Fires an event, and says when a half, 99 % and all others heard of it.
fn hear(fleet: &mut Fleet, by: u32, name: &[u8]) -> [f64; 3] {
    fleet.take_heard();
    let begin = fleet.now();
    fleet.fire(by, name, 64);
    let others = fleet.len() - 1;
    let mut heard: Vec<Time> = Vec::new();
    while heard.len() < others && fleet.now().since(begin).as_secs_f64() < PATIENCE_S {
        fleet.run_for(0.1);
        heard.extend(fleet.take_heard());
    }
    [others / 2, others * 99 / 100, others - 1]
        .map(|place| heard.get(place).map_or(f64::INFINITY, |at| at.since(begin).as_secs_f64()))
}

fn has(fleet: &Fleet, number: u32, of: u32, value: &[u8]) -> bool {
    let states = fleet.member(number).states();
    states.and_then(|states| states.value(Fleet::id(of), KEY)).is_some_and(|has| has[..] == *value)
}

fn is_broken(fleet: &Fleet, number: u32, epoch: u64) -> bool {
    let leaders = fleet.member(number).leaders();
    let redirect = leaders.map(|leaders| leaders.redirect(GROUP, 0));
    matches!(redirect, Some(Redirect::Broken { epoch: of, claims }) if of == epoch && claims.len() == 2)
}

fn set_clocks_wrongly(fleet: &mut Fleet, last: u32, seed: u64) {
    let rng = &mut SplitMix64::new(seed);
    for number in 0..=last {
        let (drift, offset_s) =
            (rng.random_range(-DRIFT..=DRIFT), rng.random_range(-DATE_S..=DATE_S));
        fleet.set_clock(number, drift, offset_s);
    }
}

/// Starts a member again, after its system's clock was set back by an hour.
fn restart(fleet: &mut Fleet, number: u32) {
    fleet.set(number, Process::Killed);
    fleet.set_clock(number, 0, -DATE_S - 3_600);
    fleet.run_for(0.5);
    fleet.restart(number);
    fleet.run_for(0.5);
}

/// Runs of the model of which the mean is taken.
const MODEL_RUNS: usize = 200;

/// The seconds until all have heard, where each of so many members speaks to a random other in each second, at a moment of its own, and whoever of
/// the two has the news tells it: push-pull out of step.
fn out_of_step(nodes: usize, rng: &mut impl Rng) -> f64 {
    let mut order: Vec<(f64, usize)> = (0..nodes).map(|node| (rng.random(), node)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut has = vec![false; nodes];
    has[0] = true;
    let (begin, mut left): (f64, _) = (rng.random(), nodes - 1);
    for second in 0.. {
        for &(phase, node) in &order {
            let at = f64::from(second) + phase;
            let other = (node + rng.random_range(1..nodes)) % nodes;
            if at >= begin && has[node] != has[other] {
                (has[node], has[other]) = (true, true);
                left -= 1;
                if left == 0 {
                    return at - begin;
                }
            }
        }
    }
    unreachable!("it ends when all have it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_pull_out_of_step_is_faster_than_in_step_and_logarithmic() {
        let rng = &mut SplitMix64::new(1);
        let mut of = |nodes| mean(&(0..100).map(|_| out_of_step(nodes, rng)).collect::<Vec<_>>());
        let [hundred, thousand] = [100, 1_000].map(&mut of);
        assert!(hundred < push_pull_rounds(100.0, 1.0) && thousand < push_pull_rounds(1e3, 1.0));
        // Ten times as many take as much longer again.
        assert!((1.0..2.5).contains(&(thousand - hundred)), "{hundred}, {thousand}");
    }
}
