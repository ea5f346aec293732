//! The dealings with a peer: each link in numbers, then the latest steps.

use std::fmt::Write as _;

use super::{clock, count, millis, utc};
use crate::api::explain::{
    DealingsStatus, ExcessStatus, PeerStory, StepName, StepStatus, TotalsStatus, WaitStatus,
};

/// Steps shown of the latest link; `--json` has more.
const SHOWN: usize = 20;

/// Requests in vain from which on a peer that never delivered is called a staller. A guess.
const STALLER_FROM: usize = 3;

/// The dealings as text.
pub(super) fn tell(story: &PeerStory) -> String {
    let since = utc(story.complete_since_unix_us);
    let mut text = format!("peer {}\nthe record is complete since {since}\n", story.peer_id);
    for dealings in &story.links {
        text.push('\n');
        text.push_str(&in_numbers(dealings));
    }
    if let Some(latest) = story.links.last() {
        let _ = write!(text, "\n{}", latest_steps(&latest.steps));
    }
    text
}

fn in_numbers(dealings: &DealingsStatus) -> String {
    let DealingsStatus { link, offences, last_offence, excess, totals, .. } = dealings;
    let address = link.address.map(|address| format!(", {address}")).unwrap_or_default();
    let mut text = format!(
        "link {} ({}{address}), up since {}\n",
        link.link,
        link.direction,
        utc(link.up_unix_us)
    );
    if let Some(down) = link.down_unix_us {
        let why = link.why.as_deref().unwrap_or("the peer or the network closed it");
        let _ = writeln!(text, "  down since {}: {why}", utc(down));
    }
    let TotalsStatus { asked, answered, expired, not_found, gave_way, open, .. } = *totals;
    let lines = [
        format!(
            "it announced {}, {} of them news",
            count(totals.announced, "item", "items"),
            totals.announced_news
        ),
        format!(
            "it was asked for {asked}: {answered} delivered, {expired} ran out of time, {gave_way} asked \
             elsewhere instead, {not_found} \"not found\", {open} open"
        ),
        format!(
            "it sent {} that were new and {} that were not; {} broke a rule",
            totals.arrived, totals.duplicates, totals.rejected
        ),
        format!(
            "it was told of {}, and sent {}, {} of them because it asked",
            totals.told, totals.sent, totals.sent_on_request
        ),
    ];
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(us) = totals.answer_median_us {
        let _ = writeln!(text, "  half of its answers took no more than {} ms", millis(us));
    }
    text.push_str(&excess_in_numbers(excess));
    if *offences > 0 {
        let last = last_offence.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "  it misbehaved {}; the last time it {last}",
            count(*offences as usize, "time", "times")
        );
    }
    if answered == 0 && expired + gave_way >= STALLER_FROM {
        text.push_str(
            "  It announces and does not deliver: what it was asked for had to come from others.\n",
        );
    }
    text
}

/// What its budgets cost the peer, if they did.
fn excess_in_numbers(excess: &ExcessStatus) -> String {
    if excess.overrun.is_empty() && excess.slowed_us == 0 {
        return String::new();
    }
    let mut costs: Vec<String> = excess
        .overrun
        .iter()
        .map(|(budget, times)| {
            format!("{} over `{budget}`", count(*times as usize, "time", "times"))
        })
        .collect();
    if excess.announcements_unseen > 0 {
        costs.push(format!("{} announced items not looked at", excess.announcements_unseen));
    }
    if excess.slowed_us > 0 {
        costs.push(format!("nothing read from it for {} ms", millis(excess.slowed_us)));
    }
    format!("  what its budgets (params.budgets) cost it: {}\n", costs.join(", "))
}

fn latest_steps(steps: &[StepStatus]) -> String {
    let shown = &steps[steps.len().saturating_sub(SHOWN)..];
    let mut text = format!("the latest {} on that link:\n", count(shown.len(), "step", "steps"));
    for step in shown {
        let item = step.item.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  {}  {}", clock(step.unix_us), sentence(step, item));
    }
    text
}

fn sentence(step: &StepStatus, item: &str) -> String {
    let detail = step.detail.as_deref().unwrap_or_default();
    match step.step {
        StepName::Submitted
        | StepName::Restored
        | StepName::Alone
        | StepName::Again
        | StepName::Broke => String::new(),
        StepName::Implied => format!("has a child of {item}, and so should have it, too"),
        StepName::Orphaned => format!("{item} waits for its parents"),
        StepName::Heard => {
            let fate = match (detail, &step.waits_for) {
                ("known", _) => "known here",
                ("asked", _) => "news",
                ("again", _) => "again",
                ("dropped", _) => "dropped: too many open announcements",
                ("over-budget", _) => "not looked at: over its budget",
                (_, Some(WaitStatus::Push)) | ("held", _) => "waiting whether somebody sends it",
                _ => "kept in reserve",
            };
            format!("announced {item} ({fate})")
        }
        StepName::Asked => format!("was asked for {item}"),
        StepName::Arrived => format!("sent {item}"),
        StepName::Duplicate => format!("sent {item}, which was here already"),
        StepName::Unsolicited => format!("sent {item} unasked"),
        StepName::Overflow => {
            format!("sent {item}, which was dropped: too many were being checked")
        }
        StepName::Checking => format!("{item} went to be checked"),
        StepName::Accepted => format!("{item} was accepted"),
        StepName::Rejected => format!("{item} was rejected: {detail}"),
        StepName::Delayed => format!("{item} waits for the budget of announcements"),
        StepName::Unsent => format!("{item} is announced later, out of the pool"),
        StepName::Released => format!("the budget lets {item} be announced"),
        StepName::Left => format!("{item} left the pool: {detail}"),
        StepName::Told => format!("was told of {item}"),
        StepName::Sent if detail == "answer" => format!("asked for {item} and was sent it"),
        StepName::Sent => format!("was sent {item}"),
        StepName::Denied => format!("asked for {item}, which wasn't here"),
        StepName::NotFound => format!("doesn't have {item} (notfound)"),
        StepName::Expired => format!("did not deliver {item} in time"),
        StepName::Congested => "takes nothing large any more".to_owned(),
        StepName::Drained => "takes everything again".to_owned(),
        StepName::OverBudget => format!("overran its budget of `{detail}`"),
    }
}
