//! The configuration of a message centre, and the bind requests.

use dispatch::exclusive_lease::ExclusiveLease;
use domain::{
    Id,
    delivery::{Provider, settings::SmppSettings},
};
use rusmpp::{
    Pdu,
    pdus::{BindReceiver, BindTransceiver, BindTransmitter},
    types::COctetString,
    values::InterfaceVersion,
};
use secrecy::{ExposeSecret, SecretString};

use super::message::c_string;
use crate::network::ProviderNetworks;

/// The configuration of the connections to one message centre.
#[derive(Clone, Debug)]
pub struct SmppConfig {
    /// The provider.
    pub provider: Id<Provider>,
    /// The host name or IP address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The networks that it may be in.
    pub networks: ProviderNetworks,
    /// The system_id of binds.
    pub username: Option<String>,
    /// The password of binds.
    pub password: Option<SecretString>,
    /// Digits to write before the number.
    pub prefix: Option<String>,
    /// The provider's settings.
    pub settings: SmppSettings,
    /// The lease under which the binds that only receive are kept, if one worker at a time may have
    /// them.
    pub receiver_lease: Option<ExclusiveLease>,
}

/// The direction of messages on a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Both,
    Out,
    In,
}

/// The checked credentials of binds, equal for every kind of bind.
pub(super) struct Credentials {
    system_id: COctetString<1, 16>,
    password: COctetString<1, 9>,
    system_type: COctetString<1, 13>,
}

impl SmppConfig {
    /// Checks the credentials of binds.
    ///
    /// # Errors
    /// If a value does not fit its field (SMPP 3.4, 4.1.1).
    pub(super) fn credentials(&self) -> Result<Credentials, String> {
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        Ok(Credentials {
            system_id: c_string(self.username.as_deref().unwrap_or_default())
                .ok_or("its username must be at most 15 ASCII characters")?,
            password: c_string(password.unwrap_or_default())
                .ok_or("its password must be at most 8 ASCII characters")?,
            system_type: c_string(self.settings.system_type.as_deref().unwrap_or_default())
                .ok_or("its system_type must be at most 12 ASCII characters")?,
        })
    }
}

impl Credentials {
    /// The bind request for this direction.
    pub fn request(&self, way: Way) -> Pdu {
        let Self {
            system_id,
            password,
            system_type,
        } = self;
        macro_rules! bind {
            ($kind:ident) => {
                $kind::builder()
                    .system_id(system_id.clone())
                    .password(password.clone())
                    .system_type(system_type.clone())
                    .interface_version(InterfaceVersion::Smpp3_4)
                    .build()
                    .into()
            };
        }
        match way {
            Way::Both => bind!(BindTransceiver),
            Way::Out => bind!(BindTransmitter),
            Way::In => bind!(BindReceiver),
        }
    }
}
