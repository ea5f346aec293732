//! Links, addresses, and who is kept out.

#![expect(unused_qualifications, reason = "utoipa's attributes name types as they like")]

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tidings_protocol::ground::peer::PeerAddr;
use utoipa::IntoParams;

use super::Api;
use super::chain::count;
use super::describe::{Absent, Conflict, Full};
use crate::api::bans::{
    BanList, BanRequest, Concerned, ConnectRequest, DisconnectRequest, Subject,
};
use crate::api::explain::PeerStory;
use crate::api::peers::ADDRESSES_MAX;
use crate::api::problem::ProblemKind;
use crate::api::schema::Address;
use crate::api::{AddressPage, Peers, path};
use crate::control::{Command, NotDone};
use crate::http::error::ApiError;
use crate::http::take::{Args, JsonBody, Named};

/// How many addresses a page has if nobody says how many.
const PAGE_DEFAULT: usize = 100;

impl From<NotDone> for ApiError {
    fn from(why: NotDone) -> Self {
        let kind = match &why {
            NotDone::Span { .. } => ProblemKind::BadRequest,
            NotDone::Full => ProblemKind::NoRoom,
            NotDone::Unsaved { .. } => ProblemKind::NotSaved,
            NotDone::Unknown(_) | NotDone::NoPeer(_) => ProblemKind::NotFound,
            NotDone::Off => ProblemKind::NotEnabled,
            NotDone::Several { .. } => ProblemKind::Ambiguous,
        };
        Self::new(kind, why.to_string())
    }
}

/// Lists the links.
#[utoipa::path(
    get,
    path = path::PEERS,
    tag = "peers",
    responses((status = 200, description = "All links whose hello arrived.", body = Peers))
)]
pub(super) async fn peers(State(api): State<Api>) -> Result<Json<Peers>, ApiError> {
    let peers = api.control.ask(Command::Peers).await?;
    Ok(Json(Peers { peers }))
}

/// Tells what passed between the node and a peer.
#[utoipa::path(
    get,
    path = path::PEER_STORY,
    tag = "peers",
    params(("id" = String, Path, description = "The peer's id, the beginning of it, its address or its link.", min_length = 1)),
    responses((status = 200, description = "What passed, link by link.", body = PeerStory), Absent, Conflict)
)]
pub(super) async fn story(
    State(api): State<Api>,
    Named(query): Named,
) -> Result<Json<PeerStory>, ApiError> {
    Ok(Json(api.control.ask(|reply| Command::ExplainPeer { query, reply }).await??))
}

/// Closes the links with a peer.
#[utoipa::path(
    post,
    path = path::DISCONNECT,
    tag = "peers",
    request_body = DisconnectRequest,
    responses((status = 200, description = "How many links that closed.", body = Concerned), Absent, Conflict)
)]
pub(super) async fn disconnect(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<Concerned>, ApiError> {
    let DisconnectRequest { peer } = body.read("{\"peer\": WHICH}")?;
    Ok(Json(api.control.ask(|reply| Command::Disconnect { peer, reply }).await??))
}

/// Has an address tried before others.
#[utoipa::path(
    post,
    path = path::CONNECT,
    tag = "peers",
    request_body = ConnectRequest,
    responses((status = 200, description = "It is noted, and tried as soon as there is a place.", body = Concerned))
)]
pub(super) async fn connect(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<Concerned>, ApiError> {
    let ConnectRequest { addr } = body.read("{\"addr\": \"IP:PORT\"}")?;
    api.control.ask(|reply| Command::Connect { addr, reply }).await?;
    Ok(Json(Concerned::default()))
}

/// Which addresses.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AddressesArgs {
    /// Most addresses of a page: 100 if it isn't said.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    #[param(value_type = Option<Address>)]
    after: Option<PeerAddr>,
}

/// Lists the addresses that the node knows, page by page.
#[utoipa::path(
    get,
    path = path::ADDRESSES,
    tag = "peers",
    params(AddressesArgs),
    responses((status = 200, description = "A page of them.", body = AddressPage))
)]
pub(super) async fn addresses(
    State(api): State<Api>,
    Args(AddressesArgs { limit, after }): Args<AddressesArgs>,
) -> Result<Json<AddressPage>, ApiError> {
    let limit = count("limit", limit, PAGE_DEFAULT, ADDRESSES_MAX)?;
    Ok(Json(api.control.ask(|reply| Command::Addresses { after, limit, reply }).await?))
}

/// Lists who is kept out.
#[utoipa::path(
    get,
    path = path::BANS,
    tag = "peers",
    responses((status = 200, description = "All bans that aren't over, in the order in which they were made.", body = BanList))
)]
pub(super) async fn bans(State(api): State<Api>) -> Result<Json<BanList>, ApiError> {
    Ok(Json(api.control.ask(Command::Bans).await?))
}

/// Keeps somebody out for a time.
///
/// It is on the disk by the time that this is answered.
#[utoipa::path(
    post,
    path = path::BANS,
    tag = "peers",
    request_body = BanRequest,
    responses((status = 200, description = "How many links that closed.", body = Concerned), Conflict, Full)
)]
pub(super) async fn ban(
    State(api): State<Api>,
    body: JsonBody,
) -> Result<Json<Concerned>, ApiError> {
    let request: BanRequest = body.read("{\"subject\": WHOM, \"seconds\": HOW_LONG}")?;
    Ok(Json(api.control.ask(|reply| Command::Ban { request, reply }).await??))
}

/// Lets everybody in again.
#[utoipa::path(
    delete,
    path = path::BANS,
    tag = "peers",
    responses((status = 200, description = "How many bans that were.", body = Concerned), Conflict)
)]
pub(super) async fn unban_all(State(api): State<Api>) -> Result<Json<Concerned>, ApiError> {
    Ok(Json(api.control.ask(|reply| Command::Unban { subject: None, reply }).await??))
}

/// Lets somebody in again.
#[utoipa::path(
    delete,
    path = path::BAN,
    tag = "peers",
    params(("subject" = String, Path, description = "Whom: a peer id, an address or a subnet, of which the slash is written `%2F`.", min_length = 1)),
    responses((status = 200, description = "How many bans that were.", body = Concerned), Absent, Conflict)
)]
pub(super) async fn unban(
    State(api): State<Api>,
    Named(subject): Named,
) -> Result<Json<Concerned>, ApiError> {
    let subject: Subject =
        subject.parse().map_err(|error: crate::api::bans::ParseSubjectError| {
            ApiError::new(ProblemKind::BadRequest, error.to_string())
        })?;
    Ok(Json(api.control.ask(|reply| Command::Unban { subject: Some(subject), reply }).await??))
}
