//! Everything of a run that the seed decides, drawn before anything is started.

use std::net::{Ipv4Addr, SocketAddr};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tidings::config::members::MembersPreset;
use tidings::files::network::Network;
use tidings_protocol::chain::{self, Limits};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use tidings_protocol::ground::peer::PeerAddr;
use tidings_sim::overlay::shapes::{self, Edge};
use tidings_sim::overlay::{self, Shape};
use tidings_sim::random::shared::{self, Stream, stream};

use super::items::{self, Planned, WorkloadError};
use super::ports::{self, Port, PortsError, Protocols};
use super::positions::{Drawn, Positions};
use super::settings::Settings;
use crate::manifest::Manifest;

/// How many others a member asks who is there. A guess: one would do, since the first is there before all others.
const JOINED: usize = 3;

/// Work that blocks prove where nodes make them, leading zero bits: some hundred microseconds, so that making one takes no part in
/// what is measured.
const MINING_BITS: u8 = 8;

/// The plan of a run.
#[derive(Debug)]
pub struct Plan {
    /// The network file that all nodes share.
    pub network: Network,
    /// The nodes.
    pub nodes: Vec<NodePlan>,
    /// Links that each node must have; `None` if the overlay forms by itself.
    pub degrees: Option<Vec<usize>>,
    /// What is submitted, in order.
    pub items: Vec<Planned>,
    /// Nodes that will be killed.
    pub victims: Vec<usize>,
    /// Nodes that start after the load.
    pub joiners: Vec<NodePlan>,
}

/// What one node is to be.
#[derive(Debug)]
pub struct NodePlan {
    /// Its number.
    pub index: usize,
    /// The address of this machine that it has.
    pub ip: Ipv4Addr,
    /// The port it gets, held until it starts.
    pub port: Port,
    /// Addresses that it is told at first.
    pub bootstrap: Vec<PeerAddr>,
    /// Addresses that it stays connected to.
    pub connect: Vec<PeerAddr>,
    /// Where it is among the others, if links are emulated.
    pub at: Drawn,
    /// Seed of its identity.
    pub identity: [u8; 32],
    /// Seed of its account.
    pub account: [u8; 32],
    /// Whether others can dial it: then it tells its address.
    pub is_reachable: bool,
    /// Whether it announces items and never delivers any.
    pub withholds: bool,
    /// What it is as a member of the fleet, if the nodes are members.
    pub member: Option<MemberPlan>,
}

/// What a node is to be as a member of the fleet.
#[derive(Debug)]
pub struct MemberPlan {
    /// The port for datagrams and streams of members, held until the node starts.
    pub port: Port,
    /// Whom it asks who is there: the first nodes that start before it.
    pub join: Vec<SocketAddr>,
    /// How soon it finds others dead.
    pub preset: MembersPreset,
}

impl NodePlan {
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> PeerAddr {
        let ip = std::net::IpAddr::V4(self.ip);
        PeerAddr::tcp(SocketAddr::new(ip, self.port.number()))
    }

    /// Its name in messages and folders: `n0012`.
    #[must_use]
    pub fn name(&self) -> String {
        name(self.index)
    }
}

impl MemberPlan {
    /// Where it listens for members.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        address(&self.port).socket()
    }
}

/// Gives nodes addresses by their numbers, at which all know each other then. They stay those of this machine.
pub fn place_at(nodes: &mut [NodePlan], ip: impl Fn(usize) -> Ipv4Addr) {
    let moved: Vec<(PeerAddr, PeerAddr)> = nodes
        .iter_mut()
        .map(|node| {
            let before = node.addr();
            node.ip = ip(node.index);
            (before, node.addr())
        })
        .collect();
    for node in nodes {
        for contact in node.bootstrap.iter_mut().chain(&mut node.connect) {
            let found = moved.iter().find(|(before, _)| before == contact);
            *contact = found.map_or(*contact, |(_, after)| *after);
        }
    }
}

/// The name of a node in messages and folders.
#[must_use]
pub fn name(index: usize) -> String {
    format!("n{index:04}")
}

/// A plan that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Too few free ports.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// An overlay that can't exist.
    #[error("{0}")]
    Overlay(String),
    /// A workload that can't be built.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}

/// Draws a plan. Only the ports depend on the machine.
///
/// # Errors
/// When there are too few ports, or a setting turns out to be impossible.
pub fn draw(settings: &Settings) -> Result<Plan, PlanError> {
    let manifest = &settings.manifest;
    let (seed, count) = (manifest.seed, manifest.network.nodes);
    let genesis = genesis(seed);
    let items = items::build(manifest, genesis)?;
    let Contacts { bootstrap, connect, degrees } =
        contacts(manifest).map_err(PlanError::Overlay)?;
    let late = manifest.mining.map_or(0, |mining| mining.late_joiners);
    let mut ports = ports::hold(count + late, Protocols::Tcp)?;
    let late_ports = ports.split_off(count);
    let mut members = members(manifest.members, count)?.into_iter();
    let addresses: Vec<PeerAddr> = ports.iter().map(address).collect();
    let addresses_of = |nodes: &[usize]| nodes.iter().map(|node| addresses[*node]).collect();
    let mut identities = stream(seed, Stream::Identities);
    let mut positions = Positions::new(settings, count + late);
    let withholders =
        shared::sample(count, settings.withhold, &mut stream(seed, Stream::Withholders));
    let nodes = ports
        .into_iter()
        .enumerate()
        .map(|(index, port)| NodePlan {
            index,
            ip: Ipv4Addr::LOCALHOST,
            port,
            bootstrap: addresses_of(&bootstrap[index]),
            connect: addresses_of(&connect[index]),
            at: positions.draw(),
            identity: identities.random(),
            account: identities.random(),
            is_reachable: index < manifest.network.reachable(),
            withholds: withholders.contains(&index),
            member: members.next(),
        })
        .collect();
    let places = late_ports.iter().map(|_| positions.draw()).collect();
    let joiners = joiners(late_ports, places, &addresses, manifest, &mut identities);
    let kill = settings.kill.map_or(0, |kill| kill.nodes);
    let victims = shared::sample(count, kill, &mut stream(seed, Stream::Faults));
    let network = network(manifest, genesis, &items);
    Ok(Plan { network, nodes, degrees, items, victims, joiners })
}

/// Nodes that start after the others, and know some of them.
fn joiners(
    ports: Vec<Port>,
    places: Vec<Drawn>,
    addresses: &[PeerAddr],
    manifest: &Manifest,
    identities: &mut ChaCha8Rng,
) -> Vec<NodePlan> {
    let known = manifest.network.bootstrap.max(1);
    let mut whom = stream(manifest.seed, Stream::Samples);
    let plan = |(index, (port, at))| NodePlan {
        index,
        ip: Ipv4Addr::LOCALHOST,
        port,
        bootstrap: shared::sample(addresses.len(), known, &mut whom)
            .into_iter()
            .map(|node| addresses[node])
            .collect(),
        connect: Vec::new(),
        at,
        identity: identities.random(),
        account: identities.random(),
        is_reachable: true,
        withholds: false,
        member: None,
    };
    (addresses.len()..).zip(ports.into_iter().zip(places)).map(plan).collect()
}

/// What all nodes are as members, if they are.
fn members(preset: Option<MembersPreset>, nodes: usize) -> Result<Vec<MemberPlan>, PortsError> {
    let Some(preset) = preset else { return Ok(Vec::new()) };
    let ports = ports::hold(nodes, Protocols::TcpAndUdp)?;
    let first: Vec<_> = ports.iter().take(JOINED).map(|port| address(port).socket()).collect();
    let plan = |(index, port)| {
        let join = first.iter().copied().take(index).collect();
        MemberPlan { port, join, preset }
    };
    Ok(ports.into_iter().enumerate().map(plan).collect())
}

/// Whom each node knows at first or stays connected to.
struct Contacts {
    bootstrap: Vec<Vec<usize>>,
    connect: Vec<Vec<usize>>,
    degrees: Option<Vec<usize>>,
}

fn contacts(manifest: &Manifest) -> Result<Contacts, String> {
    let nodes = manifest.network.nodes;
    let mut rng = stream(manifest.seed, Stream::Topology);
    let nobody = vec![Vec::new(); nodes];
    if manifest.network.topology == Shape::Gossip {
        let mut bootstrap = shapes::bootstrap(nodes, manifest.network.bootstrap, &mut rng);
        let reachable = manifest.network.reachable();
        for (node, known) in bootstrap.iter_mut().enumerate() {
            // Nobody is told of one that can't be dialled; of itself a node is told in vain.
            known.iter_mut().for_each(|other| *other %= reachable);
            known.retain(|other| *other != node);
        }
        return Ok(Contacts { bootstrap, connect: nobody, degrees: None });
    }
    let edges = overlay::edges(&manifest.overlay(), &mut rng)?;
    let edges: Vec<Edge> = edges.into_iter().map(|(a, b)| (a as usize, b as usize)).collect();
    let degrees = Some(shapes::degrees(nodes, &edges));
    Ok(Contacts { bootstrap: nobody, connect: dialled_by(nodes, &edges), degrees })
}

/// How many links each node has; `None` if the overlay forms by itself.
///
/// # Errors
/// When the overlay can't exist.
pub fn degrees(manifest: &Manifest) -> Result<Option<Vec<usize>>, String> {
    contacts(manifest).map(|contacts| contacts.degrees)
}

fn dialled_by(nodes: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut dialled = vec![Vec::new(); nodes];
    for (dialler, other) in edges {
        dialled[*dialler].push(*other);
    }
    dialled
}

const fn address(port: &Port) -> PeerAddr {
    let ip = std::net::IpAddr::V4(Ipv4Addr::LOCALHOST);
    PeerAddr::tcp(SocketAddr::new(ip, port.number()))
}

/// The network's first block, of which only the id matters.
fn genesis(seed: u64) -> Hash256 {
    Hash256::of(format!("tidings-testnet {seed}").as_bytes())
}

/// The network file. The launcher's process id is part of the name, so that nodes of networks on one
/// machine never mistake each other, whatever ports they inherit.
fn network(manifest: &Manifest, genesis: Hash256, items: &[Planned]) -> Network {
    let largest = |kind: ItemKind| {
        items.iter().filter(|item| item.id.kind() == kind).map(|item| item.bytes.len()).max()
    };
    let Limits { max_tx_bytes, max_block_bytes } = Limits::default();
    let mut settings = chain::Settings::for_tests();
    settings.tidings.genesis = genesis;
    if manifest.mining.is_some() {
        settings.tidings.difficulty_bits = MINING_BITS;
    }
    Network {
        name: format!("testnet-{}-{}", manifest.seed, std::process::id()),
        limits: Limits {
            max_tx_bytes: max_tx_bytes.max(largest(ItemKind::Tx).unwrap_or(0)),
            max_block_bytes: max_block_bytes.max(largest(ItemKind::Block).unwrap_or(0)),
        },
        settings,
        ..Network::for_tests(manifest.network.rules)
    }
}
