//! How many are dialled for askers.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Most in a minute (go-libp2p: `throttleGlobalMax` of `AutoNAT`'s first version, `p2p/host/autonat/options.go`).
pub(super) const TOTAL: u32 = 30;

/// Most in a minute of one network (`throttlePeerMax` there, which is of one peer).
pub(super) const OF_GROUP: u32 = 3;

/// ... which begins anew (`throttleResetPeriod`).
const MINUTE: Duration = Duration::from_secs(60);

/// What was granted in this minute. Bounded by [`TOTAL`].
#[derive(Debug, Default)]
pub(super) struct Rate {
    since: Option<Instant>,
    total: u32,
    groups: HashMap<u32, u32>,
}

impl Rate {
    /// Whether one more is dialled for somebody of a network, which counts if so.
    pub(super) fn allows(&mut self, group: u32, now: Instant) -> bool {
        if self.since.is_none_or(|since| now >= since + MINUTE) {
            *self = Self { since: Some(now), ..Self::default() };
        }
        let of_group = self.groups.get(&group).copied().unwrap_or_default();
        let allows = self.total < TOTAL && of_group < OF_GROUP;
        if allows {
            self.total += 1;
            self.groups.insert(group, of_group + 1);
        }
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_without_end_has_few_dialled_and_leaves_others_their_part() {
        let (mut rate, begin) = (Rate::default(), Instant::now());
        let mut granted = |group: u32, second: u64| {
            let now = begin + Duration::from_secs(second);
            (0..1_000).filter(|_| rate.allows(group, now)).count()
        };
        assert_eq!((granted(1, 0), granted(1, 59), granted(2, 59)), (3, 0, 3));
        assert_eq!((3..100).map(|group| granted(group, 59)).sum::<usize>(), 24);
        assert_eq!(granted(1, 60), 3, "a minute later");
        assert!(rate.groups.len() <= TOTAL as usize);
    }
}
