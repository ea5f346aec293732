//! What passed on a link since it came up, in numbers: unlike the steps, of which the oldest are forgotten, all of it.

use super::{Heard, ItemEvent};

/// What passed on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Ids that the peer announced, as far as they were looked at.
    pub announced: u64,
    /// Items that we asked it for.
    pub requested: u64,
    /// Items that it sent whole, whether we had them or not.
    pub received: u64,
    /// Items that it sent though nobody had asked, where nobody takes them unasked.
    pub unsolicited: u64,
    /// Ids that it was told of.
    pub told: u64,
    /// Items that it was sent whole.
    pub sent: u64,
    /// Bytes of its messages, framing included, transport security excluded.
    pub received_bytes: u64,
    /// Bytes of ours.
    pub sent_bytes: u64,
}

impl Passed {
    /// Something happened, so many times.
    pub(super) const fn count(&mut self, what: ItemEvent, times: u64) {
        let counter = match what {
            ItemEvent::Heard(Heard::OverBudget) => return,
            ItemEvent::Heard(_) => &mut self.announced,
            ItemEvent::Asked => &mut self.requested,
            ItemEvent::Arrived | ItemEvent::Duplicate => &mut self.received,
            ItemEvent::Unsolicited => &mut self.unsolicited,
            ItemEvent::Told(_) => &mut self.told,
            ItemEvent::Sent(_) => &mut self.sent,
            _ => return,
        };
        *counter += times;
    }
}
