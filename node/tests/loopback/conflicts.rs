//! Two transactions that claim the same, where fees count.

use std::sync::Arc;

use tidings::api::explain::StepName;
use tidings::api::{Outcome, Rival, What};
use tidings::control::Command;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::testkit::ties::{Draft, Ties};

use crate::rig::{config, start};

#[tokio::test]
async fn a_conflict_names_the_rival_and_the_least_fee_to_submitters_readers_of_events_and_stories()
{
    let mut config = config(&[]);
    config.chain = Arc::new(Ties);
    let mut node = start(config).await;
    let first = Draft::paying(1, 1_000).claiming(&[1]).item();
    let second = |fee| Draft::paying(2, fee).claiming(&[1]).item();
    let submitted = node.submit(ItemKind::Tx, first.bytes()).await;
    assert_eq!(submitted.outcome, Outcome::Accepted);
    let submitted = node.submit(ItemKind::Tx, second(1_000).bytes()).await;
    let Rival { id, least_fee } = submitted.rival.unwrap();
    assert_eq!((submitted.rule.as_deref(), id), (Some("conflicts-with-pool"), first.id().hash()));
    let least = least_fee.unwrap();
    assert!(least > 1_000, "{least}");

    let of_event = |what| match what {
        What::Rejected { id, rival, .. } => Some((id, rival)),
        _ => None,
    };
    let told = node.event("a refusal", of_event).await;
    assert_eq!(told, (second(1_000).id().hash(), submitted.rival));
    let query = second(1_000).id().to_string();
    let story = node.ask(|reply| Command::ExplainTx { query, reply }).await.unwrap();
    let refused = story.steps.iter().find(|step| step.step == StepName::Rejected).unwrap();
    assert_eq!(refused.rival, submitted.rival);

    let submitted = node.submit(ItemKind::Tx, second(least - 1).bytes()).await;
    assert_eq!(submitted.rival.map(|rival| rival.id), Some(first.id().hash()), "a unit too little");
    let submitted = node.submit(ItemKind::Tx, second(least).bytes()).await;
    assert_eq!(submitted.outcome, Outcome::Accepted);
    let why = |what| match what {
        What::Left { id, why } => Some((id, why)),
        _ => None,
    };
    let (id, why) = node.event("the first leaves", why).await;
    assert_eq!((id, &*why), (first.id().hash(), "replaced"));
}
