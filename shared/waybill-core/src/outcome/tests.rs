use super::*;

/// Ledger rows, message attributes, logs and queries hold these words.
#[test]
fn words_are_what_they_were() {
    let outcomes = [
        (Outcome::Delivered, "delivered"),
        (Outcome::Rejected, "rejected"),
        (Outcome::Transient { retry_after: None }, "transient"),
        (Outcome::Unknown, "unknown"),
    ];
    for (outcome, word) in outcomes {
        assert_eq!(outcome.word(), word);
    }
    let reasons = DeadReason::ALL.map(DeadReason::word);
    let words = [
        "attempts_spent",
        "rejected",
        "malformed",
        "unrouted",
        "key_missing",
        "key_conflict",
        "expired",
        "would_expire",
        "crashed",
        "redrive_loop",
    ];
    assert_eq!(reasons, words);
    let causes = [
        (DeferCause::Deadline, "deadline"),
        (DeferCause::LeaseBusy, "lease_busy"),
        (DeferCause::NotDue, "not_due"),
        (DeferCause::StoreDown, "store_down"),
        (DeferCause::UnknownRow, "unknown_row"),
        (DeferCause::Fenced, "fenced"),
        (DeferCause::Copy, "copy"),
        (DeferCause::Panicked, "panicked"),
        (DeferCause::DeadLetterUnavailable, "dead_letter_unavailable"),
        (DeferCause::GroupBlocked, "group_blocked"),
        (DeferCause::LeaseLost, "lease_lost"),
        (DeferCause::RouteOff, "route_off"),
        (DeferCause::BreakerOpen, "breaker_open"),
        (DeferCause::RateLimited, "rate_limited"),
        (DeferCause::Saturated, "saturated"),
    ];
    for (cause, word) in causes {
        assert_eq!((cause.word(), cause.to_string()), (word, word.to_owned()));
    }
}

#[test]
fn a_reason_reads_back_and_an_unknown_word_is_none() {
    for reason in DeadReason::ALL {
        assert_eq!(DeadReason::parse(&reason.to_string()), Some(reason));
    }
    assert_eq!(DeadReason::parse("of_a_later_release"), None);
}

#[test]
fn what_stays_is_hidden_for_its_wait_and_the_rest_not_at_all() {
    let after = Duration::from_secs(7);
    let cause = DeferCause::NotDue;
    let reason = DeadReason::Rejected;
    assert_eq!(Disposition::Retry { after }.wait(), after);
    assert_eq!(Disposition::Defer { after, cause }.wait(), after);
    assert_eq!(Disposition::Ack.wait(), Duration::ZERO);
    assert_eq!(Disposition::Dead { reason }.wait(), Duration::ZERO);
}

#[test]
fn a_code_is_cut_between_characters_f50() {
    let long = format!("a{}", "é".repeat(200));
    let kept = format!("a{}", "é".repeat(63));
    for attempt in [
        Attempt::delivered(long.clone()),
        Attempt::rejected(long.clone(), ""),
        Attempt::transient(long.clone(), "", None),
        Attempt::unknown(long.clone(), ""),
    ] {
        assert_eq!(attempt.code, kept);
    }
    let longest = "a".repeat(CODE_MAX);
    assert_eq!(Attempt::delivered(longest.clone()).code, longest);
}
