//! `tidings-testnet sim --members`: a fleet of members, over the link model and the faults of a manifest.
//!
//! The relay's nodes aren't simulated then: the two machines don't know of one another.

use std::process::ExitCode;

use serde_json::{Value, json};
use tidings_protocol::membership::Settings;
use tidings_sim::members::fleet::Fleet;
use tidings_sim::members::setup::{Setup, Start};
use tidings_tools::show::format::percent;
use tidings_tools::show::table::grid;

use super::{SimArgs, SimError};
use crate::manifest::Manifest;
use crate::manifest::args::SettingArgs;
use crate::output;
use crate::usage::{cpu_between, own_usage};

/// A figure: its key for programs, its value for programs and for people, and what it means.
pub(crate) type Figure = (&'static str, Value, String, &'static str);

/// Simulates so many members and prints the figures. All is well if in the end those that run agree.
pub(super) fn run(args: &SimArgs, members: usize) -> Result<ExitCode, SimError> {
    let setup = setup(args, members).map_err(SimError::Usage)?;
    let (figures, agree) = figures(&setup, args.seconds, |_| {}).map_err(SimError::Usage)?;
    let text = if args.json {
        let all = figures.into_iter().map(|(key, value, ..)| (key.to_owned(), value));
        Value::Object(all.collect()).to_string() + "\n"
    } else {
        let row = |(key, _, text, meaning): Figure| vec![key.to_owned(), text, meaning.to_owned()];
        grid(&["", "", ""], &figures.into_iter().map(row).collect::<Vec<_>>())
    };
    let code = if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    Ok(output::print(&text, false, code))
}

fn setup(args: &SimArgs, members: usize) -> Result<Setup, String> {
    if !(0.0..=1e6).contains(&args.seconds) {
        return Err(format!("--seconds is {}, but must be 0 to 1000000", args.seconds));
    }
    // Faults name members as they would nodes.
    let settings = SettingArgs { nodes: Some(members), ..args.settings.clone() };
    let manifest = settings.lay_over(Manifest::default())?;
    let start = if args.joining { Start::Joining } else { Start::Acquainted };
    let setup = Setup {
        members,
        seed: manifest.seed,
        link: manifest.link,
        fault: manifest.fault,
        start,
        warmup_s: if args.joining { 0.0 } else { 10.0 },
        is_rash: false,
        settings: Settings::fleet(),
    };
    setup.validate()?;
    Ok(setup)
}

/// The figures of a fleet that is left alone for so many seconds after its warm-up, and whether those that run agree then. `begin` is what is
/// done to it before.
///
/// # Errors
/// A sentence about what makes no sense in the setup.
pub(crate) fn figures(
    setup: &Setup,
    seconds: f64,
    begin: impl FnOnce(&mut Fleet),
) -> Result<(Vec<Figure>, bool), String> {
    let begun = own_usage();
    let mut fleet = Fleet::new(setup)?;
    begin(&mut fleet);
    fleet.run_for(seconds);
    let cpu_s = cpu_between(begun, own_usage());
    let (traffic, verdicts, agree) = (fleet.traffic(), fleet.verdicts(), fleet.agree());
    let met = verdicts.members(|number| fleet.is_met(number));
    let each = |count: u64| count as f64 / seconds.max(1e-9) / setup.members as f64;
    let number = |key, number: f64, meaning| (key, json!(number), format!("{number:.2}"), meaning);
    let count = |key, count: u64, meaning| (key, json!(count), count.to_string(), meaning);
    let agreement = fleet.agreement();
    let mut figures = vec![
        count("members", setup.members as u64, ""),
        number("seconds", seconds, "simulated, after the warm-up"),
        number("datagrams_per_member_s", each(traffic.datagrams), "that a member sends a second"),
        number("bytes_per_member_s", each(traffic.bytes), "of them, without IP and UDP"),
        number(
            "stream_bytes_per_member_s",
            each(traffic.stream_bytes),
            "of exchanges and pings by streams",
        ),
        count(
            "datagram_p99",
            traffic.size_of_share(0.99) as u64,
            "bytes that 99 % of the datagrams don't exceed, to the next hundred",
        ),
        count("datagram_longest", traffic.longest as u64, "bytes"),
        count("dead_seen", met as u64, "members, whom a fault met, that somebody took for dead"),
        count("wrong", verdicts.wrong, "times that somebody took a healthy member for dead"),
        count("wrong_at_healthy", verdicts.wrong_at_healthy, "of them, at healthy members"),
        count(
            "suspected_wrongly",
            verdicts.wrong_suspicions,
            "times that a healthy member was suspected",
        ),
        (
            "agreement",
            json!(agreement),
            percent(agreement) + " %",
            "of the pairs that run, of whom one knows the other alive",
        ),
        (
            "event_hash",
            json!(fleet.hash().to_string()),
            fleet.hash().to_string(),
            "equal for equal runs",
        ),
        number("cpu_s", cpu_s, "of this process"),
    ];
    for (fault, spec) in setup.fault.iter().enumerate() {
        let text = format!("{}: met {}", spec.name(), fleet.touched(fault));
        figures.push(("fault", json!(text), text.clone(), "members or messages that it met"));
    }
    Ok((figures, agree))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(faults: &[&str]) -> SimArgs {
        let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
        let settings = SettingArgs { faults, ..SettingArgs::default() };
        SimArgs { settings, seconds: 20.0, ..SimArgs::default() }
    }

    fn figure(figures: &[Figure], key: &str) -> Value {
        figures.iter().find(|(other, ..)| *other == key).unwrap().1.clone()
    }

    #[test]
    fn a_manifest_s_links_and_faults_are_the_fleet_s() {
        let setup = setup(&args(&["crash:share=0.1"]), 40).unwrap();
        let (first, agree) = figures(&setup, 20.0, |_| {}).unwrap();
        assert!(agree);
        assert_eq!(figure(&first, "dead_seen"), 4);
        assert_eq!(figure(&first, "wrong"), 0);
        let (again, _) = figures(&setup, 20.0, |_| {}).unwrap();
        assert_eq!(figure(&first, "event_hash"), figure(&again, "event_hash"));
    }

    #[test]
    fn what_makes_no_sense_among_members_has_its_sentence() {
        let problem = |faults: &[&str], members| setup(&args(faults), members).unwrap_err();
        assert!(problem(&["clog:share=0.1,for_s=1"], 40).contains("fault clog"));
        assert!(problem(&["crash:share=2"], 40).contains("share is 2"));
        assert!(problem(&[], 1).contains('1'));
    }
}
