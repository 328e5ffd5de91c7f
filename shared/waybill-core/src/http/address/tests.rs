use super::*;

/// Whether the address, as text, may be called.
fn open(address: &str) -> bool {
    check(address.parse().unwrap()) == AddressVerdict::Public
}

#[test]
fn addresses_that_are_not_public_are_refused_f65() {
    let refused = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:ffff::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:0808:0808::1",
        "3ffe::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ffff::1",
    ];
    for address in refused {
        assert!(!open(address), "{address}");
    }
}

/// Whoever may call one of these has the function's own credentials, or its invocations.
#[test]
fn what_aws_keeps_inside_a_machine_is_refused_f65() {
    let inside = [
        "127.0.0.1",       // the Runtime API
        "169.254.100.1",   // the Runtime API, where it has an address of its own
        "169.254.169.254", // instance metadata
        "fd00:ec2::254",   // instance metadata
        "169.254.170.2",   // credentials of containers
        "169.254.170.23",  // credentials of pods
        "fd00:ec2::23",    // credentials of pods
        "169.254.169.253", // the network's name server
        "fd00:ec2::253",   // the network's name server
        "169.254.169.123", // time
    ];
    for address in inside {
        assert!(!open(address), "{address}");
        let Ok(v4) = address.parse::<Ipv4Addr>() else {
            continue;
        };
        let mapped = v4.to_ipv6_mapped();
        assert_ne!(
            check(IpAddr::V6(mapped)),
            AddressVerdict::Public,
            "{mapped}"
        );
        assert!(!open(&format!("64:ff9b::{v4}")), "{v4} behind NAT64");
    }
}

#[test]
fn public_addresses_are_open_up_to_the_edges() {
    let public = [
        "1.0.0.0",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2000::1",
        "2001:200::1",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "2600:1f18::1",
        "2606:4700:4700::1111",
        "3ffd::1",
        "3fff:1000::1",
    ];
    for address in public {
        assert!(open(address), "{address}");
    }
}

#[test]
fn well_known_ports_other_than_https_are_refused_f65() {
    for port in [
        0, 1, 21, 22, 25, 53, 80, 110, 389, 442, 444, 465, 587, 993, 1023,
    ] {
        assert!(!is_open_port(port), "{port}");
    }
    for port in [443, 1024, 8080, 8443, 65535] {
        assert!(is_open_port(port), "{port}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_inside_another_is_judged_as_itself_f65(bits in any::<u32>()) {
            let inner = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = inner.octets();
            let low = u128::from(u32::from_be_bytes([a, b, c, d]));
            for prefix in [0xffff_u128 << 32, 0x0064_ff9b_u128 << 96] {
                let outer = Ipv6Addr::from_bits(prefix | low);
                prop_assert_eq!(check(outer.into()), check(inner.into()));
            }
        }

        #[test]
        fn what_the_standard_library_calls_special_is_refused_f65(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified();
            if special {
                prop_assert_ne!(check(address.into()), AddressVerdict::Public);
            }
        }

        #[test]
        fn every_address_of_a_special_net_is_refused_f65(
            (net, host) in (0..SPECIAL_V4.len(), any::<u32>()),
        ) {
            let (base, length, what) = SPECIAL_V4[net];
            let host = host.checked_shr(u32::from(length)).unwrap_or(0);
            let address = Ipv4Addr::from_bits(base.to_bits() | host);
            prop_assert_eq!(check(address.into()), AddressVerdict::Refused(what));
        }

        #[test]
        fn nothing_outside_of_global_unicast_is_open_but_what_carries_ipv4_f65(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits);
            if address.segments()[0] & 0xe000 != 0x2000 {
                // A random address hits neither /96.
                prop_assert_ne!(check(address.into()), AddressVerdict::Public);
            }
        }
    }
}
