//! The sender of a message: its account's own where the account has a right to it and the
//! provider can vouch for it, else the provider's.

use serde_json::{Map, Value};

use super::{
    ProviderKind,
    settings::{HttpSettings, Slot, SmppSettings, SmtpSettings},
};
use crate::people::in_ascii;

const NO_MAIL_SENDER: &str = "its account's email address is neither verified nor assigned, and \
                              no provider for email has a default_sender";
const FOREIGN_DOMAIN: &str = "its account's email address is not within the dkim_domain of a \
                              provider for email, and none has a default_sender";
const NO_TEXT_SENDER: &str = "its account may send neither as its number nor under its \
                              sms_sender, and no provider for sms has a sender";

/// The right by which an account names the sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderRight {
    /// The installation trusts whatever is written into accounts.
    Trusted,
    /// The sender is verified, assigned, listed, or provisional and within the period of grace.
    Granted,
    /// The account has no right to the sender.
    Missing,
}

/// The sender that an account names: an address, a number, or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderAddress {
    /// The sender as it is written.
    pub address: String,
    /// The account's right to the sender.
    pub right: SenderRight,
}

impl SenderAddress {
    /// The address, if the account has a right to it.
    pub fn permitted(&self) -> Option<&str> {
        (self.right != SenderRight::Missing).then_some(self.address.as_str())
    }
}

/// The author of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author<'a> {
    /// The address in From.
    pub from: &'a str,
    /// The address in Reply-To, if there is one.
    pub reply_to: Option<&'a str>,
}

/// The senders of mail that leaves by one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailSenders {
    /// The sender of mail whose account cannot be its author.
    pub default_sender: Option<String>,
    /// The sender of mail whose account has no address of its own.
    pub no_reply: String,
    /// The domains that mails are signed for; if empty, any author is allowed.
    pub signed_domains: Vec<String>,
}

impl MailSenders {
    /// The senders from a provider's settings; `installation` is the domain that is used where they
    /// name none.
    pub fn new(settings: &SmtpSettings, installation: &str) -> Self {
        let domain = settings.from_domain.as_deref().unwrap_or(installation);
        let is_signed = settings.dkim_selector.is_some() && !domain.is_empty();
        Self {
            default_sender: settings.default_sender.clone(),
            ..Self::of_domain(domain, &settings.dkim_domains, is_signed)
        }
    }

    /// The senders of a provider without a default sender: `domain` is that of its `no_reply`
    /// sender, and the one signed for where `dkim_domains` is empty.
    pub fn of_domain(domain: &str, dkim_domains: &[String], is_signed: bool) -> Self {
        let signed_domains = match dkim_domains {
            [] if is_signed => vec![domain.to_owned()],
            domains => domains.to_vec(),
        };
        Self {
            default_sender: None,
            no_reply: format!("noreply@{domain}"),
            signed_domains,
        }
    }

    /// The author of a mail of an account whose own address is `own`.
    ///
    /// # Errors
    /// The reason for which no mail can be sent for this account.
    pub fn author<'a>(
        &'a self,
        own: Option<&'a SenderAddress>,
    ) -> Result<Author<'a>, &'static str> {
        let default = self.default_sender.as_deref();
        let Some(own) = own else {
            return Ok(Author {
                from: default.unwrap_or(&self.no_reply),
                reply_to: None,
            });
        };
        let reason = match own.right {
            SenderRight::Granted if !self.vouches_for(&own.address) => FOREIGN_DOMAIN,
            SenderRight::Trusted | SenderRight::Granted => {
                return Ok(Author {
                    from: &own.address,
                    reply_to: None,
                });
            }
            SenderRight::Missing => NO_MAIL_SENDER,
        };
        let from = default.ok_or(reason)?;
        Ok(Author {
            from,
            reply_to: Some(&own.address),
        })
    }

    fn vouches_for(&self, address: &str) -> bool {
        self.signed_domains.is_empty()
            || (self.signed_domains.iter()).any(|domain| is_within(address, domain))
    }
}

/// True if an address is of this domain, or of one below it: relaxed alignment (RFC 7489,
/// 3.1.1).
pub fn is_within(address: &str, domain: &str) -> bool {
    let address = in_ascii(address).unwrap_or_else(|| address.to_owned());
    let of = address.rsplit_once('@').map(|(_, of)| of.to_lowercase());
    let rest = of.as_deref().and_then(|of| of.strip_suffix(domain));
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The senders of messages that leave by one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderSenders {
    /// No restriction: the sender that an account names does not reach the service, which uses its
    /// own.
    Any,
    /// The senders of mail.
    Mail(MailSenders),
    /// Numbers and names that accounts may send as, else this default.
    Text(Option<String>),
}

impl ProviderSenders {
    /// The senders of a provider of this type with these settings.
    pub fn new(kind: ProviderKind, settings: &Map<String, Value>) -> Self {
        match kind {
            ProviderKind::Sandbox | ProviderKind::Sip => Self::Any,
            ProviderKind::Smtp => {
                let settings = SmtpSettings::parse(settings).unwrap_or_default();
                Self::Mail(MailSenders::new(&settings, ""))
            }
            ProviderKind::Http => {
                let settings = HttpSettings::parse(settings).unwrap_or_default();
                Self::of_http(&settings)
            }
            ProviderKind::Smpp => {
                Self::Text(SmppSettings::parse(settings).unwrap_or_default().sender)
            }
        }
    }

    /// The senders of an HTTP service. A template without a placeholder for the sender sends none.
    pub fn of_http(settings: &HttpSettings) -> Self {
        match &settings.template {
            Some(template) if !template.has(Slot::From) => Self::Any,
            _ => Self::Text(settings.sender.clone()),
        }
    }

    /// True if a message of an account that names this sender can leave.
    ///
    /// # Errors
    /// The reason for which the message cannot leave.
    pub fn check(&self, own: Option<&SenderAddress>) -> Result<(), &'static str> {
        match self {
            Self::Any => Ok(()),
            Self::Mail(senders) => senders.author(own).map(drop),
            Self::Text(default) => text_sender(own, default.as_deref()).map(drop),
        }
    }
}

/// The sender of a short message: the account's, else the provider's; `None` if neither names a
/// sender.
///
/// # Errors
/// The reason for which no message can be sent for this account.
pub fn text_sender<'a>(
    own: Option<&'a SenderAddress>,
    default: Option<&'a str>,
) -> Result<Option<&'a str>, &'static str> {
    let Some(own) = own else { return Ok(default) };
    match own.permitted().or(default) {
        None => Err(NO_TEXT_SENDER),
        sender => Ok(sender),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(address: &str, right: SenderRight) -> SenderAddress {
        SenderAddress {
            address: address.to_owned(),
            right,
        }
    }

    fn mail(settings: Value) -> MailSenders {
        let settings = SmtpSettings::parse(settings.as_object().unwrap()).unwrap();
        MailSenders::new(&settings, "host.example")
    }

    #[test]
    fn mail_without_a_right_goes_as_the_default_sender() {
        let senders = mail(json!({"default_sender": "desk@ours.example"}));
        let spoofed = own("ceo@corp.example", SenderRight::Missing);
        let author = senders.author(Some(&spoofed)).unwrap();
        assert_eq!(author.from, "desk@ours.example");
        assert_eq!(author.reply_to, Some("ceo@corp.example"));
        assert_eq!(mail(json!({})).author(Some(&spoofed)), Err(NO_MAIL_SENDER));
        let none = mail(json!({}));
        assert_eq!(none.author(None).unwrap().from, "noreply@host.example");
        assert_eq!(senders.author(None).unwrap().from, "desk@ours.example");
    }

    #[test]
    fn an_author_is_within_the_signed_domains() {
        let signing = json!({"dkim_selector": "s1", "dkim_domain": "ours.example, shop.example"});
        let senders = mail(signing);
        for (address, fits) in [
            ("a@ours.example", true),
            ("a@Mail.SHOP.example", true),
            ("a@notours.example", false),
            ("a@ours.example.evil", false),
            ("a@corp.example", false),
        ] {
            let granted = own(address, SenderRight::Granted);
            assert_eq!(senders.author(Some(&granted)).is_ok(), fits, "{address}");
            let trusted = own(address, SenderRight::Trusted);
            assert_eq!(senders.author(Some(&trusted)).unwrap().from, address);
        }
        let by_host = mail(json!({"dkim_selector": "s1"}));
        let granted = own("a@host.example", SenderRight::Granted);
        assert!(by_host.author(Some(&granted)).is_ok());
        let foreign = own("a@ours.example", SenderRight::Granted);
        assert_eq!(by_host.author(Some(&foreign)), Err(FOREIGN_DOMAIN));
    }

    #[test]
    fn a_text_goes_as_the_account_or_as_the_provider() {
        let bank = own("BANK", SenderRight::Missing);
        let shop = own("Shop", SenderRight::Granted);
        assert_eq!(text_sender(Some(&shop), Some("ACME")), Ok(Some("Shop")));
        assert_eq!(text_sender(Some(&bank), Some("ACME")), Ok(Some("ACME")));
        assert_eq!(text_sender(Some(&bank), None), Err(NO_TEXT_SENDER));
        assert_eq!(text_sender(None, None), Ok(None));
    }

    #[test]
    fn a_template_without_a_sender_names_none() {
        let bank = own("BANK", SenderRight::Missing);
        for (body, fits) in [("{to} {text}", true), ("{to} {from} {text}", false)] {
            let settings = json!({"url_template": "/send", "body_template": body});
            let settings = settings.as_object().unwrap();
            let senders = ProviderSenders::new(ProviderKind::Http, settings);
            assert_eq!(senders.check(Some(&bank)).is_ok(), fits, "{body}");
        }
    }
}
