//! What a node says of itself to its fleet, without being told to: keys of its state as a member.
//!
//! Nothing is written that hasn't changed, and what changes all the time is rounded: each write is told to all members.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::sleep;

use crate::api::Status;
use crate::api::members::shared::StateWrite;
use crate::control::{Command, Control};
use crate::members::MembersControl;

/// How often it looks. A guess: an operator's screen.
const INTERVAL: Duration = Duration::from_secs(30);

/// How soon after the start it looks first: some links are up by then. A guess.
const FIRST: Duration = Duration::from_secs(2);

/// Says what changed until the node ends.
pub(super) async fn publish(control: Control, members: MembersControl, region: Option<String>) {
    let mut said = BTreeMap::new();
    sleep(FIRST).await;
    while let Ok(status) = control.ask(Command::Status).await {
        for (key, value) in values(&status, region.as_deref()) {
            if said.get(key) == Some(&value) {
                continue;
            }
            let write = StateWrite { key: key.into(), value: Some(value.as_str().into()) };
            match members.write(write).await {
                Ok(Ok(_)) => drop(said.insert(key, value)),
                // It has left, and says all again when it is back.
                Ok(Err(_)) => said.clear(),
                Err(_) => return,
            }
        }
        sleep(INTERVAL).await;
    }
}

fn values(status: &Status, region: Option<&str>) -> Vec<(&'static str, String)> {
    let mut values = vec![
        ("version", status.version.clone()),
        ("links", rounded(status.outbound + status.inbound)),
        ("pool", rounded(status.pool_items)),
    ];
    values.extend(status.latest_block.clone().map(|id| ("block", id)));
    values.extend(region.map(|region| ("region", region.to_owned())));
    values
}

/// The first two digits.
fn rounded(count: usize) -> String {
    let unit = 10_usize.pow(count.checked_ilog10().unwrap_or_default().saturating_sub(1));
    (count / unit * unit).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_what_it_is_and_rounds_what_changes_all_the_time() {
        let mut status = crate::api::status::example();
        status.pool_items = 12_345;
        status.latest_block = Some("c0de".to_owned());
        let told = values(&status, Some("europe"));
        let expected = [
            ("version", "0.1.0"),
            ("links", "3"),
            ("pool", "12000"),
            ("block", "c0de"),
            ("region", "europe"),
        ];
        assert_eq!(told, expected.map(|(key, value)| (key, value.to_owned())));
        let shown = [0, 9, 99, 100, 999].map(rounded);
        assert_eq!(shown, ["0", "9", "99", "100", "990"]);
    }
}
