//! Makes blocks, for test networks: the loop says what goes into one, a thread searches for its proof of work, and the block is handed
//! in as any other.
//!
//! One search at a time. It ends when whoever asked for it goes away, or the node stops, within a slice of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use rand::RngExt as _;
use tidings_protocol::chain::{Chain, Unminable};
use tidings_protocol::ground::item::ItemKind;

use super::Api;
use super::chain::on_thread;
use super::describe::{Absent, Conflict, Full};
use super::submit::not_saved;
use crate::api::chain::{MineRequest, Mined};
use crate::api::problem::ProblemKind;
use crate::api::{Outcome, Submitted, path};
use crate::control::{ChainCommand, Command, Template};
use crate::http::error::ApiError;
use crate::http::take::JsonBody;

/// Nonces tried before somebody looks whether the search is still wanted: a tenth of a second's work.
const SLICE: u64 = 1 << 17;

impl From<Unminable> for ApiError {
    fn from(why: Unminable) -> Self {
        Self::new(ProblemKind::Conflict, why.to_string())
    }
}

/// Ends a search when it is dropped.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes a block, in a test network.
///
/// Answered once it is found and on the disk. Whoever hangs up ends the search. Nothing as the body has the chain's last block followed by
/// all that fits.
#[utoipa::path(
    post,
    path = path::MINE,
    tag = "lab",
    request_body = Option<MineRequest>,
    responses((status = 200, description = "The block.", body = Mined), Absent, Conflict, Full)
)]
pub(super) async fn mine(State(api): State<Api>, body: JsonBody) -> Result<Json<Mined>, ApiError> {
    let MineRequest { on, txs_max } = match &*body.0 {
        b"" | b"null" => MineRequest::default(),
        _ => body.read("nothing, or {\"on\": BLOCK, \"txs_max\": N},")?,
    };
    let most = api.chain.minable()?;
    let Some(search) = api.control.begin_search() else {
        let message = "this node is searching for a block already, and for one at a time";
        return Err(ApiError::new(ProblemKind::Conflict, message));
    };
    let txs_max = txs_max.unwrap_or(usize::MAX);
    let template = |reply| Command::Chain(ChainCommand::Template { on, txs_max, reply });
    let template = api.control.ask(template).await??;
    let Template { parent, height, time_s, .. } = template;
    let transactions = template.transactions.len();
    let Some(block) = find(&api, template, most).await else {
        let message = "no proof of work was found for the block: ask once more";
        return Err(ApiError::busy(message));
    };
    drop(search);
    let bytes = block.len();
    let submit = |reply| Command::Submit { kind: ItemKind::Block, bytes: block, reply };
    let submitted = api.control.ask(submit).await?;
    match submitted.map_err(|error| not_saved(ItemKind::Block, &error))? {
        Submitted { id: Some(id), outcome: Outcome::Accepted | Outcome::AlreadyKnown, .. } => {
            Ok(Json(Mined { id, height, parent, transactions, bytes, time_s }))
        }
        Submitted { rule, .. } => {
            let rule = rule.unwrap_or_else(|| "of which nothing is said".to_owned());
            let message = format!("a block was made, and refused: it breaks the rule {rule}");
            Err(ApiError::new(ProblemKind::Conflict, message))
        }
    }
}

/// Searches until a proof is found, all that is worth trying was, or nobody wants it any more.
async fn find(api: &Api, template: Template, most: u64) -> Option<Bytes> {
    let unwanted = Arc::new(AtomicBool::new(false));
    let wanted = Wanted(Arc::clone(&unwanted));
    let chain = Arc::clone(&api.chain);
    // Two nodes that search at one moment for the same block find different ones.
    let first = rand::rng().random_range(0..u64::MAX / 2);
    let found = on_thread(move || search(&*chain, &template, first, most, &unwanted));
    tokio::select! {
        found = found => found,
        () = api.stop.requested() => {
            drop(wanted);
            None
        }
    }
}

fn search(
    chain: &dyn Chain,
    template: &Template,
    first: u64,
    most: u64,
    unwanted: &AtomicBool,
) -> Option<Bytes> {
    let Template { parent, time_s, transactions, .. } = template;
    let mut begin = first;
    let end = first.saturating_add(most);
    while begin < end && !unwanted.load(Ordering::Relaxed) {
        let next = begin.saturating_add(SLICE).min(end);
        if let Some(block) = chain.mine_with(*parent, transactions, *time_s, begin..next) {
            return Some(block);
        }
        begin = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use tidings_protocol::chain::tidings::Tidings;
    use tidings_protocol::ground::item::Hash256;

    use super::*;

    #[test]
    fn a_search_finds_a_block_and_ends_when_nobody_wants_it() {
        let chain = Tidings::new(Hash256([7; 32]), 6);
        let (parent, transactions) = (Hash256([7; 32]), Vec::new());
        let template = Template { parent, height: 1, time_s: 9, transactions };
        let wanted = AtomicBool::new(false);
        let block = search(&chain, &template, 5_000, chain.minable().unwrap(), &wanted).unwrap();
        let item = chain.item(ItemKind::Block, block).unwrap();
        chain.inspect(&item).unwrap();
        assert_eq!(search(&chain, &template, 5_000, u64::MAX, &AtomicBool::new(true)), None);
        let never = Tidings::new(Hash256([7; 32]), 255);
        assert_eq!(
            search(&never, &template, u64::MAX - 3, u64::MAX, &wanted),
            None,
            "the end of all nonces"
        );
    }
}
