//! Whether the peer at the other end is still there: hello in time, then pings.
//!
//! A ping leaves right after both hellos, so that the round-trip time is known early, and then every
//! `ping_interval_s`, spread by up to a quarter so that the links of a node don't beat together. One
//! ping is open at a time. A pong with another nonce is ignored (as Bitcoin Core's `p2p_ping.py` has it).

use crate::ground::link::Direction;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::link::{Link, LinkTable};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::{Cx, Part};
use crate::params::HealthParams;

/// The watch over all links.
#[derive(Clone, Debug)]
pub struct Health {
    links: LinkTable<Watch>,
    /// The earliest of all moments, or earlier: after a round of pings the node wakes once in vain,
    /// which costs less than a walk over all links for each pong.
    next: Time,
}

#[derive(Clone, Debug)]
struct Watch {
    state: State,
    /// When the state's time is up.
    at: Time,
    /// The last round trip, microseconds; [`UNKNOWN`] at first.
    rtt_us: u32,
    /// The shortest.
    least_us: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitingHello { spared: bool },
    Resting,
    AwaitingPong { nonce: u64, sent: Time, spared: bool },
}

/// A wake-up that is so late tells of an absence: the machine was suspended, or the process stopped. A guess: far
/// longer than any turn of a busy driver.
pub const ABSENT: Duration = Duration::from_secs(1);

/// How long a peer is waited for after an absence, so that what it sent meanwhile can be read. A guess.
pub const GRACE: Duration = Duration::from_secs(5);

/// No round trip yet.
const UNKNOWN: u32 = u32::MAX;

/// What is due on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a ping with this nonce.
    Ping(u64),
    /// Close the link.
    Close(Reason),
}

impl Default for Health {
    fn default() -> Self {
        Self { links: LinkTable::default(), next: Time::NEVER }
    }
}

impl Health {
    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.links.reserve(links);
    }

    /// A link came up.
    pub fn on_connected(&mut self, link: Link, now: Time, params: &HealthParams) {
        let at = now + Duration::from_secs(params.hello_timeout_s);
        self.links.insert(
            link,
            Watch {
                state: State::AwaitingHello { spared: false },
                at,
                rtt_us: UNKNOWN,
                least_us: UNKNOWN,
            },
        );
        self.next = self.next.min(at);
    }

    /// The peer said hello: a ping is due at once.
    pub fn on_hello(&mut self, link: Link, now: Time) {
        if let Some(watch) = self.links.get_mut(link) {
            watch.state = State::Resting;
            watch.at = now;
            self.next = now;
        }
    }

    /// A link went down.
    pub fn on_disconnected(&mut self, link: Link) {
        self.links.remove(link);
        self.find_next();
    }

    /// A pong came. Returns whether it is the one that was awaited.
    pub fn on_pong(
        &mut self,
        link: Link,
        nonce: u64,
        now: Time,
        params: &HealthParams,
        rng: &mut dyn Rng,
    ) -> bool {
        let Some(watch) = self.links.get_mut(link) else { return false };
        let State::AwaitingPong { nonce: expected, sent, .. } = watch.state else { return false };
        if nonce != expected {
            return false;
        }
        watch.rtt_us = u32::try_from((now - sent).as_micros()).unwrap_or(UNKNOWN - 1);
        watch.least_us = watch.least_us.min(watch.rtt_us);
        watch.state = State::Resting;
        let interval = Duration::from_secs(params.ping_interval_s);
        watch.at = now + interval.mul_f64(rng.random_range(0.75..1.25));
        self.next = self.next.min(watch.at);
        true
    }

    /// Time passed: hands over what is due, in slot order.
    ///
    /// Whoever is woken long after it asked to be wasn't there, and what came meanwhile may lie unread: a peer that
    /// would be given up gets [`GRACE`], once.
    pub fn on_wake(
        &mut self,
        now: Time,
        params: &HealthParams,
        rng: &mut dyn Rng,
        mut due: impl FnMut(Link, Due),
    ) {
        if now < self.next {
            return;
        }
        let was_absent = now.since(self.next) >= ABSENT;
        for (link, watch) in self.links.iter_mut() {
            if watch.at > now {
                continue;
            }
            match watch.state {
                State::Resting => {
                    let nonce = rng.next_u64();
                    watch.state = State::AwaitingPong { nonce, sent: now, spared: false };
                    watch.at = now + Duration::from_secs(params.ping_timeout_s);
                    due(link, Due::Ping(nonce));
                }
                State::AwaitingHello { ref mut spared }
                | State::AwaitingPong { ref mut spared, .. }
                    if was_absent && !*spared =>
                {
                    *spared = true;
                    watch.at = now + GRACE;
                }
                State::AwaitingHello { .. } => {
                    watch.at = Time::NEVER;
                    due(link, Due::Close(Reason::HelloTimeout));
                }
                State::AwaitingPong { .. } => {
                    watch.at = Time::NEVER;
                    due(link, Due::Close(Reason::PingTimeout));
                }
            }
        }
        self.find_next();
    }

    /// The last round trip on a link.
    #[must_use]
    pub fn rtt(&self, link: Link) -> Option<Duration> {
        self.trip(link, |watch| watch.rtt_us)
    }

    /// The shortest round trip on a link: nobody can make it shorter than it is, and whoever is busy for a moment isn't
    /// farther away.
    #[must_use]
    pub fn least_rtt(&self, link: Link) -> Option<Duration> {
        self.trip(link, |watch| watch.least_us)
    }

    fn trip(&self, link: Link, of: impl Fn(&Watch) -> u32) -> Option<Duration> {
        let us = self.links.get(link).map(of).filter(|us| *us != UNKNOWN)?;
        Some(Duration::from_micros(us.into()))
    }

    fn find_next(&mut self) {
        self.next = self.links.iter().map(|(_, watch)| watch.at).min().unwrap_or(Time::NEVER);
    }
}

impl Part for Health {
    fn on_link_up(&mut self, link: Link, _direction: Direction, cx: &mut Cx<'_>) {
        self.on_connected(link, cx.now, &cx.params.health);
    }

    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.on_disconnected(link);
    }

    fn deadline(&self) -> Time {
        self.next
    }

    fn keeps(&self, link: Link) -> bool {
        self.links.get(link).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    const LINK: Link = Link::new(0, 1);

    fn params() -> HealthParams {
        HealthParams { ping_interval_s: 100, ping_timeout_s: 10, hello_timeout_s: 20 }
    }

    fn wake(health: &mut Health, now: Time) -> Vec<Due> {
        let mut all = Vec::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        health.on_wake(now, &params(), &mut rng, |_, due| all.push(due));
        all
    }

    fn secs(secs: u64) -> Time {
        Time::from_millis(secs * 1_000)
    }

    fn ping_after_hello(health: &mut Health, now: Time) -> u64 {
        health.on_connected(LINK, now, &params());
        health.on_hello(LINK, now);
        match wake(health, now)[..] {
            [Due::Ping(nonce)] => nonce,
            ref other => panic!("expected a ping, got {other:?}"),
        }
    }

    #[test]
    fn a_peer_that_never_says_hello_is_dropped() {
        let mut health = Health::default();
        health.on_connected(LINK, secs(0), &params());
        assert_eq!(health.deadline(), secs(20));
        assert!(wake(&mut health, secs(19)).is_empty());
        assert_eq!(wake(&mut health, secs(20)), [Due::Close(Reason::HelloTimeout)]);
        assert!(wake(&mut health, secs(30)).is_empty(), "it is said once");
    }

    #[test]
    fn a_pong_gives_the_round_trip_time_and_a_rest() {
        let mut health = Health::default();
        let nonce = ping_after_hello(&mut health, secs(0));
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        health.on_pong(LINK, nonce, Time::from_millis(70), &params(), &mut rng);
        assert_eq!(health.rtt(LINK), Some(Duration::from_millis(70)));
        assert!(wake(&mut health, secs(10)).is_empty());
        assert!(health.deadline() >= secs(75) && health.deadline() < secs(126));
    }

    #[test]
    fn a_peer_that_does_not_answer_is_dropped() {
        let mut health = Health::default();
        ping_after_hello(&mut health, secs(0));
        assert_eq!(wake(&mut health, secs(10)), [Due::Close(Reason::PingTimeout)]);
    }

    #[test]
    fn a_pong_with_another_nonce_is_ignored() {
        let mut health = Health::default();
        let nonce = ping_after_hello(&mut health, secs(0));
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        health.on_pong(LINK, nonce ^ 1, secs(1), &params(), &mut rng);
        assert_eq!(health.rtt(LINK), None);
        assert_eq!(wake(&mut health, secs(10)), [Due::Close(Reason::PingTimeout)]);
    }

    #[test]
    fn after_an_absence_a_pong_that_is_there_counts_before_anybody_is_given_up() {
        let mut health = Health::default();
        let nonce = ping_after_hello(&mut health, secs(0));
        assert!(
            wake(&mut health, secs(3_600)).is_empty(),
            "an hour of sleep is not the peer's fault"
        );
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        assert!(health.on_pong(LINK, nonce, secs(3_600), &params(), &mut rng));
        assert!(wake(&mut health, secs(3_605)).is_empty());
    }

    #[test]
    fn a_peer_that_is_gone_after_an_absence_is_given_up_soon() {
        let mut health = Health::default();
        ping_after_hello(&mut health, secs(0));
        assert!(wake(&mut health, secs(3_600)).is_empty());
        assert_eq!(health.deadline(), secs(3_605));
        // However late we are again.
        assert_eq!(wake(&mut health, secs(7_200)), [Due::Close(Reason::PingTimeout)]);
    }

    #[test]
    fn a_link_that_is_gone_is_not_watched() {
        let mut health = Health::default();
        ping_after_hello(&mut health, secs(0));
        health.on_disconnected(LINK);
        assert_eq!(health.deadline(), Time::NEVER);
    }
}
