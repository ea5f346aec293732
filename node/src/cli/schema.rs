//! `tidings schema`: what each verb prints with `--json`, as JSON schema (draft 2020-12, which `OpenAPI` 3.1's schemas are).
//!
//! It is made of the types themselves, as the API's description is, and [`SHAPES`] says which verb prints which. All of it stands in
//! `node/schema.json`, which a test compares; another one runs every verb and holds what it prints to its schema.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;

use super::args::SchemaArgs;
use super::output::Output;
use super::shapes;
use super::store::shapes as store;
use crate::api::bans::{BanList, Concerned};
use crate::api::chain::{BlockView, Blocks, Decoded, Mined, PoolPage};
use crate::api::explain::{PeerStory, TxStory};
use crate::api::kv::{KvConflicts, KvEntries, KvEntry};
use crate::api::members::shared::{
    Done, LeaderView, Leaders, QueryResult, RttView, StateEntries, StateWrite,
};
use crate::api::members::{Joined, KeysView, LeftFleet, MemberView, Members};
use crate::api::settings::LogFilter;
use crate::api::{AddressPage, KvChange, Peers, Status, Streamed, Submitted};
use crate::cli::error::Error;

/// The version of JSON schema.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Where `OpenAPI` has schemas, and where JSON schema has them.
const COMPONENTS: &str = "#/components/schemas/";
const DEFS: &str = "#/$defs/";

type Named = Vec<(String, RefOr<utoipa::openapi::schema::Schema>)>;

/// What a verb prints.
pub(super) struct Shape {
    /// The verb, such as `kv get`.
    verb: &'static str,
    /// One object on each line, and not one in all.
    is_lines: bool,
    /// Adds the schemas of its type and of all in it, and gives back what the type is called.
    schemas: fn(&mut Named) -> String,
}

const fn one<T: ToSchema>(verb: &'static str) -> Shape {
    Shape { verb, is_lines: false, schemas: schemas::<T> }
}

const fn lines<T: ToSchema>(verb: &'static str) -> Shape {
    Shape { verb, is_lines: true, schemas: schemas::<T> }
}

fn schemas<T: ToSchema>(all: &mut Named) -> String {
    T::schemas(all);
    let name = T::name().into_owned();
    all.push((name.clone(), T::schema()));
    name
}

/// Every verb, in the order of the help.
pub(super) const SHAPES: &[Shape] = &[
    one::<shapes::Made>("init"),
    lines::<shapes::Ready>("run"),
    one::<Status>("status"),
    one::<shapes::Drawn>("top"),
    lines::<Streamed>("watch"),
    one::<Peers>("peers"),
    one::<AddressPage>("addresses"),
    one::<Blocks>("blocks"),
    one::<BlockView>("block"),
    one::<PoolPage>("pool"),
    one::<Decoded>("item"),
    one::<Decoded>("tx"),
    one::<shapes::Readings>("decode"),
    lines::<Mined>("mine"),
    one::<BanList>("bans"),
    one::<Concerned>("ban"),
    one::<Concerned>("unban"),
    one::<Concerned>("disconnect"),
    one::<shapes::Noted>("connect"),
    one::<TxStory>("explain tx"),
    one::<PeerStory>("explain peer"),
    one::<KvEntries>("kv get"),
    one::<KvEntries>("kv list"),
    one::<KvEntry>("kv set"),
    one::<KvEntry>("kv delete"),
    one::<KvEntry>("kv add"),
    one::<KvEntry>("kv include"),
    one::<KvEntry>("kv exclude"),
    lines::<KvChange>("kv watch"),
    one::<KvConflicts>("kv conflicts"),
    one::<Members>("members"),
    one::<Joined>("members join"),
    one::<LeftFleet>("members leave"),
    one::<MemberView>("members force-leave"),
    one::<shapes::NewKey>("members keys generate"),
    one::<KeysView>("members keys list"),
    one::<KeysView>("members keys install"),
    one::<KeysView>("members keys use"),
    one::<KeysView>("members keys remove"),
    one::<StateEntries>("state get"),
    one::<StateWrite>("state set"),
    one::<StateWrite>("state delete"),
    lines::<Streamed>("state watch"),
    one::<Leaders>("leader show"),
    one::<LeaderView>("leader announce"),
    one::<Done>("event"),
    one::<QueryResult>("query"),
    one::<RttView>("rtt"),
    one::<Submitted>("submit"),
    one::<store::Checked>("store check"),
    one::<store::Exported>("store export"),
    one::<store::Imported>("store import"),
    one::<shapes::Stopped>("stop"),
    one::<LogFilter>("log"),
    one::<shapes::ShownSettings>("config"),
    one::<shapes::Script>("completions"),
    one::<shapes::Manual>("manual"),
    one::<shapes::Schema>("schema"),
    one::<shapes::Version>("version"),
];

/// Prints the schema of a verb, or of all.
pub(super) fn schema(output: Output, args: &SchemaArgs) -> Result<ExitCode, Error> {
    let schema = match &args.verb[..] {
        [] => all(),
        words => of_verb(&words.join(" ")).map_err(Error::Usage)?,
    };
    output.print(&shapes::Schema(schema.clone().into_iter().collect()), || pretty(&schema))?;
    Ok(ExitCode::SUCCESS)
}

fn pretty(schema: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"
}

/// The schema of what all verbs print: `verbs` says which prints what.
fn all() -> Map<String, Value> {
    let mut named = Named::new();
    let verbs: Map<String, Value> =
        SHAPES.iter().map(|shape| (shape.verb.to_owned(), reference(shape, &mut named))).collect();
    let schema = json!({
        "$schema": DIALECT,
        "title": "What the verbs of `tidings` print with --json",
        "description": "`verbs` names the schema of each; `tidings schema VERB` prints it alone, with all that it needs.",
        "verbs": verbs,
        "$defs": definitions(named),
    });
    object(schema)
}

/// The schema of what one verb prints.
fn of_verb(verb: &str) -> Result<Map<String, Value>, String> {
    let shape = SHAPES.iter().find(|shape| shape.verb == verb).ok_or_else(|| {
        let all: Vec<&str> = SHAPES.iter().map(|shape| shape.verb).collect();
        format!("`{verb}` is no verb that prints JSON; these do: {}", all.join(", "))
    })?;
    let mut named = Named::new();
    let mut schema = object(reference(shape, &mut named));
    schema.insert("$schema".to_owned(), DIALECT.into());
    schema.insert("title".to_owned(), format!("tidings {verb} --json").into());
    let mut definitions = definitions(named);
    let used = used(&Value::Object(schema.clone()), &definitions);
    definitions.retain(|name, _| used.contains(name));
    schema.insert("$defs".to_owned(), definitions.into());
    Ok(schema)
}

/// A verb's own schema, by the name of its type.
fn reference(shape: &Shape, named: &mut Named) -> Value {
    let name = (shape.schemas)(named);
    let what = if shape.is_lines { "One of these on each line." } else { "One of these." };
    json!({ "description": what, "$ref": format!("{DEFS}{name}") })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Schemas by name, as JSON schema refers to them.
fn definitions(named: Named) -> Map<String, Value> {
    let sorted: BTreeMap<String, _> = named.into_iter().collect();
    let schema = |schema| {
        let mut value = serde_json::to_value(schema).unwrap_or_default();
        point_to_definitions(&mut value);
        value
    };
    sorted.into_iter().map(|(name, one)| (name, schema(one))).collect()
}

fn point_to_definitions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(to)) = fields.get_mut("$ref")
                && let Some(name) = to.strip_prefix(COMPONENTS)
            {
                *to = format!("{DEFS}{name}");
            }
            fields.values_mut().for_each(point_to_definitions);
        }
        Value::Array(all) => all.iter_mut().for_each(point_to_definitions),
        _ => {}
    }
}

/// The names that a schema refers to, and those that these refer to.
fn used(schema: &Value, definitions: &Map<String, Value>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                let to = fields.get("$ref").and_then(Value::as_str);
                if let Some(name) = to.and_then(|to| to.strip_prefix(DEFS))
                    && used.insert(name.to_owned())
                {
                    open.extend(definitions.get(name));
                }
                open.extend(fields.values());
            }
            Value::Array(all) => open.extend(all),
            _ => {}
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory as _};

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn the_schemas_are_what_is_committed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
        let text = pretty(&all());
        if std::env::var_os("TIDINGS_RENEW_OPENAPI").is_some() {
            std::fs::write(path, text).unwrap();
            return;
        }
        // As values: in which order keys are written hangs on what else is built.
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        assert!(
            read(&std::fs::read_to_string(path).unwrap_or_default()) == read(&text),
            "node/schema.json isn't what the code says: run this test with TIDINGS_RENEW_OPENAPI=1, and look at the difference"
        );
    }

    /// The verbs that do something themselves, as people write them.
    fn verbs(command: &Command, before: &str, found: &mut Vec<String>) {
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            let name = format!("{before}{}", verb.get_name());
            if !verb.is_subcommand_required_set() {
                found.push(name.clone());
            }
            found.extend(verb.get_visible_aliases().map(|alias| format!("{before}{alias}")));
            verbs(verb, &format!("{name} "), found);
        }
    }

    #[test]
    fn every_verb_has_a_schema_and_every_schema_a_verb() {
        let mut found = Vec::new();
        let mut command = Cli::command();
        command.build();
        verbs(&command, "", &mut found);
        let told: BTreeSet<&str> = SHAPES.iter().map(|shape| shape.verb).collect();
        let there: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(told, there);
        assert_eq!(told.len(), SHAPES.len(), "no verb is there twice");
    }

    #[test]
    fn a_verbs_schema_has_all_that_it_refers_to_and_nothing_else() {
        let whole = all();
        let definitions = whole["$defs"].as_object().unwrap();
        assert!(used(&Value::Object(whole.clone()), definitions).len() == definitions.len());
        for shape in SHAPES {
            let schema = of_verb(shape.verb).unwrap();
            let own = schema["$defs"].as_object().unwrap();
            let used = used(&Value::Object(schema.clone()), own);
            assert!(used.iter().all(|name| own.contains_key(name)), "{}: {used:?}", shape.verb);
            assert!(own.keys().all(|name| used.contains(name)), "{}", shape.verb);
            assert!(!serde_json::to_string(&schema).unwrap().contains(COMPONENTS));
        }
        let error = of_verb("dance").unwrap_err();
        assert!(error.contains("`dance` is no verb") && error.contains("kv get"), "{error}");
    }

    #[test]
    fn everything_that_is_printed_is_an_object() {
        let definitions = object(all()["$defs"].clone());
        for shape in SHAPES {
            let name = (shape.schemas)(&mut Named::new());
            assert!(is_object(&definitions[&name], &definitions), "{}: {name}", shape.verb);
        }
    }

    /// Whether only objects fit.
    fn is_object(schema: &Value, definitions: &Map<String, Value>) -> bool {
        if let Some(name) = schema["$ref"].as_str().and_then(|to| to.strip_prefix(DEFS)) {
            return is_object(&definitions[name], definitions);
        }
        let all = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
        let (either, both) = ([all("oneOf"), all("anyOf")].concat(), all("allOf"));
        schema["type"] == "object"
            || (!either.is_empty() && either.iter().all(|one| is_object(one, definitions)))
            || both.iter().any(|one| is_object(one, definitions))
    }
}
