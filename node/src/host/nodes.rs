//! The nodes of a host: their lives, and the way to the API of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::{Ended, Failure, Guest};
use crate::api::path::NODES;
use crate::api::problem::ProblemKind;
use crate::control::Stop;
use crate::http::error::ApiError;
use crate::panics::EXIT_SOFTWARE;

/// Makes the API of a node, for one request.
type Routes = Arc<dyn Fn() -> Router + Send + Sync>;

/// The APIs of all nodes that live.
#[derive(Clone, Default)]
struct Apis(Arc<Mutex<HashMap<usize, Routes>>>);

/// All nodes that live. Dropping it ends them.
#[derive(Default)]
pub(super) struct Nodes {
    apis: Apis,
    lives: JoinSet<Life>,
    controls: HashMap<usize, Handle>,
}

/// Whose life it was, and how it ended.
type Life = (usize, Result<(), Failure>);

/// How a node is ended.
struct Handle {
    stop: Stop,
    task: AbortHandle,
}

impl Nodes {
    /// Adds a node, which lives from now on. A number that is taken is a mistake of whoever gave it.
    pub(super) fn add(&mut self, number: usize, guest: Guest) {
        let Guest { routes, stop, life } = guest;
        let task = self.lives.spawn(async move { (number, life.await) });
        let taken = self.controls.insert(number, Handle { stop, task });
        debug_assert!(taken.is_none(), "number {number} is taken");
        self.apis.lock().insert(number, routes.into());
    }

    /// Ends a node as a power cut would: nothing of it is saved, and its sockets are closed.
    pub(super) fn kill(&mut self, number: usize) {
        self.apis.lock().remove(&number);
        if let Some(life) = self.controls.remove(&number) {
            life.task.abort();
        }
    }

    /// Waits until a node has ended that wasn't killed.
    pub(super) async fn next_ended(&mut self) -> Ended {
        loop {
            let Some(ended) = self.lives.join_next_with_id().await else {
                std::future::pending::<()>().await;
                continue;
            };
            if let Some(ended) = self.on_end(ended) {
                return ended;
            }
        }
    }

    /// Asks all nodes to end, and waits until they have.
    pub(super) async fn stop(&mut self) {
        self.controls.values().for_each(|life| life.stop.request());
        while let Some(ended) = self.lives.join_next_with_id().await {
            let _ = self.on_end(ended);
        }
    }

    fn on_end(&mut self, ended: Result<(Id, Life), JoinError>) -> Option<Ended> {
        let (number, ended) = match ended {
            Ok((_, ended)) => ended,
            Err(failed) => {
                // It was killed, and is forgotten already; or it panicked where nothing contains that.
                let id = failed.id();
                let (number, _) = self.controls.iter().find(|(_, life)| life.task.id() == id)?;
                let sentence = "a fault of the program ended the node".to_owned();
                (*number, Err(Failure { code: EXIT_SOFTWARE, sentence }))
            }
        };
        self.apis.lock().remove(&number);
        self.controls.remove(&number)?;
        let stopped = Failure { code: 0, sentence: "it was asked to stop".to_owned() };
        let failure = ended.err().unwrap_or(stopped);
        tracing::error!(number, code = failure.code, "a node ended: {}", failure.sentence);
        Some(Ended::of(number, failure))
    }

    /// The way to the API of each.
    pub(super) fn router(&self) -> Router {
        let path = format!("{NODES}/{{number}}/{{*rest}}");
        Router::new().route(&path, any(hand_on)).with_state(self.apis.clone())
    }
}

impl Apis {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Routes>> {
        // Each change of the table is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands a request to the node that it names.
async fn hand_on(
    State(apis): State<Apis>,
    Path((number, _)): Path<(usize, String)>,
    request: Request,
) -> Response {
    let routes = apis.lock().get(&number).cloned();
    let rest = request.uri().path_and_query().map(|path| path.as_str());
    let rest = rest.and_then(|path| path.strip_prefix(&format!("{NODES}/{number}")));
    match (routes, rest.map(str::parse::<Uri>)) {
        (Some(routes), Some(Ok(uri))) => {
            // Without what this router noted: the node's would take our number for one of its own parameters.
            let (head, body) = request.into_parts();
            let mut asked = Request::new(body);
            *asked.method_mut() = head.method;
            *asked.headers_mut() = head.headers;
            *asked.uri_mut() = uri;
            let Ok(response) = TowerToHyperService::new(routes()).call(asked).await;
            response
        }
        _ => ApiError::new(ProblemKind::NoSuchPath, "no such node lives here").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;

    /// A node that says a word, and lives as long as its life takes.
    fn guest(
        word: &'static str,
        life: impl Future<Output = Result<(), Failure>> + Send + 'static,
    ) -> Guest {
        Guest {
            routes: Box::new(move || {
                Router::new().route("/v1/word", get(move || std::future::ready(word)))
            }),
            stop: Stop::default(),
            life: Box::pin(life),
        }
    }

    async fn ask(nodes: &Nodes, path: &str) -> StatusCode {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let Ok(response) = TowerToHyperService::new(nodes.router()).call(request).await;
        response.status()
    }

    #[tokio::test]
    async fn a_node_that_panics_or_fails_costs_that_node_and_no_other() {
        let mut nodes = Nodes::default();
        nodes.add(0, guest("sound", std::future::pending()));
        nodes.add(1, guest("panics", async { panic!("a fault") }));
        let ended = nodes.next_ended().await;
        assert_eq!((ended.number, ended.code), (1, EXIT_SOFTWARE));
        let failure = Failure { code: 69, sentence: "its port is taken".to_owned() };
        let failed = failure.clone();
        nodes.add(2, guest("fails", async move { Err(failed) }));
        assert_eq!(nodes.next_ended().await, Ended::of(2, failure));
        assert_eq!(ask(&nodes, "/nodes/0/v1/word").await, StatusCode::OK);
        assert_eq!(ask(&nodes, "/nodes/1/v1/word").await, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_killed_node_is_gone_at_once_with_all_that_it_holds_and_is_not_told() {
        struct Held(Arc<Mutex<bool>>);
        impl Drop for Held {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = true;
            }
        }
        let (mut nodes, dropped) = (Nodes::default(), Arc::new(Mutex::new(false)));
        let held = Held(Arc::clone(&dropped));
        nodes.add(
            7,
            guest("victim", async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            }),
        );
        nodes.add(8, guest("other", async { Ok(()) }));
        nodes.kill(7);
        nodes.kill(9);
        assert_eq!(ask(&nodes, "/nodes/7/v1/word").await, StatusCode::NOT_FOUND);
        assert_eq!(nodes.next_ended().await.number, 8, "nobody tells of the one that was killed");
        nodes.stop().await;
        assert!(*dropped.lock().unwrap(), "what it held is dropped");
    }

    #[tokio::test]
    async fn a_request_reaches_the_node_that_it_names() {
        let mut nodes = Nodes::default();
        nodes.add(3, guest("three", std::future::pending()));
        assert_eq!(ask(&nodes, "/nodes/3/v1/word?x=1").await, StatusCode::OK);
        for path in ["/nodes/3/v1/other", "/nodes/4/v1/word", "/v1/word", "/nodes/x/v1/word"] {
            assert!(!ask(&nodes, path).await.is_success(), "{path}");
        }
    }
}
