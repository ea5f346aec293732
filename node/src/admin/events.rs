//! The event stream: what happens at the node, as server-sent events (WHATWG HTML, section 9.2) with a JSON object each.

#![expect(unused_qualifications, reason = "utoipa's attributes name types as they like")]

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use futures::Stream;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;

use super::Api;
use super::describe::Limited;
use crate::api::problem::ProblemKind;
use crate::api::schema::EventText;
use crate::api::{Notice, What, path};
use crate::control::{EventReader, Heard, Stop, TooManyReaders};
use crate::http::error::ApiError;
use crate::http::server::Place;
use crate::http::take::Args;

/// After how long without an event a comment shows that the connection lives. It has the id of what was told last, so that
/// whoever wants few kinds goes on from there too. A guess: half of what proxies wait for.
const SILENCE: Duration = Duration::from_secs(15);

/// When whoever finds no place may try again, seconds. A guess.
const RETRY_S: u64 = 10;

/// The header that a browser sends when it comes back.
const LAST_EVENT_ID: &str = "last-event-id";

impl From<TooManyReaders> for ApiError {
    fn from(why: TooManyReaders) -> Self {
        Self::new(ProblemKind::TooManyReaders, why.to_string()).later(RETRY_S)
    }
}

/// Listens, from where whoever comes back was. Its connection takes nobody else's place from then on.
pub(super) fn reader(
    api: &Api,
    headers: &HeaderMap,
    place: Option<Extension<Place>>,
) -> Result<EventReader, TooManyReaders> {
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
    let reader = api.events.read(last)?;
    place.iter().for_each(|Extension(place)| place.leave());
    Ok(reader)
}

/// What is next for a stream, and the silence before it.
pub(super) enum Next {
    Heard(Heard),
    Silence,
    End,
}

/// When a stream that is told nothing from now on gives a sign of life. What it hears and doesn't tell doesn't put that off.
pub(super) fn quiet_until() -> Instant {
    Instant::now() + SILENCE
}

/// Waits for what is next, until a sign of life is due.
pub(super) async fn next(reader: &mut EventReader, stop: &Stop, quiet_until: Instant) -> Next {
    tokio::select! {
        biased;
        () = stop.requested() => Next::End,
        heard = timeout_at(quiet_until, reader.next()) => heard.map_or(Next::Silence, Next::Heard),
    }
}

/// A message of a stream after which a reader is where it is now.
pub(super) fn message(reader: &EventReader, kind: &str, json: &str) -> Event {
    Event::default().event(kind).id(reader.id()).data(json)
}

/// That events are missing.
pub(super) fn lost(reader: &EventReader, count: Option<u64>) -> Event {
    let notice = serde_json::to_string(&Notice::Lost { count });
    message(reader, "lost", &notice.expect("a notice has a JSON form"))
}

/// That there is nothing to tell.
pub(super) fn silence(reader: &EventReader) -> Event {
    Event::default().id(reader.id()).comment("")
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsArgs {
    /// Kinds of events, separated by commas, as the field `event` names them; all if it isn't said. `lost` is always told.
    #[param(example = "accepted,rejected")]
    kinds: Option<String>,
}

/// The kinds that are wanted; none of them stands for all.
fn wanted(kinds: Option<&str>) -> Result<Vec<&'static str>, ApiError> {
    let names = kinds.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = names.map(|name| {
        What::KINDS.into_iter().find(|kind| *kind == name).ok_or_else(|| {
            let all = What::KINDS.join(", ");
            let detail = format!("`{name}` is no kind of event; there are {all}");
            ApiError::new(ProblemKind::BadRequest, detail)
        })
    });
    known.collect()
}

/// Tells what happens from now on.
///
/// Server-sent events until the node stops: `event:` is the kind, `id:` where to go on from, `data:` the event as JSON. With
/// the header `Last-Event-ID` it goes on after that one, as far as the node remembers (4,096 events and 2 MiB, while somebody
/// listens or did not long ago). Where events are missing, because the reader was too slow or came back too late, the event `lost` says how
/// many. A comment comes after 15 seconds of silence. Whoever takes nothing for 30 seconds is cut off.
#[utoipa::path(
    get,
    path = path::EVENTS,
    tag = "events",
    params(
        EventsArgs,
        ("Last-Event-ID" = Option<String>, Header, description = "The id after which to go on.")
    ),
    responses((status = 200, description = "Events, each with a `Streamed` as its data.", body = EventText, content_type = "text/event-stream"), Limited)
)]
pub(super) async fn stream(
    State(api): State<Api>,
    place: Option<Extension<Place>>,
    headers: HeaderMap,
    Args(args): Args<EventsArgs>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let kinds = wanted(args.kinds.as_deref())?;
    let reader = reader(&api, &headers, place)?;
    let stream = futures::stream::unfold((reader, api.stop), move |(mut reader, stop)| {
        let kinds = kinds.clone();
        async move {
            let quiet_until = quiet_until();
            let event = loop {
                match next(&mut reader, &stop, quiet_until).await {
                    Next::Heard(Heard::Event(told)) => {
                        let kind = told.event.what.kind();
                        if kinds.is_empty() || kinds.contains(&kind) {
                            break message(&reader, kind, &told.json);
                        }
                    }
                    Next::Heard(Heard::Lost(count)) => break lost(&reader, count),
                    Next::Silence => break silence(&reader),
                    Next::End => return None,
                }
            };
            Some((Ok(event), (reader, stop)))
        }
    });
    Ok(Sse::new(stream))
}
