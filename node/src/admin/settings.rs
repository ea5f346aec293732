//! What the node is set to, and what its log tells.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::Api;
use super::describe::Conflict;
use crate::api::path;
use crate::api::problem::ProblemKind;
use crate::api::settings::{LogFilter, Setting, Settings};
use crate::config::layers::Layered;
use crate::config::schema;
use crate::http::error::ApiError;
use crate::http::take::JsonBody;
use crate::logging::{self, NotFiltered};

/// Longest filter, characters. A guess: all modules of this program, each with its level.
const FILTER_MAX: usize = 1_000;

impl From<NotFiltered> for ApiError {
    fn from(why: NotFiltered) -> Self {
        let kind = match why {
            NotFiltered::NoLog => ProblemKind::NotEnabled,
            NotFiltered::Filter(_) => ProblemKind::BadRequest,
        };
        Self::new(kind, why.to_string())
    }
}

/// Shows the settings that are in force, with where each came from.
///
/// Secrets aren't told.
#[utoipa::path(
    get,
    path = path::CONFIG,
    tag = "node",
    responses((status = 200, description = "All settings.", body = Settings), Conflict)
)]
pub(super) async fn config(State(api): State<Api>) -> Result<Json<Settings>, ApiError> {
    let settings = api.settings.as_ref().ok_or_else(|| {
        let detail =
            "this node doesn't know where its settings came from: it is one of many in a process";
        ApiError::new(ProblemKind::NotEnabled, detail)
    })?;
    Ok(Json(told(&settings.read())))
}

/// What stands for a value that nobody is to know.
const SECRET: &str = "(secret)";

fn told(layered: &Layered) -> Settings {
    let setting = |key: &str| {
        let value = match layered.get(key) {
            None => Value::Null,
            Some(_) if is_secret(key) => SECRET.into(),
            Some(value) => serde_json::to_value(value).unwrap_or_default(),
        };
        let origin = layered.origin(key);
        let layer = origin.layer().to_owned();
        Setting { key: key.to_owned(), value, layer, origin: origin.to_string() }
    };
    Settings { settings: schema().keys().map(setting).collect() }
}

/// Whether nobody is to know a setting's value, by its name. There is none so far: keys and tokens have files of their own.
fn is_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key);
    let words = ["key", "secret", "token", "password", "passphrase"];
    words.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
}

/// Shows what the log tells.
#[utoipa::path(
    get,
    path = path::LOG,
    tag = "node",
    responses((status = 200, description = "The filter.", body = LogFilter), Conflict)
)]
pub(super) async fn log() -> Result<Json<LogFilter>, ApiError> {
    let filter = logging::filter().ok_or(NotFiltered::NoLog)?;
    Ok(Json(LogFilter { filter }))
}

/// Has the log tell something else from now on, until the node ends.
#[utoipa::path(
    put,
    path = path::LOG,
    tag = "node",
    request_body = LogFilter,
    responses((status = 200, description = "The filter that is in force now.", body = LogFilter), Conflict)
)]
pub(super) async fn set_log(body: JsonBody) -> Result<Json<LogFilter>, ApiError> {
    let LogFilter { filter } = body.read("{\"filter\": \"info,tidings::shell=debug\"}")?;
    if !(1..=FILTER_MAX).contains(&filter.chars().count()) {
        let detail = format!("a filter has 1 to {FILTER_MAX} characters");
        return Err(ApiError::new(ProblemKind::BadRequest, detail));
    }
    logging::set_filter(&filter)?;
    tracing::info!(filter, "the log's filter is another one: the API was asked for it");
    Ok(Json(LogFilter { filter }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Flag};

    #[test]
    fn every_setting_is_told_with_where_it_came_from_and_secrets_are_not() {
        let flag = |key: &str, text: &str| Flag {
            name: "--set".to_owned(),
            key: key.to_owned(),
            text: text.to_owned(),
        };
        let flags = [flag("params.peers.outbound", "5")];
        let folder = tempfile::tempdir().unwrap();
        let layered = config::resolve(&folder.path().join("none"), [], &flags).unwrap().layered;
        let Settings { settings } = told(&layered);
        let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
        let outbound = of("params.peers.outbound");
        assert_eq!((&outbound.value, &*outbound.layer), (&5.into(), "flag"));
        assert_eq!((&of("admin.tcp").value, &*of("admin.tcp").layer), (&Value::Null, "default"));
        assert_eq!(of("admin.token_file").value, "admin.token", "a path is no secret");
        for secret in ["members.key", "a.api_token", "password"] {
            assert!(is_secret(secret), "{secret}");
        }
        assert!(!is_secret("kv.keys_max"));
    }
}
