//! A scenario as its file says it: a manifest, of which a table `[scenario]` says what it shows.
//!
//! ```toml
//! [network]                    # the manifest, as `sim --manifest` takes it
//! nodes = 150
//!
//! [scenario]
//! title = "The push tail"
//! figures = ["t50_ms", "t100_ms"]                # that are shown
//! launch = { network = { nodes = 40 } }          # what is different among real nodes; or only_simulated = "why"
//! run = { kind = "network" }                     # or members, map, gym: see `Run`; network if left out
//!
//! [[scenario.variant]]
//! name = "push"
//! says = "each round, news to one random neighbour"
//! set = { params.relay.strategy = "push" }       # laid over all of the file
//!
//! [[scenario.expect]]
//! that = "pull.t100_ms < 0.7 * push.t100_ms"     # see `expect`
//! so = "the tail is gone"
//! ```
//!
//! A variant is the whole file with its `set` laid over, [`Run`] included, so that variants differ by what stands there
//! and by nothing else.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::expect::Expectation;
use crate::manifest::Manifest;
use crate::manifest::text::{explained, lay};
use crate::study::members::Preset;

/// Most variants: a table of them fits a terminal, and a picture has colours for them.
const VARIANTS_MAX: usize = 6;

/// Longest time that members are watched, seconds.
const SECONDS_MAX: f64 = 3_600.0;

/// What is laid over a scenario.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another number of nodes.
    pub nodes: Option<usize>,
    /// Another seed.
    pub seed: Option<u64>,
    /// It is for real nodes.
    pub launched: bool,
}

/// A scenario.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name: that of its file.
    pub name: String,
    /// What its file says of it.
    pub head: Head,
    /// Its page of explanation, as Markdown; empty if there is none.
    pub page: String,
    /// At least two that are compared.
    pub variants: Vec<Variant>,
}

/// One of the runs that are compared.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What is different about it.
    pub says: String,
    /// Its settings.
    pub manifest: Manifest,
    /// What runs them.
    pub run: Run,
}

/// The table `[scenario]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What it is called.
    pub title: String,
    /// Keys of the figures that are shown.
    pub figures: Vec<String>,
    /// What is different among real nodes: laid over the file.
    #[serde(default)]
    launch: Option<Table>,
    /// Or: why it isn't for real nodes.
    #[serde(default)]
    pub only_simulated: Option<String>,
    /// What runs it.
    #[serde(default)]
    run: Run,
    variant: Vec<VariantHead>,
    /// What must be seen.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantHead {
    name: String,
    says: String,
    #[serde(default)]
    set: Table,
}

/// What runs the settings of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Run {
    /// The simulator of nodes (`sim`), or `launch`.
    #[default]
    Network,
    /// The simulator of members (`sim --members`): `network.nodes` of them.
    Members {
        /// `fleet`, `lan`, or `swim`: see `tidings-testnet members`.
        preset: Preset,
        /// How long they are watched, seconds.
        seconds: f64,
        /// Some that are slow all the time.
        #[serde(default)]
        slow: Option<Slow>,
    },
    /// Five replicas of the map, in memory.
    Map {
        /// What happens to them.
        happens: Happens,
        /// What is done about writes of one key.
        keeps: Keeps,
        /// By how much one clock is ahead, seconds; for `clock`.
        #[serde(default)]
        ahead_s: i64,
    },
    /// One real node and an attacker, for a while (`gym`).
    Gym {
        /// The attack, by its name.
        attack: String,
        /// How many addresses the attacker has.
        addresses: usize,
        /// A protection that is left out, by its name.
        #[serde(default)]
        without: Option<String>,
    },
}

/// Members that are slow, in turns, from the beginning to the end: what comes for them and what they send waits, and their
/// timers go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// How many: the first of all.
    pub members: u32,
    /// For how long, milliseconds.
    pub blocked_ms: u64,
    /// For how long they are free in between, milliseconds.
    pub free_ms: u64,
}

/// What happens to replicas of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happens {
    /// Two of the five are cut off for a minute, and both sides write the same keys.
    Partition,
    /// The clock of one is ahead, and they write in turns.
    Clock,
}

/// What replicas do about several writes of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    /// The last by the clock on the wall stays.
    LastByWall,
    /// The last by a hybrid logical clock stays.
    LastByHybrid,
    /// All that nobody has overwritten stay side by side.
    Siblings,
}

impl Script {
    /// Reads a scenario's file.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn read(name: &str, text: &str, page: &str, overrides: &Overrides) -> Result<Self, String> {
        let wrong = |problem: String| format!("scenario {name}: {problem}");
        // As a manifest first: what is wrong with it then has its line.
        let manifest = Manifest::parse(text).map_err(wrong)?;
        let head = manifest.scenario.ok_or_else(|| {
            wrong(
                "it has no table [scenario], and is a manifest alone: use sim or launch".to_owned(),
            )
        })?;
        let head: Head = try_into(head, "scenario").map_err(wrong)?;
        head.check().map_err(wrong)?;
        let mut document: Table =
            text.parse().map_err(|error: toml::de::Error| wrong(explained(&error)))?;
        head.lay(overrides, &mut document).map_err(wrong)?;
        let variants = head.variant.iter().map(|variant| variant.resolve(&document, overrides));
        let variants = variants.collect::<Result<_, _>>().map_err(wrong)?;
        Ok(Self { name: name.to_owned(), head, page: page.to_owned(), variants })
    }

    /// The names of its variants.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.variants.iter().map(|variant| variant.name.as_str()).collect()
    }
}

impl Head {
    /// What runs it, in a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.run {
            Run::Network => "network",
            Run::Members { .. } => "members",
            Run::Map { .. } => "map",
            Run::Gym { .. } => "gym",
        }
    }

    fn check(&self) -> Result<(), String> {
        let names: Vec<&str> = self.variant.iter().map(|variant| variant.name.as_str()).collect();
        if !(2..=VARIANTS_MAX).contains(&names.len()) {
            return Err(format!(
                "it has {} variants, but must have 2 to {VARIANTS_MAX}",
                names.len()
            ));
        }
        let is_word = |name: &&&str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            !name.is_empty() && name.chars().all(fits) && name.parse::<f64>().is_err()
        };
        if let Some(name) = names.iter().find(|name| !is_word(name)) {
            return Err(format!(
                "the variant `{name}` must be called by letters, digits and -, and not be a number"
            ));
        }
        if let Some(at) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
            return Err(format!("two variants are called {}", names[at]));
        }
        if self.figures.is_empty() {
            return Err("scenario.figures must name at least one figure to show".to_owned());
        }
        if self.run != Run::Network && self.launch.is_some() {
            return Err("scenario.launch is for scenarios of kind network alone".to_owned());
        }
        self.expect.iter().try_for_each(|expect| expect.comparison(&names).map(drop))
    }

    /// Lays what is asked for over the file, before what the variants differ by.
    fn lay(&self, overrides: &Overrides, document: &mut Table) -> Result<(), String> {
        if overrides.launched {
            if let Some(why) = &self.only_simulated {
                return Err(format!("it is only simulated: {why}"));
            }
            if self.run != Run::Network {
                return Err(format!(
                    "--launch is for networks, and this is of kind {}",
                    self.kind()
                ));
            }
            lay(document, self.launch.clone().unwrap_or_default());
        }
        if let Some(nodes) = overrides.nodes {
            if !matches!(self.run, Run::Network | Run::Members { .. }) {
                return Err(format!("--nodes has no meaning here: it is of kind {}", self.kind()));
            }
            let nodes = i64::try_from(nodes).map_err(|_| format!("--nodes is {nodes}"))?;
            let network = Table::from_iter([("nodes".to_owned(), nodes.into())]);
            lay(document, Table::from_iter([("network".to_owned(), network.into())]));
        }
        if let Some(seed) = overrides.seed {
            let seed = i64::try_from(seed)
                .map_err(|_| format!("--seed is {seed}, but must be at most {}", i64::MAX))?;
            document.insert("seed".to_owned(), seed.into());
        }
        Ok(())
    }
}

impl VariantHead {
    fn resolve(&self, document: &Table, overrides: &Overrides) -> Result<Variant, String> {
        let wrong = |problem: String| format!("variant {}: {problem}", self.name);
        if overrides.nodes.is_some() && sets_nodes(&self.set) {
            return Err(wrong("--nodes has no meaning here: variants differ by it".to_owned()));
        }
        let mut document = document.clone();
        lay(&mut document, self.set.clone());
        let mut manifest: Manifest = try_into(document, "set").map_err(wrong)?;
        manifest.read_files().map_err(wrong)?;
        manifest.validate().map_err(wrong)?;
        let head = manifest.scenario.take().unwrap_or_default();
        let head: Head = try_into(head, "set").map_err(wrong)?;
        head.run.check().map_err(wrong)?;
        let Self { name, says, .. } = self.clone();
        Ok(Variant { name, says, manifest, run: head.run })
    }
}

impl Run {
    fn check(&self) -> Result<(), String> {
        match *self {
            Self::Members { seconds, .. } if !(0.0..=SECONDS_MAX).contains(&seconds) => {
                Err(format!("run.seconds is {seconds}, but must be 0 to {SECONDS_MAX}"))
            }
            Self::Map { happens: Happens::Clock, keeps: Keeps::Siblings, .. } => {
                Err("run.keeps siblings goes by no clock: choose last-by-wall or last-by-hybrid"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn sets_nodes(set: &Table) -> bool {
    let network = set.get("network").and_then(toml::Value::as_table);
    network.is_some_and(|network| network.contains_key("nodes"))
}

fn try_into<T: serde::de::DeserializeOwned>(table: Table, what: &str) -> Result<T, String> {
    table.try_into().map_err(|error: toml::de::Error| format!("{what}: {}", explained(&error)))
}
