//! What a client says of a program.

use domain::{
    Id,
    outreach::{Program, ProgramKind, Template},
    people::Account,
    values::Line,
};

use super::program_ref::{KINDS, to_come};
use crate::{
    Error, Result,
    extract::{Fields, FromFields, Given},
    permit::{Caller, own},
};

/// A program's fields, of whatever type.
#[derive(Debug)]
pub(super) struct Said {
    name: Option<Line>,
    kind: Option<String>,
    template_id: Option<Id<Template>>,
    account_id: Option<Id<Account>>,
    parent_id: Option<Id<Program>>,
}

/// A program that can be created.
pub(super) struct Checked {
    pub name: Option<Line>,
    pub kind: ProgramKind,
    pub parent_id: Option<Id<Program>>,
}

impl FromFields for Said {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name").given(),
            kind: fields.text("type").given(),
            template_id: fields.id("template_id").given(),
            account_id: fields.id("account_id").given(),
            parent_id: fields.id("parent_id").given(),
        }
    }
}

impl Said {
    /// The type it names; without one, the routes that have one.
    pub fn kind(&self) -> Result<&'static str> {
        let Some(kind) = &self.kind else {
            let routes = KINDS.map(|(kind, _)| format!("POST /programs/{kind}"));
            let routes = routes.join(", ");
            return Err(Error::NotImplemented(format!(
                "say a type, or use one of {routes}"
            )));
        };
        let known = KINDS.iter().find(|(known, _)| known == kind);
        let names = || KINDS.map(|(kind, _)| kind).join(", ");
        known
            .map(|(kind, _)| *kind)
            .ok_or_else(|| Error::invalid("type", format!("must be one of {}", names())))
    }

    /// A program of this type, if it can be made of what was said: what it refers to
    /// must be there, and the caller's.
    pub async fn checked(self, caller: &Caller, kind: &str) -> Result<Checked> {
        if kind != "sendemail" {
            return Err(to_come(kind));
        }
        let required = || Error::invalid("template_id", "is required");
        let template_id = self.template_id.ok_or_else(required)?;
        own(caller, "template_id", template_id).await?;
        if let Some(account) = self.account_id {
            own(caller, "account_id", account).await?;
        }
        if let Some(parent) = self.parent_id {
            own(caller, "parent_id", parent).await?;
        }
        Ok(Checked {
            name: self.name,
            kind: ProgramKind::SendEmail {
                template_id,
                account_id: self.account_id,
            },
            parent_id: self.parent_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kind(body: Value) -> Result<&'static str> {
        let Value::Object(map) = body else {
            panic!("an object")
        };
        Said::from_fields(&mut Fields::new(map)).kind()
    }

    #[test]
    fn a_program_without_a_type_is_shown_the_ways() {
        assert_eq!(kind(json!({"type": "sendemail"})), Ok("sendemail"));
        let Err(Error::NotImplemented(ways)) = kind(json!({})) else {
            panic!("501")
        };
        assert!(ways.contains("POST /programs/sendemail"));
        assert!(matches!(
            kind(json!({"type": "dance"})),
            Err(Error::Invalid(_))
        ));
    }
}
