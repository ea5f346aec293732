//! Items that are handed in.

use axum::Json;
use axum::extract::{Request, State};
use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;
use futures::StreamExt as _;
use futures::stream;
use tidings_protocol::ground::item::ItemKind;

use super::Api;
use super::describe::{Broken, Full};
use crate::api::problem::ProblemKind;
use crate::api::rival::Rival;
use crate::api::schema::RawBytes;
use crate::api::submit::BATCH_MAX;
use crate::api::{Batch, BatchItem, BatchResult, Outcome, Submitted, Taken, path};
use crate::control::Command;
use crate::http::error::ApiError;
use crate::http::take::{self, Media, media_type};
use crate::store::NotSaved;

/// Longest batch, bytes of JSON: some thousands of ordinary transactions, two digits a byte.
const BATCH_MAX_BYTES: usize = 4 << 20;

/// How many transactions of a batch are handed to the loop before the first is answered: as many as it verifies at once.
const BATCH_AHEAD: usize = 64;

/// Rules that say nothing of the item: it was refused since the node had too much to do.
const BUSY: [&str; 2] = ["node-busy", "busy-verifying"];

/// Submits transactions.
///
/// One, as its canonical bytes (`application/octet-stream`), or several, as JSON. What is accepted is on the disk by then. A batch is
/// answered item by item, in its order; what is wrong with one of them is the problem that would have been its answer
/// alone, and none of the others' business.
#[utoipa::path(
    post,
    path = path::TRANSACTIONS,
    tag = "items",
    request_body(content((RawBytes = "application/octet-stream"), (Batch = "application/json"))),
    responses((status = 200, description = "It is new, or was known; or what became of each of a batch.", body = Taken), Broken, Full)
)]
pub(super) async fn transactions(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Taken>, ApiError> {
    if media_type(&request) != Media::Json {
        return submit_body(&api, ItemKind::Tx, request).await.map(Taken::One).map(Json);
    }
    let too_large = || format!("a batch has at most {BATCH_MAX_BYTES} bytes of JSON");
    let body = take::body(request, BATCH_MAX_BYTES, too_large).await?;
    let form = "{\"transactions\": [HEX, ...]}";
    let Batch { transactions } = take::JsonBody(body).read(form)?;
    if !(1..=BATCH_MAX).contains(&transactions.len()) {
        let detail =
            format!("a batch has 1 to {BATCH_MAX} transactions, not {}", transactions.len());
        return Err(ApiError::new(ProblemKind::BadRequest, detail));
    }
    let transactions =
        transactions.iter().enumerate().map(digits).collect::<Result<Vec<_>, _>>()?;
    let api = &api;
    // Handed over in order, so that children find their parents.
    let submitted = stream::iter(transactions).map(|bytes| submit(api, ItemKind::Tx, bytes));
    let results = submitted.buffered(BATCH_AHEAD).map(|result: Result<_, ApiError>| match result {
        Ok(submitted) => BatchItem::Submitted(submitted),
        Err(error) => BatchItem::Problem(error.into_problem()),
    });
    Ok(Json(Taken::Batch(BatchResult { results: results.collect().await })))
}

/// The bytes of one of a batch. What is none makes no sense of the whole batch.
fn digits((place, hex): (usize, &String)) -> Result<Bytes, ApiError> {
    let bytes = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok().filter(|bytes| !bytes.is_empty());
    bytes.map(Bytes::from).ok_or_else(|| {
        let detail = format!(
            "transaction {place} of the batch, counted from 0, is no even number of hexadecimal digits: nothing of it was submitted"
        );
        ApiError::new(ProblemKind::BadRequest, detail)
    })
}

/// Submits a block.
///
/// Its canonical bytes are the body. It is on the disk by the time that it is accepted.
#[utoipa::path(
    post,
    path = path::BLOCKS,
    tag = "items",
    request_body(content = RawBytes, content_type = "application/octet-stream"),
    responses((status = 200, description = "It is new, or was known.", body = Submitted), Broken, Full)
)]
pub(super) async fn block(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Submitted>, ApiError> {
    submit_body(&api, ItemKind::Block, request).await.map(Json)
}

async fn submit_body(api: &Api, kind: ItemKind, request: Request) -> Result<Submitted, ApiError> {
    if !matches!(media_type(&request), Media::Bytes | Media::None) {
        let detail = format!(
            "send the canonical bytes of a {kind} as the body, with the header `Content-Type: application/octet-stream`"
        );
        return Err(ApiError::new(ProblemKind::MediaType, detail));
    }
    let max = api.chain.max_size(kind);
    let too_large = || format!("a {kind} has at most {max} bytes under this network's rules");
    let body = take::body(request, max, too_large).await?;
    // A copy: what was read shares a buffer of many kilobytes, which the pool would keep.
    submit(api, kind, Bytes::copy_from_slice(&body)).await
}

async fn submit(api: &Api, kind: ItemKind, bytes: Bytes) -> Result<Submitted, ApiError> {
    let max = api.chain.max_size(kind);
    if bytes.is_empty() {
        let detail = format!("send the canonical bytes of a {kind} as the body");
        return Err(ApiError::new(ProblemKind::BadRequest, detail));
    }
    if bytes.len() > max {
        let detail = format!("a {kind} has at most {max} bytes under this network's rules");
        return Err(ApiError::too_large(detail, max));
    }
    let answer = api.control.ask(|reply| Command::Submit { kind, bytes, reply }).await?;
    let submitted = answer.map_err(|error| not_saved(kind, &error))?;
    match submitted {
        Submitted { outcome: Outcome::Rejected, id, rule, rival } => {
            Err(refused(kind, id, rule, rival))
        }
        submitted => Ok(submitted),
    }
}

/// That an item was refused.
fn refused(
    kind: ItemKind,
    id: Option<tidings_protocol::ground::item::Hash256>,
    rule: Option<String>,
    rival: Option<Rival>,
) -> ApiError {
    let rule = rule.unwrap_or_else(|| "unknown".to_owned());
    if BUSY.contains(&&*rule) {
        return ApiError::busy(format!(
            "the node has too much to do to look at the {kind}: {rule}"
        ));
    }
    let name = id.map_or_else(|| format!("the {kind}"), |id| format!("the {kind} {id}"));
    let whose = rival.map(|rival| format!(": {rival}")).unwrap_or_default();
    ApiError::rule_broken(format!("{name} breaks the rule {rule}{whose}"), id, rule, rival)
}

/// That an accepted item isn't on the disk.
pub(super) fn not_saved(kind: ItemKind, error: &NotSaved) -> ApiError {
    let (problem, advice) = if error.disk_full {
        (ProblemKind::NoRoom, "make room on the disk and submit it again")
    } else {
        (ProblemKind::NotSaved, "submit it again later")
    };
    let message = format!(
        "the {kind} is valid and is being relayed, but it could not be saved, so that a crash may lose it \
         ({error}): {advice}"
    );
    ApiError::new(problem, message)
}
