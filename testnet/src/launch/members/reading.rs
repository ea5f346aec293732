//! What a node counted up to a moment, and what follows from two moments.

use tidings::api::Status;
use tidings_tools::figures::members::Members;
use tidings_tools::figures::statistics::Distribution;

/// What a node had sent and decided.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// When, seconds after its start.
    at_s: f64,
    /// Datagrams to members.
    datagrams: u64,
    /// Bytes of these.
    datagram_bytes: u64,
    /// Bytes on streams to members.
    stream_bytes: u64,
    /// Bytes to links.
    relay_bytes: u64,
    /// How often it had to say that it lives.
    refuted: u64,
    /// How many members it took for dead.
    deaths: u64,
}

impl Reading {
    /// `None` if the node is no member.
    fn of(status: &Status) -> Option<Self> {
        let members = status.members.as_ref()?;
        let count = |name: &str| members.counters.get(name).copied().unwrap_or_default();
        Some(Self {
            at_s: status.uptime_s,
            datagrams: count("datagrams_sent"),
            datagram_bytes: count("datagram_bytes_sent"),
            stream_bytes: count("stream_bytes_sent"),
            relay_bytes: status.counters.get("net_socket_bytes_sent").copied().unwrap_or_default(),
            refuted: count("refuted"),
            deaths: count("deaths"),
        })
    }
}

/// By node, what it counted; `None` if it didn't say.
#[must_use]
pub fn of_all(statuses: &[Option<Status>]) -> Vec<Option<Reading>> {
    statuses.iter().map(|status| Reading::of(status.as_ref()?)).collect()
}

/// Readings of the nodes that said something both times.
fn both<'a>(
    before: &'a [Option<Reading>],
    after: &'a [Option<Reading>],
) -> impl Iterator<Item = (Reading, Reading)> {
    before.iter().zip(after).filter_map(|(before, after)| Some(((*before)?, (*after)?)))
}

/// What nodes sent a second between two moments.
#[must_use]
pub fn rates(before: &[Option<Reading>], after: &[Option<Reading>]) -> Members {
    let of = |count: fn(&Reading) -> u64| {
        let rate = |(before, after): (Reading, Reading)| {
            let seconds = after.at_s - before.at_s;
            let sent = count(&after).saturating_sub(count(&before));
            (seconds > 0.0).then(|| sent as f64 / seconds)
        };
        Distribution::new(both(before, after).filter_map(rate).collect())
    };
    let (datagrams, bytes) = (of(|at| at.datagrams), of(|at| at.datagram_bytes).mean());
    let (streams, relay) = (of(|at| at.stream_bytes).mean(), of(|at| at.relay_bytes).mean());
    let all = bytes.zip(streams).map(|(bytes, streams)| bytes + streams);
    let share = all.zip(relay.filter(|relay| *relay > 0.0)).map(|(all, relay)| all / relay);
    Members {
        datagrams_per_s: datagrams.mean(),
        datagrams_per_s_max: datagrams.max(),
        datagram_bytes_per_s: bytes,
        stream_bytes_per_s: streams,
        relay_bytes_per_s: relay,
        share_of_relay: share,
        ..Members::default()
    }
}

/// The same with what living nodes were taken for wrongly between two moments: all deaths that nodes took note of, but those
/// of the killed.
#[must_use]
pub fn with_mistakes(
    members: Members,
    before: &[Option<Reading>],
    after: &[Option<Reading>],
) -> Members {
    let sum = |count: fn(&Reading) -> u64| {
        both(before, after)
            .map(|(before, after)| count(&after).saturating_sub(count(&before)))
            .sum::<u64>()
    };
    let right: u64 = members.kills.iter().map(|kill| kill.by).sum();
    Members {
        false_suspicions: sum(|at| at.refuted),
        false_deaths: sum(|at| at.deaths).saturating_sub(right),
        ..members
    }
}

#[cfg(test)]
mod tests {
    use tidings_tools::figures::members::SeenKill;

    use super::*;

    fn reading(at_s: f64, sent: u64, deaths: u64) -> Option<Reading> {
        let (datagram_bytes, stream_bytes, relay_bytes) = (40 * sent, 10 * sent, 5_000 * sent);
        let (datagrams, refuted) = (sent, deaths / 2);
        Some(Reading {
            at_s,
            datagrams,
            datagram_bytes,
            stream_bytes,
            relay_bytes,
            refuted,
            deaths,
        })
    }

    #[test]
    fn rates_are_of_each_nodes_own_time_and_of_nodes_asked_twice() {
        let before = [reading(1.0, 10, 0), reading(3.0, 10, 0), reading(1.0, 5, 0), None];
        let after = [reading(11.0, 30, 0), reading(8.0, 30, 0), None, reading(9.0, 5, 0)];
        let rates = rates(&before, &after);
        assert_eq!((rates.datagrams_per_s, rates.datagrams_per_s_max), (Some(3.0), Some(4.0)));
        assert_eq!(
            (rates.datagram_bytes_per_s, rates.stream_bytes_per_s),
            (Some(120.0), Some(30.0))
        );
        assert_eq!((rates.relay_bytes_per_s, rates.share_of_relay), (Some(15_000.0), Some(0.01)));
        let none = super::rates(&[None], &[None]);
        assert_eq!((none.datagrams_per_s, none.share_of_relay), (None, None));
    }

    #[test]
    fn deaths_of_the_killed_are_no_mistakes() {
        let before = [reading(1.0, 0, 1), reading(1.0, 0, 0), reading(1.0, 0, 0)];
        let after = [reading(9.0, 0, 5), reading(9.0, 0, 2), None];
        let kill = SeenKill { by: 2, survivors: 2, ..SeenKill::default() };
        let members = Members { kills: vec![kill.clone(), kill], ..Members::default() };
        let members = with_mistakes(members, &before, &after);
        assert_eq!((members.false_suspicions, members.false_deaths), (3, 2));
    }
}
