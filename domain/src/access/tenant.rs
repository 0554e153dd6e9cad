//! A tenant: one of the companies that share an installation. `Absent → Live → Deleted`.
//!
//! Tenant 1 is there from the beginning: it is created at the first start, and an installation of
//! one company never needs another.

use std::collections::BTreeSet;

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Claim, Entity, FIRST_TENANT, Id, Owner, Patch, Refusal,
    people::normal_address,
    values::{Line, PhoneNumber},
};

/// The most characters of a code.
const CODE_LENGTH: usize = 32;
/// The most numbers, and the most mail domains.
const MAX_LISTED: usize = 1_000;
/// The most characters of a domain name (RFC 1035, 2.3.4).
const DOMAIN_LENGTH: usize = 253;

/// A tenant's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    stage: Stage,
    id: Option<Id<Tenant>>,
    details: TenantDetails,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The details of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantDetails {
    /// The short name, unique in any case of its letters; it ends the names of SIP users.
    pub code: String,
    /// The name, for people.
    pub name: Option<Line>,
    /// The limits.
    #[serde(default)]
    pub limits: TenantLimits,
    /// The phone numbers that its account administrators may assign, in normal form.
    #[serde(default)]
    pub numbers: BTreeSet<String>,
    /// The mail domains in which its account administrators may assign addresses, in lower case.
    #[serde(default)]
    pub mail_domains: BTreeSet<String>,
}

/// The limits of a tenant; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantLimits {
    /// The most users whose home the tenant is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    /// The most accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<u32>,
}

/// A partial update of a tenant.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct TenantPatch {
    pub code: Patch<Line>,
    pub name: Patch<Line>,
    pub max_users: Patch<u32>,
    pub max_accounts: Patch<u32>,
    pub numbers: Patch<Vec<PhoneNumber>>,
    pub mail_domains: Patch<Vec<Line>>,
}

/// A command to a tenant.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum TenantCommand {
    Create {
        id: Id<Tenant>,
        patch: TenantPatch,
    },
    Update(TenantPatch),
    /// `left`: what there is within the tenant, in the plural.
    Delete {
        left: Vec<String>,
    },
}

/// An event of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TenantEvent {
    TenantCreated {
        id: Id<Tenant>,
        details: TenantDetails,
    },
    TenantUpdated {
        details: TenantDetails,
    },
    TenantDeleted {},
}
use TenantEvent::{TenantCreated, TenantDeleted, TenantUpdated};

impl Tenant {
    /// The details, once created.
    pub fn details(&self) -> &TenantDetails {
        &self.details
    }

    /// True if an address, in normal form, is one of the tenant's numbers or in one of its mail
    /// domains.
    pub fn has_address(&self, address: &str) -> bool {
        let listed = listed_as(address);
        if address.contains('@') {
            self.details.mail_domains.contains(&listed)
        } else {
            self.details.numbers.contains(&listed)
        }
    }

    fn decide(&self, command: TenantCommand) -> Result<Vec<TenantEvent>, Refusal> {
        use TenantCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, patch }) => {
                let details = TenantDetails::default().patched(patch)?;
                vec![TenantCreated { id, details }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let details = self.details.clone().patched(patch)?;
                if details == self.details {
                    vec![]
                } else {
                    vec![TenantUpdated { details }]
                }
            }
            (Live, Delete { .. }) if self.id == Some(FIRST_TENANT) => {
                return Err(Refusal::not_ready("the first tenant cannot be deleted"));
            }
            (Live, Delete { left }) if !left.is_empty() => {
                let left = left.join(", ");
                return Err(Refusal::not_ready(format!("there are {left} within it")));
            }
            (Live, Delete { .. }) => vec![TenantDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }
}

impl TenantDetails {
    fn patched(mut self, patch: TenantPatch) -> Result<Self, Refusal> {
        match patch.code {
            Patch::Set(code) => self.code = code.to_string(),
            Patch::Clear => self.code = String::new(),
            Patch::Keep => {}
        }
        check_code(&self.code)?;
        patch.name.apply(&mut self.name);
        patch.max_users.apply(&mut self.limits.users);
        patch.max_accounts.apply(&mut self.limits.accounts);
        match patch.numbers {
            Patch::Set(numbers) => {
                let numbers = numbers.iter().map(|it| normal_address(it.as_str()));
                self.numbers = bounded("numbers", numbers.collect())?;
            }
            Patch::Clear => self.numbers.clear(),
            Patch::Keep => {}
        }
        match patch.mail_domains {
            Patch::Set(domains) => {
                let domains = domains.iter().map(|it| mail_domain(it.as_str()));
                self.mail_domains = bounded("mail_domains", domains.collect::<Result<_, _>>()?)?;
            }
            Patch::Clear => self.mail_domains.clear(),
            Patch::Keep => {}
        }
        Ok(self)
    }
}

/// The entry in the list of a tenant that an address in normal form falls under: a phone number
/// itself, of an email address its domain.
pub fn listed_as(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, domain)) => ascii_domain(domain),
        None => address.to_owned(),
    }
}

fn bounded(field: &'static str, set: BTreeSet<String>) -> Result<BTreeSet<String>, Refusal> {
    if set.len() > MAX_LISTED {
        return Err(Refusal::invalid(
            field,
            format!("must be at most {MAX_LISTED}"),
        ));
    }
    Ok(set)
}

/// A domain name in lower case, with letters outside of ASCII in punycode (RFC 5891).
fn ascii_domain(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

fn mail_domain(text: &str) -> Result<String, Refusal> {
    let domain = ascii_domain(text.trim().trim_end_matches('.'));
    let is_label = |label: &str| {
        let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(is_fine)
    };
    if domain.len() <= DOMAIN_LENGTH && domain.split('.').all(is_label) {
        Ok(domain)
    } else {
        Err(Refusal::invalid("mail_domains", "must be domain names"))
    }
}

/// Checks a code: it stands in SIP addresses and in names of files.
fn check_code(code: &str) -> Result<(), Refusal> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if code.is_empty() {
        return Err(Refusal::invalid("code", "is required"));
    }
    if code.len() > CODE_LENGTH || !code.chars().all(is_fine) {
        return Err(Refusal::invalid(
            "code",
            format!("must be 1 to {CODE_LENGTH} of A-Z, a-z, 0-9, - and _"),
        ));
    }
    Ok(())
}

impl Aggregate for Tenant {
    const TYPE: &'static str = "tenant";
    type Command = TenantCommand;
    type Event = TenantEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: TenantCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TenantEvent) {
        match event {
            TenantCreated { id, details } => {
                self.stage = Live;
                self.id = Some(id);
                self.details = details;
            }
            TenantUpdated { details } => self.details = details,
            TenantDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for TenantEvent {
    fn event_type(&self) -> String {
        match self {
            TenantCreated { .. } => "TenantCreated",
            TenantUpdated { .. } => "TenantUpdated",
            TenantDeleted {} => "TenantDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Tenant {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn claims(&self) -> Vec<Claim> {
        if !self.exists() {
            return Vec::new();
        }
        let claim = |field, scope, value: &str| Claim {
            field,
            scope,
            value: value.to_owned(),
        };
        let code = claim("code", "tenant.code", &self.details.code.to_lowercase());
        let numbers = self.details.numbers.iter();
        let numbers = numbers.map(|it| claim("numbers", "tenant.number", it));
        let domains = self.details.mail_domains.iter();
        let domains = domains.map(|it| claim("mail_domains", "tenant.mail_domain", it));
        [code].into_iter().chain(numbers).chain(domains).collect()
    }

    fn owner(&self) -> Option<Owner> {
        self.id.map(Owner::whole)
    }
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
