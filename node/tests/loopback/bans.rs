//! What the operator does with peers by hand, over the real network.

use tidings::api::PeerStatus;
use tidings::api::bans::{BanRequest, Concerned, Subject};
use tidings::control::{Command, NotDone};
use tidings_protocol::peers::bans::BAN_DEFAULT;

use crate::rig::{config, soon, start};

#[tokio::test]
async fn a_ban_closes_the_link_keeps_the_peer_out_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config(&[]);
    settings.bans = Some(folder.path().join("bans.json"));
    let node = start(settings.clone()).await;
    let other = start(config(&[node.addr])).await;
    node.until("they are linked", |_, peers| peers.len() == 1).await;

    let peer = node.peers().await[0].peer_id.clone();
    let subject: Subject = peer.parse().unwrap();
    let request = BanRequest { subject, seconds: None };
    let concerned = node.ask(|reply| Command::Ban { request, reply }).await;
    assert_eq!(concerned, Ok(Concerned { closed: 1, unbanned: 0 }));
    node.until("the link is closed", |_, peers| peers.is_empty()).await;
    let bans = node.ask(Command::Bans).await.bans;
    assert_eq!(bans.len(), 1);
    assert_eq!(bans[0].subject, subject);

    node.ask(Command::Stop).await;
    soon("the node ends", node.task).await.unwrap();
    let node = start(settings).await;
    assert_eq!(node.ask(Command::Bans).await.bans, bans, "of an earlier run");
    assert!(bans[0].until_unix_s > BAN_DEFAULT.as_secs());

    let concerned = node.ask(|reply| Command::Unban { subject: Some(subject), reply }).await;
    assert_eq!(concerned, Ok(Concerned { unbanned: 1, closed: 0 }));
    let again = start(config(&[node.addr])).await;
    node.until("anybody may come", |_, peers| peers.len() == 1).await;
    drop((other, again));
}

#[tokio::test]
async fn a_link_is_closed_by_hand_and_what_fits_nobody_is_said() {
    let node = start(config(&[])).await;
    let other = start(config(&[node.addr])).await;
    node.until("they are linked", |_, peers| peers.len() == 1).await;
    let link = node.peers().await[0].link.clone();
    let concerned = node.ask(|reply| Command::Disconnect { peer: link.clone(), reply }).await;
    assert_eq!(concerned, Ok(Concerned { closed: 1, unbanned: 0 }));
    let nobody = node.ask(|reply| Command::Disconnect { peer: "nobody".to_owned(), reply }).await;
    assert_eq!(nobody, Err(NotDone::NoPeer("nobody".to_owned())));
    // It wasn't banned: it is back soon, over another link.
    let is_back = |peers: &[PeerStatus]| peers.iter().any(|peer| peer.link != link);
    node.until("it is back", |_, peers| is_back(peers)).await;
    let subject: Subject = "192.0.2.7".parse().unwrap();
    let unknown = node.ask(|reply| Command::Unban { subject: Some(subject), reply }).await;
    assert_eq!(unknown, Err(NotDone::Unknown(subject)));
    drop(other);
}
