//! The rules of the house that no compiler knows, as tests of the repository itself.
//!
//! # Rooms
//! A module is a room, with all that is below it; its siblings are the other rooms on its level, in the house of the
//! module that declares them. A room *uses* another if its text names something that is there: by `use`, by a path in
//! code, in an attribute or in the tokens of a macro, through as many re-exports as there are. Re-exporting
//! something that another room has is using it, too, and so is naming it by way of such a room. What is compiled for
//! tests only isn't looked at.
//!
//! - [`circles`]: **no circle** among the rooms of any level, of any crate. A room may use what its house's own file has,
//!   and that file the room: they are one.
//! - [`floors`]: **no arrow upwards**, where floors are written down.
//! - [`sizes`]: no file is too long or too short, the core has few rooms, the map is short.
//! - [`documents`]: no file names a document that isn't here.
//!
//! Not seen are methods of a type that is never named, and names that are made by macros.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

mod circles;
mod crates;
mod documents;
mod floors;
mod mentions;
mod repository;
mod resolve;
mod sizes;
mod tree;

use std::collections::BTreeMap;

use circles::{Place, Rooms, levels};
use floors::{CRATES, HOUSES};
use tree::{ROOT, Tree};

/// The tree of every library and program of the workspace, with the name of its crate.
fn trees() -> impl Iterator<Item = (String, Tree)> {
    crates::all().into_iter().flat_map(|each| {
        let trees = each.roots().into_iter().map(|root| Tree::grow(&root, &repository::text));
        trees.map(|tree| (each.name.clone(), tree)).collect::<Vec<_>>()
    })
}

#[test]
fn no_rooms_use_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (name, tree) in trees() {
        for (house, rooms) in levels(&tree) {
            for circle in rooms.circles() {
                found.push(format!("{name}, in {}: {circle}", tree.path(house)));
            }
        }
    }
    assert!(found.is_empty(), "{} circles\n{}", found.len(), found.join("\n"));
}

#[test]
fn no_room_uses_one_above_it() {
    let mut houses = BTreeMap::new();
    for (name, tree) in trees().filter(|(_, tree)| tree.module(ROOT).file.ends_with("lib.rs")) {
        for (house, rooms) in levels(&tree) {
            houses.insert(tree.path(house).replacen("crate", &name, 1), rooms);
        }
    }
    let faults = HOUSES.iter().flat_map(|floors| match houses.get(floors.house) {
        Some(rooms) => floors.faults(rooms),
        None => vec![format!("there is no {}", floors.house)],
    });
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_crate_uses_one_above_it() {
    let crates = crates::all();
    let mut rooms = Rooms::default();
    for each in &crates {
        rooms.names.insert(each.name.clone());
        let manifest = each.folder.join("Cargo.toml");
        for other in crates.iter().filter(|other| each.depends_on.contains(&other.name)) {
            let place = Place::new(&manifest, 1, &format!("{} as a dependency", other.name));
            rooms.add(&each.name, &other.name, place);
        }
    }
    let faults = CRATES.faults(&rooms);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
