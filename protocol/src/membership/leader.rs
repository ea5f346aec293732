//! Where the leaders are: spread to all, and never elected.
//!
//! A group of members has a leader because some consensus (etcd, `ZooKeeper`, Raft) chose it and gave it an *epoch*, greater than all before
//! it. What is spread is the [`Claim`]: this member leads, at this address, since this epoch. Gossip can't choose: two sides of a
//! partition would each have a leader, and nothing here could tell which of them is wrong. What it can do is to let all members
//! know of a choice in a few rounds, where the consensus itself serves tens of members.
//!
//! # What holds
//! - **A higher epoch wins**, however far it leaps: another consensus cluster may count otherwise.
//! - **Two claims with one epoch are both kept.** No consensus gives an epoch twice, so it is broken, or somebody lies; which claim is right
//!   can't be known here. Everybody comes to show the same claims, and says so once whenever they change: [`Change::BrokenConsensus`].
//! - **All converge**: what is kept of two sets of claims doesn't depend on who told whom, in which order or how often. Bounds are kept in that
//!   way too: of more claims of an epoch the [`CLAIMS_MAX`] least stay, of more groups those with the [`GROUPS_MAX`] least names.
//!
//! # Followers and clients
//! A follower's answer to a client names the epoch that it goes by ([`Leaders::redirect`]). It may be old: gossip takes its rounds. A client that
//! knows a later one doesn't let itself be sent back; one that comes with an earlier one is sent on. A leader that hears of a later
//! epoch than its own isn't one any more. *A leader must not rely on this to learn that it is deposed*: whatever it does to others has to
//! carry its epoch, and whoever is acted upon has to refuse an earlier one than it has seen.
//!
//! # Attacks
//! Whoever may speak may claim to lead. A claim with the last epoch, 2^63, can't be overcome but under another name of the group:
//! claims aren't signed, and the epochs of a consensus aren't ours to judge. Names that come first in order push out others once there are
//! [`GROUPS_MAX`]; what was pushed out is reported.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::member_id::MemberId;
use crate::wire::bytes::{Malformed, Reader, put_count, put_string};

/// The longest name of a group, bytes. A guess.
pub const GROUP_MAX: usize = 64;
/// Most groups. A guess.
pub const GROUPS_MAX: usize = 64;
/// Most claims of a group. A guess: two show that something is wrong.
pub const CLAIMS_MAX: usize = 4;
/// The longest address, bytes: a name of DNS may have 253, but what clients are sent to is shorter. A guess.
pub const ADDRESS_MAX: usize = 128;
/// The last epoch. etcd's revisions and `ZooKeeper`'s transaction ids are signed numbers of 64 bits.
pub const EPOCH_MAX: u64 = 1 << 63;
/// Most bytes of a record: it fits a packet.
pub const RECORD_MAX: usize = 1 + GROUP_MAX + 8 + 1 + CLAIMS_MAX * (8 + 8 + 2 + ADDRESS_MAX);

/// Who leads, as somebody says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// The leader.
    pub leader: MemberId,
    /// Where clients turn to: 1 to [`ADDRESS_MAX`] bytes. What it means is theirs to know.
    pub address: Bytes,
    /// Who said so. Of several who say the same it is the one with the least id.
    pub by: MemberId,
}

/// What is known of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The group: 1 to [`GROUP_MAX`] bytes.
    pub group: Bytes,
    /// The latest epoch, 1 to [`EPOCH_MAX`].
    pub epoch: u64,
    /// Who leads since then: one, or with a broken consensus up to [`CLAIMS_MAX`]. Ascending, no leader twice at one address.
    pub claims: Vec<Claim>,
}

impl Record {
    /// Whether an epoch was given out more than once.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.claims.len() > 1
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let mut pairs = self.claims.iter().zip(&other.claims);
        self.epoch == other.epoch
            && self.claims.len() == other.claims.len()
            && pairs.all(|(a, b)| is_same(a, b))
    }

    /// Takes in another record of the group. Says whether that changed this one.
    fn merge(&mut self, other: &Self) -> bool {
        if other.epoch < self.epoch {
            return false;
        }
        let (epoch, claims) = (self.epoch, self.claims.clone());
        if other.epoch > self.epoch {
            *self = other.clone();
        } else {
            // The least of a union are the same in whatever order it is formed.
            self.claims.extend_from_slice(&other.claims);
            self.claims.sort_unstable();
            self.claims.dedup_by(|later, first| is_same(later, first));
            self.claims.truncate(CLAIMS_MAX);
        }
        (epoch, &claims) != (self.epoch, &self.claims)
    }
}

/// Whether two claims say the same, whoever says it.
fn is_same(a: &Claim, b: &Claim) -> bool {
    (a.leader, &a.address) == (b.leader, &b.address)
}

impl Record {
    /// Appends its bytes: group, epoch, how many claims, and of each leader, address and who says so.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_string(&self.group, out);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        put_count(self.claims.len(), out);
        for claim in &self.claims {
            out.extend_from_slice(&claim.leader.0.to_le_bytes());
            put_string(&claim.address, out);
            out.extend_from_slice(&claim.by.0.to_le_bytes());
        }
    }

    /// Reads one that takes all of these bytes.
    ///
    /// # Errors
    /// For whatever no member of ours writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let group = input.string("group", GROUP_MAX)?;
        let epoch = input.u64()?;
        let what = |claim: &Claim| (claim.leader, claim.address.clone());
        let claims = input.list("claims", CLAIMS_MAX, Claim::take, what)?;
        if group.is_empty() || claims.is_empty() {
            return Err(Malformed::Length(if group.is_empty() { "group" } else { "claims" }));
        }
        if !(1..=EPOCH_MAX).contains(&epoch) {
            return Err(Malformed::Meaningless("epoch"));
        }
        input.finish().map(|()| Self { group, epoch, claims })
    }
}

impl Claim {
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let leader = input.id()?;
        let address = input.string("address", ADDRESS_MAX)?;
        if address.is_empty() {
            return Err(Malformed::Length("address"));
        }
        Ok(Self { leader, address, by: input.id()? })
    }
}

/// Why a claim isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The group is empty or longer than [`GROUP_MAX`], or the address than [`ADDRESS_MAX`].
    #[error("a group has 1 to {GROUP_MAX} bytes, and an address 1 to {ADDRESS_MAX}")]
    Length,
    /// The epoch is 0 or beyond [`EPOCH_MAX`].
    #[error("an epoch is at least 1 and at most 2^63")]
    Epoch,
    /// A later epoch is known: whoever claims this isn't the leader any more.
    #[error("epoch {0} is known already")]
    Deposed(u64),
    /// There are [`GROUPS_MAX`] groups, or [`CLAIMS_MAX`] claims of the epoch, that come first.
    #[error("there is no room for this group or claim")]
    Full,
}

/// What became different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A group has a leader of a later epoch.
    Led(Record),
    /// One epoch has more than one leader or address: here are all claims that are kept. Told once for each set of claims.
    BrokenConsensus(Record),
    /// A group was pushed out: there are too many.
    Forgotten(Bytes),
}

/// Where a client is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirect<'a> {
    /// Nothing is known of the group.
    Unknown,
    /// We know but an earlier epoch than the client does: it shouldn't believe us.
    Behind {
        /// Ours.
        epoch: u64,
    },
    /// This is the leader as far as we know. If the epoch is that of the client, the client knows it already.
    Leader {
        /// Its epoch: the client remembers it, and doesn't let itself be sent back behind it.
        epoch: u64,
        /// Who, and where.
        claim: &'a Claim,
    },
    /// The consensus is broken: no claim is better than another.
    Broken {
        /// The epoch that was given out more than once.
        epoch: u64,
        /// All claims.
        claims: &'a [Claim],
    },
}

/// The leaders of all groups.
#[derive(Clone, Debug, Default)]
pub struct Leaders {
    /// At most [`GROUPS_MAX`], by name.
    records: BTreeMap<Bytes, Record>,
}

impl Leaders {
    /// Claims that somebody leads a group, as a consensus says. The record that is returned is to be sent to all.
    ///
    /// # Errors
    /// When it can't be the latest, or exceeds a bound; nothing has changed then.
    pub fn claim(
        &mut self,
        group: &[u8],
        epoch: u64,
        claim: Claim,
        changes: &mut Vec<Change>,
    ) -> Result<&Record, Refused> {
        let [group_fits, address_fits] =
            [(group.len(), GROUP_MAX), (claim.address.len(), ADDRESS_MAX)]
                .map(|(len, max)| (1..=max).contains(&len));
        if !group_fits || !address_fits {
            return Err(Refused::Length);
        }
        if !(1..=EPOCH_MAX).contains(&epoch) {
            return Err(Refused::Epoch);
        }
        let group = Bytes::copy_from_slice(group);
        if let Some(known) = self.records.get(&group).filter(|known| known.epoch > epoch) {
            return Err(Refused::Deposed(known.epoch));
        }
        // What finds no room leaves no trace.
        let record = Record { group, epoch, claims: vec![claim] };
        self.merge(&record, changes);
        let known = self.records.get(&record.group);
        let is_ours =
            |known: &&Record| known.claims.iter().any(|one| is_same(one, &record.claims[0]));
        known.filter(is_ours).ok_or(Refused::Full)
    }

    /// Takes in what a peer knows. Says whether it was news, which is to be sent on.
    pub fn merge(&mut self, record: &Record, changes: &mut Vec<Change>) -> bool {
        let known = self.records.get_mut(&record.group);
        // Who says it is no news to users.
        let (changed, is_other) = match known {
            Some(known) => {
                let before = known.clone();
                (known.merge(record), !known.says_the_same(&before))
            }
            None => {
                self.records.insert(record.group.clone(), record.clone());
                (true, true)
            }
        };
        if self.records.len() > GROUPS_MAX
            && let Some((group, _)) = self.records.pop_last()
        {
            if group == record.group {
                // It came to nothing.
                return false;
            }
            changes.push(Change::Forgotten(group));
        }
        if let Some(now) = self.records.get(&record.group).filter(|_| is_other) {
            let now = now.clone();
            changes.push(match now.is_broken() {
                true => Change::BrokenConsensus(now),
                false => Change::Led(now),
            });
        }
        changed
    }

    /// What is known of a group.
    #[must_use]
    pub fn get(&self, group: &[u8]) -> Option<&Record> {
        self.records.get(group)
    }

    /// What is known of all groups, by name: a few tens of kilobytes at most, for whoever compares everything.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Where a client is sent that knows of the leader of this epoch; 0 if it knows of none.
    #[must_use]
    pub fn redirect(&self, group: &[u8], client_epoch: u64) -> Redirect<'_> {
        match self.get(group) {
            None => Redirect::Unknown,
            Some(Record { epoch, .. }) if *epoch < client_epoch => {
                Redirect::Behind { epoch: *epoch }
            }
            Some(Record { epoch, claims, .. }) => match &claims[..] {
                [claim] => Redirect::Leader { epoch: *epoch, claim },
                claims => Redirect::Broken { epoch: *epoch, claims },
            },
        }
    }
}

#[cfg(test)]
mod tests;
