//! The admin API: how a node's operator asks it things, over HTTP/1.
//!
//! It is offered on a unix socket that only its owner can connect to, and, if the operator wants, on a
//! TCP port to whoever has a token. [`crate::client`] speaks it from the other side.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`](crate::api::Status) |
//! | `GET /v1/peers` | list of [`PeerStatus`](crate::api::PeerStatus) |
//! | `GET /v1/addresses` | list of addresses that the node knows |
//! | `POST /v1/tx`, `POST /v1/block` with the canonical bytes | [`Submitted`](crate::api::Submitted), once it is on the disk |
//! | `GET /v1/items/{id}` | the item's canonical bytes, or 404 |
//! | `GET /v1/decode/{id}` | [`Decoded`](crate::api::chain::Decoded): what an item says; the beginning of its id will do |
//! | `GET /v1/blocks?last=…` | list of [`BlockRow`](crate::api::chain::BlockRow), the highest first |
//! | `GET /v1/blocks/{id}` | [`BlockView`](crate::api::chain::BlockView), by its height, its id or the beginning of it |
//! | `GET /v1/pool?limit=…&after=…` | [`PoolPage`](crate::api::chain::PoolPage), the oldest first; `after` is the `next` of the page before |
//! | `POST /v1/mine` with [`MineRequest`](crate::api::chain::MineRequest) | [`Mined`](crate::api::chain::Mined), once the block is made and on the disk: for test networks |
//! | `GET /v1/explain/tx/{id}` | [`TxStory`](crate::api::explain::TxStory) of an item; the beginning of its id will do |
//! | `GET /v1/explain/peer/{id}` | [`PeerStory`](crate::api::explain::PeerStory); the beginning of its id, an address or a link will do |
//! | `GET /v1/events` | server-sent events, each a [`NodeEvent`](crate::api::NodeEvent) or a notice of how many were missed |
//! | `GET /v1/kv?prefix=…&after=…` | [`KvPage`](crate::api::kv::KvPage): keys of the fleet's map; `after` is the `next` of the page before |
//! | `GET /v1/kv/entry?key=…` | list of [`KvEntry`](crate::api::kv::KvEntry): one, or of different kinds; or 404 |
//! | `POST /v1/kv` with [`KvWrite`](crate::api::kv::KvWrite) | [`KvEntry`](crate::api::kv::KvEntry), once it is on the disk |
//! | `GET /v1/kv/watch?prefix=…` | server-sent events, each a [`KvChange`](crate::api::KvChange) |
//! | `GET /v1/kv/conflicts` | [`KvConflicts`](crate::api::kv::KvConflicts) |
//! | `GET /v1/bans` | [`BanList`](crate::api::bans::BanList) |
//! | `POST /v1/bans` with [`BanRequest`](crate::api::bans::BanRequest) | [`Concerned`](crate::api::bans::Concerned), once it is on the disk |
//! | `POST /v1/bans/remove` with [`UnbanRequest`](crate::api::bans::UnbanRequest) | [`Concerned`](crate::api::bans::Concerned), once it is on the disk |
//! | `POST /v1/peers/disconnect` with [`DisconnectRequest`](crate::api::bans::DisconnectRequest) | [`Concerned`](crate::api::bans::Concerned) |
//! | `POST /v1/peers/connect` with [`ConnectRequest`](crate::api::bans::ConnectRequest) | [`Concerned`](crate::api::bans::Concerned): the address is tried as soon as there is a place |
//! | `GET /v1/members` | list of [`MemberView`](crate::api::members::MemberView), by name |
//! | `POST /v1/members/join` with [`JoinRequest`](crate::api::members::JoinRequest) | [`Joined`](crate::api::members::Joined), once all have answered or been silent for ten seconds |
//! | `POST /v1/members/leave` | [`LeftFleet`](crate::api::members::LeftFleet), once it is told |
//! | `POST /v1/members/force-leave` with [`ForceLeaveRequest`](crate::api::members::ForceLeaveRequest) | [`MemberView`](crate::api::members::MemberView) |
//! | `GET /v1/members/keys` | [`KeysView`](crate::api::members::KeysView): ids alone |
//! | `POST /v1/members/keys` with [`KeyRequest`](crate::api::members::KeyRequest) | [`KeysView`](crate::api::members::KeysView), once it is on the disk |
//! | `GET /v1/members/state?member=…` | list of [`StateEntry`](crate::api::members::shared::StateEntry), by member and key |
//! | `POST /v1/members/state` with [`StateWrite`](crate::api::members::shared::StateWrite) | [`Done`](crate::api::members::shared::Done) |
//! | `GET /v1/members/leaders` | list of [`LeaderView`](crate::api::members::shared::LeaderView) |
//! | `POST /v1/members/leaders` with [`AnnounceRequest`](crate::api::members::shared::AnnounceRequest) | [`LeaderView`](crate::api::members::shared::LeaderView) |
//! | `POST /v1/members/event` with [`FireRequest`](crate::api::members::shared::FireRequest) | [`Done`](crate::api::members::shared::Done) |
//! | `POST /v1/members/query` with [`QueryRequest`](crate::api::members::shared::QueryRequest) | [`QueryResult`](crate::api::members::shared::QueryResult), once the time for answers is over |
//! | `POST /v1/members/respond` with [`RespondRequest`](crate::api::members::shared::RespondRequest) | [`Done`](crate::api::members::shared::Done) |
//! | `GET /v1/members/rtt?one=…&other=…` | [`RttView`](crate::api::members::shared::RttView) |
//! | `POST /v1/slow-motion` with [`SlowFrom`](crate::api::SlowFrom) | [`Slowed`](crate::api::Slowed); only where `lab.slow_motion` is set |
//! | `POST /v1/stop` | `{"stopping":true}`, and the node shuts down |
//! | `GET /healthy`, `GET /ready` | [`Health`](crate::api::Health), [`Readiness`](crate::api::Readiness); 503 if not |
//!
//! Whatever can't be answered is a [`Refusal`](crate::api::Refusal) with a fitting status: 400, 401, 404, 405, 409
//! (the beginning of an id fits several, the clock can't be slowed down, no block can be made or one is being made, there is no map or it keeps other data, the node is no member of a fleet), 413, 503 while
//! the node is overloaded or shutting down, 507 when the disk or the map is full. Requests and connections are bounded; over a bound the asker waits.

mod bans;
mod chain;
mod events;
mod kv;
mod members;
mod mine;
pub mod routes;
mod submit;

use std::sync::Arc;

use tidings_protocol::chain::Chain;

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
    /// Ends this process.
    pub stop: Stop,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("rules", &self.chain.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
