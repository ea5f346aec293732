//! Which network a probe joins, and whom it dials.
//!
//! A network is known by its file and some addresses; or by the folder of a run that `tidings-testnet` makes at this moment,
//! in which both appear once the nodes are started.
//!
//! Whom it dials is drawn: all addresses in a random order, and again in another when all had their turn, so that no node is asked
//! twice before all others were once. The first places go to those whose addresses hash lowest, in each round the same: several
//! probes that know the same addresses share these peers, by which their clocks are compared.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom as _;
use tidings::config::links::{LinkModelName, LinksConfig};
use tidings::files::network::Network;
use tidings::lab::slow_motion::SlowMotion;
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::{Instant, sleep};

/// How often a folder is looked at. A guess.
const POLL: Duration = Duration::from_millis(200);

/// Most addresses that are kept; further ones aren't. A guess: far more nodes than any network of ours has.
pub const ADDRESSES_MAX: usize = 100_000;

/// A network that can be joined.
#[derive(Clone, Debug)]
pub struct Joinable {
    /// The network.
    pub network: Network,
    /// Where nodes of it are.
    pub addresses: Vec<PeerAddr>,
    /// Where its nodes are in an emulated world, in the order of their numbers; empty if they aren't in one.
    pub positions: Vec<LinksConfig>,
    /// How many times slower its clocks are going to run.
    pub slow_motion: Option<SlowMotion>,
}

/// Name of the file in which a launch says from when on its clocks are slow.
pub const SLOW_MOTION: &str = "slow_motion.toml";

/// What stands in it: microseconds of Unix time.
#[must_use]
pub fn slow_motion_text(from_unix_us: u64) -> String {
    format!("from_unix_us = {from_unix_us}\n")
}

/// From when on a launch's clocks are slow, microseconds of Unix time, if it says so by now.
#[must_use]
pub fn slow_from(dir: &Path) -> Option<u64> {
    let text = fs::read_to_string(dir.join(SLOW_MOTION)).ok()?;
    let table: toml::Table = text.parse().ok()?;
    u64::try_from(table.get("from_unix_us")?.as_integer()?).ok()
}

/// Waits until the folder of a run that is being made has a network in it whose nodes are all started.
///
/// # Errors
/// A sentence, when that takes too long or what is there can't be read.
pub async fn for_run(dir: &Path, patience: Duration) -> Result<Joinable, String> {
    let deadline = Instant::now() + patience;
    loop {
        let missing = match look(dir)? {
            Ok(joinable) => return Ok(joinable),
            Err(missing) => missing,
        };
        if Instant::now() > deadline {
            return Err(format!(
                "{}: {missing} after {} s; is `tidings-testnet launch --out` making a run there?",
                dir.display(),
                patience.as_secs()
            ));
        }
        sleep(POLL).await;
    }
}

/// What a run's folder has by now; or what is missing.
fn look(dir: &Path) -> Result<Result<Joinable, String>, String> {
    let file = dir.join("network.toml");
    let manifest = dir.join(crate::run::MANIFEST);
    if !file.exists() || !manifest.exists() {
        return Ok(Err("there is no network".to_owned()));
    }
    let Ok(Ok(manifest)) = fs::read_to_string(&manifest).map(|text| text.parse::<toml::Table>())
    else {
        return Ok(Err("its manifest isn't written".to_owned()));
    };
    let nodes = manifest.get("network").and_then(|network| network.get("nodes"));
    let nodes = nodes.and_then(toml::Value::as_integer).unwrap_or(1);
    let nodes = usize::try_from(nodes).unwrap_or(1);
    let configs: Vec<toml::Table> =
        node_folders(dir).iter().filter_map(|node| config(node)).collect();
    let addresses: Vec<PeerAddr> = configs.iter().filter_map(address).collect();
    if addresses.len() < nodes {
        return Ok(Err(format!("only {} of {nodes} nodes are started", addresses.len())));
    }
    let network = Network::load(&file).map_err(|error| error.to_string())?;
    let links = |config: &toml::Table| -> Result<Option<LinksConfig>, String> {
        let links = config.get("links").cloned().map(toml::Value::try_into).transpose();
        let links: Option<LinksConfig> =
            links.map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(links.filter(|links| links.model != LinkModelName::None))
    };
    let positions: Vec<Option<LinksConfig>> =
        configs.iter().map(links).collect::<Result<_, _>>()?;
    let positions = positions.into_iter().flatten().collect();
    let slow_motion = manifest.get("slow_motion").and_then(toml::Value::as_integer);
    let slow_motion = slow_motion.and_then(|times| u32::try_from(times).ok()?.try_into().ok());
    let slow_motion = slow_motion.filter(|times| *times != SlowMotion::NONE);
    Ok(Ok(Joinable { network, addresses, positions, slow_motion }))
}

/// The folders of a run's nodes that are started, or about to be.
#[must_use]
pub fn node_folders(dir: &Path) -> Vec<PathBuf> {
    let nodes = fs::read_dir(dir.join("nodes")).into_iter().flatten().flatten();
    let mut nodes: Vec<PathBuf> =
        nodes.map(|node| node.path()).filter(|node| node.join("config.toml").exists()).collect();
    nodes.sort_unstable();
    nodes
}

fn config(node: &Path) -> Option<toml::Table> {
    fs::read_to_string(node.join("config.toml")).ok()?.parse().ok()
}

fn address(config: &toml::Table) -> Option<PeerAddr> {
    config.get("node")?.get("listen")?.get(0)?.as_str()?.parse().ok()
}

/// Whom to dial next.
#[derive(Debug)]
pub struct Deck {
    network: String,
    all: Vec<PeerAddr>,
    left: VecDeque<PeerAddr>,
    shared: usize,
}

impl Deck {
    /// Of these addresses, with so many places for peers that other probes have too.
    #[must_use]
    pub fn new(network: &str, addresses: &[PeerAddr], shared: usize) -> Self {
        let mut deck =
            Self { network: network.to_owned(), all: Vec::new(), left: VecDeque::new(), shared };
        addresses.iter().for_each(|addr| deck.learn(*addr));
        deck
    }

    /// How many addresses are known.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// An address is told. It has its turn once the present order is through.
    pub fn learn(&mut self, addr: PeerAddr) {
        if self.all.len() < ADDRESSES_MAX
            && addr.is_dialable()
            && let Err(place) = self.all.binary_search(&addr)
        {
            self.all.insert(place, addr);
        }
    }

    /// Whom a place dials next, who isn't in `use_` by another; `None` if there is nobody. Of the first places, the same ones as long as
    /// they aren't in use: `again` says that the last dial there failed, and somebody else is wanted.
    pub fn draw(
        &mut self,
        place: usize,
        again: bool,
        in_use: &[PeerAddr],
        rng: &mut impl Rng,
    ) -> Option<PeerAddr> {
        if place < self.shared && !again {
            let lowest = self.lowest(self.shared);
            let free = lowest.into_iter().find(|addr| !in_use.contains(addr));
            if free.is_some() {
                return free;
            }
        }
        for _ in 0..2 {
            let fit = |addr: &PeerAddr| !in_use.contains(addr);
            if let Some(at) = self.left.iter().position(fit) {
                return self.left.remove(at);
            }
            let mut order = self.all.clone();
            order.shuffle(rng);
            self.left = order.into();
        }
        None
    }

    /// The addresses that hash lowest together with the network's name.
    fn lowest(&self, count: usize) -> Vec<PeerAddr> {
        let hash = |addr: &PeerAddr| Hash256::of(format!("{}/{addr}", self.network).as_bytes()).0;
        let mut hashed: Vec<_> = self.all.iter().map(|addr| (hash(addr), *addr)).collect();
        hashed.sort_unstable();
        hashed.into_iter().take(count).map(|(_, addr)| addr).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn addresses(count: u16) -> Vec<PeerAddr> {
        (0..count).map(|number| format!("127.0.0.1:{}", 4_000 + number).parse().unwrap()).collect()
    }

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    #[test]
    fn nobody_is_drawn_twice_before_all_were_once() {
        let all = addresses(20);
        let (mut deck, mut rng) = (Deck::new("net", &all, 0), rng(1));
        for _ in 0..3 {
            let mut drawn: Vec<_> =
                (0..20).map(|place| deck.draw(place, false, &[], &mut rng).unwrap()).collect();
            drawn.sort_unstable();
            assert_eq!(drawn, all);
        }
    }

    #[test]
    fn who_is_in_use_is_not_drawn_and_then_there_may_be_nobody() {
        let all = addresses(3);
        let (mut deck, mut rng) = (Deck::new("net", &all, 1), rng(1));
        assert_eq!(deck.draw(2, false, &all[..2], &mut rng), Some(all[2]));
        assert_eq!(deck.draw(0, false, &all, &mut rng), None);
        assert_eq!(Deck::new("net", &[], 1).draw(0, false, &[], &mut rng), None);
    }

    #[test]
    fn probes_share_the_peers_of_their_first_places_whatever_they_draw() {
        let all = addresses(50);
        let first = |seed| {
            let (mut deck, mut rng) = (Deck::new("net", &all, 2), rng(seed));
            let mut used = Vec::new();
            for place in 0..4 {
                used.push(deck.draw(place, false, &used, &mut rng).unwrap());
            }
            used
        };
        let (one, other) = (first(1), first(2));
        assert_eq!(one[..2], other[..2]);
        assert_ne!(one[2..], other[2..]);
        let (mut deck, mut rng) = (Deck::new("net", &all, 2), rng(1));
        assert_ne!(deck.draw(0, true, &[], &mut rng), Some(one[0]), "it didn't answer");
    }

    #[tokio::test]
    async fn a_folder_in_which_nothing_starts_is_told_after_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let error = for_run(dir.path(), Duration::ZERO).await.unwrap_err();
        assert!(error.contains("there is no network after 0 s"), "{error}");
    }

    #[tokio::test]
    async fn a_run_is_joined_once_all_its_nodes_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let network = Network::for_tests(tidings_protocol::chain::Rules::Opaque);
        fs::write(dir.path().join("network.toml"), network.to_toml()).unwrap();
        let manifest = "slow_motion = 5\n[network]\nnodes = 2\n";
        fs::write(dir.path().join("manifest.toml"), manifest).unwrap();
        for (node, listen) in [("n0", "127.0.0.1:4000"), ("n1", "127.0.0.1:4001")] {
            let error = for_run(dir.path(), Duration::ZERO).await.unwrap_err();
            assert!(error.contains("of 2 nodes are started"), "{error}");
            let folder = dir.path().join("nodes").join(node);
            fs::create_dir_all(&folder).unwrap();
            let config = format!("[node]\nlisten = [\"{listen}\"]\n[links]\nmodel = \"regions\"\n");
            fs::write(folder.join("config.toml"), config).unwrap();
        }
        let joinable = for_run(dir.path(), Duration::ZERO).await.unwrap();
        assert_eq!(joinable.addresses, addresses(2));
        assert_eq!(joinable.positions.len(), 2);
        assert!(joinable.network == network);
        assert_eq!(joinable.slow_motion.map(SlowMotion::times), Some(5));
        assert_eq!(slow_from(dir.path()), None);
        fs::write(dir.path().join(SLOW_MOTION), slow_motion_text(77)).unwrap();
        assert_eq!(slow_from(dir.path()), Some(77));
        let config = dir.path().join("nodes/n1/config.toml");
        fs::write(config, "[node]\nlisten = [\"127.0.0.1:4001\"]\n[links]\nmodel = \"lines\"\n")
            .unwrap();
        let error = for_run(dir.path(), Duration::ZERO).await.unwrap_err();
        assert!(error.contains("unknown variant `lines`"), "{error}");
    }
}
