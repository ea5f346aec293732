//! What stands before the data of a frame: the layout told at [`crate::wire::codec`], written and read.

use bytes::{BufMut, BytesMut};

use super::{PART, PART_MAX};
use crate::chain::Chain;
use crate::ground::varint;
use crate::wire::cursor::take;
use crate::wire::error::{DecodeError, PartFault};
use crate::wire::kinds::{Class, MessageKind, check_len};

/// Most bytes before the data of a frame: the length (3 bytes suffice for a part), and a first
/// part's fields.
pub(crate) const HEAD_MAX: usize = 3 + FIRST_FIELDS_MAX;

/// Part kind, class, kind, total.
const FIRST_FIELDS_MAX: usize = 3 + varint::LEN_MAX;

/// Longest frame, its length not counted.
const FRAME_MAX: usize = FIRST_FIELDS_MAX + PART_MAX;

/// Set in a part's class byte when it is the first.
const FIRST: u8 = 0b100;

/// What a frame's data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A whole message.
    Whole { kind: u8 },
    /// The first part of a message.
    First { class: Class, kind: u8, total: usize },
    /// The next part of the message of that class.
    Next { class: Class },
}

impl Head {
    /// Its length before `data` bytes of data.
    pub(crate) const fn len(self, data: usize) -> usize {
        let fields = self.fields_len();
        varint::len(as_u32(fields + data)) + fields
    }

    /// Appends it; `data` bytes of data must follow.
    pub(crate) fn put(self, data: usize, out: &mut BytesMut) {
        varint::put(as_u32(self.fields_len() + data), out);
        match self {
            Self::Whole { kind } => out.put_u8(kind),
            Self::First { class, kind, total } => {
                out.put_slice(&[PART, class_tag(class) | FIRST, kind]);
                varint::put(as_u32(total), out);
            }
            Self::Next { class } => out.put_slice(&[PART, class_tag(class)]),
        }
    }

    /// Reads a head and the length of the data that follows it; `None` if the input ends first.
    /// Whatever the head alone can give away as wrong is refused here, before any data is taken.
    pub(crate) fn read(
        input: &[u8],
        chain: &dyn Chain,
    ) -> Result<Option<(Self, usize)>, DecodeError> {
        let mut rest = input;
        let Some(frame) = arrived(varint::take(&mut rest).map_err(DecodeError::from))? else {
            return Ok(None);
        };
        let frame = frame as usize;
        if frame == 0 {
            return Err(DecodeError::Empty);
        }
        if frame > FRAME_MAX {
            return Err(DecodeError::TooLong { len: frame, max: FRAME_MAX });
        }
        let Some(head) = arrived(Self::take_fields(&mut rest))? else {
            return Ok(None);
        };
        let data = frame.checked_sub(head.fields_len()).ok_or(DecodeError::Truncated)?;
        head.check(data, chain)?;
        Ok(Some((head, data)))
    }

    fn take_fields(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let [kind] = take(input)?;
        if kind != PART {
            return Ok(Self::Whole { kind });
        }
        let [tag] = take(input)?;
        let class = class_from(tag & !FIRST).ok_or(DecodeError::BadPart(PartFault::Head))?;
        if tag & FIRST == 0 {
            return Ok(Self::Next { class });
        }
        let [kind] = take(input)?;
        Ok(Self::First { class, kind, total: varint::take(input)? as usize })
    }

    fn check(self, data: usize, chain: &dyn Chain) -> Result<(), DecodeError> {
        match self {
            Self::Whole { kind } => {
                check_len(kind, data, chain)?;
                if data > PART_MAX {
                    return Err(DecodeError::TooLong { len: data, max: PART_MAX });
                }
            }
            Self::First { class, kind, total } => {
                check_len(kind, total, chain)?;
                if total <= PART_MAX || kind == PART {
                    return Err(DecodeError::BadPart(PartFault::NotDivisible));
                }
                if MessageKind::of_byte(kind).is_some_and(|kind| kind.class() != class) {
                    return Err(DecodeError::BadPart(PartFault::WrongClass));
                }
                if data != PART_MAX {
                    return Err(DecodeError::BadPart(PartFault::Length));
                }
            }
            // Only the message that it continues tells how long it must be.
            Self::Next { .. } => {}
        }
        Ok(())
    }

    const fn fields_len(self) -> usize {
        match self {
            Self::Whole { .. } => 1,
            Self::First { total, .. } => 3 + varint::len(as_u32(total)),
            Self::Next { .. } => 2,
        }
    }
}

/// "Ends too early" means "not yet" while a head is being read.
fn arrived<T>(taken: Result<T, DecodeError>) -> Result<Option<T>, DecodeError> {
    match taken {
        Ok(value) => Ok(Some(value)),
        Err(DecodeError::Truncated) => Ok(None),
        Err(error) => Err(error),
    }
}

const fn class_tag(class: Class) -> u8 {
    match class {
        Class::Control => 0,
        Class::Block => 1,
        Class::Tx => 2,
        Class::Replica => 3,
    }
}

const fn class_from(tag: u8) -> Option<Class> {
    match tag {
        0 => Some(Class::Control),
        1 => Some(Class::Block),
        2 => Some(Class::Tx),
        3 => Some(Class::Replica),
        _ => None,
    }
}

/// Lengths of messages fit 32 bits: items are bounded by their chain, all else far below.
#[expect(clippy::cast_possible_truncation, reason = "asserted")]
const fn as_u32(len: usize) -> u32 {
    assert!(len <= u32::MAX as usize, "no chain has items of 4 GiB");
    len as u32
}
