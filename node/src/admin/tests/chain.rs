//! Blocks, the pool, items, and blocks that are made.

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::tidings::Tidings;
use tidings_protocol::items::pool::walk::RatePlace;

use super::*;
use crate::api::chain::{BlockRow, BlockState, Blocks, MineRequest, PoolPage, PoolRow, PoolSort};
use crate::control::{ChainCommand, Found, NotFound, PoolFrom, Template};

/// A chain of two blocks, a pool of three transactions, and one item.
pub(super) fn on_chain(command: ChainCommand) {
    let found = |height: u32| Found {
        row: BlockRow {
            id: Hash256([u8::try_from(height).unwrap(); 32]),
            height: Some(height),
            state: BlockState::Connected,
            time_s: Some(9),
            transactions: None,
            bytes: Some(1),
            came_unix_us: None,
            from: None,
        },
        parent: None,
        heard_unix_us: Some(8),
        block: Opaque::default().item(ItemKind::Block, Bytes::from_static(b"b")).ok(),
    };
    match command {
        ChainCommand::Blocks { last, reply } => {
            drop(reply.send([2, 1].into_iter().take(last).map(found).collect()));
        }
        ChainCommand::Block { query, reply } => drop(reply.send(match &*query {
            "1" => Ok(found(1)),
            "9" => Err(NotFound::Height { height: 9, tip: 2 }),
            _ => Err(NotFound::Block(query)),
        })),
        ChainCommand::Pool { from, limit, reply } => {
            let first = match from {
                PoolFrom::Age(after) => after.map_or(0, |(_, sequence)| sequence),
                PoolFrom::Rate(Some(RatePlace::Paying(_, sequence))) => sequence,
                PoolFrom::Rate(_) => 0,
            };
            let first = u8::try_from(first).unwrap();
            let row = |n: u8| PoolRow {
                id: Hash256([n; 32]),
                bytes: 7,
                fee_rate: 0,
                expires_s: Some(5),
                own: false,
            };
            let items: Vec<_> = (first + 1..=3).take(limit).map(row).collect();
            let last = first + u8::try_from(items.len()).unwrap();
            let next = (last < 3).then(|| match from {
                PoolFrom::Age(_) => format!("5-{last}"),
                PoolFrom::Rate(_) => format!("paying-9-{last}"),
            });
            drop(reply.send(PoolPage { items, count: 3, bytes: 21, min_fee_rate: 1, next }));
        }
        ChainCommand::Item { query, reply } => {
            let known = Opaque::default().item(ItemKind::Tx, Bytes::from_static(KNOWN));
            drop(reply.send(match &*query {
                "ab" => Ok(known.unwrap()),
                "a" => Err(Unexplained::ambiguous(&query, vec!["ab".to_owned(); 2]).into()),
                "x" => Err(Unexplained::NoId(query).into()),
                query if query == Hash256::of(KNOWN).to_string() => Ok(known.unwrap()),
                _ => Err(NotFound::Item(query)),
            }));
        }
        ChainCommand::Template { .. } => panic!("opaque rules make no blocks"),
    }
}

#[tokio::test]
async fn blocks_are_listed_and_shown_and_none_is_made_where_the_rules_do_not_know_how() {
    let Fixture { client, folder: _folder, .. } = start();
    let heights = |blocks: Blocks| blocks.blocks.into_iter().filter_map(|row| row.height);
    assert_eq!(heights(client.blocks(1).await.unwrap()).collect::<Vec<_>>(), [2]);
    assert_eq!(heights(client.blocks(1_000).await.unwrap()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(refusal(client.blocks(1_001).await).0, 400);
    let view = client.block("1").await.unwrap();
    assert_eq!((view.row.height, view.heard_unix_us, view.more), (Some(1), Some(8), 0));
    assert!(view.row.transactions.is_none() && view.ids.is_empty(), "nobody looks into it");
    let (status, message) = refusal(client.block("9").await);
    assert_eq!((status, message.contains("the last has height 2")), (404, true), "{message}");
    assert_eq!(refusal(client.block("c0de").await).0, 404);
    let (status, message) = refusal(client.mine(&MineRequest::default()).await);
    assert_eq!((status, &*message), (409, "no block can be made under these rules"));
    let wrong = client.ask(Method::POST, "/v1/lab/mine", Bytes::from_static(b"now")).await;
    assert_eq!(refusal(wrong).0, 400);
}

#[tokio::test]
async fn the_pool_is_told_in_pages_and_items_say_what_they_are() {
    let Fixture { client, folder: _folder, .. } = start();
    for sort in [PoolSort::Age, PoolSort::FeeRate] {
        let first = client.pool(sort, 2, None).await.unwrap();
        assert_eq!((first.items.len(), first.count), (2, 3));
        let second = client.pool(sort, 2, first.next.as_deref()).await.unwrap();
        assert_eq!((second.items.len(), second.next), (1, None));
        let wrong =
            [(0, None), (1_001, None), (1, Some("x")), (1, Some("1-")), (1, Some("free-1"))];
        for (limit, after) in wrong {
            assert_eq!(refusal(client.pool(sort, limit, after).await).0, 400, "{limit} {after:?}");
        }
    }
    let place = client.pool(PoolSort::FeeRate, 1, None).await.unwrap().next;
    let other = client.pool(PoolSort::Age, 1, place.as_deref()).await;
    assert_eq!(refusal(other).0, 400, "a place in one order is none in the other");
    let decoded = client.decode("ab").await.unwrap();
    assert_eq!((decoded.id, decoded.valid), (Some(Hash256::of(KNOWN)), true));
    for (query, status) in [("a", 409), ("x", 400), ("c0de", 404)] {
        assert_eq!(refusal(client.decode(query).await).0, status, "{query}");
    }
}

#[tokio::test]
async fn one_block_is_searched_for_at_a_time() {
    let (commands, mut inbox) = mpsc::channel(1);
    let mut fixture = serve(Control::new(commands));
    fixture.api.chain = Arc::new(Tidings::new(Hash256([7; 32]), 0));
    let socket = AdminSocket::bind(fixture.folder.path().join("other.sock")).unwrap();
    let api = fixture.api.clone();
    tokio::spawn(server::serve(socket, routes::router(api.clone()), api.stop));
    let path = fixture.folder.path().join("other.sock");
    let first = tokio::spawn({
        let client = Client::unix(&path);
        async move { client.mine(&MineRequest::default()).await }
    });
    let Some(Command::Chain(ChainCommand::Template { reply, .. })) = inbox.recv().await else {
        panic!("a template was asked for");
    };
    let (status, message) = refusal(Client::unix(&path).mine(&MineRequest::default()).await);
    assert_eq!((status, message.contains("one at a time")), (409, true), "{message}");
    let parent = Hash256([7; 32]);
    let template = Template { parent, height: 1, time_s: 9, transactions: Vec::new() };
    reply.send(Ok(template)).unwrap();
    let Some(Command::Submit { kind, bytes, reply }) = inbox.recv().await else {
        panic!("the block was handed in");
    };
    let id = Some(fixture.api.chain.item(kind, bytes).unwrap().id().hash());
    reply.send(Ok(Submitted { id, outcome: Outcome::Accepted, rule: None, rival: None })).unwrap();
    let mined = first.await.unwrap().unwrap();
    assert_eq!((Some(mined.id), mined.height, mined.time_s), (id, 1, 9));
}
