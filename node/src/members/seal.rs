//! What is sealed and opened: datagrams, and what is said by streams.
//!
//! ```text
//! sealed   version u8 (1)  network u16  key id [4]  session [16]  count u64  ciphertext, with its tag of 16 bytes
//! open     version u8 (0)  network u16  check [4]   session [16]  count u64  the bytes as they are
//! ```
//! Numbers are little-endian. The cipher is XChaCha20-Poly1305, its nonce session and count: a session is 16 random bytes of
//! the process, and no count is used twice in it. What else the tag vouches for (its *associated data*) is the head, the network's name, and the
//! [`Purpose`]: so a datagram opens in one network and at one address only, and an answer belongs to one question.
//!
//! Without any key the same stands there open. The check is no proof of anything then: it finds mistakes, such as two
//! networks at one address. A node with keys hears nothing that is open, and one without nothing that is sealed.
//!
//! *Attacks:* bytes of strangers, which cost a comparison, or, if they know the id of a key, the tag of at most a datagram (some two
//! microseconds); bytes that were sent before (`members/replay.rs`); bytes sent elsewhere. None of them says anything to the machine.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::membership::PACKET_MAX;

use super::keyring::{Key, KeyId, Keyring};

/// Bytes before what is sealed.
pub(super) const HEAD: usize = 1 + 2 + 4 + 16 + 8;

/// Bytes that sealing adds: 47. With a packet of 1,400 bytes a datagram fits into a frame of Ethernet over IPv6 (1,452), too.
pub(super) const OVERHEAD: usize = HEAD + 16;

/// Longest datagram.
pub(super) const DATAGRAM_MAX: usize = PACKET_MAX + OVERHEAD;

const SEALED: u8 = 1;
const OPEN: u8 = 0;

/// What names one thing that was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The sender's process.
    pub(super) session: [u8; 16],
    /// How many it had sealed before.
    pub(super) count: u64,
}

/// What something is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be sent to an address, the one that its receiver is known by.
    Datagram(SocketAddr),
    /// To be said by a stream.
    Question,
    /// To answer a question.
    Answer(Stamp),
}

/// Why something doesn't open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shut {
    /// It ends before its head does.
    Short,
    /// It is longer than any is.
    Long,
    /// Of another version.
    Version,
    /// Of another network.
    Network,
    /// Sealed with a key that isn't here.
    Key,
    /// It was changed, or meant for somebody or something else.
    Forged,
    /// It is open, and we have a key.
    Unsealed,
    /// It is sealed, and we have no key.
    Sealed,
}

impl Shut {
    pub(super) const ALL: [Self; 8] = [
        Self::Short,
        Self::Long,
        Self::Version,
        Self::Network,
        Self::Key,
        Self::Forged,
        Self::Unsealed,
        Self::Sealed,
    ];

    /// Its name among what was dropped.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Short => "truncated",
            Self::Long => "oversized",
            Self::Version => "version",
            Self::Network => "network",
            Self::Key => "key",
            Self::Forged => "forged",
            Self::Unsealed => "unsealed",
            Self::Sealed => "sealed",
        }
    }
}

/// Seals and opens for one process. Shared by all who do.
#[derive(Debug)]
pub(super) struct Seal {
    network: Hash256,
    session: [u8; 16],
    count: AtomicU64,
    ring: Mutex<Arc<Keyring>>,
}

impl Seal {
    /// For a network's name. `session` must be random, and no other's ever.
    pub(super) fn new(network: &str, ring: Keyring, session: [u8; 16]) -> Self {
        let network = Hash256::of(format!("tidings members\n{network}").as_bytes());
        Self { network, session, count: AtomicU64::new(0), ring: Mutex::new(Arc::new(ring)) }
    }

    /// The keys as they are now.
    pub(super) fn ring(&self) -> Arc<Keyring> {
        // A panic can't leave it half changed.
        Arc::clone(&self.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other keys from now on.
    pub(super) fn set_ring(&self, ring: Keyring) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Seals bytes, and names them.
    pub(super) fn seal(&self, purpose: Purpose, bytes: &[u8]) -> (Vec<u8>, Stamp) {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let stamp = Stamp { session: self.session, count };
        let ring = self.ring();
        let Some(key) = ring.primary() else {
            let mut out = self.head(OPEN, self.check(purpose, &stamp), &stamp);
            out.extend_from_slice(bytes);
            return (out, stamp);
        };
        let mut out = self.head(SEALED, key.id().0, &stamp);
        let aad = self.associated(&out, purpose);
        let sealed = cipher(key).encrypt(&nonce(&stamp), Payload { msg: bytes, aad: &aad });
        out.extend(
            sealed.expect("what is sealed is far shorter than the cipher's bound of 256 GiB"),
        );
        (out, stamp)
    }

    /// Opens what somebody sealed for this purpose, with whatever key of ours.
    pub(super) fn open(&self, purpose: Purpose, bytes: &[u8]) -> Result<(Vec<u8>, Stamp), Shut> {
        let ring = self.ring();
        let (stamp, name) = self.look(&ring, bytes)?;
        let (head, body) = bytes.split_at(HEAD);
        let Some(key) = ring.get(KeyId(name)) else {
            let is_meant = self.check(purpose, &stamp) == name;
            return if is_meant { Ok((body.to_vec(), stamp)) } else { Err(Shut::Forged) };
        };
        let aad = self.associated(head, purpose);
        let opened = cipher(key).decrypt(&nonce(&stamp), Payload { msg: body, aad: &aad });
        opened.map(|opened| (opened, stamp)).map_err(|_| Shut::Forged)
    }

    /// Whether a head may be of something that opens: what is worth reading on.
    pub(super) fn may_open(&self, head: &[u8]) -> Result<(), Shut> {
        self.look(&self.ring(), head).map(drop)
    }

    /// Reads a head: its stamp, and the id of a key of ours, or the check of what is open.
    fn look(&self, ring: &Keyring, bytes: &[u8]) -> Result<(Stamp, [u8; 4]), Shut> {
        let Some((&[version], rest)) = bytes.split_first_chunk::<1>() else {
            return Err(Shut::Short);
        };
        match version {
            SEALED if ring.is_empty() => return Err(Shut::Sealed),
            OPEN if !ring.is_empty() => return Err(Shut::Unsealed),
            SEALED | OPEN => {}
            _ => return Err(Shut::Version),
        }
        let (network, rest) = rest.split_first_chunk::<2>().ok_or(Shut::Short)?;
        if *network != self.tag() {
            return Err(Shut::Network);
        }
        let (name, rest) = rest.split_first_chunk::<4>().ok_or(Shut::Short)?;
        let (session, rest) = rest.split_first_chunk::<16>().ok_or(Shut::Short)?;
        let (count, _) = rest.split_first_chunk::<8>().ok_or(Shut::Short)?;
        if version == SEALED && ring.get(KeyId(*name)).is_none() {
            return Err(Shut::Key);
        }
        Ok((Stamp { session: *session, count: u64::from_le_bytes(*count) }, *name))
    }

    fn head(&self, version: u8, name: [u8; 4], stamp: &Stamp) -> Vec<u8> {
        let mut out = Vec::with_capacity(DATAGRAM_MAX);
        out.push(version);
        out.extend_from_slice(&self.tag());
        out.extend_from_slice(&name);
        out.extend_from_slice(&stamp.session);
        out.extend_from_slice(&stamp.count.to_le_bytes());
        out
    }

    /// What tells networks apart at a glance.
    const fn tag(&self) -> [u8; 2] {
        [self.network.0[0], self.network.0[1]]
    }

    /// What the tag vouches for beside what is sealed.
    fn associated(&self, head: &[u8], purpose: Purpose) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(head);
        match purpose {
            Purpose::Datagram(to) => {
                out.push(1);
                // One form for both families, so that nothing is ambiguous.
                let ip = match to.ip().to_canonical() {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                out.extend_from_slice(&ip.octets());
                out.extend_from_slice(&to.port().to_le_bytes());
            }
            Purpose::Question => out.push(2),
            Purpose::Answer(Stamp { session, count }) => {
                out.push(3);
                out.extend_from_slice(&session);
                out.extend_from_slice(&count.to_le_bytes());
            }
        }
        out
    }

    /// What stands for the tag where there is no key.
    fn check(&self, purpose: Purpose, stamp: &Stamp) -> [u8; 4] {
        let head = self.head(OPEN, [0; 4], stamp);
        let hash = Hash256::of(&self.associated(&head, purpose)).0;
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.bytes().into())
}

fn nonce(stamp: &Stamp) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(&stamp.session);
    nonce[16..].copy_from_slice(&stamp.count.to_le_bytes());
    nonce.into()
}

#[cfg(test)]
mod tests;
