//! The warm-up: the first items of a workload, submitted as the others are and not measured, so that strategies have
//! learned what they learn.

use std::io;

use tidings::clock::Clock;

use super::clocks::Clocks;
use super::connect::Overlay;
use super::cut::Cut;
use super::drive::{self, Work};
use super::fleet::Fleet;
use super::items::Planned;
use super::local::Common;
use super::settings::Settings;
use super::trouble::Troubles;
use crate::ui::Ui;

/// Submits the items of a warm-up, if there is one, and waits until they have arrived. Nothing goes wrong on purpose
/// meanwhile, and whoever interrupts it ends the run.
///
/// # Errors
/// When a trace can't be read.
pub async fn warm_up(
    (fleet, common, overlay): (&Fleet, &Common, &Overlay),
    items: &[Planned],
    settings: &Settings,
    times: (&Clock, &mut Clocks),
    ui: &Ui,
) -> io::Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    let calm = Settings { kill: None, faults: Vec::new(), ..settings.clone() };
    let troubles = Troubles::new((fleet, common), (&[], settings.manifest.seed), overlay);
    let work = Work { items, before: &[], victims: &[] };
    let (cut, bar) = (Cut::default(), ui.bar("warming up", items.len()));
    let driven = drive::run((fleet, &troubles), work, overlay.givers(), &calm, times, (&cut, &bar));
    Box::pin(driven).await.map(drop)
}
