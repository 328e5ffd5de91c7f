//! Children end with us.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::*;

/// Whether the process is there and no zombie.
fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

/// Waits for a fact, at most half a minute.
fn eventually(fact: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if fact() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

/// A group of two sleeping processes, and the number of the grandchild.
fn sleepers(folder: &tempfile::TempDir) -> (Group, String) {
    let file = folder.path().join("pid");
    let mut command = Group::command("/bin/sh");
    command.arg("-c").arg(format!(
        "sleep 60 & echo $! > {0}.new; mv {0}.new {0}; wait",
        file.display()
    ));
    let group = Group::spawn(command).unwrap();
    assert!(eventually(|| file.exists()));
    let pid = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(is_alive(&pid));
    (group, pid)
}

#[test]
fn dropping_a_group_ends_the_grandchildren() {
    let folder = tempfile::tempdir().unwrap();
    let (group, pid) = sleepers(&folder);
    drop(group);
    assert!(eventually(|| !is_alive(&pid)));
}

#[test]
fn a_broken_pipe_ends_the_grandchildren() {
    let folder = tempfile::tempdir().unwrap();
    let (mut group, pid) = sleepers(&folder);
    drop(group.shell.stdin.take());
    assert!(eventually(|| !is_alive(&pid)));
}

#[test]
fn the_programs_exit_code_is_handed_on() {
    let mut command = Group::command("/bin/sh");
    command.arg("-c").arg("exit 7");
    let mut group = Group::spawn(command).unwrap();
    assert_eq!(group.wait().unwrap().code(), Some(7));
}

#[test]
fn a_program_that_ends_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let mut command = Group::command("/bin/sh");
    command
        .arg("-c")
        .arg(format!("sleep 60 & echo $! > {}; exit 3", file.display()));
    let mut group = Group::spawn(command).unwrap();
    assert_eq!(group.wait().unwrap().code(), Some(3));
    let pid = fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(eventually(|| !is_alive(&pid)));
}
