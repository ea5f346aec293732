//! What happens is told to whoever records it, if anybody does.

use tidings_protocol::ground::link::Link;
use tidings_protocol::node::Node;
use tidings_protocol::wire::message::Message;
use tidings_timeline::{About, Recorder, State, Timeline, layout};

use super::state::{Event, Leg, World};
use crate::fault::FaultSpec;
use crate::latency::Place;
use crate::recording::{Recording, tell_fault};

impl World {
    /// Records all that happens from now on, `about` what is known of the run; at most `bound` messages and deliveries (see
    /// [`Recorder`]). Links are those that stand now; of items that were submitted before nothing is noted.
    pub fn start_recording(&mut self, about: About, bound: usize) {
        let nodes = self.seats.len();
        let mut recorder = Recorder::new(about, bound);
        self.place_all(&mut recorder);
        let mut recording = Recording::new(recorder, self.now, nodes, self.fixed.items.len());
        for (node, seat) in (0..).zip(&self.seats) {
            for end in seat.ends.iter().filter(|end| end.live && end.dialled) {
                let other = self.seats[end.peer as usize].ends.get(end.far.slot());
                if other.is_some_and(|other| other.live && other.near == end.far) {
                    let (near, far) = ((node, end.near.slot()), (end.peer, end.far.slot()));
                    recording.link_up(self.now, near, far);
                }
            }
        }
        self.find_under_way(&mut recording);
        self.recording = Some(Box::new(recording));
        for node in 0..self.fixed.layout.nodes {
            let seat = &self.seats[node as usize];
            let states = [
                (!seat.alive, State::Down),
                (seat.paused, State::Paused),
                (self.faults.is_liar(node), State::Lying),
            ];
            let is = states.into_iter().filter_map(|(holds, state)| holds.then_some(state));
            is.for_each(|state| self.tell_states(&[node], state));
        }
        for index in 0..self.faults.all().len() {
            let fault = &self.faults.all()[index];
            let nodes = match fault.spec {
                FaultSpec::Liar { .. } => {
                    (0..self.fixed.layout.nodes).filter(|node| self.faults.is_liar(*node)).collect()
                }
                _ => fault.nodes.clone(),
            };
            if self.faults.is_watching(index) || !nodes.is_empty() {
                self.tell_fault(index, nodes);
            }
        }
    }

    /// The timeline of what happened since [`World::start_recording`]; `None` if nobody records.
    pub fn finish_recording(&mut self) -> Option<Timeline> {
        let mut recording = self.recording.take()?;
        recording.recorder_mut().about_mut().event_hash = Some(self.hash.to_string());
        Some(recording.finish(self.now))
    }

    /// Whoever records, to add marks.
    pub fn recording_mut(&mut self) -> Option<&mut Recording> {
        self.recording.as_deref_mut()
    }

    /// Says where nodes are.
    fn place_all(&self, recorder: &mut Recorder) {
        let names = (0..self.fixed.layout.nodes).map(|node| self.fixed.latencies.names(node).0);
        let names: Vec<String> = names.collect();
        let mut regions: Vec<String> =
            names.iter().filter(|name| !name.is_empty()).cloned().collect();
        regions.sort_unstable();
        regions.dedup();
        let number = |name: &String| regions.binary_search(name).unwrap_or_default();
        let of: Vec<u32> = names.iter().map(|name| super::state::narrow(number(name))).collect();
        let places = layout::by_region(&regions, &of);
        for ((node, region), place) in (0..).zip(of).zip(places) {
            let place = match self.fixed.latencies.place(node) {
                Place::Point(x, y) => layout::point(x, y),
                Place::Nowhere | Place::Region(..) | Place::Numbered(_) => place,
            };
            recorder.place(node, region, place);
        }
        recorder.about_mut().regions = regions;
    }

    /// Messages that are under way, or wait where they arrived.
    fn find_under_way(&self, recording: &mut Recording) {
        let mut found = |node: u32, event: &Event| {
            if let Event::Message { leg: Leg::OnLine | Leg::Out, link, message } = event
                && self.is_end(node, *link)
            {
                recording.was_sent(node, link.slot(), message);
            }
        };
        self.queue.iter().for_each(|entry| found(entry.node, &entry.event));
        for (node, events) in &self.paused {
            events.iter().for_each(|event| found(*node, event));
        }
        for ((node, slot), held) in &self.held {
            held.messages
                .iter()
                .for_each(|message| recording.was_sent(*node, *slot as usize, message));
        }
    }

    fn is_end(&self, node: u32, link: Link) -> bool {
        let end = self.seats[node as usize].ends.get(link.slot());
        end.is_some_and(|end| end.live && end.near == link)
    }

    /// Looks at all nodes as they are before the next event, if it is time.
    pub(super) fn look_until(&mut self) {
        let Some(recording) = &mut self.recording else { return };
        let Some(next) = self.queue.next_at() else { return };
        while recording.next_look() <= next {
            let seats = &self.seats;
            recording.look(|node| has_waiting(&seats[node as usize].node));
        }
    }

    pub(super) fn tell_arrived(&mut self, node: u32, link: Link, message: &Message) {
        if let Some(recording) = &mut self.recording {
            recording.arrived(self.now, node, link.slot(), message.class());
        }
    }

    pub(super) fn tell_states(&mut self, nodes: &[u32], state: State) {
        if let Some(recording) = &mut self.recording {
            nodes.iter().for_each(|node| recording.state(self.now, *node, state));
        }
    }

    pub(super) fn tell_fault(&mut self, index: usize, nodes: Vec<u32>) {
        if let Some(recording) = &mut self.recording {
            let fault = &self.faults.all()[index];
            let text = tell_fault(&fault.spec, nodes.len());
            recording.fault(self.now, fault.until, fault.spec.name(), text, nodes);
        }
    }
}

/// Announcements of a node that wait, and items that it asked for.
fn has_waiting(node: &Node) -> (usize, usize) {
    (node.unannounced(), node.links().map(|link| link.in_flight).sum())
}
