//! What strangers at a TCP port may do, and what they can't.

use axum::middleware;
use futures::poll;
use hyper::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::http::door::Door;
use crate::http::{host_header, token};

/// Serves the API over TCP as `tidings run` does.
async fn over_tcp(api: &Api) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let guard = middleware::from_fn_with_state::<_, Arc<str>, _>("secret".into(), token::require);
    let names: Arc<[String]> = ["node.example".to_owned()].into();
    let host = middleware::from_fn_with_state(names, host_header::require);
    let router = routes::router(api.clone()).layer(guard).layer(host);
    tokio::spawn(server::serve_strangers(listener, router, Door::guarded(), api.stop.clone()));
    addr
}

/// The head of what is answered to a head, and the rest.
async fn say(addr: std::net::SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let fixture = start();
    let path = fixture.folder.path().join("admin.sock");
    let mut streams = Vec::new();
    for _ in 0..server::CONNECTIONS_MAX {
        let client = Client::unix(&path);
        client.status().await.unwrap();
        streams.push(client);
    }
    let mut waiting = Box::pin(fixture.client.status());
    assert!(poll!(&mut waiting).is_pending());
    streams.pop();
    waiting.await.unwrap();
}

#[tokio::test]
async fn over_tcp_only_the_token_opens() {
    let Fixture { api, .. } = start();
    let addr = over_tcp(&api).await;
    Client::tcp(addr, "secret").status().await.unwrap();
    for wrong in ["", "Secret", "secret1", "secre"] {
        let (status, message) = refusal(Client::tcp(addr, wrong).status().await);
        assert_eq!(status, StatusCode::UNAUTHORIZED.as_u16());
        assert!(message.contains("Bearer"), "{message}");
    }
    assert_eq!(refusal(Client::tcp(addr, "").ask(Method::GET, "/x", Bytes::new()).await).0, 401);
    let head = "GET /v1/status HTTP/1.1\nHost: localhost\nAuthorization: bearer secret\nConnection: close\n\n";
    assert!(say(addr, head).await.starts_with("HTTP/1.1 200 "), "in either case");
}

#[tokio::test]
async fn sixty_four_silent_tcp_connections_keep_nobody_out() {
    let Fixture { api, folder: _folder, .. } = start();
    let addr = over_tcp(&api).await;
    let early = Client::tcp(addr, "secret");
    early.status().await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(addr).await.unwrap());
    }
    for _ in 0..3 {
        Client::tcp(addr, "secret").status().await.unwrap();
    }
    early.status().await.unwrap();
    let mut events = Client::tcp(addr, "secret").events().await.unwrap();
    for _ in 0..64 {
        silent.push(TcpStream::connect(addr).await.unwrap());
    }
    Client::tcp(addr, "secret").status().await.unwrap();
    let what = What::AlreadyKnown { id: Hash256([7; 32]) };
    api.events.tell(|| NodeEvent { unix_us: 1, what });
    assert!(events.next().await.unwrap().is_some(), "who has shown the token stays");
}

#[tokio::test]
async fn a_request_for_another_host_is_refused_before_anything_is_looked_at() {
    let Fixture { api, folder: _folder, .. } = start();
    let addr = over_tcp(&api).await;
    let ask = async |host: &str| {
        let head = format!(
            "GET /v1/status HTTP/1.1\n{host}Authorization: Bearer secret\nConnection: close\n\n"
        );
        say(addr, &head).await
    };
    for ours in ["Host: 127.0.0.1:4001\n", "Host: node.example\n", "Host: localhost\n"] {
        assert!(ask(ours).await.starts_with("HTTP/1.1 200 "), "{ours}");
    }
    let answer = ask("Host: evil.example\n").await;
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    assert!(
        answer.contains("application/problem+json") && answer.contains("wrong-host"),
        "{answer}"
    );
    assert!(ask("").await.starts_with("HTTP/1.1 400 "));
    let line = "GET http://evil.example/v1/status HTTP/1.1\nHost: localhost\nAuthorization: Bearer secret\nConnection: close\n\n";
    assert!(say(addr, line).await.starts_with("HTTP/1.1 421 "));
}
