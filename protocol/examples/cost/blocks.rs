//! What is said about blocks that travel as names, to a node whose pool is full.

use std::sync::Arc;

use tidings_protocol::ground::item::{Hash256, ItemId, ShortId};
use tidings_protocol::params::StrategyKind;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_protocol::wire::message::{
    Blocks, ByTemplate, Compact, Message, NOWHERE, Offer, PartNames, Parts, PartsWanted,
    SYMBOL_BYTES, Symbol, SymbolId, Symbols, SymbolsWanted, Template,
};

use crate::case::{Case, Scene, case, junk, raw};
use crate::scenes::pooled;

const ADAPTIVE: Scene = Scene::Calm(StrategyKind::Adaptive);

/// Transactions of a block.
const COUNT: u16 = 3_000;

/// Transactions of the longest template.
const MOST: u32 = 8_192;

/// The cases of a kind.
pub(crate) fn of(kind: MessageKind) -> Vec<Case> {
    match kind {
        MessageKind::Compact => compacts(),
        MessageKind::GetParts => questions(),
        MessageKind::Parts => parts(),
        MessageKind::GetHeaders => {
            let ids = |n: u8| (0..101).map(|place| Hash256::of(&[n, place])).collect();
            let ask = |n| Message::from(Blocks::GetHeaders(ids(n)));
            vec![
                case("by names that nobody has, 100 times", ADAPTIVE, (0..100).map(ask)),
                raw("malformed", ADAPTIVE, junk(44, &[2])),
            ]
        }
        MessageKind::Headers => {
            let headers = (0..1_000_u32).map(|n| n.to_le_bytes().repeat(20).into()).collect();
            let told = Message::from(Blocks::Headers(headers));
            vec![
                case("1,000 that nobody asked for", ADAPTIVE, [told]),
                raw("malformed", ADAPTIVE, junk(45, &[0xff; 100])),
            ]
        }
        MessageKind::ByTemplate => by_templates(),
        MessageKind::Template => templates(),
        MessageKind::GetListed => listed(),
        MessageKind::Listed => {
            let transactions = (0..200).map(|n| pooled(n).item().bytes().clone()).collect();
            vec![
                case("that nobody asked for", ADAPTIVE, [Blocks::Listed(transactions).into()]),
                raw("malformed", ADAPTIVE, junk(49, &[0xff; 100])),
            ]
        }
        MessageKind::Offer
        | MessageKind::Classes
        | MessageKind::GetSymbols
        | MessageKind::Symbol => about_symbols(kind),
        _ => {
            let wish = |wanted| Message::from(Blocks::Prefer(wanted));
            let all = (0..100).map(|n| wish(n % 2 == 0));
            vec![
                case("back and forth, 100 times", ADAPTIVE, all),
                raw("malformed", ADAPTIVE, junk(43, &[2])),
            ]
        }
    }
}

/// The cases of a kind that is about symbols.
fn about_symbols(kind: MessageKind) -> Vec<Case> {
    match kind {
        MessageKind::Offer => {
            let offer = |n: u8| {
                let header = bytes::Bytes::from(vec![n; 80]);
                Symbols::Offer(Arc::new(Offer {
                    header,
                    size: 1 << 20,
                    classes: 8,
                    has: 1,
                    is_named: true,
                }))
            };
            vec![
                case(
                    "of what nobody has, 100 times",
                    ADAPTIVE,
                    (0..100).map(offer).map(Message::from),
                ),
                raw("malformed", ADAPTIVE, junk(50, &[2])),
            ]
        }
        MessageKind::Classes => {
            let more = |block| Message::from(Symbols::Classes { block, has: 0xff });
            vec![
                case("of blocks that nobody has, 100 times", ADAPTIVE, (0..100).map(more)),
                raw("malformed", ADAPTIVE, junk(53, &[2])),
            ]
        }
        MessageKind::GetSymbols => {
            let wanted = SymbolsWanted {
                block: Hash256::of(b"nowhere"),
                size: 1 << 20,
                stream: 1,
                class: 0,
                classes: 4,
                slice: 255,
                from: 0,
                count: 230,
            };
            let ask = Message::from(Symbols::Get(Arc::new(wanted)));
            vec![
                case("of a block that nobody has, 10 times", ADAPTIVE, vec![ask; 10]),
                raw("malformed", ADAPTIVE, junk(51, &[0xff; 48])),
            ]
        }
        _ => {
            let bytes = bytes::Bytes::from(vec![7; SYMBOL_BYTES]);
            let id = SymbolId { slice: 0, number: 0 };
            let symbol = Symbol { stream: 1, id, is_vouched: true, is_last: false, bytes };
            let symbol = Message::from(Symbols::Symbol(Arc::new(symbol)));
            vec![
                case("that nobody asked for, 10 times", ADAPTIVE, vec![symbol; 10]),
                raw("malformed", ADAPTIVE, junk(52, &[0xff; 100])),
            ]
        }
    }
}

/// A block of which all or nothing is pooled.
fn compact(number: u8, is_pooled: bool) -> Message {
    let header = bytes::Bytes::from(vec![number; 80]);
    let names = PartNames::of(&header, 1);
    let named = |n: u16| {
        let id = match is_pooled {
            true => pooled(n.into()).item().id(),
            false => ItemId::tx(Hash256::of(&n.to_le_bytes())),
        };
        names.name(id)
    };
    let parts = (0..COUNT).map(named).collect();
    Blocks::Compact(Arc::new(Compact { header, nonce: 1, prefilled: Box::default(), parts })).into()
}

fn compacts() -> Vec<Case> {
    vec![
        case("of what nobody has", ADAPTIVE, [compact(1, false)]),
        case("of what is here, under another header", ADAPTIVE, [compact(1, true)]),
        case("10 of what nobody has", ADAPTIVE, (0..10).map(|n| compact(n, false))),
        raw("malformed", ADAPTIVE, junk(40, &[1; 2_000])),
    ]
}

fn questions() -> Vec<Case> {
    let wanted = |count: u16| {
        let places = (0..count).collect();
        let wanted = PartsWanted { block: Hash256::of(b"nowhere"), places };
        Message::from(Blocks::GetParts(Arc::new(wanted)))
    };
    vec![
        case("3,000 of a block that nobody has", ADAPTIVE, [wanted(COUNT)]),
        case("one, 100 times", ADAPTIVE, vec![wanted(1); 100]),
        raw("malformed", ADAPTIVE, junk(41, &[0xff; 100])),
    ]
}

fn parts() -> Vec<Case> {
    let transactions = (0..COUNT).map(|n| pooled(n.into()).item().bytes().clone()).collect();
    let parts = Arc::new(Parts { block: Hash256::of(b"nowhere"), transactions });
    vec![
        case("that nobody asked for", ADAPTIVE, [Message::from(Blocks::Parts(parts))]),
        raw("malformed", ADAPTIVE, junk(42, &[0xff; 100])),
    ]
}

/// What our peer would put into a block: nothing that is here, if it isn't `is_pooled`.
fn template(is_pooled: bool, number: u32, count: u32) -> Message {
    let id = |n: u32| match is_pooled {
        true => pooled(n).item().id(),
        false => ItemId::tx(Hash256::of(&n.to_le_bytes())),
    };
    let added = (0..count).map(|n| ShortId::from(id(n))).collect();
    let template = Template { is_new: number == 0, number, gone: Box::default(), added };
    Blocks::Template(Arc::new(template)).into()
}

fn templates() -> Vec<Case> {
    let again = (0..100).map(|number| template(false, number, if number == 0 { MOST } else { 0 }));
    vec![
        case("of what nobody has", ADAPTIVE, [template(false, 0, MOST)]),
        case("of what is here", ADAPTIVE, [template(true, 0, u32::from(COUNT))]),
        case("the same again, 100 times", ADAPTIVE, again),
        raw("malformed", ADAPTIVE, junk(47, &[1; 2_000])),
    ]
}

/// A block by a template that was told before, or wasn't.
fn by_template(number: u8, template: u32) -> Message {
    let header = bytes::Bytes::from(vec![number; 80]);
    let places = if template == 0 { (0..COUNT).collect() } else { [NOWHERE; 1].into() };
    let ids = if template == 0 { Box::default() } else { [ShortId([1; 8])].into() };
    let prefilled = Box::default();
    Blocks::ByTemplate(Arc::new(ByTemplate { header, template, places, prefilled, ids })).into()
}

fn by_templates() -> Vec<Case> {
    let known = [template(true, 0, u32::from(COUNT)), by_template(1, 0)];
    vec![
        case("of what is here, after its template", ADAPTIVE, known),
        case("by a template that nobody told", ADAPTIVE, [by_template(1, 7)]),
        raw("malformed", ADAPTIVE, junk(46, &[1; 2_000])),
    ]
}

fn listed() -> Vec<Case> {
    let ids = (0..256).map(|n| ShortId::from(pooled(n).item().id()));
    let asked = Message::from(Blocks::GetListed(ids.collect()));
    vec![
        case("of what was never told", ADAPTIVE, [asked.clone()]),
        case("after a template", ADAPTIVE, [template(true, 0, 100), asked]),
        raw("malformed", ADAPTIVE, junk(48, &[0xff; 100])),
    ]
}
