use tidings_protocol::membership::Packet;
use tidings_protocol::membership::packet::Ping;
use tokio::sync::broadcast::Receiver;

use super::control::MembersRefused;
use super::keyring::{KEY_LEN, Key};
use super::seal::Purpose;
use super::*;
use crate::api::kv::KvText;
use crate::api::members::shared::{
    AnnounceRequest, FilterRequest, FireRequest, QueryRequest, RespondRequest, StateWrite,
};
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
    let (events, heard) = tokio::sync::broadcast::channel(1_024);
    let events = Events::from(events);
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

        // Some ping is answered, and its round trip shown.
        while one.members.control().status().await.unwrap().rtt_ms.is_none() {
            tokio::task::yield_now().await;
        }
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
        assert_eq!(status.counters["deaths"], 1);
        assert_eq!(status.sealed, !keys.is_empty());
        assert!(status.counters["datagrams_received"] > 0);
    }
}

#[tokio::test]
async fn one_that_has_left_comes_back_when_it_is_told_to_join() {
    let mut one = start("one", &[], &[1]);
    let mut two = start("two", &[one.addr()], &[1]);
    one.hears("joined", "two").await;
    // Who knows nobody yet has nobody to tell that it leaves.
    two.hears("joined", "one").await;
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
    let list = control.list().await.unwrap();
    let id = |own| list.iter().find(|member| member.own == own).unwrap().id.clone();
    for short in [&id(false)[..3], "", "zzzz"] {
        assert!(control.force_leave(short.to_owned()).await.unwrap().is_err(), "{short}");
    }
    let itself = control.force_leave(id(true)[..8].to_owned()).await.unwrap().unwrap_err();
    assert!(matches!(itself, MembersRefused::Itself(_)), "{itself}");
    // The beginning of an id will do.
    let view = control.force_leave(id(false)[..8].to_owned()).await.unwrap().unwrap();
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

/// The first of a node's events that fits.
async fn told<T>(rig: &mut Rig, pick: impl Fn(What) -> Option<T>) -> T {
    let told = async {
        loop {
            if let Some(picked) = pick(rig.events.recv().await.unwrap().what) {
                return picked;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("it is told")
}

/// Two that know each other.
async fn pair() -> [Rig; 2] {
    let mut one = start("one", &[], &[1]);
    let two = start("two", &[one.addr()], &[1]);
    one.hears("joined", "two").await;
    [one, two]
}

#[tokio::test]
async fn what_one_says_of_itself_the_other_hears_and_sees() {
    let [one, mut two] = pair().await;
    let write = |value: Option<&str>| {
        let write = StateWrite { key: "height".into(), value: value.map(KvText::from) };
        one.members.control().write(write)
    };
    write(Some("7")).await.unwrap().unwrap();
    let pick = |what| match what {
        What::MemberState { member, key, value }
            if member.name == "one" && key == "height".into() =>
        {
            Some(value)
        }
        _ => None,
    };
    assert_eq!(told(&mut two, pick).await, Some("7".into()));
    let state = two.members.control().state(Some("one".to_owned())).await.unwrap().unwrap();
    let height: Vec<_> = state.iter().filter(|entry| entry.key == "height".into()).collect();
    assert_eq!((height.len(), &height[0].value), (1, &"7".into()));
    write(None).await.unwrap().unwrap();
    assert_eq!(told(&mut two, pick).await, None);
    let long = StateWrite { key: "k".into(), value: Some(KvText(vec![b'x'; 1_025])) };
    assert!(one.members.control().write(long).await.unwrap().is_err());
    assert!(two.members.control().state(Some("nobody".to_owned())).await.unwrap().is_err());
}

#[tokio::test]
async fn a_leader_is_spread_and_two_with_one_epoch_are_seen_by_all() {
    let [mut one, mut two] = pair().await;
    let announce = |rig: &Rig, epoch: u64, address: &str| {
        let control = rig.members.control().clone();
        let (group, address) = ("validators".into(), address.into());
        async move {
            control.announce(AnnounceRequest { group, epoch, address, leader: None }).await.unwrap()
        }
    };
    let known = announce(&one, 3, "10.0.0.1:1").await.unwrap();
    assert_eq!((known.epoch, known.broken, &*known.claims[0].leader.name), (3, false, "one"));
    let led = |what| match what {
        What::LeaderChanged { leader } => Some(leader),
        _ => None,
    };
    assert_eq!(told(&mut two, led).await.claims[0].address, "10.0.0.1:1".into());
    assert!(announce(&two, 2, "10.0.0.2:1").await.is_err(), "a later epoch is known");
    assert!(announce(&two, 3, "10.0.0.2:1").await.unwrap().broken);
    let broken = |what| match what {
        What::BrokenConsensus { leader } => Some(leader.claims.len()),
        _ => None,
    };
    assert_eq!(told(&mut one, broken).await, 2);
    announce(&two, 4, "10.0.0.2:1").await.unwrap();
    let leader = told(&mut one, led).await;
    // The first it hears may be its own.
    let leader = if leader.epoch == 4 { leader } else { told(&mut one, led).await };
    assert_eq!((leader.epoch, leader.broken), (4, false));
    assert_eq!(one.members.control().leaders().await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn an_event_reaches_the_other_and_a_query_is_answered_by_whoever_does() {
    let [one, mut two] = pair().await;
    let fire = FireRequest {
        name: "deploy".into(),
        payload: "1.2".into(),
        coalesce: false,
        filter: FilterRequest::default(),
    };
    one.members.control().fire(fire).await.unwrap().unwrap();
    let event = |what| match what {
        What::UserEvent { member, title, payload } => Some((member.name, title, payload)),
        _ => None,
    };
    assert_eq!(told(&mut two, event).await, ("one".to_owned(), "deploy".into(), "1.2".into()));
    let ask = |names: &[&str]| QueryRequest {
        name: "height".into(),
        payload: "".into(),
        timeout_ms: Some(1_000),
        filter: FilterRequest {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..FilterRequest::default()
        },
    };
    let control = one.members.control().clone();
    let asked = tokio::spawn({
        let (control, request) = (control.clone(), ask(&["two"]));
        async move { control.query(request).await.unwrap().unwrap() }
    });
    let query = |what| match what {
        What::QueryAsked { query, .. } => Some(query),
        _ => None,
    };
    let query = told(&mut two, query).await;
    let respond = || RespondRequest { query: query.clone(), answer: "42".into() };
    two.members.control().respond(respond()).await.unwrap().unwrap();
    assert!(two.members.control().respond(respond()).await.unwrap().is_err(), "once");
    let result = asked.await.unwrap();
    let answers: Vec<_> =
        result.answers.iter().map(|one| (&*one.member.name, one.answer.clone())).collect();
    assert_eq!(answers, [("two", "42".into())]);
    let nobody = control.query(ask(&["nobody"])).await.unwrap().unwrap();
    assert!(nobody.answers.is_empty() && nobody.silent.is_empty());
    let hasty = QueryRequest { timeout_ms: Some(1), ..ask(&[]) };
    assert!(control.query(hasty).await.unwrap().is_err());
    let mut names = ask(&[]);
    names.filter.names = (0..17).map(|name| name.to_string()).collect();
    assert!(control.query(names).await.unwrap().is_err());
}

#[tokio::test]
async fn a_distance_is_estimated_without_asking_either() {
    let [one, _two] = pair().await;
    let control = one.members.control();
    let rtt = async {
        loop {
            if let Ok(rtt) = control.rtt("two".to_owned(), "one".to_owned()).await.unwrap() {
                return rtt;
            }
            tokio::task::yield_now().await;
        }
    };
    let rtt = tokio::time::timeout(Duration::from_secs(20), rtt).await.unwrap();
    assert!(rtt.rtt_ms > 0.0 && rtt.rtt_ms < 1_000.0, "{rtt:?}");
    assert!(control.rtt("two".to_owned(), "nobody".to_owned()).await.unwrap().is_err());
}

#[tokio::test]
async fn what_one_said_before_it_left_is_said_no_more_when_it_is_back() {
    let [mut one, two] = pair().await;
    let control = two.members.control().clone();
    let write = |key: &str| StateWrite { key: key.into(), value: Some("1".into()) };
    control.write(write("before")).await.unwrap().unwrap();
    let key_of = |what| match what {
        What::MemberState { member, key, .. } if member.name == "two" => Some(key),
        _ => None,
    };
    assert_eq!(told(&mut one, key_of).await, "before".into());
    let before = control.status().await.unwrap().generation;
    control.leave().await.unwrap();
    assert!(control.write(write("gone")).await.unwrap().is_err(), "it has left");
    control.join(vec![one.addr()]).await.unwrap().unwrap();
    assert!(control.status().await.unwrap().generation > before);
    control.write(write("after")).await.unwrap().unwrap();
    assert_eq!(told(&mut one, key_of).await, "after".into());
    let state = one.members.control().state(Some("two".to_owned())).await.unwrap().unwrap();
    let keys: Vec<_> = state.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["after".into()]);
}
