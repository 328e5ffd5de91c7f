//! Which addresses and ports a delivery may go to (F65).
//!
//! A route's URL may come from a tenant, and any name may resolve to anything, today or after it
//! was checked: the metadata service, Lambda's own Runtime API on the loopback, a neighbour in the
//! network. So the address itself is judged, and the connection is made to the judged address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressVerdict {
    /// It is on the public internet.
    Public,
    /// It is not; what it is instead, in a word or two.
    Refused(&'static str),
}

/// Judges an address. What is not known to be public is refused.
///
/// An IPv4 address inside an IPv6 one is judged as itself, for the two forms that reach it: mapped
/// (`::ffff:0:0/96`), and NAT64's well-known prefix, by which DNS64 answers in networks without
/// IPv4. 6to4 and Teredo, which are retired, are refused whole.
pub fn check(address: IpAddr) -> AddressVerdict {
    match address {
        IpAddr::V4(address) => check_v4(address),
        IpAddr::V6(address) => check_v6(address),
    }
}

/// Whether a port may be called: 443, or one that is not among the well-known ports, where mail,
/// name and directory services listen.
pub fn is_open_port(port: u16) -> bool {
    port == 443 || port >= 1024
}

/// Judges an IPv4 address.
fn check_v4(address: Ipv4Addr) -> AddressVerdict {
    let bits = address.to_bits();
    let special = SPECIAL_V4.iter().find(|(base, length, _)| {
        let mask = u32::MAX << (32 - u32::from(*length));
        bits & mask == base.to_bits()
    });
    special.map_or(AddressVerdict::Public, |(_, _, what)| {
        AddressVerdict::Refused(what)
    })
}

/// Judges an IPv6 address.
fn check_v6(address: Ipv6Addr) -> AddressVerdict {
    let bits = address.to_bits();
    let inside = |(base, length, _): &&(Ipv6Addr, u8, &'static str)| {
        let mask = u128::MAX << (128 - u32::from(*length));
        bits & mask == base.to_bits()
    };
    let carries_v4 = [MAPPED, NAT64].iter().any(|net| inside(&net));
    if carries_v4 {
        let [.., a, b, c, d] = address.octets();
        return check_v4(Ipv4Addr::new(a, b, c, d));
    }
    let special = SPECIAL_V6.iter().find(inside);
    match special {
        Some((_, _, what)) => AddressVerdict::Refused(what),
        None if inside(&&GLOBAL_V6) => AddressVerdict::Public,
        None => AddressVerdict::Refused("not global unicast"),
    }
}

/// IPv4 addresses inside sockets of IPv6.
const MAPPED: (Ipv6Addr, u8, &str) = (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "mapped");

/// NAT64's well-known prefix.
const NAT64: (Ipv6Addr, u8, &str) = (
    Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0),
    96,
    "translated",
);

/// All that is handed out of IPv6 for use between networks.
const GLOBAL_V6: (Ipv6Addr, u8, &str) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, "global");

/// What of IPv4 is not public.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
const SPECIAL_V4: [(Ipv4Addr, u8, &str); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmark"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// What of IPv6 is not public, with the names of some nets that lie outside the global ones.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
const SPECIAL_V6: [(Ipv6Addr, u8, &str); 13] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        "translated locally",
    ),
    // IETF protocol assignments, Teredo among them.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved"),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        "documentation",
    ),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        "documentation",
    ),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, "6bone"),
    (
        Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0),
        16,
        "segment routing",
    ),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link-local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site-local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

#[cfg(test)]
mod tests;
