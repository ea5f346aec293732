//! Direct mail: the origin sends the whole item to all its links, and nobody else does anything.
//!
//! With a link to everybody it costs n - 1 messages and one hop, and nothing repairs a loss (Demers et
//! al. 1987, §1.2). With fewer links the rest of the network depends on the exchange of
//! [digests](crate::reconcile::anti_entropy).

use std::sync::Arc;

use super::topology::spread;
use super::{RelayCx, Step, Strategy};
use crate::ground::item::Item;
use crate::ground::link::Link;

/// The strategy; it keeps no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectMail;

impl Strategy for DirectMail {
    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        if ingress.is_none() {
            spread(cx, item.id(), |neighbour| Step::Send(neighbour.link, item.clone()));
        }
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, sends};

    #[test]
    fn the_origin_sends_to_all_and_the_others_to_nobody() {
        let mut fake = Fake::new(5);
        assert_eq!(sends(&fake.accept(&mut DirectMail, 1, None)), 5);
        assert!(fake.accept(&mut DirectMail, 2, Some(3)).is_empty());
    }
}
