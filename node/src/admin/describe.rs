//! The API's description (`OpenAPI` 3.1), made of the routes themselves: what stands at each handler, and here what all have in common.
//! `node/openapi.json` is this, and a test compares them.

use std::collections::BTreeMap;

use utoipa::openapi::path::Operation;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Type,
};
use utoipa::{IntoResponses, OpenApi};

use crate::api::problem::{CONTENT_TYPE, Problem, ProblemKind};
use crate::api::{NodeEvent, Notice, Streamed};

/// What the description begins with.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidings admin API",
        description = "How a node's operator asks it things, over HTTP/1: on a unix socket that only its owner can connect to, and \
                       over TCP to whoever has its token. What can't be answered is a problem (RFC 9457). \
                       `node/API.md` explains all of it.",
        license(name = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "The node itself")),
    components(schemas(Problem, ProblemKind, Streamed, NodeEvent, Notice)),
    modifiers(&Token),
    security(("token" = [])),
    tags(
        (name = "node", description = "How the node is, and what it is set to"),
        (name = "items", description = "Transactions and blocks"),
        (name = "peers", description = "Links, addresses, bans"),
        (name = "events", description = "What happens"),
        (name = "map", description = "The fleet's map"),
        (name = "members", description = "The fleet's members"),
        (name = "lab", description = "Test networks"),
    )
)]
pub(super) struct Description;

/// The token that TCP wants, and the unix socket doesn't.
struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let components = document.components.get_or_insert_default();
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "What stands in the node's admin.token_file. A unix socket wants none.",
            ))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// A problem as an answer.
fn problem(description: &str, has_later: bool) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response =
        ResponseBuilder::new().description(description).content(CONTENT_TYPE, content);
    if has_later {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("When to try again, seconds from now."))
            .build();
        response = response.header("Retry-After", header);
    }
    response.build()
}

/// Declares problems as answers: each stands once in the description. Those before the line are named by the routes that have them.
macro_rules! answers {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:literal, $description:literal;)+
     --- $($common:ident = $common_status:literal, $common_description:literal;)+) => {
        $(
            $(#[doc = $doc])+
            pub(super) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    let answer = Ref::from_response_name(stringify!($name));
                    [($status.to_owned(), answer.into())].into()
                }
            }
        )+

        /// All of them: name, status, description.
        const ANSWERS: &[(&str, &str, &str)] = &[
            $((stringify!($name), $status, $description),)+
            $((stringify!($common), $common_status, $common_description),)+
        ];
    };
}

answers! {
    /// It isn't here.
    Absent = "404", "What was asked for isn't here (`/problems/not-found`).";
    /// No form of it is accepted.
    NotAcceptable = "406", "There is no form of it that is accepted (`/problems/not-acceptable`).";
    /// It can't be done as things are.
    Conflict = "409", "It can't be done as things are (`/problems/conflict`, `/problems/ambiguous`, `/problems/not-enabled`).";
    /// An item breaks a rule.
    Broken = "422", "The item breaks the rule that `rule` names (`/problems/rule-broken`).";
    /// Too many read events.
    Limited = "429", "As many read events as may (`/problems/too-many-readers`).";
    /// There is no room.
    Full = "507", "There is no room on the disk, or for one more (`/problems/no-room`).";
    ---
    BadRequest = "400", "The request makes no sense (`/problems/bad-request`).";
    Unauthorized = "401", "The token is missing or wrong, over TCP (`/problems/unauthorized`).";
    TooSlow = "408", "The body took too long to arrive (`/problems/too-slow`).";
    TooLarge = "413", "The body is larger than `max_bytes` (`/problems/too-large`).";
    MediaType = "415", "That type of content isn't taken here (`/problems/unsupported-media-type`).";
    WrongHost = "421", "The request is for another host, over TCP (`/problems/wrong-host`).";
    Fault = "500", "A fault of the program (`/problems/fault`).";
    Unavailable = "503", "The node is busy or about to end, or could not save it (`/problems/busy`, `/problems/stopping`, `/problems/not-saved`).";
}

/// What every operation may answer, and those that have a body.
const COMMON: [&str; 5] = ["BadRequest", "Unauthorized", "WrongHost", "Fault", "Unavailable"];
const WITH_BODY: [&str; 3] = ["TooSlow", "TooLarge", "MediaType"];

/// Adds what every route may answer.
pub(super) fn add_common(document: &mut utoipa::openapi::OpenApi) {
    let components = document.components.get_or_insert_default();
    for (name, status, description) in ANSWERS {
        let answer = problem(description, matches!(*status, "429" | "503"));
        components.responses.insert((*name).to_owned(), answer.into());
    }
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten();
        operations.for_each(add_answers);
    }
}

fn add_answers(operation: &mut Operation) {
    let with_body = operation.request_body.iter().flat_map(|_| WITH_BODY);
    for name in COMMON.into_iter().chain(with_body) {
        let known = ANSWERS.iter().find(|(known, ..)| *known == name);
        let (_, status, _) = known.expect("all names stand above");
        let answer = || Ref::from_response_name(name).into();
        operation.responses.responses.entry((*status).to_owned()).or_insert_with(answer);
    }
}
