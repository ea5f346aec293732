//! What a member is taken for.

/// What a member is taken for. In the order of what wins for one incarnation: so whoever has heard the same, in any order, takes it
/// for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It answers, or nobody says otherwise.
    Alive,
    /// It didn't answer, and may yet refute that it is dead.
    Suspect,
    /// It didn't refute it.
    Failed,
    /// It said that it goes, or an operator said so for it.
    Left,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Alive, Self::Suspect, Self::Failed, Self::Left];

    /// Whether it is still counted on: probed, told news, asked.
    #[must_use]
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }

    /// Its number in bytes.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// The one with a number.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::of_number(status.number()), Some(status));
        }
        assert_eq!(Status::of_number(4), None);
    }
}
