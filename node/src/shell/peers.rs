//! The links of a node and the addresses that it knows, for whoever asks.

use std::time::Duration;

use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::{PeerAddr, Source};
use tidings_protocol::ground::reach::Origin;
use tidings_protocol::ground::time::Time;
use tidings_protocol::limits::budget::Left;
use tidings_protocol::limits::misbehavior::Fault;
use tidings_protocol::node::LinkDetail;
use tidings_protocol::peers::book::AddressView;
use tidings_protocol::peers::{Shield, Tenure};
use tidings_protocol::record::Passed;

use super::Shell;
use crate::api::peers::{
    AddressPage, AddressStatus, BudgetStatus, Keeps, PassedStatus, PeerStatus, PlaceStatus,
    group_name,
};

impl Shell {
    pub(super) fn peers(&self) -> Vec<PeerStatus> {
        let details = self.node.link_details(self.now, &self.config.params);
        let detail = |link: Link| details.iter().find(|(other, _)| *other == link);
        let views = self.node.links().filter(|view| view.ready);
        let status = views.filter_map(|view| {
            let info = self.net.info(view.link)?;
            let detail = detail(view.link).map(|(_, detail)| detail);
            let budgets = detail.into_iter().flat_map(|detail| detail.budgets);
            let network = info.remote.and_then(|addr| Origin::of(addr.ip).network());
            Some(PeerStatus {
                link: view.link.to_string(),
                peer_id: info.peer.to_string(),
                direction: view.direction,
                remote: info.remote,
                advertise: view.advertise,
                group: network.map(group_name),
                connected_s: self.now.since(view.since).as_secs_f64(),
                rtt_ms: view.rtt.map(millis),
                in_flight: view.in_flight,
                queued_bytes: info.queued_bytes,
                only_compares: view.only_compares,
                only_blocks: view.only_blocks,
                held_bytes: info.held_bytes,
                passed: detail.and_then(|detail| detail.passed).map(passed_status),
                budgets: budgets.map(budget_status).collect(),
                place: detail.map(|detail| self.place_status(detail)),
            })
        });
        status.collect()
    }

    fn place_status(&self, detail: &LinkDetail) -> PlaceStatus {
        let LinkDetail { standing, tenure, .. } = detail;
        let (keeps, why) = match *tenure {
            Tenure::Protected(shield) => (Keeps::Protected, Some(shield_name(shield))),
            Tenure::Ordinary => (Keeps::Ordinary, None),
            Tenure::Useless(fault) => (Keeps::Useless, Some(fault_name(fault))),
            Tenure::Passing => (Keeps::Passing, None),
            Tenure::Loose { is_first: true, .. } => (Keeps::First, None),
            Tenure::Loose { is_first: false, .. } => (Keeps::Loose, None),
        };
        let links_of_network = match *tenure {
            Tenure::Loose { links, .. } => Some(links),
            _ => None,
        };
        let ago = |seconds: u32| {
            let at = Time::ZERO + Duration::from_secs(seconds.into());
            (seconds > 0).then(|| self.now.since(at).as_secs_f64())
        };
        PlaceStatus {
            keeps,
            why: why.map(str::to_owned),
            links_of_network,
            least_rtt_ms: standing.rtt.map(millis),
            brought_tx_s: ago(standing.brought_tx),
            brought_block_s: ago(standing.brought_block),
            idle_rounds: standing.idle,
            silent_rounds: standing.silent,
        }
    }

    /// A page of the addresses, in their order.
    pub(super) fn addresses(&self, after: Option<PeerAddr>, limit: usize) -> AddressPage {
        let book = self.node.peers().book();
        let later = book.iter().filter(|view| after.is_none_or(|after| view.addr > after));
        let mut views: Vec<AddressView> = later.collect();
        views.sort_unstable_by_key(|view| view.addr);
        let is_rest = views.len() > limit;
        views.truncate(limit);
        let next = views.last().filter(|_| is_rest).map(|view| view.addr.to_string());
        let addresses = views.iter().map(|view| self.address_status(view)).collect();
        AddressPage { addresses, count: book.len(), next }
    }

    fn address_status(&self, view: &AddressView) -> AddressStatus {
        let ago = |at: Time| self.now.since(at).as_secs_f64();
        let source = match view.source {
            None => "operator".to_owned(),
            Some(Source::Network(group)) => group_name(group),
            Some(Source::Lookup(_)) => "look-up".to_owned(),
            Some(Source::Peer(key)) => {
                let name = self.acquaintances.name(key);
                name.unwrap_or_else(|| format!("peer {:016x}", key.0))
            }
        };
        AddressStatus {
            addr: view.addr,
            tried: view.tried,
            bucket: view.bucket,
            group: view.group.map(group_name),
            source,
            connected: view.connected,
            attempted_s: view.attempted.map(ago),
            reached_s: view.reached.map(ago),
            successes: view.successes,
            failures: view.failures,
            retry_s: view.retry.since(self.now).as_secs_f64(),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn passed_status(passed: Passed) -> PassedStatus {
    PassedStatus {
        announced: passed.announced,
        requested: passed.requested,
        received: passed.received,
        unsolicited: passed.unsolicited,
        told: passed.told,
        sent: passed.sent,
        received_bytes: passed.received_bytes,
        sent_bytes: passed.sent_bytes,
    }
}

fn budget_status(left: Left) -> (String, BudgetStatus) {
    let debt_ms = u64::try_from(left.debt.as_millis()).unwrap_or(u64::MAX);
    let status = BudgetStatus { left: left.left, burst: left.burst, debt_ms };
    (left.of.name().to_owned(), status)
}

const fn shield_name(shield: Shield) -> &'static str {
    match shield {
        Shield::Network => "network",
        Shield::Near => "near",
        Shield::Tx => "tx",
        Shield::Block => "block",
        Shield::Age => "age",
        Shield::Alone => "alone",
        Shield::Named => "named",
    }
}

const fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Idle => "idle",
        Fault::Slow => "slow",
        Fault::Behind => "behind",
    }
}
