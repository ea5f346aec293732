//! LEB128: seven bits a byte, least significant first, the top bit set on all bytes but the last.
//! Only the shortest form of a number is read, so that a message has one encoding.

use bytes::BufMut;

/// Why bytes are no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VarintError {
    /// The input ends first: more may help.
    Truncated,
    /// Not the shortest form of a `u32`: nothing will help.
    Malformed,
}

/// Most bytes that a `u32` takes.
pub(crate) const LEN_MAX: usize = 5;

/// How many bytes a number takes.
pub(crate) const fn len(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        0x1000_0000.. => LEN_MAX,
    }
}

/// Appends a number.
pub(crate) fn put(mut value: u32, out: &mut impl BufMut) {
    while value >= 0x80 {
        out.put_u8(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.put_u8(value.to_le_bytes()[0]);
}

/// Takes a number off the front.
///
/// # Errors
/// When the input ends first, or isn't the shortest form of a `u32`.
pub(crate) fn take(input: &mut &[u8]) -> Result<u32, VarintError> {
    let mut value = 0;
    for (index, &byte) in input.iter().take(LEN_MAX).enumerate() {
        let overflows = index + 1 == LEN_MAX && byte > 0x0f;
        let padded = index > 0 && byte == 0;
        if overflows || padded {
            return Err(VarintError::Malformed);
        }
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    Err(VarintError::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_back_at_every_length() {
        for shift in 0..32 {
            for value in [(1 << shift) - 1, 1 << shift, u32::MAX >> shift] {
                let mut bytes = Vec::new();
                put(value, &mut bytes);
                assert_eq!(bytes.len(), len(value), "{value}");
                assert_eq!(take(&mut bytes.as_slice()), Ok(value));
                assert_eq!(take(&mut &bytes[..bytes.len() - 1]), Err(VarintError::Truncated));
            }
        }
    }

    #[test]
    fn a_padded_or_overlong_number_is_refused() {
        for bad in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff, 0xff, 0xff, 0xff, 0x10]] {
            assert_eq!(take(&mut &bad[..]), Err(VarintError::Malformed), "{bad:?}");
        }
    }
}
