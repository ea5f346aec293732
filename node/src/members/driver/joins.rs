//! Who waits to hear what becomes of joining.
//!
//! Whoever asks members who is there is answered once all of them have answered, or refused, or after [`PATIENCE`].

use std::net::SocketAddr;
use std::time::Duration;

use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::JOIN_MAX;
use tokio::sync::oneshot;

use crate::api::members::Joined;
use crate::members::control::MembersRefused;

/// How long those who are asked have. A little more than a stream has, which ends by then.
const PATIENCE: Duration = Duration::from_secs(11);

/// Most that wait. A guess: an operator's scripts.
const WAITING_MAX: usize = 16;

type Reply = oneshot::Sender<Result<Joined, MembersRefused>>;

#[derive(Debug)]
struct Waiting {
    /// Who hasn't answered yet.
    left: Vec<SocketAddr>,
    joined: Joined,
    until: Time,
    reply: Reply,
}

/// All who wait.
#[derive(Debug, Default)]
pub(super) struct Joins(Vec<Waiting>);

impl Joins {
    /// Somebody wants to have members asked. Those to ask; or nobody, and why has been said.
    pub(super) fn begin(
        &mut self,
        addrs: &[SocketAddr],
        own: SocketAddr,
        now: Time,
        reply: Reply,
    ) -> Option<Vec<SocketAddr>> {
        let mut left: Vec<_> = addrs.iter().map(|addr| canonical(*addr)).collect();
        left.sort_unstable();
        left.dedup();
        left.retain(|addr| *addr != own);
        let refused = match left.len() {
            0 => MembersRefused::Nobody,
            len if len > JOIN_MAX => MembersRefused::TooMany(len),
            _ if self.0.len() >= WAITING_MAX => MembersRefused::Busy,
            asked => {
                let (joined, until) = (Joined { asked, answered: 0 }, now + PATIENCE);
                self.0.push(Waiting { left: left.clone(), joined, until, reply });
                return Some(left);
            }
        };
        let _ = reply.send(Err(refused));
        None
    }

    /// A member that was asked has answered, or won't.
    pub(super) fn heard(&mut self, by: SocketAddr, has_answered: bool) {
        let by = canonical(by);
        for waiting in &mut self.0 {
            if let Some(at) = waiting.left.iter().position(|addr| *addr == by) {
                waiting.left.swap_remove(at);
                waiting.joined.answered += usize::from(has_answered);
            }
        }
        self.answer(|waiting| waiting.left.is_empty());
    }

    /// Answers those who have waited long enough.
    pub(super) fn expire(&mut self, now: Time) {
        self.answer(|waiting| waiting.until <= now);
    }

    /// When that is next.
    pub(super) fn deadline(&self) -> Time {
        self.0.iter().map(|waiting| waiting.until).min().unwrap_or(Time::NEVER)
    }

    fn answer(&mut self, is_over: impl Fn(&Waiting) -> bool) {
        for Waiting { joined, reply, .. } in self.0.extract_if(.., |waiting| is_over(waiting)) {
            let _ = reply.send(Ok(joined));
        }
    }
}

const fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_told_when_all_have_answered_or_time_is_over() {
        let addr = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let mut joins = Joins::default();
        let begin = |joins: &mut Joins, addrs: &[SocketAddr]| {
            let (reply, answer) = oneshot::channel();
            (joins.begin(addrs, addr(9), Time::ZERO, reply), answer)
        };
        let (asked, mut answer) = begin(&mut joins, &[addr(1), addr(2), addr(1), addr(9)]);
        assert_eq!(asked, Some(vec![addr(1), addr(2)]), "each once, and not itself");
        joins.heard("[::ffff:10.0.0.1]:1".parse().unwrap(), true);
        assert!(answer.try_recv().is_err());
        joins.heard(addr(2), false);
        assert_eq!(answer.try_recv(), Ok(Ok(Joined { asked: 2, answered: 1 })));
        let (_, mut answer) = begin(&mut joins, &[addr(3)]);
        assert_eq!(joins.deadline(), Time::ZERO + PATIENCE);
        joins.expire(Time::ZERO + PATIENCE);
        assert_eq!(answer.try_recv(), Ok(Ok(Joined { asked: 1, answered: 0 })));
        assert_eq!(begin(&mut joins, &[addr(9)]).1.try_recv(), Ok(Err(MembersRefused::Nobody)));
        let many: Vec<_> = (100..117).map(addr).collect();
        assert_eq!(begin(&mut joins, &many).1.try_recv(), Ok(Err(MembersRefused::TooMany(17))));
        let waiting: Vec<_> = (0..WAITING_MAX).map(|_| begin(&mut joins, &[addr(1)])).collect();
        assert_eq!(begin(&mut joins, &[addr(1)]).1.try_recv(), Ok(Err(MembersRefused::Busy)));
        drop(waiting);
    }
}
