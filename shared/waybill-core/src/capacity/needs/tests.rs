//! Tests of what settings must be.

use super::*;

#[test]
fn a_message_is_hidden_for_six_timeouts_and_the_window_f20() {
    assert_eq!(visibility_seconds(60, 0), 360);
    assert_eq!(visibility_seconds(60, 5), 365);
    assert_eq!(visibility_seconds(u64::MAX, 1), u64::MAX);
}

#[test]
fn receives_are_counted_by_mode_and_kind_of_queue_f18() {
    let fifo = |dead, tries| max_receive_count(QueueKind::Fifo, dead, tries);
    let standard = |dead, tries| max_receive_count(QueueKind::Standard, dead, tries);
    assert_eq!(standard(DeadLetter::Redrive, 4), 11);
    assert_eq!(standard(DeadLetter::Send, 4), 100);
    assert_eq!(fifo(DeadLetter::Send, 4), 60);
    assert_eq!(fifo(DeadLetter::Redrive, 6), 80);
}

#[test]
fn lambda_begins_with_five_batches_and_adds_three_hundred_a_minute() {
    assert!(ramp_seconds(5).abs() < 1e-9);
    assert!(ramp_seconds(2).abs() < 1e-9);
    assert!((ramp_seconds(305) - 60.0).abs() < 1e-9);
}

#[test]
fn a_backlog_drains_by_what_is_to_spare_and_never_by_nothing() {
    assert_eq!(drain_seconds(100_000.0, 1_500.0, 1_000.0), Some(200.0));
    assert_eq!(drain_seconds(1.0, 1_000.0, 1_000.0), None);
    assert_eq!(drain_seconds(1.0, 900.0, 1_000.0), None);
}

#[test]
fn a_lone_poller_rests_a_fifth_of_its_time_and_many_next_to_nothing() {
    assert!((poller_receives(1) - 0.8).abs() < 1e-9);
    assert!((poller_receives(15) - 0.986_666_666).abs() < 1e-6);
}
