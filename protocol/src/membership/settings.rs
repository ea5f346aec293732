//! How a member behaves. Presets: [`Settings::fleet`], the default, and memberlist's three.
//!
//! # How soon a death is seen
//! The first to see it takes, on average, with everybody in good health,
//!
//! ```text
//! the first ping reaches it:  probe_interval                    (n - 1 members ping one of n - 1 each: one ping in an interval, at any moment)
//! + it stays unanswered:      probe_interval * (health + 1)
//! + suspicion:                max(suspicion_floor, suspicion_mult * max(1, log10 n) * probe_interval)
//! ```
//! SWIM counts the first as 1/(1 - 1/e) = 1.58 intervals, from the begin of one to the end of another (Das et al. 2002, §3.2). With `fleet` that
//! is 1 + 1 + 2.1 = 4.1 s at any n, for a machine that falls silent. A process that is killed on a machine that goes on is seen
//! sooner: whoever tries it by a stream is refused, and then suspicion is [`Settings::refused_wait`]: 1 + 1 + 1 = 3 s. With `lan` it is 1 + 1 +
//! 4 log10 n, 7.2 s at n = 20. Simulated (20 members, 400 deaths each): 4.11 and 3.01 s, and with `lan` 7.42 s; with 1,000 members 3.96 and 2.86 s
//! (20 deaths).
//!
//! # Why a pause of three seconds isn't a death
//! Nobody can tell a member that is paused from a silent one before the pause is over. The first ping that it misses comes at s >= 0 after
//! it stopped, and nobody declares it failed before s + 1 + 2.1 s. It goes on after 3 s, finds the accusation among what came meanwhile, and
//! refutes it to its accuser at once: a tenth of a second is left for that. Those who only heard of the suspicion wait for longer
//! ([`Settings::hearsay_rounds`]), since the refutation comes to them by gossip; whom it missed asks before it gives its verdict. So the
//! accuser's suspicion needn't grow with log n, as it must where all have one timer. A pause of three seconds and a mean of much less than
//! four for silence can't both be had: at one ping a second and member the wait alone is one. And a ping that was lost in the
//! second before the pause takes that from the three: with a hundredth of all lost, so is one pause in a hundred taken for a death.
//!
//! A process that is gone refuses streams, a paused one doesn't: its system still takes them.

use std::time::Duration;

pub use riding::{FailureDetector, Riding};

use super::packet::PACKET_MAX;

mod riding;

/// How a member behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// From one ping to the next. One second: memberlist's `ProbeInterval` for LANs. A member sends one ping and answers one in it.
    pub probe_interval: Duration,
    /// After how long without an answer others are asked to ping. Half a second: memberlist's `ProbeTimeout` for LANs.
    pub probe_timeout: Duration,
    /// How many others are asked. Three: memberlist's `IndirectChecks`. None switches that off.
    pub indirect: usize,
    /// Whether the target is then also pinged by a stream. memberlist's `DisableTcpPings`, turned round.
    pub stream_ping: bool,
    /// Whether those asked say that they have no answer either, so that it is known whose fault silence is (Lifeguard, §IV.A).
    pub nacks: bool,
    /// Whether a suspected member is told so by whoever pings, accuses or answers it (Lifeguard's buddy system, §IV.C).
    pub buddy: bool,
    /// The highest score of local health; pings take `score + 1` times as long. 7: memberlist's `AwarenessMaxMultiplier` of 8. Zero switches
    /// local health off (Lifeguard, §IV.A).
    pub health_max: u32,
    /// Whether one that stood still (a wake-up that is late by more than a probe interval) doubts itself: what was due meanwhile is held against
    /// nobody. Ours; memberlist has nothing like it.
    pub notice_stalls: bool,
    /// While a member hears nobody at all for more than two probe intervals, though there should be two others at least, it is itself that is
    /// deaf, more probably than that all others died: then it gives no verdict, but for no longer than this. So whoever is really
    /// cut off takes the others for dead as much later. A guess, above the half minute for which Lifeguard's paper makes members slow. Zero
    /// switches it off. Ours, too.
    pub deaf_max: Duration,
    /// Whether those who are taken for dead can't accuse others. Ours, too.
    pub doubt_failed: bool,
    /// The shortest suspicion, in probe intervals, for each power of ten of the members. memberlist's `SuspicionMult`.
    pub suspicion_mult: f64,
    /// What a suspicion lasts at least, whatever the number of members.
    pub suspicion_floor: Duration,
    /// How many times as long a suspicion lasts that nobody else confirms. 6: memberlist's `SuspicionMaxTimeoutMult`. 1 switches
    /// confirmations off (Lifeguard, §IV.B).
    pub suspicion_max_mult: f64,
    /// How many confirmations make it as short as it gets. memberlist has `SuspicionMult - 2`.
    pub confirmations: u32,
    /// Whether whoever was asked to ping and had no answer counts as a confirmation.
    pub nacks_confirm: bool,
    /// How many gossip intervals for each doubling of the members those wait longer who only heard of a suspicion. A guess: rumors of fan-out 3
    /// are everywhere within half of that. Zero: all wait as long, as in memberlist.
    pub hearsay_rounds: u32,
    /// How long a suspicion lasts when a stream to the suspect was refused and two others had no answer either. `None`: as any.
    pub refused_wait: Option<Duration>,
    /// From one telling of news to the next, while there is some. memberlist's `GossipInterval`.
    pub gossip_interval: Duration,
    /// How many are told. memberlist's `GossipNodes`.
    pub fanout: usize,
    /// News is told `mult * ceil(log10(n + 1))` times by each. memberlist's `RetransmitMult`.
    pub retransmit_mult: u32,
    /// For how long the dead are told news too, so that one who lives hears of its death. memberlist's `GossipToTheDeadTime`.
    pub tell_failed: Duration,
    /// From one exchange of all that is known to the next, up to 32 members; with more, times `ceil(log2(n / 32)) + 1`, as memberlist's
    /// `pushPullScale`. memberlist's `PushPullInterval`. Zero switches exchanges off, but for those of joining.
    pub exchange: Duration,
    /// Most bytes of members in an exchange. What doesn't fit has its turn in the next. A guess.
    pub exchange_bytes: usize,
    /// How often one of the failed is tried again, with the chance of failed to present: without it a long partition would last for ever.
    /// Serf's `ReconnectInterval`. Zero switches it off.
    pub reconnect: Duration,
    /// How often those whom it was told to join are asked again, while it knows nobody who is there. A guess.
    pub join_retry: Duration,
    /// For how long the failed are remembered. A day: Serf's `ReconnectTimeout`.
    pub keep_failed: Duration,
    /// For how long those who left are remembered. A day: Serf's `TombstoneTimeout`.
    pub keep_left: Duration,
    /// How long it takes to leave at most, when the news of it can't be told as often as it should. Serf's `BroadcastTimeout`.
    pub leave_timeout: Duration,
    /// Most members, itself among them. When that is reached, the one that failed or left first is forgotten for each that comes; without
    /// any, nobody else is taken, and that is counted. A guess.
    pub members_max: usize,
    /// Most pings at a time for others. What is asked beyond it isn't done, and counted. A guess.
    pub relays_max: usize,
    /// Most of them for one member. A guess: a member has one ping of its own out at a time.
    pub relays_each: usize,
    /// Most news that waits to be told, and most bytes of it; what was told most often goes first. Guesses.
    pub news_max: (usize, usize),
    /// What else rides on the pings.
    pub riding: Riding,
}

impl Default for Settings {
    fn default() -> Self {
        Self::fleet()
    }
}

impl Settings {
    /// For the fleet of one operator, in one place or several. See the head of this file for its reasons.
    #[must_use]
    pub const fn fleet() -> Self {
        Self {
            suspicion_mult: 0.0,
            suspicion_floor: Duration::from_millis(2_100),
            suspicion_max_mult: 3.0,
            nacks_confirm: true,
            hearsay_rounds: 2,
            refused_wait: Some(Duration::from_secs(1)),
            notice_stalls: true,
            deaf_max: Duration::from_secs(60),
            doubt_failed: true,
            riding: Riding::FLEET,
            ..Self::lan()
        }
    }

    /// The same with phi for a detector.
    #[must_use]
    pub const fn phi() -> Self {
        Self { riding: Riding { detector: FailureDetector::Phi, ..Riding::FLEET }, ..Self::fleet() }
    }

    /// A preset by its name: `fleet`, `phi`, `lan`, `wan` or `local`.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Some(match name {
            "fleet" => Self::fleet(),
            "phi" => Self::phi(),
            "lan" => Self::lan(),
            "wan" => Self::wan(),
            "local" => Self::local(),
            _ => return None,
        })
    }

    /// memberlist's `DefaultLANConfig` (0.5), with what Serf adds to it.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            probe_interval: Duration::from_secs(1),
            probe_timeout: Duration::from_millis(500),
            indirect: 3,
            stream_ping: true,
            nacks: true,
            buddy: true,
            health_max: 7,
            notice_stalls: false,
            deaf_max: Duration::ZERO,
            doubt_failed: false,
            suspicion_mult: 4.0,
            suspicion_floor: Duration::ZERO,
            suspicion_max_mult: 6.0,
            confirmations: 2,
            nacks_confirm: false,
            hearsay_rounds: 0,
            refused_wait: None,
            gossip_interval: Duration::from_millis(200),
            fanout: 3,
            retransmit_mult: 4,
            tell_failed: Duration::from_secs(30),
            exchange: Duration::from_secs(30),
            exchange_bytes: 256 << 10,
            reconnect: Duration::from_secs(30),
            join_retry: Duration::from_secs(5),
            keep_failed: Duration::from_secs(24 * 3_600),
            keep_left: Duration::from_secs(24 * 3_600),
            leave_timeout: Duration::from_secs(5),
            members_max: 16_384,
            relays_max: 64,
            relays_each: 4,
            news_max: (16_384, 4 << 20),
            riding: Riding::SERF,
        }
    }

    /// memberlist's `DefaultWANConfig` (0.5).
    #[must_use]
    pub const fn wan() -> Self {
        Self {
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(3),
            suspicion_mult: 6.0,
            confirmations: 4,
            gossip_interval: Duration::from_millis(500),
            fanout: 4,
            tell_failed: Duration::from_secs(60),
            exchange: Duration::from_secs(60),
            ..Self::lan()
        }
    }

    /// memberlist's `DefaultLocalConfig` (0.5).
    #[must_use]
    pub const fn local() -> Self {
        Self {
            probe_timeout: Duration::from_millis(200),
            indirect: 1,
            suspicion_mult: 3.0,
            confirmations: 1,
            gossip_interval: Duration::from_millis(100),
            retransmit_mult: 2,
            tell_failed: Duration::from_secs(15),
            exchange: Duration::from_secs(15),
            ..Self::lan()
        }
    }

    /// The same without any of Lifeguard, nor what we added to it: SWIM with suspicion.
    #[must_use]
    pub const fn without_lifeguard(self) -> Self {
        Self {
            nacks: false,
            buddy: false,
            health_max: 0,
            suspicion_max_mult: 1.0,
            nacks_confirm: false,
            notice_stalls: false,
            deaf_max: Duration::ZERO,
            doubt_failed: false,
            ..self
        }
    }

    /// The shortest suspicion among `n`.
    #[must_use]
    pub fn suspicion_min(&self, n: usize) -> Duration {
        let tens = (n.max(1) as f64).log10().max(1.0);
        self.probe_interval.mul_f64(self.suspicion_mult * tens).max(self.suspicion_floor)
    }

    /// How much longer those wait who only heard of it, among `n`.
    #[must_use]
    pub const fn hearsay(&self, n: usize) -> Duration {
        let doublings = usize::BITS - n.leading_zeros();
        self.gossip_interval.saturating_mul(self.hearsay_rounds * doublings)
    }

    /// From one exchange to the next among `n`.
    #[must_use]
    pub const fn exchange_interval(&self, n: usize) -> Duration {
        let mut turns = 1;
        while 32 << (turns - 1) < n {
            turns += 1;
        }
        self.exchange.saturating_mul(turns)
    }

    /// What is possible of them: intervals above zero, so that no timer is due for ever, and what is told fits.
    pub(crate) fn checked(mut self) -> Self {
        let least = Duration::from_millis(1);
        for interval in
            [&mut self.probe_interval, &mut self.probe_timeout, &mut self.gossip_interval]
        {
            *interval = (*interval).max(least);
        }
        self.probe_timeout = self.probe_timeout.min(self.probe_interval);
        self.join_retry = self.join_retry.max(least);
        self.indirect = self.indirect.min(16);
        self.fanout = self.fanout.min(64);
        self.health_max = self.health_max.min(64);
        let times = |mult: f64, most: f64| if mult.is_nan() { most } else { mult.clamp(0.0, most) };
        self.suspicion_mult = times(self.suspicion_mult, 1_000.0);
        self.suspicion_max_mult = times(self.suspicion_max_mult, 1_000.0).max(1.0);
        self.exchange_bytes =
            self.exchange_bytes.clamp(PACKET_MAX, super::said::SAID_MAX - super::said::RIDERS_MAX);
        self.members_max = self.members_max.clamp(1, super::said::ENTRIES_MAX);
        self.riding = self.riding.checked();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspicions_last_as_memberlist_says() {
        let secs = |settings: Settings, n| settings.suspicion_min(n).as_secs_f64();
        assert!((secs(Settings::lan(), 1) - 4.0).abs() < 1e-9);
        assert!((secs(Settings::lan(), 20) - 5.204).abs() < 1e-3);
        assert!((secs(Settings::lan(), 1_000) - 12.0).abs() < 1e-9);
        assert!((secs(Settings::wan(), 100) - 60.0).abs() < 1e-9);
        assert!((secs(Settings::fleet(), 10_000) - 2.1).abs() < 1e-9);
    }

    #[test]
    fn exchanges_are_rarer_with_more_members_as_memberlist_scales_them() {
        let lan = Settings::lan();
        for (n, times) in [(1, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 3), (10_000, 10)] {
            assert_eq!(lan.exchange_interval(n), Duration::from_secs(30 * times), "{n}");
        }
    }

    #[test]
    fn what_cannot_be_is_made_possible() {
        let absurd = Settings {
            probe_interval: Duration::ZERO,
            suspicion_mult: f64::NAN,
            suspicion_max_mult: -1.0,
            members_max: 0,
            ..Settings::lan()
        };
        let checked = absurd.checked();
        assert!(checked.probe_interval > Duration::ZERO && checked.suspicion_max_mult >= 1.0);
        assert!(checked.suspicion_mult.is_finite() && checked.members_max == 1);
        for name in ["fleet", "phi", "lan", "wan", "local"] {
            let preset = Settings::preset(name).unwrap();
            assert_eq!(preset.clone().checked(), preset, "{name}");
        }
        assert_eq!(Settings::preset("other"), None);
        let riding = Riding { state: None, detector: FailureDetector::Phi, ..Riding::FLEET };
        let checked = Settings { riding, ..Settings::fleet() }.checked();
        assert_eq!(checked.riding.detector, FailureDetector::Pings, "no heartbeats, no phi");
    }
}
