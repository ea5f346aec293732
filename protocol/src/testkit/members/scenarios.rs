//! What happens to fleets, each with a figure.

use super::*;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// When others first and last took somebody for failed, after a moment.
fn detection(log: &[(Time, usize, Event)], on: usize, since: Time) -> Option<(f64, f64)> {
    let of = |event: &Event| matches!(event, Event::Failed { id, .. } if *id == id_of(on));
    let times: Vec<_> = log.iter().filter(|(_, _, event)| of(event)).collect();
    let seconds = |time: Time| (time - since).as_secs_f64();
    Some((seconds(times.first()?.0), seconds(times.last()?.0)))
}

/// Who was taken for failed, and wasn't.
fn false_positives(log: &[(Time, usize, Event)], dead: impl Fn(usize) -> bool) -> usize {
    let count = |on| detection(log, on, Time::ZERO).is_some();
    (0..1_000).filter(|on| !dead(*on) && count(*on)).count()
}

#[test]
fn as_bytes_and_as_values_a_run_is_the_same() {
    let run = |carriage| {
        let mut fleet =
            Members::new(12, &Settings::fleet(), Weather { loss: 0.1, ..Weather::LAN }, 5);
        fleet = fleet.carried(carriage);
        fleet.join_all();
        fleet.run_for(secs(20.0));
        fleet.set(3, Process::Killed);
        fleet.run_for(secs(20.0));
        let Traffic { datagrams, bytes, longest, .. } = fleet.take_traffic();
        (fleet.take_log(), datagrams, bytes, longest)
    };
    let bytes = run(Carriage::Bytes);
    assert!(!bytes.0.is_empty());
    assert_eq!(bytes, run(Carriage::Values));
    assert_eq!(bytes, run(Carriage::Bytes), "and again");
}

#[test]
fn a_death_is_seen() {
    for (size, runs) in [(20, 40_u32), (50, 16), (100, 8), (1_000, 1)] {
        for process in [Process::Killed, Process::Vanished] {
            let (mut first, mut last) = (0.0, 0.0);
            for seed in 0..runs {
                let mut fleet =
                    Members::acquainted(size, &Settings::fleet(), Weather::LAN, seed.into());
                fleet.run_for(secs(0.37 * f64::from(seed)));
                let since = fleet.now();
                fleet.set(7, process);
                fleet.run_for(secs(20.0));
                let log = fleet.take_log();
                assert_eq!(false_positives(&log, |on| on == 7), 0, "seed {seed}");
                let (one, other) = detection(&log, 7, since).unwrap();
                (first, last) = (first + one, last + other);
            }
            let (first, last) = (first / f64::from(runs), last / f64::from(runs));
            println!(
                "{size} members, one {process:?}: failed after {first:.2} s, everywhere {last:.2} s"
            );
            let (least, most) = match process {
                // Two seconds and what the first ping takes; and 3.1 s. The rest is chance: few runs.
                Process::Killed => (2.0, 4.0),
                _ => (3.1, 5.1),
            };
            assert!((least..most).contains(&first), "{size} members, {process:?}: {first}");
            // Whom gossip missed an exchange tells.
            assert!(last < first + 2.0, "{size} members, {process:?}: {last} after {first}");
        }
    }
}

#[test]
fn three_seconds_of_pause_are_no_death_and_eight_are() {
    for seed in 0..20 {
        for (size, pause) in [(20, 3.0), (20, 8.0), (5, 3.0), (50, 3.0), (20, 30.0)] {
            let mut fleet = Members::joined(size, &Settings::fleet(), Weather::LAN, seed);
            fleet.take_log();
            fleet.run_for(secs(0.13 * seed as f64));
            fleet.set(3, Process::Paused);
            fleet.run_for(secs(pause));
            fleet.set(3, Process::Running);
            let back = fleet.settle(secs(60.0));
            assert!(
                back.is_some(),
                "it isn't back: {:?} {size} members, {pause} s, seed {seed}",
                fleet.disagreements()
            );
            fleet.run_for(secs(10.0));
            assert!(fleet.agree(), "{size} members, {pause} s, seed {seed}");
            let log = fleet.take_log();
            assert_eq!(false_positives(&log, |on| on == 3), 0, "it accuses nobody, seed {seed}");
            let is_failed = detection(&log, 3, Time::ZERO).is_some();
            assert_eq!(is_failed, pause > 3.0, "{size} members, {pause} s, seed {seed}");
            fleet.check();
        }
    }
}

#[test]
fn others_ask_where_one_link_is_broken() {
    for (there, back) in [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)] {
        let settings = Settings { stream_ping: false, ..Settings::fleet() };
        let mut fleet = Members::joined(10, &settings, Weather::LAN, 3);
        fleet.take_log();
        fleet.set_loss(2, 6, there);
        fleet.set_loss(6, 2, back);
        fleet.run_for(secs(300.0));
        assert!(fleet.agree(), "losses {there} and {back}");
        assert_eq!(false_positives(&fleet.take_log(), |_| false), 0, "losses {there} and {back}");
    }
}

#[test]
fn one_direction_that_is_lost_makes_nobody_else_dead() {
    let others_failed = |log: &[(Time, usize, Event)]| {
        let of = |event: &Event| matches!(event, Event::Failed { id, .. } if *id != id_of(4));
        log.iter().filter(|(_, by, event)| *by != 4 && of(event)).count()
    };
    for (is_heard, hears, has_streams) in
        [(false, true, true), (true, false, true), (false, true, false), (true, false, false)]
    {
        let settings = Settings { stream_ping: has_streams, ..Settings::fleet() };
        let mut fleet = Members::joined(20, &settings, Weather::LAN, 3);
        fleet.take_log();
        for other in (0..20).filter(|other| *other != 4) {
            fleet.set_loss(4, other, if is_heard { 0.0 } else { 1.0 });
            fleet.set_loss(other, 4, if hears { 0.0 } else { 1.0 });
        }
        fleet.run_for(secs(120.0));
        let log = fleet.take_log();
        let wrong = others_failed(&log);
        let is_failed = detection(&log, 4, Time::ZERO).is_some();
        println!(
            "heard {is_heard}, hears {hears}, streams {has_streams}: failed {is_failed}, its health {}, \
             others taken for failed {wrong} times",
            fleet.member(4).health()
        );
        assert_eq!(is_failed, !has_streams);
        assert_eq!(wrong, 0, "heard {is_heard}, hears {hears}");
        (0..20).for_each(|other| {
            fleet.set_loss(4, other, 0.0);
            fleet.set_loss(other, 4, 0.0);
        });
        assert!(fleet.settle(secs(120.0)).is_some(), "it comes back: {:?}", fleet.disagreements());
    }
}

#[test]
fn a_partition_heals() {
    for seed in 0..3 {
        let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, seed);
        fleet.divide(|number| usize::from(number < 6));
        fleet.run_for(secs(120.0));
        for of in 0..20 {
            for on in (0..20).filter(|on| *on != of) {
                let is_same = (of < 6) == (on < 6);
                let expected = if is_same { Status::Alive } else { Status::Failed };
                assert_eq!(fleet.view(of, on), Some(expected), "{of} of {on}, seed {seed}");
            }
        }
        fleet.divide(|_| 0);
        let healed = fleet.settle(secs(120.0));
        let healed = healed.expect("it heals").as_secs_f64();
        println!("30/70, two minutes: healed after {healed:.1} s");
        assert!(healed < 90.0, "{healed} s, seed {seed}");
        fleet.check();
    }
}

#[test]
fn those_who_started_before_whom_they_were_to_ask_find_the_others_later() {
    let mut fleet = Members::new(8, &Settings::fleet(), Weather::LAN, 6);
    fleet.set(0, Process::Killed);
    for number in 5..8 {
        fleet.hand(number, Input::Joining(&[addr_of(4), addr_of(0)]));
    }
    fleet.run_for(secs(10.0));
    fleet.set(0, Process::Running);
    for number in 1..4 {
        fleet.hand(number, Input::Joining(&[addr_of(0)]));
    }
    fleet.run_for(secs(1.0));
    assert_eq!([0, 4].map(|number| fleet.member(number).present()), [4, 4], "two islands");
    let took = fleet.settle(secs(300.0)).expect("they meet").as_secs_f64();
    println!("two islands of four meet after {took:.0} s");
    assert!(took < 180.0, "{took}");
}

#[test]
fn a_rolling_restart_loses_nobody() {
    let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, 1);
    fleet.take_log();
    for number in 0..20 {
        fleet.set(number, Process::Killed);
        fleet.run_for(secs(0.5));
        fleet.restart(number);
        fleet.run_for(secs(3.0));
        assert!(fleet.agree(), "after {number}");
    }
    let failed = false_positives(&fleet.take_log(), |_| false);
    println!("rolling restart, half a second down: {failed} of 20 taken for failed");
    assert_eq!(failed, 0);
}

#[test]
fn the_death_of_half_is_seen_and_the_other_half_lives() {
    let mut fleet = Members::joined(40, &Settings::fleet(), Weather::LAN, 1);
    fleet.take_log();
    (20..40).for_each(|number| fleet.set(number, Process::Vanished));
    let seen = fleet.settle(secs(120.0)).expect("it is seen").as_secs_f64();
    println!("half of 40 vanish: seen by all after {seen:.1} s");
    assert!(seen < 60.0, "{seen} s");
    assert_eq!(false_positives(&fleet.take_log(), |on| on >= 20), 0);
    fleet.check();
}

#[test]
fn two_hundred_join_at_once() {
    let mut fleet = Members::new(200, &Settings::fleet(), Weather::LAN, 1);
    fleet.join_all();
    let joined = fleet.settle(secs(60.0)).map(|joined| joined.as_secs_f64());
    let joined = joined.unwrap_or_else(|| panic!("they join: {:?}", fleet.disagreements()));
    let Traffic { datagrams, longest, .. } = fleet.take_traffic();
    println!("200 join at once: {joined:.2} s, {} datagrams each", datagrams / 200);
    assert!(joined < 15.0, "{joined} s");
    assert!(longest <= crate::membership::PACKET_MAX);
    assert_eq!(false_positives(&fleet.take_log(), |_| false), 0);
    fleet.check();
}

#[test]
fn who_leaves_has_left_and_has_not_failed() {
    let mut fleet = Members::joined(20, &Settings::fleet(), Weather::LAN, 1);
    fleet.take_log();
    fleet.leave(5);
    let gone = fleet.run_until(secs(10.0), |fleet| fleet.member(5).is_gone());
    let gone = gone.expect("it goes").as_secs_f64();
    fleet.set(5, Process::Killed);
    fleet.run_for(secs(20.0));
    for of in (0..20).filter(|of| *of != 5) {
        assert_eq!(fleet.view(of, 5), Some(Status::Left), "{of}");
    }
    let log = fleet.take_log();
    assert_eq!(false_positives(&log, |_| false), 0);
    println!("left after {gone:.2} s");
    assert!(gone < 3.0, "{gone}");
    fleet.restart(5);
    assert!(fleet.settle(secs(5.0)).is_some(), "and comes back under its id");
}

#[test]
fn a_quiet_fleet_costs_two_datagrams_a_second_and_member_at_any_size() {
    for size in [20, 200] {
        let mut fleet = Members::joined(size, &Settings::fleet(), Weather::LAN, 1);
        fleet.run_for(secs(20.0));
        fleet.take_traffic();
        fleet.run_for(secs(60.0));
        let Traffic { datagrams, bytes, .. } = fleet.take_traffic();
        let (each, bytes) =
            (datagrams as f64 / 60.0 / size as f64, bytes as f64 / 60.0 / size as f64);
        println!("{size} members, quiet: {each:.3} datagrams and {bytes:.1} bytes a second each");
        assert!(each <= 2.001, "{each}");
        assert!(each > 1.9, "{each}");
    }
}

/// Lifeguard's experiment in small: a third stands still for eight seconds, goes on for one millisecond, and so on, and after each pause
/// finds its timers before what came.
#[test]
fn slow_members_make_few_healthy_ones_dead_with_lifeguard_and_none_with_ours() {
    let run = |settings: &Settings| {
        let mut fleet = Members::acquainted(48, settings, Weather::LAN, 1);
        fleet.set_rash();
        for _ in 0..20 {
            (0..16).for_each(|number| fleet.set(number, Process::Paused));
            fleet.run_for(secs(8.0));
            (0..16).for_each(|number| fleet.set(number, Process::Running));
            fleet.run_for(secs(0.001));
        }
        let of = |event: &Event| matches!(event, Event::Failed { id, .. } if (16..48).any(|n| id_of(n) == *id));
        fleet.take_log().iter().filter(|(_, _, event)| of(event)).count()
    };
    let [swim, lifeguard, ours] =
        [Settings::lan().without_lifeguard(), Settings::lan(), Settings::fleet()].map(|s| run(&s));
    println!(
        "healthy members that slow ones take for failed: SWIM {swim}, Lifeguard {lifeguard}, ours {ours}"
    );
    assert!(swim >= 100, "{swim}");
    assert!(lifeguard * 50 <= swim, "{lifeguard} of {swim}");
    assert_eq!(ours, 0);
}
