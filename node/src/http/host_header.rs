//! For which host a request is.
//!
//! *What an attacker could try:* a web page that has its own name lead to 127.0.0.1 once it is loaded (DNS rebinding). The operator's
//! browser then asks this node, in the page's name, and lets the page read the answer. But it says for which
//! host it asks: so a name is taken only if it is this machine's by definition, or the operator's settings have it. An address is no name that
//! somebody could have lead elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::ApiError;
use crate::api::problem::ProblemKind;

/// Lets through only requests for an address, for `localhost`, or for one of these names.
pub(crate) async fn require(
    State(names): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Response {
    let is_named =
        request.headers().contains_key(header::HOST) || request.uri().authority().is_some();
    if !is_named && request.version() >= Version::HTTP_11 {
        let detail = "the header `Host` is missing (RFC 9112, section 3.2)";
        return ApiError::new(ProblemKind::BadRequest, detail).into_response();
    }
    if let Some(other) = not_ours(&request, &names) {
        let detail = format!(
            "the request is for `{}`, and this node is none of that name: ask it by its address, or put the name into admin.hosts",
            crate::printable::line(&other, 100)
        );
        return ApiError::new(ProblemKind::WrongHost, detail).into_response();
    }
    next.run(request).await
}

/// The host that a request is for, if that is neither an address, nor `localhost`, nor one of these names.
pub(super) fn not_ours(request: &Request, names: &[String]) -> Option<String> {
    let named = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let in_line = request.uri().authority().map(|authority| authority.as_str());
    let mut hosts = named.into_iter().chain(in_line);
    hosts.find(|host| !is_ours(host, names)).map(str::to_owned)
}

fn is_ours(host: &str, names: &[String]) -> bool {
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return address.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || is_port(rest));
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(&format!(":{port}")) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut known = names.iter().map(String::as_str).chain(["localhost"]);
    name.parse::<Ipv4Addr>().is_ok() || known.any(|known| known.eq_ignore_ascii_case(name))
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_operators_names_are_ours_and_no_others() {
        let names = ["node-1.example.org".to_owned()];
        for ours in [
            "127.0.0.1:4001",
            "192.0.2.7",
            "[::1]:4001",
            "[2001:db8::1]",
            "localhost:4001",
            "LOCALHOST",
            "Node-1.example.org:80",
            "node-1.example.org.",
        ] {
            assert!(is_ours(ours, &names), "{ours}");
        }
        for other in [
            "evil.example",
            "evil.example:4001",
            "",
            "x",
            "127.0.0.1.evil.example",
            "[x]:1",
            "localhost.evil",
            "127.1",
        ] {
            assert!(!is_ours(other, &names), "{other}");
        }
    }
}
