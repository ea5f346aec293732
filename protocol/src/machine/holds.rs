//! What a driver keeps of throttling: until when it hands in nothing of a link, class by class.

use crate::ground::time::Time;
use crate::wire::kinds::Class;

/// Until when each class of a link is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds([Time; Class::ALL.len()]);

impl Holds {
    /// Holds a class, or all of them, until a moment at least.
    pub fn hold(&mut self, class: Option<Class>, until: Time) {
        for held in Class::ALL.into_iter().filter(|held| class.is_none_or(|class| class == *held)) {
            self.0[held as usize] = self.0[held as usize].max(until);
        }
    }

    /// Until when a class is held; a moment that is past if it isn't.
    #[must_use]
    pub const fn until(&self, class: Class) -> Time {
        self.0[class as usize]
    }

    /// Whether nothing is held any more.
    #[must_use]
    pub fn is_over(&self, now: Time) -> bool {
        self.0.iter().all(|until| *until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holding_one_class_holds_no_other_and_a_shorter_hold_ends_none() {
        let (mut holds, later) = (Holds::default(), Time::from_millis(9));
        holds.hold(Some(Class::Tx), later);
        holds.hold(None, Time::from_millis(5));
        let early = Time::from_millis(5);
        assert_eq!(Class::ALL.map(|class| holds.until(class)), [early, early, later, early]);
        assert!(!holds.is_over(early) && holds.is_over(later));
    }
}
