use std::time::Duration;

use super::*;
use crate::limit::WAIT_MAX;
use crate::outcome::Outcome;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: Timestamp = Timestamp::from_secs(784_111_777);

/// What a status comes to without overrides and without a wait.
fn plain(status: u16) -> Outcome {
    classify(status, &StatusOverrides::default(), None, NOW).outcome
}

/// The wait of a 503 with this header.
fn wait(retry_after: &str) -> Option<Duration> {
    let attempt = classify(503, &StatusOverrides::default(), Some(retry_after), NOW);
    let Outcome::Transient { retry_after } = attempt.outcome else {
        panic!("503 is transient");
    };
    retry_after
}

#[test]
fn every_status_has_its_meaning() {
    let transient = Outcome::Transient { retry_after: None };
    for status in 100..=599 {
        let expected = match status {
            200..=299 => Outcome::Delivered,
            404 | 408 | 409 | 425 | 429 => transient,
            500..=599 => transient,
            _ => Outcome::Rejected,
        };
        assert_eq!(plain(status), expected, "{status}");
    }
    // Named one by one, because a slip here loses messages or never lets go of them.
    for status in [401, 403, 410, 413, 422, 301, 302, 304, 307, 308, 101] {
        assert_eq!(plain(status), Outcome::Rejected, "{status}");
    }
    for status in [0, 99, 600, 999, u16::MAX] {
        assert_eq!(plain(status), Outcome::Rejected, "{status}");
    }
}

#[test]
fn the_code_names_the_status_and_only_failures_have_a_message() {
    for status in [200, 404, 422, 503] {
        let attempt = classify(status, &StatusOverrides::default(), None, NOW);
        assert_eq!(attempt.code, format!("http_{status}"));
        assert_eq!(attempt.message.is_empty(), status == 200);
    }
}

#[test]
fn an_override_goes_before_the_usual() {
    let mut overrides = StatusOverrides::default();
    assert!(overrides.set(403, StatusClass::Transient));
    assert!(overrides.set(404, StatusClass::Rejected));
    assert!(overrides.set(409, StatusClass::Delivered));
    assert!(!overrides.set(409, StatusClass::Rejected));
    let outcome = |status| classify(status, &overrides, None, NOW).outcome;

    assert_eq!(outcome(403), Outcome::Transient { retry_after: None });
    assert_eq!(outcome(404), Outcome::Rejected);
    assert_eq!(outcome(409), Outcome::Delivered);
    assert_eq!(outcome(410), Outcome::Rejected);
}

#[test]
fn retry_after_is_honoured_on_429_and_503_only() {
    for status in 100..=599 {
        let attempt = classify(status, &StatusOverrides::default(), Some("7"), NOW);
        let honoured = Outcome::Transient {
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(
            attempt.outcome == honoured,
            matches!(status, 429 | 503),
            "{status}"
        );
    }
}

#[test]
fn retry_after_is_read_in_every_form_and_nonsense_is_ignored_f58() {
    let seconds = Duration::from_secs;
    let cases = [
        ("0", Some(seconds(0))),
        ("120", Some(seconds(120))),
        (" 120 ", Some(seconds(120))),
        ("0120", Some(seconds(120))),
        ("1.5", Some(Duration::from_millis(1500))),
        ("2.", Some(seconds(2))),
        // Sixty seconds from now, in HTTP's three forms of a date.
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(seconds(60))),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(seconds(60))),
        ("Sun Nov  6 08:50:37 1994", Some(seconds(60))),
        // A date that has passed asks for nothing more.
        ("Sun, 06 Nov 1994 08:49:36 GMT", Some(seconds(0))),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(seconds(0))),
        // Longer than is ever honoured.
        ("901", Some(WAIT_MAX)),
        ("18446744073709551615", Some(WAIT_MAX)),
        ("99999999999999999999999999", Some(WAIT_MAX)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(WAIT_MAX)),
        ("", None),
        ("-1", None),
        ("-1.5", None),
        ("+1", None),
        ("1e3", None),
        (".5", None),
        ("1.2.3", None),
        ("1,5", None),
        ("NaN", None),
        ("inf", None),
        ("soon", None),
        ("10s", None),
        ("Sun, 06 Nov 1994", None),
        ("1994-11-06T08:50:37Z", None),
        ("\u{661}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(wait(text), expected, "{text:?}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_retry_after_makes_it_panic_or_wait_too_long_f58(text in "\\PC{0,40}") {
            prop_assert!(wait(&text).is_none_or(|wait| wait <= WAIT_MAX));
        }

        #[test]
        fn every_number_of_seconds_is_read_f58(whole in any::<u64>(), part in "[0-9]{0,400}") {
            let read = wait(&format!("{whole}.{part}")).unwrap();
            prop_assert!(read >= Duration::from_secs(whole).min(WAIT_MAX));
            prop_assert!(read <= Duration::from_secs(whole.saturating_add(1)).min(WAIT_MAX));
        }

        #[test]
        fn every_date_is_read_f58(at in 0..253_402_300_799u64, now in any::<u64>()) {
            let text = httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(at));
            let now = Timestamp::from_millis(now);
            let attempt = classify(429, &StatusOverrides::default(), Some(&text), now);
            let expected = Timestamp::from_secs(at).since(now).min(WAIT_MAX);
            let retry_after = Some(expected);
            prop_assert_eq!(attempt.outcome, Outcome::Transient { retry_after });
        }

        #[test]
        fn an_unlisted_status_means_what_it_usually_does(
            status in 100..=599u16,
            listed in 200..=599u16,
        ) {
            prop_assume!(status != listed);
            let mut overrides = StatusOverrides::default();
            prop_assert!(overrides.set(listed, StatusClass::Delivered));
            prop_assert_eq!(classify(status, &overrides, None, NOW).outcome, plain(status));
        }
    }
}
