use super::{Node, Raw};

/// A text.
fn text(text: &str) -> Raw {
    Raw::Text(text.to_owned())
}

#[test]
fn short_forms_are_written_out() {
    let short = Node::parse("a: !Ref b\nc: !If [d, 1, !Sub 'e']\nf: !GetAtt g.h\n").unwrap();
    let long = "{a: {Ref: b}, c: {'Fn::If': [d, 1, {'Fn::Sub': e}]}, f: {'Fn::GetAtt': g.h}}";
    let long = Node::parse(long).unwrap();
    let bare = |node: &Node| format!("{node:?}").replace(|c: char| c.is_ascii_digit(), "");
    assert_eq!(bare(&short), bare(&long));
}

#[test]
fn every_value_knows_the_line_of_its_key() {
    let read = Node::parse("a:\n  b: 1\n  c:\n    - true\n    - !Ref d\n").unwrap();
    let a = read.get("a").unwrap();
    assert_eq!((a.line, a.get("b").unwrap().line), (1, 2));
    let c = a.get("c").unwrap();
    assert_eq!((c.line, c.list()[0].line, c.list()[1].line), (3, 4, 5));
    assert_eq!(c.list()[0].raw, text("true"));
}

#[test]
fn json_is_yaml_and_numbers_are_text() {
    let read = Node::parse(r#"{"a": 60, "b": [1.5, null]}"#).unwrap();
    assert_eq!(read.get("a").unwrap().raw, text("60"));
    assert_eq!(read.get("b").unwrap().list()[1].raw, Raw::Null);
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let refused = Node::parse("a: 1\nb: [\n").unwrap_err();
    assert!(refused.line >= 2, "{refused:?}");
    assert!(!refused.message.is_empty());
}
