//! The same over QUIC.

use tidings::api::{Outcome, PeerStatus};
use tidings::shell::ShellConfig;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::peer::{PeerAddr, Transport};

use crate::rig::{config, start};

fn over_quic(connect: &[PeerAddr]) -> ShellConfig {
    let mut config = config(connect);
    config.listen = vec!["127.0.0.1:0/quic".parse().unwrap()];
    config
}

#[tokio::test]
async fn items_of_all_sizes_arrive_over_quic_both_ways() {
    let mut here = start(over_quic(&[])).await;
    assert_eq!(here.addr.transport, Transport::Quic);
    let mut there = start(over_quic(&[here.addr])).await;
    there.link_up().await;
    here.link_up().await;
    let remote = |peers: &[PeerStatus]| peers[0].remote.map(|addr| addr.transport);
    assert_eq!(remote(&there.peers().await), Some(Transport::Quic));
    for (kind, bytes) in [(ItemKind::Tx, 300), (ItemKind::Tx, 40_000), (ItemKind::Block, 2_000_000)]
    {
        for fill in [1, 2] {
            let (from, to) = if fill == 1 { (&here, &mut there) } else { (&there, &mut here) };
            let submitted = from.submit(kind, &vec![fill; bytes]).await;
            assert_eq!(submitted.outcome, Outcome::Accepted);
            let id = submitted.id.unwrap();
            to.accepted(id).await;
            let held = to.item(id).await;
            assert_eq!(held.map(|held| held.len()), Some(bytes));
        }
    }
}
