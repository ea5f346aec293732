//! What a stranger's frames cost a node, for what they cost the stranger: CPU by CPU, over a connection in memory.
//!
//! ```text
//! cargo run --release -p tidings --example cost
//! ```
//!
//! The victim's part is the transport's: taking the bytes, Yamux, finding messages and decoding them, and handing them to the
//! driver, which drops them (what they cost the core is measured by its own example of this name). The stranger's part is
//! copying frames that it made beforehand into the line and reading what comes back; over a real one both pay for
//! encryption and the system besides. So a ratio here is far more than what an attacker gets (`tidings-testnet assault`), and
//! it is large where frames are small, since copying a byte is nearly nothing: what bounds those is how many may come.
//!
//! CPU time of one thread, the median of many connections. Each kind has a ratio that it may not exceed; frames that carry
//! nothing are 64 a connection and then one a second, so that dear ones are few.

mod frames;
mod handshake;

use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What was measured of one kind.
struct Row {
    name: &'static str,
    /// How many.
    count: usize,
    bytes: usize,
    attacker: Duration,
    victim: Duration,
    /// The ratio that it may not exceed.
    limit: f64,
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).expect("a thread's time began at 0");
    Duration::new(seconds, u32::try_from(now.tv_nsec).expect("less than a second"))
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

fn main() -> ExitCode {
    let mut rows = frames::measure();
    rows.push(handshake::measure());
    println!(
        "{:44} {:>8} {:>9} {:>11} {:>9} {:>9} {:>7} {:>7}",
        "each", "bytes", "victim ns", "attacker ns", "ns/byte", "count", "ratio", "limit"
    );
    let mut fine = true;
    for Row { name, count, bytes, attacker, victim, limit } in rows {
        let each = |time: Duration| time.as_secs_f64() * 1e9 / count as f64;
        let ratio = victim.as_secs_f64() / attacker.as_secs_f64().max(1e-9);
        println!(
            "{name:44} {:8} {:9.0} {:11.0} {:9.2} {count:9} {ratio:7.1} {limit:7.1}",
            bytes / count,
            each(victim),
            each(attacker),
            victim.as_secs_f64() * 1e9 / bytes as f64,
        );
        if ratio > limit {
            println!("{name} costs more than it may");
            fine = false;
        }
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
