//! The story of an item, a line for each step or for several alike.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tidings_protocol::ground::link::Direction;

use super::{count, full_name, millis, name, utc};
use crate::api::explain::{LinkStatus, StepName, StepStatus, TxStory, WaitStatus};

/// The story as text.
pub(super) fn tell(story: &TxStory) -> String {
    let Some(first) = story.steps.first() else { return String::new() };
    let mut text = head(story, first);
    let mut teller = Teller { story, introduced: BTreeSet::new(), state: State::default() };
    for alike in story.steps.chunk_by(are_alike) {
        let sentence = teller.sentence(alike);
        let at = format!("+{}", millis(alike[0].unix_us - first.unix_us));
        let _ = writeln!(text, "{at:>12} ms  {sentence}");
        alike.iter().for_each(|step| teller.state.take(step));
    }
    let _ = write!(text, "\n{}", in_short(story, &teller.state, first));
    text
}

fn head(story: &TxStory, first: &StepStatus) -> String {
    let TxStory { id, kind, bytes, .. } = story;
    let (what, held) = match (kind, bytes) {
        (Some(kind), Some(bytes)) => {
            (kind.to_string(), format!("{bytes} bytes, kept by this node"))
        }
        _ => ("item".to_owned(), "not kept by this node".to_owned()),
    };
    let begins = utc(first.unix_us);
    let mut text = format!("{what} {id}\n{held}; its story begins at {begins}\n");
    if first.unix_us < story.complete_since_unix_us {
        let since = utc(story.complete_since_unix_us);
        let _ = writeln!(
            text,
            "(the record is complete since {since}: of what was before, steps may be missing)"
        );
    }
    text.push('\n');
    text
}

/// Steps of one moment that say the same of several peers.
fn are_alike(a: &StepStatus, b: &StepStatus) -> bool {
    let groups = matches!(a.step, StepName::Told | StepName::Sent);
    groups && a.step == b.step && a.detail == b.detail && a.unix_us.abs_diff(b.unix_us) < 100
}

/// What is known so far.
#[derive(Default)]
struct State {
    accepted_us: Option<u64>,
    checking_us: Option<u64>,
    /// Since when it waits for the budget of announcements.
    delayed_us: Option<u64>,
    /// Since when it may be announced: since it was accepted, unless it waited, or is announced again.
    free_us: Option<u64>,
    /// When and why it left the pool.
    left: Option<(u64, String)>,
    /// The request that is open.
    asked: Option<(String, u64)>,
    /// Time lost on requests in vain.
    lost_us: u64,
    in_vain: usize,
    announcers: BTreeSet<String>,
    told: BTreeSet<String>,
    /// Who was sent it whole without asking.
    pushed: BTreeSet<String>,
    served: BTreeSet<String>,
    rejected: Option<String>,
    submitted: bool,
}

impl State {
    fn take(&mut self, step: &StepStatus) {
        let link = step.link.clone().unwrap_or_default();
        match step.step {
            StepName::Submitted => self.submitted = true,
            StepName::Heard => drop(self.announcers.insert(link)),
            StepName::Asked => {
                if self.gives_way(step) {
                    self.give_up(step.unix_us);
                }
                self.asked = Some((link, step.unix_us));
            }
            StepName::NotFound | StepName::Expired | StepName::Broke
                if self.asked.as_ref().is_some_and(|(asked, _)| *asked == link) =>
            {
                self.give_up(step.unix_us);
            }
            StepName::Arrived => self.asked = None,
            StepName::Checking => self.checking_us = Some(step.unix_us),
            StepName::Accepted | StepName::Restored => {
                (self.accepted_us, self.left) = (Some(step.unix_us), None);
                self.free_us = Some(step.unix_us);
            }
            StepName::Released | StepName::Again => self.free_us = Some(step.unix_us),
            StepName::Orphaned => self.accepted_us = None,
            StepName::Delayed => self.delayed_us = Some(step.unix_us),
            StepName::Left => {
                self.left = Some((step.unix_us, step.detail.clone().unwrap_or_default()));
            }
            StepName::Rejected => self.rejected.clone_from(&step.detail),
            StepName::Told => drop(self.told.insert(link)),
            StepName::Sent if step.detail.as_deref() == Some("answer") => {
                self.served.insert(link);
            }
            StepName::Sent => drop(self.pushed.insert(link)),
            _ => {}
        }
    }

    /// Whether the open request is dropped in favour of another announcer.
    fn gives_way(&self, step: &StepStatus) -> bool {
        self.asked.as_ref().is_some_and(|(asked, _)| Some(asked) != step.link.as_ref())
    }

    /// The open request came to nothing.
    fn give_up(&mut self, now_us: u64) {
        if let Some((_, asked_us)) = self.asked.take() {
            self.lost_us += now_us - asked_us;
            self.in_vain += 1;
        }
    }

    /// How long the open request to a link has taken.
    fn waited(&self, link: Option<&String>, now_us: u64) -> Option<u64> {
        let (asked, asked_us) = self.asked.as_ref()?;
        (Some(asked) == link).then(|| now_us - asked_us)
    }
}

struct Teller<'a> {
    story: &'a TxStory,
    introduced: BTreeSet<String>,
    state: State,
}

impl Teller<'_> {
    fn link(&self, handle: &str) -> Option<&LinkStatus> {
        self.story.links.iter().find(|link| link.link == handle)
    }

    /// A peer: with direction and address when it comes up for the first time.
    fn peer(&mut self, handle: &str) -> String {
        let known = !self.introduced.insert(handle.to_owned());
        match self.link(handle) {
            Some(link) if known => name(link),
            Some(link) => full_name(link),
            None => format!("the peer of link {handle}"),
        }
    }

    fn peers(&mut self, alike: &[StepStatus]) -> String {
        let names: Vec<String> = alike
            .iter()
            .filter_map(|step| step.link.as_deref())
            .map(|link| self.peer(link))
            .collect();
        names.join(", ")
    }

    fn sentence(&mut self, alike: &[StepStatus]) -> String {
        let step = &alike[0];
        let who = self.peers(alike);
        let detail = step.detail.as_deref().unwrap_or_default();
        match step.step {
            StepName::Submitted => "the operator of this node submitted it".to_owned(),
            StepName::Restored => {
                "it came back from the disk, where an earlier run had kept it".to_owned()
            }
            StepName::Implied => format!("{who} has a child of it, and so should have it, too"),
            StepName::Orphaned => "it waits for its parents, which aren't here yet".to_owned(),
            StepName::Heard => self.heard(&who, step, detail),
            StepName::Arrived => match self.state.waited(step.link.as_ref(), step.unix_us) {
                Some(us) => format!("{who} sent it, {} ms after it was asked", millis(us)),
                None => format!("{who} sent it, without being asked at the time"),
            },
            StepName::Duplicate => format!("{who} sent it, too; it was here already"),
            StepName::Unsolicited => {
                format!(
                    "{who} sent it, but wasn't asked, and `{}` takes nothing unasked: dropped",
                    self.story.settings.strategy
                )
            }
            StepName::Overflow => {
                "dropped: too many items were being checked (params.memory.verifying_max)"
                    .to_owned()
            }
            StepName::Checking => "its signatures went to be checked".to_owned(),
            StepName::Accepted => match self.state.checking_us {
                Some(us) => format!("accepted; checking took {} ms", millis(step.unix_us - us)),
                None => "accepted".to_owned(),
            },
            StepName::Rejected => rejected(step, detail),
            StepName::Delayed => {
                "not announced yet: this node has announced as much as it may, and what pays most goes first \
                 (params.budgets.relayed)"
                    .to_owned()
            }
            StepName::Unsent => {
                "too many that pay more wait (params.budgets.backlog_max): it is announced, out of the pool, when they \
                 are through"
                    .to_owned()
            }
            StepName::Released => {
                format!("the budget lets it be announced{}", self.waited_for_budget(step))
            }
            StepName::Alone => "no peer is there that could be told of it".to_owned(),
            StepName::Again if self.state.submitted => {
                "it is announced again, also to those who were told and didn't ask".to_owned()
            }
            StepName::Again => "it is announced again: nobody has asked for it".to_owned(),
            StepName::Left => format!("it left the pool: {}", why_left(detail)),
            StepName::Told => format!("announced to {who}{}", self.why_then(step, detail)),
            StepName::Sent if detail == "answer" => format!("{who} asked for it and was sent it"),
            StepName::Sent => format!("sent whole to {who}{}", self.why_then(step, detail)),
            StepName::Denied => format!("{who} asked for it, but it wasn't here"),
            StepName::NotFound => format!("{who} answered that it doesn't have it (notfound)"),
            StepName::Expired => self.expired(&who, step),
            StepName::Broke => {
                let why = step
                    .link
                    .as_deref()
                    .and_then(|link| self.link(link))
                    .and_then(|link| link.why.clone());
                let why = why.unwrap_or_else(|| "the peer or the network closed it".to_owned());
                format!("the link to {who} went down ({why}), with the request open")
            }
            StepName::Asked if self.state.gives_way(step) => {
                format!(
                    "asked {who} instead, because whoever was being asked has let requests run out before"
                )
            }
            StepName::Asked if self.state.in_vain > 0 => {
                format!("asked {who} instead, as the next announcer{}", self.preference(step))
            }
            StepName::Asked => format!("asked {who} for it"),
            StepName::Congested => format!("{who} took nothing large any more"),
            StepName::Drained => format!("{who} took everything again"),
            StepName::OverBudget => format!("{who} overran its budget of `{detail}`"),
        }
    }

    fn waited_for_budget(&self, step: &StepStatus) -> String {
        let delayed_us = self.state.delayed_us;
        let after = delayed_us.map(|us| format!(", after {} ms", millis(step.unix_us - us)));
        after.unwrap_or_default()
    }

    fn expired(&self, who: &str, step: &StepStatus) -> String {
        let Some(us) = self.state.waited(step.link.as_ref(), step.unix_us) else {
            return format!("the request to {who} ran out");
        };
        let why = if us < self.story.settings.answer_ms * 1_000 {
            "outbound peers had announced it, too, and an inbound one has less time then \
             (params.requests.inbound_patience_ms)"
        } else {
            "the request ran out"
        };
        format!("{who} had {} ms and did not deliver: {why}", millis(us))
    }

    fn heard(&mut self, who: &str, step: &StepStatus, detail: &str) -> String {
        let fate = match (detail, &step.waits_for) {
            ("known", _) if self.state.accepted_us.is_some() => "it was here already".to_owned(),
            ("known", _) => "it was being checked already".to_owned(),
            ("asked", _) => return format!("{who} announced it"),
            ("again", _) => "once more".to_owned(),
            ("dropped", _) => {
                "dropped: that peer has too many open announcements (params.requests.announced_max)".to_owned()
            }
            ("over-budget", _) => {
                "not looked at: that peer announces more than it may (params.budgets.announcements)".to_owned()
            }
            (_, Some(WaitStatus::Request(link))) => {
                let asked = self.peer(link);
                format!("kept in reserve, because {asked} was being asked")
            }
            (_, Some(WaitStatus::Push)) => {
                format!("not asked yet: `{}` waits whether somebody sends it unasked", self.story.settings.strategy)
            }
            _ => {
                "not asked yet: that peer has as many requests as it may (params.requests.in_flight_max)".to_owned()
            }
        };
        format!("{who} announced it; {fate}")
    }

    /// Whether the next announcer was preferred for being outbound.
    fn preference(&self, step: &StepStatus) -> &'static str {
        let link = step.link.as_deref().and_then(|link| self.link(link));
        let earlier_inbound = self.state.announcers.iter().any(|other| {
            Some(other) != step.link.as_ref()
                && self.link(other).is_some_and(|other| other.direction == Direction::Inbound)
        });
        match link {
            Some(link) if link.direction == Direction::Outbound && earlier_inbound => {
                " (outbound ones go first)"
            }
            _ => "",
        }
    }

    /// Why something left when it did.
    fn why_then(&self, step: &StepStatus, detail: &str) -> String {
        let settings = &self.story.settings;
        let Some(free_us) = self.state.free_us else { return String::new() };
        let link = step.link.as_deref().and_then(|link| self.link(link));
        // A peer that came later could be told no sooner.
        let late = link.map(|link| link.up_unix_us).filter(|up_us| *up_us > free_us);
        let after = millis(step.unix_us.saturating_sub(late.unwrap_or(free_us)));
        let came = late.map_or_else(String::new, |up_us| {
            format!(", which came {} ms after it", millis(up_us - free_us))
        });
        let why = match detail {
            "batch" if settings.batch_ms > 0 => {
                format!(", after {after} ms in a batch of {} ms", settings.batch_ms)
            }
            "batch" => {
                let (mean, shared) = match link.map(|link| link.direction) {
                    Some(Direction::Inbound) => {
                        (settings.trickle_inbound_ms, ", shared by inbound peers")
                    }
                    _ => (settings.trickle_outbound_ms, ""),
                };
                format!(", after {after} ms in the trickle (mean {mean} ms{shared})")
            }
            "round" => {
                format!(", after {after} ms, with the next batch of `{}`", settings.strategy)
            }
            "gap" => ", because its digest lacked it".to_owned(),
            _ => return String::new(),
        };
        came + &why
    }
}

fn rejected(step: &StepStatus, rule: &str) -> String {
    match step.rival {
        Some(rival) => format!("rejected ({rule}): {rival}"),
        None => format!("rejected: it breaks the rule {rule}"),
    }
}

fn why_left(detail: &str) -> &str {
    match detail {
        "evicted" => "others pay more, and it was full (params.memory.pool_max_bytes)",
        "replaced" => "a transaction that conflicts with it pays for replacing it",
        "expired" => {
            "no block had it in all the time that it may be there (params.memory.pool_expiry_s)"
        }
        "confirmed" => "a block contains it",
        "conflicted" => "a block contains one that conflicts with it",
        other => other,
    }
}

/// The story in a few sentences.
fn in_short(story: &TxStory, state: &State, first: &StepStatus) -> String {
    let since = if state.submitted { "it was submitted" } else { "it was first heard of" };
    let end = match (state.accepted_us, &state.rejected, &state.asked) {
        (Some(us), _, _) => format!("accepted {} ms after {since}", millis(us - first.unix_us)),
        (None, Some(rule), _) => format!("not accepted: it breaks the rule {rule}"),
        (None, None, Some((link, _))) => {
            let asked = story.links.iter().find(|status| status.link == *link).map(name);
            format!("not here yet; {} is being asked", asked.unwrap_or_default())
        }
        (None, None, None) if state.in_vain > 0 => {
            "not here: nobody else had announced it, so it was given up until somebody does"
                .to_owned()
        }
        (None, None, None) => "not here".to_owned(),
    };
    let mut text = format!("In short: {end}.");
    if let Some((left_us, why)) = &state.left {
        let after = millis(left_us.saturating_sub(state.accepted_us.unwrap_or(*left_us)));
        let _ = write!(text, " It left the pool {after} ms later ({why}).");
    }
    if state.in_vain > 0 {
        let requests = count(state.in_vain, "request", "requests");
        let _ = write!(text, " {} ms of that went into {requests} in vain.", millis(state.lost_us));
    }
    let peers = |links: &BTreeSet<String>| count(links.len(), "peer", "peers");
    let were = |links: &BTreeSet<String>| count(links.len(), "peer was", "peers were");
    let _ = write!(text, " {} announced it,", peers(&state.announcers));
    if !state.told.is_empty() || state.pushed.is_empty() {
        let _ = write!(text, " {} told,", were(&state.told));
    }
    if !state.pushed.is_empty() {
        let _ = write!(text, " {} sent it whole,", were(&state.pushed));
    }
    let _ = writeln!(text, " {} asked this node for it.", peers(&state.served));
    text
}
