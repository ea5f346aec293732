//! Blocks, the pool and items; and blocks made for test networks.

use std::time::Duration;

use hyper::Method;

use super::connection::{Body, Media};
use super::{Client, ClientError, escaped, refused};
use crate::api::chain::{BlockView, Blocks, Decoded, MineRequest, Mined, PoolPage, PoolSort};
use crate::api::path;

/// How long a search for a block may take: longer than the hardest one that is tried.
const MINE_TIMEOUT: Duration = Duration::from_secs(4 * 3_600);

impl Client {
    /// The blocks that came last, the highest first.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn blocks(&self, last: usize) -> Result<Blocks, ClientError> {
        self.get(&format!("{}?limit={last}", path::BLOCKS)).await
    }

    /// A block, by its height, its id or the beginning of it.
    ///
    /// # Errors
    /// As [`Client::status`], and when no block fits, or several do.
    pub async fn block(&self, query: &str) -> Result<BlockView, ClientError> {
        self.get(&format!("{}/{}", path::BLOCKS, escaped(query))).await
    }

    /// A page of the pool.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn pool(
        &self,
        sort: PoolSort,
        limit: usize,
        after: Option<&str>,
    ) -> Result<PoolPage, ClientError> {
        let after = after.map_or_else(String::new, |after| format!("&after={}", escaped(after)));
        let sort = sort.name();
        self.get(&format!("{}?sort={sort}&limit={limit}{after}", path::POOL)).await
    }

    /// What an item says, by its id or the beginning of it.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node has no such item, or several fit.
    pub async fn decode(&self, query: &str) -> Result<Decoded, ClientError> {
        self.get(&format!("{}/{}", path::ITEMS, escaped(query))).await
    }

    /// Has it make a block. Whoever stops waiting ends the search.
    ///
    /// # Errors
    /// As [`Client::status`], and when these rules can't make blocks, or it would take too long.
    pub async fn mine(&self, request: &MineRequest) -> Result<Mined, ClientError> {
        let body = serde_json::to_vec(request).unwrap_or_default();
        let answer = self
            .send_within(
                MINE_TIMEOUT,
                Method::POST,
                path::MINE,
                Body { bytes: body.into(), media: Media::Json },
            )
            .await?;
        if answer.status.is_success() { self.json(&answer) } else { Err(refused(&answer)) }
    }
}
