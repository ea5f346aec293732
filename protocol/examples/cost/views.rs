//! What is said about HyParView's views, to a node whose views are full.

use tidings_protocol::wire::kinds::MessageKind;
use tidings_protocol::wire::message::{Message, PeerExchange, SHUFFLED_MAX};

use crate::bench::frame;
use crate::case::{Case, Scene, case, junk, raw};
use crate::scenes::{HOSTILE, asking, count, shuffle, world};

/// The cases of a kind.
pub(crate) fn of(kind: MessageKind) -> Vec<Case> {
    match kind {
        MessageKind::ForwardJoin => newcomers(),
        MessageKind::Neighbour => requests(),
        MessageKind::Disconnect => {
            let bye = Message::from(PeerExchange::Disconnect);
            vec![
                case("of a neighbour", Scene::Views, [bye.clone()]),
                case("again", Scene::Views, vec![bye.clone(); 100]).after([(HOSTILE, bye)]),
            ]
        }
        MessageKind::Shuffle => shuffles(),
        _ => joins(),
    }
}

fn joins() -> Vec<Case> {
    let join = Message::from(PeerExchange::Join);
    let says = asking().map(|link| (link, frame(&join))).collect();
    vec![
        raw("of 100 newcomers", Scene::Views, says).at_once(),
        case("again", Scene::Views, vec![join; 100]),
    ]
}

fn newcomers() -> Vec<Case> {
    let news = |steps: u8, n: u32| -> Message {
        PeerExchange::ForwardJoin { steps, addr: world(50_000 + n, 1).pop() }.into()
    };
    vec![
        case("100 that go on", Scene::Views, (0..100).map(|n| news(6, n))).granted(100),
        case("100 that are noted", Scene::Views, (0..100).map(|n| news(3, n))).granted(100),
        case("100 that end here", Scene::Views, (0..100).map(|n| news(0, n))).granted(100),
        raw("malformed", Scene::Views, junk(33, &[6, 7, 0, 1])),
    ]
}

fn requests() -> Vec<Case> {
    let urgent = frame(&PeerExchange::Neighbour { is_urgent: true }.into());
    let says = asking().map(|link| (link, urgent.clone())).collect();
    let answer = Message::from(PeerExchange::NeighbourReply { is_taken: true });
    vec![
        raw("of 100, urgent", Scene::Views, says).at_once(),
        case("answers to nothing", Scene::Views, vec![answer; 100]),
        raw("malformed", Scene::Views, junk(34, &[2])),
    ]
}

fn shuffles() -> Vec<Case> {
    let say = |steps: u8| (0..100).map(move |n| shuffle(n, steps, 60_000 + 32 * count(n)));
    let answer = |n: u32| -> Message {
        let addrs = world(70_000 + 32 * n, count(SHUFFLED_MAX)).into();
        PeerExchange::ShuffleReply { number: n, addrs }.into()
    };
    vec![
        case("100 that go on", Scene::Views, say(6)).granted(250),
        case("100 that end here", Scene::Views, say(1)).granted(250),
        case("answers to nothing", Scene::Views, (0..100).map(answer)).granted(250),
        raw("malformed", Scene::Views, junk(37, &[0; 4])),
    ]
}
