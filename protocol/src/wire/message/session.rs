//! Who is at the other end of a link, and whether it is still there.

use bytes::{BufMut, BytesMut};

use super::{ALLOCATION, Body, address};
use crate::ground::peer::PeerAddr;
use crate::wire::cursor::Cursor;
use crate::wire::error::DecodeError;

/// Version of the protocol that this code speaks.
pub const VERSION: u16 = 3;

/// Most bytes of a hello's body, the fields of later versions included. A guess.
pub const HELLO_MAX: usize = 1024;

/// In a hello's features: a region follows the address.
const HAS_REGION: u32 = 1;

/// In a hello's features: the terms of a map follow what the sender accepts.
const HAS_MAP: u32 = 1 << 2;

/// The features that say what the body has, which nobody sets but the codec.
const OF_THE_CODEC: u32 = HAS_REGION | HAS_MAP;

/// What keeps up a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// Who I am; first on every link, once.
    ///
    /// Body: version u16, features u32, address record (empty if none), region byte (if features has bit
    /// 0), from version 2 on what the sender [accepts](Accepts), the [terms of its map](MapTerms) (if features has bit 2), later
    /// fields. Boxed, since it would be the largest message and is sent once.
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
    /// What may be known of the sender, one bit each; unknown bits are ignored. The lowest and the third are the
    /// codec's own, which tell whether a region and the terms of a map follow; the others are [`Hello::KEEPS_NOTHING`],
    /// [`Hello::ONLY_COMPARES`], [`Hello::ONLY_BLOCKS`], [`Hello::REBUILDS`] and [`Hello::TEMPLATES`].
    pub features: u32,
    /// Where the sender can be dialled, if it wants to be.
    pub advertise: Option<PeerAddr>,
    /// The region that its operator says it is in, if any: nothing depends on its being true but how
    /// well bytes are saved.
    pub region: Option<u8>,
    /// What it takes from whoever reads this.
    pub accepts: Accepts,
    /// Its replica of a map, if it has one that whoever reads this may take part in.
    pub map: Option<MapTerms>,
}

/// What all replicas of a map must agree on.
///
/// Body: model u8, salt u64, keys u32, bytes u64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapTerms {
    /// What data it keeps, by the number of its model ([`crate::replica::Model`]).
    pub model: u8,
    /// Decides where keys have their places.
    pub salt: u64,
    /// Most keys.
    pub keys_max: u32,
    /// Most bytes of all entries.
    pub bytes_max: u64,
}

impl MapTerms {
    /// Length of its encoding.
    const LEN: usize = 1 + 8 + 4 + 8;

    fn put(&self, out: &mut BytesMut) {
        out.put_u8(self.model);
        out.put_u64_le(self.salt);
        out.put_u32_le(self.keys_max);
        out.put_u64_le(self.bytes_max);
    }

    fn read(body: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            model: body.u8()?,
            salt: body.u64()?,
            keys_max: body.u32()?,
            bytes_max: body.u64()?,
        })
    }
}

impl Hello {
    /// In the features: the sender has nothing to compare, but for what it is about to announce.
    pub const KEEPS_NOTHING: u32 = 1 << 1;

    /// In the features of whoever dialled: on this link neither side announces anything but what a comparison found. Of no
    /// meaning from the other side, which could make all our links of no use by it.
    pub const ONLY_COMPARES: u32 = 1 << 3;

    /// In the features of whoever dialled: on this link both sides speak of blocks alone. Of no meaning from the other side.
    pub const ONLY_BLOCKS: u32 = 1 << 4;

    /// Whether a dialler wants to hear of blocks alone.
    #[must_use]
    pub const fn only_blocks(&self) -> bool {
        self.features & Self::ONLY_BLOCKS != 0
    }

    /// In the features: the sender takes blocks as the names of their transactions, and answers for those that it sends so.
    pub const REBUILDS: u32 = 1 << 5;

    /// In the features: the sender keeps the chain of blocks. It takes headers for news of blocks, and answers for its own.
    pub const KEEPS_CHAIN: u32 = 1 << 6;

    /// In the features: the sender takes blocks as symbols, and sends them so.
    pub const TAKES_SYMBOLS: u32 = 1 << 9;

    /// Whether the sender takes blocks as symbols.
    #[must_use]
    pub const fn takes_symbols(&self) -> bool {
        self.features & Self::TAKES_SYMBOLS != 0
    }

    /// Whether the sender keeps the chain of blocks.
    #[must_use]
    pub const fn keeps_chain(&self) -> bool {
        self.features & Self::KEEPS_CHAIN != 0
    }

    /// Whether the sender takes blocks as names.
    #[must_use]
    pub const fn rebuilds(&self) -> bool {
        self.features & Self::REBUILDS != 0
    }

    /// In the features: the sender tells templates and takes them, and blocks by their places in one.
    pub const TEMPLATES: u32 = 1 << 7;

    /// Whether the sender deals in templates.
    #[must_use]
    pub const fn templates(&self) -> bool {
        self.features & Self::TEMPLATES != 0
    }

    /// Whether a dialler wants nothing announced.
    #[must_use]
    pub const fn only_compares(&self) -> bool {
        self.features & Self::ONLY_COMPARES != 0
    }

    /// Whether the sender has nothing to compare.
    #[must_use]
    pub const fn keeps_nothing(&self) -> bool {
        self.features & Self::KEEPS_NOTHING != 0
    }
}

impl Default for Hello {
    /// The hello of a node that tells nothing of itself and takes everything.
    fn default() -> Self {
        Self {
            version: VERSION,
            features: 0,
            advertise: None,
            region: None,
            accepts: Accepts::default(),
            map: None,
        }
    }
}

/// What a node takes on a link. A peer that keeps to it is never slowed; what exceeds it waits at the peer.
///
/// Body: messages, items and bytes as [`Allowed`], ids u32, unasked byte; from version 3 on bytes of blocks as
/// [`Allowed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// Messages but transactions.
    pub messages: Allowed,
    /// Transactions.
    pub txs: Allowed,
    /// Bytes of transactions.
    pub tx_bytes: Allowed,
    /// How many transactions may be announced at first; further ones after a
    /// [`Items::Credit`](super::Items::Credit).
    pub credit: u32,
    /// Whether it takes transactions that it didn't ask for.
    pub unasked: bool,
    /// Bytes of blocks.
    pub block_bytes: Allowed,
}

/// A rate that is told: so many a second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Units a second in the long run.
    pub per_s: u32,
    /// Units at once.
    pub burst: u32,
}

impl Default for Accepts {
    /// Everything.
    fn default() -> Self {
        let all = Allowed { per_s: u32::MAX, burst: u32::MAX };
        Self {
            messages: all,
            txs: all,
            tx_bytes: all,
            credit: u32::MAX,
            unasked: true,
            block_bytes: all,
        }
    }
}

impl Accepts {
    /// The version of the protocol that it came with.
    const SINCE: u16 = 2;

    /// The version of the protocol from which on it tells of blocks.
    const OF_BLOCKS_SINCE: u16 = 3;

    /// Length of its encoding in a version.
    const fn len(version: u16) -> usize {
        match version {
            0..Self::SINCE => 0,
            Self::SINCE => 3 * Allowed::LEN + 4 + 1,
            Self::OF_BLOCKS_SINCE.. => 4 * Allowed::LEN + 4 + 1,
        }
    }

    fn put(&self, version: u16, out: &mut BytesMut) {
        if version < Self::SINCE {
            return;
        }
        [self.messages, self.txs, self.tx_bytes].iter().for_each(|allowed| allowed.put(out));
        out.put_u32_le(self.credit);
        out.put_u8(self.unasked.into());
        if version >= Self::OF_BLOCKS_SINCE {
            self.block_bytes.put(out);
        }
    }

    /// Whoever tells nothing of something takes all of it.
    fn read(version: u16, body: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let mut accepts = Self::default();
        if version < Self::SINCE {
            return Ok(accepts);
        }
        for allowed in [&mut accepts.messages, &mut accepts.txs, &mut accepts.tx_bytes] {
            *allowed = Allowed::read(body)?;
        }
        (accepts.credit, accepts.unasked) = (body.u32()?, body.u8()? != 0);
        if version >= Self::OF_BLOCKS_SINCE {
            accepts.block_bytes = Allowed::read(body)?;
        }
        Ok(accepts)
    }
}

impl Allowed {
    /// Length of its encoding.
    const LEN: usize = 4 + 4;

    fn put(self, out: &mut BytesMut) {
        out.put_u32_le(self.per_s);
        out.put_u32_le(self.burst);
    }

    fn read(body: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(Self { per_s: body.u32()?, burst: body.u32()? })
    }
}

impl Body for Session {
    fn len(&self) -> usize {
        match self {
            Self::Hello(hello) => {
                let advertise = hello.advertise.as_ref().map_or(1, address::record_len);
                let region = usize::from(hello.region.is_some());
                let map = hello.map.map_or(0, |_| MapTerms::LEN);
                2 + 4 + advertise + region + Accepts::len(hello.version) + map
            }
            Self::Ping { .. } | Self::Pong { .. } => 8,
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Hello(_) => ALLOCATION + size_of::<Hello>(),
            Self::Ping { .. } | Self::Pong { .. } => 0,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Hello(hello) => {
                out.put_u16_le(hello.version);
                let region = if hello.region.is_some() { HAS_REGION } else { 0 };
                let map = if hello.map.is_some() { HAS_MAP } else { 0 };
                out.put_u32_le(hello.features & !OF_THE_CODEC | region | map);
                match &hello.advertise {
                    Some(addr) => address::put_record(addr, out),
                    None => out.put_u8(0),
                }
                hello.region.iter().for_each(|region| out.put_u8(*region));
                hello.accepts.put(hello.version, out);
                hello.map.iter().for_each(|map| map.put(out));
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
    let accepts = Accepts::read(version, body)?;
    let map = match features & HAS_MAP {
        0 => None,
        _ => Some(MapTerms::read(body)?),
    };
    body.all(); // fields of later versions
    let features = features & !OF_THE_CODEC;
    Ok(Session::Hello(Box::new(Hello { version, features, advertise, region, accepts, map })))
}
