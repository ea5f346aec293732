//! What an outage came to: what the node's book lost by it, how soon its links stood again, and what must hold of that.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use tidings::api::AddressStatus;
use tidings_protocol::ground::peer::PeerAddr;

/// How long a node may take to have all its links again, seconds from when its network is back.
pub(super) const BACK_MAX_S: f64 = 30.0;

/// How two books differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// Addresses that are gone.
    pub(super) gone: usize,
    /// Addresses that were reached before, and aren't known to have been any more.
    pub(super) doubted: usize,
    /// Addresses of which more failures are held against them.
    pub(super) blamed: usize,
    /// Addresses that came.
    pub(super) came: usize,
}

impl Difference {
    /// From one book to a later one.
    pub(super) fn between(before: &[AddressStatus], after: &[AddressStatus]) -> Self {
        let index = |book: &[AddressStatus]| -> BTreeMap<PeerAddr, AddressStatus> {
            book.iter().map(|record| (record.addr, record.clone())).collect()
        };
        let (before, after) = (index(before), index(after));
        let mut difference = Self::default();
        for (addr, record) in &before {
            let Some(later) = after.get(addr) else {
                difference.gone += 1;
                continue;
            };
            difference.doubted += usize::from(record.successes > 0 && later.successes == 0);
            difference.blamed += usize::from(later.failures > record.failures);
        }
        difference.came = after.keys().filter(|addr| !before.contains_key(*addr)).count();
        difference
    }

    /// Whether nothing is lost.
    const fn is_harmless(&self) -> bool {
        self.gone == 0 && self.doubted == 0 && self.blamed == 0
    }

    fn told(&self) -> String {
        let Self { gone, doubted, blamed, came } = self;
        format!("{gone} gone, {doubted} no longer known as reached, {blamed} blamed, {came} new")
    }
}

/// What an outage came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// How the network went away.
    pub(super) how: &'static str,
    /// Other nodes.
    pub(super) others: usize,
    /// For how long, seconds.
    pub(super) away_s: f64,
    /// Outbound links that the node wants.
    pub(super) wanted: usize,
    /// Links before, outbound and inbound.
    pub(super) links_before: [usize; 2],
    /// When the last of its links was given up, seconds after the network went away; `None` if some outlived it.
    pub(super) alone_s: Option<f64>,
    /// Dials meanwhile.
    pub(super) dials: u64,
    /// Addresses in the book before, and how many of them were reached.
    pub(super) addresses: [usize; 2],
    /// How the book of before differs from that of just before the network came back.
    pub(super) meanwhile: Difference,
    /// How it differs from that of when all links stood again.
    pub(super) in_the_end: Difference,
    /// When the first link stood again, seconds after the network was back.
    pub(super) first_s: Option<f64>,
    /// When all outbound links did; `None` if not for as long as was waited.
    pub(super) back_s: Option<f64>,
    /// When a transaction that another node was given then had arrived, seconds after that.
    pub(super) relayed_s: Option<f64>,
    /// What didn't hold.
    pub(super) broken: Vec<String>,
}

impl Report {
    /// Notes what doesn't hold.
    pub(super) fn judge(&mut self) {
        let mut broken = Vec::new();
        for (when, difference) in
            [("without the network", &self.meanwhile), ("in the end", &self.in_the_end)]
        {
            if !difference.is_harmless() {
                broken.push(format!("the book isn't as before {when}: {}", difference.told()));
            }
        }
        match self.back_s {
            Some(back_s) if back_s <= BACK_MAX_S => {}
            Some(back_s) => {
                broken.push(format!("all links stood after {back_s:.1} s, bound {BACK_MAX_S:.0}"));
            }
            None => broken.push(format!("fewer than {} links stand", self.wanted)),
        }
        if self.relayed_s.is_none() {
            broken.push("a transaction of after that didn't arrive".to_owned());
        }
        self.broken = broken;
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let seconds = |value: Option<f64>| {
            value.map_or_else(|| "never".to_owned(), |value| format!("{value:.1} s"))
        };
        let ([outbound, inbound], [known, reached]) = (self.links_before, self.addresses);
        let mut text = format!(
            "a node of {} with {outbound} outbound and {inbound} inbound links, {known} addresses known, {reached} of them reached\n\
             network away ({}) for {:.0} s: last link given up after {}, {} dials\n\
             book meanwhile: {}\n\
             network back: first link after {}, all {} after {}, a transaction {} later\n\
             book in the end: {}\n",
            self.others + 1,
            self.how,
            self.away_s,
            seconds(self.alone_s),
            self.dials,
            self.meanwhile.told(),
            seconds(self.first_s),
            self.wanted,
            seconds(self.back_s),
            seconds(self.relayed_s),
            self.in_the_end.told(),
        );
        for broken in &self.broken {
            let _ = writeln!(text, "NOT HELD: {broken}");
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(port: u16, successes: u32, failures: u16) -> AddressStatus {
        AddressStatus {
            addr: PeerAddr::tcp(([10, 77, 0, 1], port).into()),
            tried: successes > 0,
            bucket: 0,
            group: None,
            source: "a peer nearby".to_owned(),
            connected: false,
            attempted_s: None,
            reached_s: None,
            successes,
            failures,
            retry_s: 0.0,
        }
    }

    #[test]
    fn a_book_loses_addresses_what_is_known_of_them_or_their_good_name() {
        let before = [record(1, 2, 0), record(2, 1, 1), record(3, 0, 0), record(4, 1, 0)];
        let after = [record(1, 0, 0), record(2, 3, 0), record(4, 1, 1), record(5, 0, 0)];
        let difference = Difference::between(&before, &after);
        assert_eq!(difference, Difference { gone: 1, doubted: 1, blamed: 1, came: 1 });
        assert!(!difference.is_harmless());
        assert!(Difference::between(&before, &before).is_harmless());
    }

    #[test]
    fn what_is_late_or_lost_is_told() {
        let good = Report { back_s: Some(29.9), relayed_s: Some(0.1), ..Report::default() };
        let broken = |change: fn(&mut Report)| {
            let mut report = good.clone();
            change(&mut report);
            report.judge();
            report.broken.len()
        };
        assert_eq!(broken(|_| {}), 0);
        assert_eq!(broken(|report| report.back_s = Some(30.1)), 1);
        assert_eq!(broken(|report| report.back_s = None), 1);
        assert_eq!(broken(|report| report.relayed_s = None), 1);
        assert_eq!(broken(|report| report.meanwhile.blamed = 1), 1);
        assert_eq!(broken(|report| report.in_the_end.gone = 1), 1);
    }
}
