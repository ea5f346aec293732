//! Bans, and links by hand.

use bytes::Bytes;
use hyper::Method;
use serde::Serialize;
use tidings_protocol::ground::peer::PeerAddr;

use super::{Client, ClientError, escaped};
use crate::api::bans::{
    BanList, BanRequest, Concerned, ConnectRequest, DisconnectRequest, Subject,
};
use crate::api::path;

impl Client {
    /// Whom it keeps out.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn bans(&self) -> Result<BanList, ClientError> {
        self.get(path::BANS).await
    }

    /// Has it keep somebody out, and tells how many links that closed.
    ///
    /// # Errors
    /// As [`Client::status`], and when there are too many bans, or it can't be saved.
    pub async fn ban(&self, request: &BanRequest) -> Result<Concerned, ClientError> {
        self.wish(path::BANS, request).await
    }

    /// Has it let somebody in again, or everybody.
    ///
    /// # Errors
    /// As [`Client::status`], and when nobody of that name is banned.
    pub async fn unban(&self, subject: Option<Subject>) -> Result<Concerned, ClientError> {
        let path = match subject {
            Some(subject) => format!("{}/{}", path::BANS, escaped(&subject.to_string())),
            None => path::BANS.to_owned(),
        };
        self.json(&self.ask(Method::DELETE, &path, Bytes::new()).await?)
    }

    /// Closes the link with a peer, by its id or the beginning of it, its address, or its link.
    ///
    /// # Errors
    /// As [`Client::status`], and when no peer fits, or several do.
    pub async fn disconnect(&self, peer: &str) -> Result<Concerned, ClientError> {
        self.wish(path::DISCONNECT, &DisconnectRequest { peer: peer.to_owned() }).await
    }

    /// Has it try an address before others, as soon as there is a place.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn connect(&self, addr: PeerAddr) -> Result<(), ClientError> {
        self.wish(path::CONNECT, &ConnectRequest { addr }).await.map(drop)
    }

    async fn wish(&self, path: &str, wish: &impl Serialize) -> Result<Concerned, ClientError> {
        let body = serde_json::to_vec(wish).unwrap_or_default();
        self.json(&self.ask(Method::POST, path, body.into()).await?)
    }
}
