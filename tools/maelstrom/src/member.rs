//! A node that knows who it is: the core, its links to the other nodes, and the values it holds.
//!
//! Links are up from the start and stay so: both ends know from `init` and `topology` that they are there.
//! So hellos, pings and addresses don't travel; the driver answers them itself.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use tidings_protocol::report::event::Event;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::chain::{Chain as _, Rejection};
use tidings_protocol::ground::item::{Item, ItemId};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{DialError, PeerAddr, PeerKey};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::wire::message::{Hello, Message, Session};

use super::options::Settings;
use super::overlay::{self, Overlay, Topology};
use super::peer::{Peer, Pressure};
use super::request::{Failure, Request, ok};
use super::turn::Output;
use super::wire::{Body, Envelope, to_item, to_value, travels};

/// Most wake-ups in a turn; a core that wants more gets them in the next turn.
const WAKES_MAX: usize = 64;

/// What the driver tells the core in answer to what the core did.
#[derive(Debug)]
enum Answer {
    Received(Link, Message),
    Verdict(Arc<Item>),
    NoDial(PeerAddr),
    Disconnected(Link),
    Congested(Link),
}

#[derive(Debug)]
pub(super) struct Member {
    own: usize,
    names: Vec<String>,
    settings: Settings,
    node: Node,
    chain: Opaque,
    rng: ChaCha8Rng,
    /// Everybody we ever had a link to, by slot.
    peers: Vec<Peer>,
    /// The links of the overlay are up.
    is_wired: bool,
    /// The workload is `broadcast`, not `g-set`: they read differently.
    is_broadcast: bool,
    generated: u64,
    values: Vec<Value>,
    /// The items of `values`.
    held: HashSet<ItemId>,
    /// What became of the item that was just submitted.
    submitted: Result<(), Rejection>,
    answers: VecDeque<Answer>,
    actions: Vec<Action>,
    log: Vec<String>,
}

impl Member {
    pub(super) fn new(own: &str, names: Vec<String>, settings: Settings) -> Result<Self, Failure> {
        let own = names.iter().position(|name| name == own).ok_or_else(|| {
            Failure::Malformed(format!("`node_id` {own} is not among `node_ids`"))
        })?;
        let identity = Identity::for_tests(own as u64);
        Ok(Self {
            own,
            names,
            node: Node::new(identity, &settings.params),
            chain: Opaque::default(),
            rng: ChaCha8Rng::seed_from_u64(settings.seed.wrapping_mul(1_000_003) + own as u64),
            settings,
            peers: Vec::new(),
            is_wired: false,
            is_broadcast: false,
            generated: 0,
            values: Vec::new(),
            held: HashSet::new(),
            submitted: Ok(()),
            answers: VecDeque::new(),
            actions: Vec::new(),
            log: Vec::new(),
        })
    }

    /// Says who it is, for the log.
    pub(super) fn introduce(&self) -> String {
        let Settings { params, overlay, .. } = &self.settings;
        let (name, nodes) = (&self.names[self.own], self.names.len());
        format!(
            "{name}, one of {nodes} nodes; strategy {}, overlay {overlay:?}",
            params.relay.strategy
        )
    }

    pub(super) fn on_init(&mut self, now: Time) {
        if self.settings.overlay != Overlay::Topology {
            self.wire_as_set(now);
        }
    }

    /// A packet of a peer came.
    pub(super) fn on_packet(&mut self, src: &str, body: Body, now: Time) -> Result<(), String> {
        let packet = body.into_packet(&self.chain).map_err(|error| error.to_string())?;
        let index = self.names.iter().position(|name| name == src);
        let index =
            index.filter(|index| *index != self.own).ok_or("it is no node of this network")?;
        self.wire_as_set(now);
        let slot = self.slot_of(index);
        // Whoever speaks to us sees a link that we don't: it has heard of another topology.
        if self.peers[slot].link().is_none() && self.peers[slot].back_at == Time::NEVER {
            self.link_up(slot, now);
        }
        let mut came = Vec::new();
        self.peers[slot].session.receive(packet, now, |message| came.push(message));
        came.into_iter().for_each(|message| self.peers[slot].hold(message));
        if self.peers[slot].relieved() == Pressure::Drained
            && let Some(link) = self.peers[slot].link()
        {
            self.hand(Input::Drained { link }, now);
        }
        self.hand_in_held(slot, now);
        Ok(())
    }

    /// A client asks for something.
    pub(super) fn on_request(&mut self, request: Request, now: Time) -> Result<Value, Failure> {
        match request {
            Request::Init { .. } => Err(Failure::Precondition("init came before".to_owned())),
            Request::Topology(topology) => {
                self.is_broadcast = true;
                if self.settings.overlay == Overlay::Topology {
                    self.wire_as_given(&topology, now);
                }
                Ok(ok("topology_ok"))
            }
            Request::Broadcast(value) => {
                self.is_broadcast = true;
                self.submit(&value, now)?;
                Ok(ok("broadcast_ok"))
            }
            Request::Add(value) => {
                self.submit(&value, now)?;
                Ok(ok("add_ok"))
            }
            Request::AddDelta(_) => {
                Err(Failure::NotSupported("add of a delta, without --workload".to_owned()))
            }
            Request::Read if self.is_broadcast => {
                Ok(json!({"type": "read_ok", "messages": self.values}))
            }
            Request::Read => Ok(json!({"type": "read_ok", "value": self.values})),
            Request::Echo(value) => Ok(json!({"type": "echo_ok", "echo": value})),
            Request::Generate => {
                self.generated += 1;
                let id = format!("{}-{}", self.names[self.own], self.generated);
                Ok(json!({"type": "generate_ok", "id": id}))
            }
        }
    }

    /// Wakes the core if it is time, and sends what there is to send.
    pub(super) fn finish_turn(&mut self, now: Time, output: &mut Output) {
        for slot in 0..self.peers.len() {
            if self.peers[slot].back_at <= now {
                self.link_up(slot, now);
            }
            self.hand_in_held(slot, now);
        }
        for _ in 0..WAKES_MAX {
            if self.node.deadline() > now {
                break;
            }
            self.hand(Input::Wake, now);
        }
        let src = &self.names[self.own];
        for peer in &mut self.peers {
            while let Some(packet) = peer.session.packet(now) {
                let (src, dest) = (src.clone(), peer.name.clone());
                let envelope = Envelope { src, dest, body: Body::from(packet) };
                let line = serde_json::to_string(&envelope);
                output.lines.push(line.expect("all keys of a message are text"));
            }
        }
        output.log.append(&mut self.log);
    }

    /// When it next has something to do.
    pub(super) fn deadline(&self) -> Time {
        self.peers.iter().map(Peer::deadline).fold(self.node.deadline(), Time::min)
    }

    fn submit(&mut self, value: &Value, now: Time) -> Result<(), Failure> {
        self.wire_as_set(now);
        let item =
            to_item(value, &self.chain).map_err(|error| Failure::Abort(error.to_string()))?;
        self.submitted = Ok(());
        self.hand(Input::Submitted(item), now);
        self.submitted.map_err(|why| Failure::Abort(format!("the value is refused: {why}")))
    }

    /// Brings up the links of the overlay, unless they are. Without a topology, those of a tree.
    fn wire_as_set(&mut self, now: Time) {
        if self.is_wired {
            return;
        }
        let nodes = self.names.len();
        let neighbours = match self.settings.overlay {
            Overlay::All => overlay::all(self.own, nodes),
            Overlay::Tree | Overlay::Topology => {
                overlay::tree(self.own, nodes, self.settings.children)
            }
        };
        self.wire(&neighbours, now);
    }

    fn wire_as_given(&mut self, topology: &Topology, now: Time) {
        let neighbours = overlay::given(self.own, &self.names, topology);
        self.wire(&neighbours, now);
    }

    /// Brings up the links to these nodes, and takes down all others.
    fn wire(&mut self, neighbours: &[usize], now: Time) {
        self.is_wired = true;
        if neighbours.len() > 1 {
            self.settings.params = self.settings.inner_params.clone();
        }
        for slot in 0..self.peers.len() {
            let peer = &mut self.peers[slot];
            if !neighbours.contains(&peer.index)
                && let Some(link) = peer.link()
            {
                peer.link_down(None);
                self.hand(Input::Disconnected { link }, now);
            }
        }
        for index in neighbours {
            let slot = self.slot_of(*index);
            if self.peers[slot].link().is_none() {
                self.link_up(slot, now);
            }
        }
    }

    fn slot_of(&mut self, index: usize) -> usize {
        if let Some(slot) = self.peers.iter().position(|peer| peer.index == index) {
            return slot;
        }
        let slot = self.peers.len();
        self.peers.push(Peer::new(self.names[index].clone(), index, slot, self.settings.timing));
        slot
    }

    /// A link comes up. Nobody dialled, and the hello is one that the peer needn't send.
    fn link_up(&mut self, slot: usize, now: Time) {
        let peer = &mut self.peers[slot];
        let (link, key) = (peer.link_up(), PeerKey(peer.index as u64));
        let direction = Direction::Inbound;
        self.hand(Input::Connected { link, peer: key, direction, addr: None }, now);
        let hello = Hello::default();
        self.hand(
            Input::Received { link, message: &Message::Session(Session::Hello(Box::new(hello))) },
            now,
        );
    }

    fn hand_in_held(&mut self, slot: usize, now: Time) {
        while let Some(message) = self.peers[slot].take(now)
            && let Some(link) = self.peers[slot].link()
        {
            self.hand(Input::Received { link, message: &message }, now);
        }
    }

    /// Hands the core an input, does what it says, and hands it the answers.
    fn hand(&mut self, input: Input<'_>, now: Time) {
        self.hand_one(input, now);
        while let Some(answer) = self.answers.pop_front() {
            match answer {
                Answer::Received(link, message) => {
                    self.hand_one(Input::Received { link, message: &message }, now);
                }
                Answer::Verdict(item) => {
                    let verdict = self.chain.verify(&item);
                    self.hand_one(Input::Verdict { item: &item, verdict }, now);
                }
                Answer::NoDial(addr) => {
                    let why = DialError::Unreachable;
                    self.hand_one(Input::DialFailed { addr, why }, now);
                }
                Answer::Disconnected(link) => self.hand_one(Input::Disconnected { link }, now),
                Answer::Congested(link) => self.hand_one(Input::Congested { link }, now),
            }
        }
    }

    fn hand_one(&mut self, input: Input<'_>, now: Time) {
        let mut actions = std::mem::take(&mut self.actions);
        let mut cx = Cx {
            now,
            params: &self.settings.params,
            chain: &self.chain,
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.node.handle(input, &mut cx);
        for action in actions.drain(..) {
            self.carry_out(action, now);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, action: Action, now: Time) {
        match action {
            Action::Send { link, message } => self.send(link, message, now),
            Action::Throttle { link, class, until } => {
                if let Some(peer) = self.peer_of(link) {
                    peer.throttle(class, until);
                }
            }
            Action::Verify(item) => self.answers.push_back(Answer::Verdict(item)),
            Action::Dial { addr } => self.answers.push_back(Answer::NoDial(addr)),
            Action::Disconnect { link, why } => self.cut(link, &format!("{why:?}"), now),
            Action::Report(event) => self.on_event(&event),
            // A node here has no map: `keeper` drives one alone. Nor do its rules know of a chain.
            Action::Changed(_) | Action::Written { .. } | Action::Load { .. } => {}
        }
    }

    fn send(&mut self, link: Link, message: Message, now: Time) {
        if let Message::Session(Session::Ping { nonce }) = message {
            self.answers
                .push_back(Answer::Received(link, Message::Session(Session::Pong { nonce })));
        }
        if !travels(&message) {
            return;
        }
        let Some(peer) = self.peer_of(link) else { return };
        match peer.say(message) {
            Pressure::Unchanged | Pressure::Drained => {}
            Pressure::Congested => self.answers.push_back(Answer::Congested(link)),
            Pressure::Burst => self.cut(link, "its queue is full", now),
        }
    }

    /// Takes a link down, to come back soon.
    fn cut(&mut self, link: Link, why: &str, now: Time) {
        let Some(peer) = self.peer_of(link) else { return };
        peer.link_down(Some(now));
        let remark = format!("link to {} cut: {why}", peer.name);
        self.log.push(remark);
        self.answers.push_back(Answer::Disconnected(link));
    }

    fn on_event(&mut self, event: &Event) {
        match event {
            Event::Accepted { id, .. } => {
                if let Some(item) = self.node.item(id)
                    && self.held.insert(*id)
                {
                    self.values.push(to_value(item));
                }
            }
            Event::Rejected { ingress: None, rejection, .. } => self.submitted = Err(*rejection),
            Event::Rejected { ingress: Some(_), rejection, .. } => {
                self.log.push(format!("refused a peer's value: {rejection}"));
            }
            Event::Misbehaved { offence, .. } => self.log.push(format!("offence: {offence:?}")),
            Event::AlreadyKnown { .. }
            | Event::Restored { .. }
            | Event::Orphaned { .. }
            | Event::Broadcast { .. }
            | Event::Left { .. }
            | Event::BlockConnected { .. }
            | Event::BlockDisconnected { .. }
            | Event::Returned { .. }
            | Event::LinkUp { .. }
            | Event::LinkDown { .. }
            | Event::OtherMap { .. }
            | Event::MapAhead { .. }
            | Event::DialFailed { .. } => {}
        }
    }

    /// The peer of a link that is up.
    fn peer_of(&mut self, link: Link) -> Option<&mut Peer> {
        self.peers.get_mut(link.slot()).filter(|peer| peer.link() == Some(link))
    }
}
