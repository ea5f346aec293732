//! Runs the same core over what a capture has, and compares what it decides.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::Item;
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::Node;
use tidings_protocol::params::Params;

use super::actions::{self, Digest};
use super::asked::Asked;
use super::head::Head;
use super::input::{Judged, Recorded};
use super::reader::{Acted, Ending, Life, ReadError, Record};
use super::words;
use crate::panics;

/// The first action that differs from what was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Number of the input, from 0.
    pub number: u64,
    /// When, in the core's time.
    pub at: Time,
    /// The same by the node's clock, microseconds of Unix time.
    pub unix_us: u64,
    /// The input, in words.
    pub input: String,
    /// What the captured core did.
    pub then: Vec<String>,
    /// What this one does, with its details.
    pub now: Vec<String>,
    /// The place of the first action that is of another kind; `None` if they differ in what is in them only.
    pub place: Option<usize>,
    /// The digest then; none if nothing was done.
    pub digest_then: Option<u32>,
    /// The digest now.
    pub digest_now: Option<u32>,
}

/// What one input came to.
#[derive(Debug)]
pub struct Step {
    /// The record.
    pub record: Record,
    /// What the core decided about it now.
    pub actions: Vec<Action>,
    /// How that differs from what was captured, if it does.
    pub difference: Option<Box<Difference>>,
}

/// A core that lives again.
#[derive(Debug)]
pub struct Replay {
    life: Life,
    node: Node,
    params: Params,
    chain: SharedChain,
    rng: ChaCha8Rng,
    digest: Digest,
    asked: Asked,
    names: BTreeMap<PeerKey, Vec<u8>>,
    /// A record that was read and comes later than was asked for.
    ahead: Option<Record>,
    inputs: u64,
    now: Time,
    unix_us: u64,
}

/// Rules, which have nothing to show.
#[derive(Clone)]
struct SharedChain(Arc<dyn Chain>);

impl std::fmt::Debug for SharedChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Most peers whose names are kept; the first stay. A guess.
const NAMES_MAX: usize = 65_536;

impl Replay {
    /// The core of a life, before its first input.
    ///
    /// # Errors
    /// When its beginning makes no core here.
    pub fn new(life: Life) -> Result<Self, ReadError> {
        let chain = life.chain()?;
        Self::under(life, chain)
    }

    /// The same, under rules that a program brings.
    ///
    /// # Errors
    /// When its beginning makes no core here.
    pub fn under(life: Life, chain: Arc<dyn Chain>) -> Result<Self, ReadError> {
        let params = life.head.params()?;
        Self::of(life, chain, params)
    }

    /// The same life from its beginning, of a core with other parameters: it isn't the one that was captured, and nothing that it
    /// decides can be compared.
    ///
    /// # Errors
    /// When its beginning makes no core here.
    pub fn remade(self, params: Params) -> Result<Self, ReadError> {
        Self::of(self.life.again()?, self.chain.0, params)
    }

    fn of(life: Life, chain: Arc<dyn Chain>, params: Params) -> Result<Self, ReadError> {
        Ok(Self {
            node: life.head.node(&params)?,
            rng: life.head.random.rng()?,
            unix_us: life.head.began_unix_us,
            life,
            params,
            chain: SharedChain(chain),
            digest: Digest::default(),
            asked: Asked::default(),
            names: BTreeMap::new(),
            ahead: None,
            inputs: 0,
            now: Time::ZERO,
        })
    }

    /// Hands in the next record, if there is one.
    ///
    /// # Errors
    /// When the capture can't be read any further.
    pub fn step(&mut self) -> Result<Option<Step>, ReadError> {
        self.step_until(None)
    }

    /// The same, if it isn't later than a moment.
    ///
    /// # Errors
    /// When the capture can't be read any further.
    pub fn step_until(&mut self, until: Option<Time>) -> Result<Option<Step>, ReadError> {
        let Some(record) = self.read()? else { return Ok(None) };
        if until.is_some_and(|until| record.at > until) {
            self.ahead = Some(record);
            return Ok(None);
        }
        (self.now, self.unix_us) = (record.at, record.unix_us);
        self.meet(&record.what);
        if matches!(record.what, Recorded::Met { .. }) {
            return Ok(Some(Step { record, actions: Vec::new(), difference: None }));
        }
        self.inputs += 1;
        let mut actions = Vec::new();
        let panicked = self.hand(&record, &mut actions);
        let mut numbers: Vec<u8> = Vec::with_capacity(actions.len());
        for action in &actions {
            numbers.push(actions::number(action));
            self.digest.add(action);
            self.asked.on_action(action);
        }
        let digest = (!actions.is_empty()).then(|| self.digest.kept());
        let now = Acted { numbers, digest };
        let is_same = match &record.acted {
            Some(then) => panicked.is_none() && *then == now,
            // The node ended before it could be told what came of this.
            None => true,
        };
        let difference =
            (!is_same).then(|| Box::new(self.difference(&record, &now, &actions, panicked)));
        Ok(Some(Step { record, actions, difference }))
    }

    /// Keeps the name of a peer, if that is what was recorded.
    pub fn meet(&mut self, what: &Recorded) {
        if let Recorded::Met { peer, id } = what
            && self.names.len() < NAMES_MAX
        {
            self.names.insert(*peer, id.to_vec());
        }
    }

    /// Hands in an input. Returns what a panic says.
    fn hand(&mut self, record: &Record, actions: &mut Vec<Action>) -> Option<String> {
        let item = match &record.what {
            Recorded::Verdict { item: Judged::Asked(id), .. } => match self.asked.get(id) {
                Some(item) => Some(Arc::clone(item)),
                // It was never asked for here: nothing would be done.
                None => return None,
            },
            Recorded::Verdict { item: Judged::Item(item), .. } => Some(Arc::clone(item)),
            _ => None,
        };
        let input = record.what.input(item.as_ref())?;
        self.asked.on_input(&input);
        let cx = &mut Cx {
            now: record.at,
            params: &self.params,
            chain: &*self.chain.0,
            rng: &mut self.rng,
            actions,
        };
        let node = &mut self.node;
        let handed = catch_unwind(AssertUnwindSafe(|| node.handle(input, cx)));
        handed.err().map(|payload| panics::message(&*payload).to_owned())
    }

    fn difference(
        &self,
        record: &Record,
        now: &Acted,
        actions: &[Action],
        panicked: Option<String>,
    ) -> Difference {
        let then = record.acted.as_ref();
        let numbers = then.map_or(&[][..], |then| &then.numbers);
        let longer = numbers.len().max(now.numbers.len());
        let place = (0..longer).find(|place| numbers.get(*place) != now.numbers.get(*place));
        let named = |number: &u8| self.life.head.action(*number).to_owned();
        let mut does: Vec<String> = actions.iter().map(words::action).collect();
        does.extend(panicked.map(|why| format!("panic: {why}")));
        Difference {
            number: record.number,
            at: record.at,
            unix_us: record.unix_us,
            input: words::input(&record.what),
            then: numbers.iter().map(named).collect(),
            now: does,
            place,
            digest_then: then.and_then(|then| then.digest),
            digest_now: now.digest,
        }
    }

    /// The core, as it is now.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// What it was made of.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.life.head
    }

    /// Its parameters.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Its rules.
    #[must_use]
    pub fn chain(&self) -> &Arc<dyn Chain> {
        &self.chain.0
    }

    /// Number of the life.
    #[must_use]
    pub const fn life(&self) -> u32 {
        self.life.life
    }

    /// Bytes of its segments.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.life.stored_bytes()
    }

    /// Inputs so far.
    #[must_use]
    pub const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// The time of the last of them.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// What the node's clock showed at a time, microseconds of Unix time, as it was set at the last input.
    #[must_use]
    pub fn unix_us(&self, at: Time) -> u64 {
        let nanos = |time: Time| i128::from(time.as_nanos());
        let by_us = (nanos(at) - nanos(self.now)) / 1_000;
        self.unix_us.saturating_add_signed(i64::try_from(by_us).unwrap_or(0))
    }

    /// What the transport calls a peer, as bytes.
    #[must_use]
    pub fn name_of(&self, peer: PeerKey) -> Option<&[u8]> {
        self.names.get(&peer).map(Vec::as_slice)
    }

    /// How the life ends; `None` before its end is reached.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        self.life.ending()
    }

    /// From now on the core has other parameters: nothing that it decides can be compared with what was captured any more.
    /// What a core reads when it is made stays as it was.
    pub fn change(&mut self, params: Params) {
        self.params = params;
    }

    /// The next record, without handing it in: for whoever goes on in another way ([`hand_in`](Self::hand_in)).
    ///
    /// # Errors
    /// When the capture can't be read any further.
    pub fn read(&mut self) -> Result<Option<Record>, ReadError> {
        match self.ahead.take() {
            Some(record) => Ok(Some(record)),
            None => self.life.next(&*self.chain.0),
        }
    }

    /// Hands in an input that the capture doesn't have, or not then.
    pub fn hand_in(&mut self, at: Time, input: Input<'_>, actions: &mut Vec<Action>) {
        let (params, chain) = (&self.params, &*self.chain.0);
        (self.unix_us, self.now) = (self.unix_us(at), at);
        let cx = &mut Cx { now: at, params, chain, rng: &mut self.rng, actions };
        self.node.handle(input, cx);
    }
}

impl Recorded {
    /// The input, for the core; `None` for what is none. `judged` is the item of a verdict.
    #[must_use]
    pub fn input<'a>(&'a self, judged: Option<&'a Arc<Item>>) -> Option<Input<'a>> {
        Some(match self {
            Self::Connected { link, peer, direction, addr } => {
                let (link, peer, direction, addr) = (*link, *peer, *direction, *addr);
                Input::Connected { link, peer, direction, addr }
            }
            Self::Disconnected { link } => Input::Disconnected { link: *link },
            Self::DialFailed { addr, why } => Input::DialFailed { addr: *addr, why: *why },
            Self::Received { link, message } => Input::Received { link: *link, message },
            Self::Malformed { link, error } => Input::Malformed { link: *link, error: *error },
            Self::Submitted(item) => Input::Submitted(Arc::clone(item)),
            Self::Clock { wall } => Input::Clock { wall: *wall },
            Self::Write { ticket, key, write } => Input::Write { ticket: *ticket, key, write },
            Self::Recalled(entry) => Input::Recalled(entry),
            Self::Restored { item, was, age, verified } => {
                let (item, verified) = (Arc::clone(item), verified.clone());
                Input::Restored { item, was: *was, age: *age, verified }
            }
            Self::Headers(headers) => Input::Headers(headers),
            Self::Loaded { id, what, loaded } => {
                Input::Loaded { id: *id, what: *what, loaded: loaded.clone() }
            }
            Self::Verdict { verdict, .. } => {
                Input::Verdict { item: judged?, verdict: verdict.clone() }
            }
            Self::Congested { link } => Input::Congested { link: *link },
            Self::Drained { link } => Input::Drained { link: *link },
            Self::Learned(addrs) => Input::Learned(addrs),
            Self::Heard { from, addrs } => Input::Heard { from: *from, addrs },
            Self::Reachable(is_reachable) => Input::Reachable(*is_reachable),
            Self::Remembered(book) => Input::Remembered(book),
            Self::Ban { whom, span } => Input::Ban { whom: *whom, span: *span },
            Self::Unban(whom) => Input::Unban(*whom),
            Self::Wake => Input::Wake,
            Self::Met { .. } => return None,
        })
    }
}
