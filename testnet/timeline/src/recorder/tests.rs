use super::*;

fn recorder(bound: usize) -> Recorder {
    let kinds = vec!["a".to_owned(), "b".to_owned()];
    let mut recorder = Recorder::new(About { nodes: 2, kinds, ..About::default() }, bound);
    for _ in 0..4 {
        recorder.link_up(0, 0, 1).unwrap();
    }
    for _ in 0..8 {
        recorder.item(0, ITEM_TX, [0; 8], 1, Some(0)).unwrap();
    }
    recorder
}

#[test]
fn the_bound_holds_and_what_is_left_out_is_counted() {
    let mut recorder = recorder(10);
    let rows: Vec<Row> =
        (0..8).map(|item| recorder.sent(u64::from(item), 0, 0, 10, &[item])).collect();
    for item in 0..8 {
        recorder.delivered(20, 1, item, Some(0));
    }
    // What became of messages is still known of those that are followed.
    rows.iter().for_each(|row| recorder.arrived(100, *row));
    let timeline = recorder.finish(200);
    timeline.check().unwrap();
    let one_of = timeline.about.kept_items_one_of;
    assert_eq!(one_of, 2);
    assert_eq!(timeline.messages.named, [0, 2, 4, 6]);
    assert_eq!(timeline.messages.took, [100, 98, 96, 94]);
    assert_eq!(timeline.deliveries.item, [0, 2, 4, 6]);
    assert_eq!(timeline.about.dropped_rows, 8);
    assert_eq!(timeline.about.dropped, [Dropped { kind: 0, rows: 4, bytes: 40 }]);
}

#[test]
fn messages_that_name_nothing_are_thinned_by_link() {
    let mut recorder = recorder(6);
    for link in 0..4 {
        recorder.sent(0, 2 * link, 1, 9, &[]);
        recorder.sent(1, 2 * link + 1, 1, 9, &[]);
    }
    let timeline = recorder.finish(10);
    assert_eq!(timeline.messages.end, [0, 4, 1, 5]);
    assert_eq!(timeline.about.dropped, [Dropped { kind: 1, rows: 4, bytes: 36 }]);
}

#[test]
fn a_bound_that_one_item_exceeds_ends_it() {
    let mut recorder = recorder(3);
    let rows: Vec<Row> = (0..9).map(|at| recorder.sent(at, 0, 0, 1, &[0])).collect();
    assert_eq!(rows[3..], [Row::NONE; 6]);
    rows.iter().for_each(|row| recorder.arrived(50, *row));
    let timeline = recorder.finish(60);
    assert_eq!(timeline.messages.took, [50, 49, 48]);
    assert_eq!(timeline.about.dropped_rows, 6);
    assert_eq!(Recorder::new(About::default(), 0).sent(0, 0, 0, 1, &[]), Row::NONE);
}

#[test]
fn what_is_told_out_of_order_is_put_in_order() {
    let mut recorder = recorder(100);
    let late = recorder.sent(50, 0, 0, 1, &[3, 4]);
    let early = recorder.sent(20, 1, 1, 2, &[5]);
    recorder.arrived(70, late);
    recorder.lost(early);
    recorder.arrived(90, late);
    recorder.cut(late);
    recorder.delivered(9, 1, 2, None);
    recorder.delivered(3, 0, 1, None);
    let timeline = recorder.finish(0);
    timeline.check().unwrap();
    assert_eq!((timeline.messages.sent.as_slice(), timeline.about.end_us), (&[20, 50][..], 50));
    assert_eq!(timeline.messages.named, [5, 3, 4]);
    assert_eq!(timeline.messages.fate, [Fate::Lost as u8, Fate::Arrived as u8]);
    assert_eq!(timeline.messages.took, [0, 20]);
    assert_eq!(timeline.deliveries.item, [1, 2]);
}

#[test]
fn a_link_goes_once_and_not_before_it_came() {
    let mut recorder = recorder(1);
    let link = recorder.link_up(100, 0, 1).unwrap();
    recorder.link_down(40, link);
    recorder.link_down(400, link);
    recorder.link_down(400, 77);
    assert_eq!(recorder.finish(500).links.down[4], Some(100));
}
