//! All that an operator can connect to: the API's socket, its TCP port, and the metrics.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::middleware;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::admin::{Api, routes};
use crate::cli::error::Error;
use crate::config::Config;
use crate::files;
use crate::files::datadir::DataDir;
use crate::http::bind::{AdminSocket, bind_tcp};
use crate::http::{server, token};
use crate::metrics;

/// Bound and not yet served, so that a node that can't have one of them doesn't start at all.
#[derive(Debug)]
pub(crate) struct Listeners {
    socket: AdminSocket,
    tcp: Option<(TcpListener, Arc<str>)>,
    metrics: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the settings ask for.
    pub(crate) async fn bind(dir: &DataDir, config: &Config) -> Result<Self, Error> {
        let socket = AdminSocket::bind(dir.join(&config.admin.socket))?;
        let tcp = match config.admin.tcp {
            Some(addr) => {
                let token = files::token::load_or_create(&dir.join(&config.admin.token_file))?;
                Some((bind_tcp("admin.tcp", addr).await?, token))
            }
            None => None,
        };
        let metrics = match config.metrics.listen {
            Some(addr) => Some(bind_tcp("metrics.listen", addr).await?),
            None => None,
        };
        Ok(Self { socket, tcp, metrics })
    }

    /// Where the API's socket is.
    pub(crate) fn socket(&self) -> &Path {
        self.socket.path()
    }

    /// Where the API is over TCP.
    pub(crate) fn tcp_addr(&self) -> Option<SocketAddr> {
        self.tcp.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Where the metrics are.
    pub(crate) fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves them all until the node stops.
    pub(crate) fn serve(self, api: &Api) -> Servers {
        let serve_tcp = |listener, router| {
            tokio::spawn(server::serve::<TcpListener>(listener, router, api.stop.clone()))
        };
        let mut tcp = Vec::new();
        if let Some((listener, token)) = self.tcp {
            let guard = middleware::from_fn_with_state(token, token::require);
            tcp.push(serve_tcp(listener, routes::router(api.clone()).layer(guard)));
        }
        if let Some(listener) = self.metrics {
            tcp.push(serve_tcp(
                listener,
                metrics::router(api.control.clone(), api.members.clone()),
            ));
        }
        let socket = server::serve(self.socket, routes::router(api.clone()), api.stop.clone());
        Servers { socket: tokio::spawn(socket), tcp }
    }
}

/// Being served.
#[derive(Debug)]
pub(crate) struct Servers {
    socket: JoinHandle<AdminSocket>,
    tcp: Vec<JoinHandle<TcpListener>>,
}

impl Servers {
    /// Waits until the node is asked to stop and all requests under way have finished.
    pub(crate) async fn drained(self) -> Drained {
        let mut tcp = Vec::new();
        for server in self.tcp {
            tcp.extend(server.await);
        }
        Drained { socket: self.socket.await.ok(), _tcp: tcp }
    }
}

/// No longer served, and still open until dropped.
#[derive(Debug)]
pub(crate) struct Drained {
    socket: Option<AdminSocket>,
    _tcp: Vec<TcpListener>,
}

impl Drained {
    /// Frees the socket's path for another node.
    pub(crate) fn remove_socket_file(&mut self) {
        self.socket.iter_mut().for_each(AdminSocket::remove_file);
    }
}
