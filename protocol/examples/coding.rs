//! What it costs to make symbols of a block, and a block of symbols: CPU time by slice, which is what one input does at most.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example coding
//! ```

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::time::Instant;

use bytes::Bytes;
use tidings_protocol::items::coding::{Assembly, Layout, Repairer, Taken};
use tidings_protocol::wire::message::SymbolId;

/// Each figure is the median of so many.
const TIMES: usize = 21;

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    println!(
        "{:>9} {:>7} {:>12} {:>12} {:>12} {:>12}",
        "bytes", "slices", "repairer us", "repair us", "1 lost us", "none us"
    );
    for size in [20_000_u32, 100_000, 1_000_000, 4_000_000] {
        let block: Bytes = (0..size).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let Some(layout) = Layout::new(size) else { continue };
        let (mut ready, mut repair, mut one_lost, mut all_repair) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let began = Instant::now();
            let repairer = Repairer::new(layout, &block, 0);
            ready.push(began.elapsed().as_secs_f64() * 1e6);
            let pieces = layout.pieces(0);
            let began = Instant::now();
            let repairs: Vec<_> =
                (pieces..2 * pieces + 4).filter_map(|number| repairer.make(number)).collect();
            repair.push(began.elapsed().as_secs_f64() * 1e6 / repairs.len() as f64);
            for (times, lost) in [(&mut one_lost, 1), (&mut all_repair, pieces)] {
                let mut assembly = Assembly::new(layout);
                let whole = (lost..pieces).filter_map(|number| {
                    let id = SymbolId { slice: 0, number };
                    Some((id, layout.source(&block, id)?))
                });
                let more = repairs.iter().zip(pieces..);
                let more = more.map(|(it, number)| (SymbolId { slice: 0, number }, it.clone()));
                let symbols: Vec<_> = whole.chain(more).collect();
                let mut longest: f64 = 0.0;
                for (id, bytes) in symbols {
                    let began = Instant::now();
                    let taken = assembly.take(id, &bytes);
                    longest = longest.max(began.elapsed().as_secs_f64() * 1e6);
                    if taken == Taken::Whole {
                        break;
                    }
                }
                times.push(longest);
            }
        }
        println!(
            "{size:>9} {:>7} {:>12.0} {:>12.1} {:>12.0} {:>12.0}",
            layout.slices(),
            median(ready),
            median(repair),
            median(one_lost),
            median(all_repair)
        );
    }
    println!(
        "`1 lost`: solving a slice of which one piece is lost; `none`: of repair symbols alone."
    );
}
