//! A fleet that is measured, whoever's it is: what the measurement does with it, and what it sees of it.
//!
//! All moments are of this process's own clock, which only goes on: when it asked, and when it was told. So both fleets are measured by one clock, and
//! both pay for what it takes until this process gets a processor.

use std::path::PathBuf;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::process::Agent;

/// Bytes of an event's payload.
pub(super) const PAYLOAD_LEN: usize = 64;

/// Sightings that may wait to be looked at; those who told them wait then. A guess: far more than a fleet tells in a second.
pub(super) const SIGHTINGS_MAX: usize = 65_536;

/// Something that an agent saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// When this process heard of it.
    pub(super) at: Instant,
    /// Who saw it.
    pub(super) by: usize,
    /// What it saw.
    pub(super) what: What,
}

/// What an agent saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The event of a number.
    Event(usize),
    /// It takes a member for dead.
    Failed(usize),
    /// It tells so to the programs that listen to it.
    FailedTold(usize),
}

/// Where sightings go.
pub(super) type Sightings = mpsc::Sender<Sighting>;

/// Somebody who listens to an agent, until this is dropped.
#[derive(Debug)]
pub(super) struct Listener(pub(super) Vec<JoinHandle<()>>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// What a fleet is started with.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// An empty folder.
    pub(super) folder: PathBuf,
    /// How many members.
    pub(super) members: usize,
    /// Base64 of 32 bytes, if what they say is to be sealed.
    pub(super) key: Option<String>,
}

/// A fleet. Its members are told to join by the measurement, and nobody else.
pub(super) trait Fleet {
    /// The members, by number.
    fn agents(&self) -> &[Agent];

    /// The same processes without membership, if there is such a thing.
    fn without(&self) -> &[Agent] {
        &[]
    }

    /// Has a member ask the first who is there.
    async fn join(&self, member: usize) -> Result<(), String>;

    /// Whom a member takes for alive, itself too.
    async fn alive(&self, member: usize) -> Result<Vec<usize>, String>;

    /// Closes what this process has open to the members over the network that is measured.
    async fn hang_up(&self);

    /// Has what a member sees told, until the listener is dropped.
    async fn listen(&self, member: usize, seen: &Sightings) -> Result<Listener, String>;

    /// Has a member tell all others an event, of [`PAYLOAD_LEN`] bytes. Returns when it was asked to.
    async fn fire(&self, member: usize, event: usize) -> Result<Instant, String>;
}

/// What the event of a number is called.
pub(super) fn event_name(event: usize) -> String {
    format!("e{event}")
}

/// The number of the event that is called so.
pub(super) fn event_number(name: &str) -> Option<usize> {
    name.strip_prefix('e')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_read_back() {
        assert_eq!(event_number(&event_name(39)), Some(39));
        assert_eq!((event_number("x1"), event_number("e")), (None, None));
    }
}
