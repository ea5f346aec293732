//! What may be asked of an assault.

use std::path::PathBuf;

use clap::Args;
use strsim::jaro_winkler;
use tidings_attacker::mode::Mode;
use tidings_attacker::modes;

use crate::assault::row::Bounds;

/// Names that are alike enough to be meant (Jaro-Winkler). A guess.
const ALIKE: f64 = 0.75;

/// Asks for every mode, one after the other.
const ALL: &str = "all";

/// Asks for every mode of strangers at a steady rate, one after the other.
const STRANGERS: &str = "strangers";

/// Asks for every mode at once.
const TOGETHER: &str = "together";

/// Fewest nodes: the victim and one at either side.
pub const NODES_MIN: usize = 3;

/// Most nodes, all linked with one another. A guess.
pub const NODES_MAX: usize = 20;

/// Arguments of `assault`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Each attack has a row: what it costs the node in the middle of three, beside what it costs the \
                        attacker, and how honest transactions, links and newcomers fare meanwhile. A row says which \
                        bounds it broke. All of it happens on addresses of this machine.\n\n\
                        Exit codes: 0 all bounds held, 1 some didn't, 3 a bout was not valid, 64 wrong arguments, \
                        130 interrupted."
)]
pub struct AssaultArgs {
    /// Which attacks: names, `all` of them one after the other, all `together`, or `strangers` at a full node (see --list)
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub names: Vec<String>,
    /// Print the attacks: what each does, and what must hold
    #[arg(long)]
    pub list: bool,
    /// How long each is attacked
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    pub seconds: f64,
    /// How long honest transactions are watched before that [default: as long, but 10 at most]
    #[arg(long, value_name = "S")]
    pub before: Option<f64>,
    /// How many attacks run side by side, so that there are fewer bouts
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub at_once: usize,
    /// All of them side by side
    #[arg(long, conflicts_with = "at_once")]
    pub together: bool,
    /// How many nodes: three stand in a row, more are all linked with one another, and where strangers come at a steady rate all are
    /// linked with the victim [default: 3, or 6 for strangers]
    #[arg(long, value_name = "N")]
    pub nodes: Option<usize>,
    /// Honest transactions a second
    #[arg(long, default_value_t = 20.0)]
    pub rate: f64,
    /// Judge only what doesn't depend on the machine: nodes live, honest links stay, everything arrives
    #[arg(long)]
    pub untimed: bool,
    /// Program to start as a node, instead of this one's own node mode
    #[arg(long, value_name = "PATH")]
    pub node_binary: Option<PathBuf>,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the rows and the nodes, which must not exist [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Keep the nodes' data folders and logs where no bound was broken, too
    #[arg(long)]
    pub keep_logs: bool,
    /// Print the rows as JSON on stdout, all else on stderr
    #[arg(long)]
    pub json: bool,
    /// Print nothing but the rows and what went wrong
    #[arg(long)]
    pub quiet: bool,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What each bout attacks with.
    pub bouts: Vec<Vec<&'static Mode>>,
    /// How long it is attacked, seconds.
    pub seconds: f64,
    /// How long it is watched before that, seconds.
    pub before: f64,
    /// How many nodes, if it was said.
    pub nodes: Option<usize>,
    /// Honest transactions a second.
    pub rate: f64,
    /// What must hold.
    pub bounds: Bounds,
    /// What is started as a node.
    pub node_binary: Option<PathBuf>,
    /// Seed of everything random.
    pub seed: u64,
    /// The folder.
    pub out: Option<PathBuf>,
    /// Whether data folders stay.
    pub keep_logs: bool,
    /// Whether progress is told.
    pub quiet: bool,
}

impl AssaultArgs {
    /// What is asked for.
    ///
    /// # Errors
    /// A sentence about what can't be.
    pub fn plan(&self) -> Result<Plan, String> {
        let positive = |name: &str, value: f64, max: f64| {
            if value > 0.0 && value <= max {
                return Ok(());
            }
            Err(format!("{name} is {value}, but must be more than 0 and at most {max}"))
        };
        positive("--seconds", self.seconds, 86_400.0)?;
        positive("--rate", self.rate, 500.0)?;
        let before = self.before.unwrap_or_else(|| self.seconds.min(10.0));
        positive("--before", before, 3_600.0)?;
        if let Some(nodes) = self.nodes.filter(|nodes| !(NODES_MIN..=NODES_MAX).contains(nodes)) {
            return Err(format!(
                "--nodes is {nodes}, but must be {NODES_MIN} to {NODES_MAX}: one stands between others"
            ));
        }
        if self.at_once == 0 {
            return Err("--at-once is 0, but must be 1 or more".to_owned());
        }
        let asked = self.names.iter().any(|name| name == TOGETHER);
        let modes = chosen(&self.names)?;
        let side_by_side = if asked || self.together { modes.len() } else { self.at_once };
        Ok(Plan {
            bouts: modes.chunks(side_by_side).map(<[_]>::to_vec).collect(),
            seconds: self.seconds,
            before,
            nodes: self.nodes,
            rate: self.rate,
            bounds: if self.untimed { Bounds::untimed() } else { Bounds::default() },
            node_binary: self.node_binary.clone(),
            seed: self.seed,
            out: self.out.clone(),
            keep_logs: self.keep_logs,
            quiet: self.quiet,
        })
    }
}

/// The modes of names, each once.
fn chosen(names: &[String]) -> Result<Vec<&'static Mode>, String> {
    if names.iter().any(|name| name == ALL || name == TOGETHER) {
        return Ok(modes::all().iter().collect());
    }
    let mut chosen: Vec<&'static Mode> = Vec::new();
    if names.iter().any(|name| name == STRANGERS) {
        chosen.extend(modes::all().iter().filter(|mode| mode.per_s.is_some()));
    }
    for name in names.iter().filter(|name| *name != STRANGERS) {
        let mode = modes::find(name).ok_or_else(|| unknown(name))?;
        if !chosen.iter().any(|other| other.name == mode.name) {
            chosen.push(mode);
        }
    }
    Ok(chosen)
}

/// Says that there is no such attack, and which may be meant.
fn unknown(name: &str) -> String {
    let mut alike: Vec<(f64, &str)> =
        modes::all().iter().map(|mode| (jaro_winkler(name, mode.name), mode.name)).collect();
    alike.retain(|(likeness, _)| *likeness >= ALIKE);
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let alike: Vec<&str> = alike.into_iter().take(3).map(|(_, name)| name).collect();
    let meant = match &alike[..] {
        [] => "see --list".to_owned(),
        names => format!("did you mean {}?", names.join(", ")),
    };
    format!("there is no attack `{name}`: {meant}")
}

/// The name of a bout.
#[must_use]
pub fn bout_name(modes: &[&'static Mode]) -> String {
    match modes {
        [mode] => mode.name.to_owned(),
        all if all.len() == modes::all().len() => TOGETHER.to_owned(),
        some => some.iter().map(|mode| mode.name).collect::<Vec<_>>().join("+"),
    }
}

/// The name of a bout's folder: short, since sockets lie in it.
#[must_use]
pub fn folder_name(number: usize, bout: &str) -> String {
    let name: String = bout.chars().take(20).collect();
    format!("{:02}-{name}", number + 1)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: AssaultArgs,
    }

    fn parse(line: &str) -> AssaultArgs {
        let words = std::iter::once("assault").chain(line.split_whitespace());
        Cli::try_parse_from(words).unwrap().args
    }

    fn plan(line: &str) -> Result<Plan, String> {
        parse(line).plan()
    }

    #[test]
    fn all_are_bouts_of_one_and_together_is_a_bout_of_all() {
        let count = modes::all().len();
        assert_eq!(plan("all").unwrap().bouts.len(), count);
        for line in ["together", "all --together"] {
            let bouts = plan(line).unwrap().bouts;
            assert_eq!((bouts.len(), bouts[0].len()), (1, count));
        }
        let bouts = plan("all --at-once 5").unwrap().bouts;
        assert_eq!(bouts.len(), count.div_ceil(5));
    }

    #[test]
    fn strangers_at_a_steady_rate_are_six_bouts_of_one() {
        let bouts = plan("strangers silent-from-1 churn").unwrap().bouts;
        let names: Vec<_> = bouts.iter().map(|modes| bout_name(modes)).collect();
        assert_eq!(names.len(), 7, "{names:?}");
        assert_eq!((&*names[0], &*names[6]), ("silent-from-1", "churn"));
    }

    #[test]
    fn each_name_counts_once() {
        let bouts = plan("churn digests churn").unwrap().bouts;
        let names: Vec<_> = bouts.iter().map(|modes| bout_name(modes)).collect();
        assert_eq!(names, ["churn", "digests"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_are_like_it() {
        let error = plan("yamux-ping").unwrap_err();
        assert!(error.starts_with("there is no attack `yamux-ping`: did you mean yamux-pings"));
        assert_eq!(plan("qqq").unwrap_err(), "there is no attack `qqq`: see --list");
    }

    #[test]
    fn lengths_that_make_no_sense_are_refused() {
        for line in ["churn --seconds 0", "churn --rate 0", "churn --before 0", "churn --at-once 0"]
        {
            let error = plan(line).unwrap_err();
            assert!(error.contains("but must be"), "{error}");
        }
        assert_eq!(plan("churn --seconds 3").unwrap().before.to_bits(), 3.0_f64.to_bits());
    }
}
