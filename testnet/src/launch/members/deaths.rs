//! How soon the survivors of a kill take each of the killed for dead.
//!
//! A member says since when it takes another one for what it is. So it doesn't matter when it is asked, and it is asked once all
//! is over: what is measured goes on undisturbed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use tidings::api::members::{MemberStatus, MemberView};
use tidings_tools::figures::members::SeenKill;
use tidings_tools::show::format::measured;
use tokio::time::{Instant, sleep, sleep_until};

use crate::launch::fleet::{Fleet, ask_all};
use crate::launch::local::{Fate, Node};
use crate::launch::settings::narrow;

/// How often survivors that don't know of all deaths are asked again.
const POLL: Duration = Duration::from_millis(100);

/// How many of them at a time. A guess, as [`connect`](crate::launch::connect) has it.
const WATCHED: usize = 16;

/// Waits until all survivors take all victims that were killed at a moment for dead, or nobody takes another one for dead for so long.
/// Tells how many survivors know of all.
pub async fn watch(
    fleet: &Fleet,
    victims: &[usize],
    killed: Instant,
    patience: Duration,
    on_progress: impl Fn(usize),
) -> Vec<SeenKill> {
    let mut killed_nodes: Vec<usize> = victims
        .iter()
        .copied()
        .filter(|victim| fleet.nodes()[*victim].fate() == Fate::Killed)
        .collect();
    killed_nodes.sort_unstable();
    let survivors: Vec<&Node> = fleet.live().collect();
    let deaths = RefCell::new(Deaths::new(
        killed_nodes.iter().map(|node| (*node, &*fleet.nodes()[*node].name)),
        fleet.nodes().len(),
    ));
    let (known, last_news) = (Cell::new(0), Cell::new(Instant::now()));
    let all = stream::iter(&survivors).for_each_concurrent(WATCHED, |node| {
        let (deaths, known, last_news, on_progress) = (&deaths, &known, &last_news, &on_progress);
        async move {
            while !ask(node, deaths, last_news, killed).await {
                sleep(POLL).await;
            }
            known.set(known.get() + 1);
            on_progress(known.get());
        }
    });
    let mut all = pin!(all);
    loop {
        let until = last_news.get() + patience;
        tokio::select! {
            () = &mut all => break,
            () = sleep_until(until) => if last_news.get() + patience <= until { break },
        }
    }
    // Those who don't know of all know of some.
    let rest = survivors.iter().copied().filter(|node| !deaths.borrow().knows_all(node.index));
    for (node, members) in ask_all(rest, async |node| Ok(list(node).await)).await {
        if let Some((members, at)) = members.ok().flatten() {
            deaths.borrow_mut().take(node, &members, at - killed);
        }
    }
    deaths.borrow().seen(survivors.len())
}

/// All that a node knows of members, and about when it said so.
async fn list(node: &Node) -> Option<(Vec<MemberView>, Instant)> {
    let asked = Instant::now();
    let members = node.client.members().await.ok()?;
    Some((members, asked + asked.elapsed() / 2))
}

/// Whether a survivor takes all victims for dead. Notes when it takes more for dead than before.
async fn ask(
    node: &Node,
    deaths: &RefCell<Deaths>,
    last_news: &Cell<Instant>,
    killed: Instant,
) -> bool {
    let status = node.client.status().await.ok().and_then(|status| status.members);
    let failed =
        status.and_then(|members| members.members.get(MemberStatus::Failed.name()).copied());
    let failed = failed.unwrap_or_default();
    let before = std::mem::replace(&mut deaths.borrow_mut().failed[node.index], failed);
    if failed > before {
        last_news.set(Instant::now());
    }
    // The list is long: it is asked for once it has all of them.
    if failed < deaths.borrow().victims.len() as u64 {
        return false;
    }
    let Some((members, at)) = list(node).await else { return false };
    deaths.borrow_mut().take(node.index, &members, at - killed);
    deaths.borrow().knows_all(node.index)
}

/// Who took whom for dead, when.
#[derive(Debug)]
struct Deaths {
    /// Rows of victims by their names.
    rows: HashMap<String, usize>,
    victims: Vec<usize>,
    /// By victim, then by node, seconds after the kill.
    after_s: Vec<Vec<Option<f64>>>,
    /// By node, how many it took for dead when it was asked last, whoever they were.
    failed: Vec<u64>,
}

impl Deaths {
    fn new<'a>(victims: impl Iterator<Item = (usize, &'a str)>, nodes: usize) -> Self {
        let (victims, names): (Vec<_>, Vec<_>) = victims.unzip();
        let rows = names.into_iter().enumerate().map(|(row, name)| (name.to_owned(), row));
        let after_s = vec![vec![None; nodes]; victims.len()];
        Self { rows: rows.collect(), victims, after_s, failed: vec![0; nodes] }
    }

    /// What a node knew, so long after the kill.
    fn take(&mut self, node: usize, members: &[MemberView], after: Duration) {
        for member in members.iter().filter(|member| member.status == MemberStatus::Failed) {
            if let Some(row) = self.rows.get(&member.name) {
                let after_s = after.as_secs_f64() - member.since_s;
                self.after_s[*row][node].get_or_insert_with(|| after_s.max(0.0));
            }
        }
    }

    fn knows_all(&self, node: usize) -> bool {
        self.after_s.iter().all(|row| row[node].is_some())
    }

    /// What came of each kill, among so many survivors.
    fn seen(&self, survivors: usize) -> Vec<SeenKill> {
        let seen = |(victim, row): (&usize, &Vec<Option<f64>>)| {
            let by = row.iter().flatten().count();
            let last_s = row.iter().flatten().copied().reduce(f64::max);
            SeenKill {
                node: narrow(*victim),
                first_s: row.iter().flatten().copied().reduce(f64::min),
                last_s: last_s.filter(|_| by == survivors),
                by: by as u64,
                survivors: survivors as u64,
            }
        };
        self.victims.iter().zip(&self.after_s).map(seen).collect()
    }
}

/// What came of a kill, as a sentence.
#[must_use]
pub fn told(kill: &SeenKill) -> String {
    let SeenKill { node, first_s, last_s, by, survivors } = kill;
    let Some(first_s) = first_s.map(measured) else {
        return format!(
            "n{node:04} was killed, and none of {survivors} survivors took it for dead"
        );
    };
    let last = last_s.map_or_else(
        || format!("and only {by} of {survivors} survivors did at all"),
        |last_s| format!("the last after {} s", measured(last_s)),
    );
    format!("n{node:04} was killed: the first survivor took it for dead after {first_s} s, {last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, status: MemberStatus, since_s: f64) -> MemberView {
        MemberView {
            name: name.to_owned(),
            id: String::new(),
            addr: ([127, 0, 0, 1], 1).into(),
            status,
            since_s,
            incarnation: 0,
            tags: std::collections::BTreeMap::new(),
            own: false,
            rtt_ms: None,
            phi: None,
        }
    }

    #[test]
    fn the_first_and_the_last_survivor_count_whenever_they_are_asked() {
        let mut deaths = Deaths::new([(1, "n0001"), (3, "n0003")].into_iter(), 4);
        let after = Duration::from_secs(10);
        let dead = |name, since_s| view(name, MemberStatus::Failed, since_s);
        deaths.take(0, &[dead("n0001", 8.0), dead("n0003", 7.0), dead("n0002", 1.0)], after);
        assert!(deaths.knows_all(0) && !deaths.knows_all(2));
        deaths.take(2, &[dead("n0001", 5.5), view("n0003", MemberStatus::Suspect, 1.0)], after);
        assert_eq!(deaths.seen(2).len(), 2);
        let [first, second] = <[SeenKill; 2]>::try_from(deaths.seen(2)).unwrap();
        assert_eq!(
            (first.node, first.first_s, first.last_s, first.by),
            (1, Some(2.0), Some(4.5), 2)
        );
        assert_eq!((second.first_s, second.last_s, second.by), (Some(3.0), None, 1));
        deaths.take(2, &[dead("n0003", 30.0)], 2 * after);
        assert_eq!(deaths.seen(2)[1].first_s, Some(0.0), "it was taken for dead before");
        assert_eq!(
            told(&first),
            "n0001 was killed: the first survivor took it for dead after 2.00 s, the last after 4.50 s"
        );
        assert!(told(&second).ends_with("after 3.00 s, and only 1 of 2 survivors did at all"));
        assert!(told(&SeenKill::default()).contains("none of 0 survivors"));
    }
}
