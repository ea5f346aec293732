//! A node's data folder: its keys and its configuration, and where it leaves trace, log and socket.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_zebra::{SigningKey, VerificationKeyBytes};
use tidings::config::Config;
use tidings::config::links::{LinkModelName, LinksConfig};
use tidings::config::members::MembersConfig;
use tidings::files::datadir::{ACCOUNT, CONFIG, IDENTITY};
use tidings::files::identity::account_text;
use tidings::lab::slow_motion::SlowMotion;
use tidings_links::{Place, Position};
use tidings_protocol::params::Params;

use crate::launch::plan::NodePlan;

/// File of the trace within a node's folder.
pub const TRACE: &str = "trace.csv";

/// File of the log within a node's folder.
pub const LOG: &str = "node.log";

/// What the files of a capture within a node's folder begin with.
pub const CAPTURE: &str = "node.capture";

/// The admin socket within a node's folder.
pub(super) const SOCKET: &str = "admin.sock";

/// Longest path of a unix socket, bytes (unix(7), `sun_path` without its end).
const SOCKET_PATH_MAX: usize = 107;

/// What nodes have in common.
#[derive(Clone, Debug)]
pub struct Common {
    /// The folder of node folders, absolute.
    pub folder: PathBuf,
    /// The network file, absolute.
    pub network: PathBuf,
    /// Parameters of the core.
    pub params: Params,
    /// How many times slower nodes' clocks are to run once they are told.
    pub slow_motion: Option<SlowMotion>,
    /// Whether nodes keep what they have on the disk.
    pub keeps: bool,
    /// Whether they capture what their cores are handed.
    pub captures: bool,
    /// Whether they may be told to let things go wrong.
    pub trouble: bool,
    /// The program to start as a node, instead of this one.
    pub node_binary: Option<PathBuf>,
    /// What it is told besides its folder.
    pub node_arguments: &'static [&'static str],
}

/// Refuses a folder so deep that the nodes' sockets couldn't be made there.
///
/// # Errors
/// When the path is too long.
pub fn check_socket_path(nodes_folder: &Path) -> Result<(), String> {
    let socket = nodes_folder.join("n0000").join(SOCKET);
    let length = socket.as_os_str().len();
    if length <= SOCKET_PATH_MAX {
        return Ok(());
    }
    Err(format!(
        "the path {} has {length} bytes, but that of a unix socket has at most {SOCKET_PATH_MAX}: \
         choose a shorter --out",
        socket.display()
    ))
}

/// Writes all that a node finds when it starts.
///
/// # Errors
/// What the system says.
pub(super) fn write(folder: &Path, plan: &NodePlan, common: &Common) -> io::Result<()> {
    // Whatever the process's umask: nodes refuse a folder that others can write to.
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    write_key(&folder.join(IDENTITY), &identity_file(plan.identity))?;
    write_key(&folder.join(ACCOUNT), account_text(&plan.account).as_bytes())?;
    let config = toml::to_string(&config(plan, common)).map_err(io::Error::other)?;
    fs::write(folder.join(CONFIG), config)
}

/// Keys are only for their owner; nodes refuse them otherwise.
fn write_key(path: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

/// An Ed25519 key pair as libp2p stores it (libp2p specs, peer-ids: a protobuf of key type 1 and of
/// seed and public key in one field).
fn identity_file(seed: [u8; 32]) -> Vec<u8> {
    let public: [u8; 32] = VerificationKeyBytes::from(&SigningKey::from(seed)).into();
    [&[0x08, 1, 0x12, 64][..], &seed, &public].concat()
}

fn config(plan: &NodePlan, common: &Common) -> Config {
    let mut config = Config { params: common.params.clone(), ..Config::default() };
    if !plan.connect.is_empty() || plan.bootstrap.is_empty() {
        // A node of a fixed topology dials whom it is told, and nobody else.
        config.params.peers.outbound = 0;
    }
    config.node.listen = vec![plan.addr()];
    config.node.advertise = plan.is_reachable.then(|| plan.addr());
    config.node.bootstrap = plan.bootstrap.iter().copied().map(Into::into).collect();
    config.node.connect.clone_from(&plan.connect);
    config.node.network.clone_from(&common.network);
    config.admin.socket = SOCKET.into();
    config.trace.file = Some(TRACE.into());
    config.capture.file = common.captures.then(|| CAPTURE.into());
    config.lab.withhold = plan.withholds;
    config.lab.trouble = common.trouble;
    config.lab.slow_motion = common.slow_motion;
    // Hundreds of nodes on one disk would wait for it, and a run starts afresh anyway.
    config.store.enabled = common.keeps;
    if let Some(member) = &plan.member {
        config.members = MembersConfig {
            enabled: true,
            name: Some(plan.name()),
            listen: member.addr(),
            join: member.join.clone(),
            preset: member.preset,
            ..MembersConfig::default()
        };
    }
    config.links = match &plan.at.position {
        None => LinksConfig::default(),
        Some(Position::Place(Place { region, node_type, seed })) => LinksConfig {
            model: LinkModelName::Regions,
            region: *region,
            node_type: *node_type,
            seed: *seed,
            ..LinksConfig::default()
        },
        Some(Position::Row(row)) => LinksConfig {
            model: LinkModelName::Rows,
            number: row.number,
            latency_us: row.from_us.to_vec(),
            jitter: row.jitter,
            seed: row.seed,
            ..LinksConfig::default()
        },
    };
    config
}

#[cfg(test)]
mod tests {
    use tidings::files::datadir::DataDir;

    use super::*;

    #[test]
    fn a_node_can_load_the_keys_that_we_write() {
        let temp = tempfile::tempdir().unwrap();
        write_key(&temp.path().join(IDENTITY), &identity_file([7; 32])).unwrap();
        write_key(&temp.path().join(ACCOUNT), account_text(&[8; 32]).as_bytes()).unwrap();
        let dir = DataDir::locate(Some(temp.path())).unwrap();
        let identity = tidings::files::identity::load(&dir).unwrap();
        assert_eq!(identity.to_protobuf_encoding().unwrap(), identity_file([7; 32]));
        assert_eq!(tidings::files::identity::load_account(&dir).unwrap(), [8; 32]);
    }

    #[test]
    fn a_folder_too_deep_for_sockets_is_refused() {
        assert_eq!(check_socket_path(Path::new("/tmp/run/nodes")), Ok(()));
        let deep = PathBuf::from("/x".repeat(50));
        assert!(check_socket_path(&deep).unwrap_err().contains("choose a shorter --out"));
    }
}
