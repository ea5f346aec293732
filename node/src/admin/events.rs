//! The event stream: what happens at the node, as server-sent events with a JSON object each.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;

use super::Api;
use crate::api::{Notice, Streamed};

/// `GET /v1/events`: what happens from now on, until the node stops. Every 15 seconds of silence a
/// comment shows that the connection lives. A reader who is slower than the events is told how many are
/// missing, where they are.
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
        let streamed = match received {
            Ok(event) => Streamed::Event(event),
            Err(RecvError::Lagged(count)) => Streamed::Notice(Notice::Missed { count }),
            Err(RecvError::Closed) => return None,
        };
        let data = serde_json::to_string(&streamed).expect("an event has a JSON form");
        Some((Ok(Event::default().data(data)), (events, stop)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
