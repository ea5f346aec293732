//! On which floor each room stands: a room uses what stands below it, and nothing above it or beside it.
//!
//! A house that has no circles has such an order by itself. It is written down where it is meant to stay:
//! a room that isn't in the list, or a name in it that is no room's, is found out as well.

use crate::circles::{Rooms, example};

/// The floors of one house.
#[derive(Debug)]
pub(crate) struct Floors {
    /// Whose rooms: a crate (`tidings-protocol`), or a module of it (`tidings-protocol::node`).
    pub(crate) house: &'static str,
    /// The rooms of each floor, the ground floor first.
    pub(crate) rooms: &'static [&'static [&'static str]],
}

/// The crates of the workspace.
pub(crate) const CRATES: Floors = Floors {
    house: "the workspace",
    rooms: &[
        &["tidings-links", "tidings-protocol", "tidings-timeline"],
        &["tidings", "tidings-sim", "tidings-maelstrom"],
        &["tidings-attacker", "tidings-gossipsub", "tidings-tools"],
        &["tidings-sim-wasm", "tidings-testnet"],
    ],
};

/// The houses whose floors are written down.
pub(crate) const HOUSES: &[Floors] = &[Floors {
    house: "tidings-protocol",
    rooms: &[
        &["ground"],
        &["chain"],
        &["wire"],
        &["merkle"],
        &["replica"],
        &["membership"],
        &["params"],
        &["limits"],
        &["report"],
        &["machine"],
        &["blocks", "items", "member", "peers"],
        &["record", "reconcile", "relay"],
        &["node"],
        &["testkit"],
    ],
}];

impl Floors {
    /// What is against this list.
    pub(crate) fn faults(&self, rooms: &Rooms) -> Vec<String> {
        let mut faults = Vec::new();
        for name in self.rooms.concat().iter().filter(|name| !rooms.names.contains(**name)) {
            faults.push(format!("{} has no room {name}", self.house));
        }
        for name in rooms.names.iter().filter(|name| self.floor(name).is_none()) {
            let order = rooms.order().join(", ");
            faults.push(format!("{}: {name} stands nowhere; by its uses: {order}", self.house));
        }
        for ((from, to), places) in &rooms.arrows {
            let (Some(from_floor), Some(to_floor)) = (self.floor(from), self.floor(to)) else {
                continue;
            };
            if to_floor >= from_floor {
                let place = example(places);
                faults.push(format!("{}: {from} uses {to}, not below it: {place}", self.house));
            }
        }
        faults
    }

    fn floor(&self, room: &str) -> Option<usize> {
        self.rooms.iter().position(|floor| floor.contains(&room))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::circles::Place;

    const HOUSE: Floors = Floors { house: "house", rooms: &[&["cellar"], &["hall", "kitchen"]] };

    fn rooms(arrows: &[(&str, &str)]) -> Rooms {
        let mut rooms = Rooms::default();
        rooms.names.extend(["cellar", "hall", "kitchen"].map(str::to_owned));
        for (from, to) in arrows {
            rooms.add(from, to, Place::new(Path::new("a.rs"), 7, to));
        }
        rooms
    }

    #[test]
    fn an_arrow_upwards_or_sideways_is_found() {
        assert_eq!(HOUSE.faults(&rooms(&[("hall", "cellar"), ("kitchen", "cellar")])), [""; 0]);
        let faults = HOUSE.faults(&rooms(&[("cellar", "hall"), ("hall", "kitchen")]));
        let told = ["cellar uses hall, not below it: a.rs:7 names hall", "hall uses kitchen, "];
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().zip(told).all(|(fault, told)| fault.contains(told)), "{faults:?}");
    }

    #[test]
    fn a_room_without_a_floor_and_a_floor_without_its_room_are_found() {
        let mut rooms = rooms(&[("attic", "hall")]);
        rooms.names.insert("attic".to_owned());
        rooms.names.remove("cellar");
        let faults = HOUSE.faults(&rooms);
        let order = "house: attic stands nowhere; by its uses: hall, attic, kitchen";
        assert_eq!(faults, ["house has no room cellar", order]);
    }
}
