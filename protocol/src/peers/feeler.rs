//! Feelers: now and then an address beside the outbound set is dialled, and now and then what it found
//! takes the place of a link of the set.
//!
//! # Why
//! A set that stands dials nobody. A network that broke in two, where both sides refilled their sets from
//! what they could still reach, would then stay broken for ever. A feeler crosses the gap: for
//! [`STAY`] it is a link like any other, long enough for both ends to compare what they have, and once in a
//! while it stays. Along the way it tells which addresses are alive.
//!
//! # Rules
//! 1. While the set stands, an address of the book that isn't connected is dialled after an
//!    exponentially distributed wait of mean `peers.feeler_s`. At most one feeler at a time, in addition
//!    to `peers.outbound`; none in fixed mode or where that is 0, and none while the book knows nobody else.
//!    First come those whose place in *tried* another one waits for (`book/collisions.rs`); then one is drawn as for the set,
//!    but with half of the draws among those never reached (`book/choice.rs`).
//! 2. After [`STAY`] it is closed; but if the last exchange was `peers.rotate_s` ago, it stays and a
//!    random link of the set is closed instead. *Rationale:* choosing both uniformly keeps the overlay a
//!    random graph. Rarely, because what is learned about a link goes with it: with the defaults a
//!    link of the set lasts about an hour. One that is of a group that has a link doesn't stay.
//!
//! 3. **A set that was chosen among few settles**: once the book holds twice as many addresses as when the set was last chosen, all of its links are
//!    exchanged, the oldest first, a feeler every few seconds. *Rationale:* whoever starts early is all that those who start after it know,
//!    and would be dialled three times as often as others for hours: the first nodes of a network, its bootstrap nodes above all, would be
//!    hot spots and worth attacking. *Attack:* whoever makes the book grow has links exchanged, each drawn as any link is; from twenty
//!    addresses to ten thousand that is nine times. It takes at most [`SETTLING_MAX`] each time.
//!
//! # How soon a gap is bridged
//! Of `n` nodes in halves, each makes an exchange every `rotate_s + feeler_s` and finds the other half with
//! every second: the first lasting bridge takes about `2 (rotate_s + feeler_s) / n`, 8 s among 100 nodes,
//! and the first passing one `2 feeler_s / n`. Addresses that failed while the gap was there rest
//! for as long again as it lasted (backoff), at most `peers.retry_max_ms`.
//!
//! *Attack:* who can be dialled at many addresses is found by feelers as often as by the set itself, and
//! gets its share of the links, no more.

use std::time::Duration;

use rand::RngExt as _;

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::machine::Cx;

use super::backoff::exponential;

/// How long a feeler lasts: a comparison of what both ends have takes a few round trips. A guess.
pub(super) const STAY: Duration = Duration::from_secs(10);

/// Mean wait between feelers while a set settles, milliseconds. A guess: with [`STAY`] it then takes two minutes.
const SETTLING_MS: u64 = 5_000;

/// How long a set may settle: among many addresses where nobody is that comes to nothing. A guess.
const SETTLING_MAX: Duration = Duration::from_secs(600);

/// When it is first looked whether a set is to settle: so long after it stood, and up to as long again. A guess: by then a network that starts
/// at once knows itself.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// When to feel, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Feeler {
    /// When the next feeler is dialled; never before the set has stood.
    due: Time,
    /// No link is exchanged before.
    rotate_from: Time,
    /// How many addresses the book held when the set was last chosen.
    chosen_among: u32,
    /// How many links are yet to be exchanged since it settles, and until when.
    to_settle: u32,
    settles_until: Time,
    /// Whether the one under way may take the place of a link: those that try what nobody ever reached never do, or whoever tells addresses
    /// would choose half of the links.
    may_stay: bool,
    probe: Probe,
}

/// Which link of the set goes for a feeler that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Any.
    Any,
    /// The one that has been there for longest.
    Oldest,
}

/// The feeler under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    None,
    Dialled(PeerAddr),
    Up { link: Link, until: Time, ready: bool },
}

impl Feeler {
    /// None under way, none planned.
    pub(super) const fn new() -> Self {
        Self {
            due: Time::NEVER,
            rotate_from: Time::NEVER,
            chosen_among: 0,
            to_settle: 0,
            settles_until: Time::ZERO,
            may_stay: false,
            probe: Probe::None,
        }
    }

    /// The set stands, with so many addresses in the book: a feeler is planned, unless one is already.
    pub(super) fn plan(&mut self, known: usize, cx: &mut Cx<'_>) {
        if self.due != Time::NEVER {
            return;
        }
        if self.rotate_from == Time::NEVER {
            // Nodes that start together are not to exchange links together.
            let wait = Duration::from_secs(cx.params.peers.rotate_s);
            self.rotate_from = cx.now + wait.mul_f64(cx.rng.random());
            self.chosen_among = u32::try_from(known).unwrap_or(u32::MAX);
            let first = FIRST_LOOK + FIRST_LOOK.mul_f64(cx.rng.random());
            self.due = (cx.now + first).min(self.usual(cx));
            return;
        }
        self.look_at_growth(known, cx);
        self.due = match self.settles(cx.now) {
            true => cx.now + exponential(SETTLING_MS, cx.rng),
            false => self.usual(cx),
        };
    }

    fn usual(&self, cx: &mut Cx<'_>) -> Time {
        cx.now + exponential(cx.params.peers.feeler_s.saturating_mul(1_000), cx.rng)
    }

    /// Has the set settle if it was chosen among few, by what is known now.
    fn look_at_growth(&mut self, known: usize, cx: &Cx<'_>) {
        if !self.settles(cx.now) {
            self.to_settle = 0;
        }
        let known = u32::try_from(known).unwrap_or(u32::MAX);
        if self.to_settle == 0 && known / 2 >= self.chosen_among {
            self.to_settle = u32::try_from(cx.params.peers.outbound).unwrap_or(u32::MAX);
            self.settles_until = cx.now + SETTLING_MAX;
            self.chosen_among = known;
        }
    }

    fn settles(&self, now: Time) -> bool {
        self.to_settle > 0 && self.settles_until > now
    }

    /// Whether to dial one now. If so, the next has to be planned anew.
    pub(super) fn take_due(&mut self, now: Time) -> bool {
        let due = self.due <= now && self.probe == Probe::None;
        if due {
            self.due = Time::NEVER;
        }
        due
    }

    /// Whether the next one is to take the place of a link; else it is to try what nobody ever reached.
    pub(super) fn is_exchange_due(&self, now: Time) -> bool {
        self.to_settle > 0 || self.rotate_from <= now
    }

    /// An address is dialled, to stay or to be tried.
    pub(super) const fn dial(&mut self, addr: PeerAddr, may_stay: bool) {
        self.may_stay = may_stay;
        self.probe = Probe::Dialled(addr);
    }

    /// Whether a dial is under way.
    pub(super) const fn is_dialling(&self) -> bool {
        matches!(self.probe, Probe::Dialled(_))
    }

    /// The dial of an address ended. Returns whether it was a feeler.
    pub(super) fn dial_ended(&mut self, addr: PeerAddr) -> bool {
        let ours = self.probe == Probe::Dialled(addr);
        if ours {
            self.probe = Probe::None;
        }
        ours
    }

    /// It found somebody.
    pub(super) fn found(&mut self, link: Link, now: Time) {
        self.probe = Probe::Up { link, until: now + STAY, ready: false };
    }

    /// Whether a link is a feeler.
    pub(super) fn is(&self, link: Link) -> bool {
        matches!(self.probe, Probe::Up { link: ours, .. } if ours == link)
    }

    /// Another link took the place of one that is a feeler.
    pub(super) fn pass_to(&mut self, link: Link) {
        if let Probe::Up { link: ours, ready, .. } = &mut self.probe {
            (*ours, *ready) = (link, false);
        }
    }

    /// Whether there is a link that is a feeler.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self.probe, Probe::Up { .. })
    }

    /// The peer on a link said hello.
    pub(super) fn hello(&mut self, link: Link) {
        if let Probe::Up { link: ours, ready, .. } = &mut self.probe
            && *ours == link
        {
            *ready = true;
        }
    }

    /// Whether there is a link that is a feeler and ready.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.probe, Probe::Up { ready: true, .. })
    }

    /// A link is gone.
    pub(super) fn forget(&mut self, link: Link) {
        if self.is(link) {
            self.probe = Probe::None;
        }
    }

    /// Whether a feeler has stayed for long enough. Asked after every input.
    pub(super) fn is_over(&self, now: Time) -> bool {
        matches!(self.probe, Probe::Up { until, .. } if until <= now)
    }

    /// A feeler that has stayed for long enough, which is an ordinary link from now on.
    pub(super) fn take_over(&mut self, now: Time) -> Option<Link> {
        match self.probe {
            Probe::Up { link, until, .. } if until <= now => {
                self.probe = Probe::None;
                Some(link)
            }
            Probe::None | Probe::Dialled(_) | Probe::Up { .. } => None,
        }
    }

    /// Which link of the set is exchanged now, if one may be. Unless the set settles, the next one may after `peers.rotate_s`.
    pub(super) fn take_rotation(&mut self, cx: &Cx<'_>) -> Option<Leaving> {
        if !self.may_stay {
            return None;
        }
        if self.to_settle > 0 {
            self.to_settle -= 1;
            return Some(Leaving::Oldest);
        }
        let may = self.rotate_from <= cx.now;
        if may {
            self.rotate_from = cx.now + Duration::from_secs(cx.params.peers.rotate_s);
        }
        may.then_some(Leaving::Any)
    }

    /// When something is to be done.
    pub(super) const fn deadline(&self) -> Time {
        match self.probe {
            Probe::None => self.due,
            Probe::Dialled(_) => Time::NEVER,
            Probe::Up { until, .. } => until,
        }
    }
}
