//! What may be asked of a member besides who lives: state, leaders, events, queries, distances.

use tokio::sync::oneshot;

use super::{MembersCommand, MembersControl, MembersRefused};
use crate::api::members::shared::{
    AnnounceRequest, Done, FireRequest, LeaderView, QueryRequest, QueryResult, RespondRequest,
    RttView, StateEntry, StateWrite,
};
use crate::control::Unanswered;

/// Where an answer goes.
pub(in crate::members) type Reply<T> = oneshot::Sender<Result<T, MembersRefused>>;

/// One thing asked of what members share.
#[derive(Debug)]
pub(in crate::members) enum SharedCommand {
    /// What do members say of themselves: all, or one?
    State {
        /// Name or id.
        member: Option<String>,
        /// By member and key.
        reply: Reply<Vec<StateEntry>>,
    },
    /// Say this of yourself.
    Write(StateWrite, Reply<Done>),
    /// Who leads?
    Leaders(Reply<Vec<LeaderView>>),
    /// Say who leads.
    Announce(AnnounceRequest, Reply<LeaderView>),
    /// Tell all of an event.
    Fire(FireRequest, Reply<Done>),
    /// Ask all.
    Ask(QueryRequest, Reply<QueryResult>),
    /// Answer somebody.
    Respond(RespondRequest, Reply<Done>),
    /// How far are two apart?
    Rtt {
        /// Name or id.
        one: String,
        /// Name or id.
        other: String,
        /// The estimate.
        reply: Reply<RttView>,
    },
}

impl MembersControl {
    async fn share<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> SharedCommand,
    ) -> Result<Result<T, MembersRefused>, Unanswered> {
        self.ask(|reply| MembersCommand::Shared(command(reply))).await
    }

    /// What members say of themselves, by name and key: all, or the one of this name or id.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and who isn't known.
    pub async fn state(
        &self,
        member: Option<String>,
    ) -> Result<Result<Vec<StateEntry>, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::State { member, reply }).await
    }

    /// Has it say something of itself.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and why not.
    pub async fn write(
        &self,
        write: StateWrite,
    ) -> Result<Result<Done, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::Write(write, reply)).await
    }

    /// Who leads, by group.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and that it isn't spread here.
    pub async fn leaders(&self) -> Result<Result<Vec<LeaderView>, MembersRefused>, Unanswered> {
        self.share(SharedCommand::Leaders).await
    }

    /// Has it say who leads; what is known of the group then.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and why not, such as a later epoch that is known.
    pub async fn announce(
        &self,
        request: AnnounceRequest,
    ) -> Result<Result<LeaderView, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::Announce(request, reply)).await
    }

    /// Has it tell all members of an event.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and why not.
    pub async fn fire(
        &self,
        request: FireRequest,
    ) -> Result<Result<Done, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::Fire(request, reply)).await
    }

    /// Has it ask all members, and waits for their answers.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and why not.
    pub async fn query(
        &self,
        request: QueryRequest,
    ) -> Result<Result<QueryResult, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::Ask(request, reply)).await
    }

    /// Has it answer another member's query.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and that nobody asked so.
    pub async fn respond(
        &self,
        request: RespondRequest,
    ) -> Result<Result<Done, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::Respond(request, reply)).await
    }

    /// How far two members are apart, by name or id, without asking them.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and what isn't known.
    pub async fn rtt(
        &self,
        one: String,
        other: String,
    ) -> Result<Result<RttView, MembersRefused>, Unanswered> {
        self.share(|reply| SharedCommand::Rtt { one, other, reply }).await
    }
}
