use super::*;

#[test]
fn a_time_to_live_never_ends_early_f10() {
    assert_eq!(Timestamp::from_millis(1001).as_secs_ceil(), 2);
    assert_eq!(Timestamp::from_millis(1000).as_secs_ceil(), 1);
}

#[test]
fn arithmetic_saturates() {
    let late = Timestamp::from_millis(u64::MAX);
    assert_eq!(late.after(Duration::from_secs(1)), late);
    assert_eq!(
        Timestamp::from_millis(5).before(Duration::from_secs(1)),
        Timestamp::from_millis(0)
    );
    assert_eq!(Timestamp::from_millis(5).since(late), Duration::ZERO);
}

#[test]
fn times_are_written_as_cloudevents_writes_them() {
    let time = Timestamp::from_millis(1_700_000_000_123);
    assert_eq!(
        time.to_rfc3339().as_deref(),
        Some("2023-11-14T22:13:20.123Z")
    );
    assert_eq!(Timestamp::from_millis(u64::MAX).to_rfc3339(), None);
}

#[test]
fn seconds_and_milliseconds_are_told_apart_f10() {
    let two = Timestamp::from_secs(2);
    assert_eq!(two.as_millis(), 2_000);
    assert_eq!(two, Timestamp::from_millis(2_000));
    let later = two.after(Duration::from_millis(500));
    assert_eq!(later.as_millis(), 2_500);
    assert_eq!(later.since(two), Duration::from_millis(500));
    assert_eq!(
        later.before(Duration::from_millis(1_500)).as_millis(),
        1_000
    );
}
