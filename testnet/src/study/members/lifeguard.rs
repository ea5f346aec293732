//! Whom slow members make dead: the interval experiment of the paper on Lifeguard (Dadgar, Phillips, Currey 2017, §V).
//!
//! Of 128 members, C at random are slow for D, free for I, slow again, all at once, for two minutes after a quiet quarter of one. That is run
//! over a grid of C, D and I, once with each of the settings and the same chances, and whoever takes a healthy member for dead is counted:
//! anybody (the paper's FP), and healthy members alone (FP-). C is from 1 to 32, as in the paper; the paper's text wasn't at hand, so n, and
//! the powers of two and four that D and I are, are guesses.
//!
//! Slow is whose messages wait while its timers go on ([`Process::Muffled`]), as the paper is said to have it. Beside that stands a process
//! that is stopped whole and whose driver then looks at its timers before it looks at what came ([`Process::Paused`], rash).

use std::time::Duration;

use tidings_sim::members::fleet::Fleet;
use tidings_sim::members::setup::{Process, Setup};
use tidings_sim::random::shared::{Stream, sample, stream};
use tidings_tools::show::format::grouped;

use super::{MembersArgs, Preset};
use crate::study::jobs;
use crate::study::progress;
use crate::study::table::{Field, Goal, Table};

/// Members of the experiment.
const MEMBERS: usize = 128;

/// The quiet time before, and how long it goes, seconds.
const QUIET_S: f64 = 15.0;
const RUN_S: f64 = 120.0;

/// What is asked of Lifeguard: the paper's Table IV has 1.9 % of SWIM's mistakes at healthy members about healthy members.
const SHARE_MAX: f64 = 0.02;

/// How many are slow.
const SLOW: [usize; 6] = [1, 4, 8, 16, 24, 32];

/// For how long, milliseconds: shorter ones are over before anybody is suspected.
const BLOCKED: [u64; 4] = [2_048, 8_192, 16_384, 32_768];

/// How long they are free, milliseconds.
const FREE: [u64; 4] = [1, 16, 256, 1_024];

/// In which ways they are slow.
const WAYS: [(Process, &str); 2] = [(Process::Muffled, "muffled"), (Process::Paused, "stopped")];

/// One run.
#[derive(Clone, Copy, Debug)]
struct Task {
    how: Process,
    preset: Preset,
    slow: usize,
    blocked: u64,
    free: u64,
    seed: u64,
}

/// How often healthy members were taken for dead.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong {
    anywhere: u64,
    at_healthy: u64,
    suspected: u64,
}

/// Runs, and what came of each.
struct Grid {
    tasks: Vec<Task>,
    all: Vec<Wrong>,
}

impl Grid {
    /// What came of the runs of one way and one of the settings together, for one number of slow members or for all.
    fn sum(&self, way: Process, preset: Preset, slow: Option<usize>) -> Wrong {
        let is_meant = |task: &Task| {
            task.how == way && task.preset == preset && slow.is_none_or(|slow| task.slow == slow)
        };
        let meant = self.tasks.iter().zip(&self.all).filter(|(task, _)| is_meant(task));
        meant.fold(Wrong::default(), |sum, (_, wrong)| Wrong {
            anywhere: sum.anywhere + wrong.anywhere,
            at_healthy: sum.at_healthy + wrong.at_healthy,
            suspected: sum.suspected + wrong.suspected,
        })
    }

    fn row(&self, (way, name): (Process, &str), slow: Option<usize>) -> Vec<Field> {
        let [swim, lan, fleet] = Preset::ALL.map(|preset| self.sum(way, preset, slow));
        let slow = slow.map_or_else(|| Field::word("all"), |slow| Field::count(slow as u64));
        let mut fields = vec![Field::word(name), slow];
        fields.extend([swim, lan, fleet].map(|wrong| Field::count(wrong.anywhere)));
        fields.extend([swim, lan, fleet].map(|wrong| Field::count(wrong.at_healthy)));
        fields.extend([lan, fleet].map(|wrong| share(wrong.anywhere, swim.anywhere)));
        fields.extend([lan, fleet].map(|wrong| share(wrong.at_healthy, swim.at_healthy)));
        fields.extend([swim, lan, fleet].map(|wrong| Field::count(wrong.suspected)));
        fields
    }

    fn goals(&self, (way, name): (Process, &str)) -> [Goal; 2] {
        let [swim, lan, fleet] = Preset::ALL.map(|preset| self.sum(way, preset, None));
        [(Preset::Lan, lan), (Preset::Fleet, fleet)].map(|(preset, wrong)| Goal {
            text: format!(
                "{name}: {} has at most 2 % of SWIM's mistakes about healthy members: {} of {}, and at healthy members {} of {}",
                preset.name(),
                grouped(wrong.anywhere),
                grouped(swim.anywhere),
                grouped(wrong.at_healthy),
                grouped(swim.at_healthy)
            ),
            is_met: wrong.anywhere as f64 <= SHARE_MAX * swim.anywhere as f64
                && wrong.at_healthy as f64 <= SHARE_MAX * swim.at_healthy as f64,
        })
    }
}

/// The table.
pub(super) fn table(args: &MembersArgs) -> Table {
    let (slow, blocked, free) = match args.quick {
        true => (&[32][..], &[16_384][..], &[1, 64][..]),
        false => (&SLOW[..], &BLOCKED[..], &FREE[..]),
    };
    let mut tasks = Vec::new();
    for (how, _) in WAYS {
        for preset in Preset::ALL {
            for &slow in slow {
                for &blocked in blocked {
                    let task =
                        |&free: &u64| Task { how, preset, slow, blocked, free, seed: args.seed };
                    tasks.extend(free.iter().map(task));
                }
            }
        }
    }
    let all = jobs::map(args.jobs, &tasks, |task| {
        let wrong = run(task);
        if task.free == 1 && task.blocked == blocked[0] {
            let Task { how, preset, slow, .. } = task;
            progress::tell(&format!("slow members ({how:?}), {}, C = {slow}", preset.name()));
        }
        wrong
    });
    let made = Grid { tasks, all };
    let rows = WAYS.into_iter().flat_map(|way| {
        let by_slow = slow.iter().map(|slow| made.row(way, Some(*slow)));
        by_slow.chain([made.row(way, None)]).collect::<Vec<_>>()
    });
    let goals = WAYS.into_iter().flat_map(|way| made.goals(way));
    Table {
        id: "lifeguard",
        title: "Whom slow members make dead",
        note: format!(
            "Of {MEMBERS} members C are slow for {} s and free for {} ms, in turns, for {RUN_S:.0} s, each combination once. Muffled: their timers \
             go on, and what comes and goes waits, as the paper is said to have it. Stopped: the whole process, and afterwards timers come first. How \
             often a healthy member was taken for dead: FP by anybody, FP- by healthy members. `suspected`: how often one was suspected.",
            blocked.iter().map(|ms| (*ms as f64 / 1e3).to_string()).collect::<Vec<_>>().join(", "),
            free.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        ),
        columns: vec![
            "slow",
            "C",
            "FP swim",
            "FP lan",
            "FP fleet",
            "FP- swim",
            "FP- lan",
            "FP- fleet",
            "FP lan %",
            "FP fleet %",
            "FP- lan %",
            "FP- fleet %",
            "suspected swim",
            "suspected lan",
            "suspected fleet",
        ],
        rows: rows.collect(),
        goals: goals.collect(),
        picture: None,
    }
}

/// One number in per cent of another.
fn share(part: u64, of: u64) -> Field {
    match of {
        0 => Field::word("-"),
        _ => Field::number(part as f64 / of as f64 * 100.0, 2),
    }
}

fn run(task: &Task) -> Wrong {
    let settings = task.preset.settings();
    let seed = task.seed.wrapping_mul(1_000_003)
        ^ (task.slow as u64) << 40
        ^ task.blocked << 16
        ^ task.free;
    let setup = Setup { is_rash: true, warmup_s: QUIET_S, ..Setup::lan(MEMBERS, &settings, seed) };
    let mut fleet = Fleet::new(&setup).expect("the setup is valid");
    for number in sample(MEMBERS, task.slow, &mut stream(seed, Stream::Faults)) {
        let number = u32::try_from(number).expect("there are 128");
        let (blocked, free) =
            (Duration::from_millis(task.blocked), Duration::from_millis(task.free));
        fleet.slow(number, task.how, blocked, free);
    }
    fleet.run_for(RUN_S);
    let verdicts = fleet.verdicts();
    Wrong {
        anywhere: verdicts.wrong,
        at_healthy: verdicts.wrong_at_healthy,
        suspected: verdicts.wrong_suspicions,
    }
}
