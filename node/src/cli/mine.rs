//! `tidings mine`: has the node make blocks, for test networks.

use std::process::ExitCode;
use std::time::Duration;

use rand::RngExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::Folder;
use super::args::MineArgs;
use super::explain::count;
use super::show::bytes;
use crate::api::chain::{MineRequest, Mined};
use crate::cli::error::Error;

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pace {
    /// One right after the other.
    AtOnce,
    /// One each so long, from the first one on.
    Every(Duration),
    /// Each after a time that is drawn, of this mean.
    Poisson(Duration),
}

impl Pace {
    /// When the next one is due, if one was due then. `share` is a random number, at least 0 and less than 1.
    fn next(self, due: Instant, share: f64) -> Instant {
        match self {
            Self::AtOnce => due,
            Self::Every(span) => due + span,
            Self::Poisson(mean) => due + mean.mul_f64(-(1.0 - share).ln()),
        }
    }
}

/// Makes blocks until there are enough, or somebody interrupts it. That is no error, then.
pub(super) fn mine(folder: &Folder, args: &MineArgs) -> Result<ExitCode, Error> {
    let pace = match (args.every, args.poisson) {
        (Some(span), _) => Pace::Every(span),
        (None, Some(mean)) => Pace::Poisson(mean),
        (None, None) => Pace::AtOnce,
    };
    let goes_on = pace != Pace::AtOnce;
    let most = args.count.unwrap_or(if goes_on { usize::MAX } else { 1 });
    let mut request = MineRequest { on: args.on.clone(), txs_max: args.txs_max };
    let mut made = 0;
    let mut printed = Ok(());
    folder.ask(&args.remote, async |client| {
        let (mut interrupt, mut terminate) =
            match (listen(SignalKind::interrupt()), listen(SignalKind::terminate())) {
                (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
                (Err(error), _) | (_, Err(error)) => {
                    printed = Err(error);
                    return Ok(());
                }
            };
        let mut due = Instant::now();
        if let Pace::Poisson(_) = pace {
            due = pace.next(due, rand::rng().random());
        }
        while made < most {
            let mined = async {
                sleep_until(due).await;
                client.mine(&request).await
            };
            let mined = tokio::select! {
                biased;
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                mined = mined => mined?,
            };
            made += 1;
            due = pace.next(due, rand::rng().random());
            if request.on.is_some() {
                request.on = Some(mined.id.to_string());
            }
            printed = folder.output.print(&mined, || tell(&mined));
            if printed.is_err() {
                break;
            }
        }
        Ok(())
    })?;
    printed?;
    if goes_on && !folder.output.json {
        folder.output.print(&made, || format!("{} made\n", count(made, "block", "blocks")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn listen(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(Error::io("listen for signals"))
}

fn tell(mined: &Mined) -> String {
    let Mined { id, height, transactions, bytes: len, .. } = mined;
    let transactions = count(*transactions, "transaction", "transactions");
    format!("block {height} {id}: {transactions}, {}\n", bytes(*len as u64))
}

#[cfg(test)]
mod tests {
    use tidings_protocol::ground::item::Hash256;

    use super::*;

    #[test]
    fn a_pace_keeps_its_mean_and_a_late_block_delays_no_other() {
        let begin = Instant::now();
        let span = Duration::from_secs(10);
        assert_eq!(Pace::AtOnce.next(begin, 0.5), begin);
        assert_eq!(Pace::Every(span).next(begin, 0.5), begin + span);
        let draws = 10_000;
        let end = (0..draws).fold(begin, |due, draw| {
            Pace::Poisson(span).next(due, (f64::from(draw) + 0.5) / f64::from(draws))
        });
        let mean = (end - begin).as_secs_f64() / f64::from(draws);
        assert!((9.9..10.1).contains(&mean), "{mean}");
    }

    #[test]
    fn a_block_is_told_in_one_line() {
        let id = Hash256([7; 32]);
        let mined = Mined { id, height: 3, parent: id, transactions: 1, bytes: 2_048, time_s: 9 };
        assert_eq!(tell(&mined), format!("block 3 {id}: 1 transaction, 2.0 KiB\n"));
    }
}
