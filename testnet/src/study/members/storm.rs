//! Many join at once, all by the same member.

use tidings_sim::members::fleet::Fleet;
use tidings_sim::members::setup::{Setup, Start};

use super::{MembersArgs, Preset};
use crate::study::jobs;
use crate::study::progress;
use crate::study::table::{Field, Goal, Table};

/// What is asked: nearly all know nearly all within so many seconds. A guess.
const SOON_S: f64 = 5.0;

/// Shares of all pairs of whom the one knows the other.
const SHARES: [f64; 3] = [0.99, 0.999, 1.0];

/// A row, and when each of the [`SHARES`] was reached, seconds.
struct Made {
    row: Vec<Field>,
    times: [Option<f64>; SHARES.len()],
}

/// The table.
pub(super) fn table(args: &MembersArgs) -> Table {
    let sizes = if args.quick { &[100][..] } else { &[100, 1_000][..] };
    let tasks: Vec<_> = sizes
        .iter()
        .flat_map(|size| [Preset::Fleet, Preset::Lan].map(|preset| (preset, *size)))
        .collect();
    let all = jobs::map(args.jobs, &tasks, |(preset, size)| run(*preset, *size, args.seed));
    let goal = |(&(preset, size), made): (&(Preset, usize), &Made)| {
        let exchange_s = preset.settings().exchange_interval(size).as_secs_f64();
        let is_within = |place: usize, most: f64| made.times[place].is_some_and(|at| at <= most);
        Goal {
            text: format!(
                "{}, {size}: 99 % of the pairs know one another within {SOON_S} s, and all with the next exchange, within \
                 {exchange_s} s more",
                preset.name()
            ),
            is_met: is_within(0, SOON_S) && is_within(SHARES.len() - 1, SOON_S + exchange_s),
        }
    };
    let goals = tasks.iter().zip(&all).map(goal).collect();
    Table {
        id: "storm",
        title: "Many join at once",
        note: "All start at one moment, know the first member's address, and ask it. Seconds until a share of all pairs is acquainted; of \
               whom gossip misses one, it hears in an exchange. Datagrams and bytes are those of a member on average, until all know all."
            .to_owned(),
        columns: vec![
            "settings", "members", "99 %", "99.9 %", "all", "datagrams each", "KB each", "streams each", "stream KB each",
            "longest B", "wrong",
        ],
        rows: all.into_iter().map(|made| made.row).collect(),
        goals,
        picture: None,
    }
}

fn run(preset: Preset, size: usize, seed: u64) -> Made {
    let setup = Setup {
        start: Start::Joining,
        warmup_s: 0.0,
        ..Setup::lan(size, &preset.settings(), seed)
    };
    let mut fleet = Fleet::new(&setup).expect("the setup is valid");
    let mut times = [None; SHARES.len()];
    let begin = fleet.now();
    while times[SHARES.len() - 1].is_none() && fleet.now().since(begin).as_secs_f64() < 900.0 {
        let seconds = fleet.now().since(begin).as_secs_f64();
        fleet.run_for(if seconds < 10.0 { 0.1 } else { 2.0 });
        let (agreement, seconds) = (fleet.agreement(), fleet.now().since(begin).as_secs_f64());
        for (time, _) in times.iter_mut().zip(SHARES).filter(|(_, share)| agreement >= *share) {
            time.get_or_insert(seconds);
        }
    }
    let (traffic, each) = (*fleet.traffic(), |count: u64| count as f64 / size as f64);
    progress::tell(&format!("{size} join, {}", preset.name()));
    let mut row = vec![Field::word(preset.name()), Field::count(size as u64)];
    row.extend(times.map(Field::seconds));
    row.extend([
        Field::number(each(traffic.datagrams), 1),
        Field::number(each(traffic.bytes) / 1e3, 1),
        Field::number(each(traffic.streams), 2),
        Field::number(each(traffic.stream_bytes) / 1e3, 1),
        Field::count(traffic.longest as u64),
        Field::count(fleet.verdicts().failed),
    ]);
    Made { row, times }
}
