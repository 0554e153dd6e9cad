//! Validation and update of a provider's details.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{ProviderDetails, ProviderKind, ProviderPatch};
use crate::{
    Id, Patch, Refusal,
    access::Tenant,
    delivery::settings::{Destination, needed_secret},
    flow::Service,
    personal::has_mark,
    values::Line,
};

/// The valid range of the limits.
const LIMITS: std::ops::RangeInclusive<u32> = 1..=100_000;

impl ProviderDetails {
    /// True if this tenant may use the provider.
    pub fn is_for(&self, tenant: Id<Tenant>) -> bool {
        self.tenant_id.is_none_or(|own| own == tenant)
    }

    /// True if the provider is active and can send for this service.
    pub fn serves(&self, service: Service) -> bool {
        self.active && self.service_flag & service.flag() != 0 && !self.only_receives()
    }

    /// True if the provider only receives: an SMPP bind as receiver.
    fn only_receives(&self) -> bool {
        let bind = self.settings.get("bind").and_then(Value::as_str);
        self.kind == ProviderKind::Smpp && bind.is_some_and(|bind| bind.trim() == "receiver")
    }

    pub(super) fn new(
        tenant_id: Option<Id<Tenant>>,
        patch: ProviderPatch,
    ) -> Result<Self, Refusal> {
        let required = |field| Refusal::invalid(field, "is required");
        let Patch::Set(name) = patch.name.clone() else {
            return Err(required("name"));
        };
        let Patch::Set(kind) = patch.kind else {
            return Err(required("type"));
        };
        let blank = Self {
            tenant_id,
            name,
            kind,
            service_flag: kind.services(),
            gateway_flag: kind.gateway_flag(),
            node_id: None,
            host: None,
            port: kind.default_port(),
            username: None,
            password: None,
            dialstring: None,
            prefix: None,
            settings: Map::new(),
            secrets: BTreeMap::new(),
            register: false,
            weight: 10,
            active: true,
            rate_limit: None,
            channel_limit: None,
        };
        blank.patched(patch)
    }

    pub(super) fn patched(mut self, patch: ProviderPatch) -> Result<Self, Refusal> {
        let kept = patch.name.apply_required(&mut self.name);
        if !kept {
            return Err(Refusal::invalid("name", "is required"));
        }
        if !matches!(patch.kind, Patch::Keep) && patch.kind != Patch::Set(self.kind) {
            return Err(Refusal::invalid("type", "cannot be changed"));
        }
        let destination = self.destination();
        let may_lack_secret = self.lacks_secret() && matches!(patch.settings, Patch::Keep);
        patch.node_id.apply(&mut self.node_id);
        patch.host.apply(&mut self.host);
        patch.port.apply(&mut self.port);
        patch.username.apply(&mut self.username);
        patch.dialstring.apply(&mut self.dialstring);
        patch.prefix.apply(&mut self.prefix);
        patch.rate_limit.apply(&mut self.rate_limit);
        patch.channel_limit.apply(&mut self.channel_limit);
        let numbers = [
            ("service_flag", patch.service_flag, &mut self.service_flag),
            ("gateway_flag", patch.gateway_flag, &mut self.gateway_flag),
            ("weight", patch.weight, &mut self.weight),
        ];
        for (field, patch, value) in numbers {
            if !patch.apply_required(value) {
                return Err(Refusal::invalid(field, "must not be null"));
            }
        }
        for (field, patch, value) in [
            ("register", patch.register, &mut self.register),
            ("active", patch.active, &mut self.active),
        ] {
            if !patch.apply_required(value) {
                return Err(Refusal::invalid(field, "must not be null"));
            }
        }
        match patch.settings {
            Patch::Keep => {}
            Patch::Clear => {
                self.settings = Map::new();
                self.secrets = BTreeMap::new();
            }
            Patch::Set(settings) => self.settings = settings,
        }
        // A secret belongs to the host, the port and the connection security that it was given for:
        // a user who may change these must not have the secret sent elsewhere.
        if !self.destination().may_have_secrets_of(&destination) {
            self.password = None;
            self.secrets = BTreeMap::new();
        }
        patch.password.apply(&mut self.password);
        for (name, secret) in patch.secrets {
            match secret {
                Patch::Keep => {}
                Patch::Clear => drop(self.secrets.remove(&name)),
                Patch::Set(secret) => drop(self.secrets.insert(name, secret)),
            }
        }
        if self.lacks_secret() && !may_lack_secret {
            let reason = "is required with dkim_selector";
            return Err(Refusal::invalid("settings.dkim_key", reason));
        }
        self.checked()
    }

    /// True if the settings need a secret that there is none of. Providers on record may: it was
    /// not asked for at first.
    fn lacks_secret(&self) -> bool {
        needed_secret(self.kind, &self.settings)
            .is_some_and(|name| !self.secrets.contains_key(name))
    }

    fn destination(&self) -> Destination {
        let host = self.host.as_ref().map(Line::as_str);
        Destination::new(self.kind, (host, self.port), &self.settings)
    }

    fn checked(self) -> Result<Self, Refusal> {
        if self.service_flag == 0 || self.service_flag & !self.kind.services() != 0 {
            return Err(Refusal::invalid(
                "service_flag",
                format!("must be made of the bits of {}", self.kind.services()),
            ));
        }
        if !(1..=1000).contains(&self.weight) {
            return Err(Refusal::invalid("weight", "must be from 1 to 1000"));
        }
        for (field, limit) in [
            ("rate_limit", self.rate_limit),
            ("channel_limit", self.channel_limit),
        ] {
            if limit.is_some_and(|limit| !LIMITS.contains(&limit)) {
                return Err(Refusal::invalid(field, "must be from 1 to 100000"));
            }
        }
        if self.kind.needs_username() && self.username.is_none() {
            return Err(Refusal::invalid("username", "is required"));
        }
        if self.kind != ProviderKind::Sandbox && self.host.is_none() {
            return Err(Refusal::invalid("host", "is required"));
        }
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if self
            .host
            .as_ref()
            .is_some_and(|host| !host.as_str().chars().all(fits))
        {
            return Err(Refusal::invalid(
                "host",
                "must be a host name or an IP address",
            ));
        }
        if let Some(prefix) = &self.prefix
            && !fits_prefix(self.kind, prefix.as_str())
        {
            let sip = self.kind == ProviderKind::Sip;
            let form = if sip {
                "must be digits, or a list such as 0|+49,00|+ (what to take away, what to put)"
            } else {
                "must consist of 0-9, *, # and +"
            };
            return Err(Refusal::invalid("prefix", form));
        }
        if self.settings.iter().any(|(name, it)| has_mark(name, it)) {
            return Err(Refusal::invalid("settings", "names must not begin with $"));
        }
        Ok(self)
    }
}

/// True if the prefix is valid: digits that go before the number; for SIP also a list of
/// `remove|add` rules, of which the first that matches applies.
fn fits_prefix(kind: ProviderKind, prefix: &str) -> bool {
    let dialled = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '*' | '#'))
    };
    let rule = |rule: &str| match rule.split_once('|') {
        Some((remove, add)) => {
            dialled(remove) && dialled(add) && !(remove.is_empty() && add.is_empty())
        }
        None => !rule.is_empty() && dialled(rule),
    };
    match kind {
        ProviderKind::Sip => prefix.split(',').map(str::trim).all(rule),
        ProviderKind::Smpp | ProviderKind::Http | ProviderKind::Smtp | ProviderKind::Sandbox => {
            dialled(prefix)
        }
    }
}
