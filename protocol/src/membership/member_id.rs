//! Who a member is.

use std::fmt;

/// A member. No two have the same, whatever their addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_shown_by_all_its_digits() {
        assert_eq!(MemberId(0xbeef).to_string(), "000000000000beef");
    }
}
