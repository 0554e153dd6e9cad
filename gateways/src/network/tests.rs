use std::net::IpAddr;

use super::*;

fn check(networks: &str, address: &str) -> Result<(), AddressRefused> {
    let networks: ProviderNetworks = match networks {
        "" => ProviderNetworks::default(),
        some => some.parse().unwrap(),
    };
    networks.check(address.parse::<IpAddr>().unwrap())
}

#[test]
fn link_local_and_metadata_addresses_are_refused_however_embedded() {
    for address in [
        "169.254.169.254",
        "169.254.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd00:ec2::253",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "2001:db8::5efe:169.254.169.254",
        "2001:db8::200:5efe:169.254.169.254",
    ] {
        let refused = check("", address);
        assert_eq!(refused, Err(AddressRefused::Forbidden), "{address}");
        let listed = check("0.0.0.0/0, ::/0", address);
        assert_eq!(listed, Err(AddressRefused::Forbidden), "{address}");
    }
}

#[test]
fn loopback_private_and_public_addresses_may_be_used() {
    for address in [
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "fd00::1",
        "fc00::1",
        "203.0.113.7",
        "2001:db8::1",
        "2002:7f00:1::1",
        "64:ff9b::10.0.0.1",
    ] {
        assert_eq!(check("", address), Ok(()), "{address}");
    }
}

#[test]
fn a_list_narrows_to_its_networks() {
    let listed = "10.1.0.0/16, 127.0.0.1,fd00::/8";
    for address in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "fd00::1"] {
        assert_eq!(check(listed, address), Ok(()), "{address}");
    }
    for address in [
        "10.2.0.1",
        "127.0.0.2",
        "::1",
        "192.0.2.1",
        "64:ff9b::10.1.2.3",
    ] {
        let refused = check(listed, address);
        assert_eq!(refused, Err(AddressRefused::NotListed), "{address}");
    }
    for wrong in ["", "10.0.0.0/33", "intranet", "10.0.0.1,,10.0.0.2"] {
        assert!(wrong.parse::<ProviderNetworks>().is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn every_spelling_of_an_address_is_resolved_before_it_is_checked() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let networks = ProviderNetworks::default();
    for host in [
        "0",
        "0.0.0.0",
        "0x0",
        "00",
        "::",
        "[::]",
        "::ffff:0:0",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[fe80::1]",
    ] {
        let refused = networks.connect(host, port).await.unwrap_err();
        let reason = AddressRefused::of_error(&refused);
        assert_eq!(reason, Some(AddressRefused::Forbidden), "{host}: {refused}");
    }
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "localhost",
        "[::ffff:127.0.0.1]",
    ] {
        networks.connect(host, port).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_is_checked_by_the_addresses_that_it_has() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let elsewhere: ProviderNetworks = "10.0.0.0/8".parse().unwrap();
    let refused = elsewhere.connect("localhost", port).await.unwrap_err();
    let reason = AddressRefused::of_error(&refused);
    assert_eq!(reason, Some(AddressRefused::NotListed));
}

#[test]
fn a_tenants_provider_reaches_public_addresses_only() {
    let networks = ProviderNetworks::default().for_tenants();
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "203.0.113.5",
        "240.0.0.1",
        "::1",
        "fd12::1",
        "2001:db8::1",
        "::ffff:10.1.2.3",
        "64:ff9b::127.0.0.1",
        "2002:0a01:0203::1",
    ] {
        let refused = networks.check(address.parse::<IpAddr>().unwrap());
        assert_eq!(refused, Err(AddressRefused::NotPublic), "{address}");
    }
    for address in [
        "8.8.8.8",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        let allowed = networks.check(address.parse::<IpAddr>().unwrap());
        assert_eq!(allowed, Ok(()), "{address}");
    }
    let listed: ProviderNetworks = "10.0.0.0/8".parse().unwrap();
    let listed = listed.for_tenants();
    assert_eq!(listed.check("10.1.2.3".parse::<IpAddr>().unwrap()), Ok(()));
}
