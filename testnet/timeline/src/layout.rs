//! Where nodes are drawn: by their links, so that neighbours lie near one another, or by region.
//!
//! By links: forces after Fruchterman and Reingold ("Graph drawing by force-directed placement", Software: Practice and
//! Experience, 1991): links pull by the square of their length, nodes push one another away by its inverse, and steps
//! grow smaller. Nodes of other cells of a grid push as one, from where they are on average (as in Barnes and Hut,
//! "A hierarchical O(N log N) force-calculation algorithm", Nature, 1986, with one level), and of a crowded cell nearby
//! only some are looked at, for all.
//!
//! Every number comes of addition, subtraction, multiplication, division and square roots, which IEEE 754 defines to
//! the last bit: a browser places nodes as a native program does.

use std::collections::BTreeMap;

/// The side of the square in which nodes are drawn: positions are 0 to this.
pub const SIDE: u16 = u16::MAX;

/// Most cells of the grid along a side. A guess: of 10,000 nodes a cell has forty, and as many nodes are near as cells are
/// far.
const CELLS_MAX: usize = 16;

/// Of a near cell with more nodes only so many push, each for several. A guess.
const CROWD: usize = 48;

/// Fewest and most steps: 1,000 nodes and fewer make 120. Guesses; 10,000 nodes take a second.
const STEPS: (usize, usize) = (80, 120);

/// Pull towards the middle, as a share of a link's: nodes without links would drift away.
const GRAVITY: f64 = 0.05;

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    x: f64,
    y: f64,
}

/// Places nodes so that those that are linked lie near one another.
#[must_use]
pub fn by_links(nodes: usize, links: &[(u32, u32)]) -> Vec<(u16, u16)> {
    let pairs = pairs(nodes, links);
    let side = (nodes as f64).sqrt();
    // So that the distance at which push and pull of two nodes balance is 1.
    let mut places: Vec<Point> = (0..nodes).map(|node| begin(node, side)).collect();
    let steps = (STEPS.1 * 1_000 / nodes.max(1)).clamp(STEPS.0, STEPS.1);
    let mut moves = vec![Point::default(); nodes];
    for step in 0..steps {
        moves.fill(Point::default());
        push(&places, &mut moves);
        for (a, b) in &pairs {
            let (from, to) = (places[*a as usize], places[*b as usize]);
            let (dx, dy) = (to.x - from.x, to.y - from.y);
            let pull = (dx * dx + dy * dy).sqrt();
            add(&mut moves[*a as usize], dx, dy, pull);
            add(&mut moves[*b as usize], dx, dy, -pull);
        }
        let most = side / 10.0 * (1.0 - step as f64 / steps as f64);
        for (place, by) in places.iter_mut().zip(&moves) {
            let (dx, dy) = (by.x - GRAVITY * place.x, by.y - GRAVITY * place.y);
            let length = (dx * dx + dy * dy).sqrt();
            let share = if length > most { most / length } else { 1.0 };
            place.x += dx * share;
            place.y += dy * share;
        }
    }
    fit(&places)
}

/// Pairs of nodes that are linked, each once.
fn pairs(nodes: usize, links: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let of = |(a, b): &(u32, u32)| (*a.min(b), *a.max(b));
    let mut pairs: Vec<_> = links.iter().map(of).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.retain(|(a, b)| a != b && (*b as usize) < nodes);
    pairs
}

/// A first place, around the middle: multiples of two irrational numbers, which fill a square evenly.
fn begin(node: usize, side: f64) -> Point {
    let (u, v) = even(node);
    Point { x: (u - 0.5) * side, y: (v - 0.5) * side }
}

/// The point number `node` of a sequence that fills the unit square evenly: fractions of multiples of 1/p and 1/p², p
/// being the root of x³ = x + 1 (Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
fn even(node: usize) -> (f64, f64) {
    let node = (node as u64).wrapping_add(1);
    let fraction = |by: u64| (node.wrapping_mul(by) >> 32) as f64 / 4_294_967_296.0;
    (fraction(0xC13F_A9A9_02A6_328F), fraction(0x91E1_0DA5_C79E_7B1D))
}

fn add(to: &mut Point, dx: f64, dy: f64, by: f64) {
    to.x += dx * by;
    to.y += dy * by;
}

/// The nodes by cell of a grid over all of them.
struct Grid {
    across: usize,
    least: Point,
    size: Point,
    cells: Vec<Vec<u32>>,
}

impl Grid {
    fn new(places: &[Point]) -> Self {
        let across =
            (1..CELLS_MAX).find(|side| side * side * 16 >= places.len()).unwrap_or(CELLS_MAX);
        let (least, most) = bounds(places);
        let size = |least: f64, most: f64| (most - least) / across as f64 + 1e-9;
        let size = Point { x: size(least.x, most.x), y: size(least.y, most.y) };
        let mut grid = Self { across, least, size, cells: vec![Vec::new(); across * across] };
        for (node, place) in (0..).zip(places) {
            let (column, row) = grid.cell(*place);
            grid.cells[row * across + column].push(node);
        }
        grid
    }

    fn cell(&self, place: Point) -> (usize, usize) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the grid; the cast saturates"
        )]
        let cell =
            |at: f64, least: f64, size: f64| (((at - least) / size) as usize).min(self.across - 1);
        (cell(place.x, self.least.x, self.size.x), cell(place.y, self.least.y, self.size.y))
    }
}

/// Has all nodes push one another away.
fn push(places: &[Point], moves: &mut [Point]) {
    let grid = Grid::new(places);
    let middle = |cell: &Vec<u32>| {
        let sum = cell.iter().fold(Point::default(), |sum, node| {
            let place = places[*node as usize];
            Point { x: sum.x + place.x, y: sum.y + place.y }
        });
        let count = cell.len() as f64;
        (Point { x: sum.x / count, y: sum.y / count }, count)
    };
    let middles: Vec<_> = grid.cells.iter().map(middle).collect();
    for (index, place) in places.iter().enumerate() {
        let (column, row) = grid.cell(*place);
        let mut by = Point::default();
        for (cell, members) in grid.cells.iter().enumerate() {
            let (other_column, other_row) = (cell % grid.across, cell / grid.across);
            if members.is_empty() {
                continue;
            }
            if column.abs_diff(other_column) > 1 || row.abs_diff(other_row) > 1 {
                let (middle, count) = middles[cell];
                away(*place, middle, count, &mut by);
                continue;
            }
            let step = members.len().div_ceil(CROWD);
            let weight = members.len() as f64 / members.len().div_ceil(step) as f64;
            for other in members.iter().step_by(step) {
                if *other as usize != index {
                    away(*place, places[*other as usize], weight, &mut by);
                }
            }
        }
        moves[index] = by;
    }
}

fn away(place: Point, other: Point, weight: f64, by: &mut Point) {
    let (dx, dy) = (place.x - other.x, place.y - other.y);
    // Nodes at one place would push one another to infinity.
    let square = dx * dx + dy * dy + 1e-4;
    add(by, dx, dy, weight / square);
}

fn bounds(places: &[Point]) -> (Point, Point) {
    let far = f64::INFINITY;
    let begin = (Point { x: far, y: far }, Point { x: -far, y: -far });
    places.iter().fold(begin, |(least, most), place| {
        (
            Point { x: least.x.min(place.x), y: least.y.min(place.y) },
            Point { x: most.x.max(place.x), y: most.y.max(place.y) },
        )
    })
}

/// Fits all of it into the square, as large as it can be, undistorted.
fn fit(places: &[Point]) -> Vec<(u16, u16)> {
    let (least, most) = bounds(places);
    let size = (most.x - least.x).max(most.y - least.y).max(1e-9);
    let fit = |at: f64, least: f64, most: f64| narrow(0.5 + (at - (least + most) / 2.0) / size);
    places
        .iter()
        .map(|place| (fit(place.x, least.x, most.x), fit(place.y, least.y, most.y)))
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn narrow(share: f64) -> u16 {
    (share * f64::from(SIDE) + 0.5) as u16
}

/// A point of the unit square, as a position.
#[must_use]
pub fn point(x: f32, y: f32) -> (u16, u16) {
    (narrow(f64::from(x)), narrow(f64::from(y)))
}

/// Longitude and latitude, degrees, of the middle of regions that `tidings-links` names; read off a map.
const REGIONS: [(&str, f64, f64); 8] = [
    ("australia", 145.0, -30.0),
    ("europe", 10.0, 50.0),
    ("east_asia", 115.0, 35.0),
    ("west_asia", 45.0, 30.0),
    ("na_east", -77.0, 40.0),
    ("na_west", -120.0, 38.0),
    ("south_africa", 24.0, -29.0),
    ("south_america", -58.0, -20.0),
];

/// Parallels at the upper and the lower edge of the map, degrees: where nobody lives.
const EDGES: (f64, f64) = (75.0, -55.0);

/// How far around the middle of its region nodes are drawn, as a share of the map.
const SPREAD: f64 = 0.11;

/// Places nodes by region, which has a number each: on a map of the world where all regions are known ones, otherwise
/// in cells of a grid, and without regions evenly.
#[must_use]
pub fn by_region(regions: &[String], of: &[u32]) -> Vec<(u16, u16)> {
    if regions.is_empty() {
        return (0..of.len()).map(even).map(|(x, y)| (narrow(x), narrow(y))).collect();
    }
    let known = |name: &String| REGIONS.iter().find(|region| region.0 == name);
    let places: Option<Vec<_>> = regions.iter().map(known).collect();
    let on_map = |places: Vec<&(&str, f64, f64)>| -> Vec<(f64, f64)> {
        let place = |(_, east, north): &&(&str, f64, f64)| {
            ((east + 180.0) / 360.0, (EDGES.0 - north) / (EDGES.0 - EDGES.1))
        };
        places.iter().map(place).collect()
    };
    let across = (1..).find(|side| side * side >= regions.len()).unwrap_or(1);
    let in_cells = || {
        let cell = |index: usize| (2 * index + 1) as f64 / (2 * across) as f64;
        (0..regions.len()).map(|index| (cell(index % across), cell(index / across))).collect()
    };
    let spread = if places.is_some() { SPREAD } else { 0.8 / across as f64 };
    let middles = places.map_or_else(in_cells, on_map);
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    let place = |region: &u32| {
        let count = seen.entry(*region).or_default();
        let (u, v) = even(*count);
        *count += 1;
        let (x, y) = middles.get(*region as usize).copied().unwrap_or((0.5, 0.5));
        (narrow(x + (u - 0.5) * spread), narrow(y + (v - 0.5) * spread))
    };
    of.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring, with a chord from each node.
    fn ring(nodes: u32) -> Vec<(u32, u32)> {
        (0..nodes)
            .flat_map(|node| [(node, (node + 1) % nodes), (node, (node + 2) % nodes)])
            .collect()
    }

    fn distance(a: (u16, u16), b: (u16, u16)) -> f64 {
        let (dx, dy) = (f64::from(a.0) - f64::from(b.0), f64::from(a.1) - f64::from(b.1));
        (dx * dx + dy * dy).sqrt()
    }

    #[test]
    fn neighbours_lie_nearer_than_others() {
        let links = ring(200);
        let places = by_links(200, &links);
        let mean = |pairs: &mut dyn Iterator<Item = (usize, usize)>| {
            let all: Vec<f64> = pairs.map(|(a, b)| distance(places[a], places[b])).collect();
            all.iter().sum::<f64>() / all.len() as f64
        };
        let near = mean(&mut links.iter().map(|(a, b)| (*a as usize, *b as usize)));
        let far = mean(&mut (0..200).map(|node| (node, (node + 100) % 200)));
        assert!(near * 5.0 < far, "{near} between neighbours, {far} otherwise");
    }

    #[test]
    fn places_are_the_same_everywhere() {
        // What a release build for x86-64 gives; WebAssembly has to give the same.
        let places = by_links(40, &ring(40));
        let sum = places.iter().fold(0_u64, |sum, (x, y)| {
            sum.wrapping_mul(1_000_003).wrapping_add(u64::from(*x) << 16 | u64::from(*y))
        });
        assert_eq!(sum, PLACES_OF_RING, "{places:?}");
    }

    const PLACES_OF_RING: u64 = 2_879_881_880_739_356_215;

    /// Ten thousand nodes with eight links of their own each: to be run with `--ignored`, and a clock.
    #[test]
    #[ignore = "takes seconds"]
    fn large_networks_have_places() {
        let to = |node: u32, link: u32| (node * 7 + link * 1_237 + link * link * 31) % 10_000;
        let links: Vec<_> =
            (0..10_000).flat_map(|a| (1..9).map(move |link| (a, to(a, link)))).collect();
        assert_eq!(by_links(10_000, &links).len(), 10_000);
    }

    #[test]
    fn nobody_and_those_without_links_have_places_too() {
        assert_eq!(by_links(0, &[]), []);
        assert_eq!(by_links(1, &[(0, 0), (0, 7)]), [(32_768, 32_768)]);
        let places = by_links(10, &[]);
        assert!((1..10).all(|node| places[node] != places[0]));
    }

    #[test]
    fn regions_that_are_known_lie_where_they_do_on_a_map() {
        let names = ["europe", "australia", "na_west"].map(str::to_owned);
        let places = by_region(&names, &[0, 1, 2, 0]);
        assert!(places[2].0 < places[0].0 && places[0].0 < places[1].0);
        assert!(places[0].1 < places[1].1);
        assert_ne!(places[0], places[3]);
        let cells = by_region(&["berlin", "tokyo"].map(str::to_owned), &[0, 1]);
        assert!(cells[0].0 < SIDE / 2 && cells[1].0 > SIDE / 2);
    }
}
