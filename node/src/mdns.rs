//! Who of the same network is on this link: multicast DNS (RFC 6762), on request (`node.mdns`).
//!
//! # What it is good for, and for what not
//! Nodes of one site find one another without an address written down anywhere. Anybody on the link can answer as often and
//! under as many names as he likes, so all answers together are hearsay of one source, like those of a name (`names.rs`).
//!
//! # Rules
//! 1. **An address is where its answer comes from**, with the port that the answer says: nobody names others. Only addresses of
//!    this machine, link and site are taken, unless the network is one of local addresses.
//! 2. **A node asks** when it starts, a second later, two seconds after that, and so on up to once in an hour, and answers at
//!    most once a second (RFC 6762, sections 5.2 and 6).
//! 3. **What is read is bounded**: [`PACKETS_MAX`] datagrams a second, [`FOUND_MAX`] new addresses a minute.
//! 4. A node that listens nowhere where others could dial only asks.
//!
//! # Why not libp2p-mdns
//! It keeps all that anybody on the link says for as long as the sender says, up to 136 years, in a list that it walks for each
//! answer, and queues without a bound; asks for whoever speaks libp2p; and logs every find.
//!
//! IPv4 alone: who has only IPv6 on a link isn't found.

mod packet;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, sockopt};
use tidings_protocol::ground::peer::{PeerAddr, Transport};
use tidings_protocol::ground::reach::Reach;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::packet::{Instance, Said};

/// Where all who speak mDNS listen (RFC 6762, section 3).
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5_353);

/// Longest time between questions (section 5.2).
const ASK_MAX: Duration = Duration::from_secs(3_600);

/// Least time between answers (section 6).
const ANSWER_EVERY: Duration = Duration::from_secs(1);

/// Datagrams that are read in a second; others are dropped by the system. A guess: an answer is 150 bytes and takes
/// some microseconds.
const PACKETS_MAX: u32 = 100;

/// New addresses that are taken in a minute, and how many are remembered so that they aren't new again. A guess: as many as
/// of one name.
const FOUND_MAX: usize = 32;

/// Longest datagram (section 17).
const DATAGRAM_MAX: usize = 9_000;

/// Who we are on the link, and what is to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The network that we are of.
    pub(crate) network: String,
    /// Where we listen.
    pub(crate) listening: Vec<PeerAddr>,
    /// Whether addresses of any range are taken, as in test networks.
    pub(crate) local: bool,
    /// A random number.
    pub(crate) label: u64,
}

/// What was heard so far; knows no socket.
#[derive(Debug)]
struct Ear {
    own: Instance,
    /// Whether others could dial us.
    is_dialable: bool,
    local: bool,
    answered: Option<Instant>,
    /// Addresses that were taken lately. At most [`FOUND_MAX`].
    found: Vec<PeerAddr>,
    since: Option<Instant>,
}

/// What comes of a datagram.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Asked,
    Found(PeerAddr),
}

impl Ear {
    fn new(setup: &Setup) -> Self {
        let port = setup.listening.iter().find(|addr| is_offered(addr, setup.local));
        Self {
            own: Instance {
                label: format!("{:016x}", setup.label),
                network: setup.network.clone(),
                port: port.map_or(0, |addr| addr.port),
            },
            is_dialable: port.is_some(),
            local: setup.local,
            answered: None,
            found: Vec::new(),
            since: None,
        }
    }

    fn hear(&mut self, bytes: &[u8], from: IpAddr, now: Instant) -> Heard {
        match packet::read(bytes) {
            Some(Said::Question) if self.is_dialable => {
                let is_early = self.answered.is_some_and(|last| now < last + ANSWER_EVERY);
                if is_early {
                    return Heard::Nothing;
                }
                self.answered = Some(now);
                Heard::Asked
            }
            Some(Said::Answer(other)) => {
                self.find(&other, from, now).map_or(Heard::Nothing, Heard::Found)
            }
            _ => Heard::Nothing,
        }
    }

    fn find(&mut self, other: &Instance, from: IpAddr, now: Instant) -> Option<PeerAddr> {
        let is_ours = other.network == self.own.network && other.label != self.own.label;
        let is_near = matches!(Reach::of(from), Some(Reach::Host | Reach::Link | Reach::Site));
        let addr = PeerAddr::new(from, other.port, Transport::Tcp);
        if !is_ours || !(is_near || self.local) || !addr.is_dialable() {
            return None;
        }
        if self.since.is_none_or(|since| now >= since + Duration::from_secs(60)) {
            (self.since, self.found) = (Some(now), Vec::new());
        }
        if self.found.len() >= FOUND_MAX || self.found.contains(&addr) {
            return None;
        }
        self.found.push(addr);
        Some(addr)
    }
}

/// Whether whoever is on the link could dial us there. That is told without an address, so loopback counts only where all are on
/// one machine.
fn is_offered(addr: &PeerAddr, local: bool) -> bool {
    addr.transport == Transport::Tcp && addr.ip.is_ipv4() && (local || !addr.ip.is_loopback())
}

/// Which of our addresses the link is at: the one that we listen on, if it is one; else the system chooses.
fn interface(listening: &[PeerAddr]) -> Ipv4Addr {
    let own = listening.iter().find_map(|addr| match addr.ip {
        IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
        _ => None,
    });
    own.unwrap_or(Ipv4Addr::UNSPECIFIED)
}

/// A socket in the group, beside those of other programs of this machine.
fn join(listening: &[PeerAddr]) -> io::Result<UdpSocket> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    let interface = interface(listening);
    sockopt::set_ip_multicast_if(&socket, &interface)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, GROUP.port()))?;
    let socket = std::net::UdpSocket::from(socket);
    socket.set_nonblocking(true)?;
    socket.join_multicast_v4(GROUP.ip(), &interface)?;
    socket.set_multicast_ttl_v4(255)?; // section 11
    socket.set_multicast_loop_v4(true)?;
    UdpSocket::from_std(socket)
}

/// Begins to ask and to answer on the link, until whoever gets what is found is gone.
///
/// # Errors
/// What the system says if it has no such link.
pub(crate) fn start(setup: &Setup) -> io::Result<mpsc::Receiver<PeerAddr>> {
    let socket = join(&setup.listening)?;
    let (found, receiver) = mpsc::channel(FOUND_MAX);
    tokio::spawn(run(socket, GROUP.into(), Ear::new(setup), found));
    Ok(receiver)
}

async fn run(socket: UdpSocket, group: SocketAddr, mut ear: Ear, found: mpsc::Sender<PeerAddr>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    let (mut ask_at, mut wait) = (Instant::now(), Duration::from_secs(1));
    let (mut second, mut packets) = (Instant::now(), 0);
    loop {
        let now = Instant::now();
        if now >= ask_at {
            say(&socket, group, packet::question()).await;
            (ask_at, wait) = (now + wait, (2 * wait).min(ASK_MAX));
        }
        if now >= second + Duration::from_secs(1) {
            (second, packets) = (now, 0);
        }
        let is_over = packets >= PACKETS_MAX;
        let until = if is_over { second + Duration::from_secs(1) } else { ask_at };
        let datagram = tokio::select! {
            () = found.closed() => return,
            () = tokio::time::sleep_until(until) => continue,
            datagram = socket.recv_from(&mut buffer), if !is_over => datagram,
        };
        packets += 1;
        // Errors are those of what was sent earlier, mostly.
        let Ok((length, from)) = datagram else { continue };
        match ear.hear(&buffer[..length], from.ip(), now) {
            Heard::Nothing => {}
            Heard::Asked => say(&socket, group, packet::answer(&ear.own)).await,
            // Whoever is too busy for it hears it again.
            Heard::Found(addr) => _ = found.try_send(addr),
        }
    }
}

/// Says something to all. A link that is down hears it another time.
async fn say(socket: &UdpSocket, to: SocketAddr, bytes: Option<Vec<u8>>) {
    if let Some(bytes) = bytes
        && let Err(error) = socket.send_to(&bytes, to).await
    {
        tracing::debug!(%error, "nothing could be said on this link");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(label: u64) -> Setup {
        let listening = vec!["0.0.0.0:4000".parse().unwrap()];
        Setup { network: "here".to_owned(), listening, local: false, label }
    }

    fn answer(label: &str, network: &str, port: u16) -> Vec<u8> {
        let (label, network) = (label.to_owned(), network.to_owned());
        packet::answer(&Instance { label, network, port }).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn whoever_is_of_this_network_and_site_is_found_where_it_speaks_from() {
        let (mut ear, now) = (Ear::new(&setup(1)), Instant::now());
        let found = Heard::Found("192.168.1.7:4001".parse().unwrap());
        assert_eq!(ear.hear(&answer("b", "here", 4_001), ip("192.168.1.7"), now), found);
        for (bytes, from) in [
            (answer("b", "here", 4_001), "192.168.1.7"), // again
            (answer("b", "elsewhere", 4_001), "192.168.1.8"),
            (answer("0000000000000001", "here", 4_001), "192.168.1.9"), // we ourselves
            (answer("b", "here", 4_001), "8.8.8.8"),
            (answer("b", "here", 0), "192.168.1.10"),
            (b"nonsense".to_vec(), "192.168.1.11"),
        ] {
            assert_eq!(ear.hear(&bytes, ip(from), now), Heard::Nothing, "{from}");
        }
    }

    #[test]
    fn whoever_floods_the_link_is_answered_once_a_second_and_believed_so_often_a_minute() {
        let (mut ear, begin) = (Ear::new(&setup(1)), Instant::now());
        let (mut answers, mut found) = (0, 0);
        let question = packet::question().unwrap();
        for n in 0..60_000_u32 {
            let now = begin + Duration::from_millis(2 * u64::from(n));
            let [.., high, low] = n.to_be_bytes();
            let from = IpAddr::from([10, 0, high, low]);
            answers += u32::from(ear.hear(&question, from, now) == Heard::Asked);
            let answer = answer("b", "here", 4_000);
            found += u32::from(matches!(ear.hear(&answer, from, now), Heard::Found(_)));
            assert!(ear.found.len() <= FOUND_MAX);
        }
        assert_eq!((answers, found), (120, 64), "in two minutes");
    }

    #[test]
    fn a_node_that_nobody_could_dial_only_asks() {
        for (listening, local, answers) in [
            ("0.0.0.0:4000", false, true),
            ("192.168.1.2:4000", false, true),
            ("127.0.0.1:4000", false, false),
            ("127.0.0.1:4000", true, true),
            ("[::]:4000", false, false),
            ("0.0.0.0:4000/quic", false, false),
        ] {
            let listening = vec![listening.parse().unwrap()];
            let mut ear = Ear::new(&Setup { listening, local, ..setup(1) });
            let heard = ear.hear(&packet::question().unwrap(), ip("10.0.0.1"), Instant::now());
            assert_eq!(heard == Heard::Asked, answers, "{:?}", ear.own);
        }
    }

    #[tokio::test]
    async fn two_nodes_on_a_link_find_each_other() {
        let here = (Ipv4Addr::LOCALHOST, 0);
        let (one, other) =
            (UdpSocket::bind(here).await.unwrap(), UdpSocket::bind(here).await.unwrap());
        let (to_one, to_other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let mut found = Vec::new();
        for (socket, group, label) in [(one, to_other, 1), (other, to_one, 2)] {
            let (sender, receiver) = mpsc::channel(1);
            tokio::spawn(run(socket, group, Ear::new(&setup(label)), sender));
            found.push(receiver);
        }
        for mut found in found {
            assert_eq!(found.recv().await, Some("127.0.0.1:4000".parse().unwrap()));
        }
    }
}
