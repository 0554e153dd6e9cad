//! A short message as requests to sendsms, one for each part.
//!
//! The parts are made here: beyond its `max-messages` smsbox truncates a text silently. The
//! parameters of a part are `X-Kannel-…` headers (Kannel user's guide, "Using the HTTP
//! POST"), so that the password is in no URL.

use domain::outreach::{
    TextClass,
    sms::{Encoding, text_of},
};
use hyper::{
    Method, Request,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;

use super::KannelConfig;
use crate::{
    Spool,
    content::Sms,
    sms::{dialled, fits, part_header, sender},
};

/// The mask of the reports to send: delivered 1, not delivered 2, rejected 16.
const REPORTS: &str = "19";

/// The requests that send this message, one for each part.
///
/// # Errors
/// The reason for which it cannot be sent through this provider.
pub(super) fn requests(
    config: &KannelConfig,
    spool: &Spool,
    sms: &Sms,
) -> Result<Vec<Request<Vec<u8>>>, String> {
    fits(sms, config.settings.max_messages)?;
    (1..=sms.encoded.parts.len())
        .map(|number| part(config, spool, sms, number))
        .collect()
}

fn part(
    config: &KannelConfig,
    spool: &Spool,
    sms: &Sms,
    number: usize,
) -> Result<Request<Vec<u8>>, String> {
    let settings = &config.settings;
    let octets = sms.encoded.parts.get(number - 1);
    let octets = octets.ok_or("there is no such part")?;
    let count = sms.encoded.parts.len();
    let (kind, body) = match text_of(octets, sms.encoded.encoding) {
        Some(text) => ("text/plain; charset=UTF-8", text.into_bytes()),
        None => ("application/octet-stream", octets.clone()),
    };
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(settings.path.as_str())
        .header(HOST, config.authority())
        .header(CONTENT_TYPE, kind)
        .body(body)
        .map_err(|error| error.to_string())?;
    let mut say = |name: &'static str, value: &str| {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| format!("{name} cannot be written in a header"))?;
        value.set_sensitive(name == "x-kannel-password");
        let headers = request.headers_mut();
        headers.insert(HeaderName::from_static(name), value);
        Ok::<(), String>(())
    };
    say(
        "x-kannel-to",
        &dialled(config.prefix.as_deref(), &spool.destination),
    )?;
    say("x-kannel-coding", coding(sms.encoded.encoding))?;
    if let Some(username) = &config.username {
        say("x-kannel-username", username)?;
    }
    if let Some(password) = &config.password {
        say("x-kannel-password", password.expose_secret())?;
    }
    if let Some(sender) = sender(sms, settings.sender.as_deref())? {
        say("x-kannel-from", sender)?;
    }
    if let Some(smsc) = &settings.smsc {
        say("x-kannel-smsc", smsc)?;
    }
    if let Some(class) = class(sms.class) {
        say("x-kannel-mclass", class)?;
    }
    if let Some(header) = part_header(spool.id, count, number) {
        say("x-kannel-udh", &hex::encode_upper(header))?;
    }
    // Only the last part asks for a report: when it has arrived, the others were sent before.
    if settings.reports && number == count {
        let address = config.addresses.report_url(config.about(spool));
        say("x-kannel-dlr-mask", REPORTS)?;
        say(
            "x-kannel-dlr-url",
            &format!("{address}?status=%d&answer=%A"),
        )?;
    }
    Ok(request)
}

const fn coding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Gsm => "0",
        Encoding::Binary => "1",
        Encoding::Unicode => "2",
    }
}

/// The message class (3GPP TS 23.038, 4), in Kannel's numbers.
const fn class(class: TextClass) -> Option<&'static str> {
    match class {
        TextClass::Off => None,
        TextClass::Flash => Some("0"),
        TextClass::Normal => Some("1"),
        TextClass::Sim => Some("2"),
        TextClass::Toolkit => Some("3"),
    }
}
