//! Who uses whom among the rooms of a house, and where that goes in circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;

use crate::tree::{Id, Tree};

/// A place in the text, and what it names there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: String,
    line: usize,
    names: String,
}

/// Who uses whom, and where.
type Arrows = BTreeMap<(String, String), Vec<Place>>;

/// The rooms on one level, siblings in the tree of modules, each with all that is below it.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    /// Their names.
    pub(crate) names: BTreeSet<String>,
    /// Who uses whom, and where.
    pub(crate) arrows: Arrows,
}

/// Rooms that use each other in turn, the last one the first.
#[derive(Debug)]
pub(crate) struct Circle {
    /// Each with whom it uses, and where it does so.
    arrows: Vec<(String, String, Vec<Place>)>,
}

/// The rooms of every level of a tree, by the module that they are in.
pub(crate) fn levels(tree: &Tree) -> BTreeMap<Id, Rooms> {
    let mut levels: BTreeMap<Id, Rooms> = BTreeMap::new();
    for id in tree.ids() {
        let names = tree.module(id).children.keys().cloned().collect();
        levels.insert(id, Rooms { names, ..Rooms::default() });
    }
    for from in tree.ids() {
        for mention in &tree.module(from).mentions {
            let Some(way) = tree.resolve(from, &mention.path) else { continue };
            // A name alone that is a module's is that of a variable: a module is no value. And one that was
            // imported here counted where it was.
            if let [name] = &mention.path[..]
                && (way.is_module && !mention.glob || tree.module(from).imports(name))
            {
                continue;
            }
            for &to in way.by.iter().chain([&way.to]) {
                let Some((level, a, b)) = meet(tree, from, to) else { continue };
                let names = mention.path.join("::") + if mention.glob { "::*" } else { "" };
                let place = Place::new(&tree.module(from).file, mention.line, &names);
                let name = |id: Id| &*tree.module(id).name;
                levels.get_mut(&level).unwrap().add(name(a), name(b), place);
            }
        }
    }
    levels
}

/// Where the ways from two modules to the root meet, and through which two rooms there they come. None if one
/// of them is above the other.
fn meet(tree: &Tree, from: Id, to: Id) -> Option<(Id, Id, Id)> {
    let mut ours: Vec<_> = tree.upwards(from).collect();
    let mut theirs: Vec<_> = tree.upwards(to).collect();
    let mut level = None;
    loop {
        let (a, b) = (ours.pop()?, theirs.pop()?);
        if a != b {
            return Some((level?, a, b));
        }
        level = Some(a);
    }
}

impl Place {
    /// A line of a file that names something.
    pub(crate) fn new(file: &Path, line: usize, names: &str) -> Self {
        Self { file: file.display().to_string(), line, names: names.to_owned() }
    }
}

impl Rooms {
    /// Notes that a room uses another, and where.
    pub(crate) fn add(&mut self, from: &str, to: &str, place: Place) {
        self.arrows.entry((from.to_owned(), to.to_owned())).or_default().push(place);
    }

    /// Circles, the shortest first, such that none is left where the weakest arrow of each is taken away.
    pub(crate) fn circles(&self) -> Vec<Circle> {
        let mut arrows = self.arrows.clone();
        std::iter::from_fn(|| {
            let circle = shortest(&arrows)?;
            let weakest = circle.arrows.iter().min_by_key(|(.., places)| places.len())?;
            arrows.remove(&(weakest.0.clone(), weakest.1.clone()));
            Some(circle)
        })
        .collect()
    }

    /// An order in which every room uses only those before it, as far as there is one.
    pub(crate) fn order(&self) -> Vec<&str> {
        let mut order: Vec<&str> = Vec::new();
        loop {
            let uses = |room: &str, other: &str| {
                self.arrows.contains_key(&(room.to_owned(), other.to_owned()))
            };
            let stands = |room: &str| {
                self.names.iter().all(|other| !uses(room, other) || order.contains(&&**other))
            };
            let next = self.names.iter().find(|room| !order.contains(&&***room) && stands(room));
            match next {
                Some(room) => order.push(room),
                None => return order,
            }
        }
    }
}

fn shortest(arrows: &Arrows) -> Option<Circle> {
    let rooms: BTreeSet<&String> = arrows.keys().map(|(room, _)| room).collect();
    let circles = rooms.into_iter().filter_map(|room| back_to(room, arrows));
    circles.min_by_key(|circle| circle.arrows.len())
}

/// The shortest way from a room back to it.
fn back_to(begin: &String, arrows: &Arrows) -> Option<Circle> {
    let mut came_from: BTreeMap<&String, &String> = BTreeMap::new();
    let mut queue = VecDeque::from([begin]);
    while let Some(room) = queue.pop_front() {
        for (_, next) in arrows.keys().filter(|(from, _)| from == room) {
            if came_from.contains_key(next) {
                continue;
            }
            came_from.insert(next, room);
            queue.push_back(next);
            if next == begin {
                return Some(Circle::ending(begin, &came_from, arrows));
            }
        }
    }
    None
}

impl Circle {
    fn ending(end: &String, came_from: &BTreeMap<&String, &String>, arrows: &Arrows) -> Self {
        let mut found = Vec::new();
        let mut to = end;
        loop {
            let from = came_from[to];
            let places = arrows[&(from.clone(), to.clone())].clone();
            found.push((from.clone(), to.clone(), places));
            to = from;
            if to == end {
                break;
            }
        }
        found.reverse();
        Self { arrows: found }
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rooms: Vec<_> = self.arrows.iter().map(|(from, ..)| &**from).collect();
        writeln!(f, "{} -> {}", rooms.join(" -> "), rooms[0])?;
        for (from, to, places) in &self.arrows {
            writeln!(f, "    {from} uses {to}: {}", example(places))?;
        }
        Ok(())
    }
}

/// The first of some places, and how many more there are.
pub(crate) fn example(places: &[Place]) -> String {
    let Place { file, line, names } = &places[0];
    let more = match places.len() {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    format!("{file}:{line} names {names}{more}")
}

#[cfg(test)]
mod tests;
