//! Facts about edits.

use super::*;

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let edit = Edit::patch(r#"[{"op":"replace","path":"/b","value":2}]"#).unwrap();
    assert_eq!(edit.apply(r#"{"a":1,"b":1}"#).unwrap(), r#"{"a":1,"b":2}"#);
}

#[test]
fn a_patch_that_does_not_fit_is_refused() {
    let edit = Edit::patch(r#"[{"op":"test","path":"/b","value":2}]"#).unwrap();
    assert!(edit.apply(r#"{"b":1}"#).is_err());
    assert!(edit.apply("no json").unwrap_err().contains("no JSON"));
}

#[test]
fn what_a_patch_would_change_beside_is_refused() {
    let edit = Edit::patch(r#"[{"op":"add","path":"/b","value":2}]"#).unwrap();
    for body in [r#"{"a":1.00000000000000000001}"#, r#"{"a":1,"a":2}"#] {
        let fault = edit.apply(body).unwrap_err();
        assert!(fault.contains("would not survive"), "{body}: {fault}");
    }
}

#[test]
fn what_is_no_patch_is_refused() {
    for text in ["", "{}", "[]", r#"[{"op":"jump","path":"/a"}]"#] {
        assert!(Edit::patch(text).is_err(), "{text}");
    }
}

#[test]
fn the_audit_keeps_a_patch_and_of_a_body_its_digest() {
    let edit = Edit::patch(r#"[{"op":"remove","path":"/b"}]"#).unwrap();
    assert_eq!(edit.note(), r#"[{"op":"remove","path":"/b"}]"#);
    let body = Edit::Body("secret".to_owned()).note();
    assert!(body.starts_with("body sha256:") && !body.contains("secret"));
}
