//! The fleet's map, asked for.

use hyper::Method;
use percent_encoding::percent_encode;

use super::{Client, ClientError, EventStream, RESERVED};
use crate::api::kv::{KvConflicts, KvEntries, KvEntry, KvPage, KvText, KvWrite};
use crate::api::{KvChange, path};

impl Client {
    /// What is under a name of the fleet's map: one entry, or several of different kinds.
    ///
    /// # Errors
    /// As [`Client::status`], when the node has no map, and when nothing is there.
    pub async fn kv_get(&self, key: &KvText) -> Result<Vec<KvEntry>, ClientError> {
        let KvEntries { entries } =
            self.get(&format!("{}?key={}", path::KV_ENTRY, escaped(key))).await?;
        Ok(entries)
    }

    /// All keys whose names begin so, in order.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node has no map.
    pub async fn kv_list(&self, prefix: &KvText) -> Result<Vec<KvEntry>, ClientError> {
        let (mut entries, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("{}?prefix={}{after}", path::KV, escaped(prefix));
            let KvPage { entries: page, next } = self.get(&path).await?;
            entries.extend(page);
            match next {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(entries),
            }
        }
    }

    /// Writes, and tells what the key holds then. It is on the disk by then.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node has no map, or refuses the write.
    pub async fn kv_write(&self, write: &KvWrite) -> Result<KvEntry, ClientError> {
        let body = serde_json::to_vec(write).unwrap_or_default();
        self.json(&self.ask(Method::POST, path::KV, body.into()).await?)
    }

    /// What wants attention: keys with several values, and writes that are lost.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node has no map.
    pub async fn kv_conflicts(&self) -> Result<KvConflicts, ClientError> {
        self.get(path::KV_CONFLICTS).await
    }

    /// What keys whose names begin so hold from now on, whenever one changes, over a connection of its own.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node has no map.
    pub async fn kv_watch(&self, prefix: &KvText) -> Result<EventStream<KvChange>, ClientError> {
        self.stream(&format!("{}?prefix={}", path::KV_WATCH, escaped(prefix)), None).await
    }
}

fn escaped(text: &KvText) -> percent_encoding::PercentEncode<'_> {
    percent_encode(&text.0, RESERVED)
}
