//! The driver: one node of the core behind Maelstrom's lines, without I/O or a clock of its own.
//!
//! It is handed lines and the time, and hands out lines. [`super::stdio`] does the rest.

use serde_json::Value;

use super::keeper::Keeper;
use super::member::Member;
use super::options::{Settings, Workload};
use super::request::{self, Failure, Request};
use super::turn::Output;
use super::wire::{Body, Envelope};
use tidings_protocol::ground::time::Time;

/// What the node is.
#[derive(Debug)]
enum Role {
    /// A relay node.
    Member(Box<Member>),
    /// A replica of the map.
    Keeper(Box<Keeper>),
}

/// One node. Each turn takes the lines that are there ([`Driver::on_line`]) and ends with
/// [`Driver::finish_turn`].
#[derive(Debug)]
pub(super) struct Driver {
    settings: Settings,
    /// None until `init` comes.
    role: Option<Role>,
    output: Output,
}

impl Driver {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, role: None, output: Output::default() }
    }

    /// A line came.
    pub(super) fn on_line(&mut self, line: &str, now: Time) {
        if line.trim().is_empty() {
            return;
        }
        let message: Envelope<Value> = match serde_json::from_str(line) {
            Ok(message) => message,
            Err(error) => return self.output.log.push(format!("not a message ({error}): {line}")),
        };
        let Envelope { src, dest, body } = message;
        match body.get("type").and_then(Value::as_str) {
            Some("relay" | "ack" | "replica") => self.on_peer(&src, body, now),
            Some("error") => self.output.log.push(format!("{src} reports an error: {body}")),
            _ if body.get("in_reply_to").is_some() => {
                self.output.log.push(format!("{src} answers what nobody asked: {body}"));
            }
            _ => self.on_request(src, dest, &body, now),
        }
    }

    /// The lines that were there have been taken: does what the core wants done, and sends.
    pub(super) fn finish_turn(&mut self, now: Time) -> Output {
        match &mut self.role {
            Some(Role::Member(member)) => member.finish_turn(now, &mut self.output),
            Some(Role::Keeper(keeper)) => keeper.finish_turn(now, &mut self.output),
            None => {}
        }
        std::mem::take(&mut self.output)
    }

    /// When the next turn is due, even if no line comes.
    pub(super) fn deadline(&self) -> Time {
        match &self.role {
            Some(Role::Member(member)) => member.deadline(),
            Some(Role::Keeper(keeper)) => keeper.deadline(),
            None => Time::NEVER,
        }
    }

    fn on_peer(&mut self, src: &str, body: Value, now: Time) {
        let taken = match &mut self.role {
            None => return self.output.remark(format!("{src} speaks before init")),
            Some(Role::Member(member)) => {
                let read = serde_json::from_value::<Body>(body).map_err(|error| error.to_string());
                read.and_then(|body| member.on_packet(src, body, now))
            }
            Some(Role::Keeper(keeper)) => keeper.on_packet(src, &body, now),
        };
        if let Err(why) = taken {
            self.output.log.push(format!("dropped a message from {src}: {why}"));
        }
    }

    fn on_request(&mut self, src: String, dest: String, body: &Value, now: Time) {
        let answer = request::parse(body).and_then(|request| self.answer(&dest, request, now));
        // Without an id nobody waits for the answer.
        if let Some(id) = body.get("msg_id") {
            let answer = answer.unwrap_or_else(Failure::into_body);
            self.output.lines.push(request::reply(dest, src, answer, id));
        } else if let Err(failure) = answer {
            self.output.log.push(format!("{src} asked for nothing sensible ({failure}): {body}"));
        }
    }

    fn answer(&mut self, own: &str, request: Request, now: Time) -> Result<Value, Failure> {
        if let Request::Init { node_id, node_ids } = request {
            if self.role.is_some() {
                return Err(Failure::Precondition("init came before".to_owned()));
            }
            self.role = Some(self.begin(&node_id, node_ids, now)?);
            return Ok(request::ok("init_ok"));
        }
        match &mut self.role {
            None => Err(Failure::NotYet(format!("{own} waits for init"))),
            Some(Role::Member(member)) => member.on_request(request, now),
            Some(Role::Keeper(keeper)) => keeper.on_request(request, now),
        }
    }

    fn begin(&mut self, own: &str, names: Vec<String>, now: Time) -> Result<Role, Failure> {
        let Settings { replica, seed, .. } = &self.settings;
        if replica.workload == Workload::Relay {
            let mut member = Member::new(own, names, self.settings.clone())?;
            self.output.remark(member.introduce());
            member.on_init(now);
            return Ok(Role::Member(Box::new(member)));
        }
        let mut keeper = Keeper::new(own, names, replica, *seed)?;
        self.output.remark(keeper.introduce());
        keeper.on_init(now);
        Ok(Role::Keeper(Box::new(keeper)))
    }
}
