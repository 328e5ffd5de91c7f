//! Ports, and whose they are.

use std::collections::BTreeSet;

use super::*;

#[test]
fn a_free_port_is_another_one_each_time_and_none_that_the_system_hands_out() {
    let ports: BTreeSet<_> = (0..50).map(|_| free_port().unwrap()).collect();
    assert_eq!(ports.len(), 50);
    assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_is_found_by_its_end() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let end = ours.local_addr().unwrap();
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let inode = sockets.lines().find_map(|line| inode(line, end)).unwrap();
    let file = {
        use std::os::fd::AsRawFd;
        format!("/proc/self/fd/{}", ours.as_raw_fd())
    };
    let leads_to = fs::read_link(file).unwrap();
    assert_eq!(
        leads_to.to_str(),
        Some(format!("socket:[{inode}]").as_str())
    );
}
