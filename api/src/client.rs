//! The addresses of clients.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{extract::ConnectInfo, http::request::Parts};

/// The client's address: that of the connection or, behind a trusted proxy, the last address in
/// `X-Forwarded-For`, which is the one that the proxy saw itself.
pub(crate) fn address(parts: &Parts, trust_proxy: bool) -> Option<IpAddr> {
    let forwarded = || {
        let header = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()?;
        forwarded_address(header.to_str().ok()?.rsplit(',').next()?.trim())
    };
    let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let connected = connected.map(|ConnectInfo(address)| address.ip());
    let address: Option<IpAddr> = if trust_proxy {
        forwarded().or(connected)
    } else {
        connected
    };
    address.map(|address| address.to_canonical())
}

/// An address in `X-Forwarded-For`, to which some proxies append the client's port.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// The network of a request's client, for limits that count by client elsewhere.
pub fn client_network(parts: &Parts, trust_proxy: bool) -> Option<IpAddr> {
    address(parts, trust_proxy).map(network)
}

/// The part of an address that identifies a client: an IPv6 network of 64 bits is one client.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(forwarded: &str) -> Parts {
        let request = Request::builder().header("x-forwarded-for", forwarded);
        let mut parts = request.body(()).unwrap().into_parts().0;
        let peer: SocketAddr = "[::ffff:10.0.0.9]:4000".parse().unwrap();
        parts.extensions.insert(ConnectInfo(peer));
        parts
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        let parts = parts("1.1.1.1, 203.0.113.7");
        assert_eq!(address(&parts, true), "203.0.113.7".parse().ok());
        assert_eq!(address(&parts, false), "10.0.0.9".parse().ok());
    }

    #[test]
    fn a_port_that_a_proxy_appends_is_left_out() {
        for forwarded in [
            "203.0.113.7:4711",
            "[::ffff:203.0.113.7]:4711",
            "[::ffff:203.0.113.7]",
        ] {
            let forwarded = address(&parts(forwarded), true);
            assert_eq!(forwarded, "203.0.113.7".parse().ok());
        }
    }

    #[test]
    fn nonsense_from_a_proxy_falls_back_to_the_connection() {
        assert_eq!(address(&parts("unknown"), true), "10.0.0.9".parse().ok());
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let network_of = |address: &str| network(address.parse().unwrap());
        let a = network_of("2001:db8::1");
        assert_eq!(a, network_of("2001:db8::ffff"));
        assert_ne!(a, network_of("2001:db8:0:1::1"));
    }
}
