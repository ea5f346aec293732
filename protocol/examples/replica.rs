//! What goes wrong with data that converges, each with a figure: lost updates in a partition and by wrong clocks, the repair of a
//! damaged copy, and how soon news is everywhere. Simulated: the same figures on every machine.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example replica
//! ```

use tidings_protocol::replica::{ClockKind, Model, Spread};
use tidings_protocol::testkit::fleet::scenes::{self, Spreading};

const HOUR_MS: i64 = 3_600_000;

/// Fleets of which the mean is taken.
const SEEDS: u64 = 20;

fn main() {
    partitions();
    clocks();
    repairs();
    rounds();
}

fn partitions() {
    let last_writer = Model::LastWriter(ClockKind::Hybrid);
    println!("A partition of a minute\n");
    println!(
        "| data | updates | keys set on both sides | lost, as listed | of the last updates, not readable | keys with several values | agree after |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, model) in [("last writer wins", last_writer), ("version vectors", Model::Versions)] {
        let it = scenes::partition(model, 1);
        let healed = it.healed_after.as_secs_f64();
        println!(
            "| {name} | {} | {} | {} | {} | {} | {healed:.1} s |",
            it.updates, it.both_sides, it.lost, it.gone, it.contested
        );
    }
}

fn clocks() {
    println!("\nOne clock of a fleet is wrong by an hour\n");
    println!(
        "| clock | replicas | skew | its own updates lost | the others' updates lost | told that it is ahead | agree once it is right |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, clock, size) in [
        ("wall", ClockKind::Wall, 5),
        ("hybrid", ClockKind::Hybrid, 5),
        ("hybrid", ClockKind::Hybrid, 2),
    ] {
        for (skew, ms) in [("none", 0), ("an hour slow", -HOUR_MS), ("an hour fast", HOUR_MS)] {
            let it = scenes::skew(clock, size, ms, 1);
            let agree = if it.agree { "yes" } else { "no" };
            println!(
                "| {name} | {size} | {skew} | {} of {} | {} of {} | {} | {agree} |",
                it.wrong_lost, it.wrong, it.right_lost, it.right, it.told
            );
        }
    }
}

fn repairs() {
    println!("\nA copy of which 5 % are damaged\n");
    println!(
        "| entries | a full copy | damaged | sent both ways | of a full copy | over what is damaged | after | equal copies compared |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for entries in [1_000, 10_000, 100_000] {
        let it = scenes::repair(entries, 1);
        let share = it.traffic.bytes as f64 / it.full as f64;
        let over = it.traffic.bytes as f64 / it.damaged_bytes as f64;
        println!(
            "| {} | {:.0} kB | {} entries, {:.0} kB | {:.0} kB | {:.1} % | {over:.2} | {:.1} s | {} B |",
            it.entries,
            it.full as f64 / 1e3,
            it.damaged,
            it.damaged_bytes as f64 / 1e3,
            it.traffic.bytes as f64 / 1e3,
            100.0 * share,
            it.after.as_secs_f64(),
            it.idle.bytes
        );
    }
}

fn rounds() {
    println!("\nOne update among 100, one contact a round, mean of {SEEDS} runs\n");
    println!(
        "| rounds | until all have it | messages a replica until then | messages a replica and minute without news |"
    );
    println!("|---|---|---|---|");
    for (name, spread) in
        [("push", Spread::Push), ("pull", Spread::Pull), ("push-pull", Spread::PushPull)]
    {
        let runs: Vec<Spreading> =
            (0..SEEDS).map(|seed| scenes::spread(spread, 100, seed)).collect();
        let mean = |of: fn(&Spreading) -> f64| runs.iter().map(of).sum::<f64>() / SEEDS as f64;
        println!(
            "| {name} | {:.1} rounds | {:.1} | {:.1} |",
            mean(|it| it.rounds),
            mean(|it| it.messages),
            mean(|it| it.idle)
        );
    }
}
