//! How large an attacker has to be.

use std::time::Instant;

use tidings_sim::gym::{self, Aftermath, Attack as Attackers, Setup};

use super::super::jobs;
use super::super::table::{Field, Goal, Table, mean};
use super::GymArgs;
use super::attacks::{self, Attack, PROTECTIONS, Protection, STANDARD};
use crate::study::progress;

/// The smallest attacker that is tried.
const LEAST: usize = 64;

/// How much larger the next one is. A guess: six weeks of each size take seconds, and there are many.
const STEP: usize = 4;

/// What came of an attack of one size.
struct Tried {
    setup: Setup,
    runs: Vec<Aftermath>,
    /// The same runs without the attack's own part, if it has one.
    without: Vec<Aftermath>,
    cpu_s: f64,
}

impl Tried {
    fn mean(&self, figure: impl Fn(&Aftermath) -> f64) -> f64 {
        mean(&self.runs.iter().map(figure).collect::<Vec<_>>())
    }

    fn successes(&self, attack: &Attack) -> usize {
        self.runs.iter().filter(|aftermath| (attack.succeeds)(aftermath)).count()
    }
}

/// Both tables.
pub(super) fn tables(attacks: &[&'static Attack], args: &GymArgs) -> Vec<Table> {
    vec![standard(attacks, args), costs(attacks, args)]
}

/// All attacks with an attacker of one size.
fn standard(attacks: &[&'static Attack], args: &GymArgs) -> Table {
    let (addresses, groups) = STANDARD;
    let all = jobs::map(args.jobs, attacks, |attack| attempt(attack, addresses, None, args));
    let row = |(attack, tried): (&&'static Attack, &Tried)| {
        let share = |figure: fn(&Aftermath) -> f64| Field::number(tried.mean(figure) * 100.0, 1);
        vec![
            Field::word(attack.name),
            Field::number(tried.setup.days, 1),
            Field::number(tried.mean(|one| one.outbound), 1),
            share(|one| one.share),
            share(|one| one.share_at_end),
            Field::count(tried.successes(attack) as u64),
            share(|one| one.inbound_share),
            share(|one| one.let_in),
            share(|one| one.book_share),
            Field::number(tried.mean(|one| one.bytes as f64) / tried.setup.days / 1e6, 2),
            Field::number(tried.cpu_s, 1),
        ]
    };
    let goals = attacks.iter().zip(&all).filter_map(|(attack, tried)| {
        let goal = attack.goal.as_ref()?;
        Some(if attack.own.is_some() {
            of_means(attack, goal, tried)
        } else {
            of_runs(attack, goal, tried)
        })
    });
    Table {
        id: "standard",
        title: "One attacker",
        note: format!(
            "An attacker with {addresses} addresses in {groups} networks (more, where the attack says so), {} runs. Of the node's outbound links: \
             how many there are, the attacker's share of them over the whole time and at the end, per cent; in how many runs it succeeded. Of its inbound \
             links the attacker's share, and of honest newcomers how many were let in; of its address book the attacker's share, per cent. What the \
             attacker sent in a day, MB. CPU of all runs together, seconds of one core.",
            args.runs
        ),
        columns: vec![
            "attack",
            "days",
            "outbound",
            "share",
            "at the end",
            "succeeded",
            "inbound",
            "let in",
            "book",
            "MB a day",
            "CPU s",
        ],
        rows: attacks.iter().zip(&all).map(row).collect(),
        goals: goals.collect(),
        picture: None,
    }
}

/// What must hold of each run.
fn of_runs(attack: &Attack, goal: &attacks::Goal, tried: &Tried) -> Goal {
    let held = tried.runs.iter().filter(|one| (goal.holds)(one, one)).count();
    let runs = tried.runs.len();
    let text = format!("{}: {} ({held} of {runs} runs)", attack.name, goal.text);
    Goal { text, is_met: held == runs }
}

/// What must hold of all runs together beside those without the attack's own part: a day of one node has few links, and chance
/// decides much.
fn of_means(attack: &Attack, goal: &attacks::Goal, tried: &Tried) -> Goal {
    let [with, without] = [&tried.runs, &tried.without].map(|runs| {
        let share = mean(&runs.iter().map(|one| one.share).collect::<Vec<_>>());
        Aftermath { share, ..Aftermath::default() }
    });
    let shares = [&with, &without].map(|one| one.share * 100.0);
    let text = format!("{}: {} ({:.1} and {:.1} %)", attack.name, goal.text, shares[0], shares[1]);
    Goal { text, is_met: (goal.holds)(&with, &without) }
}

/// How many addresses succeed in half of the runs.
fn costs(attacks: &[&'static Attack], args: &GymArgs) -> Table {
    let off = PROTECTIONS.iter().map(Some).filter(|_| !args.protected);
    let ways: Vec<Option<&Protection>> = [None].into_iter().chain(off).collect();
    let tasks: Vec<_> =
        attacks.iter().flat_map(|attack| ways.iter().map(move |way| (*attack, *way))).collect();
    let all = jobs::map(args.jobs, &tasks, |(attack, off)| search(attack, *off, args));
    let row =
        |((attack, off), found): (&(&'static Attack, Option<&Protection>), &Option<Tried>)| {
            let mut row = vec![
                Field::word(attack.name),
                Field::word(off.map_or("all", |off| off.name)),
                Field::word(attack.success),
            ];
            row.extend(match found {
                Some(Tried {
                    setup: Setup { attack: Attackers { addresses, groups, .. }, days, .. },
                    ..
                }) => [
                    Field::count(*addresses as u64),
                    Field::count(*groups as u64),
                    Field::number(*days, 1),
                    Field::number(
                        found.as_ref().map_or(0.0, |one| one.mean(|one| one.bytes as f64)) / 1e6,
                        1,
                    ),
                ],
                None => [
                    Field::never(&format!("> {}", args.most)),
                    Field::never("-"),
                    Field::never("-"),
                    Field::never("-"),
                ],
            });
            row
        };
    Table {
        id: "costs",
        title: "What success costs",
        note: format!(
            "The least attacker that succeeds in half of {} runs, of {LEAST} addresses and {STEP} times as many each time: its addresses, its networks, how long \
             it takes, and what it sends, MB. `protections`: all, or without what is named.",
            args.runs
        ),
        columns: vec!["attack", "protections", "success is", "addresses", "networks", "days", "MB"],
        rows: tasks.iter().zip(&all).map(row).collect(),
        goals: Vec::new(),
        picture: None,
    }
}

/// The least attacker that succeeds in half of the runs.
fn search(attack: &Attack, off: Option<&Protection>, args: &GymArgs) -> Option<Tried> {
    let sizes = std::iter::successors(Some(LEAST), |size| size.checked_mul(STEP));
    for addresses in sizes.take_while(|size| *size <= args.most) {
        let tried = attempt(attack, addresses, off, args);
        if tried.successes(attack) * 2 >= tried.runs.len() {
            return Some(tried);
        }
    }
    None
}

fn attempt(attack: &Attack, addresses: usize, off: Option<&Protection>, args: &GymArgs) -> Tried {
    let began = Instant::now();
    let mut setup = (attack.setup)(addresses);
    if let Some(off) = off {
        (off.switch_off)(&mut setup);
    }
    let run = |setup: &Setup| {
        let seeds = args.seed..args.seed + args.runs;
        seeds.map(|seed| gym::run(&Setup { seed, ..setup.clone() })).collect::<Vec<_>>()
    };
    let runs = run(&setup);
    let without = attack.own.map(|leave_out| {
        let mut setup = setup.clone();
        leave_out(&mut setup);
        run(&setup)
    });
    let without = without.unwrap_or_default();
    let tried = Tried { runs, without, cpu_s: 0.0, setup };
    let cpu_s = began.elapsed().as_secs_f64();
    let without = off.map_or_else(String::new, |off| format!(", {}", off.name));
    progress::tell(&format!(
        "{} with {addresses} addresses{without}: {} of {}",
        attack.name,
        tried.successes(attack),
        tried.runs.len()
    ));
    Tried { cpu_s, ..tried }
}
