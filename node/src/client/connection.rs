//! One HTTP/1 connection to a node.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::{ClientError, Target};

/// Longest answer that is taken, bytes: the largest item there can be.
const ANSWER_MAX: usize = crate::files::network::LIMIT_MAX;

pub(super) type Outgoing = Request<Full<Bytes>>;

/// An answer with its whole body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why a request had no answer.
pub(super) enum SendError {
    /// Nothing of it was sent: here it is again.
    Unsent(Box<Outgoing>),
    /// It may have been sent.
    Failed(ClientError),
}

impl SendError {
    pub(super) fn into_client_error(self, target: &Target) -> ClientError {
        match self {
            Self::Failed(error) => error,
            Self::Unsent(_) => broken(target, "the node closed it"),
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Self, ClientError> {
        let failed = |source| ClientError::Connect { target: target.to_string(), source };
        match target {
            Target::Unix(path) => {
                Self::over(target, UnixStream::connect(path).await.map_err(failed)?).await
            }
            Target::Tcp(addr) => {
                Self::over(target, TcpStream::connect(addr).await.map_err(failed)?).await
            }
        }
    }

    async fn over<Io>(target: &Target, io: Io) -> Result<Self, ClientError>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            http1::handshake(TokioIo::new(io)).await.map_err(|error| broken(target, error))?;
        // Its errors reach the sender too.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Sends a request and waits for the whole answer.
    pub(super) async fn send(
        &mut self,
        target: &Target,
        request: Outgoing,
    ) -> Result<Answer, SendError> {
        if self.sender.ready().await.is_err() {
            return Err(SendError::Unsent(Box::new(request)));
        }
        let response = match self.sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                return Err(match error.take_message() {
                    Some(request) => SendError::Unsent(Box::new(request)),
                    None => SendError::Failed(broken(target, error.error())),
                });
            }
        };
        let status = response.status();
        let body = read_body(target, response.into_body()).await.map_err(SendError::Failed)?;
        Ok(Answer { status, body })
    }

    /// Sends a request whose answer has no end.
    pub(super) async fn send_streaming(
        &mut self,
        target: &Target,
        request: Outgoing,
    ) -> Result<Incoming, ClientError> {
        let sent = self.sender.send_request(request).await;
        let response = sent.map_err(|error| broken(target, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = read_body(target, response.into_body()).await?;
        Err(super::refused(&Answer { status, body }))
    }
}

/// What is sent, and of what kind that is.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) media: Media,
}

impl Body {
    pub(super) const fn none() -> Self {
        Self { bytes: Bytes::new(), media: Media::Json }
    }
}

/// What is sent, or wanted where nothing is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Media {
    Json,
    Bytes,
}

impl Media {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Bytes => "application/octet-stream",
        }
    }
}

/// A request; the host means nothing on a unix socket, but HTTP/1.1 wants one.
pub(super) fn request(
    method: Method,
    path: &str,
    target: &Target,
    token: Option<&str>,
    body: Body,
) -> Outgoing {
    let host = match target {
        Target::Unix(_) => "localhost".to_owned(),
        Target::Tcp(addr) => addr.to_string(),
    };
    let Body { bytes: body, media } = body;
    let mut request = Request::builder().method(&method).uri(path).header(header::HOST, host);
    if method == Method::GET {
        if let Media::Bytes = media {
            request = request.header(header::ACCEPT, media.name());
        }
    } else if !body.is_empty() || matches!(media, Media::Bytes) {
        request = request.header(header::CONTENT_TYPE, media.name());
    }
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    // Only a token with control characters isn't a header; the node then says what it needs.
    request.body(Full::new(body)).unwrap_or_default()
}

async fn read_body(target: &Target, body: Incoming) -> Result<Bytes, ClientError> {
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| broken(target, error))
}

/// Waits until nobody listens at the target any more. The node leaves its socket open to the end, so
/// a connection that it won't answer breaks at the very moment when it is gone.
pub(super) async fn wait_until_closed(target: &Target) {
    let mut byte = [0];
    let _: io::Result<usize> = match target {
        Target::Unix(path) => match UnixStream::connect(path).await {
            Ok(mut stream) => stream.read(&mut byte).await,
            Err(error) => Err(error),
        },
        Target::Tcp(addr) => match TcpStream::connect(addr).await {
            Ok(mut stream) => stream.read(&mut byte).await,
            Err(error) => Err(error),
        },
    };
}

fn broken(target: &Target, problem: impl ToString) -> ClientError {
    ClientError::Broken { target: target.to_string(), problem: problem.to_string() }
}
