//! What may stand on the command line.

mod chain;
mod live;
mod members;
mod store;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tidings_protocol::chain::Rules;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::StrategyKind;

pub(super) use self::chain::{BlockArgs, BlocksArgs, DecodeArgs, ItemArgs, MineArgs, PoolArgs};
pub(super) use self::live::{COLUMNS_MIN, PeersArgs, ROWS_MIN, SchemaArgs, TopArgs, WatchArgs};
pub(super) use self::members::{
    EventArgs, KeysVerb, LeaderVerb, MembersArgs, MembersVerb, QueryArgs, RttArgs, StateVerb,
    WhomArgs,
};
pub(super) use self::store::{ExportArgs, StoreVerb};
use crate::cli::error::Error;
use crate::config::seeds::Seed;
use crate::config::{Flag, env};

const AFTER_HELP: &str = "\
Settings come from the defaults, then config.toml in the data folder, then the environment
(TIDINGS_NODE__LISTEN=127.0.0.1:4000), then flags; the later wins. `tidings config` shows what holds.

Exit codes:
   0  done; for `tidings run`: shut down gracefully
   1  failed, or the item was rejected, or shut down by a second signal
  64  the command line makes no sense
  69  no node is running, the data folder is in use, or an address can't be listened on
  70  a fault of the program stopped the node; what it acknowledged is saved
  78  data folder, settings, keys, network file or store can't be used";

const SUBMIT_EXAMPLES: &str = "\
Examples:
  tidings submit --payload hello      a transfer, signed by the account of the data folder
  tidings submit tx.bin               a transaction, from a file of its bytes
  tidings submit --hex tx.txt         the same, from a file of hexadecimal digits
  tidings submit --block block.bin    a block
  cat tx.bin | tidings submit -       from standard input";

/// A peer-to-peer relay node for transactions and blocks.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, after_help = AFTER_HELP)]
pub(super) struct Cli {
    /// Data folder [default: ~/.tidings]
    #[arg(long, global = true, env = env::DATA_DIR, hide_env_values = true, value_name = "DIR")]
    pub(super) data_dir: Option<PathBuf>,
    /// Print one JSON object instead of text, or one a line where it goes on
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a data folder: identity, account, settings and network file
    Init(InitArgs),
    /// Run a node in the foreground, until it is stopped
    Run(Settings),
    /// Show how the node is
    Status(Remote),
    /// Look at the node while it runs, on the whole terminal
    Top(TopArgs),
    /// Show what happens at the node, as it happens
    Watch(WatchArgs),
    /// Show the node's peers
    Peers(PeersArgs),
    /// Show the addresses that the node knows
    Addresses(WideArgs),
    /// Show the blocks that came last, and headers that lead on from there
    Blocks(BlocksArgs),
    /// Show a block, by its height, its id or the beginning of it
    Block(BlockArgs),
    /// Show the transactions that wait for a block
    Pool(PoolArgs),
    /// Show what an item of the node says, by its id or the beginning of it
    #[command(visible_alias = "tx")]
    Item(ItemArgs),
    /// Tell what bytes are under the network's rules, without asking a node; ends with 1 if they are nothing valid
    Decode(DecodeArgs),
    /// Make blocks, on a test network: one, or one after the other until it is interrupted
    Mine(MineArgs),
    /// Show whom the node keeps out
    Bans(Remote),
    /// Keep a peer, an address or a subnet out, and close the links that lead there
    Ban(BanArgs),
    /// Let a peer, an address or a subnet in again
    Unban(UnbanArgs),
    /// Close the link with a peer; it may come again
    Disconnect(DisconnectArgs),
    /// Try an address before others, as soon as an outbound place is free
    Connect(ConnectArgs),
    /// Tell what happened to an item, or what passed between the node and a peer
    Explain {
        #[command(subcommand)]
        verb: ExplainVerb,
    },
    /// Read and write the small settings that a fleet shares
    Kv {
        #[command(subcommand)]
        verb: KvVerb,
    },
    /// Show who is in the fleet and who of them is alive; join it, leave it, change its keys
    Members(MembersArgs),
    /// Show what members say of themselves, and say something of this node
    State {
        #[command(subcommand)]
        verb: StateVerb,
    },
    /// Show who leads, and say what a consensus decided
    Leader {
        #[command(subcommand)]
        verb: LeaderVerb,
    },
    /// Tell all members of an event
    Event(EventArgs),
    /// Ask all members, and show what they answer
    Query(QueryArgs),
    /// Show how far two members are apart, without asking them
    Rtt(RttArgs),
    /// Hand in a transaction or a block
    #[command(after_help = SUBMIT_EXAMPLES)]
    Submit(SubmitArgs),
    /// Check what is kept in the data folder, or carry it elsewhere, while no node runs there
    Store {
        #[command(subcommand)]
        verb: StoreVerb,
    },
    /// Stop the node and wait until it is gone
    Stop(Remote),
    /// Show what the node's log tells, or have it tell something else until the node ends
    Log(LogArgs),
    /// Show all settings and where each comes from
    Config(Settings),
    /// Print what a shell needs to complete commands
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Manual(ManualArgs),
    /// Print what verbs print with --json, as JSON schema
    Schema(SchemaArgs),
    /// Show the version
    Version,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Which shell
    pub(super) shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManualArgs {
    /// Write a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Join the network of this file, instead of making one to develop with
    #[arg(long, value_name = "FILE", conflicts_with = "rules")]
    pub(super) network: Option<PathBuf>,
    /// Rules of the network to develop with
    #[arg(long, value_parser = rules(), default_value = Rules::Tidings.name())]
    pub(super) rules: Rules,
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    /// What it is to tell from now on, such as `debug` or `info,tidings::shell=debug`
    pub(super) filter: Option<String>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// Names of rules, those that the build leaves out included: they say what to do.
fn rules() -> impl TypedValueParser<Value = Rules> {
    PossibleValuesParser::new(Rules::NAMES).try_map(|name| name.parse::<Rules>())
}

/// Settings as flags; each overrides what file and environment say.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Listen there (node.listen); may be repeated
    #[arg(long, value_name = "ADDR")]
    listen: Vec<PeerAddr>,
    /// Tell peers to dial this address (node.advertise)
    #[arg(long, value_name = "ADDR")]
    advertise: Option<PeerAddr>,
    /// Try this peer first, or those that this name leads to (node.bootstrap); may be repeated
    #[arg(long, value_name = "ADDR|NAME")]
    bootstrap: Vec<Seed>,
    /// Stay connected to this peer and dial no others (node.connect); may be repeated
    #[arg(long, value_name = "ADDR")]
    connect: Vec<PeerAddr>,
    /// Network file (node.network)
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Relay strategy (params.relay.strategy)
    #[arg(long, value_name = "NAME")]
    strategy: Option<StrategyKind>,
    /// Log filter (log.filter), such as `debug` or `info,tidings::shell=debug`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Log format (log.format): text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Write the log to this file instead of standard error (log.file)
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Offer the admin API there, too (admin.tcp)
    #[arg(long, value_name = "ADDR")]
    admin_tcp: Option<SocketAddr>,
    /// Offer metrics for Prometheus there (metrics.listen)
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Record accepted and rejected items in this file (trace.file)
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Write all that the core is handed to files whose names begin so, for replay (capture.file)
    #[arg(long, value_name = "FILE")]
    capture: Option<PathBuf>,
    /// Any setting, such as `params.peers.outbound=4`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Settings {
    /// The flags that were given. Files are meant as seen from here, not from the data folder.
    pub(super) fn flags(&self) -> Result<Vec<Flag>, Error> {
        fn list<T: ToString>(addrs: &[T]) -> Option<String> {
            let texts: Vec<String> = addrs.iter().map(ToString::to_string).collect();
            (!texts.is_empty()).then(|| texts.join(","))
        }
        let path = |path: &Option<PathBuf>| {
            let absolute =
                |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
            path.as_ref().map(absolute).map(|path| path.display().to_string())
        };
        let named = [
            ("--listen", "node.listen", list(&self.listen)),
            ("--advertise", "node.advertise", self.advertise.map(|addr| addr.to_string())),
            ("--bootstrap", "node.bootstrap", list(&self.bootstrap)),
            ("--connect", "node.connect", list(&self.connect)),
            ("--network", "node.network", path(&self.network)),
            ("--strategy", "params.relay.strategy", self.strategy.map(|kind| kind.to_string())),
            ("--log", "log.filter", self.log.clone()),
            ("--log-format", "log.format", self.log_format.clone()),
            ("--log-file", "log.file", path(&self.log_file)),
            ("--admin-tcp", "admin.tcp", self.admin_tcp.map(|addr| addr.to_string())),
            ("--metrics", "metrics.listen", self.metrics.map(|addr| addr.to_string())),
            ("--trace", "trace.file", path(&self.trace)),
            ("--capture", "capture.file", path(&self.capture)),
        ];
        let given = named.into_iter().filter_map(|(name, key, text)| {
            Some(Flag { name: name.to_owned(), key: key.to_owned(), text: text? })
        });
        let mut flags: Vec<Flag> = given.collect();
        for pair in &self.set {
            let (key, text) = pair.split_once('=').ok_or_else(|| {
                let example = "--set params.peers.outbound=4";
                Error::Usage(format!("--set {pair} has no `=`: write it as in `{example}`"))
            })?;
            let (key, text) = (key.trim().to_owned(), text.trim().to_owned());
            flags.push(Flag { name: format!("--set {key}"), key, text });
        }
        Ok(flags)
    }
}

/// Where the node's API is, if not at the socket in the data folder.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// Ask the node whose API is at this address, instead of the one with the data folder
    #[arg(long, value_name = "ADDR", requires = "token_file")]
    pub(super) admin: Option<SocketAddr>,
    /// File with the token of that API
    #[arg(long, value_name = "FILE", requires = "admin")]
    pub(super) token_file: Option<PathBuf>,
}

/// How much of a table is shown.
#[derive(Debug, Args)]
pub(super) struct WideArgs {
    /// Show all columns, however narrow the terminal is
    #[arg(long)]
    pub(super) wide: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(super) enum ExplainVerb {
    /// The story of a transaction or a block, by its id or the beginning of it
    Tx(ExplainArgs),
    /// The dealings with a peer, by its id or the beginning of it, its address, or its link
    Peer(ExplainArgs),
}

#[derive(Debug, Args)]
pub(super) struct BanArgs {
    /// Whom: a peer id (the beginning of it will do if there is a link), an address (192.0.2.7) or a subnet (192.0.2.0/24)
    pub(super) subject: String,
    /// For how long: 90s, 15m, 12h, 7d [default: 1d]
    #[arg(long = "for", value_name = "TIME")]
    pub(super) span: Option<String>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct UnbanArgs {
    /// Whom, as `tidings bans` shows it; of a peer id the beginning will do
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(super) subject: Option<String>,
    /// Everybody
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct DisconnectArgs {
    /// Which: its id or the beginning of it, its address, or its link
    pub(super) peer: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    /// Which: IP:PORT, or IP:PORT/quic
    pub(super) addr: PeerAddr,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Which
    pub(super) id: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(super) enum KvVerb {
    /// Show what is under a key
    Get(KeyArgs),
    /// Show all keys, or those that begin so
    List(PrefixArgs),
    /// Set a value, in place of all that is under the key
    Set {
        /// Which key
        key: String,
        /// To what
        value: String,
        /// Set this field of a map, in a convergent fleet
        #[arg(long, value_name = "NAME")]
        field: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Delete what is under a key
    Delete {
        /// Which key
        key: String,
        /// Delete this field of a map alone
        #[arg(long, value_name = "NAME")]
        field: Option<String>,
        /// If a set and a map are called so: which of them
        #[arg(long, value_name = "KIND")]
        kind: Option<Deletable>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Add to a counter, or take away from it, in a convergent fleet
    Add {
        /// Which counter
        key: String,
        /// How much; less than 0 takes away
        #[arg(allow_negative_numbers = true)]
        by: i64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Add an element to a set, in a convergent fleet
    Include(ElementArgs),
    /// Remove an element of a set, in a convergent fleet
    Exclude(ElementArgs),
    /// Show what changes from now on, at keys that begin so, until the node stops
    Watch(PrefixArgs),
    /// Show keys with several values, and writes that are lost
    Conflicts(Remote),
}

#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// Which key
    pub(super) key: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct PrefixArgs {
    /// How the keys begin
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) prefix: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct ElementArgs {
    /// Which set
    pub(super) key: String,
    /// What
    pub(super) element: String,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// What can be deleted as a whole, where several kinds may share a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Deletable {
    Set,
    Map,
}

#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    /// File with the item's canonical bytes; `-` is standard input
    #[arg(value_name = "FILE", conflicts_with = "payload")]
    pub(super) file: Option<PathBuf>,
    /// The file holds hexadecimal digits
    #[arg(long, conflicts_with = "payload")]
    pub(super) hex: bool,
    /// The item is a block
    #[arg(long, conflicts_with = "payload")]
    pub(super) block: bool,
    /// Sign a transfer with this payload, by the account of the data folder
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(super) payload: Option<String>,
    /// Fee of the transfer
    #[arg(long, value_name = "N", default_value_t = 0, requires = "payload")]
    pub(super) fee: u64,
    /// Nonce of the transfer; no two of one account may share one [default: microseconds since 1970]
    #[arg(long, value_name = "N", requires = "payload")]
    pub(super) nonce: Option<u64>,
    #[command(flatten)]
    pub(super) remote: Remote,
}

impl SubmitArgs {
    /// The file, unless it is standard input.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn flags(args: &[&str]) -> Result<Vec<Flag>, Error> {
        let Ok(Cli { verb: Verb::Run(settings), .. }) =
            Cli::try_parse_from(["tidings", "run"].iter().chain(args))
        else {
            panic!("{args:?} should be understood");
        };
        settings.flags()
    }

    #[test]
    fn every_flag_names_a_setting() {
        let addr = "127.0.0.1:1";
        let all = [
            "--listen",
            addr,
            "--listen",
            "127.0.0.1:2",
            "--advertise",
            addr,
            "--bootstrap",
            addr,
            "--connect",
            addr,
            "--network",
            "/n",
            "--strategy",
            "flood",
            "--log",
            "debug",
            "--log-format",
            "json",
            "--log-file",
            "/l",
            "--admin-tcp",
            addr,
            "--metrics",
            addr,
            "--trace",
            "/t",
            "--set",
            "links.seed=7",
        ];
        let flags = flags(&all).unwrap();
        assert_eq!(flags.len(), 13);
        let resolved = crate::config::resolve(Path::new("/nonexistent"), [], &flags).unwrap();
        assert_eq!(resolved.config.node.listen.len(), 2);
        assert_eq!(resolved.config.links.seed, 7);
        for flag in &flags {
            assert_eq!(resolved.layered.origin(&flag.key).layer(), "flag", "{flag:?}");
        }
    }

    #[test]
    fn a_setting_without_a_value_says_how_to_write_it() {
        let error = flags(&["--set", "links.seed"]).unwrap_err().to_string();
        assert!(error.contains("--set params.peers.outbound=4"), "{error}");
    }
}
