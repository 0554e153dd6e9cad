//! The settings of a SIP trunk, used directly or through FreeSWITCH.

use serde_json::{Map, Value};

use super::{
    Wrong, each,
    read::{flag, host, line, one_of, pem, within},
};

/// The transport of SIP messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
    Tls,
}

/// The transport of DTMF digits during a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dtmf {
    /// As telephone-events in the RTP stream.
    #[default]
    Rfc4733,
    /// As SIP INFO messages.
    Info,
    /// As tones in the audio.
    Inband,
}

/// The settings of a provider of type `sip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipSettings {
    /// `transport`: `udp` (default), `tcp` or `tls`.
    pub transport: Transport,
    /// `outbound_proxy`: the host, optionally with a port, to which all requests are sent.
    pub outbound_proxy: Option<String>,
    /// `auth_username`: the username of digest authentication, if it is not `username`.
    pub auth_username: Option<String>,
    /// `from_domain`: the domain in From; the host if absent.
    pub from_domain: Option<String>,
    /// `caller_id`: the caller id of calls whose account has no number.
    pub caller_id: Option<String>,
    /// `expires_seconds`: the lifetime of a registration in seconds, 60 to 86,400 (3,600).
    pub expires_seconds: u64,
    /// `channels`: the most simultaneous calls, 1 to 1,000 (30).
    pub channels: usize,
    /// `calls_per_second`: the most calls started per second, 1 to 1,000; unlimited if absent.
    pub calls_per_second: Option<u64>,
    /// `silence_seconds`: the time without any answer, in seconds, after which the trunk counts as
    /// unreachable, 1 to 32 (5).
    pub silence_seconds: u64,
    /// `ring_seconds`: the time-out of ringing in seconds, 5 to 300 (60).
    pub ring_seconds: u64,
    /// `dtmf`: `rfc4733` (default), `info` or `inband`.
    pub dtmf: Dtmf,
    /// `t38`: true to send faxes over T.38 where the remote side offers it (true).
    pub t38: bool,
    /// `ca_certificate`: a CA certificate in PEM, trusted beside those of the system.
    pub ca_certificate: Option<String>,
    /// `esl_host`: the host of a FreeSWITCH event socket, for `gateway_flag` 8.
    pub esl_host: Option<String>,
    /// `esl_port`: the port of the event socket (8021).
    pub esl_port: u16,
    /// `esl_gateway`: the name of the trunk in FreeSWITCH.
    pub esl_gateway: Option<String>,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self {
            transport: Transport::default(),
            outbound_proxy: None,
            auth_username: None,
            from_domain: None,
            caller_id: None,
            expires_seconds: 3_600,
            channels: 30,
            calls_per_second: None,
            silence_seconds: 5,
            ring_seconds: 60,
            dtmf: Dtmf::default(),
            t38: true,
            ca_certificate: None,
            esl_host: None,
            esl_port: 8_021,
            esl_gateway: None,
        }
    }
}

const TRANSPORTS: [(&str, Transport); 3] = [
    ("udp", Transport::Udp),
    ("tcp", Transport::Tcp),
    ("tls", Transport::Tls),
];
const DTMF: [(&str, Dtmf); 3] = [
    ("rfc4733", Dtmf::Rfc4733),
    ("info", Dtmf::Info),
    ("inband", Dtmf::Inband),
];

impl SipSettings {
    /// Parses `settings`. `esl_password`, the password of the event socket, is a secret and not
    /// among them.
    ///
    /// # Errors
    /// The invalid field, and the rule that its value must follow.
    pub fn parse(settings: &Map<String, Value>) -> Result<Self, Wrong> {
        let mut parsed = Self::default();
        each(settings, |key, value| {
            Some(match key {
                "transport" => one_of(value, &TRANSPORTS).map(|it| parsed.transport = it),
                "outbound_proxy" => host(value).map(|it| parsed.outbound_proxy = Some(it)),
                "auth_username" => line(value, 128).map(|it| parsed.auth_username = Some(it)),
                "from_domain" => host(value).map(|it| parsed.from_domain = Some(it)),
                "caller_id" => number(value).map(|it| parsed.caller_id = Some(it)),
                "expires_seconds" => {
                    within(value, 60, 86_400).map(|it| parsed.expires_seconds = it)
                }
                "channels" => within(value, 1, 1_000).map(|it| parsed.channels = it as usize),
                "calls_per_second" => {
                    within(value, 1, 1_000).map(|it| parsed.calls_per_second = Some(it))
                }
                "silence_seconds" => within(value, 1, 32).map(|it| parsed.silence_seconds = it),
                "ring_seconds" => within(value, 5, 300).map(|it| parsed.ring_seconds = it),
                "dtmf" => one_of(value, &DTMF).map(|it| parsed.dtmf = it),
                "t38" => flag(value).map(|it| parsed.t38 = it),
                "ca_certificate" => pem(value).map(|it| parsed.ca_certificate = Some(it)),
                "esl_host" => host(value).map(|it| parsed.esl_host = Some(it)),
                "esl_port" => within(value, 1, 65_535).map(|it| parsed.esl_port = it as u16),
                "esl_gateway" => name(value).map(|it| parsed.esl_gateway = Some(it)),
                _ => return None,
            })
        })?;
        Ok(parsed)
    }
}

fn number(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let number = text.parse::<crate::values::PhoneNumber>();
    number.map(String::from).map_err(|error| error.to_string())
}

/// Parses a name that becomes part of a dial string, where most other characters have a meaning.
fn name(value: &Value) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    line(value, 64)
        .ok()
        .filter(|name| name.chars().all(fits))
        .ok_or_else(|| "must consist of letters, digits, -, _ and .".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(settings: Value) -> Result<SipSettings, Wrong> {
        SipSettings::parse(settings.as_object().unwrap())
    }

    #[test]
    fn every_setting_is_read() {
        assert_eq!(parse(json!({})).unwrap(), SipSettings::default());
        let read = parse(json!({
            "transport": "tls", "outbound_proxy": "proxy.example:5061", "channels": "60",
            "caller_id": "+15550100", "dtmf": "info", "t38": false, "esl_host": "127.0.0.1",
            "esl_gateway": "trunk-1",
        }))
        .unwrap();
        assert_eq!(
            (read.transport, read.channels, read.dtmf, read.t38),
            (Transport::Tls, 60, Dtmf::Info, false)
        );
        assert_eq!(read.caller_id.as_deref(), Some("+15550100"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, field) in [
            (json!({"transport": "sctp"}), "settings.transport"),
            (
                json!({"outbound_proxy": "sip:x;lr"}),
                "settings.outbound_proxy",
            ),
            (json!({"channels": 0}), "settings.channels"),
            (json!({"caller_id": "a}b,loopback/1"}), "settings.caller_id"),
            (
                json!({"esl_gateway": "x/1,loopback"}),
                "settings.esl_gateway",
            ),
            (json!({"esl_password": "x"}), "settings.esl_password"),
            (json!({"esl_port": 70_000}), "settings.esl_port"),
        ] {
            assert_eq!(parse(settings.clone()).unwrap_err().0, field, "{settings}");
        }
    }
}
