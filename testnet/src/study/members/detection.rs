//! How soon a death is seen, by how many members there are, beside theory; and what members send meanwhile.
//!
//! Members of one fleet are killed one after the other, alternately on a machine that goes on (streams are refused) and with their
//! machine (nothing comes back). In a small fleet the next waits until the last one is seen; in a large one it doesn't, since a few
//! that are dead at a time hardly meet. A fleet of which a fifth is dead makes place for another.

use tidings_protocol::membership::Settings;
use tidings_sim::members::fleet::Fleet;
use tidings_sim::members::setup::{Process, Setup};
use tidings_sim::members::tally::Traffic;
use tidings_tools::show::chart::{
    self, AxisKind, AxisSpec, Caption, Colour, Lines, Panel, Point, Series, Stroke,
};

use super::{MembersArgs, Preset};
use crate::study::jobs;
use crate::study::progress;
use crate::study::table::{Field, Goal, Table};
use crate::study::table::{ci95, mean};

/// How long the quiet fleet is watched, seconds.
const IDLE_S: f64 = 60.0;

/// How far a mean may be from theory and from that of another size.
const TOLERANCE: f64 = 0.1;

/// How far apart the loads of two sizes may lie.
const LOAD_TOLERANCE: f64 = 0.05;

/// SWIM's first ping of a dead member, periods after its death, counted from the begin of one to the end of another (Das et al.
/// 2002, §3.2).
const SWIM_PERIODS: f64 = 1.0 / (1.0 - 1.0 / std::f64::consts::E);

/// What is measured of one number of members.
struct Measured {
    preset: Preset,
    nodes: usize,
    /// By kind of death: when each was seen first and last, seconds.
    killed: Vec<(f64, f64)>,
    vanished: Vec<(f64, f64)>,
    /// Healthy members that somebody took for dead.
    wrong: u64,
    quiet: Traffic,
    /// Most datagrams that one member sent in the quiet time.
    busiest: u64,
    busy: Traffic,
    busy_s: f64,
}

/// Both tables.
pub(super) fn tables(args: &MembersArgs) -> Vec<Table> {
    let nodes = if args.quick { &[50, 200][..] } else { &args.nodes };
    let mut tasks: Vec<_> = nodes.iter().map(|nodes| (Preset::Fleet, *nodes)).collect();
    // memberlist's own settings beside them, where they take no time.
    let most = if args.quick { 0 } else { 1_000 };
    tasks.extend(nodes.iter().filter(|nodes| **nodes <= most).map(|nodes| (Preset::Lan, *nodes)));
    let kills = if args.quick { 20 } else { args.kills };
    let all =
        jobs::map(args.jobs, &tasks, |(preset, nodes)| measure(*preset, *nodes, kills, args.seed));
    vec![deaths(&all), load(&all)]
}

/// When the first sees that a member is dead, seconds, with everybody in good health (see membership's `settings`): the first ping, the wait
/// for its answer, the suspicion.
fn theory(settings: &Settings, process: Process, nodes: usize) -> f64 {
    let suspicion = settings.suspicion_min(nodes);
    let suspicion = match (process, settings.refused_wait) {
        (Process::Killed, Some(wait)) => suspicion.min(wait),
        _ => suspicion,
    };
    (settings.probe_interval * 2 + suspicion).as_secs_f64()
}

fn measure(preset: Preset, nodes: usize, kills: usize, seed: u64) -> Measured {
    let settings = preset.settings();
    let rest_s = 3.0 * theory(&settings, Process::Vanished, nodes);
    let gap_s = if nodes >= 1_000 { rest_s / 4.0 } else { rest_s };
    let mut measured = Measured {
        preset,
        nodes,
        killed: Vec::new(),
        vanished: Vec::new(),
        wrong: 0,
        quiet: Traffic::default(),
        busiest: 0,
        busy: Traffic::default(),
        busy_s: 0.0,
    };
    for run in 0_u64.. {
        let setup = Setup::lan(nodes, &settings, seed + run);
        let mut fleet = Fleet::new(&setup).expect("the setup is valid");
        if run == 0 {
            watch_quiet(&mut fleet, &mut measured);
        }
        fleet.take_traffic();
        let (begin, mut dead) = (fleet.now(), Vec::new());
        // Not the first and the last: which they are doesn't matter, and spread numbers look more like chance.
        for number in (0..nodes).step_by(5).map(|number| u32::try_from(number).unwrap_or(0)) {
            if measured.vanished.len() + measured.killed.len() + dead.len() >= 2 * kills {
                break;
            }
            let process = if dead.len() % 2 == 0 { Process::Killed } else { Process::Vanished };
            dead.push((number, fleet.now(), process));
            fleet.set(number, process);
            // A phase that no interval of the protocol has.
            fleet.run_for(gap_s + 0.618 * f64::from(number % 17) / 17.0);
        }
        measured.busy_s = fleet.now().since(begin).as_secs_f64();
        measured.busy = fleet.take_traffic();
        fleet.run_for(rest_s);
        for (number, at, process) in dead {
            let since = fleet.sighting(number).since(at);
            let (first, last) = since.expect("three times the theory is enough");
            let seen = (first.as_secs_f64(), last.as_secs_f64());
            match process {
                Process::Killed => measured.killed.push(seen),
                _ => measured.vanished.push(seen),
            }
        }
        measured.wrong += fleet.verdicts().wrong;
        progress::tell(&format!("deaths, {}, {nodes} members, seed {}", preset.name(), seed + run));
        if measured.killed.len() + measured.vanished.len() >= 2 * kills {
            break;
        }
    }
    measured
}

fn watch_quiet(fleet: &mut Fleet, measured: &mut Measured) {
    let sent = |fleet: &Fleet| -> Vec<u64> {
        let members = (0..fleet.len()).map(|number| u32::try_from(number).unwrap_or(0));
        members.map(|number| fleet.member(number).counts().sent).collect()
    };
    let before = sent(fleet);
    fleet.take_traffic();
    fleet.run_for(IDLE_S);
    measured.quiet = fleet.take_traffic();
    let busiest = sent(fleet).iter().zip(&before).map(|(after, before)| after - before).max();
    measured.busiest = busiest.unwrap_or(0);
}

fn deaths(all: &[Measured]) -> Table {
    let mut rows = Vec::new();
    let mut goals = Vec::new();
    for (kind, process) in [("killed", Process::Killed), ("vanished", Process::Vanished)] {
        let mut means = Vec::new();
        for one in all {
            let settings = one.preset.settings();
            let seen = if process == Process::Killed { &one.killed } else { &one.vanished };
            let firsts: Vec<f64> = seen.iter().map(|(first, _)| *first).collect();
            let lasts: Vec<f64> = seen.iter().map(|(_, last)| *last).collect();
            let expected = theory(&settings, process, one.nodes);
            let first = mean(&firsts);
            let ping = first - expected + settings.probe_interval.as_secs_f64();
            if one.preset == Preset::Fleet {
                means.push((first, expected, ci95(&firsts)));
            }
            rows.push(vec![
                Field::word(one.preset.name()),
                Field::word(kind),
                Field::count(one.nodes as u64),
                Field::count(seen.len() as u64),
                Field::number(expected, 2),
                Field::mean(&firsts),
                Field::number((first / expected - 1.0) * 100.0, 1),
                Field::number(ping, 2),
                Field::mean(&lasts),
                Field::number(lasts.iter().copied().fold(0.0, f64::max), 2),
                Field::count(one.wrong),
            ]);
        }
        goals.extend(detection_goals(kind, &means));
    }
    let wrong: u64 = all.iter().map(|one| one.wrong).sum();
    goals.push(Goal {
        text: format!("nobody healthy is taken for dead: {wrong} times"),
        is_met: wrong == 0,
    });
    Table {
        id: "deaths",
        title: "How soon a death is seen",
        note: format!(
            "Seconds, means with 95 % confidence intervals. `first` sees it, `all` know it. Theory: the first ping comes after one \
             period on average, its answer is missed after another, and then comes the suspicion. `ping` is when the first ping came, by what was \
             measured; SWIM counts {SWIM_PERIODS:.2} periods from the begin of one to the end of another. `wrong`: how often anybody took a \
             living member for dead."
        ),
        columns: vec![
            "settings", "death", "members", "deaths", "theory", "first", "off by %", "ping", "all",
            "longest", "wrong",
        ],
        rows,
        goals,
        picture: Some(picture(all)),
    }
}

/// What is asked of the means, theories and intervals of all sizes.
fn detection_goals(kind: &str, means: &[(f64, f64, f64)]) -> Vec<Goal> {
    let off = |(first, expected, _): &(f64, f64, f64)| (first / expected - 1.0).abs();
    let worst = means.iter().map(off).fold(0.0, f64::max);
    let least = means.iter().map(|(first, ..)| *first).fold(f64::INFINITY, f64::min);
    let most = means.iter().map(|(first, ..)| *first).fold(0.0, f64::max);
    let apart = if least.is_finite() { most / least - 1.0 } else { 0.0 };
    let goal = |text: &str, share: f64, slack: f64| Goal {
        text: format!("{kind}: {text} within 10 %: {:.1} %", share * 100.0),
        is_met: share <= TOLERANCE + slack,
    };
    // Few deaths say little: what chance alone may do is no failure.
    let slack = means.iter().map(|(_, expected, ci95)| ci95 / expected).fold(0.0, f64::max);
    let slack = if slack > TOLERANCE / 2.0 { slack } else { 0.0 };
    vec![
        goal("first detection is theory's", worst, slack),
        goal("all sizes are alike", apart, 2.0 * slack),
    ]
}

fn load(all: &[Measured]) -> Table {
    let fields = |one: &Measured| {
        let per = |count: u64, seconds: f64| count as f64 / seconds / one.nodes as f64;
        let (quiet, busy) = (&one.quiet, &one.busy);
        vec![
            Field::word(one.preset.name()),
            Field::count(one.nodes as u64),
            Field::number(per(quiet.datagrams, IDLE_S), 3),
            Field::number(one.busiest as f64 / IDLE_S, 2),
            Field::number(per(quiet.bytes, IDLE_S), 1),
            Field::number(per(quiet.stream_bytes, IDLE_S), 0),
            Field::number(per(busy.datagrams, one.busy_s), 2),
            Field::number(per(busy.bytes, one.busy_s), 1),
            Field::count(quiet.size_of_share(0.5) as u64),
            Field::count(busy.size_of_share(0.99) as u64),
            Field::count(busy.longest.max(quiet.longest) as u64),
        ]
    };
    let rates: Vec<f64> = all
        .iter()
        .filter(|one| one.preset == Preset::Fleet)
        .map(|one| one.quiet.datagrams as f64 / IDLE_S / one.nodes as f64)
        .collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let apart = if rates.is_empty() { 0.0 } else { most / least - 1.0 };
    let longest = all.iter().map(|one| one.busy.longest.max(one.quiet.longest)).max().unwrap_or(0);
    Table {
        id: "load",
        title: "What a member sends",
        note: format!(
            "A second and member: `quiet` over {IDLE_S:.0} s in which nothing happens, `busy` while members die one after the other (small fleets: \
             each when the last one is seen by all; from a thousand on four times as often). Bytes are those of datagrams without IP and UDP, before they \
             are sealed; `streams` are exchanges of all that is known, both ways, bytes. `busiest`: datagrams a second of the member that sent most. \
             Sizes are of single datagrams, bytes, to the next hundred."
        ),
        columns: vec![
            "settings",
            "members",
            "quiet",
            "busiest",
            "quiet B/s",
            "streams B/s",
            "busy",
            "busy B/s",
            "median",
            "p99",
            "longest",
        ],
        rows: all.iter().map(fields).collect(),
        goals: vec![
            Goal {
                text: format!(
                    "a quiet member sends as much at any size: within {:.2} %",
                    apart * 100.0
                ),
                is_met: apart <= LOAD_TOLERANCE,
            },
            Goal {
                text: format!("at most two datagrams a second: {most:.3}"),
                is_met: most <= 2.01,
            },
            Goal {
                text: format!("no datagram is longer than 1,400 bytes: {longest}"),
                is_met: longest <= tidings_protocol::membership::PACKET_MAX,
            },
        ],
        picture: None,
    }
}

fn picture(all: &[Measured]) -> String {
    let panel = |(title, process): (&str, Process)| {
        let of = |preset| all.iter().filter(move |one| one.preset == preset);
        let first = |one: &Measured| -> Vec<f64> {
            let seen = if process == Process::Killed { &one.killed } else { &one.vanished };
            seen.iter().map(|(first, _)| *first).collect()
        };
        let point = |one: &Measured| Point {
            x: one.nodes as f64,
            y: mean(&first(one)),
            error: ci95(&first(one)),
        };
        let expected =
            |one: &Measured| (one.nodes as f64, theory(&one.preset.settings(), process, one.nodes));
        let pair = |preset: Preset, colour| {
            let theory = format!("{}: theory", preset.name());
            let measured = format!("{}: measured", preset.name());
            let points = of(preset).map(point).collect();
            [
                Series::new(&theory, Colour::Grey, Stroke::Dashed, of(preset).map(expected)),
                Series { name: measured, colour, stroke: Stroke::Dots, points },
            ]
        };
        let pairs = [(Preset::Fleet, Colour::Blue), (Preset::Lan, Colour::Orange)];
        let drawn = pairs.into_iter().filter(|(preset, _)| of(*preset).next().is_some());
        let series = drawn.flat_map(|(preset, colour)| pair(preset, colour)).collect();
        Panel { title: title.to_owned(), series }
    };
    let panels = [
        ("process killed: streams refused", Process::Killed),
        ("machine gone: silence", Process::Vanished),
    ];
    chart::lines(
        "deaths",
        &Lines {
            caption: Caption {
                title: "When the first member sees a death".to_owned(),
                subtitle: "seconds after it, by number of members".to_owned(),
                description: "Mean time until the first member takes a dead one for dead, by number of members, beside \
                              theory, for the default settings and memberlist's."
                    .to_owned(),
            },
            x: AxisSpec::new("members", AxisKind::Log),
            y: AxisSpec::new("seconds", AxisKind::Linear),
            floor: None,
            panels: panels.into_iter().map(panel).collect(),
            height: 260.0,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theory_is_what_settings_say_of_themselves() {
        let near = |value: f64, expected: f64| (value - expected).abs() < 1e-3;
        for nodes in [20, 100, 10_000] {
            assert!(near(theory(&Settings::fleet(), Process::Vanished, nodes), 4.1));
            assert!(near(theory(&Settings::fleet(), Process::Killed, nodes), 3.0));
        }
        assert!(near(theory(&Settings::lan(), Process::Killed, 20), 7.204));
    }

    #[test]
    fn means_that_are_far_apart_or_from_theory_are_found_out() {
        let met = |means: &[(f64, f64, f64)]| -> Vec<bool> {
            detection_goals("", means).iter().map(|goal| goal.is_met).collect()
        };
        assert_eq!(met(&[(3.1, 3.0, 0.1), (2.9, 3.0, 0.1)]), [true, true]);
        assert_eq!(met(&[(3.2, 3.0, 0.1), (2.8, 3.0, 0.1)]), [true, false]);
        assert_eq!(met(&[(3.5, 3.0, 0.1), (3.5, 3.0, 0.1)]), [false, true]);
        assert_eq!(met(&[(3.5, 3.0, 0.5), (3.5, 3.0, 0.5)]), [true, true]);
    }
}
