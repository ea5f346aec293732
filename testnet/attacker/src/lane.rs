//! One of the peers of an attack: its addresses, its randomness, and how it comes in.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use libp2p::identity::Keypair;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::item::Item;
use tokio::time::timeout;

use crate::items::Mint;
use crate::link::Link;
use crate::mux::Mux;
use crate::secure;
use crate::target::Target;
use crate::tcp::{self, Counted, Counts};

/// How long it tries to come in.
const PATIENCE: Duration = Duration::from_secs(10);

/// First group of the attackers' addresses: 127.64.0.0/16. Honest nodes have 127.0.0.1, newcomers 127.200.0.0/16.
const GROUP: u8 = 64;

/// Groups of the attackers' addresses: who is in earnest has a few.
const GROUPS: usize = 8;

/// One of the peers of an attack.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its number among those of its mode.
    pub number: usize,
    /// Who is attacked.
    pub target: Arc<Target>,
    /// What all of them count.
    pub counts: Arc<Counts>,
    rng: ChaCha8Rng,
}

impl Lane {
    /// One of a mode. The name is part of its seed, so that modes side by side make up other things.
    #[must_use]
    pub fn new(mode: &str, number: usize, target: &Arc<Target>, counts: &Arc<Counts>) -> Self {
        let of_mode =
            mode.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let seed = target.seed ^ of_mode.rotate_left(32) ^ number as u64;
        let (target, counts) = (Arc::clone(target), Arc::clone(counts));
        Self { number, target, counts, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The same peer's next life, in which it makes up other things.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut next = self.clone();
        next.rng = ChaCha8Rng::seed_from_u64(next.rng.random());
        next
    }

    /// Its randomness.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    /// Whoever signs for it.
    pub fn mint(&mut self) -> Mint {
        Mint::new(self.rng.random(), &self.target)
    }

    /// An address of its own, the same each time.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        nth_address(self.number)
    }

    /// A TCP connection, and nothing else.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn tcp(&self) -> io::Result<Counted> {
        self.tcp_from(self.address()).await
    }

    /// A TCP connection from an address.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn tcp_from(&self, from: Ipv4Addr) -> io::Result<Counted> {
        in_time(tcp::connect(self.target.addr, from, &self.counts)).await
    }

    /// A session without any stream of ours.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn mux(&mut self) -> io::Result<Mux> {
        let tcp = self.tcp().await?;
        let identity = self.identity()?;
        Ok(Mux::new(in_time(secure::secure(tcp, &identity)).await?))
    }

    /// A link, with hellos said, as a peer that nobody has seen before.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn link(&mut self) -> io::Result<Link> {
        self.link_from(self.address()).await
    }

    /// A link on which whatever the victim says is read and not looked at.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn deaf_link(&mut self) -> io::Result<Link> {
        let mut link = self.link().await?;
        link.listens = false;
        Ok(link)
    }

    /// A deaf link over which the victim got an item, which it can be asked for.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn link_with(&mut self, item: &Arc<Item>) -> io::Result<Link> {
        let mut link = self.link().await?;
        link.give(item).await?;
        link.ping(1).await?;
        link.listens = false;
        Ok(link)
    }

    /// A link from an address.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn link_from(&mut self, from: Ipv4Addr) -> io::Result<Link> {
        let identity = self.identity()?;
        self.link_as(from, &identity, &[]).await
    }

    /// A link from an address as somebody, who tells `identify` of itself if that isn't empty.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub async fn link_as(
        &self,
        from: Ipv4Addr,
        identity: &Keypair,
        identify: &[u8],
    ) -> io::Result<Link> {
        let coming = async {
            let tcp = tcp::connect(self.target.addr, from, &self.counts).await?;
            let mux = Mux::new(secure::secure(tcp, identity).await?);
            let mut link = Link::before_hello(mux, &self.target, identify).await?;
            link.greet(&self.counts).await?;
            Ok(link)
        };
        in_time(coming).await
    }

    /// Somebody whom nobody has seen before.
    ///
    /// # Errors
    /// Never: 32 bytes are a key.
    pub fn identity(&mut self) -> io::Result<Keypair> {
        let seed: [u8; 32] = self.rng.random();
        Keypair::ed25519_from_bytes(seed).map_err(io::Error::other)
    }
}

/// An address of the attackers: neighbours are of different groups.
#[must_use]
pub fn nth_address(number: usize) -> Ipv4Addr {
    let group = GROUP + u8::try_from(number % GROUPS).unwrap_or(0);
    let host = number / GROUPS;
    let [.., high, low] = u32::try_from(host + 1).unwrap_or(1).to_be_bytes();
    Ipv4Addr::new(127, group, high, low.max(1))
}

async fn in_time<T>(coming: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, coming).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_of_different_groups() {
        assert_eq!(nth_address(0), Ipv4Addr::new(127, 64, 0, 1));
        assert_eq!(nth_address(1), Ipv4Addr::new(127, 65, 0, 1));
        assert_eq!(nth_address(8), Ipv4Addr::new(127, 64, 0, 2));
    }
}
