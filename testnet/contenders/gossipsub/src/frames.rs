//! What a stream of gossipsub says, by kind of message: counted from the outside, since the crate doesn't tell.
//!
//! Everything on a stream is a frame behind its length (a varint): lines of multistream-select at first, then
//! RPCs. The crate sends one thing an RPC (`RpcOut` of `libp2p-gossipsub`), so the first tags of a frame say what
//! it is (`rpc.proto`: subscriptions 1, publish 2, control 3, and in a control ihave 1, iwant 2, graft 3, prune 4,
//! idontwant 5). Nothing of a frame is kept but its first bytes.

/// Kinds, by the names under which they are counted; an item's is that of our own (`tx`), so that copies compare.
pub(crate) const KINDS: [&str; 9] =
    ["tx", "subscription", "ihave", "iwant", "graft", "prune", "idontwant", "negotiation", "other"];

/// Bytes of a frame that tell its kind: a tag, a length of up to five bytes, a tag.
const HEAD: usize = 7;

/// Tells apart the frames of one direction of a stream.
#[derive(Debug)]
pub(crate) struct Frames {
    state: State,
    head: [u8; HEAD],
    head_len: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the length of a frame: what is known of it, from so many bytes.
    Length { value: u64, bytes: u32 },
    /// In a frame of this size, its length included, of which so many bytes haven't come.
    Body { size: u64, left: u64 },
}

impl Default for Frames {
    fn default() -> Self {
        Self { state: State::Length { value: 0, bytes: 0 }, head: [0; HEAD], head_len: 0 }
    }
}

impl Frames {
    /// Takes the next bytes of the stream; tells of each frame that is complete its kind (an index of [`KINDS`]) and
    /// its size, its length included.
    pub(crate) fn take(&mut self, mut bytes: &[u8], mut on_frame: impl FnMut(usize, u64)) {
        loop {
            self.state = match self.state {
                State::Length { value, bytes: count } => {
                    let Some((&byte, rest)) = bytes.split_first() else { return };
                    bytes = rest;
                    // A length of more than nine bytes is nobody's: what becomes of it doesn't matter.
                    let value = value | u64::from(byte & 0x7f) << (7 * count).min(56);
                    let count = count.saturating_add(1);
                    if byte & 0x80 != 0 {
                        State::Length { value, bytes: count }
                    } else {
                        self.head_len = 0;
                        State::Body { size: value + u64::from(count), left: value }
                    }
                }
                State::Body { size, left: 0 } => {
                    on_frame(kind(&self.head[..self.head_len]), size);
                    State::Length { value: 0, bytes: 0 }
                }
                State::Body { .. } if bytes.is_empty() => return,
                State::Body { size, left } => {
                    let here = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let head = here.min(HEAD - self.head_len);
                    self.head[self.head_len..][..head].copy_from_slice(&bytes[..head]);
                    self.head_len += head;
                    bytes = &bytes[here..];
                    State::Body { size, left: left - here as u64 }
                }
            };
        }
    }
}

/// The kind of a frame that begins like this.
fn kind(head: &[u8]) -> usize {
    let name = match head {
        // Tags of fields 1, 2 and 3 whose value has a length.
        [0x0a, ..] => "subscription",
        [0x12, ..] => "tx",
        [0x1a, control @ ..] => match control.iter().position(|byte| byte & 0x80 == 0) {
            Some(end) => control_kind(control.get(end + 1)),
            None => "other",
        },
        // `/multistream/1.0.0`, a protocol's name, or `na`.
        [b'/' | b'n', ..] => "negotiation",
        _ => "other",
    };
    KINDS.iter().position(|kind| *kind == name).unwrap_or(KINDS.len() - 1)
}

fn control_kind(tag: Option<&u8>) -> &'static str {
    match tag {
        Some(0x0a) => "ihave",
        Some(0x12) => "iwant",
        Some(0x1a) => "graft",
        Some(0x22) => "prune",
        Some(0x2a) => "idontwant",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame behind its length.
    fn frame(body: &[u8]) -> Vec<u8> {
        let mut length = body.len();
        let mut bytes = Vec::new();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        [bytes, body.to_vec()].concat()
    }

    #[test]
    fn frames_are_told_apart_however_the_stream_is_cut() {
        let tx = [&[0x12, 0xac, 2][..], &[7; 300]].concat();
        let bodies: [(&[u8], &str); 8] = [
            (b"/multistream/1.0.0\n", "negotiation"),
            (b"na\n", "negotiation"),
            (&[0x0a, 4, 8, 1, 18, 0], "subscription"),
            (&tx, "tx"),
            (&[0x1a, 2, 0x2a, 0], "idontwant"),
            (&[0x1a, 0x82, 0x01, 0x0a, 0x80], "ihave"),
            (&[], "other"),
            (&[0x1a, 2, 0x12, 0], "iwant"),
        ];
        let stream: Vec<u8> = bodies.iter().flat_map(|(body, _)| frame(body)).collect();
        let expected: Vec<(&str, u64)> =
            bodies.iter().map(|(body, kind)| (*kind, frame(body).len() as u64)).collect();
        for cut in [1, 2, 3, 7, 100, stream.len()] {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            for bytes in stream.chunks(cut) {
                frames.take(bytes, |kind, size| seen.push((KINDS[kind], size)));
            }
            assert_eq!(seen, expected, "cut every {cut} bytes");
        }
    }
}
