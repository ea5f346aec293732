//! A replica of the map that knows who it is: what grows and counts, for the workloads `g-set`, `g-counter` and `pn-counter`.
//!
//! Everybody is linked to everybody from `init` on. Messages that are lost need no session: a replica repairs by comparing
//! what its rounds missed. They travel as they do elsewhere, in hexadecimal, with their names beside them for diagrams:
//! ```json
//! {"src":"n1","dest":"n0","body":{"type":"replica","what":"changes","bytes":"0207000000000000000000"}}
//! ```

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::map::Salt;
use tidings_protocol::ground::time::Time;
use tidings_protocol::replica::{
    Action, Cx, Input, Key, Kind, Message, Millis, Refused, Replica, ReplicaId, State, Write,
};

use super::options::{ReplicaSettings, Workload};
use super::request::{Failure, Request, ok};
use super::turn::Output;

/// A set travels whole, so the elements are divided among so many. A guess: with a thousand elements, one or two in each.
const SHARDS: u64 = 1_024;

/// Most wake-ups in a turn; a replica that wants more gets them in the next turn.
const WAKES_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Keeper {
    own: usize,
    names: Vec<String>,
    workload: Workload,
    replica: Replica,
    rng: ChaCha8Rng,
    actions: Vec<Action>,
    output: Output,
}

impl Keeper {
    pub(super) fn new(
        own: &str,
        names: Vec<String>,
        settings: &ReplicaSettings,
        seed: u64,
    ) -> Result<Self, Failure> {
        let own = names.iter().position(|name| name == own).ok_or_else(|| {
            Failure::Malformed(format!("`node_id` {own} is not among `node_ids`"))
        })?;
        Ok(Self {
            own,
            names,
            workload: settings.workload,
            replica: Replica::new(ReplicaId(own as u64), settings.map.clone()),
            rng: ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003) + own as u64),
            actions: Vec::new(),
            output: Output::default(),
        })
    }

    /// Says who it is, for the log.
    pub(super) fn introduce(&self) -> String {
        let (name, nodes) = (&self.names[self.own], self.names.len());
        format!("{name}, one of {nodes} replicas; workload {:?}", self.workload)
    }

    pub(super) fn on_init(&mut self, now: Time) {
        let own = self.own;
        for other in (0..self.names.len()).filter(|other| *other != own) {
            let is_ours = own < other;
            let direction = if is_ours { Direction::Outbound } else { Direction::Inbound };
            self.hand(Input::Connected { link: link_to(other), direction }, now);
        }
    }

    /// A message of a peer came.
    pub(super) fn on_packet(&mut self, src: &str, body: &Value, now: Time) -> Result<(), String> {
        let index = self.names.iter().position(|name| name == src);
        let index =
            index.filter(|index| *index != self.own).ok_or("it is no node of this network")?;
        let text = body.get("bytes").and_then(Value::as_str).ok_or("it has no bytes")?;
        let bytes =
            HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|error| error.to_string())?;
        let message = Message::decode(&bytes).map_err(|error| error.to_string())?;
        self.hand(Input::Received { link: link_to(index), message: &message }, now);
        Ok(())
    }

    /// A client asks for something.
    pub(super) fn on_request(&mut self, request: Request, now: Time) -> Result<Value, Failure> {
        match (request, self.workload) {
            (Request::Add(element), Workload::GSet) => {
                let text = element.to_string();
                let shard = Salt::new(0).rank(text.as_bytes()) % SHARDS;
                self.write(Kind::Set, &shard.to_string(), Write::Insert(text.into()), now)
            }
            (Request::AddDelta(delta), Workload::GCounter) if delta < 0 => {
                Err(Failure::Malformed(format!("a counter that only grows can't take {delta}")))
            }
            (Request::AddDelta(delta), Workload::GCounter | Workload::PnCounter) => {
                self.write(Kind::Counter, "sum", Write::Add(delta), now)
            }
            (Request::Read, Workload::GSet) => {
                let elements: Vec<Value> = self.elements().collect();
                Ok(json!({"type": "read_ok", "value": elements}))
            }
            (Request::Read, Workload::GCounter | Workload::PnCounter) => {
                let sum = i64::try_from(self.sum());
                let sum = sum.map_err(|_| Failure::Abort("the sum is too large".to_owned()))?;
                Ok(json!({"type": "read_ok", "value": sum}))
            }
            (Request::Topology(_), _) => Ok(ok("topology_ok")),
            (Request::Init { .. }, _) => Err(Failure::Precondition("init came before".to_owned())),
            (_, workload) => Err(Failure::NotSupported(format!("another one than {workload:?}'s"))),
        }
    }

    /// Wakes the replica if it is time, and says what there is to say.
    pub(super) fn finish_turn(&mut self, now: Time, output: &mut Output) {
        for _ in 0..WAKES_MAX {
            if self.replica.deadline() > now {
                break;
            }
            self.hand(Input::Wake, now);
        }
        output.append(&mut self.output);
    }

    /// When it next has something to do.
    pub(super) fn deadline(&self) -> Time {
        self.replica.deadline()
    }

    fn elements(&self) -> impl Iterator<Item = Value> {
        let elements = self.replica.entries().flat_map(|(_, state)| match state {
            State::Set(set) => set.elements(),
            _ => Vec::new(),
        });
        elements.map(|text| serde_json::from_slice(text).unwrap_or(Value::Null))
    }

    fn sum(&self) -> i128 {
        let sums = self.replica.entries().map(|(_, state)| match state {
            State::Counter(counter) => counter.value(),
            _ => 0,
        });
        sums.sum()
    }

    fn write(&mut self, kind: Kind, name: &str, write: Write, now: Time) -> Result<Value, Failure> {
        let key = Key::new(kind, name.as_bytes()).expect("a name of ours is short");
        let actions = &mut self.actions;
        let cx = &mut Cx { now, wall: wall(now), rng: &mut self.rng, actions };
        let written = self.replica.write(&key, write, cx);
        self.carry_out();
        match written {
            Ok(()) => Ok(ok("add_ok")),
            Err(why @ (Refused::Bound | Refused::Full | Refused::Kind | Refused::Absent)) => {
                Err(Failure::Abort(why.to_string()))
            }
        }
    }

    fn hand(&mut self, input: Input<'_>, now: Time) {
        let actions = &mut self.actions;
        let cx = &mut Cx { now, wall: wall(now), rng: &mut self.rng, actions };
        self.replica.handle(input, cx);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        for action in self.actions.drain(..) {
            match action {
                Action::Send { link, message } => {
                    let bytes = HEXLOWER.encode(&message.encode());
                    let body = json!({"type": "replica", "what": name(&message), "bytes": bytes});
                    let (src, dest) = (&self.names[self.own], &self.names[link.slot()]);
                    self.output
                        .lines
                        .push(json!({"src": src, "dest": dest, "body": body}).to_string());
                }
                Action::Changed { .. } => {}
                Action::Misbehaved { why, .. } => self.output.log.push(format!("offence: {why}")),
                Action::ToldAhead { by, .. } => {
                    self.output.log.push(format!("our clock is {by} ms ahead of a peer's"));
                }
            }
        }
    }
}

/// Links never break here, and the slot is the other's place in `init`.
fn link_to(other: usize) -> Link {
    Link::new(u32::try_from(other).expect("there are fewer nodes than that"), 1)
}

/// Nodes start together, and nothing here goes by the time of day.
const fn wall(now: Time) -> Millis {
    now.as_nanos() / 1_000_000
}

/// What a message is called, for diagrams.
const fn name(message: &Message) -> &'static str {
    match message {
        Message::Entries(_) => "entries",
        Message::Pull { .. } => "pull",
        Message::Changes { .. } => "changes",
        Message::Want(_) => "want",
        Message::Compare(_) => "compare",
        Message::Ahead { .. } => "ahead",
        Message::Clock { .. } => "clock",
    }
}
