//! The configuration, folded from the events of its records.

use std::collections::HashMap;

use cqrs_es::Aggregate;
use domain::{
    Event,
    access::{Tenant, TenantEvent},
    pbx::{
        Condition, Custom, Destination, Details, Disa, Hunt, Ivr, RecordEvent, Voicemail,
        routing::{Table, Tables},
    },
    people::Account,
};
use eventstore::Recorded;

use super::accounts::Accounts;

/// The aggregate types that are followed.
pub(super) const TYPES: [&str; 9] = [
    Account::TYPE,
    Condition::TYPE,
    Custom::TYPE,
    Destination::TYPE,
    Disa::TYPE,
    Hunt::TYPE,
    Ivr::TYPE,
    Tenant::TYPE,
    Voicemail::TYPE,
];

/// The configuration, and what is needed to go on from one event to the next.
#[derive(Debug, Default, PartialEq)]
pub(super) struct State {
    tables: Tables,
    accounts: Accounts,
    /// The tenants of records, whose later events do not name them.
    tenants: HashMap<(&'static str, i64), i64>,
}

impl State {
    /// The configuration of all tenants.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Applies one event. An event that was applied before changes nothing.
    pub fn apply(&mut self, recorded: &Recorded) {
        let id = recorded.aggregate_id;
        match &recorded.event {
            Event::Account(event) => self.accounts.apply(&mut self.tables, id, event),
            Event::Tenant(TenantEvent::TenantDeleted {}) => self.tables.remove_tenant(id),
            Event::Condition(event) => {
                let set = |table: &mut Table, details: &_| table.set_condition(id, details);
                self.record(id, event, set, Table::remove_condition);
            }
            Event::Custom(event) => {
                let set = |table: &mut Table, it: &domain::pbx::CustomDetails| {
                    table.set_custom(id, it.clone());
                };
                self.record(id, event, set, Table::remove_custom);
            }
            Event::Destination(event) => {
                let set = |table: &mut Table, it: &domain::pbx::DestinationDetails| {
                    table.set_destination(id, it.clone());
                };
                self.record(id, event, set, Table::remove_destination);
            }
            Event::Disa(event) => {
                let set = |table: &mut Table, details: &_| table.set_disa(id, details);
                self.record(id, event, set, Table::remove_disa);
            }
            Event::Hunt(event) => {
                let set = |table: &mut Table, it: &domain::pbx::HuntDetails| {
                    table.set_hunt(id, it.clone());
                };
                self.record(id, event, set, Table::remove_hunt);
            }
            Event::Ivr(event) => {
                let set = |table: &mut Table, it: &domain::pbx::IvrDetails| {
                    table.set_ivr(id, it.clone());
                };
                self.record(id, event, set, Table::remove_ivr);
            }
            Event::Voicemail(event) => {
                let set = |table: &mut Table, details: &_| table.set_voicemail(id, details);
                self.record(id, event, set, Table::remove_voicemail);
            }
            _ => {}
        }
    }

    fn record<D: Details>(
        &mut self,
        id: i64,
        event: &RecordEvent<D>,
        set: impl FnOnce(&mut Table, &D),
        remove: impl FnOnce(&mut Table, i64),
    ) {
        let key = (D::TYPE, id);
        match event {
            RecordEvent::Created { owner, details, .. } => {
                let Some(tenant) = owner.map(|owner| owner.tenant.get()) else {
                    return;
                };
                self.tenants.insert(key, tenant);
                if let Some(details) = details.get() {
                    set(self.tables.get_mut(tenant), details);
                }
            }
            RecordEvent::Updated { details } => {
                if let Some((tenant, details)) = self.tenants.get(&key).zip(details.get()) {
                    set(self.tables.get_mut(*tenant), details);
                }
            }
            RecordEvent::Deleted {} => {
                if let Some(tenant) = self.tenants.remove(&key) {
                    remove(self.tables.get_mut(tenant), id);
                }
            }
        }
    }
}
