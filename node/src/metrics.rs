//! Metrics for Prometheus, on a port of their own.
//!
//! What happens is counted and measured as the node runs, on its [registry](crate::measured). At each scrape the shell is asked for that and its
//! [`Readings`]: what is only read then, of the process, the `node` and its `members`, is set on a registry for this scrape. `reference` makes a page for people
//! of the table (`node/METRICS.md`). Rules for alerts and dashboards are in `node/contrib`; a test sees to it that what they name exists.

mod members;
mod node;
mod process;
mod reference;
mod values;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::with_local_recorder;

use crate::control::{Command, Control, Readings};
use crate::http::error::ApiError;
use crate::members::MembersControl;

pub use self::reference::reference;

/// How the text is to be announced.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

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
fn text(Readings { status, registry }: &Readings) -> String {
    let registry = registry.for_scrape();
    with_local_recorder(&registry, || {
        process::set(status.rss_bytes, status.cpu_s);
        node::set(status);
        status.members.iter().for_each(members::set);
    });
    registry.text()
}

#[cfg(test)]
mod tests;
