use super::*;

#[test]
fn so_many_of_a_hundred_are_below_a_percentile() {
    let mut values: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
    assert_eq!(percentile(&mut values, 50), Value::from(100));
    assert_eq!(percentile(&mut values, 99), Value::from(198));
    assert_eq!(percentile(&mut [], 99), Value::Null);
}

#[test]
fn an_event_is_known_by_the_number_in_its_id() {
    let begun = Instant::now();
    let second = begun + Duration::from_secs(1);
    let feed = Feed {
        prefix: "rate-0f".to_owned(),
        rate: 1,
        begun,
        before: 0,
        sent: vec![begun, second],
    };
    assert_eq!(feed.sent_at(&feed.id(1)), Some(second));
    assert_eq!(feed.sent_at(&feed.id(2)), None);
    assert_eq!(feed.sent_at("other"), None);
}
