//! Whom slow members make dead: the interval experiment of the paper on Lifeguard (Dadgar, Phillips, Currey 2017, §V).
//!
//! Of 128 members, C at random stand still for D, go on for I, stand still again, all at once, for two minutes after a quiet quarter of one.
//! That is run over a grid of C, D and I, once with each of the settings and the same chances, and whoever takes a healthy member for dead is
//! counted: anybody (the paper's FP), and healthy members alone (FP-). C is from 1 to 32, as in the paper; D and I are powers of
//! two and four in between those that it names. The paper stops a member's messages while its timers go on, which is why here timers
//! come first after a pause.

use std::time::Duration;

use tidings_sim::members::fleet::Fleet;
use tidings_sim::members::setup::Setup;
use tidings_sim::random::shared::{Stream, sample, stream};
use tidings_tools::show::format::grouped;

use super::show::{Field, Goal, Table};
use super::{MembersArgs, Preset};
use crate::study::compare::progress;
use crate::study::jobs;

/// Members of the experiment.
const MEMBERS: usize = 128;

/// The quiet time before, and how long it goes, seconds.
const QUIET_S: f64 = 15.0;
const RUN_S: f64 = 120.0;

/// What is asked of Lifeguard: the paper's Table IV has 1.9 % of SWIM's mistakes at healthy members about healthy members.
const SHARE_MAX: f64 = 0.02;

/// How many are slow.
const SLOW: [usize; 9] = [1, 4, 8, 12, 16, 20, 24, 28, 32];

/// How long they stand still, milliseconds.
const BLOCKED: [u64; 6] = [128, 512, 2_048, 8_192, 16_384, 32_768];

/// How long they go on, milliseconds.
const FREE: [u64; 6] = [1, 4, 16, 64, 256, 1_024];

/// One run.
#[derive(Clone, Copy, Debug)]
struct Task {
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

/// The table.
pub(super) fn table(args: &MembersArgs) -> Table {
    let (slow, blocked, free) = match args.quick {
        true => (&[32][..], &[16_384][..], &[1, 64][..]),
        false => (&SLOW[..], &BLOCKED[..], &FREE[..]),
    };
    let mut tasks = Vec::new();
    for preset in Preset::ALL {
        for &slow in slow {
            for &blocked in blocked {
                let task =
                    |free: &u64| Task { preset, slow, blocked, free: *free, seed: args.seed };
                tasks.extend(free.iter().map(task));
            }
        }
    }
    let all = jobs::map(args.jobs, &tasks, |task| {
        let wrong = run(task);
        if task.free == 1 && task.blocked == blocked[0] {
            progress(&format!("slow members, {}, C = {}", task.preset.name(), task.slow));
        }
        wrong
    });
    let sum = |preset: Preset, slow: Option<usize>| {
        let is_meant =
            |task: &Task| task.preset == preset && slow.is_none_or(|slow| task.slow == slow);
        let meant = tasks.iter().zip(&all).filter(|(task, _)| is_meant(task));
        meant.fold(Wrong::default(), |sum, (_, wrong)| Wrong {
            anywhere: sum.anywhere + wrong.anywhere,
            at_healthy: sum.at_healthy + wrong.at_healthy,
            suspected: sum.suspected + wrong.suspected,
        })
    };
    let row = |slow: Option<usize>| {
        let [swim, lan, fleet] = Preset::ALL.map(|preset| sum(preset, slow));
        let mut fields =
            vec![slow.map_or_else(|| Field::word("all"), |slow| Field::count(slow as u64))];
        fields.extend([swim, lan, fleet].map(|wrong| Field::count(wrong.anywhere)));
        fields.extend([swim, lan, fleet].map(|wrong| Field::count(wrong.at_healthy)));
        fields.extend([lan, fleet].map(|wrong| share(wrong.at_healthy, swim.at_healthy)));
        fields.extend([swim, lan, fleet].map(|wrong| Field::count(wrong.suspected)));
        fields
    };
    let rows = slow.iter().map(|slow| row(Some(*slow))).chain([row(None)]).collect();
    let [swim, lan, fleet] = Preset::ALL.map(|preset| sum(preset, None));
    let goal = |name: &str, wrong: Wrong| Goal {
        text: format!(
            "{name} has at most 2 % of SWIM's mistakes at healthy members about healthy members: {} of {}",
            grouped(wrong.at_healthy),
            grouped(swim.at_healthy)
        ),
        is_met: wrong.at_healthy as f64 <= SHARE_MAX * swim.at_healthy as f64,
    };
    Table {
        id: "lifeguard",
        title: "Whom slow members make dead",
        note: format!(
            "Of {MEMBERS} members C stand still for {} s and go on for {} ms, in turns, for {RUN_S:.0} s, each combination once. How often a \
             healthy member was taken for dead: FP by anybody, FP- by healthy members. `suspected`: how often one was suspected.",
            blocked.iter().map(|ms| (*ms as f64 / 1e3).to_string()).collect::<Vec<_>>().join(", "),
            free.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        ),
        columns: vec![
            "C",
            "FP swim",
            "FP lan",
            "FP fleet",
            "FP- swim",
            "FP- lan",
            "FP- fleet",
            "lan/swim %",
            "fleet/swim %",
            "suspected swim",
            "suspected lan",
            "suspected fleet",
        ],
        rows,
        goals: vec![goal("Lifeguard (lan)", lan), goal("fleet", fleet)],
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
        fleet.slow(number, Duration::from_millis(task.blocked), Duration::from_millis(task.free));
    }
    fleet.run_for(RUN_S);
    let verdicts = fleet.verdicts();
    Wrong {
        anywhere: verdicts.wrong,
        at_healthy: verdicts.wrong_at_healthy,
        suspected: verdicts.wrong_suspicions,
    }
}
