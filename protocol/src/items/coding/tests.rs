use proptest::prelude::*;

use super::*;

fn block(size: usize, seed: u8) -> Bytes {
    let byte = |n: usize| (n.wrapping_mul(31) >> 3).to_le_bytes()[0] ^ seed;
    (0..size).map(byte).collect::<Vec<_>>().into()
}

/// Any symbol of a block.
fn symbol(layout: Layout, block: &Bytes, id: SymbolId) -> Bytes {
    let made = || Repairer::new(layout, block, id.slice).make(id.number);
    layout.source(block, id).or_else(made).unwrap()
}

fn layout(size: usize) -> Layout {
    Layout::new(u32::try_from(size).unwrap()).unwrap()
}

#[test]
fn the_pieces_of_a_block_are_the_block() {
    for size in [1, SYMBOL_BYTES, SYMBOL_BYTES + 1, 100_000, 300_001] {
        let (block, layout) = (block(size, 3), layout(size));
        let mut assembly = Assembly::new(layout);
        for slice in 0..layout.slices() {
            for number in 0..layout.pieces(slice) {
                assert!(assembly.join().is_none());
                let id = SymbolId { slice, number };
                assembly.take(id, &layout.source(&block, id).unwrap());
            }
        }
        assert_eq!(assembly.join(), Some(block), "{size}");
        assert_eq!(assembly.lacking(), 0);
    }
}

#[test]
fn a_class_has_its_share_of_each_slice_and_all_classes_have_all() {
    let layout = layout(1_000_000);
    for slice in 0..layout.slices() {
        let mut shares = [0; 4];
        for number in 0..layout.pieces(slice) {
            shares[usize::from(Layout::class(SymbolId { slice, number }, 4))] += 1;
        }
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        assert!(most - least <= 1, "{shares:?} of slice {slice}");
    }
}

#[test]
fn symbols_that_belong_to_no_one_block_are_given_up() {
    let layout = layout(40_000);
    let mut assembly = Assembly::new(layout);
    // Nothing but noise is always solved somehow, so what is sent is one symbol over and over: of rank one, but for its numbers.
    let mut last = Taken::Kept;
    for number in 1_000..1_100 {
        last = assembly
            .take(SymbolId { slice: 0, number }, &block(SYMBOL_BYTES, number.to_le_bytes()[0]));
        if last != Taken::Kept {
            break;
        }
    }
    assert!(matches!(last, Taken::Whole | Taken::Hopeless), "{last:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_symbols_will_do_if_there_are_enough(
        size in 1..200_000usize,
        seed in any::<u8>(),
        numbers in prop::sample::subsequence((0..400_u16).collect::<Vec<_>>(), 120),
    ) {
        let (block, layout) = (block(size, seed), layout(size));
        let mut assembly = Assembly::new(layout);
        for slice in 0..layout.slices() {
            let repairer = Repairer::new(layout, &block, slice);
            let mut used = 0;
            for number in &numbers {
                let id = SymbolId { slice, number: *number };
                let bytes = layout.source(&block, id).or_else(|| repairer.make(*number)).unwrap();
                used += 1;
                match assembly.take(id, &bytes) {
                    Taken::Kept => {}
                    Taken::Whole => break,
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert_eq!(assembly.lacks(slice), 0);
            prop_assert!(used <= usize::from(layout.pieces(slice)) + 3, "{} symbols", used);
        }
        prop_assert_eq!(assembly.join(), Some(block));
    }

    #[test]
    fn what_is_held_of_a_slice_is_what_its_symbols_are(size in 1..200_000usize, slice in any::<u8>()) {
        let (block, layout) = (block(size, 9), layout(size));
        let slice = slice % layout.slices();
        let mut assembly = Assembly::new(layout);
        for number in 5..5 + layout.pieces(slice) {
            let id = SymbolId { slice, number };
            assembly.take(id, &symbol(layout, &block, id));
        }
        for (id, bytes) in assembly.held(slice) {
            prop_assert_eq!(bytes, symbol(layout, &block, id));
        }
    }
}
