//! How a column of numbers becomes bytes, before these are deflated.
//!
//! Unsigned LEB128: seven bits a byte, lowest first, the top bit set on all but the last. Differences are made unsigned
//! first (zigzag: 0, -1, 1, -2 become 0, 1, 2, 3), so that small ones take one byte either way.

use crate::TIME_MAX;

/// How a column is coded; its name stands in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// A byte each.
    U8,
    /// Two bytes each, little endian.
    U16,
    /// Eight bytes each, as they are.
    Bytes8,
    /// LEB128.
    Varint,
    /// LEB128 of the zigzag of the difference from the row before; the first from 0.
    Delta,
    /// The same, from the last row with the same `end`.
    PerEnd,
}

impl Coding {
    /// Its name in headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::Bytes8 => "bytes8",
            Self::Varint => "varint",
            Self::Delta => "delta",
            Self::PerEnd => "per-end",
        }
    }

    /// The fewest and the most bytes that a row takes.
    #[must_use]
    pub const fn row_len(self) -> (u64, u64) {
        match self {
            Self::U8 => (1, 1),
            Self::U16 => (2, 2),
            Self::Bytes8 => (8, 8),
            Self::Varint | Self::Delta | Self::PerEnd => (1, 10),
        }
    }
}

/// Appends a number.
pub fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7F) as u8);
}

/// Takes a number from the front; `None` if it doesn't end, or is too large for eight bytes.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7F);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The unsigned form of a difference.
#[must_use]
pub const fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

/// The difference of an unsigned form.
#[must_use]
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Appends how a number differs from another.
pub fn put_difference(number: u64, before: u64, out: &mut Vec<u8>) {
    put(zigzag(number.wrapping_sub(before).cast_signed()), out);
}

/// Takes a number that is told by how it differs from another; `None` if there is none, or if it isn't from 0 to
/// [`TIME_MAX`].
pub fn take_difference(before: u64, bytes: &mut &[u8]) -> Option<u64> {
    let number = before.checked_add_signed(unzigzag(take(bytes)?))?;
    (number <= TIME_MAX).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_differences_take_a_byte_either_way() {
        let coded = [0, -1, 1, -2, 2, -64, 63].map(zigzag);
        assert_eq!(coded, [0, 1, 2, 3, 4, 127, 126]);
        let mut out = Vec::new();
        put(127, &mut out);
        put(128, &mut out);
        assert_eq!(out, [0x7F, 0x80, 0x01]);
    }

    #[test]
    fn a_number_that_does_not_end_or_is_too_large_is_none() {
        assert_eq!(take(&mut &[0x80, 0x80][..]), None);
        assert_eq!(take(&mut &[0xFF; 10][..]), None);
        assert_eq!(take(&mut &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2][..]), None);
        assert_eq!(take_difference(0, &mut &[1][..]), None);
    }

    proptest! {
        #[test]
        fn numbers_and_differences_come_back(number: u64, a in 0..=TIME_MAX, b in 0..=TIME_MAX) {
            let mut out = Vec::new();
            put(number, &mut out);
            put_difference(a, b, &mut out);
            let mut rest = &out[..];
            prop_assert_eq!(take(&mut rest), Some(number));
            prop_assert_eq!(take_difference(b, &mut rest), Some(a));
            prop_assert!(rest.is_empty());
        }
    }
}
