//! What one stranger makes a node hold when it does all at once, measured; and what a full node holds at worst, computed.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tidings::clock::Clock;
use tidings::net::{
    Keypair, Net, NetConfig, NetEvent, Stranger, full_node_held_max, link_held_max,
};
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Link;
use tidings_protocol::node::bounds::held_for_links;
use tidings_protocol::params::Params;
use tidings_protocol::wire::codec;
use tidings_protocol::wire::message::{Items, Message};
use tokio::time::Instant;

const RULES: Opaque = Opaque { max_tx_bytes: 100_000, max_block_bytes: 4_000_000 };

const NEGOTIATION: &[u8] = b"\x13/multistream/1.0.0\n\x12/tidings/1/bounds\n";

struct Rig {
    net: Net,
    stranger: Stranger,
    /// Bytes that the stranger may still send on its stream.
    credit: usize,
}

impl Rig {
    async fn connect() -> (Self, Link) {
        let config = NetConfig {
            keypair: Keypair::generate_ed25519(),
            network: "bounds".to_owned(),
            chain: Arc::new(RULES),
            listen: Vec::new(),
            inbound_max: 1,
            local_addresses: true,
            autonat: false,
            position: None,
            clock: Clock::start(),
        };
        let (net, stranger) = Net::with_stranger(&config).await.unwrap();
        let mut rig = Self { net, stranger, credit: 256 << 10 };
        rig.frame(1, 1, NEGOTIATION).await;
        rig.frame(2, 2, NEGOTIATION).await;
        loop {
            if let Some(NetEvent::Connected { link, .. }) = rig.net.next_event() {
                return (rig, link);
            }
            tokio::task::yield_now().await;
        }
    }

    /// A data frame with flags on a stream.
    async fn frame(&mut self, flags: u8, stream: u8, data: &[u8]) {
        let [a, b, c, d] = u32::try_from(data.len()).unwrap().to_be_bytes();
        for part in [&[0, 0, 0, flags, 0, 0, 0, stream, a, b, c, d][..], data] {
            let mut rest = part;
            while let Some(sent) = self.stranger.send(rest) {
                rest = &rest[sent..];
                if rest.is_empty() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if stream == 1 {
            self.credit -= data.len();
        }
        tokio::task::yield_now().await;
    }

    /// Sends on the link as much as the window lets through, and takes what more is granted.
    async fn say(&mut self, bytes: &[u8]) -> usize {
        let mut said = 0;
        while said < bytes.len() {
            while let Some(came) = self.stranger.receive().filter(|came| !came.is_empty()) {
                self.credit += granted(&came);
            }
            let part = &bytes[said..][..self.credit.min(16 << 10).min(bytes.len() - said)];
            if part.is_empty() {
                break;
            }
            self.frame(0, 1, part).await;
            said += part.len();
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        said
    }
}

/// What the window updates for the stranger's stream grant, among frames that carry nothing else.
fn granted(bytes: &[u8]) -> usize {
    let updates =
        bytes.windows(12).filter(|head| head[..2] == [0, 1] && head[4..8] == [0, 0, 0, 1]);
    updates.map(|head| u32::from_be_bytes(head[8..].try_into().unwrap()) as usize).sum()
}

#[tokio::test(start_paused = true)]
async fn a_link_that_does_all_at_once_holds_no_more_than_a_link_may() {
    let (mut rig, link) = Rig::connect().await;
    // All of a block but its end; it is read while it comes.
    let block = RULES.item(ItemKind::Block, vec![1; RULES.max_block_bytes].into()).unwrap();
    let mut frames = BytesMut::new();
    codec::encode(&Message::Items(Items::Item(block)), &mut frames);
    let said = rig.say(&frames[..frames.len() - 1]).await;
    assert_eq!(said, frames.len() - 1, "all that is read is granted again");
    let unfinished = rig.net.held_bytes().0;
    assert!(unfinished >= RULES.max_block_bytes, "{unfinished}: memory is charged as bytes come");
    // Small messages that nobody deals with, until nothing more is let through.
    rig.net.throttle(link, None, Instant::now() + Duration::from_secs(10));
    let small = [2, 200, 0].repeat(1 << 20);
    let said = rig.say(&small).await;
    assert!(said < 2 << 20, "{said}: nothing is read while messages are held");
    // And it reads nothing.
    let tx = RULES.item(ItemKind::Tx, vec![1; 100_000].into()).unwrap();
    let mut most = 0;
    while rig.net.info(link).is_some() {
        rig.net.send(link, Message::Items(Items::Item(tx.clone())));
        most = most.max(rig.net.held_bytes().0);
    }
    let max = link_held_max(RULES.max_block_bytes);
    assert!(unfinished + (3 << 20) <= most && most <= max, "{most} of {max}");
    // It is cut, and whatever it held is free again.
    tokio::time::sleep(Duration::from_secs(10)).await;
    while rig.net.next_event().is_some() {}
    assert_eq!(rig.net.held_bytes().0, 0);
}

/// Places for links: whoever dials back may keep the place in the outbound set, so the transport has as many places more.
fn places(params: &Params) -> usize {
    params.peers.inbound_max + 2 * params.peers.outbound
}

/// The number in the last cell of a row of SECURITY.md.
fn row(name: &str) -> usize {
    let table = include_str!("../../../SECURITY.md");
    let row = table.lines().find(|line| line.starts_with(&format!("| {name}")));
    let cell = row.unwrap_or_else(|| panic!("no row {name}")).rsplit('|').nth(1).unwrap();
    cell.trim().replace(',', "").parse().unwrap()
}

#[test]
fn a_full_node_whose_links_are_all_at_their_bounds_holds_less_than_512_mb() {
    let params = Params::default();
    let held = full_node_held_max(places(&params), RULES.max_block_bytes);
    // The table is made of the same numbers.
    let rows = ["what the account counts", "between two looks at it", "Noise"];
    assert_eq!(rows.map(row).iter().sum::<usize>(), held);
    assert_eq!(row("all links in the transport"), held);
    // And so is that of the core.
    let of_core = held_for_links(places(&params), &params);
    for (name, bytes) in of_core {
        assert_eq!(row(name), bytes, "{name}");
    }
    let in_core: usize = of_core.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!(row("all links in the core"), in_core);
    assert_eq!(row("all links of a full node"), held + in_core);
    assert!(held + in_core < 512_000_000, "{}", held + in_core);
}
