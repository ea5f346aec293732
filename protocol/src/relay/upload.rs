//! Upload: how many bytes leave on request.
//!
//! A request of 33 bytes is answered by a transaction of thousands, or a block of millions. So each answer is one of two:
//! - *news*: the item came while its asker was linked, within the last [`WINDOW`], and this link wasn't given it before.
//!   It leaves at once, whatever else was asked for: that is what relaying is, and each link gets each item once by it.
//! - *all else*: what is older than the link, and whatever is asked for again. It pays from three budgets, that of the
//!   link, that of its [group](Bringer), and one for all, and waits while one of them is spent.
//!
//! Reconnecting makes no news of what is here, and the budget of a group outlives its links. When many wait for the one
//! budget, the group that took least lately is next, and in it the link that did: so nobody waits behind a flood but who
//! sent it. (Bitcoin Core's `-maxuploadtarget` likewise never refuses what is new, `CConnman::OutboundTargetReached`;
//! it refuses what is old, to all alike.)
//!
//! # What a stranger can get out
//! In t seconds at most `burst + per_s * t` bytes of what isn't news, and one item more, for each of the three budgets; and
//! of news no more than came, once for each link that it held.
//!
//! # Bounds
//! [`NEWS_MAX`] items are news at once; over it the oldest is none any more. A link's budget goes with it, and a group's
//! when it is full again; over [`GROUPS_MAX`] the one that is nearest to that is taken for full.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ground::bringer::Bringer;
use crate::ground::item::ItemId;
use crate::ground::link::{Link, LinkSet};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::machine::{Cx, Part};
use crate::params::{Params, UploadParams};

/// For how long an item is news: longer than an announcement takes that waited for a peer's credit. A guess.
pub const WINDOW: Duration = Duration::from_secs(120);

/// Most items that are news at once: two megabytes. A guess: six seconds at 5,000 transactions a second.
pub const NEWS_MAX: usize = 32_768;

/// Most groups whose budgets are remembered. A guess: several times the links that a node has.
pub const GROUPS_MAX: usize = 1_024;

/// What was spent of the budgets, and what is news. Takes no memory where there is no bound.
#[derive(Clone, Debug)]
pub struct Upload {
    kept: Option<Box<Kept>>,
    salt: Salt,
}

#[derive(Clone, Debug)]
struct Kept {
    news: Map<ItemId, News>,
    /// When each came, the oldest first.
    came: VecDeque<(Time, ItemId)>,
    links: BTreeMap<Link, Bucket>,
    groups: BTreeMap<Bringer, Bucket>,
    all: Bucket,
}

/// An item that is news.
#[derive(Clone, Debug)]
struct News {
    came: Time,
    /// The links that were given it. Whoever holds one of their slots now, and was linked later, is told apart by that.
    given: LinkSet,
}

/// Who asks for an item.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// Its link.
    pub link: Link,
    /// Since when it stands.
    pub since: Time,
    /// Who the peer is when something is shared out.
    pub bringer: Bringer,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Given for the first time, to one who was there when it came: it may leave.
    News,
    /// All else, and it may leave.
    Paid,
    /// All else, and it may be tried again then.
    Later(Time),
}

impl Upload {
    /// Nothing was spent.
    #[must_use]
    pub const fn new(salt: Salt) -> Self {
        Self { kept: None, salt }
    }

    /// An item came.
    pub fn on_accepted(&mut self, id: ItemId, now: Time, params: &UploadParams) {
        if params.unlimited {
            return;
        }
        let kept = self.kept();
        let is_over = |kept: &Kept| {
            let oldest = kept.came.front();
            oldest.is_some_and(|(came, _)| now.since(*came) > WINDOW || kept.came.len() >= NEWS_MAX)
        };
        while is_over(kept)
            && let Some((came, id)) = kept.came.pop_front()
        {
            // It may have come anew since.
            if kept.news.get(&id).is_some_and(|news| news.came == came) {
                kept.news.remove(&id);
            }
        }
        kept.came.push_back((now, id));
        kept.news.insert(id, News { came: now, given: LinkSet::default() });
    }

    /// An item is given to a link, whether it asked or not.
    pub fn on_given(&mut self, id: ItemId, link: Link) {
        if let Some(news) = self.kept.as_mut().and_then(|kept| kept.news.get_mut(&id)) {
            news.given.insert(link);
        }
    }

    /// Whether an item of so many bytes may be given to whoever asks, which is noted if it isn't free. `may_pay`: whether it is this
    /// one's turn to pay.
    pub fn ask(
        &mut self,
        asker: Asker,
        (id, size): (ItemId, usize),
        may_pay: bool,
        now: Time,
        params: &UploadParams,
    ) -> Answer {
        if params.unlimited {
            return Answer::News;
        }
        let Asker { link, since, bringer } = asker;
        let kept = self.kept();
        let is_fresh = |news: &&mut News| news.came >= since && now.since(news.came) <= WINDOW;
        if let Some(news) = kept.news.get_mut(&id).filter(is_fresh)
            && !news.given.contains(link)
        {
            return Answer::News;
        }
        if !may_pay {
            return Answer::Later(now);
        }
        let until = kept.spent_until(link, bringer, params);
        if until > now {
            return Answer::Later(until);
        }
        kept.pay(link, bringer, size as f64, now, params);
        Answer::Paid
    }

    /// Who of those that wait is next: whoever took least lately, its group before itself.
    #[must_use]
    pub fn rank(&self, link: Link, bringer: Bringer) -> (Time, Time, Link) {
        let full_at = |bucket: Option<&Bucket>| bucket.map_or(Time::ZERO, |it| it.full_at());
        let kept = self.kept.as_ref();
        let group = full_at(kept.and_then(|kept| kept.groups.get(&bringer)));
        let own = full_at(kept.and_then(|kept| kept.links.get(&link)));
        (group, own, link)
    }

    fn kept(&mut self) -> &mut Kept {
        let salt = self.salt;
        self.kept.get_or_insert_with(|| Box::new(Kept::new(salt)))
    }
}

impl Kept {
    fn new(salt: Salt) -> Self {
        Self {
            news: Map::new(salt),
            came: VecDeque::new(),
            links: BTreeMap::new(),
            groups: BTreeMap::new(),
            all: Bucket::default(),
        }
    }

    /// Until when one of the budgets is overdrawn. So what is larger than a burst has its turn too.
    fn spent_until(&self, link: Link, bringer: Bringer, params: &UploadParams) -> Time {
        let of =
            |bucket: Option<&Bucket>, rate| bucket.map_or(Time::ZERO, |it| it.in_debt_until(rate));
        of(self.links.get(&link), params.link)
            .max(of(self.groups.get(&bringer), params.group))
            .max(self.all.in_debt_until(params.all))
    }

    fn pay(&mut self, link: Link, bringer: Bringer, size: f64, now: Time, params: &UploadParams) {
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&bringer) {
            self.groups.retain(|_, bucket| bucket.full_at() > now);
            if self.groups.len() >= GROUPS_MAX {
                let nearest = self.groups.iter().min_by_key(|(_, bucket)| bucket.full_at());
                let nearest = nearest.map(|(bringer, _)| *bringer);
                nearest.map(|bringer| self.groups.remove(&bringer));
            }
        }
        // Debts are waited for before the next one.
        let _ = self.links.entry(link).or_default().take(size, now, params.link);
        let _ = self.groups.entry(bringer).or_default().take(size, now, params.group);
        let _ = self.all.take(size, now, params.all);
    }
}

impl Part for Upload {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        if let Some(kept) = self.kept.as_mut() {
            kept.links.remove(&link);
        }
    }

    fn keeps(&self, link: Link) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.links.contains_key(&link))
    }

    fn check(&self, _params: &Params) {
        let Some(kept) = self.kept.as_ref() else { return };
        let (news, groups) = (kept.came.len(), kept.groups.len());
        assert!(news <= NEWS_MAX && kept.news.len() <= news, "news: {news} of at most {NEWS_MAX}");
        assert!(groups <= GROUPS_MAX, "groups: {groups} of at most {GROUPS_MAX}");
    }
}
