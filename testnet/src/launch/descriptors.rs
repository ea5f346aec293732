//! How many descriptors the processes of a launch need, known before anything starts.
//!
//! A node in a process of its own has more than enough of them (it looks itself). The launcher has a few for each node, and
//! a host has one for each end of a link between its nodes and others, and for each listener.

use tidings_protocol::params::PeerParams;
use tidings_sim::overlay::Shape;

use super::settings::Settings;
use crate::manifest::Manifest;

/// Open files of the launcher besides those of the nodes: its own, and room for the rest.
const LAUNCHER_OWN: u64 = 64;

/// Of the launcher for each node: a held port, then the admin connection, then the trace; a log while it is handed over. Of
/// a member it holds three sockets, before it has any of the others.
const LAUNCHER_NODE: u64 = 3;

/// Open files of a host besides those of its nodes: connections to its API (64 at most), its log, its socket, and files that
/// are being written. Counted, and doubled.
const HOST_OWN: u64 = 160;

/// Of a host for each member: its two sockets, and streams now and then. The streams are a guess.
const HOST_MEMBER: usize = 2 + 2;

/// More than its share of them that a host may need, per cent: links fall by chance, and seeds, feelers and refused links
/// come and go. A guess.
const SPARE_PERCENT: u64 = 10;

/// Fewest outbound links with which the overlay is a random graph that holds together: with one it falls apart.
const OUTBOUND_LEAST: usize = 2;

/// Fewer descriptors than a launch needs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooFew {
    /// For the launcher.
    #[error(
        "{nodes} nodes need {needed} open files, but the limit is {limit}: raise it (ulimit -Hn), or start fewer nodes"
    )]
    Launcher {
        /// Nodes to start.
        nodes: usize,
        /// What the launcher needs.
        needed: u64,
        /// What it may have.
        limit: u64,
    },
    /// For each host.
    #[error(
        "{nodes} nodes in {hosts} host(s) need {needed} open files in each, but the limit is {limit}: {}, or raise \
         the limit (ulimit -Hn)",
        advice(*enough, *outbound)
    )]
    Host {
        /// Nodes to start.
        nodes: usize,
        /// In so many hosts.
        hosts: usize,
        /// What a host needs.
        needed: u64,
        /// What it may have.
        limit: u64,
        /// How many hosts would do, if any number does.
        enough: Option<usize>,
        /// With how many outbound links so many hosts would do, if that can be chosen.
        outbound: Option<usize>,
    },
}

fn advice(enough: Option<usize>, outbound: Option<usize>) -> String {
    let mut ways: Vec<String> =
        enough.map(|hosts| format!("start {hosts} hosts (--hosts {hosts})")).into_iter().collect();
    ways.extend(
        outbound.map(|outbound| format!("have each node dial {outbound} (--outbound {outbound})")),
    );
    if ways.is_empty() {
        ways.push("start fewer nodes, or each in a process of its own".to_owned());
    }
    ways.join(", or ")
}

/// How the nodes of a launch are shared out to processes, and how many open files each of those may have.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// How many nodes.
    pub nodes: usize,
    /// In how many hosts; in a process each if unset.
    pub hosts: Option<usize>,
    /// Whether they are members of a fleet.
    pub members: bool,
    /// Open files that the system allows a process.
    pub limit: u64,
}

impl Room {
    /// Whether the launcher and each host have enough, if the nodes have so many ends of links in all.
    ///
    /// # Errors
    /// When one hasn't.
    pub fn check(self, ends: usize) -> Result<(), TooFew> {
        let Self { nodes, hosts, limit, .. } = self;
        let needed = LAUNCHER_OWN + LAUNCHER_NODE * nodes as u64;
        if limit < needed {
            return Err(TooFew::Launcher { nodes, needed, limit });
        }
        let Some(hosts) = hosts else { return Ok(()) };
        let needed = self.of_host(hosts, ends);
        if needed <= limit {
            return Ok(());
        }
        let enough = (hosts..=nodes).find(|hosts| self.of_host(*hosts, ends) <= limit);
        Err(TooFew::Host { nodes, hosts, needed, limit, enough, outbound: None })
    }

    /// The same where each node dials so many others.
    ///
    /// # Errors
    /// When there is too little room for that.
    pub fn check_dialled(self, outbound: usize) -> Result<(), TooFew> {
        let ends = |outbound: usize| 2 * outbound * self.nodes;
        let mut checked = self.check(ends(outbound));
        if let Err(TooFew::Host { outbound: fewer, .. }) = &mut checked {
            *fewer = (OUTBOUND_LEAST..outbound).rfind(|fewer| self.check(ends(*fewer)).is_ok());
        }
        checked
    }

    /// Open files of each of so many hosts.
    fn of_host(self, hosts: usize, ends: usize) -> u64 {
        let of_member = if self.members { HOST_MEMBER } else { 0 };
        let all = (self.nodes * (1 + of_member) + ends) as u64;
        HOST_OWN + (all * (100 + SPARE_PERCENT)).div_ceil(100 * hosts as u64)
    }
}

/// Lets nodes in hosts dial fewer others than by default if there is no room for that, and tells so. Returns what to say.
pub fn fit(settings: &mut Settings, limit: Option<u64>) -> Option<String> {
    let Manifest { network, params, members, .. } = &mut settings.manifest;
    let wanted = PeerParams::default().outbound;
    let dials = matches!(network.topology, Shape::Gossip | Shape::Outbound);
    if !dials || params.peers.outbound != wanted {
        return None;
    }
    let (nodes, members) = (network.nodes, members.is_some());
    let room = Room { nodes, hosts: settings.hosts, members, limit: limit? };
    let Err(TooFew::Host { hosts, limit, enough, outbound: Some(fewer), .. }) =
        room.check_dialled(wanted)
    else {
        return None;
    };
    params.peers.outbound = fewer;
    let enough =
        enough.map_or_else(String::new, |enough| format!("; {enough} hosts would do for {wanted}"));
    Some(format!(
        "a process may have {limit} open files: in {hosts} hosts, each node dials {fewer} others instead of {wanted}{enough}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 20_000;

    fn room(nodes: usize, hosts: usize) -> Room {
        Room { nodes, hosts: Some(hosts), members: false, limit: LIMIT }
    }

    #[test]
    fn hosts_with_too_few_descriptors_are_refused_with_how_many_would_do() {
        assert_eq!(room(1_000, 1).check_dialled(8), Ok(()));
        let error = room(5_000, 2).check_dialled(8).unwrap_err();
        let TooFew::Host { enough: Some(enough), outbound: Some(fewer), .. } = error else {
            panic!("{error}");
        };
        assert_eq!((enough, fewer), (5, 3));
        assert_eq!(room(5_000, enough).check_dialled(8), Ok(()));
        assert_eq!(room(5_000, 2).check_dialled(fewer), Ok(()));
        let sentence = error.to_string();
        for part in
            ["5000 nodes in 2 host(s) need 46910", "limit is 20000", "--hosts 5", "--outbound 3"]
        {
            assert!(sentence.contains(part), "{sentence}");
        }
    }

    #[test]
    fn members_of_a_host_have_sockets_of_their_own() {
        assert_eq!(room(1_050, 1).check_dialled(8), Ok(()));
        let members = Room { members: true, ..room(1_050, 1) };
        let error = members.check_dialled(8).unwrap_err().to_string();
        assert!(error.contains("need 24415") && error.contains("--hosts 2"), "{error}");
    }

    #[test]
    fn a_launcher_with_too_few_descriptors_is_refused() {
        let own = Room { nodes: 200, hosts: None, members: false, limit: 600 };
        assert!(matches!(own.check_dialled(8), Err(TooFew::Launcher { needed: 664, .. })));
        assert_eq!(Room { limit: 664, ..own }.check_dialled(8), Ok(()));
    }

    #[test]
    fn nothing_fits_where_every_node_is_linked_with_all() {
        let error = room(1_000, 1).check(1_000 * 999).unwrap_err();
        assert!(error.to_string().contains("--hosts 56"), "{error}");
        let error = Room { limit: 700, ..room(200, 1) }.check(200 * 10_000).unwrap_err();
        assert!(error.to_string().contains("start fewer nodes"), "{error}");
    }
}
