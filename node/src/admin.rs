//! The admin API: how a node's operator asks it things, over HTTP/1.
//!
//! It is offered on a unix socket that only its owner can connect to, and, if the operator wants, on a
//! TCP port to whoever has a token. [`crate::client`] speaks it from the other side.
//!
//! Every route is described where its handler is, and all of them in `node/openapi.json` (`OpenAPI` 3.1), which the node serves at
//! `/v1/openapi.json`; `node/API.md` explains them to people. Whatever can't be answered is a [`Problem`](crate::api::Problem), as
//! `application/problem+json`, with a type that stays the same; axum's own refusals, which are plain text, reach nobody.
//! Requests, answers and connections are bounded; over a bound the asker waits, or is told when to come back.

mod accept;
mod chain;
mod describe;
mod events;
pub mod health;
mod kv;
mod members;
mod mine;
mod peers;
pub mod routes;
mod settings;
mod submit;

use std::sync::Arc;

use axum::extract::FromRef;
use tidings_protocol::chain::Chain;

use crate::config::Live;
use crate::control::{Control, Events, Stop};
use crate::members::MembersControl;

/// What the API's handlers share.
#[derive(Clone)]
pub struct Api {
    /// To the shell.
    pub control: Control,
    /// From the shell.
    pub events: Events,
    /// To the fleet's member, if the node is one.
    pub members: Option<MembersControl>,
    /// The rules, for the sizes that a submission may have.
    pub chain: Arc<dyn Chain>,
    /// The settings with where each came from, if that is known.
    pub settings: Option<Live>,
    /// Ends this process.
    pub stop: Stop,
}

impl FromRef<Api> for Control {
    fn from_ref(api: &Api) -> Self {
        api.control.clone()
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("rules", &self.chain.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
