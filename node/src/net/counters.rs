//! What is counted of the network.

/// Counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetCounters {
    /// Dials begun.
    pub dials: u64,
    /// Dials that came to nothing.
    pub dials_failed: u64,
    /// Links that came up because we dialled.
    pub links_outbound: u64,
    /// Links that came up because peers dialled.
    pub links_inbound: u64,
    /// Inbound connections that were refused or broke before they were links.
    pub inbound_failed: u64,
    /// Times that a send queue passed its high mark.
    pub congested: u64,
    /// Links cut because they made us hold too much: their send queue reached its hard bound, or all links together held
    /// too much and this one was greedy for longest.
    pub slow_readers: u64,
    /// Connections closed for frames that no honest peer sends.
    pub floods: u64,
    /// Times that the core slowed a link down.
    pub throttled: u64,
}
