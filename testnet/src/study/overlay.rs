//! `tidings-testnet overlay`: most nodes die at once, and those that are left find each other again, or don't.
//!
//! `HyParView`'s paper kills up to 95 % of ten thousand nodes and counts whom a broadcast still reaches, at once and as the views heal. Here
//! whole nodes are simulated, by both overlays: `HyParView`'s, which forms from its first join on, and the random set, whose links are
//! drawn as address gossip leads to them, with so many addresses known besides. The links of the dead break at the same moment, as those of
//! killed processes do; addresses where nobody lives are found out by dialling them.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tidings_protocol::params::OverlayKind;
use tidings_sim::fault::FaultSpec;
use tidings_sim::latency::LinkSpec;
use tidings_sim::overlay::Shape;
use tidings_sim::scenario::Scenario;
use tidings_sim::simulation::Prepared;
use tidings_sim::survivors::Survivors;
use tidings_tools::show::format::grouped;
use tidings_tools::show::table::grid;

use super::jobs;
use crate::exit::usage;
use crate::manifest::text::with_overrides;
use crate::output;

/// What a broadcast is to reach once the overlay has healed (the paper: nearly all after 80 % died).
const GOAL: f64 = 0.99;

/// Arguments of `overlay`. Without any, 8,000 of 10,000 nodes die.
#[derive(Clone, Debug, Args)]
pub struct OverlayArgs {
    /// How many nodes
    #[arg(long, default_value_t = 10_000)]
    pub nodes: usize,
    /// Which share of them dies
    #[arg(long, default_value_t = 0.8)]
    pub kill: f64,
    /// How long the overlay forms and is mixed before that, seconds
    #[arg(long, value_name = "S", default_value_t = 600.0)]
    pub mixed: f64,
    /// How long it is watched afterwards, seconds
    #[arg(long, value_name = "S", default_value_t = 60)]
    pub watched: u64,
    /// Addresses that a node of the random set knows besides its links
    #[arg(long, default_value_t = 100)]
    pub known: usize,
    /// The seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Parameter of every node's core; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// Only this overlay: hyparview or random [default: both]
    #[arg(long, value_parser = ["hyparview", "random"])]
    pub only: Option<String>,
    /// Runs at once
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// One overlay, from just before most nodes die.
#[derive(Clone, Debug)]
pub struct Course {
    /// Which.
    pub name: &'static str,
    /// With the seconds since: before, at once, and then every second.
    pub moments: Vec<(Option<u64>, Survivors)>,
}

impl Course {
    /// After how many seconds a broadcast reaches as much as it is to, and goes on doing so.
    #[must_use]
    pub fn healed_after(&self) -> Option<u64> {
        let after = self.moments.iter().filter_map(|(at, state)| at.map(|at| (at, state)));
        let rev: Vec<_> = after.collect();
        let good = rev.iter().rev().take_while(|(_, state)| state.reliability() >= GOAL);
        good.last().map(|(at, _)| *at)
    }
}

/// Runs the command.
#[must_use]
pub fn main(args: &OverlayArgs) -> ExitCode {
    let scenarios = match scenarios(args) {
        Ok(scenarios) => scenarios,
        Err(problem) => return usage(&problem),
    };
    let courses = jobs::map(args.jobs, &scenarios, |(name, scenario)| {
        let course = course(name, scenario, args.watched);
        output::tell(&format!("done: {name}"));
        course
    });
    let courses: Vec<Course> = match courses.into_iter().collect::<Result<_, _>>() {
        Ok(courses) => courses,
        Err(problem) => return usage(&problem),
    };
    let text = match args.json {
        true => {
            json!({ "courses": courses.iter().map(to_json).collect::<Vec<_>>() }).to_string() + "\n"
        }
        false => courses.iter().map(|course| render(course, args)).collect::<Vec<_>>().join("\n"),
    };
    let healed = |course: &&Course| course.name == "hyparview" && course.healed_after().is_none();
    let code = if courses.iter().any(|course| healed(&course)) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    };
    output::print(&text, false, code)
}

/// What is simulated of each overlay.
fn scenarios(args: &OverlayArgs) -> Result<Vec<(&'static str, Scenario)>, String> {
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| only == name);
    let kinds = [("hyparview", OverlayKind::Hyparview), ("random", OverlayKind::Random)];
    let of = |(name, kind)| {
        let mut scenario = Scenario { seed: args.seed, ..Scenario::default() };
        scenario.network.nodes = args.nodes;
        scenario.network.known = args.known;
        scenario.link = LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.0 };
        scenario.workload.txs = 1;
        scenario.measure.idle_s = args.mixed;
        scenario.fault = vec![FaultSpec::kill(args.kill, 0.0)];
        scenario.params = with_overrides(&scenario.params, &args.params)?;
        scenario.params.peers.overlay = kind;
        scenario.network.topology = match kind {
            OverlayKind::Hyparview => Shape::Gossip,
            OverlayKind::Random => Shape::Outbound,
        };
        scenario.validate()?;
        Ok((name, scenario))
    };
    kinds.into_iter().filter(|(name, _)| wanted(name)).map(of).collect()
}

/// Lives through it.
fn course(name: &'static str, scenario: &Scenario, watched: u64) -> Result<Course, String> {
    let prepared = Prepared::new(scenario)?;
    if let Some(problem) = prepared.problems().first() {
        return Err(format!("{name}: {problem}"));
    }
    let (mut world, outlook) = prepared.into_world();
    let mut moments = vec![(None, Survivors::of(&world))];
    for second in 0..=watched {
        // Links break one latency after the death of a peer: at once, all that is known is that they do.
        world.run_until(outlook.first + Duration::from_secs(second));
        moments.push((Some(second), Survivors::of(&world)));
    }
    Ok(Course { name, moments })
}

fn render(course: &Course, args: &OverlayArgs) -> String {
    let columns = [
        "after",
        "living",
        "largest part",
        "reached by a broadcast",
        "links a node",
        "alone",
        "one-sided",
        "dead in passive views",
    ];
    let row = |(at, state): &(Option<u64>, Survivors)| {
        vec![
            at.map_or_else(|| "before".to_owned(), |at| format!("{at} s")),
            grouped(state.living as u64),
            percent(state.largest()),
            percent(state.reliability()),
            format!("{:.2}", state.mean_degree),
            grouped(state.alone as u64),
            percent(state.one_sided),
            percent(state.dead_candidates),
        ]
    };
    // Once nothing changes any more a line in ten tells as much.
    let is_shown = |at: Option<u64>| at.is_none_or(|at| at <= 10 || at % 10 == 0);
    let rows: Vec<_> = course.moments.iter().filter(|(at, _)| is_shown(*at)).map(row).collect();
    let healed = match course.healed_after() {
        Some(after) => format!("a broadcast reaches {} from {after} s on", percent(GOAL)),
        None => format!("a broadcast never reaches {} for good", percent(GOAL)),
    };
    format!(
        "{}: {} of {} nodes die\n\n{}\n{healed}\n",
        course.name,
        percent(args.kill),
        grouped(args.nodes as u64),
        grid(&columns, &rows)
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn to_json(course: &Course) -> Value {
    let moment = |(at, state): &(Option<u64>, Survivors)| {
        json!({
            "after_s": at,
            "living": state.living,
            "largest": state.largest(),
            "reliability": state.reliability(),
            "mean_degree": state.mean_degree,
            "alone": state.alone,
            "one_sided": state.one_sided,
            "dead_candidates": state.dead_candidates,
        })
    };
    json!({
        "overlay": course.name,
        "healed_after_s": course.healed_after(),
        "moments": course.moments.iter().map(moment).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> OverlayArgs {
        OverlayArgs {
            nodes: 100,
            kill: 0.8,
            mixed: 120.0,
            watched: 30,
            known: 50,
            seed: 1,
            params: vec!["peers.hyparview.shuffle_s=10".to_owned()],
            only: None,
            jobs: 1,
            json: false,
        }
    }

    #[test]
    fn both_overlays_heal_and_the_tables_say_when() {
        let args = small();
        for (name, scenario) in scenarios(&args).unwrap() {
            let course = course(name, &scenario, args.watched).unwrap();
            let before = &course.moments[0].1;
            assert_eq!((before.living, before.parts.len()), (100, 1), "{name}");
            assert_eq!(course.moments[1].1.living, 20, "{name}");
            assert!(course.healed_after().is_some(), "{name}");
            assert!(render(&course, &args).contains("from"), "{name}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_a_sentence() {
        let wrong =
            OverlayArgs { params: vec!["peers.hyparview.active_view=0".to_owned()], ..small() };
        assert!(scenarios(&wrong).unwrap_err().contains("active_view is 0"));
        let wrong = OverlayArgs { kill: 2.0, ..small() };
        assert!(scenarios(&wrong).is_err());
    }
}
