use tidings_protocol::chain::Rules;

use super::*;

fn setup() -> Setup {
    Setup {
        name: "probe".into(),
        network: Network::for_tests(Rules::Opaque),
        addresses: Vec::new(),
        learns: false,
        places: 8,
        shared: 1,
        round: None,
        long: None,
        position: None,
        relays: false,
        slow_motion: None,
        bounds: Bounds::default(),
    }
}

#[test]
fn it_says_what_it_does_to_the_network() {
    let said = setup().warning();
    assert!(said.contains("tidings-dev and takes 8 places"), "{said}");
    assert!(said.contains("relays nothing"), "{said}");
    let setup = Setup { relays: true, places: 1, round: Some(Duration::from_secs(5)), ..setup() };
    let said = setup.warning();
    assert!(said.contains("one place") && said.contains("every 5 s"), "{said}");
    assert!(said.contains("RELAYS") && said.contains("changes what it measures"), "{said}");
}

#[tokio::test]
async fn without_anybody_it_listens_until_its_time_is_over() {
    let setup = Setup { long: Some(Duration::ZERO), ..setup() };
    let (record, ended) = listen(&setup, std::future::pending::<()>(), |_| {}).await.unwrap();
    assert_eq!(ended, Ended::Time);
    assert!(record.links.is_empty() && record.about.ended_ns >= record.about.began_ns);
    assert!(record.about.clock_step_ns.abs() < 1_000_000_000, "{}", record.about.clock_step_ns);
}

#[tokio::test]
async fn whoever_stops_it_has_what_it_recorded() {
    let (record, ended) = listen(&setup(), std::future::ready(()), |_| {}).await.unwrap();
    assert_eq!((ended, record.about.probes[0].places), (Ended::Stopped, 8));
}

#[tokio::test]
async fn an_address_where_nobody_is_is_recorded_with_why() {
    let mut setup = setup();
    setup.places = 1;
    setup.addresses = vec!["127.0.0.1:1".parse().unwrap()];
    let stop = std::cell::Cell::new(false);
    let (told, tell) = tokio::sync::oneshot::channel::<()>();
    let mut told = Some(told);
    // The dial fails at once; that is seen by the time of the first look after it.
    let mut looks = 0;
    let on_progress = |_| {
        looks += 1;
        if looks > 3 && !stop.replace(true) {
            told.take().into_iter().for_each(|told| _ = told.send(()));
        }
    };
    let (record, _) = listen(&setup, tell, on_progress).await.unwrap();
    assert_eq!(record.links[0].why, "the connection was refused");
    assert!(record.links[0].ready_ns.is_none() && record.links[0].closed_ns.is_some());
}
