//! A victim that is full beforehand, for attacks by strangers at a steady rate.
//!
//! Honest nodes come from an address each, of a network each, and all of them dial the victim: whatever one submits reaches the others through it
//! alone. Strangers who behave well take all places that are left, one for each network. So places are shared out as evenly as can be, and a
//! node that looked at nothing but that would let nobody in any more.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tidings_attacker::lane::Lane;
use tidings_attacker::link::Link;
use tidings_attacker::mode::Mode;
use tidings_attacker::strangers::{NETWORKS, Whence};
use tidings_attacker::target::Target;
use tidings_attacker::tcp::Counts;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::args::NODES_MAX;
use crate::launch::local::Node;
use crate::launch::plan::NodePlan;

/// Nodes of such a bout, if nothing else was asked for: the victim and some that relay through it. A guess.
pub const NODES: usize = 6;

/// First network of honest nodes: 127.130.0.0/16. Strangers have those below it, newcomers those from 127.200.0.0/16 on.
const HONEST: u8 = 130;

/// Whether a bout is one of strangers at a steady rate, and nothing else.
#[must_use]
pub fn is_for(modes: &[&'static Mode]) -> bool {
    modes.iter().all(|mode| mode.per_s.is_some())
}

/// Ways that lead to the victim, one for each honest node, and on which it comes from an address of its own: a node can't choose from
/// which of this machine's addresses it dials. They end when this is dropped.
#[derive(Debug, Default)]
pub struct Ways {
    _led: JoinSet<()>,
}

impl Ways {
    /// Has all nodes dial the victim, each on its way. Returns how many links each has then, too.
    ///
    /// # Errors
    /// When the system has no port left.
    pub async fn pave(nodes: &mut [NodePlan], victim: usize) -> io::Result<(Self, Vec<usize>)> {
        let (to, others, mut ways) =
            (nodes[victim].addr().socket(), nodes.len() - 1, JoinSet::new());
        for node in &mut *nodes {
            node.bootstrap.clear();
            node.connect.clear();
            if node.index != victim {
                let network = HONEST + u8::try_from(node.index).unwrap_or(0);
                let way = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                node.connect.push(PeerAddr::tcp(way.local_addr()?));
                ways.spawn(lead(way, Ipv4Addr::new(127, network, 0, 1), to));
            }
        }
        let degrees = (0..=others).map(|index| if index == victim { others } else { 1 });
        Ok((Self { _led: ways }, degrees.collect()))
    }
}

/// Hands on whoever comes, from an address.
async fn lead(way: TcpListener, from: Ipv4Addr, to: SocketAddr) {
    let mut walking = JoinSet::new();
    while let Ok((near, _)) = way.accept().await {
        walking.spawn(walk(near, from, to));
    }
}

async fn walk(mut near: TcpStream, from: Ipv4Addr, to: SocketAddr) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let mut far = socket.connect(to).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    copy_bidirectional(&mut near, &mut far).await.map(drop)
}

/// How often the victim is asked, and how long it has to count the last ones.
const POLL: Duration = Duration::from_millis(50);
const COUNTED: Duration = Duration::from_secs(5);

/// How many inbound places are taken.
async fn taken(victim: &Node) -> Result<usize, String> {
    let status = victim.client.status().await.map_err(|error| error.to_string())?;
    Ok(status.inbound)
}

/// Strangers who hold places of the victim and behave well.
#[derive(Debug, Default)]
pub struct Settlers(Vec<Link>);

impl Settlers {
    /// Has a stranger come from each network of theirs, until no place is left.
    ///
    /// # Errors
    /// When places are left all the same, or the victim doesn't answer.
    pub async fn settle(
        target: &Arc<Target>,
        victim: &Node,
        places: usize,
    ) -> Result<Self, String> {
        let (counts, mut settlers) = (Arc::<Counts>::default(), Self::default());
        for number in 0..usize::from(NETWORKS) {
            let mut lane = Lane::new("settlers", number, target, &counts);
            let coming = lane.link_from(Whence::Many.address(number));
            // Whoever is turned away isn't waited for, and those who are there answer pings meanwhile.
            let link = tokio::select! {
                link = coming => link,
                () = settlers.stay() => unreachable!("they stay"),
            };
            settlers.0.extend(link);
            // One more would end somebody's trial.
            if number + NODES_MAX >= places && taken(victim).await? >= places {
                return Ok(settlers);
            }
        }
        // The last ones are counted once their hellos are read.
        let full = async {
            while taken(victim).await? < places {
                sleep(POLL).await;
            }
            Ok::<(), String>(())
        };
        match settlers.during(timeout(COUNTED, full)).await {
            Ok(counted) => counted.map(|()| settlers),
            Err(_) => {
                Err(format!("{} of {places} places are taken, not all", taken(victim).await?))
            }
        }
    }

    /// They stay for as long as they may; this never ends.
    pub async fn stay(&mut self) {
        join_all(self.0.iter_mut().map(Link::stay_for_good)).await;
        // All of them lost their places, which the victim may do.
        std::future::pending::<()>().await;
    }

    /// Does something while they stay.
    pub async fn during<T>(&mut self, doing: impl Future<Output = T>) -> T {
        tokio::select! {
            done = doing => done,
            () = self.stay() => unreachable!("they stay"),
        }
    }
}
