//! Who meets whom under which circumstances, and the runs of it.

use std::path::Path;
use std::process::ExitCode;

use super::VersusArgs;
use super::spans::Row;
use crate::launch;
use crate::launch::settings::{Options, Settings};
use crate::manifest::Manifest;
use crate::manifest::args::SettingArgs;
use crate::output;
use crate::study::compare::variant::{self, Variant};

/// Transactions of a run, unless others are asked for: what each takes of a machine in which all share the cores is
/// settled by then.
const TXS: usize = 500;

/// All contestants under the same circumstances.
#[derive(Clone, Debug)]
pub struct Round {
    /// What lies between nodes, and how much is submitted.
    pub circumstances: String,
    /// By name, what each is launched with; ours first.
    pub contestants: Vec<(String, Settings)>,
}

impl Round {
    /// The settings of the first.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.contestants.first().map(|(_, settings)| &settings.manifest)
    }
}

/// What is to be run, once all of it is known to make sense.
///
/// # Errors
/// A sentence about the first that makes no sense.
pub fn rounds(args: &VersusArgs) -> Result<Vec<Round>, String> {
    if args.runs == 0 && args.add.is_empty() {
        return Err("--runs is 0, but must be 1 or more, or there is nothing to show".to_owned());
    }
    let SettingArgs { links, rate, strategy, contender, .. } = &args.settings;
    let given = [
        (links.is_some(), "--models instead of --links"),
        (rate.is_some(), "--rates instead of --rate"),
        (strategy.is_some(), "--strategies instead of --strategy"),
        (contender.is_some(), "its contenders without --contender"),
    ];
    if let Some((_, instead)) = given.into_iter().find(|(given, _)| *given) {
        return Err(format!("versus takes {instead}"));
    }
    let ours: Vec<Variant> = variant::split(&args.strategies)
        .iter()
        .map(|text| Variant::parse(text))
        .collect::<Result<_, _>>()?;
    let shared = match args.hosts {
        Some(1) => ", in one process".to_owned(),
        Some(hosts) => format!(", in {hosts} processes"),
        None => String::new(),
    };
    let mut rounds = Vec::new();
    for model in &args.models {
        for rate in &args.rates {
            let settings = SettingArgs {
                links: Some(model.clone()),
                rate: Some(*rate),
                txs: args.settings.txs.or(Some(TXS)),
                ..args.settings.clone()
            };
            let base = settings.lay_over(Manifest::contended_by_default())?;
            rounds.push(Round {
                circumstances: format!("links {model}, {rate} a second{shared}"),
                contestants: contestants(args, &ours, &base)?,
            });
        }
    }
    Ok(rounds)
}

fn contestants(
    args: &VersusArgs,
    ours: &[Variant],
    base: &Manifest,
) -> Result<Vec<(String, Settings)>, String> {
    let mut contestants = Vec::new();
    for variant in ours {
        let params = variant.lay_over(&base.params)?;
        let manifest = Manifest { params, contender: None, ..base.clone() };
        manifest.validate()?;
        contestants
            .push((variant.name.clone(), Settings::of(manifest, None)?.in_hosts(args.hosts)?));
    }
    for contender in &args.contenders {
        let manifest = Manifest { contender: Some(*contender), ..base.clone() };
        manifest.validate()?;
        let settings = Settings::of(manifest, args.node_binary.clone())?;
        contestants.push((contender.to_string(), settings.in_hosts(args.hosts)?));
    }
    Ok(contestants)
}

/// Runs all contestants so many times, in turns; each time another begins. Their run folders are `FOLDER-NUMBER`.
///
/// # Errors
/// What to exit with if a run was interrupted, or came to nothing for a reason that has been told.
pub fn run(round: &Round, runs: usize, folder: &Path) -> Result<Vec<Row>, ExitCode> {
    let Round { circumstances, contestants } = round;
    let row = |(name, settings): &(String, Settings)| {
        let is_theirs = settings.manifest.contender.is_some();
        Row::new(name, is_theirs, circumstances)
    };
    let mut rows: Vec<Row> = contestants.iter().map(row).collect();
    for turn in 0..runs {
        for place in 0..contestants.len() {
            let number = (turn + place) % contestants.len();
            let (name, settings) = &contestants[number];
            let of = turn + 1;
            output::tell(&format!("{circumstances}: {name}, run {of} of {runs}"));
            let mut out = folder.as_os_str().to_owned();
            out.push(format!("-{turn}{number}"));
            let options = Options { out: Some(out.into()), quiet: true, ..Options::default() };
            let launched = launch::run(settings, &options)?;
            rows[number].runs.push(launched.summary);
        }
    }
    Ok(rows)
}
