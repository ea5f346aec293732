//! What happens to simulated fleets, in small: the same figures that `tidings-testnet members` prints.

use std::time::Duration;

use super::fleet::Fleet;
use super::setup::{Process, Setup, Start};
use crate::fault::FaultSpec;
use crate::latency::LinkSpec;
use tidings_protocol::membership::{PACKET_MAX, Riding, Settings};

fn fleet(setup: &Setup) -> Fleet {
    Fleet::new(setup).unwrap()
}

/// Without what rides on the pings.
fn bare(settings: Settings) -> Settings {
    Settings { riding: Riding::OFF, ..settings }
}

fn lan(members: usize, seed: u64) -> Setup {
    Setup::lan(members, &bare(Settings::fleet()), seed)
}

#[test]
fn a_seed_gives_one_run_and_another_seed_another() {
    let run = |seed, loss| {
        let fault = vec![
            FaultSpec::Loss { share: loss, at_s: 0.0, for_s: None },
            FaultSpec::kill(0.1, 3.0),
        ];
        let mut fleet = fleet(&Setup { fault, start: Start::Joining, ..lan(30, seed) });
        fleet.run_for(30.0);
        (fleet.hash(), fleet.traffic().datagrams, fleet.verdicts().clone())
    };
    let (hash, datagrams, verdicts) = run(1, 0.05);
    assert_eq!((hash, datagrams, verdicts), run(1, 0.05));
    assert_ne!(hash, run(2, 0.05).0);
    assert_ne!(hash, run(1, 0.06).0);
}

#[test]
fn a_clone_goes_on_as_its_original_does() {
    let mut one = fleet(&lan(20, 3));
    let mut other = one.clone();
    for fleet in [&mut one, &mut other] {
        fleet.set(4, Process::Killed);
        fleet.run_for(10.0);
    }
    assert_eq!(one.hash(), other.hash());
}

#[test]
fn a_death_is_seen_as_soon_as_theory_says_at_any_size() {
    // See the head of membership's settings.rs: 1 + 1 + 2.1 s, and 1 + 1 + 1 s. The tolerance is three standard errors.
    for (members, kills) in [(30, 20), (300, 30)] {
        for (process, theory) in [(Process::Vanished, 4.1), (Process::Killed, 3.0)] {
            let mut fleet = fleet(&lan(members, 7));
            let mut sum = 0.0;
            for number in 0..kills {
                fleet.run_for(0.371 * f64::from(number % 5));
                let since = fleet.now();
                fleet.set(number, process);
                fleet.run_for(10.0);
                let (first, last) = fleet.sighting(number).since(since).unwrap();
                assert!(last.as_secs_f64() < first.as_secs_f64() + 3.0, "{members}: {last:?}");
                sum += first.as_secs_f64();
            }
            let (mean, error) = (sum / f64::from(kills), 1.0 / f64::from(kills).sqrt());
            assert!((mean - theory).abs() < 3.0 * error, "{members} members, {process:?}: {mean}");
            assert_eq!(fleet.verdicts().wrong, 0);
            fleet.check();
        }
    }
}

#[test]
fn a_quiet_member_sends_two_datagrams_a_second_whatever_lies_between() {
    for link in [
        LinkSpec::Constant { latency_ms: 20.0 },
        LinkSpec::Planar { min_ms: 5.0, max_ms: 100.0, jitter: 0.1 },
        LinkSpec::regions(),
    ] {
        let mut fleet = fleet(&Setup { link: link.clone(), ..lan(60, 1) });
        fleet.run_for(30.0);
        let each = fleet.traffic().datagrams as f64 / 30.0 / 60.0;
        assert!((each - 2.0).abs() < 0.05, "{link:?}: {each}");
        assert_eq!(fleet.verdicts().failed, 0, "{link:?}");
        assert!(fleet.agree(), "{link:?}");
    }
}

#[test]
fn faults_of_the_setup_come_and_go() {
    let setup = |fault: FaultSpec| Setup { fault: vec![fault], ..lan(40, 5) };
    let partition =
        FaultSpec::Partition { share: 0.3, at_s: 0.0, for_s: 60.0, mode: crate::fault::Cut::Drop };
    let mut divided = fleet(&setup(partition));
    divided.run_for(60.0);
    assert!(!divided.agree() && divided.touched(0) > 0);
    assert!(divided.run_until(120.0, 0.1, Fleet::agree).is_some(), "it heals");

    let pause = FaultSpec::Pause { share: 0.0, nodes: vec![3], at_s: 1.0, for_s: 8.0 };
    let mut paused = fleet(&setup(pause));
    paused.run_for(9.5);
    assert_eq!(paused.sighting(3).reports, 39);
    assert!(paused.run_until(60.0, 0.1, Fleet::agree).is_some(), "it is back");
    assert_eq!(paused.verdicts().wrong, 0);

    let crash = FaultSpec::Crash {
        share: 0.25,
        nodes: Vec::new(),
        at_s: 0.0,
        restart_after_s: Some(20.0),
        silent: true,
    };
    let mut crashed = fleet(&setup(crash));
    crashed.run_for(19.0);
    assert_eq!((crashed.running().len(), crashed.verdicts().members(|_| true)), (30, 10));
    crashed.run_for(60.0);
    assert!(crashed.agree());

    let churn = FaultSpec::Churn { per_minute: 0.5, away_s: 5.0, at_s: 0.0, for_s: Some(60.0) };
    let mut churned = fleet(&setup(churn));
    churned.run_for(60.0);
    assert!((5..40).contains(&churned.touched(0)), "{}", churned.touched(0));
    assert!(churned.run_until(300.0, 1.0, Fleet::agree).is_some());
}

#[test]
fn what_makes_no_sense_among_members_has_its_sentence() {
    let clog = FaultSpec::Clog { share: 0.1, at_s: 0.0, for_s: 1.0 };
    let problem = |setup: Setup| setup.validate().unwrap_err();
    assert!(problem(Setup { fault: vec![clog], ..lan(10, 1) }).contains("fault clog"));
    assert!(problem(lan(1, 1)).starts_with("there are 1 members"));
    assert!(problem(Setup { warmup_s: f64::NAN, ..lan(9, 1) }).starts_with("the warm-up"));
}

#[test]
fn three_hundred_join_at_once() {
    let mut sum = 0.0;
    for seed in 1..=4 {
        let mut fleet = fleet(&Setup { start: Start::Joining, warmup_s: 0.0, ..lan(300, seed) });
        fleet.run_for(10.0);
        sum += fleet.agreement();
        // Whom gossip misses one, it hears in an exchange: with 300 members they are 150 s apart.
        let all = fleet.run_until(160.0, 1.0, Fleet::agree);
        assert!(all.is_some(), "seed {seed}: {}", fleet.agreement());
        assert!(fleet.traffic().longest <= PACKET_MAX);
        assert_eq!(fleet.verdicts().failed, 0);
    }
    assert!(sum / 4.0 > 0.9999, "{}", sum / 4.0);
}

/// Lifeguard's experiment in small: a quarter is slow, in turns.
#[test]
fn slow_members_make_far_fewer_healthy_ones_dead_with_lifeguard_and_with_ours() {
    let wrong = |settings: &Settings, how, blocked_ms, free_ms| {
        let mut fleet = fleet(&Setup { is_rash: true, ..Setup::lan(48, settings, 1) });
        for number in 0..12 {
            let span = Duration::from_millis;
            fleet.slow(number, how, span(blocked_ms), span(free_ms));
        }
        fleet.run_for(120.0);
        (fleet.verdicts().wrong, fleet.verdicts().wrong_at_healthy)
    };
    let presets =
        [Settings::lan().without_lifeguard(), Settings::lan(), Settings::fleet()].map(bare);
    let made = |how, blocked_ms, free_ms| {
        presets.each_ref().map(|settings| wrong(settings, how, blocked_ms, free_ms))
    };
    let [swim, lifeguard, ours] = made(Process::Paused, 8_000, 1);
    assert!(swim.0 > 100, "{swim:?}");
    assert_eq!((lifeguard, ours), ((0, 0), (0, 0)));
    let [swim, lifeguard, ours] = made(Process::Muffled, 16_384, 256);
    assert!(swim.0 > 5_000 && swim.1 > 2_000, "{swim:?}");
    assert!(lifeguard.0 * 500 < swim.0 && lifeguard.1 == 0, "{lifeguard:?}");
    // Ours waits for less long before it gives its verdict, and whoever hears nothing doesn't notice that it is deaf.
    assert!(ours.0 * 20 < swim.0 && ours.1 * 20 < swim.1, "{ours:?}");
}
