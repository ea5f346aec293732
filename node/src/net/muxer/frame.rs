//! Yamux's frames: a head of twelve bytes, and after that of a data frame its data.
//!
//! Version u8, kind u8, flags u16, stream u32, length u32, big-endian. Source: the specification in hashicorp/yamux.

use bytes::{BufMut as _, BytesMut};

use super::Fault;

/// Bytes of a head.
pub(super) const HEAD_LEN: usize = 12;

/// A stream begins.
pub(super) const SYN: u16 = 1;
/// A stream is accepted, or a ping answered.
pub(super) const ACK: u16 = 2;
/// The sender writes nothing more on the stream.
pub(super) const FIN: u16 = 4;
/// The stream is over at once.
pub(super) const RST: u16 = 8;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Carries data of a stream; its length is that of the data.
    Data,
    /// Lets the other end send more on a stream; its length is by how much.
    Window,
    /// Asks for an answer, or is one; its length is what the answer repeats.
    Ping,
    /// The session is over; its length is why.
    GoAway,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) flags: u16,
    pub(super) stream: u32,
    pub(super) length: u32,
}

impl Head {
    /// Reads a head.
    ///
    /// # Errors
    /// When it is of another version, or of a kind that doesn't exist.
    pub(super) fn read(bytes: [u8; HEAD_LEN]) -> Result<Self, Fault> {
        let [version, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = bytes;
        if version != 0 {
            return Err(Fault::Version(version));
        }
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Window,
            2 => Kind::Ping,
            3 => Kind::GoAway,
            kind => return Err(Fault::Kind(kind)),
        };
        let flags = u16::from_be_bytes([f0, f1]);
        let (stream, length) =
            (u32::from_be_bytes([s0, s1, s2, s3]), u32::from_be_bytes([l0, l1, l2, l3]));
        Ok(Self { kind, flags, stream, length })
    }

    /// Appends it.
    pub(super) fn put(&self, out: &mut BytesMut) {
        out.put_u8(0);
        out.put_u8(match self.kind {
            Kind::Data => 0,
            Kind::Window => 1,
            Kind::Ping => 2,
            Kind::GoAway => 3,
        });
        out.put_u16(self.flags);
        out.put_u32(self.stream);
        out.put_u32(self.length);
    }

    /// Whether it has a flag.
    pub(super) const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_what_does_not_exist_is_refused() {
        for kind in [Kind::Data, Kind::Window, Kind::Ping, Kind::GoAway] {
            let head = Head { kind, flags: SYN | FIN, stream: 0x0102_0304, length: u32::MAX };
            let mut out = BytesMut::new();
            head.put(&mut out);
            assert_eq!(Head::read(out[..].try_into().unwrap()), Ok(head));
        }
        assert_eq!(Head::read([1; HEAD_LEN]), Err(Fault::Version(1)));
        assert_eq!(Head::read([0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Fault::Kind(4)));
    }
}
