//! Addresses of peers: a length byte, then a tag (0 IPv4 and TCP, 1 IPv4 and QUIC, 2 IPv6 and TCP, 3 IPv6 and
//! QUIC), the IP address and the port.
//!
//! The length lets a reader pass over networks and transports that it doesn't know and keep the rest
//! of a list, as Bitcoin's addrv2 does (BIP 155).

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

use crate::ground::peer::{PeerAddr, Transport};
use crate::wire::cursor::{Cursor, take};
use crate::wire::error::{DecodeError, Field};

/// Most bytes of one record, its length byte not counted. An onion address takes 35; a guess at what
/// later networks need.
pub(crate) const RECORD_MAX: usize = 64;

const IPV4_TCP: u8 = 0;
const IPV4_QUIC: u8 = 1;
const IPV6_TCP: u8 = 2;
const IPV6_QUIC: u8 = 3;

/// Length of a record, its length byte included.
pub(crate) const fn record_len(addr: &PeerAddr) -> usize {
    let ip = if addr.ip.is_ipv4() { 4 } else { 16 };
    1 + 1 + ip + 2
}

/// Appends a record.
pub(crate) fn put_record(addr: &PeerAddr, out: &mut BytesMut) {
    let (ipv4_tag, ipv6_tag) = match addr.transport {
        Transport::Tcp => (IPV4_TCP, IPV6_TCP),
        Transport::Quic => (IPV4_QUIC, IPV6_QUIC),
    };
    match addr.ip {
        IpAddr::V4(ip) => {
            out.put_slice(&[7, ipv4_tag]);
            out.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            out.put_slice(&[19, ipv6_tag]);
            out.put_slice(&ip.octets());
        }
    }
    out.put_u16_le(addr.port);
}

/// Takes a record; `None` if it is empty or of a kind that we don't know.
pub(crate) fn take_record(body: &mut Cursor<'_>) -> Result<Option<PeerAddr>, DecodeError> {
    let len = usize::from(body.u8()?);
    if len > RECORD_MAX {
        return Err(DecodeError::TooLong { len, max: RECORD_MAX });
    }
    let Some((&tag, record)) = body.slice(len)?.split_first() else {
        return Ok(None);
    };
    let (ip, transport, port) = match tag {
        IPV4_TCP => ip_and_port::<4>(record, Transport::Tcp)?,
        IPV4_QUIC => ip_and_port::<4>(record, Transport::Quic)?,
        IPV6_TCP => ip_and_port::<16>(record, Transport::Tcp)?,
        IPV6_QUIC => ip_and_port::<16>(record, Transport::Quic)?,
        _ => return Ok(None),
    };
    Ok(Some(PeerAddr::new(ip, port, transport)))
}

fn ip_and_port<const N: usize>(
    mut record: &[u8],
    transport: Transport,
) -> Result<(IpAddr, Transport, u16), DecodeError>
where
    IpAddr: From<[u8; N]>,
{
    if record.len() != N + 2 {
        return Err(DecodeError::BadValue(Field::Address));
    }
    let ip = IpAddr::from(take::<N>(&mut record)?);
    Ok((ip, transport, u16::from_le_bytes(take(&mut record)?)))
}
