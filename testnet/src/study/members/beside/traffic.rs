//! What crosses the network of this process's namespace, as the kernel counts it (proc(5), `/proc/net/dev` and `/proc/net/snmp`): the same for whoever
//! sends. Loopback has every byte once as sent and once as received; what is sent is counted.

use std::time::{Duration, Instant};

/// The counters at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counters {
    at: Instant,
    /// Bytes over loopback, with the headers of IP, of UDP or TCP, and of Ethernet, which loopback has too.
    bytes: u64,
    /// Datagrams of UDP over IPv4.
    datagrams: u64,
}

/// What was counted between two moments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Traffic {
    pub(super) over: Duration,
    pub(super) bytes: u64,
    pub(super) datagrams: u64,
}

/// Looks at the counters.
///
/// # Errors
/// When the kernel doesn't tell.
pub(super) fn now() -> Result<Counters, String> {
    let untold = |what: &str| format!("the kernel doesn't tell {what}");
    let devices = procfs::net::dev_status().map_err(|_| untold("/proc/net/dev"))?;
    let loopback = devices.get("lo").ok_or_else(|| untold("of an interface `lo`"))?;
    let counted = procfs::net::snmp().map_err(|_| untold("/proc/net/snmp"))?;
    let (bytes, datagrams) = (loopback.sent_bytes, counted.udp_out_datagrams);
    Ok(Counters { at: Instant::now(), bytes, datagrams })
}

impl Counters {
    /// What crossed since an earlier moment.
    pub(super) fn since(&self, earlier: &Self) -> Traffic {
        Traffic {
            over: self.at - earlier.at,
            bytes: self.bytes.saturating_sub(earlier.bytes),
            datagrams: self.datagrams.saturating_sub(earlier.datagrams),
        }
    }
}

impl Traffic {
    /// Datagrams of each of so many, a second.
    pub(super) fn datagrams_each(&self, members: usize) -> f64 {
        self.datagrams as f64 / self.over.as_secs_f64() / members as f64
    }

    /// Bytes of each of so many, a second.
    pub(super) fn bytes_each(&self, members: usize) -> f64 {
        self.bytes as f64 / self.over.as_secs_f64() / members as f64
    }

    /// Datagrams of each of so many that are more than those which it sends anyway, so many a second.
    pub(super) fn beyond(&self, idle_each: f64, members: usize) -> f64 {
        self.datagrams as f64 / members as f64 - idle_each * self.over.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_member_and_second() {
        let traffic = Traffic { over: Duration::from_secs(10), bytes: 8_000, datagrams: 400 };
        assert!((traffic.datagrams_each(20) - 2.0).abs() < 1e-9);
        assert!((traffic.bytes_each(20) - 40.0).abs() < 1e-9);
        assert!((traffic.beyond(1.5, 20) - 5.0).abs() < 1e-9, "20 each, of which 15 anyway");
    }

    #[test]
    fn a_datagram_is_counted() {
        let before = now().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[7; 100], socket.local_addr().unwrap()).unwrap();
        let traffic = now().unwrap().since(&before);
        assert!(traffic.datagrams >= 1 && traffic.bytes >= 128, "{traffic:?}");
    }
}
