//! Puts together what two nodes saw of one link: its two ends, and each message that left here and came there.
//!
//! The ends are found by the keys of both, by who dialled, and in order; where one of the two missed a link, by the bytes of the
//! messages on it. A message is found by its bytes, and of equal ones in the order sent: a class of a link keeps its order, but for
//! what a lab's faults hold up, lose or double.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidings_protocol::ground::link::Direction;

use super::sightings::{Passage, Sightings};

/// One life of one of the nodes.
#[derive(Clone, Debug)]
pub struct Life {
    /// Number of the node.
    pub node: u32,
    /// What it saw.
    pub seen: Sightings,
}

/// A place among the lives, and a place among the links of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// The life.
    pub life: usize,
    /// The link.
    pub link: u32,
}

/// A link between two captured nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The end that dialled.
    pub dialler: End,
    /// The other.
    pub dialled: End,
}

/// What became of a message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was received at this moment, by the receiver's clock.
    Arrived(u64),
    /// It never was, though what was sent behind it was.
    Lost,
    /// It wasn't before the link went down.
    Cut,
    /// It wasn't before the capture ended.
    UnderWay,
}

/// The messages of each end of a link, in the order in which they were sent or received.
#[derive(Debug, Default)]
pub struct ByLink(BTreeMap<End, Vec<usize>>);

impl ByLink {
    /// Those of all lives.
    #[must_use]
    pub fn of(lives: &[Life], passages: impl Fn(&Sightings) -> &[Passage]) -> Self {
        let mut by_link: BTreeMap<End, Vec<usize>> = BTreeMap::new();
        for (life, Life { seen, .. }) in lives.iter().enumerate() {
            for (index, passage) in passages(seen).iter().enumerate() {
                by_link.entry(End { life, link: passage.link }).or_default().push(index);
            }
        }
        Self(by_link)
    }

    /// The places of an end's messages.
    #[must_use]
    pub fn get(&self, end: End) -> &[usize] {
        self.0.get(&end).map_or(&[], Vec::as_slice)
    }
}

/// All messages, by end.
#[derive(Debug)]
pub struct Traffic {
    /// What was sent.
    pub sent: ByLink,
    /// What was received.
    pub received: ByLink,
}

impl Traffic {
    /// That of all lives.
    #[must_use]
    pub fn of(lives: &[Life]) -> Self {
        Self {
            sent: ByLink::of(lives, |seen| &seen.sent),
            received: ByLink::of(lives, |seen| &seen.received),
        }
    }
}

/// An end, and when it came up.
type Up = (u64, End);

/// Finds the links that both ends saw.
#[must_use]
pub fn pairs(lives: &[Life], traffic: &Traffic) -> Vec<Pair> {
    // By the keys of dialler and dialled: the ends of either, in order of time.
    let mut ends: BTreeMap<(u64, u64), [Vec<Up>; 2]> = BTreeMap::new();
    for (life, Life { seen, .. }) in lives.iter().enumerate() {
        for (link, seen_link) in (0..).zip(&seen.links) {
            let (keys, side) = match seen_link.direction {
                Direction::Outbound => ((seen.key, seen_link.peer), 0),
                Direction::Inbound => ((seen_link.peer, seen.key), 1),
            };
            ends.entry(keys).or_default()[side].push((seen_link.up_us, End { life, link }));
        }
    }
    let mut pairs = Vec::new();
    for [mut diallers, mut dialled] in ends.into_values() {
        diallers.sort_unstable();
        dialled.sort_unstable();
        if diallers.len() == dialled.len() {
            let both = diallers.into_iter().zip(dialled);
            pairs.extend(both.map(|((_, dialler), (_, dialled))| Pair { dialler, dialled }));
            continue;
        }
        let mut next = 0;
        for (_, dialler) in diallers {
            let found = (next..dialled.len())
                .find(|place| share_messages(lives, traffic, dialler, dialled[*place].1));
            if let Some(place) = found {
                pairs.push(Pair { dialler, dialled: dialled[place].1 });
                next = place + 1;
            }
        }
    }
    pairs
}

/// Whether anything that one end sent came to the other.
fn share_messages(lives: &[Life], traffic: &Traffic, a: End, b: End) -> bool {
    let crosses = |from: End, to: End| {
        let received = &lives[to.life].seen.received;
        let came: BTreeSet<u64> =
            traffic.received.get(to).iter().map(|index| received[*index].hash).collect();
        let sent = &lives[from.life].seen.sent;
        // Hellos and pings of all links may be the same by chance, or since they say nothing: long ones tell.
        traffic
            .sent
            .get(from)
            .iter()
            .any(|index| sent[*index].bytes > 4 && came.contains(&sent[*index].hash))
    };
    crosses(a, b) || crosses(b, a)
}

/// What became of each message that one end sent to the other: by its place among all that was sent.
#[must_use]
pub fn fates(lives: &[Life], traffic: &Traffic, from: End, to: End) -> Vec<(usize, Fate)> {
    let (sender, receiver) = (&lives[from.life].seen, &lives[to.life].seen);
    let mut open: BTreeMap<(u8, u64), VecDeque<usize>> = BTreeMap::new();
    let sent = traffic.sent.get(from);
    for (place, index) in sent.iter().enumerate() {
        let passage = &sender.sent[*index];
        open.entry((passage.class() as u8, passage.hash)).or_default().push_back(place);
    }
    let mut arrived: Vec<Option<u64>> = vec![None; sent.len()];
    for index in traffic.received.get(to) {
        let passage = &receiver.received[*index];
        let first = open.get_mut(&(passage.class() as u8, passage.hash));
        // What comes twice has no message of its own any more.
        if let Some(place) = first.and_then(VecDeque::pop_front) {
            arrived[place] = Some(passage.at_us);
        }
    }
    // The last of each class that came: what was sent before and didn't come is lost.
    let mut last = [None; 4];
    for (place, index) in sent.iter().enumerate() {
        if arrived[place].is_some() {
            last[sender.sent[*index].class() as usize] = Some(place);
        }
    }
    let is_down = sender.links[from.link as usize].down_us.is_some();
    let fate = |(place, index): (usize, &usize)| {
        let class = sender.sent[*index].class() as usize;
        let fate = match arrived[place] {
            Some(at_us) => Fate::Arrived(at_us),
            None if last[class] > Some(place) => Fate::Lost,
            None if is_down => Fate::Cut,
            None => Fate::UnderWay,
        };
        (*index, fate)
    };
    sent.iter().enumerate().map(fate).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use tidings_protocol::ground::link::Link;
    use tidings_protocol::wire::kinds::MessageKind;

    use super::super::sightings::SeenLink;
    use super::*;

    pub(in super::super) fn passage(at_us: u64, hash: u64) -> Passage {
        Passage { at_us, link: 0, kind: MessageKind::Announce, bytes: 40, hash, named: (0, 0) }
    }

    /// Two nodes with links between them, of which the first dials, and what both saw on the first link.
    pub(in super::super) fn two(
        links: [usize; 2],
        sent: Vec<Passage>,
        received: Vec<Passage>,
    ) -> Vec<Life> {
        let directions = [Direction::Outbound, Direction::Inbound];
        let lives = (0..2).map(|node| {
            let peer = 2 - node as u64;
            let link = |number: usize| SeenLink {
                link: Link::new(0, u32::try_from(number).unwrap()),
                peer,
                direction: directions[node],
                up_us: 1_000 * number as u64,
                down_us: None,
            };
            let seen = Sightings {
                key: node as u64 + 1,
                links: (0..links[node]).map(link).collect(),
                ..Sightings::default()
            };
            Life { node: u32::try_from(node).unwrap(), seen }
        });
        let mut lives: Vec<Life> = lives.collect();
        (lives[0].seen.sent, lives[1].seen.received) = (sent, received);
        lives
    }

    #[test]
    fn a_message_is_found_by_its_bytes_and_equal_ones_in_order() {
        let sent = vec![passage(10, 7), passage(20, 7), passage(30, 8), passage(40, 9)];
        let received = vec![passage(15, 7), passage(16, 8), passage(26, 7), passage(27, 7)];
        let lives = two([1, 1], sent, received);
        let traffic = Traffic::of(&lives);
        let pairs = pairs(&lives, &traffic);
        let [from, to] = [0, 1].map(|life| End { life, link: 0 });
        assert_eq!(pairs, [Pair { dialler: from, dialled: to }]);
        let expected = [
            (0, Fate::Arrived(15)),
            (1, Fate::Arrived(26)),
            (2, Fate::Arrived(16)),
            (3, Fate::UnderWay),
        ];
        assert_eq!(fates(&lives, &traffic, from, to), expected);
    }

    #[test]
    fn what_others_overtook_and_never_came_is_lost() {
        let lives = two([1, 1], vec![passage(10, 7), passage(20, 8)], vec![passage(25, 8)]);
        let traffic = Traffic::of(&lives);
        let [from, to] = [0, 1].map(|life| End { life, link: 0 });
        let fates = fates(&lives, &traffic, from, to);
        assert_eq!(fates, [(0, Fate::Lost), (1, Fate::Arrived(25))]);
    }

    #[test]
    fn a_link_that_one_end_missed_is_passed_over() {
        let on_the_second = |mut passage: Passage| {
            passage.link = 1;
            passage
        };
        let lives = two([2, 1], vec![on_the_second(passage(10, 7))], vec![passage(15, 7)]);
        let pairs = pairs(&lives, &Traffic::of(&lives));
        let (dialler, dialled) = (End { life: 0, link: 1 }, End { life: 1, link: 0 });
        assert_eq!(pairs, [Pair { dialler, dialled }]);
    }
}
