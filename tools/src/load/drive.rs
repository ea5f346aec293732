//! Submits a load by its schedule, open loop: each transaction leaves when it is due, whatever became of those before.
//!
//! Transactions are made just before they are due: signing one takes some 20 microseconds, so one core makes some tens of thousands
//! a second. How late they leave is counted ([`Tally::late`]); a load that is late by more than it should be was too much for
//! *this* program or its machine, and says little about the nodes.
//!
//! *Bounds*: at most [`UNDER_WAY_MAX`] wait for their answers. What is due when there are so many isn't sent, and is counted.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rand::{Rng, RngExt as _};
use tidings::api::Outcome;
use tidings::client::ClientError;
use tidings::files::network::Network;
use tidings_protocol::chain::Rules;
use tidings_protocol::chain::tidings::TRANSFER_LEN_MIN;
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tokio::time::{Instant, sleep_until, timeout};

use super::lines::Lines;
use super::schedule::{Arrivals, Schedule};
use super::sizes::SizeOf;
use super::tally::{Fate, Tally};
use super::targets::Node;
use super::transfers::Maker;
use crate::probe::submissions::SUBMITTED_COLUMNS;

/// Most transactions that wait for their answers. A guess: 20 seconds of 200 a second.
pub const UNDER_WAY_MAX: usize = 4_096;

/// How long an answer may take until it counts as none. Far more than a healthy node under load needs. A guess.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Senders who take turns. A guess: as many as make it unlikely that a node that bounds what it holds of one has its fill.
const ACCOUNTS: usize = 1_000;

/// What to submit.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Of which network.
    pub network: Network,
    /// How many a second, more than 0.
    pub rate: f64,
    /// How they follow one another.
    pub arrivals: Arrivals,
    /// How large they are.
    pub sizes: SizeOf,
    /// How many in all; without end if unset.
    pub count: Option<u64>,
    /// For how long; without end if unset.
    pub long: Option<Duration>,
}

impl Plan {
    /// Refuses a network of whose rules valid transactions can't be made here.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), String> {
        match self.network.rules {
            Rules::Tidings | Rules::Opaque => Ok(()),
            #[allow(unreachable_patterns, reason = "further rules depend on features")]
            other => Err(format!(
                "the network has the rules `{}`, of which this can't make valid transactions: only of `tidings` and `opaque`",
                other.name()
            )),
        }
    }
}

/// Makes transactions by the rules of a network.
struct Making {
    maker: Maker,
    rules: Rules,
    sizes: SizeOf,
    most: usize,
}

impl Making {
    fn next(&mut self, rng: &mut impl Rng) -> (ItemId, Bytes) {
        let size = self.sizes.draw(rng).min(self.most);
        if self.rules == Rules::Tidings {
            return self.maker.next(size, rng);
        }
        // Bytes that nobody else makes.
        let mut bytes = vec![0; size.max(TRANSFER_LEN_MIN)];
        rng.fill_bytes(&mut bytes);
        (ItemId::tx(Hash256::of(&bytes)), bytes.into())
    }
}

/// What becomes of one that left.
struct Sent {
    id: ItemId,
    node: usize,
    bytes: usize,
    due: Instant,
    due_ns: u64,
    sent_ns: u64,
    fate: Fate,
}

/// What a load came to.
#[derive(Debug)]
pub struct Done {
    /// All of it.
    pub tally: Tally,
    /// How long it took until the last answer, seconds.
    pub elapsed_s: f64,
    /// Whether somebody stopped it.
    pub stopped: bool,
    /// The table of submissions couldn't be written to its end: where, and why.
    pub unwritten: Option<(PathBuf, io::Error)>,
}

/// Submits. `on_second` is told each second what became of the transactions that were due or answered in it.
pub async fn drive(
    plan: &Plan,
    nodes: &[Rc<Node>],
    table: Option<Lines>,
    stop: impl Future,
    rng: &mut impl Rng,
    mut on_second: impl FnMut(u64, &Tally),
) -> Done {
    let genesis = plan.network.settings.tidings.genesis;
    let mut making = Making {
        maker: Maker::new(ACCOUNTS, genesis, rng),
        rules: plan.network.rules,
        sizes: plan.sizes,
        most: plan.network.chain().max_size(ItemKind::Tx),
    };
    let mut stop = std::pin::pin!(stop);
    let mut schedule = Schedule::new(plan.rate, plan.arrivals);
    let (began, began_ns) = (Instant::now(), system_ns());
    let mut books = Books { table, ..Books::default() };
    let mut under_way = FuturesUnordered::new();
    let mut left = plan.count.unwrap_or(u64::MAX);
    let mut made = Some((schedule.next(rng), making.next(rng)));
    let (mut seconds, mut stopped) = (0, false);
    loop {
        let due = made.as_ref().map(|(due, _)| began + *due);
        let is_over = |due: Instant| {
            left == 0 || stopped || plan.long.is_some_and(|long| due - began >= long)
        };
        if due.is_none_or(is_over) {
            made = None;
        }
        let due = due.filter(|_| made.is_some());
        if due.is_none() && under_way.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            _ = &mut stop, if !stopped => stopped = true,
            () = sleep_until(began + Duration::from_secs(seconds + 1)) => {
                seconds += 1;
                on_second(seconds, &std::mem::take(&mut books.second));
            }
            // Before what is due: of answers there are no more than of those.
            Some(sent) = under_way.next(), if !under_way.is_empty() => books.note(&sent),
            () = sleep_until(due.unwrap_or(began)), if due.is_some() => {
                let Some((at, (id, bytes))) = made.take() else { continue };
                let due = began + at;
                books.both(Tally::offer);
                let node = rng.random_range(0..nodes.len());
                let due_ns = began_ns + whole_ns(at);
                let mut sent = Sent { id, node, bytes: bytes.len(), due, due_ns, sent_ns: 0, fate: Fate::Unsent };
                if under_way.len() >= UNDER_WAY_MAX {
                    books.note(&sent);
                } else {
                    let late_us = whole_us(due.elapsed());
                    books.both(|tally| tally.left(late_us));
                    sent.sent_ns = began_ns + whole_ns(began.elapsed());
                    under_way.push(submit(Rc::clone(&nodes[node]), sent, bytes));
                }
                left -= 1;
                made = Some((schedule.next(rng), making.next(rng)));
            }
        }
    }
    books.close();
    let elapsed_s = began.elapsed().as_secs_f64();
    Done { tally: books.all, elapsed_s, stopped, unwritten: books.unwritten }
}

/// What is kept of a load while it goes on.
#[derive(Default)]
struct Books {
    all: Tally,
    second: Tally,
    table: Option<Lines>,
    unwritten: Option<(PathBuf, io::Error)>,
}

impl Books {
    fn both(&mut self, note: impl Fn(&mut Tally)) {
        note(&mut self.all);
        note(&mut self.second);
    }

    /// Counts what became of one, and appends its line.
    fn note(&mut self, sent: &Sent) {
        let answered_us = whole_us(sent.due.elapsed());
        self.both(|tally| tally.note(&sent.fate, sent.bytes, answered_us));
        let Sent { id, node, bytes, due_ns, sent_ns, fate, .. } = sent;
        let (id, fate) = (id.hash(), fate.word());
        let line = format!("{id},{due_ns},{sent_ns},{node},{bytes},{fate},{answered_us}");
        self.write(|lines| lines.push(&line));
    }

    fn close(&mut self) {
        self.write(Lines::flush);
    }

    /// Writes to the table; after the first error there is none.
    fn write(&mut self, write: impl FnOnce(&mut Lines) -> io::Result<()>) {
        if let Some(lines) = &mut self.table
            && let Err(error) = write(lines)
        {
            self.unwritten = Some((lines.path().to_owned(), error));
            self.table = None;
        }
    }
}

/// The first line of the table of submissions.
#[must_use]
pub const fn table_columns() -> &'static str {
    SUBMITTED_COLUMNS
}

async fn submit(node: Rc<Node>, mut sent: Sent, bytes: Bytes) -> Sent {
    let answer = node.with(async |client| client.submit(ItemKind::Tx, bytes).await);
    sent.fate = match timeout(PATIENCE, answer).await {
        Err(_) => Fate::Unanswered(format!("no answer within {} s", PATIENCE.as_secs())),
        Ok(Ok(answer)) => match answer.outcome {
            Outcome::Accepted => Fate::Accepted,
            Outcome::AlreadyKnown => Fate::Known,
            Outcome::Rejected => {
                Fate::Refused(answer.rule.unwrap_or_else(|| "no rule named".to_owned()))
            }
        },
        Ok(Err(ClientError::Refused(problem))) => Fate::Refused(problem.detail),
        Ok(Err(ClientError::Connect { .. })) => Fate::Unanswered("nobody listens".to_owned()),
        Ok(Err(ClientError::Broken { .. })) => Fate::Unanswered("the connection broke".to_owned()),
        Ok(Err(ClientError::Answer { .. })) => {
            Fate::Unanswered("the answer makes no sense here".to_owned())
        }
    };
    sent
}

fn system_ns() -> u64 {
    whole_ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn whole_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn whole_us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::load::targets::Target;
    use crate::probe::submissions::Submissions;

    fn plan(rules: Rules, count: u64) -> Plan {
        Plan {
            network: Network::for_tests(rules),
            rate: 1_000.0,
            arrivals: Arrivals::Regular,
            sizes: "300".parse().unwrap(),
            count: Some(count),
            long: None,
        }
    }

    async fn driven(plan: &Plan, table: Option<Lines>, stop: impl Future) -> Done {
        let nodes = [Node::new(Target::read("/nowhere/admin.sock"), "")];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        drive(plan, &nodes, table, stop, &mut rng, |_, _| {}).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_not_there_answers_nothing_and_delays_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("submitted.csv");
        let table = Lines::create(&path, table_columns()).unwrap();
        let plan = plan(Rules::Tidings, 50);
        let done = driven(&plan, Some(table), std::future::pending::<()>()).await;
        assert_eq!((done.tally.offered, done.tally.unanswered["nobody listens"]), (50, 50));
        assert!(!done.stopped && done.unwritten.is_none());
        assert_eq!(Submissions::read(dir.path()).unwrap().len(), 50, "all of them left");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_time_or_when_it_is_stopped() {
        let long = Some(Duration::from_millis(10));
        let plan = Plan { count: None, long, ..plan(Rules::Opaque, 0) };
        let done = driven(&plan, None, std::future::pending::<()>()).await;
        assert_eq!(done.tally.offered, 10);
        let done = driven(&plan, None, std::future::ready(())).await;
        assert!(done.stopped && done.tally.offered <= 1);
    }

    #[test]
    fn transactions_of_any_network_are_valid_there() {
        for rules in [Rules::Tidings, Rules::Opaque] {
            let plan = plan(rules, 1);
            assert_eq!(plan.check(), Ok(()));
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let genesis = plan.network.settings.tidings.genesis;
            let maker = Maker::new(3, genesis, &mut rng);
            let mut making = Making { maker, rules, sizes: plan.sizes, most: 200 };
            let chain = plan.network.chain();
            for _ in 0..5 {
                let (id, bytes) = making.next(&mut rng);
                assert!(bytes.len() <= 200);
                let item = chain.item(ItemKind::Tx, bytes).unwrap();
                assert_eq!(item.id(), id);
                assert!(chain.inspect(&item).is_ok() && chain.verify(&item).is_ok());
            }
        }
    }
}
