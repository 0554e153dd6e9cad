//! A short message as one HTTP request, rendered from a provider's template.
//!
//! Services of this kind split a long text themselves; the provider's `max_messages` limits
//! its parts all the same.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    delivery::settings::{BodyKind, HttpTemplate, Slot},
    outreach::{TextClass, sms::Encoding},
};
use hyper::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;

use super::KannelConfig;
use crate::{
    Spool,
    content::Sms,
    sms::{dialled, fits, sender},
};

/// The characters to percent-encode: all but the unreserved ones (RFC 3986, 2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The request that sends this message.
///
/// # Errors
/// The reason for which it cannot be sent through this provider.
pub(super) fn request(
    config: &KannelConfig,
    template: &HttpTemplate,
    spool: &Spool,
    sms: &Sms,
) -> Result<Vec<Request<Vec<u8>>>, String> {
    fits(sms, config.settings.max_messages)?;
    if sms.encoded.encoding == Encoding::Binary || sms.class != TextClass::Off {
        return Err("this provider's template carries texts without a class only".to_owned());
    }
    let sender = if template.has(Slot::From) {
        sender(sms, config.settings.sender.as_deref())?
    } else {
        None
    };
    let values = Values {
        config,
        spool,
        sms,
        sender,
    };
    let url = template.url.fill(|slot| in_url(&values.fill(slot)));
    let method = match template.body {
        Some(_) => Method::POST,
        None => Method::GET,
    };
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .header(HOST, config.authority());
    if template.body.is_some() {
        request = request.header(CONTENT_TYPE, template.kind.media_type());
    }
    for (name, value) in &template.headers {
        let secret = value.has(Slot::Password);
        let value = value.fill(|slot| values.fill(slot));
        request = request.header(field(name)?, field_value(name, &value, secret)?);
    }
    if template.basic {
        let credentials = [Slot::Username, Slot::Password].map(|slot| values.fill(slot));
        let value = format!("Basic {}", STANDARD.encode(credentials.join(":")));
        request = request.header(AUTHORIZATION, field_value("authorization", &value, true)?);
    }
    let body = template.body.as_ref();
    let body = body.map(|body| body.fill(|slot| in_body(template.kind, values.fill(slot))));
    let body = body.unwrap_or_default().into_bytes();
    let request = request.body(body).map_err(|error| error.to_string())?;
    Ok(vec![request])
}

/// The values of the placeholders.
struct Values<'a> {
    config: &'a KannelConfig,
    spool: &'a Spool,
    sms: &'a Sms,
    sender: Option<&'a str>,
}

impl Values<'_> {
    fn fill(&self, slot: Slot) -> String {
        let Self { config, spool, .. } = self;
        match slot {
            Slot::To => dialled(config.prefix.as_deref(), &spool.destination),
            Slot::From => self.sender.unwrap_or_default().to_owned(),
            Slot::Text => self.sms.text.clone(),
            Slot::Username => config.username.clone().unwrap_or_default(),
            Slot::Password => {
                let password = config.password.as_ref();
                password.map_or_else(String::new, |it| it.expose_secret().to_owned())
            }
            Slot::ReportUrl => config.addresses.report_url(config.about(spool)),
        }
    }
}

fn in_url(value: &str) -> String {
    utf8_percent_encode(value, &RESERVED).to_string()
}

fn in_body(kind: BodyKind, value: String) -> String {
    match kind {
        BodyKind::Form => in_url(&value),
        // The part between the quotes.
        BodyKind::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        BodyKind::Xml => in_xml(&value),
        BodyKind::Plain => value,
    }
}

/// Escapes a value for XML, also for attributes. Control characters that XML cannot
/// represent are left out (XML 1.0, 2.2).
fn in_xml(value: &str) -> String {
    let mut written = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&apos;"),
            '\t' | '\n' | '\r' => written.push(c),
            c if c.is_control() => {}
            c => written.push(c),
        }
    }
    written
}

fn field(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|_| format!("{name} is no name of a header field"))
}

fn field_value(name: &str, value: &str, secret: bool) -> Result<HeaderValue, String> {
    let value = HeaderValue::try_from(value);
    let mut value = value.map_err(|_| format!("{name} cannot be written in a header"))?;
    value.set_sensitive(secret);
    Ok(value)
}
