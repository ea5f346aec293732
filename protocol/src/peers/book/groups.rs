//! Which addresses easily have one owner: network groups.
//!
//! Addresses are free to make up, and cheap to have where one has some already. What costs something is networks. So
//! buckets, draws and links are shared out by group:
//! - **In the world** a group is the first 16 bits of an IPv4 address and the first 32 of an IPv6 address, as in Bitcoin
//!   Core (`NetGroupManager::GetGroup`); or, if our operator has a map of them ([`AsMap`], `asmap.rs`), the autonomous system that
//!   announces the address. A provider has thousands of /16s, so the map makes an attacker pay for more.
//! - **Nearer** (this machine, link and site), and in ranges that are nobody's, each address with its port is by itself.
//!   Whole test networks live on one machine, and who is on our site is no stranger from the world.

use std::net::IpAddr;
use std::sync::Arc;

use crate::ground::reach::Origin;

/// A map from addresses to the autonomous systems that announce them. Whoever can read one implements it.
pub trait AsMap: std::fmt::Debug + Send + Sync {
    /// The number of the autonomous system; `None` if the map has none for the address.
    fn system_of(&self, ip: IpAddr) -> Option<u32>;
}

/// The rule by which addresses are grouped.
#[derive(Clone, Debug, Default)]
pub struct Groups(Option<Arc<dyn AsMap>>);

/// Tells autonomous systems from networks: those begin with 0 (IPv4) or with 2 or 3 (IPv6).
const SYSTEM: u32 = 0x8000_0000;

impl Groups {
    /// By autonomous system, and by network where the map has none.
    #[must_use]
    pub fn by_system(map: Arc<dyn AsMap>) -> Self {
        Self(Some(map))
    }

    /// The group of an address of the world; `None` for one that is by itself.
    #[must_use]
    pub fn group(&self, ip: IpAddr) -> Option<u32> {
        let network = Origin::of(ip).network()?;
        let system = self.0.as_ref().and_then(|map| map.system_of(ip));
        Some(system.map_or(network, |system| system | SYSTEM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in 8.0.0.0/8 is of one system, and nothing else is of any.
    #[derive(Debug)]
    struct Eights;

    impl AsMap for Eights {
        fn system_of(&self, ip: IpAddr) -> Option<u32> {
            matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 8).then_some(15_169)
        }
    }

    fn group(groups: &Groups, ip: &str) -> Option<u32> {
        groups.group(ip.parse().unwrap())
    }

    #[test]
    fn addresses_of_the_world_are_grouped_by_network() {
        let groups = Groups::default();
        assert_eq!(group(&groups, "8.8.8.8"), group(&groups, "8.8.4.4"));
        assert_ne!(group(&groups, "8.8.8.8"), group(&groups, "8.9.8.8"));
        assert_eq!(group(&groups, "2a00:1450::1"), group(&groups, "2a00:1450:4001::2"));
        for alone in ["127.0.0.1", "192.168.1.1", "fd00::1", "198.51.100.7"] {
            assert_eq!(group(&groups, alone), None, "{alone}");
        }
    }

    #[test]
    fn a_map_groups_them_by_autonomous_system() {
        let groups = Groups::by_system(Arc::new(Eights));
        assert_eq!(group(&groups, "8.8.8.8"), group(&groups, "8.9.8.8"));
        assert_eq!(group(&groups, "9.9.9.9"), group(&Groups::default(), "9.9.9.9"));
        assert_ne!(group(&groups, "8.8.8.8"), group(&groups, "9.9.9.9"));
        assert_eq!(group(&groups, "127.0.0.1"), None);
    }
}
