//! What every scheduler does.

use std::time::Duration;

use futures_util::FutureExt;

use waybill_core::limit::SCHEDULE_INPUT_MAX;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Appointment, Scheduler};

use super::{Deviation, run};

/// Runs the suite: makes schedules, due a day after `now`, that send to the queue of this ARN.
/// Answers how many cases there are.
///
/// # Panics
///
/// With the names of the cases that failed.
pub async fn scheduler(
    scheduler: &dyn Scheduler,
    queue_arn: &str,
    now: Timestamp,
    deviations: &[Deviation],
) -> usize {
    let appointment = |name: &str, body: String| Appointment {
        name: name.to_owned(),
        at: now.after(Duration::from_secs(24 * 3600)),
        queue_arn: queue_arn.to_owned(),
        body,
    };
    let made = |appointment: Appointment| async move {
        let made = scheduler.schedule(&appointment).await;
        made.is_ok()
    };
    let body = || "{}".to_owned();
    let cases = vec![
        (
            "what is there is found by its name",
            async move {
                for _ in 0..3 {
                    assert!(made(appointment("there", body())).await);
                }
            }
            .boxed_local(),
        ),
        (
            "a name has 64 characters at most",
            async move {
                assert!(made(appointment(&"n".repeat(64), body())).await);
                assert!(!made(appointment(&"n".repeat(65), body())).await);
            }
            .boxed_local(),
        ),
        (
            "letters that no name has are refused",
            async move {
                assert!(made(appointment("A-z_0.9", body())).await);
                assert!(!made(appointment("a#b", body())).await);
            }
            .boxed_local(),
        ),
        (
            "the longest input is taken, and one far longer is not",
            async move {
                let input = |length| "x".repeat(length);
                assert!(made(appointment("long", input(SCHEDULE_INPUT_MAX))).await);
                assert!(!made(appointment("longer", input(SCHEDULE_INPUT_MAX * 2))).await);
            }
            .boxed_local(),
        ),
    ];
    run(cases, deviations).await
}
