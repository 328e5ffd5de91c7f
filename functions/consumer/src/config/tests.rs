use std::collections::HashMap;

use super::*;

const ROUTES: &str =
    "inline:{routes: [{name: crm, target: {http: {url: 'https://example.com/in'}}}]}";

fn parse(changes: &[(&str, &str)]) -> Result<ConsumerConfig, String> {
    let mut vars = HashMap::from([
        ("WAYBILL_LEDGER_TABLE", "ledger"),
        ("WAYBILL_CONSUMER", "orders"),
        ("WAYBILL_ROUTES", ROUTES),
    ]);
    vars.extend(changes.iter().copied());
    let no_file = |_: &str| Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    let var = |name: &str| vars.get(name).map(|value| (*value).to_owned());
    ConsumerConfig::parse(var, no_file).map_err(|errors| errors.to_string())
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = parse(&[]).unwrap();
    assert_eq!(config.engine.dead_letter, DeadLetter::Redrive);
    assert_eq!(config.engine.time_to_live, TIME_TO_LIVE);
    assert!(!config.allow_private_targets);
    assert_eq!(config.dead_letter_url, None);
}

#[test]
fn every_fault_is_told_at_once_with_its_remedy() {
    let error = parse(&[
        ("WAYBILL_LEDGER_TABLE", ""),
        ("WAYBILL_CONSUMER", "a#b"),
        ("WAYBILL_ROUTES", "/nowhere.yaml"),
        ("WAYBILL_DEAD_LETTER", "bin"),
        ("WAYBILL_LEDGER_TTL_DAYS", "0"),
        ("WAYBILL_ALLOW_PRIVATE_TARGETS", "yes"),
    ])
    .unwrap_err();
    for part in [
        "WAYBILL_LEDGER_TABLE is not set",
        "`a#b` must have",
        "`/nowhere.yaml` cannot be read",
        "say `redrive` or `send`",
        "whole days",
        "say `true` or `false`",
    ] {
        assert!(error.contains(part), "no {part} in {error}");
    }
}

#[test]
fn a_bad_routes_file_names_itself() {
    let error = parse(&[("WAYBILL_ROUTES", "inline:routes: []")]).unwrap_err();
    assert!(
        error.starts_with("`WAYBILL_ROUTES`: routes file is refused: line 1"),
        "{error}"
    );
}

#[test]
fn sending_the_dead_needs_their_queue() {
    let error = parse(&[("WAYBILL_DEAD_LETTER", "send")]).unwrap_err();
    assert!(error.contains("WAYBILL_DLQ_URL is not set"), "{error}");
    let url = ("WAYBILL_DLQ_URL", "http://localhost/1/dead");
    let config = parse(&[("WAYBILL_DEAD_LETTER", "send"), url]).unwrap();
    assert_eq!(
        config.dead_letter_url.as_deref(),
        Some("http://localhost/1/dead")
    );
}

#[test]
fn environment_and_file_may_not_disagree_on_the_dead() {
    let routes = ROUTES.replace("{routes", "{dead_letter: send, routes");
    let error = parse(&[
        ("WAYBILL_ROUTES", &routes),
        ("WAYBILL_DEAD_LETTER", "redrive"),
    ]);
    assert!(error.unwrap_err().contains("differ"));
}
