//! The settings of an SMSC that is reached over SMPP 3.4.

use serde_json::{Map, Value};

use super::{
    Wrong, each,
    read::{ON_REPORT_TIMEOUT, flag, line, one_of, pem, sender, within},
};
use crate::delivery::OnReportTimeout;

/// The bind type, which sets the directions of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Bind {
    /// Both directions, on one connection.
    #[default]
    Transceiver,
    /// Outbound only.
    Transmitter,
    /// Inbound only.
    Receiver,
    /// Both directions, each on a connection of its own.
    Pair,
}

impl Bind {
    /// True if the bind receives inbound messages and delivery reports.
    pub const fn receives(self) -> bool {
        !matches!(self, Self::Transmitter)
    }
}

/// The notation of message ids; an SMSC may use one in `submit_sm_resp` and another in delivery
/// reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MessageIds {
    /// Responses and delivery receipts write message ids alike.
    #[default]
    Same,
    /// Hexadecimal in the response, decimal in the report.
    HexThenDecimal,
    /// Decimal in the response, hexadecimal in the report.
    DecimalThenHex,
}

/// The default alphabet of the SMSC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// GSM 03.38.
    #[default]
    Gsm,
    /// ISO 8859-1.
    Latin1,
}

/// The settings of a provider of type `smpp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmppSettings {
    /// `bind`: `transceiver` (default), `transmitter`, `receiver` or
    /// `transmitter_and_receiver`.
    pub bind: Bind,
    /// `exclusive_receiver`: true if one worker at a time keeps the binds that receive, for an SMSC
    /// that allows a single one (false). It needs binds that only receive.
    pub exclusive_receiver: bool,
    /// `system_type`: the `system_type` of the bind, at most 12 ASCII characters.
    pub system_type: Option<String>,
    /// `sender`: the sender of messages whose account has no number.
    pub sender: Option<String>,
    /// `alphabet`: `gsm` (default) or `latin1`.
    pub alphabet: Alphabet,
    /// `source_ton`, `source_npi`: TON and NPI of senders, 0 to 255; derived from the sender if
    /// absent.
    pub source: (Option<u64>, Option<u64>),
    /// `dest_ton`, `dest_npi`: TON and NPI of recipients, 0 to 255; derived from the number if
    /// absent.
    pub dest: (Option<u64>, Option<u64>),
    /// `reports`: true to request delivery reports (true).
    pub reports: bool,
    /// `report_seconds`: the time-out of a delivery report in seconds, 1 to 604,800 (86,400).
    pub report_seconds: u64,
    /// `if_silent`: the outcome of an accepted message without a delivery report: `unknown`
    /// (default) or `delivered`.
    pub if_silent: OnReportTimeout,
    /// `message_ids`: the notation of ids in responses and in reports: `same` (default),
    /// `hex_then_decimal` or `decimal_then_hex`.
    pub message_ids: MessageIds,
    /// `max_messages`: the most parts of a text, 1 to 10 (4).
    pub max_messages: u64,
    /// `rate`: the most messages per second, 1 to 10,000; unlimited if absent.
    pub rate: Option<u64>,
    /// `window`: the most requests in flight, 1 to 1,000 (10).
    pub window: u64,
    /// `connections`: the number of binds, 1 to 16 (1).
    pub connections: usize,
    /// `enquire_seconds`: the interval of `enquire_link` on an idle connection in seconds, 5 to 600
    /// (30).
    pub enquire_seconds: u64,
    /// `timeout_seconds`: the time-out of a response in seconds, 1 to 600 (30).
    pub timeout_seconds: u64,
    /// `tls`: true to encrypt the connection, with a certificate that verifies (false).
    pub tls: bool,
    /// `ca_certificate`: a CA certificate in PEM, trusted beside those of the system.
    pub ca_certificate: Option<String>,
}

impl Default for SmppSettings {
    fn default() -> Self {
        Self {
            bind: Bind::default(),
            exclusive_receiver: false,
            system_type: None,
            sender: None,
            alphabet: Alphabet::default(),
            source: (None, None),
            dest: (None, None),
            reports: true,
            report_seconds: 86_400,
            if_silent: OnReportTimeout::default(),
            message_ids: MessageIds::default(),
            max_messages: 4,
            rate: None,
            window: 10,
            connections: 1,
            enquire_seconds: 30,
            timeout_seconds: 30,
            tls: false,
            ca_certificate: None,
        }
    }
}

const BINDS: [(&str, Bind); 4] = [
    ("transceiver", Bind::Transceiver),
    ("transmitter", Bind::Transmitter),
    ("receiver", Bind::Receiver),
    ("transmitter_and_receiver", Bind::Pair),
];
const MESSAGE_IDS: [(&str, MessageIds); 3] = [
    ("same", MessageIds::Same),
    ("hex_then_decimal", MessageIds::HexThenDecimal),
    ("decimal_then_hex", MessageIds::DecimalThenHex),
];
const ALPHABETS: [(&str, Alphabet); 2] = [("gsm", Alphabet::Gsm), ("latin1", Alphabet::Latin1)];

impl SmppSettings {
    /// True if delivery reports are requested and the bind can receive them.
    pub const fn awaits_reports(&self) -> bool {
        self.reports && self.bind.receives()
    }

    /// Parses `settings`.
    ///
    /// # Errors
    /// The invalid field, and the rule that its value must follow.
    pub fn parse(settings: &Map<String, Value>) -> Result<Self, Wrong> {
        let mut parsed = Self::default();
        each(settings, |key, value| {
            let octet = || within(value, 0, 255).map(Some);
            Some(match key {
                "bind" => one_of(value, &BINDS).map(|it| parsed.bind = it),
                "exclusive_receiver" => flag(value).map(|it| parsed.exclusive_receiver = it),
                "system_type" => ascii(value, 12).map(|it| parsed.system_type = Some(it)),
                "sender" => sender(value).map(|it| parsed.sender = Some(it)),
                "alphabet" => one_of(value, &ALPHABETS).map(|it| parsed.alphabet = it),
                "source_ton" => octet().map(|it| parsed.source.0 = it),
                "source_npi" => octet().map(|it| parsed.source.1 = it),
                "dest_ton" => octet().map(|it| parsed.dest.0 = it),
                "dest_npi" => octet().map(|it| parsed.dest.1 = it),
                "reports" => flag(value).map(|it| parsed.reports = it),
                "report_seconds" => within(value, 1, 604_800).map(|it| parsed.report_seconds = it),
                "if_silent" => one_of(value, &ON_REPORT_TIMEOUT).map(|it| parsed.if_silent = it),
                "message_ids" => one_of(value, &MESSAGE_IDS).map(|it| parsed.message_ids = it),
                "max_messages" => within(value, 1, 10).map(|it| parsed.max_messages = it),
                "rate" => within(value, 1, 10_000).map(|it| parsed.rate = Some(it)),
                "window" => within(value, 1, 1_000).map(|it| parsed.window = it),
                "connections" => within(value, 1, 16).map(|it| parsed.connections = it as usize),
                "enquire_seconds" => within(value, 5, 600).map(|it| parsed.enquire_seconds = it),
                "timeout_seconds" => within(value, 1, 600).map(|it| parsed.timeout_seconds = it),
                "tls" => flag(value).map(|it| parsed.tls = it),
                "ca_certificate" => pem(value).map(|it| parsed.ca_certificate = Some(it)),
                _ => return None,
            })
        })?;
        parsed.check_receiver()?;
        Ok(parsed)
    }

    /// A bind that also sends cannot be left to one worker: all of them send.
    fn check_receiver(&self) -> Result<(), Wrong> {
        let only_receives = matches!(self.bind, Bind::Receiver | Bind::Pair);
        if self.exclusive_receiver && !only_receives {
            let rule = "needs bind=receiver or bind=transmitter_and_receiver";
            return Err(("settings.exclusive_receiver".to_owned(), rule.to_owned()));
        }
        Ok(())
    }
}

fn ascii(value: &Value, most: usize) -> Result<String, String> {
    line(value, most)
        .ok()
        .filter(|text| text.is_ascii())
        .ok_or_else(|| format!("must be at most {most} ASCII characters"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(settings: Value) -> Result<SmppSettings, Wrong> {
        SmppSettings::parse(settings.as_object().unwrap())
    }

    #[test]
    fn every_setting_is_read() {
        assert_eq!(parse(json!({})).unwrap(), SmppSettings::default());
        let read = parse(json!({
            "bind": "transmitter", "system_type": "VMA", "alphabet": "latin1", "source_ton": "5",
            "dest_npi": 1, "window": 50, "connections": 2, "enquire_seconds": 10, "tls": 1,
        }))
        .unwrap();
        assert_eq!(
            (read.bind, read.alphabet, read.source.0, read.dest.1),
            (Bind::Transmitter, Alphabet::Latin1, Some(5), Some(1))
        );
        assert_eq!((read.window, read.connections, read.tls), (50, 2, true));
        let read = parse(json!({
            "bind": "transmitter_and_receiver", "message_ids": "hex_then_decimal",
            "exclusive_receiver": 1,
            "report_seconds": 60, "if_silent": "delivered",
        }))
        .unwrap();
        assert_eq!(
            (read.bind, read.message_ids),
            (Bind::Pair, MessageIds::HexThenDecimal)
        );
        assert_eq!(
            (read.report_seconds, read.if_silent),
            (60, OnReportTimeout::Delivered)
        );
        assert!(read.awaits_reports() && read.exclusive_receiver);
    }

    #[test]
    fn no_report_is_awaited_where_none_can_come() {
        assert!(parse(json!({})).unwrap().awaits_reports());
        assert!(!parse(json!({"reports": 0})).unwrap().awaits_reports());
        let deaf = parse(json!({"bind": "transmitter"})).unwrap();
        assert!(!deaf.awaits_reports());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, field) in [
            (json!({"bind": "both"}), "settings.bind"),
            (
                json!({"system_type": "thirteen char"}),
                "settings.system_type",
            ),
            (json!({"source_ton": 256}), "settings.source_ton"),
            (json!({"window": 0}), "settings.window"),
            (json!({"message_ids": "octal"}), "settings.message_ids"),
            (json!({"report_seconds": 0}), "settings.report_seconds"),
            (json!({"alphabet": "utf-8"}), "settings.alphabet"),
            (
                json!({"exclusive_receiver": 1}),
                "settings.exclusive_receiver",
            ),
            (json!({"path": "/x"}), "settings.path"),
        ] {
            assert_eq!(parse(settings.clone()).unwrap_err().0, field, "{settings}");
        }
    }
}
