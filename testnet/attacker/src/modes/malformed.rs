//! Bytes that are no message, one case a link: each ends its own link, and nothing else.

use std::io;
use std::time::Duration;

use crate::items::{first_part, frame, varint};
use crate::lane::Lane;
use crate::link::Link;
use crate::mode::Mode;

/// See the table.
pub(super) const MODE: Mode = Mode {
    name: "malformed",
    does: "sends 25 kinds of bytes that are no message, each on a link of its own",
    holds: "each costs its own link, and nothing else",
    lanes: 2,
    is_of_blocks: false,
    is_fair: false,
    per_s: None,
    attack: |lane| Box::pin(attack(lane)),
};

/// Bytes that are no message, or none that may come there.
pub(crate) fn cases() -> Vec<Vec<u8>> {
    let hello = frame(1, &[2, 0, 0, 0, 0, 0, 0]);
    let part = |class: u8, data: usize| [varint(data + 2), vec![0, class], vec![0; data]].concat();
    vec![
        vec![0],                                              // a frame without a kind
        vec![0x80, 0x80, 0x80, 0x80, 0x80],                   // a number without an end
        vec![0x81, 0x00, 2],                                  // a number longer than it need be
        [varint(1 << 24), vec![200]].concat(),                // a frame longer than any
        frame(1, &[]),                                        // a hello without fields
        frame(1, &[2, 0]),                                    // a hello cut off
        frame(1, &vec![0; 2_000]),                            // a hello too long
        [hello.clone(), hello].concat(),                      // a second hello, and a third
        frame(2, &[1, 2, 3]),                                 // a ping too short
        frame(2, &[0; 9]),                                    // a ping too long
        frame(4, &[0]),                                       // a question with a body
        frame(5, &[255]),                                     // an address cut off
        frame(6, &[2]),                                       // ids of no kind
        frame(6, &[0, 1, 2]),                                 // an id cut off
        frame(7, &[]),                                        // a request without its kind
        frame(7, &[1; 40_000]),                               // a request too long for a frame
        frame(9, &[]),                                        // a transaction of nothing
        frame(9, &[9; 200]),                                  // a transaction of no version
        frame(10, &[1; 20]),                                  // a block without a header
        frame(15, &[0; 7]),                                   // a digest without its salt
        frame(15, &[vec![0; 8], vec![17; 90]].concat()),      // a span deeper than an id
        frame(17, &[1, 2, 3]),                                // a short id cut off
        first_part(0, 10, 1_000_000),                         // a block among control messages
        part(1, 100),                                         // a part of nothing
        [first_part(1, 10, 1_000_000), part(1, 10)].concat(), // a part that is too short
    ]
}

async fn attack(mut lane: Lane) -> io::Result<()> {
    for (number, case) in cases().into_iter().enumerate() {
        let Ok(mut link) = lane.link().await else { continue };
        // The victim closes some at once, and is right.
        let _ = try_case(&mut link, &case).await;
        if number % 5 == 0 {
            early(&mut lane, &case).await?;
        }
    }
    Ok(())
}

async fn try_case(link: &mut Link, case: &[u8]) -> io::Result<()> {
    link.raw(case).await?;
    link.flush().await?;
    link.stay(Duration::from_millis(20)).await
}

/// The same before any hello.
async fn early(lane: &mut Lane, case: &[u8]) -> io::Result<()> {
    let mux = lane.mux().await?;
    if let Ok(mut link) = Link::before_hello(mux, &lane.target, &[]).await {
        let _ = try_case(&mut link, case).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_25_of_them_and_no_two_alike() {
        let cases: HashSet<Vec<u8>> = cases().into_iter().collect();
        assert_eq!(cases.len(), 25);
    }
}
