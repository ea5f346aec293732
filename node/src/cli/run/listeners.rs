//! All that an operator can connect to: the API's socket, its TCP port, and the metrics.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::middleware;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::admin::{Api, health, routes};
use crate::cli::error::Error;
use crate::config::Config;
use crate::files;
use crate::files::datadir::DataDir;
use crate::http::bind::{AdminSocket, bind_tcp};
use crate::http::door::Door;
use crate::http::{host_header, server, token};
use crate::metrics;

/// Bound and not yet served, so that a node that can't have one of them doesn't start at all.
#[derive(Debug)]
pub(crate) struct Listeners {
    socket: AdminSocket,
    tcp: Option<Guarded>,
    metrics: Option<TcpListener>,
}

/// The API over TCP.
#[derive(Debug)]
struct Guarded {
    listener: TcpListener,
    /// What opens it.
    token: Arc<str>,
    /// The names that the node has.
    hosts: Arc<[String]>,
}

impl Listeners {
    /// Binds what the settings ask for.
    pub(crate) async fn bind(dir: &DataDir, config: &Config) -> Result<Self, Error> {
        let socket = AdminSocket::bind(dir.join(&config.admin.socket))?;
        let tcp = match config.admin.tcp {
            Some(addr) => {
                let token = files::token::load_or_create(&dir.join(&config.admin.token_file))?;
                let listener = bind_tcp("admin.tcp", addr).await?;
                if !addr.ip().is_loopback() {
                    tracing::warn!(
                        %addr,
                        "the admin API is offered beyond this machine in plain text: whoever is on the way reads its token, and \
                         may do anything with the node. Let admin.tcp be 127.0.0.1 and reach it through SSH, a VPN or a proxy with TLS"
                    );
                }
                let hosts = config.admin.hosts.clone().into();
                Some(Guarded { listener, token, hosts })
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
        self.tcp.as_ref().and_then(|tcp| tcp.listener.local_addr().ok())
    }

    /// Where the metrics are.
    pub(crate) fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves them all until the node stops.
    pub(crate) fn serve(self, api: &Api) -> Servers {
        let serve_tcp = |listener, router, door| {
            tokio::spawn(server::serve_strangers(listener, router, door, api.stop.clone()))
        };
        let mut tcp = Vec::new();
        if let Some(Guarded { listener, token, hosts }) = self.tcp {
            let guard = middleware::from_fn_with_state(token, token::require);
            let host = middleware::from_fn_with_state(hosts, host_header::require);
            let router = routes::router(api.clone()).layer(guard).layer(host);
            tcp.push(serve_tcp(listener, router, Door::guarded()));
        }
        if let Some(listener) = self.metrics {
            let router = metrics::router(api.control.clone(), api.members.clone())
                .merge(health::router(api.control.clone()))
                .fallback(routes::nothing_here)
                .method_not_allowed_fallback(routes::other_method);
            tcp.push(serve_tcp(listener, router, Door::open()));
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
