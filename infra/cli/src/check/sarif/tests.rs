use serde_json::json;

use super::super::finding::Input;
use super::super::rules::rules;
use super::super::show::tests::{files, findings, judged, outage};
use super::log;

#[test]
fn code_scanning_reads_each_finding_at_its_place() {
    let log = log(&judged(findings()), &files());
    assert_eq!(log["version"], "2.1.0");
    let expected = json!({
        "ruleId": "visibility-too-short",
        "level": "error",
        "message": { "text": "too short; make it longer" },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": "a%20b/template.yaml" },
                "region": { "startLine": 7 },
            },
            "logicalLocations": [{
                "fullyQualifiedName": "Resources.Queue.Properties.VisibilityTimeout",
            }],
        }],
    });
    assert_eq!(log["runs"][0]["results"][0], expected);
    let bare = json!([{ "physicalLocation": { "artifactLocation": { "uri": "routes.yaml" } } }]);
    assert_eq!(log["runs"][0]["results"][1]["locations"], bare);
}

#[test]
fn code_scanning_reads_every_rule() {
    let log = log(&judged(Vec::new()), &files());
    assert_eq!(log["runs"][0]["results"], json!([]));
    let told = log["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    assert_eq!(told.len(), rules().count());
    for (told, rule) in told.iter().zip(rules()) {
        assert_eq!(told["id"], rule.id);
        assert_eq!(told["shortDescription"]["text"], rule.relation);
        assert_eq!(told["help"]["text"], rule.remedy);
    }
}

#[test]
fn code_scanning_reads_what_is_in_no_file_by_its_name() {
    let mut finding = findings().remove(0);
    finding.input = Input::Stack;
    finding.path = "sqs:orders".to_owned();
    let log = log(&judged(vec![finding]), &files());
    let expected = json!([{ "logicalLocations": [{ "fullyQualifiedName": "sqs:orders" }] }]);
    assert_eq!(log["runs"][0]["results"][0]["locations"], expected);
}

#[test]
fn code_scanning_reads_the_outages_too() {
    let mut judged = judged(Vec::new());
    judged.outages = vec![outage()];
    let log = log(&judged, &files());
    let told = &log["runs"][0]["properties"]["outages"];
    assert_eq!(told[0]["ledger_seconds"], 15_135);
}
