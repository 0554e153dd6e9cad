//! A message centre and how to speak to it.

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

use super::{link::Way, message::c_string};
use crate::network::ProviderNetworks;

/// One message centre and how to speak to it.
#[derive(Clone, Debug)]
pub struct SmppConfig {
    /// Whose connections these are.
    pub provider: Id<Provider>,
    /// Where it is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The networks that it may be in.
    pub networks: ProviderNetworks,
    /// The system id that one binds with.
    pub username: Option<String>,
    /// Goes with it.
    pub password: Option<SecretString>,
    /// Digits that go before the number.
    pub prefix: Option<String>,
    /// The rest.
    pub settings: SmppSettings,
}

/// Who binds, checked: what a bind says of itself whatever its kind.
pub(super) struct Credentials {
    system_id: COctetString<1, 16>,
    password: COctetString<1, 9>,
    system_type: COctetString<1, 13>,
}

impl SmppConfig {
    /// What one binds with.
    ///
    /// # Errors
    /// When the protocol has no room for it (SMPP 3.4, 4.1.1).
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
    /// The request for a bind in this direction.
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
