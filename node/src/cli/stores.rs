//! What the settings of a data folder say of its store and of its blocks: the same for a node that runs and for whoever reads them
//! without one.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain;

use crate::blocks::{BlocksConfig, SEGMENT_BYTES};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::files::datadir::DataDir;
use crate::files::network::{Meaning, Network};
use crate::store::StoreConfig;

/// The store, and the blocks; neither if nothing is to be kept, and no blocks under rules without a chain of them.
#[derive(Debug)]
pub(super) struct Stores {
    pub(super) store: Option<StoreConfig>,
    pub(super) blocks: Option<BlocksConfig>,
}

/// What is kept in a data folder, of a network whose rules are `chain`.
pub(super) fn of(
    dir: &DataDir,
    config: &Config,
    network: &Network,
    chain: &Arc<dyn Chain>,
    clock: SystemClock,
) -> Stores {
    let store = config.store.enabled.then(|| StoreConfig {
        path: dir.join(&config.store.file),
        network: network.name.clone(),
        rules: Meaning::of(network),
        chain: Arc::clone(chain),
        expiry: Duration::from_secs(config.params.memory.pool_expiry_s),
        orphan_expiry: config.params.orphans.expiry(),
        clock,
        map: config.kv.resolve(&network.name).is_some(),
    });
    let root = chain.root().filter(|_| config.store.enabled);
    let blocks = root.map(|root| BlocksConfig {
        folder: dir.join(&config.blocks.folder),
        network: network.name.clone(),
        rules: Meaning::of(network),
        chain: Arc::clone(chain),
        root,
        kept: config.blocks.kept,
        max_bytes: config.blocks.max_bytes,
        segment_bytes: SEGMENT_BYTES,
    });
    Stores { store, blocks }
}
