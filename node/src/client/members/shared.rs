//! What members share besides who lives.

use crate::api::members::shared::{
    AnnounceRequest, Done, FireRequest, LeaderView, Leaders, QueryRequest, QueryResult,
    RespondRequest, RttView, StateEntries, StateEntry, StateWrite,
};
use crate::api::path;
use crate::client::{Client, ClientError, escaped};

impl Client {
    /// What members say of themselves, by name and key: all, or the one of this name or id.
    ///
    /// # Errors
    /// As [`Client::members`]; so with all that follow, which say why the node doesn't do what they ask for.
    pub async fn members_state(
        &self,
        member: Option<&str>,
    ) -> Result<Vec<StateEntry>, ClientError> {
        let of = member.map(|member| format!("?member={}", escaped(member))).unwrap_or_default();
        let StateEntries { entries } = self.get(&format!("{}{of}", path::MEMBERS_STATE)).await?;
        Ok(entries)
    }

    /// Has the node say something of itself, or no more.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_write(&self, write: &StateWrite) -> Result<Done, ClientError> {
        self.post(path::MEMBERS_STATE, write).await
    }

    /// Who leads, by group.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_leaders(&self) -> Result<Vec<LeaderView>, ClientError> {
        let Leaders { leaders } = self.get(path::MEMBERS_LEADERS).await?;
        Ok(leaders)
    }

    /// Has the node say who leads a group; what is known of it then.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_announce(
        &self,
        request: &AnnounceRequest,
    ) -> Result<LeaderView, ClientError> {
        self.post(path::MEMBERS_LEADERS, request).await
    }

    /// Has the node tell all members of an event.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_fire(&self, request: &FireRequest) -> Result<Done, ClientError> {
        self.post(path::MEMBERS_EVENT, request).await
    }

    /// Has the node ask all members, and waits until the time for answers is over.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_query(&self, request: &QueryRequest) -> Result<QueryResult, ClientError> {
        self.post(path::MEMBERS_QUERY, request).await
    }

    /// Has the node answer another member's query.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_respond(&self, request: &RespondRequest) -> Result<Done, ClientError> {
        self.post(path::MEMBERS_RESPOND, request).await
    }

    /// How far two members are apart, without asking them.
    ///
    /// # Errors
    /// As [`Client::members_state`].
    pub async fn members_rtt(&self, one: &str, other: &str) -> Result<RttView, ClientError> {
        let path = format!("{}?one={}&other={}", path::MEMBERS_RTT, escaped(one), escaped(other));
        self.get(&path).await
    }
}
