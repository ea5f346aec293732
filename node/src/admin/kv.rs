//! The fleet's map: reading, writing, and a stream of what changes.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::sse::{Event, Sse};
use axum::{Extension, Json};
use futures::Stream;
use percent_encoding::percent_decode_str;

use super::Api;
use super::describe::{Absent, Conflict, Full, Limited};
use super::events::{Next, lost, message, next, quiet_until, reader, silence};
use crate::api::kv::{KvConflicts, KvEntries, KvEntry, KvPage, KvText, KvWrite};
use crate::api::problem::ProblemKind;
use crate::api::schema::EventText;
use crate::api::{KvChange, What, path};
use crate::control::{Command, EventReader, Heard, KvCommand, KvRefused};
use crate::http::error::ApiError;
use crate::http::server::Place;
use crate::http::take::JsonBody;

impl From<KvRefused> for ApiError {
    fn from(why: KvRefused) -> Self {
        let kind = match &why {
            KvRefused::Absent => ProblemKind::NotFound,
            KvRefused::Off => ProblemKind::NotEnabled,
            KvRefused::Kind(_) => ProblemKind::Conflict,
            KvRefused::Bound(_) | KvRefused::NoPage => ProblemKind::BadRequest,
            KvRefused::Full { .. } => ProblemKind::NoRoom,
            KvRefused::NotSaved(error) if error.disk_full => ProblemKind::NoRoom,
            KvRefused::NotSaved(_) => ProblemKind::NotSaved,
            KvRefused::Busy => return Self::busy(why.to_string()),
        };
        Self::new(kind, why.to_string())
    }
}

/// What a query names so; nothing if it doesn't.
pub(super) fn named(uri: &Uri, name: &str) -> Option<KvText> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(each, _)| *each == name).map(|(_, value)| value).next()?;
    Some(KvText(percent_decode_str(value).collect()))
}

/// Lists keys of the fleet's map, page by page.
///
/// In order, and without those that were deleted.
#[utoipa::path(
    get,
    path = path::KV,
    tag = "map",
    params(
        ("prefix" = Option<String>, Query, description = "How their names begin; bytes that are no UTF-8 are percent-encoded as they are."),
        ("after" = Option<String>, Query, description = "The `next` of the page before.")
    ),
    responses((status = 200, description = "A page of them.", body = KvPage), Conflict)
)]
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Result<Json<KvPage>, ApiError> {
    let prefix = named(&uri, "prefix").unwrap_or_else(|| "".into());
    let after = named(&uri, "after").map(|after| after.to_string());
    let list = |reply| Command::Kv(KvCommand::List { prefix, after, reply });
    Ok(Json(api.control.ask(list).await??))
}

/// Shows what is under a key.
///
/// One entry, or several of different kinds.
#[utoipa::path(
    get,
    path = path::KV_ENTRY,
    tag = "map",
    params(("key" = String, Query, description = "Its name; bytes that are no UTF-8 are percent-encoded as they are.")),
    responses((status = 200, description = "What it holds.", body = KvEntries), Absent, Conflict)
)]
pub(super) async fn get(State(api): State<Api>, uri: Uri) -> Result<Json<KvEntries>, ApiError> {
    let key = named(&uri, "key")
        .ok_or_else(|| ApiError::new(ProblemKind::BadRequest, "say which: /v1/kv/entry?key=KEY"))?;
    let shown = key.to_string();
    let get = |reply| Command::Kv(KvCommand::Get { key, reply });
    let entries = api.control.ask(get).await??;
    if entries.is_empty() {
        let message = format!("there is nothing under the key `{shown}`");
        return Err(ApiError::new(ProblemKind::NotFound, message));
    }
    Ok(Json(KvEntries { entries }))
}

/// Shows what wants somebody's attention.
///
/// Keys with several values between which nobody has chosen, and writes that are lost.
#[utoipa::path(
    get,
    path = path::KV_CONFLICTS,
    tag = "map",
    responses((status = 200, description = "What does.", body = KvConflicts), Conflict)
)]
pub(super) async fn conflicts(State(api): State<Api>) -> Result<Json<KvConflicts>, ApiError> {
    let conflicts = |reply| Command::Kv(KvCommand::Conflicts(reply));
    Ok(Json(api.control.ask(conflicts).await??))
}

/// Writes to the fleet's map.
///
/// It is on the disk by the time that this is answered.
#[utoipa::path(
    post,
    path = path::KV,
    tag = "map",
    request_body = KvWrite,
    responses((status = 200, description = "What the key holds then.", body = KvEntry), Absent, Conflict, Full)
)]
pub(super) async fn write(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<KvEntry>, ApiError> {
    let write: KvWrite =
        body.read(r#"what to write, such as {"op": "set", "key": "colour", "value": "red"},"#)?;
    let write = |reply| Command::Kv(KvCommand::Write { write, reply });
    Ok(Json(api.control.ask(write).await??))
}

/// Tells what keys hold from now on, whenever one changes.
///
/// Server-sent events until the node stops: `change`, with an entry as its data, and `lost`. Events tell only which key it is, and
/// each is looked at when its turn comes: what changes faster than that is told once. `Last-Event-ID` is as for `/v1/events`.
#[utoipa::path(
    get,
    path = path::KV_WATCH,
    tag = "map",
    params(
        ("prefix" = Option<String>, Query, description = "How the names of the keys begin; bytes that are no UTF-8 are percent-encoded as they are."),
        ("Last-Event-ID" = Option<String>, Header, description = "The id after which to go on.")
    ),
    responses((status = 200, description = "Changes, each with a `KvChange` as its data.", body = EventText, content_type = "text/event-stream"), Conflict, Limited)
)]
pub(super) async fn watch(
    State(api): State<Api>,
    place: Option<Extension<Place>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    api.control.ask(|reply| Command::Kv(KvCommand::Has(reply))).await??;
    // Before the answer, so that whoever has it misses nothing from then on.
    let reader = reader(&api, &headers, place)?;
    let prefix = named(&uri, "prefix").unwrap_or_else(|| "".into());
    let watch = Watch { api, reader, prefix };
    let stream = futures::stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(stream))
}

struct Watch {
    api: Api,
    reader: EventReader,
    prefix: KvText,
}

impl Watch {
    async fn next(&mut self) -> Option<Event> {
        let quiet_until = quiet_until();
        loop {
            let told = match next(&mut self.reader, &self.api.stop, quiet_until).await {
                Next::Heard(Heard::Event(told)) => told,
                Next::Heard(Heard::Lost(count)) => return Some(lost(&self.reader, count)),
                Next::Silence => return Some(silence(&self.reader)),
                Next::End => return None,
            };
            let (key, kind) = match &told.event.what {
                What::KvChanged { key, kind } if key.0.starts_with(&self.prefix.0) => {
                    (key.clone(), *kind)
                }
                _ => continue,
            };
            let look = |reply| Command::Kv(KvCommand::Look { key, kind, reply });
            if let Some(entry) = self.api.control.ask(look).await.ok()? {
                let json = serde_json::to_string(&KvChange::Entry(entry));
                let json = json.expect("a change has a JSON form");
                return Some(message(&self.reader, "change", &json));
            }
        }
    }
}
