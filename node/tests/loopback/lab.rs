//! What only nodes of a test network have.

use std::time::Duration;

use tidings::clock::real_unix_us;
use tidings::control::Command;
use tidings::lab::slow_motion::SlowMotion;
use tidings::links::{NodeType, Place, Position, Region};
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::Instant;

use crate::rig::{config, start};

#[tokio::test]
async fn shaped_nodes_relay_as_far_apart_as_they_say_and_take_only_shaped_ones() {
    let place = |region| Position::Place(Place { region, node_type: NodeType::Fullnode, seed: 1 });
    let mut here = config(&[]);
    here.lab.position = Some(place(Region::Europe));
    let mut here = start(here).await;
    let mut there = config(&[here.addr]);
    there.lab.position = Some(place(Region::WestAsia));
    let mut there = start(there).await;
    there.link_up().await;
    here.link_up().await;
    let begun = Instant::now();
    let submitted = here.submit(ItemKind::Tx, b"60 ms away").await;
    there.accepted(submitted.id.unwrap()).await;
    // The default strategy sends it whole to its first peer: 60 ms less 5 % of jitter.
    assert!(begun.elapsed() >= Duration::from_millis(57), "{:?}", begun.elapsed());
    let mut plain = start(config(&[here.addr])).await;
    assert_eq!(plain.dial_failed().await, "it has links of another model");
    let mut shaped = config(&[plain.addr]);
    shaped.lab.position = Some(place(Region::Europe));
    assert_eq!(start(shaped).await.dial_failed().await, "it has links of another model");
}

#[tokio::test]
async fn a_node_in_slow_motion_takes_so_many_times_as_long() {
    const TIMES: u32 = 4;
    let slow = |connect: &[PeerAddr], region| {
        let mut config = config(connect);
        let place = Place { region, node_type: NodeType::Fullnode, seed: 1 };
        config.lab.position = Some(Position::Place(place));
        config.lab.slow_motion = Some(SlowMotion::try_from(TIMES).unwrap());
        config
    };
    let mut here = start(slow(&[], Region::Europe)).await;
    let mut there = start(slow(&[here.addr], Region::Australia)).await;
    there.link_up().await;
    here.link_up().await;
    let (begun, from_unix_us) = (Instant::now(), real_unix_us() + 100_000);
    for node in [&here, &there] {
        let slowed = node.ask(|reply| Command::SlowDown { from_unix_us, reply }).await;
        assert_eq!(slowed.map(SlowMotion::times), Ok(TIMES));
    }
    let submitted = here.submit(ItemKind::Tx, b"165 ms away").await;
    there.accepted(submitted.id.unwrap()).await;
    // Of 165 ms less 5 % of jitter, at most 100 pass before the clocks are slow.
    let least = Duration::from_millis(100) + TIMES * Duration::from_millis(56);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
}
