//! Findings as code scanning reads them: SARIF 2.1.0.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::path::Path;

use serde_json::{Value, json};

use super::finding::Finding;
use super::rules::{self, Judged};
use super::show::{self, Files};
use crate::failure::Failure;
use crate::screen;

/// Shows findings.
pub(super) fn show(judged: &Judged, files: &Files) -> Result<(), Failure> {
    screen::print(log(judged, files).to_string())
}

/// A log of one run, with every rule that there is.
pub(super) fn log(judged: &Judged, files: &Files) -> Value {
    let rules = rules::rules().map(|rule| {
        let failures = rule.failures;
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.relation },
            "help": { "text": rule.remedy },
            "defaultConfiguration": { "level": rule.severity.word() },
            "properties": { "tags": failures },
        })
    });
    let rules: Vec<Value> = rules.collect();
    let results: Vec<Value> = judged
        .findings
        .iter()
        .map(|finding| result(finding, files))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "waybill",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            "results": results,
            "properties": { "outages": show::outages(judged) },
        }],
    })
}

/// One finding.
fn result(finding: &Finding, files: &Files) -> Value {
    let mut location = match files.of(finding.input) {
        Some(file) => {
            let mut physical = json!({ "artifactLocation": { "uri": uri(file) } });
            if let (Some(line), Some(place)) = (finding.line, physical.as_object_mut()) {
                place.insert("region".to_owned(), json!({ "startLine": line }));
            }
            json!({ "physicalLocation": physical })
        }
        None => json!({}),
    };
    if let (false, Some(place)) = (finding.path.is_empty(), location.as_object_mut()) {
        let logical = json!([{ "fullyQualifiedName": finding.path }]);
        place.insert("logicalLocations".to_owned(), logical);
    }
    json!({
        "ruleId": finding.rule.id,
        "level": finding.severity().word(),
        "message": { "text": format!("{}; {}", finding.message, finding.remedy) },
        "locations": [location],
    })
}

/// A path as a reference: with `/`, and what a URI has no place for written as `%XX`.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    let text = text.strip_prefix("./").unwrap_or(&text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let each = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    each.collect()
}

#[cfg(test)]
mod tests;
