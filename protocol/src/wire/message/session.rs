//! Who is at the other end of a link, and whether it is still there.

use bytes::{BufMut, BytesMut};

use super::{Body, address};
use crate::ground::peer::PeerAddr;
use crate::wire::cursor::Cursor;
use crate::wire::error::DecodeError;

/// Version of the protocol that this code speaks.
pub const VERSION: u16 = 2;

/// Most bytes of a hello's body, the fields of later versions included. A guess.
pub const HELLO_MAX: usize = 1024;

/// In a hello's features: a region follows the address.
const HAS_REGION: u32 = 1;

/// What keeps up a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// Who I am; first on every link, once.
    ///
    /// Body: version u16, features u32, address record (empty if none), region byte (if features has bit
    /// 0), later fields. Boxed, since it would be the largest message and is sent once.
    Hello(Box<Hello>),
    /// Are you there? Body: nonce u64.
    Ping {
        /// Comes back in the pong.
        nonce: u64,
    },
    /// I am here. Body: nonce u64.
    Pong {
        /// As in the ping.
        nonce: u64,
    },
}

/// The first message on a link, from both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Protocol version of the sender, [`VERSION`] or later.
    pub version: u16,
    /// Optional abilities of the sender, one bit each; unknown bits are ignored. The lowest is the
    /// codec's own, which tells whether a region follows.
    pub features: u32,
    /// Where the sender can be dialled, if it wants to be.
    pub advertise: Option<PeerAddr>,
    /// The region that its operator says it is in, if any: nothing depends on its being true but how
    /// well bytes are saved.
    pub region: Option<u8>,
}

impl Body for Session {
    fn len(&self) -> usize {
        match self {
            Self::Hello(hello) => {
                let advertise = hello.advertise.as_ref().map_or(1, address::record_len);
                2 + 4 + advertise + usize::from(hello.region.is_some())
            }
            Self::Ping { .. } | Self::Pong { .. } => 8,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Hello(hello) => {
                out.put_u16_le(hello.version);
                out.put_u32_le(hello.features & !HAS_REGION | u32::from(hello.region.is_some()));
                match &hello.advertise {
                    Some(addr) => address::put_record(addr, out),
                    None => out.put_u8(0),
                }
                hello.region.iter().for_each(|region| out.put_u8(*region));
            }
            Self::Ping { nonce } | Self::Pong { nonce } => out.put_u64_le(*nonce),
        }
    }
}

/// Reads a hello.
pub(in crate::wire) fn read_hello(body: &mut Cursor<'_>) -> Result<Session, DecodeError> {
    let (version, features) = (body.u16()?, body.u32()?);
    let advertise = address::take_record(body)?;
    let region = match features & HAS_REGION {
        0 => None,
        _ => Some(body.u8()?),
    };
    body.all(); // fields of later versions
    let features = features & !HAS_REGION;
    Ok(Session::Hello(Box::new(Hello { version, features, advertise, region })))
}
