use serde_json::{Value as Json, json};

use super::super::tests::{a_try, record};
use super::*;

fn printed(spans: &[Span]) -> Json {
    let resource = Resource {
        service: "orders".to_owned(),
        attributes: vec![("cloud.provider", "aws".to_owned())],
    };
    let text = json(&resource, spans);
    assert!(!text.contains('\n'));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn spans_are_printed_as_the_protocol_has_them_in_json() {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let expected = json!({"resourceSpans": [{
        "resource": {"attributes": [
            text("service.name", "orders"), text("cloud.provider", "aws"),
        ]},
        "scopeSpans": [{
            "scope": {"name": "waybill"},
            "spans": [
                {
                    "traceId": "58406520a006649127e371903a2de979",
                    "spanId": "53995c3f42cd8ad8",
                    "parentSpanId": "0000000000000002",
                    "name": "process orders",
                    "kind": 5,
                    "startTimeUnixNano": "1700000000001000000",
                    "endTimeUnixNano": "1700000000250000000",
                    "attributes": [
                        text("messaging.system", "aws_sqs"),
                        {"key": "waybill.attempts", "value": {"intValue": "4294967295"}},
                        {"key": "waybill.dead_letter", "value": {"boolValue": true}},
                        text("error.type", "rejected"),
                    ],
                    "links": [{
                        "traceId": "00000000000000000000000000000003",
                        "spanId": "0000000000000004",
                    }],
                    "status": {"code": 2},
                },
                {
                    "traceId": "58406520a006649127e371903a2de979",
                    "spanId": "53995c3f42cd8ad8",
                    "name": "deliver crm?",
                    "kind": 3,
                    "startTimeUnixNano": "1700000000001000000",
                    "endTimeUnixNano": "1700000000250000000",
                    "attributes": [],
                },
            ],
        }],
    }]});
    assert_eq!(printed(&[record(), a_try()]), expected);
}
