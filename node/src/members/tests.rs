use tidings_protocol::membership::Packet;
use tidings_protocol::membership::packet::Ping;
use tokio::sync::broadcast::Receiver;

use super::keyring::{KEY_LEN, Key};
use super::seal::Purpose;
use super::*;
use crate::api::members::{KeyOp, KeyRequest, MemberStatus};
use crate::api::{NodeEvent, What};

/// Ten times as quick as a fleet.
fn quick() -> Settings {
    let ms = Duration::from_millis;
    Settings {
        probe_interval: ms(100),
        probe_timeout: ms(50),
        gossip_interval: ms(20),
        suspicion_floor: ms(200),
        refused_wait: Some(ms(100)),
        join_retry: ms(200),
        leave_timeout: ms(500),
        ..Settings::fleet()
    }
}

struct Rig {
    members: Members,
    folder: tempfile::TempDir,
    setup: MembersSetup,
    events: Receiver<NodeEvent>,
}

fn setup(name: &str, join: &[SocketAddr], folder: &Path) -> MembersSetup {
    MembersSetup {
        config: MembersConfig {
            enabled: true,
            name: Some(name.to_owned()),
            listen: "127.0.0.1:0".parse().unwrap(),
            join: join.to_vec(),
            tags: vec![format!("n={name}")],
            ..MembersConfig::default()
        },
        peer_id: PeerId::random(),
        network: "test".to_owned(),
        advertise: None,
        folder: folder.to_owned(),
        unix_s: 1,
    }
}

fn start(name: &str, join: &[SocketAddr], keys: &[u8]) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Keyring::default();
    keys.iter().for_each(|key| ring.install(Key::new([*key; KEY_LEN])).unwrap());
    if !ring.is_empty() {
        ring.save(&folder.path().join(KEYS_FILE)).unwrap();
    }
    let setup = setup(name, join, folder.path());
    let events = Events::default();
    let heard = events.subscribe();
    let members = Members::start_with(&setup, quick(), events).unwrap();
    Rig { members, folder, setup, events: heard }
}

impl Rig {
    fn addr(&self) -> SocketAddr {
        self.members.addr()
    }

    /// Waits for something that happens to a member.
    async fn hears(&mut self, kind: &str, of: &str) {
        let heard = async {
            loop {
                let what = self.events.recv().await.unwrap().what;
                let (told, member) = match what {
                    What::MemberJoined { member } => ("joined", member),
                    What::MemberFailed { member, .. } => ("failed", member),
                    What::MemberLeft { member } => ("left", member),
                    What::MemberConflict { member, .. } => ("conflict", member),
                    _ => continue,
                };
                if (told, &*member.name) == (kind, of) {
                    return;
                }
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
        heard.unwrap_or_else(|_| {
            panic!("{} never heard that {of} {kind}", self.setup.config.name.as_deref().unwrap())
        });
    }

    async fn statuses(&self) -> Vec<(String, MemberStatus)> {
        let list = self.members.control().list().await.unwrap();
        list.into_iter().map(|member| (member.name, member.status)).collect()
    }
}

fn three(keys: &[u8]) -> [Rig; 3] {
    let one = start("one", &[], keys);
    let two = start("two", &[one.addr()], keys);
    let three = start("three", &[one.addr()], keys);
    [one, two, three]
}

#[tokio::test]
async fn three_see_each_other_and_one_that_leaves_and_one_that_dies() {
    for keys in [&[1][..], &[]] {
        let [mut one, mut two, mut three] = three(keys);
        for (rig, others) in [
            (&mut one, ["two", "three"]),
            (&mut two, ["one", "three"]),
            (&mut three, ["one", "two"]),
        ] {
            let mut left = others.to_vec();
            while !left.is_empty() {
                let names: Vec<_> =
                    rig.statuses().await.into_iter().map(|(name, _)| name).collect();
                left.retain(|name| !names.iter().any(|known| known == name));
                tokio::task::yield_now().await;
            }
        }
        let list = one.members.control().list().await.unwrap();
        let own = list.iter().find(|member| member.own).unwrap();
        assert_eq!((&*own.name, own.addr), ("one", one.addr()));
        assert_eq!(list.iter().find(|member| member.name == "two").unwrap().tags["n"], "two");

        three.members.leave(Duration::from_secs(10)).await;
        one.hears("left", "three").await;
        drop(two.members);
        one.hears("failed", "two").await;
        let told = one.statuses().await;
        let expected = [
            ("one", MemberStatus::Alive),
            ("three", MemberStatus::Left),
            ("two", MemberStatus::Failed),
        ];
        assert_eq!(told, expected.map(|(name, status)| (name.to_owned(), status)));
        let status = one.members.control().status().await.unwrap();
        assert_eq!((status.members["failed"], status.members["left"]), (1, 1));
        assert_eq!(status.sealed, !keys.is_empty());
        assert!(status.counters["datagrams_received"] > 0 && status.rtt_ms.is_some());
    }
}

#[tokio::test]
async fn one_that_has_left_comes_back_when_it_is_told_to_join() {
    let mut one = start("one", &[], &[1]);
    let two = start("two", &[one.addr()], &[1]);
    one.hears("joined", "two").await;
    two.members.control().leave().await.unwrap();
    one.hears("left", "two").await;
    assert!(two.members.control().status().await.unwrap().left);
    two.members.control().leave().await.unwrap();
    let joined = two.members.control().join(vec![one.addr(), two.addr()]).await.unwrap().unwrap();
    assert_eq!((joined.asked, joined.answered), (1, 1));
    one.hears("joined", "two").await;
}

#[tokio::test]
async fn an_operator_takes_one_for_gone_and_one_that_lives_says_so() {
    let mut one = start("one", &[], &[1]);
    let two = start("two", &[one.addr()], &[1]);
    one.hears("joined", "two").await;
    let control = one.members.control().clone();
    assert!(control.force_leave("nobody".to_owned()).await.unwrap().is_err());
    assert!(control.force_leave("one".to_owned()).await.unwrap().is_err());
    let view = control.force_leave("two".to_owned()).await.unwrap().unwrap();
    assert_eq!(view.status, MemberStatus::Left);
    one.hears("left", "two").await;
    one.hears("joined", "two").await;
    drop(two);
}

#[tokio::test]
async fn whoever_has_another_key_or_network_is_no_member() {
    let one = start("one", &[], &[1]);
    let stranger = start("stranger", &[], &[2]);
    let joined = stranger.members.control().join(vec![one.addr()]).await.unwrap().unwrap();
    assert_eq!((joined.asked, joined.answered), (1, 0));
    assert_eq!(one.statuses().await.len(), 1);
    assert_eq!(one.members.control().status().await.unwrap().dropped["key"], 1);
}

#[tokio::test]
async fn what_comes_twice_or_is_meant_for_another_is_not_heard() {
    let one = start("one", &[], &[1]);
    let mut ring = Keyring::default();
    ring.install(Key::new([1; KEY_LEN])).unwrap();
    let seal = Seal::new("test", ring, [7; 16]);
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let id = MemberId(peer_key(&one.setup.peer_id).0);
    let packet = Packet::new(MemberId(9), vec![Ping { seq: 3, target: id }.into()]).encode();
    let (sealed, _) = seal.seal(Purpose::Datagram(one.addr()), &packet);
    let (elsewhere, _) = seal.seal(Purpose::Datagram("127.0.0.1:1".parse().unwrap()), &packet);
    let long = vec![0; seal::DATAGRAM_MAX + 1];
    let (malformed, _) = seal.seal(Purpose::Datagram(one.addr()), b"oops");
    for bytes in [&sealed, &sealed, &elsewhere, &long, &malformed, &vec![9; 50], &sealed] {
        udp.send_to(bytes, one.addr()).await.unwrap();
    }
    let mut buffer = [0; 2_000];
    let (len, _) = udp.recv_from(&mut buffer).await.unwrap();
    assert!(len <= sealed.len(), "a stranger gets no more than it sent");
    let own = Purpose::Datagram(udp.local_addr().unwrap());
    assert!(seal.open(own, &buffer[..len]).is_ok());
    let status = loop {
        let status = one.members.control().status().await.unwrap();
        if status.counters["datagrams_received"] == 7 {
            break status;
        }
        tokio::task::yield_now().await;
    };
    for (reason, count) in [
        ("replayed", 2),
        ("forged", 1),
        ("oversized", 1),
        ("version", 1),
        ("malformed", 1),
        ("network", 0),
    ] {
        assert_eq!(status.dropped[reason], count, "{reason}");
    }
}

#[tokio::test]
async fn keys_change_while_members_run() {
    let mut one = start("one", &[], &[1]);
    let two = start("two", &[one.addr()], &[1]);
    one.hears("joined", "two").await;
    let change = |rig: &Rig, op, number: u8| {
        let key = Key::new([number; KEY_LEN]).to_text();
        rig.members.control().keys().change(&KeyRequest { op, key })
    };
    for (op, number) in [(KeyOp::Install, 2), (KeyOp::Use, 2), (KeyOp::Remove, 1)] {
        for rig in [&one, &two] {
            change(rig, op, number).unwrap();
            let before =
                rig.members.control().status().await.unwrap().counters["datagrams_received"];
            while rig.members.control().status().await.unwrap().counters["datagrams_received"]
                < before + 4
            {
                tokio::task::yield_now().await;
            }
        }
    }
    for rig in [&one, &two] {
        let status = rig.members.control().status().await.unwrap();
        assert_eq!((status.members["alive"], status.dropped["key"]), (2, 0));
        assert!(change(rig, KeyOp::Remove, 2).is_err());
        let kept = Keyring::load(&rig.folder.path().join(KEYS_FILE)).unwrap();
        assert_eq!(kept.ids().collect::<Vec<_>>(), [Key::new([2; KEY_LEN]).id()]);
    }
    // Who still has the old key alone is out, and is told so by nobody.
    let old = start("old", &[], &[1]);
    let joined = old.members.control().join(vec![one.addr()]).await.unwrap().unwrap();
    assert_eq!(joined.answered, 0);
    two.members.leave(Duration::from_secs(10)).await;
    one.hears("left", "two").await;
}

#[tokio::test]
async fn without_a_key_only_this_machine_is_listened_to_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup("one", &[], folder.path());
    setup.config.listen = "0.0.0.0:0".parse().unwrap();
    let error = Members::start(&setup, Events::default()).unwrap_err().to_string();
    assert!(
        error.contains("tidings members keys generate") && error.contains("0.0.0.0:0"),
        "{error}"
    );
    setup.config.insecure = true;
    let error = Members::start(&setup, Events::default()).unwrap_err().to_string();
    assert!(error.contains("members.advertise"), "{error}");
    setup.advertise = Some("203.0.113.7".parse().unwrap());
    let members = Members::start(&setup, Events::default()).unwrap();
    assert_eq!(members.addr().ip(), setup.advertise.unwrap());
    assert_ne!(members.addr().port(), 0);
    setup.config.advertise = Some("203.0.113.8:99".parse().unwrap());
    assert_eq!(advertised(&setup, members.addr()), setup.config.advertise);
}

#[tokio::test]
async fn a_busy_port_is_named_with_what_is_wanted_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = setup("one", &[], folder.path());
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    setup.config.listen = udp.local_addr().unwrap();
    let error = Members::start(&setup, Events::default()).unwrap_err().to_string();
    let expected = format!("cannot listen on {} (UDP)", setup.config.listen);
    assert!(error.contains(&expected) && error.contains("members.listen"), "{error}");
}

#[tokio::test]
async fn two_with_one_name_are_reported() {
    let mut one = start("same", &[], &[1]);
    let _two = start("same", &[one.addr()], &[1]);
    one.hears("conflict", "same").await;
}
