use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use super::resolver::ADDRESSES_MAX;
use super::*;

/// A world of names.
#[derive(Debug, Default)]
struct Fake {
    hosts: BTreeMap<&'static str, Vec<IpAddr>>,
    texts: BTreeMap<String, Vec<String>>,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    fn answer<T: Clone>(&self, name: &str, found: Option<&T>) -> io::Result<T> {
        self.asked.lock().into_iter().for_each(|mut asked| asked.push(name.to_owned()));
        found.cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Resolver for Fake {
    fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        assert_ne!(host, "panics.org", "as a library might");
        self.answer(host, self.hosts.get(host))
    }

    fn texts(&self, name: &str) -> io::Result<Vec<String>> {
        self.answer(name, self.texts.get(name))
    }
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

const HERE: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const ELSEWHERE: &str = "12D3KooWNvSZnPi3RrhrTwEY4LuuBeB6K6facKUCJcyWG1aoDd2p";

fn fake() -> Fake {
    let texts = [
        ("_dnsaddr.many.org", (0..100).map(|n| format!("dnsaddr=/ip4/20.{n}.0.1/tcp/1")).collect()),
        (
            "_dnsaddr.seeds.org",
            vec![
                format!("dnsaddr=/ip4/20.0.0.1/tcp/1/p2p/{HERE}"),
                format!("dnsaddr=/ip4/20.0.0.2/udp/2/quic-v1/p2p/{ELSEWHERE}"),
                "dnsaddr=/dnsaddr/more.org".to_owned(),
                "dnsaddr=/dns6/host.org/tcp/3".to_owned(),
                "dnsaddr=/dns4/near.org/tcp/3".to_owned(),
                "dnsaddr=/ip4/127.0.0.1/tcp/1".to_owned(),
                "dnsaddr=/ip4/192.168.1.1/tcp/80".to_owned(),
                "dnsaddr=/ip4/20.0.0.9/tcp/1/ws".to_owned(),
                "dnsaddr=1.2.3.4:5".to_owned(),
                "v=spf1 -all".to_owned(),
            ],
        ),
        (
            "_dnsaddr.more.org",
            vec!["dnsaddr=/dnsaddr/seeds.org".to_owned(), "dnsaddr=/ip4/20.0.0.3/tcp/3".to_owned()],
        ),
    ];
    // Each leads to another, for ever.
    let chain = (0..100).map(|n| {
        let next = format!("dnsaddr=/dnsaddr/c{}.org", n + 1);
        (format!("_dnsaddr.c{n}.org"), vec![next])
    });
    let texts = texts.map(|(name, texts): (&str, Vec<String>)| (name.to_owned(), texts));
    Fake {
        hosts: [
            ("host.org", ips(&["20.1.0.1", "2a00::1", "20.1.0.1", "0.0.0.0", "203.0.113.7"])),
            ("near.org", ips(&["10.0.0.1"])),
            ("localhost", ips(&["127.0.0.1"])),
            ("empty.org", Vec::new()),
        ]
        .into(),
        texts: texts.into_iter().chain(chain).collect(),
        asked: Mutex::default(),
    }
}

fn question(text: &str, local: bool) -> Question {
    match text.parse() {
        Ok(Seed { at: SeedAt::Name(name), peer }) => Question { name, peer, local },
        _ => panic!("{text}"),
    }
}

fn found(text: &str, local: bool) -> Result<Vec<String>, String> {
    let found = look_up(&question(text, local), &fake())?;
    Ok(found.iter().map(ToString::to_string).collect())
}

#[test]
fn a_host_leads_to_its_addresses_of_the_family_that_was_asked_for() {
    let all = ["20.1.0.1:4", "[2a00::1]:4"];
    assert_eq!(found("host.org:4", false).unwrap(), all);
    assert_eq!(found("/dns4/host.org/tcp/4", false).unwrap(), all[..1]);
    assert_eq!(found("/dns6/host.org/udp/4/quic-v1", false).unwrap(), ["[2a00::1]:4/quic"]);
    // What our operator named may be of this site.
    assert_eq!(found("near.org:4", false).unwrap(), ["10.0.0.1:4"]);
    assert_eq!(found("host.org:4", true).unwrap().len(), 3, "a test network has any addresses");
}

#[test]
fn texts_lead_to_addresses_and_other_names_but_to_nobodys_own_machines() {
    let found_all = found("/dnsaddr/seeds.org", false).unwrap();
    assert_eq!(
        found_all,
        ["20.0.0.1:1", "20.0.0.2:2/quic", "20.0.0.3:3", "[2a00::1]:3"],
        "no loop, no address of this site, nothing that isn't dialled"
    );
    let local = found("/dnsaddr/seeds.org", true).unwrap();
    assert!(local.iter().any(|addr| addr == "10.0.0.1:3"), "{local:?}");
}

#[test]
fn a_name_with_a_peer_leads_only_to_where_that_one_is_said_to_be() {
    let pinned = found(&format!("/dnsaddr/seeds.org/p2p/{HERE}"), false).unwrap();
    assert_eq!(pinned, ["20.0.0.1:1"]);
    // The addresses of a host don't say who is there: whoever dials them finds out.
    assert_eq!(found(&format!("host.org:1/p2p/{HERE}"), false).unwrap().len(), 2);
}

#[test]
fn whoever_answers_for_a_name_tells_so_much_and_has_so_much_asked() {
    assert_eq!(found("/dnsaddr/many.org", false).unwrap().len(), 16, "texts of one name");
    let mut world = fake();
    world.hosts.insert("host.org", (0..255).map(|n| IpAddr::from([20, 2, 0, n])).collect());
    let ask = |text: &str| look_up(&question(text, false), &world);
    assert_eq!(ask("host.org:1").unwrap().len(), ADDRESSES_MAX);
    world.asked();
    assert!(ask("/dnsaddr/c0.org").is_err());
    assert_eq!(world.asked().len(), 32, "names that lead to one another");
}

#[test]
fn a_name_that_leads_nowhere_says_why() {
    assert_eq!(found("nobody.org:1", false).unwrap_err(), "no such name");
    let nothing = "it leads to no address that could be dialled";
    for name in ["empty.org:1", "/dns6/near.org/tcp/1"] {
        assert_eq!(found(name, false).unwrap_err(), nothing);
    }
}

#[test]
fn the_systems_resolver_knows_this_machine() {
    let found = look_up(&question("localhost:4000", false), &System).unwrap();
    assert!(found.iter().all(|addr| addr.ip.is_loopback() && addr.port == 4_000), "{found:?}");
    assert!(!found.is_empty());
}

fn names(seeds: &[&str], known: usize, now: Instant) -> (Names, Arc<Fake>) {
    let (resolver, seeds): (_, Vec<Seed>) =
        (Arc::new(fake()), seeds.iter().map(|text| text.parse().unwrap()).collect());
    (Names::new(&seeds, Arc::clone(&resolver) as _, (known, false), now), resolver)
}

async fn next(names: &mut Names, now: Instant) -> Told {
    poll_fn(|cx| names.poll(cx, now)).await
}

#[tokio::test]
async fn a_name_is_asked_at_once_by_a_node_that_knows_nobody_and_ever_more_rarely() {
    let begin = Instant::now();
    let (mut names, _) = names(&["127.0.0.1:1", "host.org:4", "host.org:4"], 0, begin);
    assert_eq!(names.asked.len(), 1, "addresses aren't looked up, and no name twice");
    let (mut now, mut waits) = (begin, Vec::new());
    for _ in 0..9 {
        assert_eq!(names.due(), Some(now));
        names.tick(true, now);
        assert!(names.is_asking() && names.due().is_none(), "it isn't asked twice at once");
        names.tick(true, now);
        let told = next(&mut names, now).await;
        assert_eq!(
            (told.seed.as_str(), told.addrs.map(|addrs| addrs.len())),
            ("host.org:4", Ok(2))
        );
        let due = names.due().unwrap();
        waits.push((due - now).as_secs());
        now = due;
    }
    assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
    // Whoever has links asks nobody, and begins anew when they are lost.
    names.tick(false, now);
    assert!(!names.is_asking());
    names.tick(true, now + RETRY_MIN);
    next(&mut names, now).await;
    assert_eq!(names.due(), Some(now + RETRY_MIN));
}

#[tokio::test]
async fn known_addresses_have_their_time_before_a_name_is_asked() {
    let begin = Instant::now();
    for (known, wait) in [(0, 0), (1, 11), (999, 11), (1_000, 300)] {
        let (names, _) = names(&["host.org:4"], known, begin);
        assert_eq!(names.due(), Some(begin + Duration::from_secs(wait)));
    }
    assert_eq!(names(&["1.2.3.4:5"], 0, begin).0.due(), None);
    let many: Vec<_> = (0..100).map(|n| format!("h{n}.org:1")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(names(&many, 0, begin).0.asked.len(), NAMES_MAX);
}

#[tokio::test]
async fn a_failure_is_news_once_and_a_panic_is_one() {
    let now = Instant::now();
    let (mut names, _) = names(&["nobody.org:1", "panics.org:1"], 0, now);
    let mut news = Vec::new();
    for round in 0..3 {
        names.tick(true, now + round * RETRY_MAX);
        for _ in 0..2 {
            let told = next(&mut names, now).await;
            if let Err((why, true)) = told.addrs {
                news.push(format!("{}: {why}", told.seed));
            }
        }
    }
    news.sort();
    assert_eq!(news, ["nobody.org:1: no such name", "panics.org:1: the look-up failed"]);
}

#[test]
fn each_name_is_a_source_of_its_own_whoever_must_be_there() {
    let now = Instant::now();
    let pinned = format!("host.org:4/p2p/{HERE}");
    let (names, _) = names(&["host.org:4", &pinned, "near.org:4"], 0, now);
    let sources: Vec<_> = names.asked.iter().map(|asked| asked.source).collect();
    assert!(sources[0] == sources[1] && sources[0] != sources[2], "{sources:?}");
}
