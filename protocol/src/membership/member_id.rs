//! Who a member is.

use std::fmt;

/// A member: a number that a node makes of its public key, as [`PeerKey`](crate::ground::peer::PeerKey) is. Equal ids are the same member, at
/// whatever address and through all its restarts. A name is what people call it, and identifies nobody.
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
    fn an_id_is_shown_as_sixteen_digits() {
        assert_eq!(MemberId(0xab).to_string(), "00000000000000ab");
    }
}
