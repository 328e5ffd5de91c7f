//! When an event leaves its queue, and what its schedule is called.

use std::time::Duration;

use super::*;
use crate::digest::Digest as DataDigest;
use crate::id::RouteName;
use crate::id::{Consumer, EventKey, MessageId, OwnerId};
use crate::ledger::RouteState;
use crate::ledger::{Ask, DeadLetter};

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A row that waits this long, with one open route of so many attempts.
fn waiting(wait: Duration, attempts: u32) -> Record {
    let ask = Ask {
        key: LedgerKey::from_stored("c#e"),
        owner: OwnerId(1),
        digest: DataDigest("d".to_owned()),
        message_id: MessageId::new("m-1").unwrap(),
        sent: None,
        lease_until: NOW,
        expires_at: 0,
        redrive_limit: 3,
        dead_letter: DeadLetter::Redrive,
    };
    let mut row = ask.first("v", &[RouteName::new("crm").unwrap()]);
    row.status = Status::Pending;
    row.due = Some(NOW.after(wait));
    row.routes[0].attempts = attempts;
    row
}

fn standing(receive_count: u32) -> Standing {
    Standing {
        now: NOW,
        receive_count,
        life: Life::default(),
    }
}

fn never(_: &RouteRecord) -> Option<u32> {
    None
}

#[test]
fn a_wait_of_more_than_a_quarter_of_an_hour_leaves() {
    let leaves = |wait| waiting(wait, 1).leaves(standing(1), never);
    assert_eq!(leaves(WAIT_MAX), None);
    assert_eq!(
        leaves(WAIT_MAX + Duration::from_millis(1)),
        Some(Leaves::LongWait)
    );
}

#[test]
fn the_fifteenth_receive_leaves() {
    let leaves = |receives| waiting(secs(1), 1).leaves(standing(receives), never);
    assert_eq!(leaves(14), None);
    assert_eq!(leaves(15), Some(Leaves::Receives));
}

#[test]
fn what_would_leave_by_age_leaves_by_itself_f08() {
    let leaves = |age| {
        let life = Life {
            sent: Some(NOW.before(secs(age))),
            retention: Some(secs(3600)),
            first_sent: None,
        };
        waiting(secs(60), 1).leaves(
            Standing {
                life,
                ..standing(1)
            },
            never,
        )
    };
    // A tenth of the hour is left for the last try.
    assert_eq!(leaves(3600 - 360 - 60), None);
    assert_eq!(leaves(3600 - 360 - 59), Some(Leaves::Age));
}

#[test]
fn a_route_is_detached_at_its_number_of_attempts() {
    let leaves = |attempts| waiting(secs(1), attempts).leaves(standing(1), |_| Some(3));
    assert_eq!(leaves(2), None);
    assert_eq!(leaves(3), Some(Leaves::Detached));
    let mut two = waiting(secs(1), 3);
    let mut other = two.routes[0].clone();
    other.name = RouteName::new("other").unwrap();
    two.routes.push(other.clone());
    let only_crm = |route: &RouteRecord| (route.name != other.name).then_some(3);
    assert_eq!(
        two.leaves(standing(1), only_crm),
        None,
        "the other one is open too"
    );
    two.routes[1].state = RouteState::Delivered;
    assert_eq!(two.leaves(standing(1), only_crm), Some(Leaves::Detached));
}

#[test]
fn only_a_row_that_waits_leaves() {
    for status in [
        Status::InProgress,
        Status::Scheduled,
        Status::Completed,
        Status::Dead,
    ] {
        let mut row = waiting(secs(3600), 9);
        row.status = status;
        assert_eq!(row.leaves(standing(20), |_| Some(1)), None, "{status:?}");
    }
}

#[test]
fn a_schedule_is_due_in_whole_seconds_and_never_early() {
    for (wait, due) in [
        (0, 10_000),
        (9_999, 10_000),
        (10_001, 11_000),
        (3_600_000, 3_600_000),
    ] {
        let mut row = waiting(Duration::from_millis(wait), 1);
        row.schedule(NOW);
        assert_eq!(row.status, Status::Scheduled);
        let due = NOW.after(Duration::from_millis(due));
        assert_eq!(
            row.due,
            Some(Timestamp::from_secs(due.as_secs_ceil())),
            "{wait}"
        );
        assert!(row.due.unwrap() >= NOW.after(Duration::from_millis(wait)));
    }
}

#[test]
fn a_name_is_of_one_wait_of_one_row_and_may_name_a_schedule() {
    let consumer = Consumer::new("orders").unwrap();
    let key = |key: &str| LedgerKey::new(&consumer, &EventKey(key.to_owned()));
    let name = schedule_name(&key("a\0ü"), 7);
    assert_eq!(name, schedule_name(&key("a\0ü"), 7));
    assert_ne!(name, schedule_name(&key("a\0ü"), 8));
    assert_ne!(name, schedule_name(&key("b"), 7));
    assert_eq!(name.len(), 64);
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
}
