//! Who is linked to whom.

use std::collections::BTreeMap;

/// Which links the nodes keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Overlay {
    /// Those of the topology that Maelstrom gives. Until it gives one (some workloads never do), a tree.
    #[default]
    Topology,
    /// A tree over all nodes in the order of `init`, whatever topology is given.
    Tree,
    /// Everybody with everybody.
    All,
}

/// A topology as Maelstrom gives it: the neighbours of each node, by name.
pub(super) type Topology = BTreeMap<String, Vec<String>>;

/// The neighbours of a node in a breadth-first tree in which each node has `children`.
pub(super) fn tree(own: usize, nodes: usize, children: usize) -> Vec<usize> {
    let parent = own.checked_sub(1).map(|index| index / children);
    let first = own.saturating_mul(children).saturating_add(1);
    let last = first.saturating_add(children).min(nodes);
    parent.into_iter().chain(first..last).collect()
}

/// Everybody else.
pub(super) fn all(own: usize, nodes: usize) -> Vec<usize> {
    (0..nodes).filter(|index| *index != own).collect()
}

/// The neighbours of a node in a given topology. A link counts if either end names the other: both must
/// agree that it is there. Names that `init` didn't tell are left out.
pub(super) fn given(own: usize, names: &[String], topology: &Topology) -> Vec<usize> {
    let names_other = |from: &String, to: &String| {
        topology.get(from).is_some_and(|neighbours| neighbours.contains(to))
    };
    let linked =
        |other: &String| names_other(&names[own], other) || names_other(other, &names[own]);
    all(own, names.len()).into_iter().filter(|index| linked(&names[*index])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_one_way_between_any_two() {
        for children in [1, 2, 4, 24, usize::MAX] {
            let links: Vec<_> = (0..25).map(|own| tree(own, 25, children)).collect();
            let ends: usize = links.iter().map(Vec::len).sum();
            assert_eq!(ends, 2 * 24, "{children} children");
            for (own, neighbours) in links.iter().enumerate() {
                assert!(neighbours.iter().all(|other| links[*other].contains(&own)));
            }
        }
        assert_eq!(tree(1, 25, 24), [0], "many children make a star");
    }

    #[test]
    fn a_link_that_one_end_names_is_a_link_for_both() {
        let names = ["n0", "n1", "n2"].map(str::to_owned);
        let topology = [("n0".to_owned(), vec!["n1".to_owned(), "n9".to_owned()])].into();
        assert_eq!(given(0, &names, &topology), [1]);
        assert_eq!(given(1, &names, &topology), [0]);
        assert!(given(2, &names, &topology).is_empty());
    }
}
