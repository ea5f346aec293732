//! Free ports for the nodes: probed, outside the range from which the kernel picks the ports of
//! outgoing connections, and held until the moment a node takes over. The relay needs one for TCP, a member one
//! for TCP and UDP.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep};

/// Where Linux tells the range of its ephemeral ports.
const EPHEMERAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Linux' default, taken where the file can't be read (ip(7)).
const EPHEMERAL_DEFAULT: RangeInclusive<u16> = 32_768..=60_999;

/// Lowest port tried: above those of most services.
const LOWEST: u16 = 10_000;

/// How long a port may stay taken after we gave it up: until a starting process gets the CPU again.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often that is tried.
const RELEASE_POLL: Duration = Duration::from_millis(2);

/// Not enough free ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "only {free} of {wanted} {of} ports are free on 127.0.0.1 (tried {LOWEST} to 65535 without the \
     ephemeral ports {} to {}); stop other listeners, or narrow {EPHEMERAL_RANGE}",
    ephemeral.start(),
    ephemeral.end(),
    of = of.name()
)]
pub struct PortsError {
    /// Ports asked for.
    pub wanted: usize,
    /// Ports found.
    pub free: usize,
    /// For what.
    pub of: Protocols,
    /// Ports not tried.
    pub ephemeral: RangeInclusive<u16>,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// Connections.
    Tcp,
    /// Connections and datagrams.
    TcpAndUdp,
}

impl Protocols {
    const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::TcpAndUdp => "TCP and UDP",
        }
    }
}

/// A port on 127.0.0.1 that is ours as long as this value lives. Bound, but not listened on: whoever
/// dials it is refused, as it should be while there is no node. (With a listener the kernel would
/// take connections in, and the node couldn't bind the port while they are being torn down.)
#[derive(Debug)]
pub struct Port {
    number: u16,
    held: TcpSocket,
    datagrams: Option<UdpSocket>,
}

impl Port {
    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Gives the port up and waits until it is really free. A process that is being started holds
    /// copies of our sockets for a moment: `exec` lets its parent go on before it closes them.
    ///
    /// # Errors
    /// When somebody else has taken the port.
    pub async fn release(self) -> Result<(), PortTaken> {
        let Self { number, held, datagrams } = self;
        let of = if datagrams.is_some() { Protocols::TcpAndUdp } else { Protocols::Tcp };
        drop((held, datagrams));
        let deadline = Instant::now() + RELEASE_TIMEOUT;
        while try_hold(number, of).is_none() {
            if Instant::now() > deadline {
                return Err(PortTaken(number));
            }
            sleep(RELEASE_POLL).await;
        }
        Ok(())
    }
}

/// A port that was taken by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("port in use: somebody else has taken 127.0.0.1:{0}")]
pub struct PortTaken(u16);

/// Finds and holds `wanted` free ports. The search starts at a place that differs from process to
/// process, so that two launchers at the same time rarely try the same ports. What is held already isn't free.
///
/// # Errors
/// When too few are free.
pub fn hold(wanted: usize, of: Protocols) -> Result<Vec<Port>, PortsError> {
    let ephemeral = std::fs::read_to_string(EPHEMERAL_RANGE)
        .ok()
        .and_then(|text| parse_range(&text))
        .unwrap_or(EPHEMERAL_DEFAULT);
    let start = (std::process::id() as usize).wrapping_mul(1_021);
    let held = candidates(&ephemeral, start).filter_map(|number| try_hold(number, of));
    let free: Vec<Port> = held.take(wanted).collect();
    if free.len() < wanted {
        return Err(PortsError { wanted, free: free.len(), of, ephemeral });
    }
    Ok(free)
}

fn try_hold(number: u16, of: Protocols) -> Option<Port> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
    let held = TcpSocket::new_v4().ok()?;
    held.bind(addr).ok()?;
    let datagrams = match of {
        Protocols::Tcp => None,
        Protocols::TcpAndUdp => Some(UdpSocket::bind(addr).ok()?),
    };
    Some(Port { number, held, datagrams })
}

/// Every port that may be tried, once, beginning at the `start`th and going round.
fn candidates(ephemeral: &RangeInclusive<u16>, start: usize) -> impl Iterator<Item = u16> {
    let usable: Vec<u16> = (LOWEST..=u16::MAX).filter(|port| !ephemeral.contains(port)).collect();
    let count = usable.len();
    (0..count).map(move |step| usable[(start % count + step) % count])
}

fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_whitespace();
    let low = words.next()?.parse().ok()?;
    let high = words.next()?.parse().ok()?;
    (low <= high).then_some(low..=high)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn the_kernels_range_is_read() {
        assert_eq!(parse_range("32768\t60999\n"), Some(32_768..=60_999));
        for bad in ["", "1", "9 x", "9 8", "0 70000"] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn ephemeral_and_low_ports_are_never_tried_and_others_once() {
        let ephemeral = 20_000..=60_000;
        let mut tried: Vec<u16> = candidates(&ephemeral, 123_456_789).collect();
        assert!(tried.iter().all(|port| *port >= LOWEST && !ephemeral.contains(port)));
        let count = tried.len();
        tried.sort_unstable();
        tried.dedup();
        assert_eq!((tried.len(), count), (10_000 + 5_535, 10_000 + 5_535));
        assert_eq!(candidates(&(LOWEST..=u16::MAX), 0).count(), 0);
    }

    #[test]
    fn held_ports_are_distinct_and_free_again_when_dropped() {
        let ports = hold(50, Protocols::Tcp).unwrap();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
        let number = numbers[0];
        assert!(try_hold(number, Protocols::Tcp).is_none(), "port {number} is held");
        drop(ports);
        assert!(try_hold(number, Protocols::Tcp).is_some(), "port {number} is free again");
    }

    #[test]
    fn a_port_for_datagrams_is_free_for_both_and_held_for_both() {
        let relays = hold(1, Protocols::Tcp).unwrap().remove(0);
        let port = hold(1, Protocols::TcpAndUdp).unwrap().remove(0);
        assert_ne!(relays.number, port.number);
        assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, port.number)).is_err());
        let Port { number, held, datagrams } = port;
        drop(held);
        assert!(try_hold(number, Protocols::TcpAndUdp).is_none(), "somebody has its datagrams");
        drop(datagrams);
    }

    #[test]
    fn a_released_port_is_waited_for_and_a_taken_one_reported() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let [first, second]: [Port; 2] = hold(2, Protocols::Tcp).unwrap().try_into().unwrap();
            // Another holder of the same socket, as a process that is being started.
            let copy = first.held.as_fd().try_clone_to_owned().unwrap();
            let let_go = async {
                sleep(Duration::from_millis(50)).await;
                drop(copy);
            };
            let (released, ()) = tokio::join!(first.release(), let_go);
            assert_eq!(released, Ok(()));
            let _copy = second.held.as_fd().try_clone_to_owned().unwrap();
            assert_eq!(second.release().await.map_err(|taken| taken.0 > 0), Err(true));
        });
    }

    #[test]
    fn asking_for_more_than_there_are_is_refused() {
        let error = PortsError { wanted: 5, free: 2, of: Protocols::Tcp, ephemeral: 1..=2 };
        assert!(error.to_string().starts_with("only 2 of 5 TCP ports are free"), "{error}");
        let error = PortsError { of: Protocols::TcpAndUdp, ..error }.to_string();
        assert!(error.starts_with("only 2 of 5 TCP and UDP ports are free"), "{error}");
    }
}
