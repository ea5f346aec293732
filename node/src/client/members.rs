//! The fleet's members.

mod shared;

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Client, ClientError};
use crate::api::members::{
    ForceLeaveRequest, JoinRequest, Joined, KeyRequest, KeysView, LeftFleet, MemberView, Members,
};
use crate::api::path;

impl Client {
    /// All members that the node knows, itself among them, by name.
    ///
    /// # Errors
    /// As [`Client::status`], and when the node is no member; so with all that follow.
    pub async fn members(&self) -> Result<Vec<MemberView>, ClientError> {
        let Members { members } = self.get(path::MEMBERS).await?;
        Ok(members)
    }

    /// Has the node ask others who is there, and waits for their answers.
    ///
    /// # Errors
    /// As [`Client::members`].
    pub async fn members_join(&self, addrs: &[SocketAddr]) -> Result<Joined, ClientError> {
        self.post(path::MEMBERS_JOIN, &JoinRequest { addrs: addrs.to_vec() }).await
    }

    /// Takes the node out of the fleet.
    ///
    /// # Errors
    /// As [`Client::members`].
    pub async fn members_leave(&self) -> Result<LeftFleet, ClientError> {
        self.json(&self.ask(Method::POST, path::MEMBERS_LEAVE, Bytes::new()).await?)
    }

    /// Has the node take another one, by its name or id, for one that has left.
    ///
    /// # Errors
    /// As [`Client::members`], and when nobody is called so, or several are.
    pub async fn members_force_leave(&self, member: &str) -> Result<MemberView, ClientError> {
        let request = ForceLeaveRequest { member: member.to_owned() };
        self.post(path::MEMBERS_FORCE_LEAVE, &request).await
    }

    /// The ids of the node's keys.
    ///
    /// # Errors
    /// As [`Client::members`].
    pub async fn members_keys(&self) -> Result<KeysView, ClientError> {
        self.get(path::MEMBERS_KEYS).await
    }

    /// Changes the node's keys. It is on the disk by then.
    ///
    /// # Errors
    /// As [`Client::members`], and when it can't be done.
    pub async fn members_change_keys(&self, request: &KeyRequest) -> Result<KeysView, ClientError> {
        self.post(path::MEMBERS_KEYS, request).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        self.json(&self.ask(Method::POST, path, body.into()).await?)
    }
}
