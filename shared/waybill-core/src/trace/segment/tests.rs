use serde_json::{Value as Json, json};

use super::super::tests::{a_try, record};
use super::*;

fn printed(service: &str, span: &Span) -> Json {
    let text = json(service, span);
    assert!(!text.contains('\n'));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_record_is_a_segment_of_the_service() {
    let expected = json!({
        "name": "orders-Consumer",
        "id": "53995c3f42cd8ad8",
        "trace_id": "1-58406520-a006649127e371903a2de979",
        "parent_id": "0000000000000002",
        "start_time": 1_700_000_000.001,
        "end_time": 1_700_000_000.25,
        "fault": true,
        "annotations": {
            "waybill_attempts": u32::MAX,
            "waybill_dead_letter": true,
            "error_type": "rejected",
        },
        "links": [{
            "trace_id": "1-00000000-000000000000000000000003",
            "id": "0000000000000004",
        }],
    });
    assert_eq!(printed("orders-Consumer", &record()), expected);
}

#[test]
fn a_try_is_a_subsegment_of_its_own_with_a_name_that_is_taken() {
    let expected = json!({
        "name": "deliver crm_",
        "id": "53995c3f42cd8ad8",
        "trace_id": "1-58406520-a006649127e371903a2de979",
        "start_time": 1_700_000_000.001,
        "end_time": 1_700_000_000.25,
        "type": "subsegment",
        "namespace": "remote",
        "annotations": {},
    });
    assert_eq!(printed("orders", &a_try()), expected);
}

#[test]
fn what_is_too_long_is_cut_and_what_no_name_has_is_replaced() {
    let span = Span {
        failure: Some("\u{e9}".repeat(1001).into()),
        ..record()
    };
    let printed = printed(&format!("caf\u{e9}{}", "x".repeat(300)), &span);
    assert_eq!(printed["name"], format!("caf_{}", "x".repeat(196)));
    let told = &printed["annotations"]["error_type"];
    assert_eq!(*told, "\u{e9}".repeat(1000));
}
