//! A fixed set of pages for whoever sits at this machine: nothing to change, so no token.
//!
//! *What an attacker could try:* a web page of another site asks for them in the user's browser. It may ask, but no browser lets it read
//! the answer: nothing here says that it may (no CORS, `Cross-Origin-Resource-Policy`), a name that it has lead to this machine isn't
//! ours (`host_header`), and no frame of its shows them. What the pages may do themselves is
//! bounded by their policy: no script, style or connection from elsewhere.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tokio::net::TcpListener;

use super::bind::{BindError, bind_tcp};
use super::{host_header, server};
use crate::control::Stop;
use crate::printable;

/// What every answer says besides: what browsers must not do with it. `blob:` is for workers that a page has inside itself,
/// `wasm-unsafe-eval` for WebAssembly, `data:` for an icon that is none.
const GUARDS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; worker-src blob:; \
         img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What stands at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its media type.
    pub media: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether the bytes are of gzip, and the browser has to undo that.
    pub is_gzip: bool,
}

/// Pages by their paths, each with its `/`. As many as whoever makes them puts in: nobody adds any by asking.
pub type Pages = BTreeMap<String, Page>;

/// Listens at a port of this machine's own address (127.0.0.1); 0 is any that is free. `key` is what the user calls the port.
///
/// # Errors
///
/// If the system refuses.
pub async fn listen(key: &'static str, port: u16) -> Result<TcpListener, BindError> {
    bind_tcp(key, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves pages until stopped, as many connections at once as [`server::serve`] does.
pub async fn serve(listener: TcpListener, pages: Pages, stop: Stop) {
    let router = Router::new().fallback(answer).with_state(Arc::new(pages));
    drop(server::serve(listener, router, stop).await);
}

async fn answer(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    let mut response = answered(&pages, &request);
    for (name, value) in GUARDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn answered(pages: &Pages, request: &Request) -> Response {
    if let Some(host) = host_header::not_ours(request, &[]) {
        let host = printable::line(&host, 100);
        let said =
            format!("This page is for this machine alone: ask for 127.0.0.1, not for `{host}`.\n");
        return (StatusCode::MISDIRECTED_REQUEST, said).into_response();
    }
    if request.version() >= Version::HTTP_11 && !request.headers().contains_key(header::HOST) {
        let said = "The header `Host` is missing (RFC 9112, section 3.2).\n";
        return (StatusCode::BAD_REQUEST, said).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, "GET, HEAD")];
        let said = "Nothing here can be changed: only GET and HEAD are answered.\n";
        return (StatusCode::METHOD_NOT_ALLOWED, allow, said).into_response();
    }
    let Some(page) = pages.get(request.uri().path()) else {
        let path = printable::line(&request.uri().path(), 100);
        let said = format!("Nothing is at {path}: the page is at /.\n");
        return (StatusCode::NOT_FOUND, said).into_response();
    };
    let mut response = page.bytes.clone().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(page.media));
    if page.is_gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::FutureExt as _;

    use super::*;

    fn ask(method: &str, path: &str, host: Option<&str>) -> Response {
        let media = "text/html; charset=utf-8";
        let page = Page { media, bytes: Bytes::from_static(b"<p>here"), is_gzip: false };
        let pages = Arc::new(Pages::from([("/".to_owned(), page)]));
        let request = Request::builder().method(method).uri(path);
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        let request = request.body(Body::empty()).unwrap();
        answer(State(pages), request).now_or_never().unwrap()
    }

    #[test]
    fn a_page_comes_with_its_type_and_a_policy_and_is_kept_nowhere() {
        let response = ask("GET", "/", Some("127.0.0.1:4000"));
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("default-src 'none'; "));
    }

    #[test]
    fn what_is_not_there_not_for_us_or_no_get_is_refused_and_with_the_policy_too() {
        let ours = Some("localhost:4000");
        for (method, path, host, status) in [
            ("GET", "/../etc/passwd", ours, 404),
            ("GET", "/x", ours, 404),
            ("POST", "/", ours, 405),
            ("DELETE", "/x", ours, 405),
            ("GET", "/", Some("evil.example"), 421),
            ("GET", "http://evil.example/", ours, 421),
            ("GET", "/", None, 400),
        ] {
            let response = ask(method, path, host);
            assert_eq!(response.status().as_u16(), status, "{method} {path} {host:?}");
            assert!(response.headers().contains_key("content-security-policy"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_refused_with_what_to_do() {
        let first = listen("--port", 0).await.unwrap();
        assert!(first.local_addr().unwrap().ip().is_loopback());
        let error = listen("--port", first.local_addr().unwrap().port()).await.unwrap_err();
        assert!(error.to_string().contains("(--port)"), "{error}");
        assert!(error.to_string().contains("choose another port"), "{error}");
    }
}
