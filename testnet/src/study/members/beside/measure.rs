//! What is done with a fleet, and what it comes to: the same for each.
//!
//! Join, idle, events, deaths, pauses, in this order. Programs listen to the members from the events on: what they cost isn't in
//! the idle figures, for which nothing is open over the network that is counted ([`Fleet::hang_up`]).

use std::time::{Duration, Instant};

use futures::future;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tidings_sim::random::shared::sample;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout_at};

use super::figures::{Death, Events, Idle, Measured, Memory, Pause, quantile};
use super::fleet::{Fleet, Listener, SIGHTINGS_MAX, Sighting, What};
use super::plan::Plan;
use super::process::Agent;
use super::traffic;
use crate::usage;

/// How long all may take to see all. A guess: two exchanges of all that is known, where gossip missed somebody.
const JOIN_PATIENCE: Duration = Duration::from_secs(90);

/// How often a member that doesn't see all is asked again.
const JOIN_POLL: Duration = Duration::from_millis(10);

const MIB: f64 = 1_048_576.0;

/// A fleet at work.
struct Bout<'a, F> {
    fleet: &'a F,
    plan: &'a Plan,
    rng: &'a mut ChaCha8Rng,
    /// Members that we killed.
    dead: Vec<usize>,
    heard: Heard,
    came: Measured,
}

/// All that members told since somebody listens.
struct Heard {
    inbox: mpsc::Receiver<Sighting>,
    all: Vec<Sighting>,
}

impl Heard {
    /// Listens until a moment, or until what came from one place of the list on is enough.
    async fn until(&mut self, end: Instant, from: usize, enough: impl Fn(&[Sighting]) -> bool) {
        while !enough(&self.all[from..]) {
            match timeout_at(end.into(), self.inbox.recv()).await {
                Ok(Some(sighting)) => self.all.push(sighting),
                Ok(None) | Err(_) => return,
            }
        }
    }

    async fn for_a_while(&mut self, while_: Duration) {
        let from = self.all.len();
        self.until(Instant::now() + while_, from, |_| false).await;
    }
}

/// Measures a fleet that has just been started.
///
/// # Errors
/// When a member ends that nobody killed, or doesn't do what it is asked.
pub(super) async fn measure<F: Fleet>(
    fleet: &F,
    plan: &Plan,
    rng: &mut ChaCha8Rng,
) -> Result<Measured, String> {
    let (sightings, inbox) = mpsc::channel(SIGHTINGS_MAX);
    let heard = Heard { inbox, all: Vec::new() };
    let came = Measured { members: plan.members, ..Measured::default() };
    let mut bout = Bout { fleet, plan, rng, dead: Vec::new(), heard, came };
    bout.join().await?;
    bout.idle().await?;
    let mut listeners: Vec<Listener> = Vec::new();
    for member in 0..plan.members {
        listeners.push(fleet.listen(member, &sightings).await?);
    }
    bout.events().await?;
    // The first is the one that all others asked who is there.
    let victims = sample(plan.members - 1, plan.kills + plan.kills_at_once, bout.rng);
    let victims: Vec<_> = victims.into_iter().map(|victim| victim + 1).collect();
    let (alone, together) = victims.split_at(plan.kills);
    for victim in alone {
        bout.kill(&[*victim]).await?;
    }
    if !together.is_empty() {
        bout.kill(together).await?;
    }
    for seconds in plan.pauses {
        bout.pause(*seconds).await?;
    }
    bout.came.cpu_s = bout.cpu();
    Ok(bout.came)
}

impl<F: Fleet> Bout<'_, F> {
    fn live(&self) -> Vec<usize> {
        (0..self.plan.members).filter(|member| !self.dead.contains(member)).collect()
    }

    fn check(&self) -> Result<(), String> {
        self.fleet.agents().iter().chain(self.fleet.without()).try_for_each(Agent::check)
    }

    async fn join(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let joins = (1..self.plan.members).map(|member| self.fleet.join(member));
        future::try_join_all(joins).await?;
        for member in 0..self.plan.members {
            loop {
                let seen = self.fleet.alive(member).await?.len();
                if seen == self.plan.members {
                    break;
                }
                if began.elapsed() > JOIN_PATIENCE {
                    let (all, waited) = (self.plan.members, JOIN_PATIENCE.as_secs());
                    let problem = format!("sees {seen} of {all} members after {waited} s");
                    return Err(self.fleet.agents()[member].problem(&problem));
                }
                sleep(JOIN_POLL).await;
            }
        }
        self.came.join_s = began.elapsed().as_secs_f64();
        Ok(())
    }

    /// What members cost while nothing happens.
    async fn idle(&mut self) -> Result<(), String> {
        let (fleet, members) = (self.fleet, self.plan.members);
        fleet.hang_up().await;
        sleep(self.plan.settle).await;
        let (before, cpu) = (traffic::now()?, self.cpu());
        sleep(self.plan.idle).await;
        let traffic = traffic::now()?.since(&before);
        self.check()?;
        let seconds = traffic.over.as_secs_f64();
        self.came.idle = Idle {
            seconds,
            datagrams_per_s: traffic.datagrams_each(members),
            bytes_per_s: traffic.bytes_each(members),
            cpu_percent: (self.cpu() - cpu) / seconds * 100.0,
        };
        self.came.memory = memory(fleet.agents(), fleet.without());
        Ok(())
    }

    /// CPU time of a member that lives up to now, seconds.
    fn cpu(&self) -> f64 {
        let live = self.live();
        let used = live.iter().filter_map(|member| self.fleet.agents()[*member].usage());
        let none = usage::Usage::default();
        used.map(|used| usage::cpu_between(none, used)).sum::<f64>() / live.len() as f64
    }

    async fn events(&mut self) -> Result<(), String> {
        let (plan, members) = (self.plan, self.plan.members);
        let mut events = Events {
            fired: plan.events,
            within_s: plan.event_every.as_secs_f64(),
            ..Events::default()
        };
        let before = traffic::now()?;
        for event in 0..plan.events {
            let from = self.heard.all.len();
            let origin = self.rng.random_range(0..members);
            let fired = self.fleet.fire(origin, event).await?;
            self.heard.until(fired + plan.event_every, from, |_| false).await;
            let latencies = latencies_ms(&self.heard.all[from..], event, (origin, members), fired);
            events.missed += usize::from(latencies.len() < members - 1);
            events.last_ms.extend(quantile(&latencies, 1.0));
            events.latencies_ms.extend(latencies);
        }
        let traffic = traffic::now()?.since(&before);
        let beyond = traffic.beyond(self.came.idle.datagrams_per_s, members);
        events.datagrams_each = beyond / plan.events.max(1) as f64;
        self.came.events = events;
        self.came.wrong += wrong(&self.heard.all, &[]);
        self.check()
    }

    async fn kill(&mut self, victims: &[usize]) -> Result<(), String> {
        let (from, at) = (self.heard.all.len(), Instant::now());
        for victim in victims {
            self.fleet.agents()[*victim].kill();
            self.dead.push(*victim);
        }
        let live = self.live();
        let knows = |seen: &[Sighting], what| first_by(seen, what, &live).len() == live.len();
        let is_over = |seen: &[Sighting]| {
            let all = |victim: &usize| {
                knows(seen, What::Failed(*victim)) && knows(seen, What::FailedTold(*victim))
            };
            victims.iter().all(all)
        };
        self.heard.until(at + self.plan.kill_patience, from, is_over).await;
        for victim in victims {
            let seen = &self.heard.all[from..];
            let since = |at_: Instant| at_.saturating_duration_since(at).as_secs_f64();
            let known = first_by(seen, What::Failed(*victim), &live);
            let told = first_by(seen, What::FailedTold(*victim), &live);
            let is_known = known.len() == live.len();
            self.came.deaths.push(Death {
                at_once: victims.len(),
                first_s: known.iter().min().copied().map(since),
                all_s: known.iter().max().copied().map(since).filter(|_| is_known),
                told_s: told.iter().min().copied().map(since),
            });
        }
        self.heard.for_a_while(self.plan.kill_gap).await;
        self.came.wrong += wrong(&self.heard.all[from..], &self.dead);
        self.check()
    }

    async fn pause(&mut self, seconds: u64) -> Result<(), String> {
        let live = self.live();
        let victim = live[self.rng.random_range(1..live.len())];
        let agent = &self.fleet.agents()[victim];
        let from = self.heard.all.len();
        agent.stop();
        self.heard.for_a_while(Duration::from_secs(seconds)).await;
        agent.go_on();
        self.heard.for_a_while(self.plan.recovery).await;
        let seen = &self.heard.all[from..];
        let others: Vec<_> = live.iter().copied().filter(|member| *member != victim).collect();
        let declared_by = first_by(seen, What::Failed(victim), &others).len();
        let mut excused = self.dead.clone();
        excused.push(victim);
        let wrong = wrong(seen, &excused);
        let mut is_back = true;
        for member in &live {
            let alive = self.fleet.alive(*member).await?;
            is_back &= live.iter().all(|of| alive.contains(of));
        }
        let of = others.len();
        self.came.pauses.push(Pause { seconds, declared_by, of, others: wrong, is_back });
        self.came.wrong += wrong;
        self.check()
    }
}

/// When each of some members saw something first.
fn first_by(seen: &[Sighting], what: What, members: &[usize]) -> Vec<Instant> {
    let first = |member: &usize| {
        let saw = |sighting: &&Sighting| sighting.by == *member && sighting.what == what;
        seen.iter().find(saw).map(|sighting| sighting.at)
    };
    members.iter().filter_map(first).collect()
}

/// How long an event took to all others that it reached.
fn latencies_ms(
    seen: &[Sighting],
    event: usize,
    (origin, members): (usize, usize),
    fired: Instant,
) -> Vec<f64> {
    let others: Vec<_> = (0..members).filter(|member| *member != origin).collect();
    let firsts = first_by(seen, What::Event(event), &others).into_iter();
    firsts.map(|at| at.saturating_duration_since(fired).as_secs_f64() * 1e3).collect()
}

/// How often members that aren't excused were taken for dead.
fn wrong(seen: &[Sighting], excused: &[usize]) -> usize {
    let of = |sighting: &&Sighting| matches!(sighting.what, What::Failed(failed) if !excused.contains(&failed));
    seen.iter().filter(of).count()
}

/// Medians of what members hold, and of what those hold that are none.
fn memory(members: &[Agent], without: &[Agent]) -> Memory {
    let held: Vec<_> = members.iter().filter_map(Agent::memory).collect();
    let median = |of: fn(&usage::Memory) -> u64, held: &[usage::Memory]| {
        let mib: Vec<f64> = held.iter().map(|held| of(held) as f64 / MIB).collect();
        quantile(&mib, 0.5)
    };
    let without: Vec<_> = without.iter().filter_map(Agent::memory).collect();
    Memory {
        rss_mib: median(|held| held.rss, &held).unwrap_or_default(),
        pss_mib: median(|held| held.pss, &held).unwrap_or_default(),
        private_mib: median(|held| held.private, &held).unwrap_or_default(),
        rss_without_mib: median(|held| held.rss, &without),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sightings(began: Instant, seen: &[(u64, usize, What)]) -> Vec<Sighting> {
        let sighting = |(ms, by, what): &(u64, usize, What)| Sighting {
            at: began + Duration::from_millis(*ms),
            by: *by,
            what: *what,
        };
        seen.iter().map(sighting).collect()
    }

    #[test]
    fn whoever_fired_an_event_and_whoever_hears_it_twice_dont_count() {
        let began = Instant::now();
        let heard = [(1, 0, 5), (20, 1, 5), (30, 2, 4), (40, 2, 5), (90, 1, 5)];
        let heard = heard.map(|(ms, by, event)| (ms, by, What::Event(event)));
        let latencies = latencies_ms(&sightings(began, &heard), 5, (0, 4), began);
        assert_eq!(latencies.iter().map(|ms| ms.round()).collect::<Vec<_>>(), [20.0, 40.0]);
    }

    #[test]
    fn a_verdict_is_wrong_unless_it_is_of_one_who_is_excused() {
        let seen = [
            (1, 0, What::Failed(3)),
            (2, 1, What::Failed(3)),
            (2, 1, What::Failed(2)),
            (3, 1, What::FailedTold(4)),
        ];
        let seen = sightings(Instant::now(), &seen);
        assert_eq!((wrong(&seen, &[]), wrong(&seen, &[3]), wrong(&seen, &[3, 2])), (3, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn listening_ends_when_it_is_enough_or_time_is_over() {
        let (seen, inbox) = mpsc::channel(SIGHTINGS_MAX);
        let mut heard = Heard { inbox, all: Vec::new() };
        for sighting in sightings(
            Instant::now(),
            &[(0, 0, What::Event(0)), (0, 1, What::Event(0)), (0, 2, What::Event(0))],
        ) {
            seen.send(sighting).await.unwrap();
        }
        let soon = Instant::now() + Duration::from_secs(1);
        heard.until(soon, 0, |seen| seen.len() == 2).await;
        assert_eq!(heard.all.len(), 2);
        heard.for_a_while(Duration::from_millis(10)).await;
        assert_eq!(heard.all.len(), 3);
    }
}
