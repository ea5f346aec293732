//! How types that this crate doesn't own look in the API's description. Nothing but the description uses these.

use serde::Serialize;
use utoipa::ToSchema;

/// Id of an item: a hash, 64 hexadecimal digits.
#[derive(Debug, ToSchema)]
#[schema(pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64)]
pub struct ItemHash(pub String);

/// Bytes as hexadecimal digits, of either case.
#[derive(Debug, ToSchema)]
#[schema(pattern = "^([0-9a-fA-F]{2})+$", min_length = 2)]
pub struct HexDigits(pub String);

/// Any bytes.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary, min_length = 1)]
pub struct RawBytes(pub Vec<u8>);

/// Server-sent events.
#[derive(Debug, ToSchema)]
#[schema(
    example = "event: already-known\nid: 1f00c0de-7\ndata: {\"unix_us\":1,\"event\":\"already-known\",\"id\":\"...\"}\n\n"
)]
pub struct EventText(pub String);

/// What an item is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A transaction.
    Tx,
    /// A block.
    Block,
}

/// Who dialled: `inbound` if the peer did, `outbound` if this node did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialled {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// Where an item came from: nothing of it if it was submitted here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ingress {
    /// Handle of the link.
    #[schema(required = false, nullable = false)]
    pub link: Option<String>,
    /// The peer's identity.
    #[schema(required = false, nullable = false)]
    pub peer: Option<String>,
}

/// An address of a peer: `IP:PORT`, with `/quic` behind it where it isn't TCP.
#[derive(Debug, ToSchema)]
#[schema(example = "192.0.2.7:4000")]
pub struct Address(pub String);

/// Whom a ban is about: a whole peer id, an address, or a subnet.
#[derive(Debug, ToSchema)]
#[schema(example = "192.0.2.0/24")]
pub struct BanSubject(pub String);

/// Text if the bytes are UTF-8, as they mostly are, and their hexadecimal digits otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Text {
    /// Text.
    Text(String),
    /// Bytes that are none.
    Bytes(HexBytes),
}

/// Bytes that are no text.
#[derive(Debug, Serialize, ToSchema)]
pub struct HexBytes {
    /// Two hexadecimal digits for each.
    #[schema(pattern = "^([0-9a-fA-F]{2})*$")]
    pub hex: String,
}

/// A whole number: as such if it has 64 bits, as it mostly has, and its digits otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Number {
    /// Of 64 bits.
    Number(i64),
    /// Of more.
    Digits(String),
}
