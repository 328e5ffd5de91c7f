//! `cargo simulate`: what it prints and how it ends.

use std::process::{Command, Output};

use serde_json::Value;

fn simulate(arguments: &[&str]) -> Output {
    let ran = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .args(arguments)
        .output();
    ran.expect("it can be run")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn it_prints_one_object_for_machines() {
    let ran = simulate(&["--worlds", "10", "--json", "--jobs", "2"]);
    assert_eq!(ran.status.code(), Some(0));
    let account: Value = serde_json::from_str(&said(&ran)).expect("JSON");
    assert_eq!(account["worlds"], 10);
    let kept = [
        &account["lost"],
        &account["unexplained"],
        &account["broken"],
    ];
    assert_eq!(kept, [&Value::from(0), &Value::from(0), &Value::Null]);
    assert!(account["deliveries"].as_u64() > Some(50), "{account}");
}

#[test]
fn it_prints_a_table_for_people_and_the_same_for_one_job_and_two() {
    let tables = ["1", "2"].map(|jobs| {
        let ran = simulate(&["--worlds", "12", "--seed", "5", "--jobs", jobs]);
        assert_eq!(ran.status.code(), Some(0));
        let table = said(&ran);
        let (account, _) = table.split_once("\nseconds ").expect("its time");
        account.to_owned()
    });
    assert_eq!(tables[0], tables[1]);
    assert!(tables[0].contains("worlds                                          12"));
}

#[test]
fn one_seed_is_told_line_by_line() {
    let ran = simulate(&["--seed", "3"]);
    assert_eq!(ran.status.code(), Some(0));
    let told = said(&ran);
    assert!(told.contains("sent orders") && told.contains("claims test#"));
    assert_eq!(told, said(&simulate(&["--seed", "3"])));
}

#[test]
fn trouble_can_be_chosen_by_name_and_an_unknown_name_is_refused() {
    let ran = simulate(&["--worlds", "20", "--only", "crash,busy", "--json"]);
    let account: Value = serde_json::from_str(&said(&ran)).expect("JSON");
    let faults = account["faults"].as_object().expect("by name");
    assert_eq!(faults.keys().collect::<Vec<_>>(), ["busy", "crash"]);
    let unknown = simulate(&["--without", "rain"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("`rain`"));
    let listed = said(&simulate(&["--list"]));
    assert!(listed.lines().any(|line| line == "store-outage"));
}

#[test]
fn a_sweep_says_at_how_many_points_a_process_died() {
    let ran = simulate(&["--sweep", "--seed", "6", "--worlds", "1", "--json"]);
    assert_eq!(ran.status.code(), Some(0));
    let account: Value = serde_json::from_str(&said(&ran)).expect("JSON");
    assert!(account["points"].as_u64() > Some(5), "{account}");
}
