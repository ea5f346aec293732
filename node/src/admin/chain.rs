//! Blocks, the pool and items, for whoever looks at them. What the loop doesn't have time for (opening blocks, verifying) is done on
//! threads.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use tidings_protocol::ground::time::Time;
use tokio::task::spawn_blocking;

use super::Api;
use super::kv::named;
use crate::api::chain::{BLOCKS_MAX, BlockRow, BlockView, Decoded, PAGE_MAX, PoolPage};
use crate::control::{ChainCommand, Command, Found, NotFound};
use crate::decode;
use crate::http::error::ApiError;

/// How many blocks are listed if nobody says how many.
const BLOCKS_DEFAULT: usize = 20;

/// How many transactions a page of the pool has if nobody says how many.
const PAGE_DEFAULT: usize = 100;

impl From<NotFound> for ApiError {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::Query(why) => why.into(),
            NotFound::Item(_) | NotFound::Block(_) | NotFound::Height { .. } => {
                Self::new(StatusCode::NOT_FOUND, why.to_string())
            }
            NotFound::NoChain => Self::new(StatusCode::CONFLICT, why.to_string()),
        }
    }
}

/// A number of a query that is within bounds.
fn count(uri: &Uri, name: &str, default: usize, max: usize) -> Result<usize, ApiError> {
    let Some(text) = named(uri, name) else { return Ok(default) };
    let number = text.to_string().parse().ok().filter(|count| (1..=max).contains(count));
    number.ok_or_else(|| {
        let message = format!("{name} is `{text}`, but must be a number from 1 to {max}");
        ApiError::new(StatusCode::BAD_REQUEST, message)
    })
}

/// Does something on a thread. It ends by itself if nobody waits for it any more.
pub(super) async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

/// `GET /v1/blocks?last=…`.
pub(super) async fn blocks(
    State(api): State<Api>,
    uri: Uri,
) -> Result<Json<Vec<BlockRow>>, ApiError> {
    let last = count(&uri, "last", BLOCKS_DEFAULT, BLOCKS_MAX)?;
    let blocks = |reply| Command::Chain(ChainCommand::Blocks { last, reply });
    let found = api.control.ask(blocks).await?;
    let chain = Arc::clone(&api.chain);
    let row = move |found: Found| {
        let transactions = found.block.and_then(|block| decode::count(&*chain, &block));
        BlockRow { transactions, ..found.row }
    };
    Ok(Json(on_thread(move || found.into_iter().map(row).collect()).await))
}

/// `GET /v1/blocks/{id}`.
pub(super) async fn block(
    State(api): State<Api>,
    Path(query): Path<String>,
) -> Result<Json<BlockView>, ApiError> {
    let block = |reply| Command::Chain(ChainCommand::Block { query, reply });
    let Found { mut row, parent, heard_unix_us, block } = api.control.ask(block).await??;
    let chain = Arc::clone(&api.chain);
    let opened =
        on_thread(move || block.and_then(|block| decode::transactions(&*chain, &block))).await;
    row.transactions = opened.as_ref().map(|(_, count)| *count);
    let (ids, count) = opened.unwrap_or_default();
    let more = count - ids.len();
    Ok(Json(BlockView { row, parent, heard_unix_us, ids, more }))
}

/// `GET /v1/pool?limit=…&after=…`.
pub(super) async fn pool(State(api): State<Api>, uri: Uri) -> Result<Json<PoolPage>, ApiError> {
    let limit = count(&uri, "limit", PAGE_DEFAULT, PAGE_MAX)?;
    let after = named(&uri, "after").map(|text| place(&text.to_string())).transpose()?;
    let pool = |reply| Command::Chain(ChainCommand::Pool { after, limit, reply });
    Ok(Json(api.control.ask(pool).await?))
}

/// Where a page ended.
fn place(text: &str) -> Result<(Time, u64), ApiError> {
    let parts = text.split_once('-').and_then(|(expires, sequence)| {
        Some((Time::from_nanos(expires.parse().ok()?), sequence.parse().ok()?))
    });
    parts.ok_or_else(|| {
        let message = "`after` is the `next` of the page before, and nothing else";
        ApiError::new(StatusCode::BAD_REQUEST, message)
    })
}

/// `GET /v1/decode/{id}`.
pub(super) async fn decode(
    State(api): State<Api>,
    Path(query): Path<String>,
) -> Result<Json<Decoded>, ApiError> {
    let item = |reply| Command::Chain(ChainCommand::Item { query, reply });
    let item = api.control.ask(item).await??;
    let chain = Arc::clone(&api.chain);
    Ok(Json(on_thread(move || decode::decode(&*chain, item.kind(), item.bytes())).await))
}
