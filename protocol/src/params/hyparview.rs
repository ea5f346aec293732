//! Which overlay a node keeps, and the sizes of HyParView's views.
//!
//! The paper is Leitão, Pereira, Rodrigues: "HyParView: a membership protocol for reliable gossip-based broadcast" (DSN 2007);
//! its section 5.1 has the sizes for ten thousand nodes.

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one};
use crate::wire::message::SHUFFLED_MAX;

/// How a node chooses whom to be linked with. All nodes of a network must choose the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayKind {
    /// Addresses spread by gossip, and each node dials `peers.outbound` of them, at random. For networks that strangers are in.
    #[default]
    Random,
    /// Two partial views of few peers, which joins and shuffles keep random: HyParView, see [`crate::peers`]. For closed
    /// networks.
    Hyparview,
}

/// Most steps of a random walk. A guess: a walk of twice the diameter of a large network ends anywhere.
pub const WALK_MAX: u8 = 32;

/// The sizes of HyParView's views, and how often they are mixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HyparviewParams {
    /// Most peers linked with, whoever dialled (the paper: a fanout of 4 and one more, 5).
    pub active_view: usize,
    /// Most addresses kept to replace them (the paper: 30).
    pub passive_view: usize,
    /// Steps that the news of a newcomer and a shuffle go (the paper's ARWL, "active random walk length": 6).
    pub active_walk: u8,
    /// How many steps before its end the news of a newcomer leaves the newcomer's address in a passive view (the paper's PRWL,
    /// "passive random walk length": 3).
    pub passive_walk: u8,
    /// Addresses of the active view in a shuffle (the paper's `k_a`: 3).
    pub shuffle_active: usize,
    /// Addresses of the passive view in a shuffle (the paper's `k_p`: 4).
    pub shuffle_passive: usize,
    /// How often a node shuffles, seconds; each wait is shortened by up to a half at random. (The paper says "periodically";
    /// iroh-gossip: `shuffle_interval`, 60.)
    pub shuffle_s: u64,
}

impl HyparviewParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("peers.hyparview.active_view", self.active_view as u64),
            ("peers.hyparview.passive_view", self.passive_view as u64),
            ("peers.hyparview.active_walk", self.active_walk.into()),
            ("peers.hyparview.shuffle_s", self.shuffle_s),
        ])?;
        let too_many = |key, value: usize, must| {
            let value = value.to_string();
            Err(ParamError { key, value, must })
        };
        if self.active_walk > WALK_MAX {
            return too_many("peers.hyparview.active_walk", self.active_walk.into(), "32 at most");
        }
        if self.passive_walk > self.active_walk {
            return too_many(
                "peers.hyparview.passive_walk",
                self.passive_walk.into(),
                "at most peers.hyparview.active_walk",
            );
        }
        let shuffled = self.shuffle_active.saturating_add(self.shuffle_passive);
        if shuffled >= SHUFFLED_MAX {
            return too_many(
                "peers.hyparview.shuffle_passive",
                self.shuffle_passive,
                "31 at most, together with peers.hyparview.shuffle_active",
            );
        }
        Ok(())
    }
}

impl Default for HyparviewParams {
    fn default() -> Self {
        Self {
            active_view: 5,
            passive_view: 30,
            active_walk: 6,
            passive_walk: 3,
            shuffle_active: 3,
            shuffle_passive: 4,
            shuffle_s: 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    #[test]
    fn somebody_must_be_able_to_ask_to_be_a_neighbour() {
        let mut params = Params::default();
        params.peers.inbound_max = 5;
        assert_eq!(params.validate(), Ok(()));
        params.peers.overlay = OverlayKind::Hyparview;
        let error = params.validate().unwrap_err().to_string();
        assert_eq!(
            error,
            "peers.inbound_max is 5, but must be more than peers.hyparview.active_view"
        );
    }

    #[test]
    fn views_that_make_no_sense_are_refused_by_name() {
        type Change = fn(&mut HyparviewParams);
        let wrong: [(Change, &str); 5] = [
            (
                |views| views.active_view = 0,
                "peers.hyparview.active_view is 0, but must be at least 1",
            ),
            (
                |views| views.passive_view = 0,
                "peers.hyparview.passive_view is 0, but must be at least 1",
            ),
            (
                |views| views.active_walk = 33,
                "peers.hyparview.active_walk is 33, but must be 32 at most",
            ),
            (
                |views| views.passive_walk = 7,
                "peers.hyparview.passive_walk is 7, but must be at most peers.hyparview.active_walk",
            ),
            (
                |views| views.shuffle_passive = 29,
                "peers.hyparview.shuffle_passive is 29, but must be 31 at most, together with \
                 peers.hyparview.shuffle_active",
            ),
        ];
        for (change, sentence) in wrong {
            let mut views = HyparviewParams::default();
            assert_eq!(views.validate(), Ok(()));
            change(&mut views);
            assert_eq!(views.validate().unwrap_err().to_string(), sentence);
        }
    }
}
