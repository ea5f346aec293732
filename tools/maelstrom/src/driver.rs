//! The driver: one node of the core behind Maelstrom's lines, without I/O or a clock of its own.
//!
//! It is handed lines and the time, and hands out lines. [`super::stdio`] does the rest.

use serde_json::Value;

use super::member::{Member, Output};
use super::options::Settings;
use super::request::{self, Failure, Request};
use super::wire::{Body, Envelope};
use tidings_protocol::ground::time::Time;

/// One node. Each turn takes the lines that are there ([`Driver::on_line`]) and ends with
/// [`Driver::finish_turn`].
#[derive(Debug)]
pub(super) struct Driver {
    settings: Settings,
    /// None until `init` comes.
    member: Option<Member>,
    output: Output,
}

impl Driver {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, member: None, output: Output::default() }
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
            Some("relay" | "ack") => self.on_peer(&src, body, now),
            Some("error") => self.output.log.push(format!("{src} reports an error: {body}")),
            _ if body.get("in_reply_to").is_some() => {
                self.output.log.push(format!("{src} answers what nobody asked: {body}"));
            }
            _ => self.on_request(src, dest, &body, now),
        }
    }

    /// The lines that were there have been taken: does what the core wants done, and sends.
    pub(super) fn finish_turn(&mut self, now: Time) -> Output {
        if let Some(member) = &mut self.member {
            member.finish_turn(now, &mut self.output);
        }
        std::mem::take(&mut self.output)
    }

    /// When the next turn is due, even if no line comes.
    pub(super) fn deadline(&self) -> Time {
        self.member.as_ref().map_or(Time::NEVER, Member::deadline)
    }

    fn on_peer(&mut self, src: &str, body: Value, now: Time) {
        let Some(member) = &mut self.member else {
            return self.output.log.push(format!("{src} speaks before init"));
        };
        let read = serde_json::from_value::<Body>(body).map_err(|error| error.to_string());
        let taken = read.and_then(|body| member.on_packet(src, body, now));
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
            if self.member.is_some() {
                return Err(Failure::Precondition("init came before".to_owned()));
            }
            let mut member = Member::new(&node_id, node_ids, self.settings.clone())?;
            self.output.log.push(member.introduce());
            member.on_init(now);
            self.member = Some(member);
            return Ok(request::ok("init_ok"));
        }
        let Some(member) = &mut self.member else {
            return Err(Failure::NotYet(format!("{own} waits for init")));
        };
        member.on_request(request, now)
    }
}
