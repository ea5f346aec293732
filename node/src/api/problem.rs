//! What can go wrong with a request, as `application/problem+json` (RFC 9457): what the server says is what the client reads.

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::Hash256;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::rival::Rival;
use super::schema::ItemHash;

/// How such an answer is announced (RFC 9457, section 3).
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why a request isn't answered otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is: stable, and what programs look at.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The same in a few words, always the same for a type.
    pub title: String,
    /// The HTTP status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong this time, and what to do about it: a sentence for people.
    pub detail: String,
    /// The rule that an item broke (`rule-broken`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The pooled transaction that was first, where that is the rule (`rule-broken`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival: Option<Rival>,
    /// The id of the item, where it is known (`rule-broken`, `not-saved`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ItemHash>)]
    pub id: Option<Hash256>,
    /// The most that is taken, bytes (`too-large`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<usize>,
    /// When to try again, seconds from now; the header `Retry-After` says the same (`busy`, `too-many-readers`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

/// Declares the kinds of problems: all that there is to know of one in one place.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $uri:literal, $status:literal, $title:literal;)+) => {
        /// What kind of problem it is: a relative URI that stays the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum ProblemKind {
            $($(#[doc = $doc])+ #[serde(rename = $uri)] $name,)+
            /// None that this client knows.
            #[serde(rename = "about:blank", other)]
            Other,
        }

        impl ProblemKind {
            /// All that a node tells.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its URI.
            #[must_use]
            pub const fn uri(self) -> &'static str {
                match self {
                    $(Self::$name => $uri,)+
                    Self::Other => "about:blank",
                }
            }

            /// The status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                    Self::Other => 500,
                }
            }

            /// What it is in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                    Self::Other => "Something went wrong",
                }
            }
        }
    };
}

kinds! {
    /// A part of the request is missing, or isn't what it has to be.
    BadRequest = "/problems/bad-request", 400, "The request makes no sense";
    /// The header with the token is missing, or has another one.
    Unauthorized = "/problems/unauthorized", 401, "The token is missing or wrong";
    /// Nothing is at this path.
    NoSuchPath = "/problems/no-such-path", 404, "There is nothing at this path";
    /// The path is right, and what it names isn't here.
    NotFound = "/problems/not-found", 404, "What was asked for isn't here";
    /// The path takes other methods: the header `Allow` names them.
    MethodNotAllowed = "/problems/method-not-allowed", 405, "This path takes another method";
    /// It can't be told in any form that the request accepts.
    NotAcceptable = "/problems/not-acceptable", 406, "There is no form of it that is accepted";
    /// The body took too long to arrive.
    TooSlow = "/problems/too-slow", 408, "The request took too long to arrive";
    /// The beginning of an id fits several.
    Ambiguous = "/problems/ambiguous", 409, "Several fit";
    /// It can't be done in the state that the node is in.
    Conflict = "/problems/conflict", 409, "It can't be done as things are";
    /// The node's settings don't have it.
    NotEnabled = "/problems/not-enabled", 409, "This node is not set up for it";
    /// The body is larger than what is taken.
    TooLarge = "/problems/too-large", 413, "The body is too large";
    /// The header `Content-Type` names something that isn't taken here.
    MediaType = "/problems/unsupported-media-type", 415, "That type of content isn't taken here";
    /// The header `Host` names a host that this node isn't.
    WrongHost = "/problems/wrong-host", 421, "The request is for another host";
    /// An item breaks a rule of the network, or of this node's pool.
    RuleBroken = "/problems/rule-broken", 422, "The item breaks a rule";
    /// As many read events as may at once.
    TooManyReaders = "/problems/too-many-readers", 429, "Too many read events";
    /// A fault of the program.
    Fault = "/problems/fault", 500, "A fault of the program";
    /// The node has too much to do.
    Busy = "/problems/busy", 503, "The node is busy";
    /// The node is about to end.
    Stopping = "/problems/stopping", 503, "The node is shutting down";
    /// It is done, and the disk refused to keep it.
    NotSaved = "/problems/not-saved", 503, "It could not be saved";
    /// The disk is full, or what the node keeps of it.
    NoRoom = "/problems/no-room", 507, "There is no room";
}

/// By hand, since its derivation doesn't see what a macro renames.
impl PartialSchema for ProblemKind {
    fn schema() -> RefOr<Schema> {
        let uris = Self::ALL.iter().map(|kind| kind.uri());
        let description = "What kind of problem it is: a relative URI that stays the same. There may be more of them in later versions.";
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(uris));
        schema.description(Some(description)).build().into()
    }
}

impl ToSchema for ProblemKind {}

impl Problem {
    /// A problem of a kind, and what it is this time.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            rule: None,
            rival: None,
            id: None,
            max_bytes: None,
            retry_after_s: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_back_and_says_no_more_than_it_knows() {
        let problem = Problem::new(ProblemKind::NotFound, "no such item");
        let json = serde_json::to_string(&problem).unwrap();
        let expected = r#"{"type":"/problems/not-found","title":"What was asked for isn't here","status":404,"detail":"no such item"}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Problem>(&json).unwrap(), problem);
    }

    #[test]
    fn the_type_of_each_is_its_uri_and_one_of_the_future_is_no_error() {
        for kind in ProblemKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.uri()));
            assert!((400..600).contains(&kind.status()) && !kind.title().is_empty());
        }
        let unknown = serde_json::from_str::<ProblemKind>("\"/problems/news\"").unwrap();
        assert_eq!(unknown, ProblemKind::Other);
    }

    #[test]
    fn people_find_each_of_them_explained() {
        let page = include_str!("../../API.md");
        for kind in ProblemKind::ALL {
            let row = format!("| `{}` | {} |", kind.uri(), kind.status());
            assert!(page.contains(&row), "API.md has no row `{row}`");
        }
    }
}
