//! What happens to fleets, each by its name, with our settings and with memberlist's.

use std::time::Duration;

use tidings_protocol::membership::Settings;
use tidings_sim::fault::FaultSpec;
use tidings_sim::members::fleet::Fleet;
use tidings_sim::members::setup::{Process, Setup};

use super::{MembersArgs, Preset};
use crate::study::jobs;
use crate::study::progress;
use crate::study::table::mean;
use crate::study::table::{Field, Goal, Table};

/// Members of each fleet.
const MEMBERS: usize = 100;

/// How long a fleet may take until all is well again, seconds.
const WELL_S: f64 = 300.0;

/// What came of one run.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// How many members, whom a fault met, anybody took for dead.
    declared: usize,
    /// How often anybody took somebody for dead who wasn't, and wasn't met.
    wrong: u64,
    /// How often such a one was suspected.
    suspected: u64,
    /// How long after it was over all took all for what they are.
    well_s: Option<f64>,
}

/// Something that happens.
struct Scenario {
    name: &'static str,
    /// What is changed of the settings.
    settings: fn(Settings) -> Settings,
    /// What goes wrong from the beginning.
    fault: fn() -> Vec<FaultSpec>,
    /// What is done; when it returns, it is over.
    happens: fn(&mut Fleet),
    /// What must come of it, with our settings, whatever the seed.
    holds: fn(&Outcome) -> bool,
    goal: &'static str,
}

const fn unchanged(settings: Settings) -> Settings {
    settings
}

const fn without_streams(settings: Settings) -> Settings {
    Settings { stream_ping: false, ..settings }
}

const fn nothing() -> Vec<FaultSpec> {
    Vec::new()
}

fn pause(fleet: &mut Fleet, seconds: f64) {
    fleet.set(7, Process::Paused);
    fleet.run_for(seconds);
    fleet.set(7, Process::Running);
}

fn others(fleet: &Fleet, than: u32) -> impl Iterator<Item = u32> + use<> {
    let members = u32::try_from(fleet.len()).unwrap_or(0);
    (0..members).filter(move |number| *number != than)
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a member is paused for 3 s",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| pause(fleet, 3.0),
        holds: |outcome| outcome.declared == 0 && outcome.wrong == 0,
        goal: "nobody is taken for dead",
    },
    Scenario {
        name: "a member is paused for 8 s",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| pause(fleet, 8.0),
        holds: |outcome| outcome.declared == 1 && outcome.wrong == 0 && is_soon(outcome, 30.0),
        goal: "it alone is taken for dead, and is back within 30 s",
    },
    Scenario {
        name: "a member is paused for 30 s",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| pause(fleet, 30.0),
        holds: |outcome| outcome.declared == 1 && outcome.wrong == 0 && is_soon(outcome, 60.0),
        goal: "it alone is taken for dead, and is back within 60 s",
    },
    Scenario {
        name: "a tenth is slow: 2 s still, 0.1 s awake, for a minute",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            let slow = 0..u32::try_from(fleet.len() / 10).unwrap_or(0);
            for number in slow.clone() {
                fleet.slow(
                    number,
                    Process::Paused,
                    Duration::from_secs(2),
                    Duration::from_millis(100),
                );
            }
            fleet.run_for(60.0);
            slow.for_each(|number| fleet.quicken(number));
        },
        holds: |outcome| outcome.wrong == 0 && is_soon(outcome, 60.0),
        goal: "no healthy member is taken for dead",
    },
    Scenario {
        name: "a link loses half, both ways, without streams, for five minutes",
        settings: without_streams,
        fault: nothing,
        happens: |fleet| {
            fleet.set_loss(2, 6, 0.5);
            fleet.set_loss(6, 2, 0.5);
            fleet.run_for(300.0);
        },
        holds: |outcome| outcome.wrong == 0,
        goal: "others ask, and nobody is taken for dead",
    },
    Scenario {
        name: "nobody hears one member's datagrams, for a minute",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            others(fleet, 4).for_each(|other| fleet.set_loss(4, other, 1.0));
            fleet.run_for(60.0);
            others(fleet, 4).for_each(|other| fleet.set_loss(4, other, 0.0));
        },
        holds: |outcome| outcome.wrong == 0,
        goal: "streams reach it, and nobody is taken for dead",
    },
    Scenario {
        name: "one member hears no datagrams, for a minute",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            others(fleet, 4).for_each(|other| fleet.set_loss(other, 4, 1.0));
            fleet.run_for(60.0);
            others(fleet, 4).for_each(|other| fleet.set_loss(other, 4, 0.0));
        },
        holds: |outcome| outcome.wrong == 0,
        goal: "streams reach it, and nobody is taken for dead",
    },
    Scenario {
        name: "one in a hundred datagrams is lost, for five minutes",
        settings: unchanged,
        fault: || vec![FaultSpec::Loss { share: 0.01, at_s: 0.0, for_s: None }],
        happens: |fleet| fleet.run_for(300.0),
        holds: |outcome| outcome.wrong == 0,
        goal: "nobody is taken for dead",
    },
    Scenario {
        name: "clocks are off by up to a day, and 2 % too fast or slow, for five minutes",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            for number in others(fleet, u32::MAX) {
                // From one end to the other, in an order that is none.
                let part = i64::from(number * 37 % 100) - 50;
                let drift = i32::try_from(part * 400).unwrap_or(0);
                fleet.set_clock(number, drift, part * 1_728);
            }
            fleet.run_for(300.0);
        },
        holds: |outcome| outcome.wrong == 0,
        goal: "nobody is taken for dead",
    },
    Scenario {
        name: "a partition of 30 and 70 %, for two minutes",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            let smaller = u32::try_from(fleet.len() * 3 / 10).unwrap_or(0);
            fleet.divide(|number| u8::from(number < smaller));
            fleet.run_for(120.0);
            fleet.divide(|_| 0);
        },
        holds: |outcome| is_soon(outcome, 90.0),
        goal: "it heals within 90 s",
    },
    Scenario {
        name: "a rolling restart of a fifth, each down for 0.5 s",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            for number in 0..u32::try_from(fleet.len() / 5).unwrap_or(0) {
                fleet.set(number, Process::Killed);
                fleet.run_for(0.5);
                fleet.restart(number);
                fleet.run_for(3.0);
            }
        },
        holds: |outcome| outcome.declared == 0 && outcome.wrong == 0,
        goal: "nobody is taken for dead",
    },
    Scenario {
        name: "half of all vanish at once",
        settings: unchanged,
        fault: nothing,
        happens: |fleet| {
            let half = u32::try_from(fleet.len() / 2).unwrap_or(0);
            (0..half).for_each(|number| fleet.set(number, Process::Vanished));
        },
        holds: |outcome| outcome.wrong == 0 && is_soon(outcome, 120.0),
        goal: "no living member is taken for dead, and all dead are known within 120 s",
    },
];

fn is_soon(outcome: &Outcome, seconds: f64) -> bool {
    outcome.well_s.is_some_and(|well_s| well_s <= seconds)
}

/// The table.
pub(super) fn table(args: &MembersArgs) -> Table {
    let (members, runs) = if args.quick { (40, 1) } else { (MEMBERS, 20) };
    let presets = [Preset::Fleet, Preset::Lan];
    let tasks: Vec<_> =
        SCENARIOS.iter().flat_map(|scenario| presets.map(|preset| (scenario, preset))).collect();
    let all = jobs::map(args.jobs, &tasks, |(scenario, preset)| {
        let seeds = args.seed..args.seed + runs;
        let outcomes = seeds.map(|seed| run(scenario, preset.settings(), members, seed));
        let outcomes: Vec<_> = outcomes.collect();
        progress::tell(&format!("{}, {}", scenario.name, preset.name()));
        outcomes
    });
    let rows = tasks.iter().zip(&all).map(|((scenario, preset), outcomes)| {
        let well: Option<Vec<f64>> = outcomes.iter().map(|outcome| outcome.well_s).collect();
        let longest = |well: &[f64]| well.iter().copied().fold(0.0, f64::max);
        vec![
            Field::word(scenario.name),
            Field::word(preset.name()),
            Field::number(mean_of(outcomes, |outcome| outcome.declared as f64), 2),
            Field::number(mean_of(outcomes, |outcome| outcome.wrong as f64), 2),
            Field::number(mean_of(outcomes, |outcome| outcome.suspected as f64), 2),
            Field::seconds(well.as_deref().map(mean)),
            Field::seconds(well.as_deref().map(longest)),
        ]
    });
    let goals = tasks.iter().zip(&all).filter(|((_, preset), _)| *preset == Preset::Fleet);
    let goals = goals.map(|((scenario, _), outcomes)| {
        let held = outcomes.iter().filter(|outcome| (scenario.holds)(outcome)).count();
        Goal {
            text: format!("{}: {} ({held} of {runs} runs)", scenario.name, scenario.goal),
            is_met: held == outcomes.len(),
        }
    });
    Table {
        id: "scenarios",
        title: "What happens to fleets",
        note: format!(
            "Fleets of {members}, {runs} runs each, means. `declared`: how many members, whom the trouble met, anybody took for dead. \
             `wrong`: how often anybody took another for dead that lived and wasn't beyond a partition; `suspected`: how often such a one was \
             suspected. `well`: seconds after it was over until all took all for what they are, mean and longest."
        ),
        columns: vec!["scenario", "settings", "declared", "wrong", "suspected", "well", "longest"],
        rows: rows.collect(),
        goals: goals.collect(),
        picture: None,
    }
}

fn mean_of(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> f64 {
    mean(&outcomes.iter().map(figure).collect::<Vec<_>>())
}

fn run(scenario: &Scenario, settings: Settings, members: usize, seed: u64) -> Outcome {
    let settings = (scenario.settings)(settings);
    let setup = Setup { fault: (scenario.fault)(), ..Setup::lan(members, &settings, seed) };
    let mut fleet = Fleet::new(&setup).expect("the setup is valid");
    // Each run at another moment of the members' periods.
    fleet.run_for(0.137 * (seed % 16) as f64);
    (scenario.happens)(&mut fleet);
    let well = fleet.run_until(WELL_S, 0.1, Fleet::agree);
    // What comes late counts, too.
    fleet.run_for(10.0);
    let verdicts = fleet.verdicts();
    Outcome {
        declared: verdicts.members(|number| fleet.is_met(number)),
        wrong: verdicts.wrong,
        suspected: verdicts.wrong_suspicions,
        well_s: well.map(|well| well.as_secs_f64()),
    }
}
