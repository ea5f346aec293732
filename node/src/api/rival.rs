//! Who was first, of two transactions that claim the same.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidings_protocol::chain;
use tidings_protocol::ground::item::Hash256;
use utoipa::ToSchema;

use super::schema::ItemHash;

/// A pooled transaction that stands in the way of another, since both claim the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rival {
    /// Its id. Of several, the one that pays the highest rate.
    #[schema(value_type = ItemHash)]
    pub id: Hash256,
    /// The least fee with which the same transaction would replace it, and all others in its way, as the pool is now; `null` if none would, or
    /// the rules know no fees.
    pub least_fee: Option<u64>,
}

impl From<chain::Rival> for Rival {
    fn from(chain::Rival { id, least_fee }: chain::Rival) -> Self {
        Self { id: id.hash(), least_fee }
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, least_fee } = self;
        write!(f, "it conflicts with {id}, which was first; ")?;
        match least_fee {
            Some(fee) => write!(f, "with a fee of {fee} or more it would replace that one"),
            None => f.write_str("no fee would make it replace that one"),
        }
    }
}
