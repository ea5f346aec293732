//! Whom our operator wants kept out: peers, addresses and subnets, each until a moment.
//!
//! A ban is an operator's word, unlike a peer that is discouraged for what it did (rule 3 of [`super`]): it is kept until its time is over, and
//! whoever is banned is cut off at once, let in by nobody and dialled by nobody. A ban of a peer's key keeps out whoever has it, wherever it
//! is; new keys are free, so against those who make some, ban where they come from.
//!
//! At most [`BANS_MAX`]; the operator is told when there is no room. The core knows no date: whoever keeps bans over a restart hands
//! in how long each has yet to run.

use std::net::IpAddr;
use std::time::Duration;

use crate::ground::peer::PeerKey;
use crate::ground::subnet::Banned;
use crate::ground::time::Time;

/// Most bans at once. A guess: each is looked at for each newcomer, which takes a microsecond for all.
pub const BANS_MAX: usize = 1_024;

/// How long a ban lasts unless its operator says otherwise (Bitcoin Core: `DEFAULT_MISBEHAVING_BANTIME`).
pub const BAN_DEFAULT: Duration = Duration::from_secs(86_400);

/// The longest ban: ten years. A guess; whoever wants more bans again.
pub const BAN_LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// All bans of a node.
#[derive(Clone, Debug, Default)]
pub struct Bans(Vec<(Banned, Time)>);

/// There is no room for another ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are {BANS_MAX} bans already: take some back, or ban a subnet")]
pub struct Full;

impl Bans {
    /// Bans somebody until a moment, in the place of an earlier ban of the same.
    ///
    /// # Errors
    /// When there are too many.
    pub fn ban(&mut self, whom: Banned, until: Time, now: Time) -> Result<(), Full> {
        self.0.retain(|(banned, until)| *banned != whom && *until > now);
        if self.0.len() >= BANS_MAX {
            return Err(Full);
        }
        self.0.push((whom, until));
        Ok(())
    }

    /// Takes a ban back. Returns whether there was one.
    pub fn unban(&mut self, whom: Banned) -> bool {
        let before = self.0.len();
        self.0.retain(|(banned, _)| *banned != whom);
        self.0.len() < before
    }

    /// Whether a peer, at an address if that is known, is to be kept out.
    #[must_use]
    pub fn keep_out(&self, key: Option<PeerKey>, ip: Option<IpAddr>, now: Time) -> bool {
        self.live(now).any(|(banned, _)| match banned {
            Banned::Peer(of) => key == Some(of),
            Banned::Subnet(subnet) => ip.is_some_and(|ip| subnet.contains(ip)),
        })
    }

    /// Those that aren't over, in the order in which they were made, and until when.
    pub fn live(&self, now: Time) -> impl Iterator<Item = (Banned, Time)> {
        self.0.iter().copied().filter(move |(_, until)| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::subnet::Subnet;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn a_ban_holds_until_its_time_and_the_last_word_counts() {
        let (mut bans, now) = (Bans::default(), Time::from_millis(1_000));
        let (key, ip): (_, IpAddr) = (PeerKey(7), "192.0.2.7".parse().unwrap());
        bans.ban(Banned::Peer(key), Time::from_millis(5_000), now).unwrap();
        bans.ban(Banned::Subnet(subnet("192.0.2.0/24")), Time::from_millis(9_000), now).unwrap();
        assert!(bans.keep_out(Some(key), None, now) && bans.keep_out(None, Some(ip), now));
        assert!(!bans.keep_out(Some(PeerKey(8)), Some("198.51.100.1".parse().unwrap()), now));
        let later = Time::from_millis(5_000);
        assert!(!bans.keep_out(Some(key), None, later) && bans.keep_out(None, Some(ip), later));
        bans.ban(Banned::Subnet(subnet("192.0.2.0/24")), Time::from_millis(6_000), now).unwrap();
        assert!(!bans.keep_out(None, Some(ip), Time::from_millis(6_000)));
        assert!(bans.unban(Banned::Peer(key)) && !bans.unban(Banned::Peer(key)));
    }

    #[test]
    fn there_is_room_for_so_many_and_for_more_when_some_are_over() {
        let mut bans = Bans::default();
        let ban = |bans: &mut Bans, key: usize, until: u64, now: u64| {
            let whom = Banned::Peer(PeerKey(key as u64));
            bans.ban(whom, Time::from_millis(until), Time::from_millis(now))
        };
        for key in 0..BANS_MAX {
            ban(&mut bans, key, 1_000, 0).unwrap();
        }
        assert_eq!(ban(&mut bans, BANS_MAX, 2_000, 0), Err(Full));
        assert_eq!(ban(&mut bans, 5, 3_000, 0), Ok(()), "one of them again");
        assert_eq!(ban(&mut bans, BANS_MAX, 2_000, 1_000), Ok(()));
        assert_eq!(bans.live(Time::from_millis(1_000)).count(), 2);
    }
}
