//! How honest nodes fare: their links, what arrives and when, and whether their pools agree in the end.

use std::io;
use std::time::Duration;

use tidings_tools::run::Delivery;
use tokio::time::{Instant, sleep};

use super::row::{Row, percentile};
use crate::launch::collect::Collector;
use crate::launch::fleet::{Fleet, ask_all};
use crate::launch::submit::Submission;

/// How long honest transactions may take to arrive after all is over.
const SETTLE: Duration = Duration::from_secs(30);

/// How often that is looked at. Nodes write their traces once a second.
const POLL: Duration = Duration::from_millis(100);

/// A link between honest nodes: at which node, with whom, and for how long it has been up.
pub type HonestLink = (usize, String, f64);

/// All links between honest nodes.
pub async fn links(fleet: &Fleet) -> Vec<HonestLink> {
    let statuses = ask_all(fleet.live(), async |node| node.client.status().await).await;
    let honest: Vec<String> =
        statuses.into_iter().filter_map(|(_, status)| Some(status.ok()?.peer_id)).collect();
    let answers = ask_all(fleet.live(), async |node| node.client.peers().await).await;
    let mut links = Vec::new();
    for (node, peers) in answers {
        for peer in peers.unwrap_or_default().peers {
            if honest.contains(&peer.peer_id) {
                links.push((node, peer.peer_id, peer.connected_s));
            }
        }
    }
    links
}

/// How many of the links from before aren't there any more, or are younger than they must be. Each has two ends.
#[must_use]
pub fn lost(before: &[HonestLink], after: &[HonestLink], since: Duration) -> usize {
    let stayed = |(node, peer, _): &&HonestLink| {
        let same = |(other, with, up): &&HonestLink| {
            (other, with) == (node, peer) && *up >= since.as_secs_f64()
        };
        after.iter().find(same).is_some()
    };
    let ends = before.iter().filter(|link| !stayed(link)).count();
    ends.div_ceil(2)
}

/// Waits until every node has every honest transaction, or nothing helps.
///
/// # Errors
/// When a trace can't be read.
pub async fn settle(
    fleet: &Fleet,
    collector: &mut Collector,
    submissions: &[Submission],
) -> io::Result<()> {
    let origins: Vec<_> =
        submissions.iter().map(|submission| submission.sent.map(|(_, origin)| origin)).collect();
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline {
        collector.poll()?;
        if collector.coverage(&fleet.alive(), &origins).complete() {
            break;
        }
        sleep(POLL).await;
    }
    Ok(())
}

/// Waits until all pools are equal, or nothing helps; returns by how many transactions they differ then.
pub async fn pools_settle(fleet: &Fleet) -> usize {
    let deadline = Instant::now() + SETTLE;
    loop {
        let statuses = ask_all(fleet.live(), async |node| node.client.status().await).await;
        let pools = statuses.into_iter().filter_map(|(_, status)| {
            let status = status.ok()?;
            Some((status.pool_items, status.pool_bytes))
        });
        let spread = spread(pools);
        if spread == 0 || Instant::now() > deadline {
            return spread;
        }
        sleep(POLL).await;
    }
}

/// By how many transactions pools differ, of so many transactions and bytes each.
fn spread(pools: impl Iterator<Item = (usize, usize)>) -> usize {
    let pools: Vec<_> = pools.collect();
    let (least, most) = (pools.iter().min(), pools.iter().max());
    least.zip(most).map_or(0, |(least, most)| (most.0 - least.0).max(usize::from(least != most)))
}

/// Latency before the attack and during it, and what never arrived.
pub fn tell_latency(
    row: &mut Row,
    deliveries: Vec<Delivery>,
    (sent, nodes): (&[Option<(u64, usize)>], usize),
    from_us: u64,
) {
    let submitted: Vec<(u64, usize)> = sent.iter().flatten().copied().collect();
    let mut copies = vec![0; submitted.len()];
    let (mut before, mut under) = (Vec::new(), Vec::new());
    for Delivery { item, node, latency_us, from: _ } in deliveries {
        let (sent_us, origin) = submitted[item as usize];
        copies[item as usize] += 1;
        if node as usize != origin {
            let times = if sent_us < from_us { &mut before } else { &mut under };
            times.push(latency_us as f64 / 1e3);
        }
    }
    let whole = copies.iter().filter(|copies| **copies == nodes).count();
    row.missing = sent.len() - whole;
    let both = |times: &mut [f64]| (percentile(times, 50), percentile(times, 99));
    (row.p50_before_ms, row.p99_before_ms) = both(&mut before);
    (row.p50_ms, row.p99_ms) = both(&mut under);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_gone_or_new_is_lost_and_counts_once() {
        let link = |node, peer: &str, up| (node, peer.to_owned(), up);
        let before = [link(0, "b", 5.0), link(1, "a", 5.0)];
        let since = Duration::from_secs(10);
        assert_eq!(lost(&before, &[link(1, "a", 15.0), link(0, "b", 15.0)], since), 0);
        assert_eq!(lost(&before, &[link(1, "a", 3.0), link(0, "b", 3.0)], since), 1);
        assert_eq!(lost(&before, &[], since), 1);
    }

    #[test]
    fn pools_differ_by_transactions_or_by_one_at_least_if_their_bytes_do() {
        assert_eq!(spread([(5, 500), (5, 500)].into_iter()), 0);
        assert_eq!(spread([(5, 500), (5, 501)].into_iter()), 1);
        assert_eq!(spread([(9, 500), (5, 500), (7, 0)].into_iter()), 4);
    }

    #[test]
    fn a_transaction_that_some_node_never_had_is_missing() {
        let delivery = |item, node, latency_us| Delivery { item, node, latency_us, from: None };
        let sent = [Some((1_000, 0)), Some((2_000, 1)), None];
        let deliveries = vec![
            delivery(0, 0, 0),
            delivery(0, 1, 4_000),
            delivery(0, 2, 6_000),
            delivery(1, 1, 0),
            delivery(1, 0, 9_000),
        ];
        let mut row = Row::default();
        tell_latency(&mut row, deliveries, (&sent, 3), 1_500);
        assert_eq!(row.missing, 2, "one that two nodes have, and one that wasn't taken");
        assert_eq!((row.p50_before_ms, row.p99_before_ms), (Some(4.0), Some(6.0)));
        assert_eq!((row.p50_ms, row.p99_ms), (Some(9.0), Some(9.0)));
    }
}
