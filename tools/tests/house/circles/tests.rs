//! What the check finds in small houses.

use super::*;
use crate::tree::ROOT;

/// The tree of a crate whose files are these.
fn tree(files: &[(&str, &str)]) -> Tree {
    let read = |file: &Path| {
        let found = files.iter().find(|(path, _)| Path::new(path) == file);
        found.map(|(_, text)| (*text).to_owned())
    };
    Tree::grow(Path::new("src/lib.rs"), &read)
}

/// All circles of a crate, as they are told.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    let tree = tree(files);
    let told = |(house, rooms): (Id, Rooms)| {
        let house = tree.path(house);
        let circles = rooms.circles();
        circles.into_iter().map(move |circle| format!("{house}: {circle}")).collect::<Vec<_>>()
    };
    levels(&tree).into_iter().flat_map(told).collect()
}

/// Who uses whom at the top level of a crate.
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let rooms = levels(&tree(files)).remove(&ROOT).unwrap();
    rooms.arrows.keys().map(|(from, to)| format!("{from} -> {to}")).collect()
}

#[test]
fn a_circle_of_two_is_found_and_told_with_its_places() {
    let found = circles(&[
        ("src/lib.rs", "mod a;\nmod b;\n"),
        ("src/a.rs", "use crate::b::B;\npub struct A(B);\n"),
        ("src/b.rs", "\nuse super::a::{self, A};\npub struct B;\nfn f(_: A) -> a::A { a::A }\n"),
    ]);
    assert_eq!(
        found,
        ["crate: a -> b -> a\n    a uses b: src/a.rs:1 names crate::b::B\n    \
          b uses a: src/b.rs:2 names super::a, and 3 more\n"]
    );
}

#[test]
fn a_circle_of_three_through_re_exports_is_found() {
    let found = circles(&[
        ("src/lib.rs", "mod a; mod b; mod c;\npub use c::C as Sea;\npub use a::*;\n"),
        ("src/a.rs", "use crate::b::{deep::B};\npub struct A(B);\n"),
        ("src/b.rs", "pub mod deep;\npub use deep::B;\n"),
        ("src/b/deep.rs", "use crate::Sea;\npub struct B(Sea);\n"),
        ("src/c.rs", "use crate::{A};\npub struct C(Option<Box<A>>);\n"),
    ]);
    let [circle] = &found[..] else { panic!("{found:?}") };
    assert!(circle.starts_with("crate: a -> b -> c -> a\n"), "{circle}");
    assert!(circle.contains("b uses c: src/b/deep.rs:1 names crate::Sea"), "{circle}");
    assert!(circle.contains("c uses a: src/c.rs:1 names crate::A"), "{circle}");
}

#[test]
fn a_circle_by_a_path_in_code_is_found() {
    let inline = "pub fn f() -> u8 { if true { crate::b::g() } else { 0 } }";
    let typed = "pub fn g() -> u8 { let x: Vec<super::a::A> = Vec::new(); x.len() as u8 }";
    let found =
        circles(&[("src/lib.rs", "mod a; mod b;"), ("src/a.rs", inline), ("src/b.rs", typed)]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn paths_in_macros_and_attributes_count() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("src/a.rs", "fn f() { println!(\"{}\", crate::b::ONE + x.crate_::d::Y) }"),
        ("src/b.rs", "pub const ONE: u8 = 1;"),
        ("src/c.rs", "#[derive(crate::d::Make)]\nstruct C { #[serde(with = \"crate::b\")] x: u8 }"),
        ("src/d.rs", "macro_rules! make { () => { $crate::b::ONE } }"),
    ];
    assert_eq!(arrows(&files), ["a -> b", "c -> b", "c -> d", "d -> b"]);
}

#[test]
fn circles_deep_in_the_tree_are_found_on_their_own_level() {
    let found = circles(&[
        ("src/lib.rs", "mod a;\nmod b { pub const B: u8 = crate::a::x::X; }\n"),
        ("src/a.rs", "pub mod x;\npub mod y;\npub const A: u8 = 1;\n"),
        ("src/a/x.rs", "use super::*;\npub const X: u8 = y::Y + A;\n"),
        ("src/a/y.rs", "pub const Y: u8 = 1;\nfn f() -> u8 { super::x::X }\n"),
    ]);
    let [circle] = &found[..] else { panic!("{found:?}") };
    assert!(circle.starts_with("crate::a: x -> y -> x\n"), "{circle}");
}

#[test]
fn what_a_parent_imports_and_its_child_uses_is_used_by_the_child() {
    let files = [
        ("src/lib.rs", "mod a;"),
        ("src/a.rs", "mod x;\nmod y;\nuse y::Y;\nfn f(_: Y) {}\n"),
        ("src/a/x.rs", "use super::*;\nfn g(_: Y) {}\n"),
        ("src/a/y.rs", "pub struct Y;\n"),
    ];
    let tree = tree(&files);
    let rooms: Vec<_> = levels(&tree).into_values().filter(|it| !it.arrows.is_empty()).collect();
    assert_eq!(rooms.len(), 1);
    assert!(rooms[0].arrows.contains_key(&("x".to_owned(), "y".to_owned())));
}

#[test]
fn re_exporting_and_naming_by_a_re_export_is_using() {
    let files = [
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "pub struct A;"),
        ("src/b.rs", "pub use crate::a::A;"),
        ("src/c.rs", "use crate::b::A;"),
    ];
    assert_eq!(arrows(&files), ["b -> a", "c -> a", "c -> b"]);
}

#[test]
fn a_clean_house_has_no_circle() {
    let files = [
        ("src/lib.rs", "//! Rooms.\nmod a; mod b; mod metrics;\npub struct Own;\n"),
        // Its own file's items, another crate's, and a variable with a room's name.
        ("src/a.rs", "use crate::Own;\npub fn f(b: u8) -> u8 { let x = b; ::b::g(); x }\n"),
        ("src/b.rs", "use crate::a::f;\n#[cfg(test)]\nmod tests { use crate::metrics::Count; }\n"),
        ("src/metrics.rs", "use metrics::Counter;\nuse crate::b;\npub struct Count(Counter);\n"),
    ];
    assert_eq!(circles(&files), [""; 0]);
    assert_eq!(arrows(&files), ["b -> a", "metrics -> b"]);
    let rooms = levels(&tree(&files)).remove(&ROOT).unwrap();
    assert_eq!(rooms.order(), ["a", "b", "metrics"]);
}

#[test]
fn each_circle_is_told_once_the_shortest_first() {
    let mut rooms = Rooms::default();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "c")] {
        rooms.add(from, to, Place::new(Path::new("f.rs"), 1, to));
    }
    let told: Vec<_> = rooms.circles().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("c -> d -> c\n") && told[1].starts_with("a -> b -> c -> a\n"));
}
