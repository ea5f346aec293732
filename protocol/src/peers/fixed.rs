//! A fixed set of addresses to stay connected to, dialled again for ever.

use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::machine::Cx;

use super::backoff::Backoff;
use super::book::Choice;
use super::outage::ALONE_MAX_MS;

/// Addresses that our operator wants links to. Bounded by what the operator names.
#[derive(Clone, Debug)]
pub(super) struct Fixed(Vec<FixedAddr>);

#[derive(Clone, Debug)]
struct FixedAddr {
    addr: PeerAddr,
    connected: bool,
    backoff: Backoff,
}

impl Fixed {
    /// The set of these addresses, each once.
    pub(super) fn new(mut addrs: Vec<PeerAddr>) -> Self {
        addrs.sort_unstable();
        addrs.dedup();
        let fixed = |addr| FixedAddr { addr, connected: false, backoff: Backoff::default() };
        Self(addrs.into_iter().map(fixed).collect())
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the address is in the set.
    pub(super) fn contains(&self, addr: PeerAddr) -> bool {
        self.0.iter().any(|fixed| fixed.addr == addr)
    }

    /// Takes an address out: it is our own.
    pub(super) fn remove(&mut self, addr: PeerAddr) {
        self.0.retain(|fixed| fixed.addr != addr);
    }

    /// A link to the address came up, or went down.
    pub(super) fn set_connected(&mut self, addr: PeerAddr, connected: bool) {
        if let Some(fixed) = self.get_mut(addr) {
            fixed.connected = connected;
        }
    }

    /// An attempt at the address came to nothing. Returns when it is dialled again.
    pub(super) fn fail(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let fixed = self.get_mut(addr)?;
        fixed.backoff.fail(cx.now, &cx.params.peers, cx.rng);
        Some(fixed.backoff.until())
    }

    /// What was excused last is held against the address after all. Returns whether it is in the set.
    pub(super) fn blame(&mut self, addr: PeerAddr) -> bool {
        self.get_mut(addr).map(|fixed| fixed.backoff.blame()).is_some()
    }

    /// An attempt at the address came to nothing, perhaps by our own fault. Returns when it is dialled again.
    pub(super) fn excuse(&mut self, addr: PeerAddr, alone: bool, cx: &mut Cx<'_>) -> Option<Time> {
        let fixed = self.get_mut(addr)?;
        let params = &cx.params.peers;
        let cap_ms =
            if alone { params.retry_max_ms.min(ALONE_MAX_MS) } else { params.retry_max_ms };
        fixed.backoff.excuse(cx.now, cap_ms, params, cx.rng);
        Some(fixed.backoff.until())
    }

    /// What was excused was our own fault.
    pub(super) fn forgive(&mut self, now: Time) {
        self.0.iter_mut().for_each(|fixed| fixed.backoff.forgive(now));
    }

    /// A good link to the address ended. Returns when it is dialled again.
    pub(super) fn rest(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let fixed = self.get_mut(addr)?;
        fixed.backoff.rest(cx.now, &cx.params.peers, cx.rng);
        Some(fixed.backoff.until())
    }

    /// The first address that is neither connected, nor resting, nor among `busy`; or else when the
    /// next one will have rested.
    pub(super) fn choose(&self, busy: &[PeerAddr], now: Time) -> Choice {
        let missing = self.0.iter().filter(|fixed| !fixed.connected && !busy.contains(&fixed.addr));
        match missing.min_by_key(|fixed| fixed.backoff.until()) {
            Some(fixed) if fixed.backoff.until() <= now => Choice::Dial(fixed.addr),
            Some(fixed) => Choice::NoneBefore(fixed.backoff.until()),
            None => Choice::NoneBefore(Time::NEVER),
        }
    }

    fn get_mut(&mut self, addr: PeerAddr) -> Option<&mut FixedAddr> {
        self.0.iter_mut().find(|fixed| fixed.addr == addr)
    }
}
