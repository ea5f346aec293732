//! What can be asked of a member, and what must hold of it at any time.

use std::sync::Arc;

use super::super::contract::{Counts, JOIN_MAX};
use super::super::leader::{GROUPS_MAX, Leaders};
use super::super::member_id::MemberId;
use super::super::profile::Profile;
use super::super::queries::OPEN_MAX;
use super::super::roster::Member;
use super::super::settings::Settings;
use super::super::status::Status;
use super::{Membership, Stay};

impl Membership {
    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// What it says of itself.
    #[must_use]
    pub const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// How often it has refuted its death or changed its profile, and by how much more others made it.
    #[must_use]
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// What it thinks of its own health (Lifeguard): 0 is good, [`Settings::health_max`] the worst.
    #[must_use]
    pub const fn health(&self) -> u32 {
        self.health
    }

    /// All others that are known, in no order that means anything.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        self.roster.list()
    }

    /// What is known of one of the others.
    #[must_use]
    pub fn get(&self, id: MemberId) -> Option<&Member> {
        self.roster.get(id)
    }

    /// How many are counted on, itself among them.
    #[must_use]
    pub const fn present(&self) -> usize {
        self.roster.present() + 1
    }

    /// Whether it has left, and does nothing any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.stay == Stay::Gone
    }

    /// What it was made with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What it counted.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Checks every bound, and that what is kept in several places agrees.
    ///
    /// # Panics
    /// When that isn't so.
    pub fn check_invariants(&self) {
        self.roster.check();
        self.suspicions.check();
        self.news.check();
        self.rumors.queue.check();
        self.check_riding();
        assert!(self.roster.len() < self.settings.members_max, "members");
        assert!(self.roster.get(self.id).is_none(), "it isn't among the others");
        assert!(self.relays.len() <= self.settings.relays_max, "pings for others");
        assert!(self.join.len() <= JOIN_MAX, "whom to join");
        assert!(self.health <= self.settings.health_max, "health");
        assert_eq!(self.suspicions.len(), self.roster.count(Status::Suspect), "suspicions");
        for member in self.roster.list() {
            let is_suspect = member.status == Status::Suspect;
            assert_eq!(self.suspicions.contains(member.id), is_suspect, "{}", member.id);
        }
    }

    fn check_riding(&self) {
        let riding = &self.settings.riding;
        assert!(self.beats.len() <= riding.phi_max, "detectors");
        assert!(self.places.len() <= riding.coordinates_max, "coordinates");
        if let Some(states) = self.states() {
            states.check();
            let known = |id| id == self.id || self.roster.get(id).is_some();
            assert!(states.members().all(known), "states of strangers");
            assert_eq!(states.members().count(), self.roster.len() + 1, "a state for each");
        }
        let leaders = self.leaders().into_iter().flat_map(Leaders::records);
        assert!(leaders.count() <= GROUPS_MAX, "groups");
        assert!(self.queries().is_none_or(|queries| queries.open().len() <= OPEN_MAX), "queries");
    }
}
