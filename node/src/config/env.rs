//! The environment as a layer of settings: `TIDINGS_SECTION__KEY`.

use super::layers::{Entry, LayerError, Origin, Schema};

/// What the names of all our variables start with.
const PREFIX: &str = "TIDINGS_";

/// The variable that names the data folder, where the settings are found.
pub const DATA_DIR: &str = "TIDINGS_DATA_DIR";

/// Variables that start with the prefix and are no settings: the data folder, and what the tests of
/// `tidings-protocol`, of the API and of this crate's pages take.
const NO_SETTINGS: [&str; 5] = [
    DATA_DIR,
    "TIDINGS_RENEW_WIRE",
    "TIDINGS_RENEW_FORMAT",
    "TIDINGS_RENEW_OPENAPI",
    "TIDINGS_RENEW_PAGES",
];

/// This process's variables, as far as they are text.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// The settings among some variables.
///
/// # Errors
/// The first variable with our prefix that is no setting, or no value of one.
pub fn entries(
    schema: &Schema,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Entry>, LayerError> {
    let mut entries = Vec::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        if NO_SETTINGS.contains(&name.as_str()) || is_from_kubernetes(path, &text) {
            continue;
        }
        let key = path.split("__").collect::<Vec<_>>().join(".").to_lowercase();
        let entry = Entry::from_text(schema, &key, &text, Origin::Env(name));
        entries.push(entry.map_err(suggest_variable)?);
    }
    Ok(entries)
}

/// What may have been meant is told as the name of a variable, as what was written is.
fn suggest_variable(mut error: LayerError) -> LayerError {
    if let LayerError::UnknownKey { suggestion: Some(key), .. } = &mut error {
        *key = name_of(key);
    }
    error
}

/// Name of the variable for a key.
fn name_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Whether Kubernetes put the variable there. It gives each pod the addresses of the services beside
/// it, and one may well be called `tidings`: `TIDINGS_SERVICE_HOST`, `TIDINGS_PORT_4000_TCP_ADDR`, ...
/// ("Environment variables" in its documentation of services.)
fn is_from_kubernetes(path: &str, text: &str) -> bool {
    let path = format!("_{path}");
    path.ends_with("_SERVICE_HOST")
        || path.contains("_SERVICE_PORT")
        || path.contains("_PORT_")
        || path.ends_with("_PORT") && text.contains("://")
}
