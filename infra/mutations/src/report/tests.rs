use super::*;
use crate::list::Target;

fn finding(verdict: Verdict) -> Finding {
    Finding {
        name: "m".to_owned(),
        test: NamedTest {
            package: "p".to_owned(),
            target: Target::It,
            test: "a::t".to_owned(),
        },
        verdict,
        seconds: 1.26,
    }
}

#[test]
fn a_survivor_weighs_more_than_what_is_unclear_and_nothing_is_no_success() {
    let unclear = || finding(Verdict::Unclear("why".to_owned()));
    let caught = || finding(Verdict::Caught);
    let survived = || finding(Verdict::Survived);
    assert_eq!(exit_code(&[caught(), caught()]), 0);
    assert_eq!(exit_code(&[caught(), unclear(), survived()]), 1);
    assert_eq!(exit_code(&[caught(), unclear()]), 2);
    assert_eq!(exit_code(&[]), 2);
}

#[test]
fn each_finding_is_told_in_one_line_and_all_in_one_object() {
    let findings = [
        finding(Verdict::Caught),
        finding(Verdict::Unclear("hangs".to_owned())),
    ];
    let told = line(&findings[0]);
    assert!(told.ends_with("1.3 s  caught by t"), "{told}");
    assert!(line(&findings[1]).ends_with("UNCLEAR: hangs"));
    assert_eq!(sum(&findings), "1 caught, 0 survived, 1 unclear");
    let test = r#""test":{"package":"p","target":"it","test":"a::t"},"seconds":1.3"#;
    assert_eq!(
        json(&findings),
        format!(
            r#"{{"caught":1,"survived":0,"unclear":1,"mutations":[{{"name":"m","verdict":"caught",{test}}},{{"name":"m","verdict":"unclear","why":"hangs",{test}}}]}}"#
        )
    );
}
