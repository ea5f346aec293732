//! The end of a node whose core panicked, or that lost a part that it can't do without.
//!
//! Nobody knows what a panic left of the core's state, so nothing of it is looked at any more. Submissions that were
//! answered "accepted" are on the disk already; what the store was told besides is written before the process ends, and
//! the store closed. The address book stays as it was last saved.

use std::any::Any;

use tidings_protocol::ground::item::ItemId;
use tidings_protocol::ground::link::Link;
use tidings_protocol::machine::Input;

use super::{Shell, ShellError};
use crate::capture::End;
use crate::panics;

/// What the core was asked to do last: what a report of a fault must tell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doing {
    what: &'static str,
    link: Option<Link>,
    item: Option<ItemId>,
}

impl Doing {
    pub(super) fn of(input: &Input<'_>) -> Self {
        let of = |what, link: Option<&Link>, item| Self { what, link: link.copied(), item };
        match input {
            Input::Connected { link, .. } => of("a link that came up", Some(link), None),
            Input::Disconnected { link } => of("a link that went down", Some(link), None),
            Input::DialFailed { .. } => of("a failed dial", None, None),
            Input::Received { link, message } => of(message.kind().name(), Some(link), None),
            Input::Malformed { link, .. } => of("malformed bytes", Some(link), None),
            Input::Submitted(item) => of("a submitted item", None, Some(item.id())),
            Input::Restored { item, .. } => of("a stored item", None, Some(item.id())),
            Input::Headers(_) => of("stored headers", None, None),
            Input::Loaded { id, .. } => of("a block that was read", None, Some(*id)),
            Input::Verdict { item, .. } => of("a verdict", None, Some(item.id())),
            Input::Congested { link } => of("a full queue", Some(link), None),
            Input::Drained { link } => of("a queue with room", Some(link), None),
            Input::Learned(_) | Input::Heard { .. } => of("addresses to try", None, None),
            Input::Reachable(_) => of("whether peers can dial it", None, None),
            Input::Remembered(_) => of("the address book", None, None),
            Input::Clock { .. } => of("the machine's clock", None, None),
            Input::Write { .. } => of("a write to the map", None, None),
            Input::Recalled(_) => of("a stored entry of the map", None, None),
            Input::Ban { .. } | Input::Unban(_) => of("a ban", None, None),
            Input::Wake => of("passing time", None, None),
        }
    }
}

impl Shell {
    /// What a panic of the core was about.
    pub(super) fn fault(&self, payload: &(dyn Any + Send)) -> ShellError {
        let Doing { what, link, item } = self.doing;
        let mut doing = format!("`{what}`");
        if let Some(link) = link {
            let peer = self.reporter.names.get(link).map(ToString::to_string);
            doing += &format!(" of link {link} to {}", peer.as_deref().unwrap_or("a peer"));
        }
        if let Some(item) = item {
            doing += &format!(", {} {item}", item.kind());
        }
        ShellError::Fault { why: panics::message(payload).to_owned(), doing }
    }

    /// A part of the node that ended though nobody asked it to.
    pub(super) fn lost_part(&self) -> Option<ShellError> {
        let store = self.keeper.has_failed().then_some("the thread of the store failed");
        let blocks = self.blocks.has_failed().then_some("the thread of the blocks failed");
        self.net.failure().or(store).or(blocks).map(ShellError::Lost)
    }

    /// Saves what can be saved without the core.
    pub(super) async fn salvage(mut self) {
        self.reporter.flush();
        std::mem::take(&mut self.keeper).abandon().await;
        self.blocks.close().await;
        self.end_capture(End::Fault).await;
        if let Some(saving) = self.saving.take() {
            let _ = saving.await;
        }
    }
}
