//! Whom the operator keeps out, and the links that it closes.
//!
//! The core turns the banned away and doesn't dial them; the gate spares us their handshakes; the file remembers them. Links that stand are
//! closed here, since the core doesn't keep where inbound peers dialled from.

use std::path::PathBuf;
use std::time::Duration;

use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::machine::Input;
use tidings_protocol::peers::bans::{BAN_DEFAULT, BAN_LONGEST, BANS_MAX};

use tokio::time::Instant;

use super::{Shell, ShellError};
use crate::api::bans::{Ban, BanList, BanRequest, Concerned, Subject};
use crate::control::NotDone;
use crate::files::bans;

/// The bans, and where they are kept.
#[derive(Debug, Default)]
pub(super) struct Bans {
    path: Option<PathBuf>,
    list: Vec<Ban>,
}

impl Bans {
    /// Those of an earlier run.
    pub(super) fn load(path: Option<PathBuf>) -> Result<Self, ShellError> {
        let Some(file) = &path else { return Ok(Self::default()) };
        let failed = |source| ShellError::Bans { path: file.clone(), source };
        let list = bans::load(file).map_err(failed)?;
        Ok(Self { path, list })
    }

    /// Forgets those that are over. Only when the list is to be written anyway: a clock that is wrong for a while shouldn't let anybody in
    /// for good.
    fn expire(&mut self, now_s: u64) {
        self.list.retain(|ban| ban.until_unix_s > now_s);
    }

    /// Those that aren't over.
    fn in_force(&self, now_s: u64) -> Vec<Ban> {
        self.list.iter().filter(|ban| ban.until_unix_s > now_s).copied().collect()
    }

    fn save(&self) -> Result<(), NotDone> {
        let Some(path) = &self.path else { return Ok(()) };
        bans::save(path, &self.list)
            .map_err(|error| NotDone::Unsaved { path: path.clone(), why: error.to_string() })
    }
}

impl Shell {
    /// Tells the core and the gate of the bans: of an earlier run, or anew since the machine's clock was set. A ban is over when that clock
    /// shows what was said then, and the core counts seconds.
    pub(super) fn recall_bans(&mut self) {
        let now_s = self.wall_s();
        for ban in self.bans.list.clone() {
            if ban.until_unix_s > now_s {
                self.enforce(ban, now_s);
            } else {
                self.handle(Input::Unban(ban.subject.banned()));
            }
        }
        self.guard_gate();
    }

    fn wall_s(&self) -> u64 {
        self.clock.unix_us(self.clock.now()) / 1_000_000
    }

    fn enforce(&mut self, ban: Ban, now_s: u64) {
        let span = Duration::from_secs(ban.until_unix_s.saturating_sub(now_s));
        self.handle(Input::Ban { whom: ban.subject.banned(), span });
        self.guard_gate();
    }

    fn guard_gate(&self) {
        let (now, now_s) = (Instant::now(), self.wall_s());
        let subnets = self.bans.in_force(now_s).into_iter().filter_map(|ban| match ban.subject {
            Subject::Subnet(subnet) => {
                let span = Duration::from_secs(ban.until_unix_s.saturating_sub(now_s));
                Some((subnet, now + span))
            }
            Subject::Peer(_) => None,
        });
        self.net.keep_out(subnets.collect());
    }

    /// Those that aren't over.
    pub(super) fn ban_list(&self) -> BanList {
        BanList { bans: self.bans.in_force(self.wall_s()) }
    }

    /// Keeps somebody out from now on, and closes the links that lead there.
    pub(super) fn ban(&mut self, request: &BanRequest) -> Result<Concerned, NotDone> {
        let span = request.seconds.map_or(BAN_DEFAULT, Duration::from_secs);
        if span.is_zero() || span > BAN_LONGEST {
            return Err(NotDone::Span { longest_s: BAN_LONGEST.as_secs() });
        }
        let now_s = self.wall_s();
        self.bans.expire(now_s);
        let before = self.bans.list.clone();
        self.bans.list.retain(|ban| ban.subject != request.subject);
        if self.bans.list.len() >= BANS_MAX {
            self.bans.list = before;
            return Err(NotDone::Full);
        }
        let ban = Ban { subject: request.subject, until_unix_s: now_s + span.as_secs() };
        self.bans.list.push(ban);
        if let Err(error) = self.bans.save() {
            self.bans.list = before;
            return Err(error);
        }
        tracing::info!(subject = %ban.subject, seconds = span.as_secs(), "banned by the operator");
        self.enforce(ban, now_s);
        let links: Vec<Link> = self.node.links().map(|view| view.link).collect();
        let banned = links.into_iter().filter(|link| self.is_meant(*link, request.subject));
        let banned: Vec<Link> = banned.collect();
        Ok(Concerned { closed: self.close_all(&banned), unbanned: 0 })
    }

    fn is_meant(&self, link: Link, subject: Subject) -> bool {
        let Some(info) = self.net.info(link) else { return false };
        match subject {
            Subject::Peer(peer) => info.peer == peer,
            Subject::Subnet(subnet) => info.remote.is_some_and(|addr| subnet.contains(addr.ip)),
        }
    }

    fn close_all(&mut self, links: &[Link]) -> usize {
        for link in links {
            self.close(*link, Reason::Operator);
        }
        links.len()
    }

    /// Takes a ban back, or all.
    pub(super) fn unban(&mut self, subject: Option<Subject>) -> Result<Concerned, NotDone> {
        self.bans.expire(self.wall_s());
        let before = self.bans.list.clone();
        let (gone, stay): (Vec<Ban>, Vec<Ban>) =
            before.iter().partition(|ban| subject.is_none_or(|subject| ban.subject == subject));
        if let Some(subject) = subject.filter(|_| gone.is_empty()) {
            return Err(NotDone::Unknown(subject));
        }
        self.bans.list = stay;
        if let Err(error) = self.bans.save() {
            self.bans.list = before;
            return Err(error);
        }
        for ban in &gone {
            self.handle(Input::Unban(ban.subject.banned()));
        }
        self.guard_gate();
        Ok(Concerned { unbanned: gone.len(), closed: 0 })
    }

    /// Closes the link with a peer: it may come again, and be dialled again.
    pub(super) fn disconnect(&mut self, query: &str) -> Result<Concerned, NotDone> {
        let links: Vec<Link> = self.node.links().map(|view| view.link).collect();
        let is_meant = |link: &Link| {
            let Some(info) = self.net.info(*link) else { return false };
            let id = info.peer.to_string();
            link.to_string() == query
                || info.remote.is_some_and(|addr| addr.to_string() == query)
                || (!query.is_empty() && id.starts_with(query))
                || id
                    .strip_prefix("12D3KooW")
                    .is_some_and(|rest| !query.is_empty() && rest.starts_with(query))
        };
        let meant: Vec<Link> = links.into_iter().filter(is_meant).collect();
        match meant[..] {
            [] => Err(NotDone::NoPeer(query.to_owned())),
            [link] => Ok(Concerned { closed: self.close_all(&[link]), unbanned: 0 }),
            _ => Err(NotDone::Several { query: query.to_owned(), count: meant.len() }),
        }
    }

    /// Tries an address before others, as soon as there is a place.
    pub(super) fn connect(&mut self, addr: PeerAddr) {
        self.handle(Input::Learned(&[addr]));
    }
}
