//! Messages about blocks that come as symbols of a code.

use std::sync::Arc;

use proptest::prelude::*;
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::wire::kinds::MessageKind;
use tidings_protocol::wire::message::{
    HEADER_MAX, Message, Offer, SYMBOL_BYTES, Symbol, SymbolId, Symbols, SymbolsWanted,
};

use super::list_len;

/// Any message of a kind that is about symbols.
pub(crate) fn about_symbols(kind: MessageKind) -> BoxedStrategy<Message> {
    match kind {
        MessageKind::Offer => (list_len(HEADER_MAX), any::<(u32, u8, u16, bool)>())
            .prop_map(|(len, (size, classes, has, is_named))| {
                let (header, classes) = (vec![1; len].into(), 1 + classes % 16);
                let has = has & (u16::MAX >> (16 - classes));
                Symbols::Offer(Arc::new(Offer { header, size, classes, has, is_named })).into()
            })
            .boxed(),
        MessageKind::Classes => any::<(u64, u16)>()
            .prop_map(|(block, has)| Symbols::Classes { block, has }.into())
            .boxed(),
        MessageKind::GetSymbols => {
            let places = (any::<(u8, u16, u16)>(), 1..=u8::MAX, any::<u8>());
            (any::<([u8; 32], u32, u32)>(), places)
                .prop_map(|((block, size, stream), ((slice, from, count), classes, class))| {
                    let (block, class) = (Hash256(block), class % classes);
                    Symbols::Get(Arc::new(SymbolsWanted {
                        block,
                        size,
                        stream,
                        class,
                        classes,
                        slice,
                        from,
                        count,
                    }))
                    .into()
                })
                .boxed()
        }
        _ => (any::<(u32, u8, u16)>(), any::<(bool, bool, u8)>())
            .prop_map(|((stream, slice, number), (is_vouched, is_last, byte))| {
                let (id, bytes) = (SymbolId { slice, number }, vec![byte; SYMBOL_BYTES].into());
                Symbols::Symbol(Arc::new(Symbol { stream, id, is_vouched, is_last, bytes })).into()
            })
            .boxed(),
    }
}
