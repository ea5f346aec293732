//! The fleet's map: reading, writing, and a stream of what changes.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use bytes::Bytes;
use futures::Stream;
use percent_encoding::percent_decode_str;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Api;
use crate::api::kv::{KvConflicts, KvEntry, KvPage, KvText, KvWrite};
use crate::api::{KvChange, NodeEvent, Notice, What};
use crate::control::{Command, KvCommand, KvRefused};
use crate::http::error::ApiError;

impl From<KvRefused> for ApiError {
    fn from(why: KvRefused) -> Self {
        let status = match &why {
            KvRefused::Absent => StatusCode::NOT_FOUND,
            KvRefused::Off | KvRefused::Kind(_) => StatusCode::CONFLICT,
            KvRefused::Bound(_) | KvRefused::NoPage => StatusCode::BAD_REQUEST,
            KvRefused::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
            KvRefused::NotSaved(error) if error.disk_full => StatusCode::INSUFFICIENT_STORAGE,
            KvRefused::Busy | KvRefused::NotSaved(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, why.to_string())
    }
}

/// What a query names so; nothing if it doesn't.
pub(super) fn named(uri: &Uri, name: &str) -> Option<KvText> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(each, _)| *each == name).map(|(_, value)| value).next()?;
    Some(KvText(percent_decode_str(value).collect()))
}

/// `GET /v1/kv?prefix=…&after=…`.
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Result<Json<KvPage>, ApiError> {
    let prefix = named(&uri, "prefix").unwrap_or_else(|| "".into());
    let after = named(&uri, "after").map(|after| after.to_string());
    let list = |reply| Command::Kv(KvCommand::List { prefix, after, reply });
    Ok(Json(api.control.ask(list).await??))
}

/// `GET /v1/kv/entry?key=…`.
pub(super) async fn get(State(api): State<Api>, uri: Uri) -> Result<Json<Vec<KvEntry>>, ApiError> {
    let key = named(&uri, "key")
        .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "say which: /v1/kv/entry?key=KEY"))?;
    let shown = key.to_string();
    let get = |reply| Command::Kv(KvCommand::Get { key, reply });
    let entries = api.control.ask(get).await??;
    if entries.is_empty() {
        let message = format!("there is nothing under the key `{shown}`");
        return Err(ApiError::new(StatusCode::NOT_FOUND, message));
    }
    Ok(Json(entries))
}

/// `GET /v1/kv/conflicts`.
pub(super) async fn conflicts(State(api): State<Api>) -> Result<Json<KvConflicts>, ApiError> {
    let conflicts = |reply| Command::Kv(KvCommand::Conflicts(reply));
    Ok(Json(api.control.ask(conflicts).await??))
}

/// `POST /v1/kv`.
pub(super) async fn write(State(api): State<Api>, body: Bytes) -> Result<Json<KvEntry>, ApiError> {
    let write: KvWrite = serde_json::from_slice(&body).map_err(|error| {
        let example = r#"{"op": "set", "key": "colour", "value": "red"}"#;
        let message = format!("send what to write as the body, such as {example} ({error})");
        ApiError::new(StatusCode::BAD_REQUEST, message)
    })?;
    let write = |reply| Command::Kv(KvCommand::Write { write, reply });
    Ok(Json(api.control.ask(write).await??))
}

/// `GET /v1/kv/watch?prefix=…`: what keys hold from now on, whenever one changes, until the node stops. Events tell only which
/// key it is, so that many of them take little room, and each is looked at when its turn comes: what changes faster than that is told
/// once. A reader who is slower still is told how many changes are missing.
pub(super) async fn watch(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    // Before the answer, so that whoever has it misses nothing from then on.
    let events = api.events.subscribe();
    api.control.ask(|reply| Command::Kv(KvCommand::Has(reply))).await??;
    let prefix = named(&uri, "prefix").unwrap_or_else(|| "".into());
    let watch = Watch { api, events, prefix };
    let stream = futures::stream::unfold(watch, |mut watch| async {
        let change = watch.next().await?;
        let data = serde_json::to_string(&change).expect("a change has a JSON form");
        Some((Ok(Event::default().data(data)), watch))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

struct Watch {
    api: Api,
    events: Receiver<NodeEvent>,
    prefix: KvText,
}

impl Watch {
    async fn next(&mut self) -> Option<KvChange> {
        loop {
            let received = tokio::select! {
                biased;
                () = self.api.stop.requested() => return None,
                received = self.events.recv() => received,
            };
            let (key, kind) = match received {
                Ok(NodeEvent { what: What::KvChanged { key, kind }, .. })
                    if key.0.starts_with(&self.prefix.0) =>
                {
                    (key, kind)
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(count)) => {
                    return Some(KvChange::Notice(Notice::Missed { count }));
                }
                Err(RecvError::Closed) => return None,
            };
            let look = |reply| Command::Kv(KvCommand::Look { key, kind, reply });
            if let Some(entry) = self.api.control.ask(look).await.ok()? {
                return Some(KvChange::Entry(entry));
            }
        }
    }
}
