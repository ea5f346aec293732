//! What clients ask for, and how they are answered.

use serde_json::{Map, Value, json};

use super::overlay::Topology;

/// A client's request.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    Init {
        node_id: String,
        node_ids: Vec<String>,
    },
    Topology(Topology),
    /// Workload `broadcast`.
    Broadcast(Value),
    /// Workload `g-set`.
    Add(Value),
    /// Workloads `g-counter` and `pn-counter`.
    AddDelta(i64),
    Read,
    Echo(Value),
    /// Workload `unique-ids`.
    Generate,
}

/// Why a request is refused, with the codes of Maelstrom's protocol.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("requests of type `{0}` are not supported")]
    NotSupported(String),
    #[error("temporarily unavailable: {0}")]
    NotYet(String),
    #[error("malformed request: {0}")]
    Malformed(String),
    #[error("aborted: {0}")]
    Abort(String),
    #[error("precondition failed: {0}")]
    Precondition(String),
}

impl Failure {
    const fn code(&self) -> u32 {
        match self {
            Self::NotSupported(_) => 10,
            Self::NotYet(_) => 11,
            Self::Malformed(_) => 12,
            Self::Abort(_) => 14,
            Self::Precondition(_) => 22,
        }
    }

    pub(super) fn into_body(self) -> Value {
        json!({"type": "error", "code": self.code(), "text": self.to_string()})
    }
}

/// The body of an answer that says nothing else.
pub(super) fn ok(kind: &str) -> Value {
    json!({"type": kind})
}

/// A line that answers a request.
pub(super) fn reply(src: String, dest: String, mut body: Value, id: &Value) -> String {
    if let Some(body) = body.as_object_mut() {
        body.insert("in_reply_to".to_owned(), id.clone());
    }
    json!({"src": src, "dest": dest, "body": body}).to_string()
}

pub(super) fn parse(body: &Value) -> Result<Request, Failure> {
    let malformed = |what: &str| Failure::Malformed(what.to_owned());
    let body = body.as_object().ok_or_else(|| malformed("the body is no object"))?;
    let kind = body.get("type").and_then(Value::as_str);
    Ok(match kind.ok_or_else(|| malformed("there is no type"))? {
        "init" => {
            Request::Init { node_id: field(body, "node_id")?, node_ids: field(body, "node_ids")? }
        }
        "topology" => Request::Topology(field(body, "topology")?),
        "broadcast" => Request::Broadcast(field(body, "message")?),
        "add" if body.contains_key("delta") => Request::AddDelta(field(body, "delta")?),
        "add" => Request::Add(field(body, "element")?),
        "read" => Request::Read,
        "echo" => Request::Echo(field(body, "echo")?),
        "generate" => Request::Generate,
        other => return Err(Failure::NotSupported(other.to_owned())),
    })
}

fn field<T: serde::de::DeserializeOwned>(
    body: &Map<String, Value>,
    name: &str,
) -> Result<T, Failure> {
    let value = body.get(name).ok_or_else(|| Failure::Malformed(format!("`{name}` is missing")))?;
    serde_json::from_value(value.clone())
        .map_err(|error| Failure::Malformed(format!("`{name}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_what_is_unknown_and_what_is_malformed() {
        assert_eq!(
            parse(&json!({"type": "broadcast", "message": 5})),
            Ok(Request::Broadcast(json!(5)))
        );
        assert_eq!(parse(&json!({"type": "read", "msg_id": 1})), Ok(Request::Read));
        for (body, code) in [
            (json!({"type": "txn", "txn": []}), 10),
            (json!({"type": "broadcast"}), 12),
            (json!({"type": "add", "delta": 1.5}), 12),
            (json!({"type": "topology", "topology": {"n0": "n1"}}), 12),
            (json!({"type": "init", "node_id": 1, "node_ids": []}), 12),
            (json!({"msg_id": 1}), 12),
            (json!({"type": 7}), 12),
            (json!([]), 12),
        ] {
            assert_eq!(parse(&body).unwrap_err().code(), code, "{body}");
        }
    }
}
