//! How a capture begins: all that the core was made of, besides its inputs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::peer::{PeerAddr, PeerKey};
use tidings_protocol::member::{Fleet, Membership};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::Params;
use tidings_protocol::peers::book::asmap::Program;
use tidings_protocol::peers::book::groups::Groups;
use tidings_protocol::replica::ReplicaId;
use tidings_protocol::replica::clock::ClockKind;
use tidings_protocol::replica::settings::{Model, Settings, Spread};

use crate::files::network::Network;

/// All that a core was made of. No key is in it, and nothing that a key can be made of; what is, and what whoever reads it can do
/// with it, is told in `node/CAPTURE.md`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Version of the software that captured.
    pub software: String,
    /// What the node's clock showed at the beginning of its time, microseconds of Unix time.
    pub began_unix_us: u64,
    /// Its identity on the network.
    pub peer_id: String,
    /// The same as the core knows it.
    pub key: u64,
    /// Where it says that it can be dialled.
    pub advertise: Option<PeerAddr>,
    /// Addresses that it stays connected to.
    pub fixed: Vec<PeerAddr>,
    /// The region that it says it is in.
    pub region: Option<u8>,
    /// Salt of its maps.
    pub salt: u64,
    /// Its place in a fleet, if it has one.
    pub member: Option<Place>,
    /// Where its random numbers come from.
    pub random: Random,
    /// Its parameters, as TOML, in which every number reads back as it was.
    pub params: String,
    /// Name and rules of the network, as its file has them; empty where a program has rules of its own.
    pub network: String,
    /// The map of autonomous systems, in base 64.
    pub asmap: Option<String>,
    /// What the numbers of actions mean.
    pub actions: BTreeMap<u8, String>,
}

/// A state of `ChaCha` with 8 rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Random {
    /// 32 bytes, as hexadecimal.
    pub seed: String,
    /// Number of the stream.
    pub stream: u64,
    /// How many words were taken of it.
    pub word: String,
}

/// A place in a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented where they come from: `Membership` and `Settings`")]
pub struct Place {
    pub id: u64,
    /// `None`: anybody.
    pub fleet: Option<Vec<u64>>,
    /// The number of the model.
    pub model: u8,
    pub salt: u64,
    pub pushes: bool,
    pub pulls: bool,
    pub round: Duration,
    pub fanout: usize,
    pub compare: Duration,
    pub pace: Duration,
    pub batch_bytes: usize,
    pub ahead_ms: u64,
    pub grace_ms: u64,
    pub keys_max: usize,
    pub bytes_max: usize,
    pub lost_max: usize,
}

/// A beginning of which no core can be made.
#[derive(Debug, thiserror::Error)]
#[error("the capture's beginning can't be used: {0}")]
pub struct BadHead(String);

fn bad(problem: impl std::fmt::Display) -> BadHead {
    BadHead(problem.to_string())
}

impl Random {
    /// Where a source of random numbers stands.
    #[must_use]
    pub fn of(rng: &ChaCha8Rng) -> Self {
        Self {
            seed: HEXLOWER.encode(&rng.get_seed()),
            stream: rng.get_stream(),
            word: rng.get_word_pos().to_string(),
        }
    }

    /// The same source, at the same place.
    ///
    /// # Errors
    /// When it is none.
    pub fn rng(&self) -> Result<ChaCha8Rng, BadHead> {
        let seed = HEXLOWER.decode(self.seed.as_bytes()).map_err(bad)?;
        let seed: [u8; 32] = seed.try_into().map_err(|_| bad("a seed has 32 bytes"))?;
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(self.stream);
        rng.set_word_pos(self.word.parse().map_err(bad)?);
        Ok(rng)
    }
}

const MODELS: [Model; 4] = [
    Model::LastWriter(ClockKind::Hybrid),
    Model::LastWriter(ClockKind::Wall),
    Model::Versions,
    Model::Convergent,
];

impl Place {
    fn of(Membership { id, fleet, settings }: &Membership) -> Self {
        let fleet = match fleet {
            Fleet::Anybody => None,
            Fleet::Peers(peers) => Some(peers.iter().map(|peer| peer.0).collect()),
        };
        Self {
            id: id.0,
            fleet,
            model: settings.model.number(),
            salt: settings.salt,
            pushes: settings.spread.pushes(),
            pulls: settings.spread.pulls(),
            round: settings.round,
            fanout: settings.fanout,
            compare: settings.compare,
            pace: settings.pace,
            batch_bytes: settings.batch_bytes,
            ahead_ms: settings.ahead_ms,
            grace_ms: settings.grace_ms,
            keys_max: settings.keys_max,
            bytes_max: settings.bytes_max,
            lost_max: settings.lost_max,
        }
    }

    fn membership(&self) -> Result<Membership, BadHead> {
        let model = MODELS.into_iter().find(|model| model.number() == self.model);
        let model = model.ok_or_else(|| bad("a map of a model that this version doesn't have"))?;
        let fleet = match &self.fleet {
            None => Fleet::Anybody,
            Some(peers) => Fleet::of(peers.iter().copied().map(PeerKey)),
        };
        let spread = match (self.pushes, self.pulls) {
            (true, false) => Spread::Push,
            (false, _) => Spread::Pull,
            (true, true) => Spread::PushPull,
        };
        let settings = Settings {
            model,
            salt: self.salt,
            spread,
            round: self.round,
            fanout: self.fanout,
            compare: self.compare,
            pace: self.pace,
            batch_bytes: self.batch_bytes,
            ahead_ms: self.ahead_ms,
            grace_ms: self.grace_ms,
            keys_max: self.keys_max,
            bytes_max: self.bytes_max,
            lost_max: self.lost_max,
        };
        Ok(Membership { id: ReplicaId(self.id), fleet, settings })
    }
}

/// What a core is made of, beside what [`Identity`] has.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Who it is.
    pub identity: &'a Identity,
    /// The same on the network.
    pub peer_id: &'a str,
    /// Its parameters.
    pub params: &'a Params,
    /// The network's name and rules, as [`Head::network`] has them.
    pub network: &'a str,
    /// Its map of autonomous systems.
    pub asmap: Option<&'a Program>,
    /// Where its random numbers come from, as it stands before the first input.
    pub rng: &'a ChaCha8Rng,
    /// What the node's clock showed at the beginning of its time, microseconds of Unix time.
    pub began_unix_us: u64,
}

impl Head {
    /// The beginning of a core's capture.
    ///
    /// # Errors
    /// When the parameters have no form in TOML: numbers beyond 2^63.
    pub fn of(origin: &Origin<'_>) -> Result<Self, BadHead> {
        let Identity { key, advertise, fixed, region, member, salt } = origin.identity;
        Ok(Self {
            software: env!("CARGO_PKG_VERSION").to_owned(),
            began_unix_us: origin.began_unix_us,
            peer_id: origin.peer_id.to_owned(),
            key: key.0,
            advertise: *advertise,
            fixed: fixed.clone(),
            region: *region,
            salt: *salt,
            member: member.as_deref().map(Place::of),
            random: Random::of(origin.rng),
            params: toml::to_string(origin.params).map_err(bad)?,
            network: origin.network.to_owned(),
            asmap: origin.asmap.map(|map| BASE64.encode(map.bytes())),
            actions: super::actions::names(),
        })
    }

    /// The core as it was before its first input.
    ///
    /// # Errors
    /// When something of it can't be read by this version.
    pub fn node(&self, params: &Params) -> Result<Node, BadHead> {
        let member = self.member.as_ref().map(Place::membership).transpose()?;
        let identity = Identity {
            key: PeerKey(self.key),
            advertise: self.advertise,
            fixed: self.fixed.clone(),
            region: self.region,
            member: member.map(Box::new),
            salt: self.salt,
        };
        let mut node = Node::new(identity, params);
        if let Some(map) = &self.asmap {
            let bytes = BASE64.decode(map.as_bytes()).map_err(bad)?;
            let map = Program::new(bytes).ok_or_else(|| bad("an empty map of systems"))?;
            node.set_groups(Groups::by_system(Arc::new(map)));
        }
        Ok(node)
    }

    /// The parameters.
    ///
    /// # Errors
    /// When this version has others.
    pub fn params(&self) -> Result<Params, BadHead> {
        let params: Params = toml::from_str(&self.params).map_err(bad)?;
        params.validate().map_err(bad)?;
        Ok(params)
    }

    /// The rules.
    ///
    /// # Errors
    /// When they aren't among those of this build.
    pub fn chain(&self) -> Result<Arc<dyn Chain>, BadHead> {
        if self.network.is_empty() {
            return Err(bad(
                "it was made by a program with rules of its own, which alone can replay it",
            ));
        }
        let network: Network = toml::from_str(&self.network).map_err(bad)?;
        Ok(network.chain())
    }

    /// What an action was, by its number.
    #[must_use]
    pub fn action(&self, number: u8) -> &str {
        self.actions.get(&number).map_or("an unknown action", String::as_str)
    }
}

/// What of a network decides how its nodes act: not where it is found.
#[must_use]
pub fn rules_of(network: &Network) -> String {
    Network { bootstrap: Vec::new(), ..network.clone() }.to_toml()
}
