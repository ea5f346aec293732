//! multistream-select and Noise, as the side that dials.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::core::upgrade::OutboundConnectionUpgrade as _;
use libp2p::identity::Keypair;
use libp2p::noise;

use crate::tcp::Counted;

/// The first line of each negotiation (multistream-select 1.0).
pub const MULTISTREAM: &str = "/multistream/1.0.0";

/// The answer to a protocol that nobody speaks.
pub const NOT_AVAILABLE: &str = "na";

/// A connection that Noise secures.
pub type Secured = noise::Output<Counted>;

/// A line of a negotiation: its length as a varint, the text, the end of the line.
#[must_use]
pub fn line(text: &str) -> Vec<u8> {
    let length = text.len() + 1;
    let mut line = Vec::with_capacity(length + 2);
    let mut rest = length;
    while rest >= 0x80 {
        line.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    line.push(u8::try_from(rest).unwrap_or(0));
    line.extend_from_slice(text.as_bytes());
    line.push(b'\n');
    line
}

/// Takes a line off the front of bytes, without the end of the line; `None` if it isn't complete.
pub fn take_line(bytes: &mut bytes::BytesMut) -> Option<String> {
    let (first, second) = (*bytes.first()?, bytes.get(1).copied().unwrap_or(0));
    let (head, length) = match first {
        0..0x80 => (1, usize::from(first)),
        _ => (2, usize::from(first & 0x7f) | usize::from(second) << 7),
    };
    if bytes.len() < head + length {
        return None;
    }
    let text = bytes.split_to(head + length).split_off(head);
    Some(String::from_utf8_lossy(&text).trim_end_matches('\n').to_owned())
}

/// Agrees on a protocol.
///
/// # Errors
/// When the other side doesn't, or the connection ends.
pub async fn agree<S>(io: &mut S, protocol: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    io.write_all(&[line(MULTISTREAM), line(protocol)].concat()).await?;
    io.flush().await?;
    for wanted in [MULTISTREAM, protocol] {
        let mut length = [0];
        io.read_exact(&mut length).await?;
        let mut text = vec![0; usize::from(length[0])];
        io.read_exact(&mut text).await?;
        if text.strip_suffix(b"\n") != Some(wanted.as_bytes()) {
            let told = String::from_utf8_lossy(&text);
            return Err(io::Error::other(format!("{wanted} was answered with {told:?}")));
        }
    }
    Ok(())
}

/// Secures a connection and agrees on Yamux.
///
/// # Errors
/// When the other side breaks it off.
pub async fn secure(mut tcp: Counted, identity: &Keypair) -> io::Result<Secured> {
    agree(&mut tcp, "/noise").await?;
    let noise = noise::Config::new(identity).map_err(io::Error::other)?;
    let secured = noise.upgrade_outbound(tcp, "/noise").await;
    let (_, mut secured) = secured.map_err(io::Error::other)?;
    agree(&mut secured, "/yamux/1.0.0").await?;
    Ok(secured)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    #[test]
    fn a_line_reads_back_however_long_it_is() {
        for text in ["na", MULTISTREAM, &"x".repeat(300)] {
            let mut bytes = BytesMut::from(&line(text)[..]);
            bytes.extend_from_slice(b"rest");
            assert_eq!(take_line(&mut bytes).as_deref(), Some(text));
            assert_eq!(&bytes[..], b"rest");
        }
        assert_eq!(take_line(&mut BytesMut::from(&line("na")[..3])), None);
    }
}
