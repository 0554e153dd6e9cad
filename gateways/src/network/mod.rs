//! Connections to providers: adapters open all of theirs here.
//!
//! A host is resolved here, every address that it has is checked, and one of the very
//! addresses that passed is connected to: a name that resolves to something else a moment
//! later changes nothing. Proxies are not used and redirects are not followed, so that there
//! is no other way out.

mod forbidden;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use self::forbidden::{is_forbidden, is_public};

/// The time-out for one of a host's addresses before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most addresses of a host that are tried.
const ADDRESSES: usize = 16;
/// The most networks in a list.
const NETWORKS: usize = 1_000;

/// The networks that providers may be in: those of a list; without one, all but link-local ones
/// and those of metadata services, and for a tenant's providers public ones only.
#[derive(Clone, Debug, Default)]
pub struct ProviderNetworks {
    listed: Option<Arc<[IpNet]>>,
    public_only: bool,
}

/// The reason for which an address is not connected to. It does not name the address: users
/// who may configure a provider need not learn how a name resolves in this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// The address is link-local, unspecified, multicast, or that of a metadata service.
    #[error("the host's address is a link-local or metadata address, which is never connected to")]
    Forbidden,
    /// The address is not public, and the provider belongs to a tenant.
    #[error(
        "the host's address is not public: a tenant's provider may reach others only within the \
         networks of LEDGERLINE_PROVIDER_NETWORKS"
    )]
    NotPublic,
    /// A list of networks is set, and the address is in none of them.
    #[error("the host's address is in none of the networks of LEDGERLINE_PROVIDER_NETWORKS")]
    NotListed,
}

impl AddressRefused {
    /// The refusal behind an error of [`ProviderNetworks::connect`], if it is one.
    pub fn of_error(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<AddressRefused> for io::Error {
    fn from(refused: AddressRefused) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refused)
    }
}

impl ProviderNetworks {
    /// The networks that a tenant's providers may be in.
    #[must_use]
    pub fn for_tenants(mut self) -> Self {
        self.public_only = true;
        self
    }

    /// Refuses an address that must not be connected to.
    ///
    /// # Errors
    /// The reason for which it must not.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        if is_forbidden(address) {
            return Err(AddressRefused::Forbidden);
        }
        let Some(listed) = &self.listed else {
            let refused = self.public_only && !is_public(address);
            return if refused {
                Err(AddressRefused::NotPublic)
            } else {
                Ok(())
            };
        };
        let address = address.to_canonical();
        if listed.iter().any(|network| network.contains(&address)) {
            Ok(())
        } else {
            Err(AddressRefused::NotListed)
        }
    }

    /// A connection to a host: a name, or an address in any spelling, with or without the
    /// brackets of IPv6. Nothing is delayed on it (`TCP_NODELAY`).
    ///
    /// # Errors
    /// [`AddressRefused`] if none of the host's addresses may be connected to; else the error of
    /// the last permitted address that was tried.
    #[allow(clippy::disallowed_methods, reason = "each address is checked below")]
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let addresses = lookup_host((without_brackets(host), port)).await?;
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut was_tried = false;
        for address in addresses.take(ADDRESSES) {
            match self.check(address.ip()) {
                Err(refused) if !was_tried => failure = refused.into(),
                Err(_) => {}
                Ok(()) => {
                    was_tried = true;
                    match connect_to(address).await {
                        Ok(stream) => return Ok(stream),
                        Err(error) => failure = error,
                    }
                }
            }
        }
        Err(failure)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place that may, behind the check"
)]
async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
    let stream = connecting
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A host without the brackets that an IPv6 address has in front of a port.
pub(crate) fn without_brackets(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inside.unwrap_or(host)
}

impl FromStr for ProviderNetworks {
    type Err = ();

    /// Networks as `10.0.0.0/8`, or single addresses, with commas between them.
    fn from_str(text: &str) -> Result<Self, ()> {
        let parts = text.split(',').map(str::trim);
        let networks: Result<Vec<_>, ()> = parts.map(network).collect();
        let networks = networks?;
        match networks.len() {
            1..=NETWORKS => Ok(Self {
                listed: Some(networks.into()),
                public_only: false,
            }),
            _ => Err(()),
        }
    }
}

fn network(text: &str) -> Result<IpNet, ()> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(address).ok_or(())
}

#[cfg(test)]
mod tests;
