//! The event stream: what happens at the node, as server-sent events with a JSON object each.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::Api;

/// `GET /v1/events`: what happens from now on, until the node stops. Every 15 seconds of silence a
/// comment shows that the connection lives. A reader who is slower than the events is told
/// `{"event":"missed","count":N}` where some are missing.
pub(super) async fn stream(
    State(api): State<Api>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = api.events.subscribe();
    let stream = futures::stream::unfold((events, api.stop), |(mut events, stop)| async move {
        let received = tokio::select! {
            biased;
            () = stop.requested() => return None,
            received = events.recv() => received,
        };
        let data = match received {
            Ok(event) => serde_json::to_string(&event).expect("an event has a JSON form"),
            Err(RecvError::Lagged(count)) => {
                json!({ "event": "missed", "count": count }).to_string()
            }
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(Event::default().data(data)), (events, stop)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
