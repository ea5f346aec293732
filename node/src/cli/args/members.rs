//! What may stand on the command line about a fleet's members.

use std::net::SocketAddr;

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct MembersArgs {
    #[command(subcommand)]
    pub(in crate::cli) verb: Option<MembersVerb>,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MembersVerb {
    /// Ask members who is there
    Join {
        /// Their addresses
        #[arg(required = true, value_name = "ADDR")]
        addrs: Vec<SocketAddr>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Take this node out of the fleet, in order; it goes on relaying
    Leave(Remote),
    /// Take another one, which will never come back, for one that has left
    ForceLeave {
        /// Its name or id
        #[arg(value_name = "NAME|ID")]
        member: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show and change the keys that members seal with
    Keys {
        #[command(subcommand)]
        verb: KeysVerb,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeysVerb {
    /// Print a new key, and keep it nowhere
    Generate,
    /// Show the ids of this node's keys, and which one is used
    List(Remote),
    /// Add a key: what others seal with it is heard from now on. Where no node runs, it is for the next one
    Install {
        /// The key, in base64; `-` is standard input
        key: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Seal with a key from now on
    Use {
        /// Its id
        #[arg(value_name = "ID")]
        key: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Remove a key: what others seal with it isn't heard any more
    Remove {
        /// Its id
        #[arg(value_name = "ID")]
        key: String,
        #[command(flatten)]
        remote: Remote,
    },
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StateVerb {
    /// Show what members say of themselves, or the one of this name or id
    Get {
        /// Which member
        #[arg(value_name = "NAME|ID")]
        member: Option<String>,
        /// This key alone
        #[arg(long)]
        key: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Have this node say something of itself
    Set {
        /// Which key
        key: String,
        /// What
        value: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Have this node say it no more
    Delete {
        /// Which key
        key: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show what changes from now on, until the node stops
    Watch(Remote),
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LeaderVerb {
    /// Show who leads, of all groups or of one
    Show {
        /// Which group
        group: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Say who leads a group, since a consensus decided it
    Announce {
        /// Which group
        group: String,
        /// The epoch that the consensus gave: higher with each leader
        #[arg(long)]
        epoch: u64,
        /// Where clients turn to
        #[arg(long)]
        address: String,
        /// The leader, by name or id [default: this node]
        #[arg(long, value_name = "NAME|ID")]
        leader: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Whom an event or a query is for.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhomArgs {
    /// For the member with this name alone; may be repeated
    #[arg(long = "name", value_name = "NAME")]
    pub(in crate::cli) names: Vec<String>,
    /// For members with this tag alone; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    pub(in crate::cli) tags: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EventArgs {
    /// What it is called
    #[arg(value_name = "EVENT")]
    pub(in crate::cli) title: String,
    /// What it says
    #[arg(default_value = "", hide_default_value = true)]
    pub(in crate::cli) payload: String,
    /// Of several with this name only the latest has to be told
    #[arg(long)]
    pub(in crate::cli) coalesce: bool,
    #[command(flatten)]
    pub(in crate::cli) whom: WhomArgs,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct QueryArgs {
    /// What it is called
    #[arg(value_name = "QUERY")]
    pub(in crate::cli) title: String,
    /// What it says
    #[arg(default_value = "", hide_default_value = true)]
    pub(in crate::cli) payload: String,
    /// How long answers are waited for, milliseconds, at most 15000 [default: as long as the fleet's size takes]
    #[arg(long, value_name = "MS")]
    pub(in crate::cli) timeout_ms: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) whom: WhomArgs,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RttArgs {
    /// One member
    #[arg(value_name = "NAME|ID")]
    pub(in crate::cli) one: String,
    /// The other
    #[arg(value_name = "NAME|ID")]
    pub(in crate::cli) other: String,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}
