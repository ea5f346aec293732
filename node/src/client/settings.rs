//! What a node is set to, and what its log tells.

use hyper::Method;

use super::{Client, ClientError};
use crate::api::path;
use crate::api::settings::{LogFilter, Settings};

impl Client {
    /// The settings that are in force, with where each came from.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node is one of many in a process.
    pub async fn config(&self) -> Result<Settings, ClientError> {
        self.get(path::CONFIG).await
    }

    /// What its log tells.
    ///
    /// # Errors
    /// As [`Client::status`], and when it has no log.
    pub async fn log_filter(&self) -> Result<String, ClientError> {
        let LogFilter { filter } = self.get(path::LOG).await?;
        Ok(filter)
    }

    /// Has its log tell something else from now on, until it ends.
    ///
    /// # Errors
    /// As [`Client::log_filter`], and when that is no filter.
    pub async fn set_log_filter(&self, filter: &str) -> Result<(), ClientError> {
        let body = serde_json::to_vec(&LogFilter { filter: filter.to_owned() }).unwrap_or_default();
        self.ask(Method::PUT, path::LOG, body.into()).await.map(drop)
    }
}
