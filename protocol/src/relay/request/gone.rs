//! A link goes down.

use std::cmp::Reverse;

use super::Requests;
use crate::ground::item::ShortId;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::params::RequestParams;

impl Requests {
    /// A link went down: what was asked from it is asked elsewhere at once.
    pub fn on_disconnected(&mut self, link: Link, now: Time, params: &RequestParams) {
        let Some(mut gone) = self.links.remove(link) else {
            return;
        };
        self.unsent.retain(|(to, _, _)| *to != link);
        let in_flight = self.expiries.iter().flatten().filter(|expiry| expiry.link == link);
        let affected: Vec<_> =
            in_flight.map(|expiry| expiry.id).chain(gone.waiting.take()).collect();
        for id in affected {
            let Some(wanted) = self.wanted.get_mut(&id) else {
                continue;
            };
            match wanted.asked {
                Some((asked, _)) if asked == link => {
                    wanted.asked = None;
                    wanted.failed = true;
                    self.failed += 1;
                    self.ask_next(id, now, params);
                }
                // It waited for this link's capacity, and perhaps for nobody else's.
                None => self.ask_next(id, now, params),
                Some(_) => {}
            }
        }
        // What waited only for this link's turn waits in vain.
        let waiting = self.turns.iter().map(|Reverse((_, id))| *id);
        let hopeless: Vec<_> = waiting.filter(|id| !self.has_hope(id)).collect();
        hopeless.iter().for_each(|id| self.forget(id));
        self.drop_answered();
    }

    /// Whether somebody is being asked for an item, or may yet be.
    fn has_hope(&self, id: &ShortId) -> bool {
        let Some(wanted) = self.wanted.get(id) else { return true };
        wanted.asked.is_some()
            || wanted
                .announcers
                .iter()
                .any(|held| !held.was_asked && self.links.get(held.link).is_some())
    }
}
