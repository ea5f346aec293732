//! Blocks, the pool and items, for whoever looks at them. What the loop doesn't have time for (opening blocks, verifying) is done on
//! threads.

#![expect(unused_qualifications, reason = "utoipa's attributes name types as they like")]

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tidings_protocol::ground::fee::FeeRate;
use tidings_protocol::ground::time::Time;
use tidings_protocol::items::pool::walk::RatePlace;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use super::Api;
use super::accept::{Form, accepted};
use super::describe::{Absent, Conflict, NotAcceptable};
use crate::api::chain::{
    BLOCKS_MAX, BlockRow, BlockView, Blocks, Decoded, PAGE_MAX, PoolPage, PoolSort,
};
use crate::api::explain::TxStory;
use crate::api::path;
use crate::api::problem::ProblemKind;
use crate::api::schema::RawBytes;
use crate::control::{ChainCommand, Command, Found, NotFound, PoolFrom, Unexplained};
use crate::decode;
use crate::http::error::ApiError;
use crate::http::take::{Args, Named};

/// How many blocks are listed if nobody says how many.
const BLOCKS_DEFAULT: usize = 20;

/// How many transactions a page of the pool has if nobody says how many.
const PAGE_DEFAULT: usize = 100;

impl From<NotFound> for ApiError {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::Query(why) => why.into(),
            NotFound::Item(_) | NotFound::Block(_) | NotFound::Height { .. } => {
                Self::new(ProblemKind::NotFound, why.to_string())
            }
            NotFound::NoChain => Self::new(ProblemKind::Conflict, why.to_string()),
        }
    }
}

impl From<Unexplained> for ApiError {
    fn from(why: Unexplained) -> Self {
        let kind = match why {
            Unexplained::Unknown { .. } => ProblemKind::NotFound,
            Unexplained::Off => ProblemKind::NotEnabled,
            Unexplained::NoId(_) => ProblemKind::BadRequest,
            Unexplained::Ambiguous { .. } => ProblemKind::Ambiguous,
        };
        Self::new(kind, why.to_string())
    }
}

/// A number of a query that is within bounds.
pub(super) fn count(
    name: &str,
    given: Option<usize>,
    default: usize,
    max: usize,
) -> Result<usize, ApiError> {
    let number = given.unwrap_or(default);
    if (1..=max).contains(&number) {
        return Ok(number);
    }
    let detail = format!("{name} is `{number}`, but must be a number from 1 to {max}");
    Err(ApiError::new(ProblemKind::BadRequest, detail))
}

/// Does something on a thread. It ends by itself if nobody waits for it any more.
pub(super) async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

/// How many blocks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BlocksArgs {
    /// Most blocks: 20 if it isn't said.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// Lists the blocks that end the chain.
///
/// The highest first, with the headers that lead on from there. Where the rules know no chain, those that came last.
#[utoipa::path(
    get,
    path = path::BLOCKS,
    tag = "items",
    params(BlocksArgs),
    responses((status = 200, description = "The blocks.", body = Blocks))
)]
pub(super) async fn blocks(
    State(api): State<Api>,
    Args(args): Args<BlocksArgs>,
) -> Result<Json<Blocks>, ApiError> {
    let last = count("limit", args.limit, BLOCKS_DEFAULT, BLOCKS_MAX)?;
    let blocks = |reply| Command::Chain(ChainCommand::Blocks { last, reply });
    let found = api.control.ask(blocks).await?;
    let chain = Arc::clone(&api.chain);
    let row = move |found: Found| {
        let transactions = found.block.and_then(|block| decode::count(&*chain, &block));
        BlockRow { transactions, ..found.row }
    };
    let blocks = on_thread(move || found.into_iter().map(row).collect()).await;
    Ok(Json(Blocks { blocks }))
}

/// Shows a block.
#[utoipa::path(
    get,
    path = path::BLOCK,
    tag = "items",
    params(("id" = String, Path, description = "Its id, the beginning of it, or its height.", pattern = "^[0-9a-fA-F]{1,64}$")),
    responses((status = 200, description = "The block.", body = BlockView), Absent, Conflict)
)]
pub(super) async fn block(
    State(api): State<Api>,
    Named(query): Named,
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

/// Which part of the pool.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PoolArgs {
    /// Most transactions of a page: 100 if it isn't said.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
    /// In which order: by `age` if it isn't said.
    #[param(inline)]
    sort: Option<PoolSort>,
    /// The `next` of the page before, in the same order.
    #[param(pattern = "^((paying|free)-)?[0-9]{1,18}-[0-9]{1,18}$")]
    after: Option<String>,
}

/// Lists the pool, page by page.
#[utoipa::path(
    get,
    path = path::POOL,
    tag = "items",
    params(PoolArgs),
    responses((status = 200, description = "A page of it, with its totals.", body = PoolPage))
)]
pub(super) async fn pool(
    State(api): State<Api>,
    Args(args): Args<PoolArgs>,
) -> Result<Json<PoolPage>, ApiError> {
    let limit = count("limit", args.limit, PAGE_DEFAULT, PAGE_MAX)?;
    let after = args.after.as_deref();
    let from = match args.sort.unwrap_or_default() {
        PoolSort::Age => after.map(age_place).map(|place| place.map(Some)),
        PoolSort::FeeRate => {
            let place = after.map_or(Some(None), |after| rate_place(after).map(Some));
            return page(&api, place.map(PoolFrom::Rate), limit).await;
        }
    };
    page(&api, from.unwrap_or(Some(None)).map(PoolFrom::Age), limit).await
}

async fn page(api: &Api, from: Option<PoolFrom>, limit: usize) -> Result<Json<PoolPage>, ApiError> {
    let from = from.ok_or_else(|| {
        let detail =
            "`after` is the `next` of the page before, in the same order, and nothing else";
        ApiError::new(ProblemKind::BadRequest, detail)
    })?;
    let pool = |reply| Command::Chain(ChainCommand::Pool { from, limit, reply });
    Ok(Json(api.control.ask(pool).await?))
}

/// Where a page by age ended.
fn age_place(text: &str) -> Option<(Time, u64)> {
    let (expires, sequence) = text.split_once('-')?;
    Some((Time::from_nanos(expires.parse().ok()?), sequence.parse().ok()?))
}

/// Where a page by rate ended.
fn rate_place(text: &str) -> Option<RatePlace> {
    let (kind, place) = text.split_once('-')?;
    let (key, sequence) = place.split_once('-')?;
    let (key, sequence): (u64, u64) = (key.parse().ok()?, sequence.parse().ok()?);
    match kind {
        "paying" => Some(RatePlace::Paying(FeeRate(key), sequence)),
        "free" => Some(RatePlace::Free(Time::from_nanos(key), sequence)),
        _ => None,
    }
}

/// Shows an item, or gives its bytes.
///
/// What it says, as JSON; or its canonical bytes, if the header `Accept` asks for `application/octet-stream`.
#[utoipa::path(
    get,
    path = path::ITEM,
    tag = "items",
    params(("id" = String, Path, description = "Its id, or the beginning of it.", pattern = "^[0-9a-fA-F]{1,64}$")),
    responses(
        (status = 200, description = "The item.", content((Decoded = "application/json"), (RawBytes = "application/octet-stream"))),
        Absent, Conflict, NotAcceptable
    )
)]
pub(super) async fn item(
    State(api): State<Api>,
    Named(query): Named,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let form = accepted(&headers).ok_or_else(|| {
        let detail = "an item is told as application/json, or as application/octet-stream";
        ApiError::new(ProblemKind::NotAcceptable, detail)
    })?;
    let item = |reply| Command::Chain(ChainCommand::Item { query, reply });
    let item = api.control.ask(item).await??;
    match form {
        Form::Bytes => {
            let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
            Ok((kind, item.bytes().clone()).into_response())
        }
        Form::Json => {
            let chain = Arc::clone(&api.chain);
            let decode = move || decode::decode(&*chain, item.kind(), item.bytes());
            Ok(Json(on_thread(decode).await).into_response())
        }
    }
}

/// Tells what happened to an item.
#[utoipa::path(
    get,
    path = path::ITEM_STORY,
    tag = "items",
    params(("id" = String, Path, description = "Its id, or the beginning of it.", pattern = "^[0-9a-fA-F]{1,64}$")),
    responses((status = 200, description = "What happened, in order.", body = TxStory), Absent, Conflict)
)]
pub(super) async fn story(
    State(api): State<Api>,
    Named(query): Named,
) -> Result<Json<TxStory>, ApiError> {
    Ok(Json(api.control.ask(|reply| Command::ExplainTx { query, reply }).await??))
}
