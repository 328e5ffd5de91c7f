//! Tests of what is needed and what to do about it.

use super::*;
use crate::check::settings::Setting;

/// A setting that says so much.
fn setting(said: Option<u64>, parameter: Option<&str>, allowed: &[u64]) -> Setting {
    Setting {
        name: "Timeout",
        said: Ok(said),
        parameter: parameter.map(str::to_owned),
        allowed: allowed.to_vec(),
    }
}

#[test]
fn a_need_is_met_by_its_relation() {
    assert!(Need::AtLeast(3).is_met(3) && !Need::AtLeast(3).is_met(2));
    assert!(Need::AtMost(3).is_met(3) && !Need::AtMost(3).is_met(4));
    assert!(Need::Just(3).is_met(3) && !Need::Just(3).is_met(4));
    assert!(!Need::MoreThan(3).is_met(1_000));
}

#[test]
fn a_remedy_names_the_parameter_where_one_decides() {
    let of = |setting: &Setting, needed| row(setting, needed, String::new()).remedy;
    let own = setting(Some(1), Some("T"), &[]);
    assert_eq!(of(&own, Need::AtLeast(5)).unwrap(), "--parameter T=5");
    let listed = setting(Some(1), Some("T"), &[1, 5]);
    assert_eq!(of(&listed, Need::AtLeast(5)).unwrap(), "--parameter T=5");
    let days = setting(Some(1), Some("T"), &[1, 2]);
    assert_eq!(
        of(&days, Need::AtLeast(86_400)).unwrap(),
        "raise parameter T"
    );
    let written = setting(Some(1), None, &[]);
    assert_eq!(
        of(&written, Need::AtLeast(5)).unwrap(),
        "set Timeout to 5 or more"
    );
    assert!(
        of(&own, Need::MoreThan(9))
            .unwrap()
            .contains("several queues")
    );
    assert_eq!(of(&own, Need::AtLeast(1)), None);
}

#[test]
fn what_is_not_set_is_not_known_and_no_reason_to_stop() {
    let row = row(&setting(None, None, &[]), Need::AtLeast(5), String::new());
    assert_eq!(row.verdict, Verdict::Unknown("it is not set".to_owned()));
    assert!(Holds { rows: vec![row] }.all());
}

#[test]
fn a_part_of_a_second_counts_as_a_whole_one() {
    assert_eq!(whole(1.2), 2);
    assert_eq!(whole(0.0), 0);
    assert_eq!(whole(-3.0), 0);
    assert_eq!(whole(1e30), u64::MAX);
}
