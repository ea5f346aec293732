//! That the description says what there is, and that everything in it is explained.

use serde_json::Value;

use super::*;

/// The description as it is written down.
fn text() -> String {
    routes::document().to_pretty_json().unwrap() + "\n"
}

#[test]
fn the_description_is_what_is_committed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("TIDINGS_RENEW_OPENAPI").is_some() {
        std::fs::write(path, text()).unwrap();
        return;
    }
    assert!(
        routes::DOCUMENT == text(),
        "node/openapi.json isn't what the code says: run this test with TIDINGS_RENEW_OPENAPI=1, and look at the difference"
    );
}

#[test]
fn every_operation_and_every_field_is_explained() {
    let document: Value = serde_json::from_str(&text()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut silent = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            if operation["summary"].as_str().is_none_or(str::is_empty) {
                silent.push(name.clone());
            }
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("500"), "{name} has no problems");
            for (status, response) in responses {
                let name_of = response["$ref"].as_str().and_then(|name| name.rsplit('/').next());
                let shared = name_of.map(|name| &document["components"]["responses"][name]);
                let content = &shared.unwrap_or(response)["content"];
                let is_problem = content["application/problem+json"].is_object();
                let is_health = path == "/healthy" || path == "/ready";
                assert!(status.starts_with('2') || is_problem || is_health, "{name}: {status}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if parameter["description"].as_str().is_none_or(str::is_empty) {
                    silent.push(format!("{name}: {}", parameter["name"]));
                }
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        look(name, schema, &mut silent);
    }
    assert!(silent.is_empty(), "without a word: {silent:#?}");
}

/// Finds properties that nothing is said of.
fn look(name: &str, schema: &Value, silent: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (property, inner) in
                fields.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                let is_tag = inner["enum"].as_array().is_some_and(|one| one.len() == 1);
                let either = inner["oneOf"].as_array().into_iter().flatten();
                let mut said = either.chain([inner]).map(|schema| &schema["description"]);
                // A size or a time says in what.
                let unit = [
                    ("_s", "second"),
                    ("_ms", "millisecond"),
                    ("_us", "microsecond"),
                    ("bytes", "byte"),
                ];
                let unit = unit.into_iter().rfind(|(end, _)| property.ends_with(end));
                let text = inner["description"].as_str().unwrap_or_default().to_lowercase();
                if unit.is_some_and(|(_, word)| !text.contains(word) && !text.is_empty()) {
                    silent.push(format!("the unit of {name}.{property}"));
                }
                if !said.any(|said| said.as_str().is_some_and(|said| !said.is_empty())) && !is_tag {
                    silent.push(format!("{name}.{property}"));
                }
            }
            fields.values().for_each(|inner| look(name, inner, silent));
        }
        Value::Array(all) => all.iter().for_each(|inner| look(name, inner, silent)),
        _ => {}
    }
}

#[tokio::test]
async fn the_node_serves_its_description() {
    let Fixture { client, folder: _folder, .. } = start();
    let answer = client.ask(Method::GET, "/v1/openapi.json", Bytes::new()).await.unwrap();
    assert_eq!(std::str::from_utf8(&answer.body), Ok(routes::DOCUMENT));
}
