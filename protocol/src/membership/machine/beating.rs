//! How sure we are that each member is dead, by its heartbeats ([`phi`](crate::membership::phi)).
//!
//! A heartbeat is a count in the member's state, which pings bring from hand to hand: it comes to us more or less once in an interval, though we
//! speak to its member seldom. When it is dead its last heartbeats still travel for some seconds: with our own settings a death among twenty is seen
//! after 13 s (simulated), where pings take 4. With [`FailureDetector::Phi`] it is what suspicion goes by; otherwise it is shown, and pings decide.
//!
//! *Bounds and attacks*: detectors are kept for [`phi_max`](super::Riding::phi_max) members, who came first. Heartbeats of the dead can be made up by
//! any member, so that pings are the default: see [`state`](crate::membership::state).

use std::collections::BTreeMap;

use super::super::contract::Cx;
use super::super::member_id::MemberId;
use super::super::phi::Detector;
use super::super::settings::FailureDetector;
use super::super::status::Status;
use super::super::suspicion::Accusation;
use super::{Membership, Riding};
use crate::ground::time::Time;

/// The detectors.
#[derive(Clone, Debug, Default)]
pub(super) struct Beats {
    detectors: BTreeMap<MemberId, Detector>,
}

impl Beats {
    pub(super) fn on_beat(&mut self, id: MemberId, now: Time, riding: &Riding) {
        if let Some(detector) = self.detectors.get_mut(&id) {
            detector.on_heartbeat(now, &riding.phi);
        } else if self.detectors.len() < riding.phi_max {
            self.detectors.insert(id, Detector::new(now));
        }
    }

    pub(super) fn forget(&mut self, id: MemberId) {
        self.detectors.remove(&id);
    }

    /// It spoke otherwise than by a heartbeat.
    pub(super) fn excuse(&mut self, id: MemberId, now: Time) {
        if let Some(detector) = self.detectors.get_mut(&id) {
            detector.excuse(now);
        }
    }

    /// The silence was ours.
    pub(super) fn excuse_all(&mut self, now: Time) {
        self.detectors.values_mut().for_each(|detector| detector.excuse(now));
    }

    pub(super) fn len(&self) -> usize {
        self.detectors.len()
    }
}

impl Membership {
    /// How sure it is that a member is dead: `-log10` of how likely so long a silence of its heartbeats is. `None` for those of whom none was
    /// heard, or for whom there is no room.
    #[must_use]
    pub fn phi(&self, id: MemberId, now: Time) -> Option<f64> {
        let detector = self.beats.detectors.get(&id)?;
        Some(detector.phi(now, &self.settings.riding.phi))
    }

    pub(super) fn detects_by_phi(&self) -> bool {
        self.settings.riding.detector == FailureDetector::Phi
    }

    /// Suspects whoever's phi passed the threshold. Asked once for each ping of ours.
    pub(super) fn look_at_phi(&mut self, cx: &mut Cx<'_>) {
        if !self.detects_by_phi() {
            return;
        }
        let phi = &self.settings.riding.phi;
        let is_suspect = |(_, detector): &(&MemberId, &Detector)| detector.is_suspect(cx.now, phi);
        let silent: Vec<_> =
            self.beats.detectors.iter().filter(is_suspect).map(|(id, _)| *id).collect();
        for id in silent {
            let Some(member) = self.roster.get(id).filter(|one| one.status == Status::Alive) else {
                continue;
            };
            let (incarnation, by) = (member.incarnation, self.id);
            self.counts.suspected += 1;
            let accusation = Accusation { by, nacks: 0, is_ours: true, is_refused: false };
            self.suspect(id, incarnation, accusation, cx);
        }
    }
}
