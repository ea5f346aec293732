//! Asks for what a name leads to: the system for addresses of hosts, name servers for texts.
//!
//! # What one name brings
//! At most [`ADDRESSES_MAX`] addresses; a name whose texts name others has at most [`LOOKUPS_MAX`] looked up, and
//! [`TEXTS_MAX`] texts of each are read. *Attack:* whoever answers for the name answers with as much as he likes, and
//! with names that lead to one another.
//!
//! # Where it may lead
//! A host with a port leads wherever its addresses are, at that port: names of this site are what most fleets have. What
//! *texts* say, port included, may only lead to the world, unless the network is one of local addresses: else whoever
//! answers for a name of the world has nodes dial their neighbours' printers. (As with addresses that peers tell: `ground/reach.rs`
//! of the core.) Whom texts say to be there counts only where our operator named that peer: else they could keep us from others.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};

use libp2p::PeerId;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::ground::reach::Reach;

use super::texts;
use crate::config::seeds::{Name, Seed, SeedAt};

/// Most addresses that are taken of one name (Bitcoin Core: `nMaxIPs` in `CConnman::ThreadDNSAddressSeed`, `net.cpp`, 32 since
/// v28 and 256 before).
pub(crate) const ADDRESSES_MAX: usize = 32;

/// Most look-ups that one name leads to (libp2p-dns: `MAX_DNS_LOOKUPS`).
const LOOKUPS_MAX: usize = 32;

/// Most texts of a name that are read (libp2p-dns: `MAX_TXT_RECORDS`).
const TEXTS_MAX: usize = 16;

/// What can be asked. It may take its time: whoever asks has a thread for it.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of a host.
    ///
    /// # Errors
    /// When there is no such host, or nobody answers.
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// The texts of a name in the DNS.
    ///
    /// # Errors
    /// When there is no such name, or nobody answers.
    fn texts(&self, name: &str) -> io::Result<Vec<String>>;
}

/// Asks this machine's resolver (`getaddrinfo`, so files of hosts count), and its name servers for texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolver for System {
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok((host, 0).to_socket_addrs()?.map(|socket| socket.ip()).collect())
    }

    fn texts(&self, name: &str) -> io::Result<Vec<String>> {
        texts::ask(name)
    }
}

/// What is asked for, and how it is to be taken.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: Name,
    /// Of texts that say who is where, only those that say this one.
    pub(super) peer: Option<PeerId>,
    /// Whether texts may lead anywhere.
    pub(super) local: bool,
}

/// What is known of an answer so far.
#[derive(Debug)]
struct Search<'a> {
    question: &'a Question,
    /// Names that were asked or are to be, and whether texts told them.
    names: Vec<(Name, bool)>,
    found: Vec<PeerAddr>,
}

impl Search<'_> {
    fn take(&mut self, addr: PeerAddr, by_texts: bool) {
        let is_allowed = self.question.local
            || match Reach::of(addr.ip) {
                Some(reach) => !by_texts || reach == Reach::World,
                None => false,
            };
        let is_wanted = addr.is_dialable() && is_allowed && !self.found.contains(&addr);
        if is_wanted && self.found.len() < ADDRESSES_MAX {
            self.found.push(addr);
        }
    }

    /// Reads a text: an address or a name after `dnsaddr=`, as libp2p writes it. Others are for others.
    fn read(&mut self, text: &str) {
        let Some(seed) = text.strip_prefix("dnsaddr=").filter(|text| text.starts_with('/')) else {
            return;
        };
        let Ok(Seed { at, peer }) = seed.parse() else { return };
        if self.question.peer.is_some() && peer != self.question.peer {
            return;
        }
        match at {
            SeedAt::Addr(addr) => self.take(addr, true),
            SeedAt::Name(name) => {
                let is_new = self.names.iter().all(|(known, _)| *known != name);
                if is_new && self.names.len() < LOOKUPS_MAX {
                    self.names.push((name, true));
                }
            }
            SeedAt::Neighbourhood => {}
        }
    }

    fn ask(&mut self, (name, by_texts): (Name, bool), resolver: &dyn Resolver) -> io::Result<()> {
        match name {
            Name::Host { host, family, port, transport } => {
                for ip in resolver.addresses(&host)?.into_iter().filter(|ip| family.has(*ip)) {
                    self.take(PeerAddr::new(ip, port, transport), by_texts);
                }
            }
            Name::Texts(name) => {
                let texts = resolver.texts(&format!("_dnsaddr.{name}"))?;
                texts.iter().take(TEXTS_MAX).for_each(|text| self.read(text));
            }
        }
        Ok(())
    }
}

/// The addresses that a name leads to.
///
/// # Errors
/// Why there are none, as the end of a sentence.
pub(super) fn look_up(
    question: &Question,
    resolver: &dyn Resolver,
) -> Result<Vec<PeerAddr>, String> {
    let names = vec![(question.name.clone(), false)];
    let mut search = Search { question, names, found: Vec::new() };
    let (mut asked, mut first_error) = (0, None);
    while let Some(next) = search.names.get(asked).cloned() {
        if search.found.len() >= ADDRESSES_MAX {
            break;
        }
        if let Err(error) = search.ask(next, resolver) {
            first_error.get_or_insert(error);
        }
        asked += 1;
    }
    match (search.found.is_empty(), first_error) {
        (false, _) => Ok(search.found),
        (true, Some(error)) => Err(error.to_string()),
        (true, None) => Err("it leads to no address that could be dialled".to_owned()),
    }
}
