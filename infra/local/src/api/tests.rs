//! Forms and XML.

use super::*;

#[test]
fn forms_survive_every_character() {
    let pairs = [("a b".to_owned(), "x=1&y\nü:/+~".to_owned())];
    assert_eq!(encode_form(&pairs), "a%20b=x%3D1%26y%0A%C3%BC%3A%2F%2B~");
}

#[test]
fn elements_are_read_in_order() {
    let xml = "<a><member><k>1</k></member><member><k>2</k></member></a>";
    assert_eq!(elements(xml, "k"), ["1", "2"]);
    assert_eq!(element(xml, "k").as_deref(), Some("1"));
    assert_eq!(element(xml, "absent"), None);
}

#[test]
fn an_escaped_ampersand_is_not_unescaped_twice() {
    assert_eq!(unescape("&lt;&amp;lt;&quot;"), "<&lt;\"");
}
