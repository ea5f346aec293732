//! What a node tells of its links and of the addresses that it knows.

use tidings::api::peers::Keeps;
use tidings::control::Command;
use tidings_protocol::ground::item::ItemKind;

use crate::rig::{config, free_addr, row, soon, start};

#[tokio::test]
async fn a_peer_is_shown_with_what_passed_and_what_becomes_of_its_place() {
    let mut nodes = row(2).await;
    let submitted = nodes[0].submit(ItemKind::Tx, b"news").await;
    nodes[1].accepted(submitted.id.unwrap()).await;
    let (teller, hearer) = (nodes[0].peers().await.remove(0), nodes[1].peers().await.remove(0));
    let (told, heard) = (teller.passed.unwrap(), hearer.passed.unwrap());
    assert_eq!((told.sent, told.received, heard.received, heard.unsolicited), (1, 0, 1, 0));
    assert!(told.sent_bytes > 4 && heard.received_bytes > 4);
    assert!(hearer.budgets["messages"].left > 0 && hearer.budgets.len() == 8);
    // The one is the only guest, and the other is to be dialled for ever.
    let (guest, chosen) = (teller.place.unwrap(), hearer.place.unwrap());
    assert_eq!((guest.keeps, guest.why.as_deref()), (Keeps::Protected, Some("alone")));
    assert_eq!((chosen.keeps, chosen.why.as_deref()), (Keeps::Protected, Some("named")));
    assert!(chosen.brought_tx_s.is_some() && guest.brought_tx_s.is_none());
}

#[tokio::test]
async fn an_address_is_shown_with_what_became_of_it() {
    let node = start(config(&[])).await;
    let addr = free_addr();
    node.ask(|reply| Command::Connect { addr, reply }).await;
    let tried = async {
        loop {
            let addresses = node.addresses().await;
            let one = addresses.into_iter().find(|one| one.addr == addr).unwrap();
            if one.attempted_s.is_some() {
                return one;
            }
        }
    };
    let one = soon("a dial", tried).await;
    assert_eq!((one.tried, one.connected, &*one.source), (false, false, "operator"));
    assert_eq!((one.successes, one.reached_s, one.group), (0, None, None));
}
