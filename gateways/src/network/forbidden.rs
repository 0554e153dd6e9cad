//! Addresses that no provider has: link-local ones, those of metadata services of clouds,
//! and those that name no single host; and those that are not public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services outside of the link-local networks: Alibaba Cloud, Azure, Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The first of the addresses in fd00:ec2::/32, where AWS has metadata, names and time.
const AWS: [u16; 2] = [0xfd00, 0x0ec2];
/// Other metadata services: Google Cloud, Oracle Cloud, Scaleway.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254),
    Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042),
];

/// True if nothing may connect to this address, nor to an IPv4 address that it leads to.
pub(super) fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => is_forbidden_v6(address),
    }
}

/// True for an address that is reached over the public Internet, and so is any IPv4 address that it
/// leads to (the special-purpose registries of IANA, RFC 6890).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            let is_global_unicast = address.segments()[0] & 0xe000 == 0x2000;
            let leads_to_v4 = embedded(address).next().is_some();
            let is_documentation = address.segments()[..2] == [0x2001, 0x0db8];
            (is_global_unicast && !is_documentation || leads_to_v4)
                && embedded(address).all(is_public_v4)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && b & 0xc0 == 64;
    let is_protocol = (a, b, c) == (192, 0, 0);
    let is_benchmark = a == 198 && b & 0xfe == 18;
    let is_reserved = a == 0 || a >= 224;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || is_shared
        || is_protocol
        || is_benchmark
        || is_reserved)
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    // All of 0.0.0.0/8 is this host on some systems (RFC 1122, 3.2.1.3).
    address.octets()[0] == 0
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || METADATA_V4.contains(&address)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    if address.is_loopback() {
        return false;
    }
    address.is_unspecified()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || address.segments()[..2] == AWS
        || METADATA_V6.contains(&address)
        || embedded(address).any(is_forbidden_v4)
}

/// The IPv4 addresses embedded in an IPv6 address, by the standards for translation and
/// tunnels.
fn embedded(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let bits = u128::from(address);
    let segments = address.segments();
    let low = Ipv4Addr::from_bits(bits as u32);
    // Mapped and compatible (RFC 4291, 2.5.5), translated (RFC 2765, 2.1).
    let last = matches!(
        segments[..6],
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0]
    );
    // NAT64 (RFC 6052, 2.1), and ISATAP (RFC 5214, 6.1).
    let nat64 = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let isatap = matches!(segments[4..6], [0 | 0x0200, 0x5efe]);
    // 6to4 (RFC 3056, 2).
    let six_to_four = segments[0] == 0x2002;
    // Teredo: a client's address is written inverted (RFC 4380, 4).
    let teredo = segments[..2] == [0x2001, 0];
    // The length of a network's own NAT64 prefix is not known (RFC 8215).
    let local_nat64 = segments[..3] == [0x64, 0xff9b, 1];
    let fixed = [
        (last || nat64 || isatap, low),
        (six_to_four, Ipv4Addr::from_bits((bits >> 80) as u32)),
        (teredo, Ipv4Addr::from_bits(!(bits as u32))),
    ];
    let fixed = fixed.into_iter().filter(|(is_there, _)| *is_there);
    // An address written for one prefix length reads as zeros for the others.
    let by_length = prefixed(bits)
        .into_iter()
        .filter(move |address| local_nat64 && address.octets()[0] != 0);
    fixed.map(|(_, address)| address).chain(by_length)
}

/// The addresses behind a NAT64 prefix of 48, 56, 64 or 96 bits; the octet from bit 64 on
/// is left out (RFC 6052, 2.2).
fn prefixed(bits: u128) -> [Ipv4Addr; 4] {
    let octets = bits.to_be_bytes();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    [
        at([6, 7, 9, 10]),
        at([7, 9, 10, 11]),
        at([9, 10, 11, 12]),
        at([12, 13, 14, 15]),
    ]
}
