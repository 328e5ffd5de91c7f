use super::*;

fn routes(url: &str) -> RoutesFile {
    let text = format!("{{routes: [{{name: crm, target: {{http: {{url: '{url}'}}}}}}]}}");
    RoutesFile::parse(&text, |_| None).unwrap()
}

#[test]
fn a_route_without_a_target_that_can_be_called_is_named_f65() {
    let error = router(routes("http://example.com/in"), false)
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("route `crm`: url must be `https:`"),
        "{error}"
    );
    assert!(router(routes("http://example.com/in"), true).is_ok());
    assert!(router(routes("https://example.com/in"), false).is_ok());
}
