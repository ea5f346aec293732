//! Metrics for Prometheus, on a port of their own.
//!
//! Nothing is told to them as the node runs: at each scrape the shell is asked for its [`Readings`], and these are written down as
//! text. `table` has all metrics, `node` and `members` the values, and `reference` makes a page for people of
//! the table (`node/METRICS.md`). Rules for alerts and dashboards are in `node/contrib`; a test sees to it that what
//! they name exists.

mod members;
mod node;
mod page;
mod process;
mod reference;
mod table;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use self::page::{CONTENT_TYPE, Page};
use crate::control::{Command, Control, Readings};
use crate::http::error::ApiError;
use crate::members::MembersControl;

pub use self::reference::reference;

/// Makes the route that shows a node.
pub(crate) fn router(control: Control, members: Option<MembersControl>) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state((control, members))
}

async fn scrape(
    State((control, members)): State<(Control, Option<MembersControl>)>,
) -> Result<impl IntoResponse, ApiError> {
    let mut readings = control.ask(Command::Readings).await?;
    readings.status.members = match &members {
        Some(members) => members.status().await.ok(),
        None => None,
    };
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text(&readings)))
}

/// All metrics of a node as text.
fn text(readings: &Readings) -> String {
    let mut page = Page::new();
    process::show(&mut page, readings.status.rss_bytes, readings.status.cpu_s);
    node::show(&mut page, readings);
    readings.status.members.iter().for_each(|status| members::show(&mut page, status));
    page.text()
}

#[cfg(test)]
mod tests;
