//! Settings of a node, from four layers: defaults, `config.toml`, environment, flags; the later wins.
//!
//! A setting is named by its dotted key, the same in all layers: `params.peers.outbound` stands under
//! `[params.peers]` in the file, is `TIDINGS_PARAMS__PEERS__OUTBOUND` in the environment, and
//! `--set params.peers.outbound=4` on the command line. Whatever names no setting is refused with a
//! suggestion, and each value remembers where it came from (`tidings config`).
//!
//! The layering itself is in [`layers`] and knows nothing of these settings; `config/template.toml` is
//! the reference of all of them, from which `tidings init` makes `config.toml`.

pub mod blocks;
pub mod capture;
pub mod env;
pub mod kv;
pub mod layers;
pub mod links;
pub mod log;
pub mod members;
pub mod reference;
pub mod seeds;
pub mod sense;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::{ParamError, Params, Redundancy, STEPS_DEFAULT};

use crate::lab::slow_motion::SlowMotion;
use crate::links::Region;
use blocks::BlocksSettings;
use capture::CaptureSettings;
use kv::KvConfig;
use layers::{Entry, Layered, Origin, Schema};
use log::LogConfig;
use members::MembersConfig;
use seeds::Seed;

/// The commented reference of all settings, as `tidings init` writes it.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// Where the network file is by default, and where `tidings init` makes it.
pub const NETWORK_FILE: &str = "network.toml";

/// Where the store is by default.
pub const STORE_FILE: &str = "store.redb";

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// On the network.
    pub node: NodeConfig,
    /// For its operator.
    pub admin: AdminConfig,
    /// For monitoring.
    pub metrics: MetricsConfig,
    /// Logs.
    pub log: LogConfig,
    /// What outlives the process.
    pub store: StoreSettings,
    /// The chain of blocks.
    pub blocks: BlocksSettings,
    /// The fleet's map.
    pub kv: KvConfig,
    /// The fleet's members.
    pub members: MembersConfig,
    /// The record of deliveries.
    pub trace: TraceConfig,
    /// The capture of what the core is handed.
    pub capture: CaptureSettings,
    /// Emulated links.
    pub links: links::LinksConfig,
    /// What only test networks have.
    pub lab: LabConfig,
    /// The core.
    pub params: Params,
}

/// On the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Where to listen; port 0 lets the system choose. Empty: only dial.
    pub listen: Vec<PeerAddr>,
    /// Where peers can dial this node, if they can.
    pub advertise: Option<PeerAddr>,
    /// Addresses worth trying first, and names that lead to some, besides those of the network file.
    pub bootstrap: Vec<Seed>,
    /// Whether to ask on this link who of the network is there, and to answer others who ask.
    pub mdns: bool,
    /// Whether to have peers find out whether this node can be dialled, and to do so for them.
    pub autonat: bool,
    /// Addresses to stay connected to; if there are any, no others are dialled.
    pub connect: Vec<PeerAddr>,
    /// The region that this node tells its peers it is in, where regions count for how items spread
    /// (`params.relay.local_fanout`, `params.relay.remote_fanout`); unset: the emulated one, if any.
    pub region: Option<Region>,
    /// The network file.
    pub network: PathBuf,
    /// A map of autonomous systems, in the form of Bitcoin Core's `-asmap` files: links then go to as many systems as possible, and not only to as
    /// many networks.
    pub asmap: Option<PathBuf>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        let any = SocketAddr::from(([0, 0, 0, 0], 4000));
        Self {
            listen: vec![PeerAddr::tcp(any)],
            advertise: None,
            bootstrap: Vec::new(),
            mdns: false,
            autonat: false,
            connect: Vec::new(),
            region: None,
            network: NETWORK_FILE.into(),
            asmap: None,
        }
    }
}

/// For its operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Socket of the admin API; only its owner can connect.
    pub socket: PathBuf,
    /// Where to offer the admin API over TCP too, to whoever has the token.
    pub tcp: Option<SocketAddr>,
    /// File with that token; made if missing.
    pub token_file: PathBuf,
    /// Names by which it is asked over TCP, besides `localhost` and addresses.
    pub hosts: Vec<String>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            socket: "admin.sock".into(),
            tcp: None,
            token_file: "admin.token".into(),
            hosts: Vec::new(),
        }
    }
}

/// For monitoring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Where Prometheus can fetch `/metrics`; unset: nowhere, and nothing is kept for it.
    pub listen: Option<SocketAddr>,
}

/// What outlives the process: see [`crate::store`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Whether to store anything. Without it an accepted item is lost if the node ends before it spreads.
    pub enabled: bool,
    /// The file.
    pub file: PathBuf,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { enabled: true, file: STORE_FILE.into() }
    }
}

/// The record of deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceConfig {
    /// Where to write it; unset: nowhere.
    pub file: Option<PathBuf>,
}

/// What only test networks have: misbehaviour, since somebody has to be what others must put up with, and
/// clocks that are slow or wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabConfig {
    /// Whether to announce items and never deliver any.
    pub withhold: bool,
    /// Whether the admin API may have it lose, double or hold up what it sends, and cut it off from peers. See
    /// [`crate::lab::trouble`].
    pub trouble: bool,
    /// How many times slower the node's clock runs from the moment that the admin API is told; unset: it
    /// refuses. See [`crate::lab::slow_motion`].
    pub slow_motion: Option<SlowMotion>,
    /// How far ahead of the system's clock the node believes it to be, seconds; less than 0 is behind.
    pub clock_ahead_s: i64,
}

impl Config {
    /// The region that the node is said to be in.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        self.node.region.or_else(|| self.links.place().map(|place| place.region))
    }

    /// All settings given some value, so that keys without a default are known too.
    fn example() -> Self {
        let mut config = Self::default();
        config.node.advertise = config.node.listen.first().copied();
        config.admin.tcp = Some(SocketAddr::from(([127, 0, 0, 1], 4001)));
        config.metrics.listen = Some(SocketAddr::from(([127, 0, 0, 1], 4002)));
        config.node.region = Some(Region::Europe);
        config.node.asmap = Some("ip_asn.map".into());
        config.members.name = Some("sentry-1".to_owned());
        config.members.advertise = Some(SocketAddr::from(([203, 0, 113, 7], 4010)));
        let relay = &mut config.params.relay;
        (relay.local_fanout, relay.remote_fanout) = (Some(8), Some(2));
        relay.adaptive.redundancy = Some(Redundancy::of_thousandths(300));
        relay.adaptive.compare_ms = Some(relay.adaptive.preset.compare_ms());
        config.params.record.steps = Some(STEPS_DEFAULT);
        config.trace.file = Some("trace.csv".into());
        config.capture.file = Some("node.capture".into());
        config.log.file = Some("tidings.log".into());
        (config.blocks.kept, config.blocks.max_bytes) = (Some(10_000), Some(10 << 30));
        config.lab.slow_motion = Some(SlowMotion::NONE);
        config
    }
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A layer has something in it that is no setting, or no value of one.
    #[error(transparent)]
    Layer(#[from] layers::LayerError),
    /// A parameter of the core is out of range.
    #[error("`params.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Param {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// A setting of the chain of blocks makes no sense.
    #[error("`blocks.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Blocks {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// A setting of the capture makes no sense.
    #[error("`capture.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Capture {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// A setting of emulated links makes no sense.
    #[error("`links.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Links {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// A setting of the fleet's map makes no sense.
    #[error("`kv.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Kv {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// A setting of the fleet's members makes no sense.
    #[error("`members.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Members {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// A number is one that no node can mean.
    #[error("`{}` in {} is {}, but must be {} at most", .0.key, .0.origin, .0.value, .0.most)]
    TooMuch(sense::TooMuch),
    /// A setting of the log makes no sense.
    #[error("`log.{}` in {origin} is {}, but must be {}", error.key, error.value, error.must)]
    Log {
        /// Which.
        error: ParamError,
        /// Where it came from.
        origin: Origin,
    },
    /// The log's file can't be written.
    #[error(
        "cannot write the log to {} (log.file): {source}; let this user write there, or name another file",
        path.display()
    )]
    LogFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `log.filter` can't be read.
    #[error(
        "`log.filter` is `{filter}`, which is no log filter ({problem}): write a level (error, warn, info, debug, \
         trace, off), or levels by module such as `info,tidings::shell=debug`"
    )]
    LogFilter {
        /// Its value.
        filter: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Settings with the origin of each.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The settings.
    pub config: Config,
    /// The same by dotted key, with origins.
    pub layered: Layered,
}

/// The settings of a running node with the origin of each, of which some may change. Clones are the same settings.
#[derive(Clone, Debug)]
pub struct Live(Arc<RwLock<Layered>>);

impl Live {
    /// Those of its start.
    #[must_use]
    pub fn new(layered: Layered) -> Self {
        Self(Arc::new(RwLock::new(layered)))
    }

    /// As they are now.
    pub fn read(&self) -> RwLockReadGuard<'_, Layered> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over some keys.
    pub fn adopt(&self, other: &Layered, keys: &[&str]) {
        let mut layered = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.iter().for_each(|key| layered.adopt(other, key));
    }
}

/// A setting on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The flag, for messages: `--listen`.
    pub name: String,
    /// Dotted key of the setting.
    pub key: String,
    /// Its value as text, read as whatever type the setting has.
    pub text: String,
}

/// The keys of [`Config`].
#[must_use]
pub fn schema() -> Schema {
    Schema::new(&Config::default(), &Config::example())
}

/// Resolves the settings: defaults, then the file (if it exists), then `variables` of the environment,
/// then `flags`.
///
/// # Errors
/// The first thing that is no setting, or no valid value of one.
pub fn resolve(
    file: &Path,
    variables: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Resolved, ConfigError> {
    let schema = schema();
    let mut entries = layers::read_file(file)?.unwrap_or_default();
    entries.extend(env::entries(&schema, variables)?);
    settle(&schema, entries, flags)
}

/// The parameters of a core with some of them set otherwise, by flags whose keys begin with `params`.
///
/// # Errors
/// The first thing that is no setting, or no valid value of one.
pub fn params_with(params: &Params, flags: &[Flag]) -> Result<Params, ConfigError> {
    let config = Config { params: params.clone(), ..Config::default() };
    let text = toml::to_string(&config).map_err(|error| layers::LayerError::BadValue {
        key: "params".to_owned(),
        origin: Origin::Default,
        problem: error.to_string(),
    })?;
    let entries = layers::parse_file(Path::new("the capture"), &text)?;
    settle(&schema(), entries, flags).map(|resolved| resolved.config.params)
}

fn settle(
    schema: &Schema,
    mut entries: Vec<Entry>,
    flags: &[Flag],
) -> Result<Resolved, ConfigError> {
    for Flag { name, key, text } in flags {
        entries.push(Entry::from_text(schema, key, text, Origin::Flag(name.clone()))?);
    }
    let layered = Layered::resolve::<Config>(schema, entries)?;
    sense::check(schema, &layered).map_err(ConfigError::TooMuch)?;
    let config: Config = layered.value()?;
    config.params.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("params.{}", error.key));
        ConfigError::Param { error, origin }
    })?;
    config.blocks.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("blocks.{}", error.key));
        ConfigError::Blocks { error, origin }
    })?;
    config.capture.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("capture.{}", error.key));
        ConfigError::Capture { error, origin }
    })?;
    config.links.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("links.{}", error.key));
        ConfigError::Links { error, origin }
    })?;
    config.kv.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("kv.{}", error.key));
        ConfigError::Kv { error, origin }
    })?;
    config.log.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("log.{}", error.key));
        ConfigError::Log { error, origin }
    })?;
    config.members.validate().map_err(|error| {
        let origin = layered.origin_under(&format!("members.{}", error.key));
        ConfigError::Members { error, origin }
    })?;
    Ok(Resolved { config, layered })
}

#[cfg(test)]
mod tests;
