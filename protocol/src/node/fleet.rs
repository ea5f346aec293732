//! A replica of the fleet's map: what comes of it, and what it wants done.

use super::Node;
use crate::ground::link::{Direction, Link};
use crate::ground::peer::PeerKey;
use crate::limits::misbehavior::Offence;
use crate::machine::{Action, Cx};
use crate::member::Meeting;
use crate::relay::serve::BYTES_PER_REQUEST;
use crate::replica::{self, Key, Work, Write};
use crate::report::event::Event;
use crate::wire::message::{MapTerms, Replica};

/// What merging an entry is charged, as requested ids: it is looked up, hashed, and put in its places in four trees. A guess.
const REQUESTS_PER_MERGED: usize = 4;

/// So many bytes of a message are read, hashed and kept for what one requested id is charged. A guess: a nanosecond or two a byte.
const READ_PER_REQUEST: usize = 512;

/// So many hashes and places are looked at for what one requested id is charged. A guess.
const LOOKED_AT_PER_REQUEST: usize = 16;

impl Node {
    /// A peer said hello, with the terms of its map or without.
    pub(super) fn meet_fleet(
        &mut self,
        link: Link,
        who: (PeerKey, Direction),
        theirs: Option<MapTerms>,
        cx: &mut Cx<'_>,
    ) {
        match self.member.meet(link, who, theirs, cx) {
            Meeting::Strangers => {}
            Meeting::Others(theirs) => cx.report(Event::OtherMap { link, theirs }),
            Meeting::Fellows => {
                if self.links.get(link).is_some_and(|state| state.congested) {
                    self.member.set_congested(link, true, cx);
                }
                self.do_for_replica(cx);
            }
        }
    }

    /// A peer says something of the map.
    pub(super) fn on_said(&mut self, link: Link, said: &Replica, cx: &mut Cx<'_>) {
        let Replica::Said(bytes) = said;
        if !self.member.has(link) {
            let why = "it speaks of a map that it has no part in";
            return self.misbehave(link, Offence::Replica(why), cx);
        }
        let message = match replica::Message::decode(bytes) {
            Ok(message) => message,
            Err(problem) => return self.misbehave(link, Offence::NotOfReplica(problem), cx),
        };
        let Work { merged, looked_at, bytes: sent } = self.member.on_message(link, &message, cx);
        let work = merged * REQUESTS_PER_MERGED
            + bytes.len() / READ_PER_REQUEST
            + looked_at / LOOKED_AT_PER_REQUEST
            + sent / BYTES_PER_REQUEST;
        self.charge_answer(link, work, cx);
        self.do_for_replica(cx);
    }

    /// Our operator writes.
    pub(super) fn on_write(&mut self, ticket: u64, key: &Key, write: &Write, cx: &mut Cx<'_>) {
        let outcome = self.member.write(key, write.clone(), cx);
        self.do_for_replica(cx);
        cx.actions.push(Action::Written { ticket, outcome });
    }

    /// The map has something to do.
    pub(super) fn map_due(&mut self, cx: &mut Cx<'_>) {
        self.member.wake(cx);
        self.do_for_replica(cx);
    }

    /// Does what the replica wants.
    pub(super) fn do_for_replica(&mut self, cx: &mut Cx<'_>) {
        for action in self.member.take_actions() {
            match action {
                replica::Action::Send { link, message } => {
                    self.send(link, Replica::Said(message.encode().into()), cx);
                }
                replica::Action::Changed { key } => cx.actions.push(Action::Changed(key)),
                replica::Action::Misbehaved { link, why } => {
                    self.misbehave(link, Offence::Replica(why), cx);
                }
                replica::Action::ToldAhead { link, by } => {
                    if self.member.tells_ahead(cx.now) {
                        cx.report(Event::MapAhead { link, by });
                    }
                }
            }
        }
    }
}
