//! How messages leave, with what goes wrong with them in a test network ([`crate::lab::trouble`]).

use rand::RngExt as _;
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::wire::message::Message;

use super::Shell;
use crate::api::trouble::Trouble;
use crate::lab::trouble::{NotTroubled, Troubles};

impl Shell {
    /// A message leaves, unless this node is one that keeps it to itself, or is in trouble.
    pub(super) fn send(&mut self, link: Link, message: Message) {
        if self.config.lab.withholds(&message) {
            return;
        }
        let Some(troubles) = &mut self.troubles else { return self.send_now(link, message) };
        let peer = self.reporter.names.get(link);
        match troubles.meet(link, peer, &message, self.now) {
            0 => {}
            1 => self.send_now(link, message),
            _ => {
                self.send_now(link, message.clone());
                self.send_now(link, message);
            }
        }
    }

    fn send_now(&mut self, link: Link, message: Message) {
        self.measured.sent(link, &message, self.real);
        self.net.send(link, message);
    }

    /// From now on there is this trouble, and no other. What was seen until now is in the trace then, since the next may be
    /// that the node is killed.
    pub(super) fn trouble(&mut self, trouble: &Trouble) -> Result<u64, NotTroubled> {
        if !self.config.lab.trouble {
            return Err(NotTroubled::Unset);
        }
        let now = self.now;
        // Not the core's random numbers: what they are would depend on the trouble.
        let troubles =
            self.troubles.get_or_insert_with(|| Box::new(Troubles::new(rand::rng().random())));
        troubles.set(trouble, now)?;
        let met = troubles.met();
        self.reporter.flush();
        let links: Vec<Link> = self.node.links().map(|view| view.link).collect();
        for link in links {
            self.break_if_cut_off(link);
        }
        self.release();
        Ok(met)
    }

    /// Closes a link with a peer from whom this node is cut off, if links break then.
    pub(super) fn break_if_cut_off(&mut self, link: Link) {
        let Some(troubles) = &self.troubles else { return };
        if self.reporter.names.get(link).is_some_and(|peer| troubles.breaks(peer)) {
            self.close(link, Reason::Operator);
        }
    }

    /// When the next message that is held up may leave.
    pub(super) fn held_until(&self) -> Time {
        self.troubles.as_ref().map_or(Time::NEVER, |troubles| troubles.due())
    }

    /// Lets leave what was held up long enough.
    pub(super) fn release(&mut self) {
        let now = self.now;
        while let Some((link, message)) =
            self.troubles.as_mut().and_then(|troubles| troubles.next_due(now))
        {
            self.send_now(link, message);
        }
    }
}
