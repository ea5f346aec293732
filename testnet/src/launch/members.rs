//! The nodes as members of one fleet, where the manifest says so: how soon all know all, what that costs beside the relay, who is
//! taken for dead wrongly, and how soon those who were killed are.
//!
//! Each node has membership on ([`tidings::members`]), with a port of its own and the first nodes to ask who is there. Without a key:
//! all of it stays on this machine, and nodes of other launches belong to other networks.
//!
//! - [`converge`] waits until all know all
//! - [`reading`] is what a node had sent and decided up to a moment, and what follows from two of these
//! - [`deaths`] asks the survivors of a kill

pub mod converge;
pub mod deaths;
pub mod reading;

use std::time::Duration;

use tidings::api::Status;
use tidings::config::members::MembersPreset;
use tidings_tools::figures::members::Members;
use tokio::time::Instant;

use super::fleet::Fleet;
use super::observe;
use super::settings::Settings;
use crate::ui::Ui;
use reading::Reading;

/// Kills that are told one by one; the summary has all of them. A guess: a screen.
const KILLS_TOLD: usize = 20;

/// Members that are measured while their nodes relay.
#[derive(Debug)]
pub struct Measured {
    preset: MembersPreset,
    converged_s: Option<f64>,
    before: Vec<Option<Reading>>,
}

impl Measured {
    /// Begins with the nodes' states at a moment, if they are members.
    #[must_use]
    pub fn begin(
        preset: Option<MembersPreset>,
        converged_s: Option<f64>,
        before: &[Option<Status>],
    ) -> Option<Self> {
        Some(Self { preset: preset?, converged_s, before: reading::of_all(before) })
    }

    /// The figures up to the nodes' states at a later moment. If nodes were killed, waits until all survivors know of that, or nobody
    /// more does for as long as for deliveries and a suspicion, and tells of it; what is taken wrongly for dead counts up to then.
    pub async fn figures(
        self,
        after: &[Option<Status>],
        fleet: &Fleet,
        kill: Option<(&[usize], Instant)>,
        settings: &Settings,
        ui: &Ui,
    ) -> Members {
        let Self { preset, converged_s, before } = self;
        let after = reading::of_all(after);
        let rates = reading::rates(&before, &after);
        let members = Members { preset: preset.name().to_owned(), converged_s, ..rates };
        let Some((victims, killed)) = kill else {
            return reading::with_mistakes(members, &before, &after);
        };
        // No verdict comes before the shortest suspicion is over, which is a minute with some presets.
        let patience = Duration::from_secs_f64(settings.manifest.measure.stall_s)
            + preset.settings().suspicion_min(fleet.nodes().len());
        let bar = ui.bar("noticing deaths", fleet.live().count());
        let kills = deaths::watch(fleet, victims, killed, patience, |all| bar.show(all, "")).await;
        drop(bar);
        kills.iter().take(KILLS_TOLD).for_each(|kill| ui.say(&deaths::told(kill)));
        if kills.len() > KILLS_TOLD {
            ui.say(&format!(
                "and {} more: see members.kills in summary.json",
                kills.len() - KILLS_TOLD
            ));
        }
        let last = reading::of_all(&observe::statuses(fleet).await);
        reading::with_mistakes(members.with_kills(kills), &before, &last)
    }
}
