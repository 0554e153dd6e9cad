//! The configuration of all tenants, and the DIDs of the installation by number.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use super::{DidEntry, Table, number::normalised};

/// A DID of one of the tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TenantDid {
    /// The id of the tenant.
    pub tenant: i64,
    /// The id of the DID.
    pub did: i64,
}

/// The tables of all tenants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    tables: HashMap<i64, Arc<Table>>,
    /// DIDs by normalised number, sorted; no list is empty.
    dids: HashMap<Box<str>, Vec<TenantDid>>,
}

impl Tables {
    /// The table of a tenant, if anything was ever set in it.
    pub fn get(&self, tenant: i64) -> Option<&Arc<Table>> {
        self.tables.get(&tenant)
    }

    /// The table of a tenant, to change everything but its DIDs. What was taken by
    /// [`Tables::get`] before stays as it is.
    pub fn get_mut(&mut self, tenant: i64) -> &mut Table {
        Arc::make_mut(self.tables.entry(tenant).or_default())
    }

    /// The ids of the tenants that have a table, in no order.
    pub fn tenants(&self) -> impl Iterator<Item = i64> {
        self.tables.keys().copied()
    }

    /// Adds a DID to a tenant, or replaces the one of this id there.
    pub fn set_did(&mut self, tenant: i64, entry: DidEntry) {
        self.remove_did(tenant, entry.id);
        let did = TenantDid {
            tenant,
            did: entry.id,
        };
        let number = normalised(&entry.number);
        if !number.is_empty() {
            let holders = self.dids.entry(number.into()).or_default();
            holders.push(did);
            holders.sort_unstable();
        }
        self.get_mut(tenant).set_did(entry);
    }

    /// Removes a DID of a tenant.
    pub fn remove_did(&mut self, tenant: i64, id: i64) {
        let Some(table) = self.tables.get_mut(&tenant) else {
            return;
        };
        let Some(entry) = table.dids.get(&id) else {
            return;
        };
        let number = normalised(&entry.number);
        Arc::make_mut(table).remove_did(id);
        if let Entry::Occupied(mut holders) = self.dids.entry(number.into()) {
            holders
                .get_mut()
                .retain(|it| (it.tenant, it.did) != (tenant, id));
            if holders.get().is_empty() {
                holders.remove();
            }
        }
    }

    /// Removes a tenant with all of its configuration.
    pub fn remove_tenant(&mut self, tenant: i64) {
        if self.tables.remove(&tenant).is_some() {
            self.dids.retain(|_, holders| {
                holders.retain(|it| it.tenant != tenant);
                !holders.is_empty()
            });
        }
    }

    /// The DID of a number in any notation; of several, the first that takes calls, by the ids of
    /// tenant and DID.
    pub fn did(&self, number: &str) -> Option<TenantDid> {
        self.did_within(number, |_| true)
    }

    /// As [`Tables::did`], of the tenants that `is_seen` allows.
    pub fn did_within(&self, number: &str, is_seen: impl Fn(i64) -> bool) -> Option<TenantDid> {
        let holders = self.dids.get(normalised(number).as_str())?;
        let seen = || holders.iter().copied().filter(|it| is_seen(it.tenant));
        seen()
            .find(|it| self.takes_calls(*it))
            .or_else(|| seen().next())
    }

    fn takes_calls(&self, TenantDid { tenant, did }: TenantDid) -> bool {
        let table = self.tables.get(&tenant);
        table.is_some_and(|table| table.dids.get(&did).is_some_and(DidEntry::takes_calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn did(id: i64, number: &str) -> DidEntry {
        DidEntry {
            id,
            number: number.to_owned(),
            connected: true,
            active: true,
        }
    }

    #[test]
    fn a_did_is_found_by_its_number_in_any_notation() {
        let mut tables = Tables::default();
        tables.set_did(2, did(30, "15146339933"));
        let found = tables.did("+1 514 633-9933");
        assert_eq!(found, Some(TenantDid { tenant: 2, did: 30 }));
        assert_eq!(tables.did("anonymous"), None);
    }

    #[test]
    fn a_did_is_not_found_by_a_number_that_it_no_longer_has() {
        let mut tables = Tables::default();
        tables.set_did(2, did(30, "111"));
        tables.set_did(2, did(30, "222"));
        assert_eq!(tables.did("111"), None);
        assert!(tables.did("222").is_some());
        tables.remove_did(2, 30);
        assert_eq!(tables.did("222"), None);
    }

    #[test]
    fn an_inactive_did_yields_its_number_to_an_active_one() {
        let mut tables = Tables::default();
        let active = false;
        tables.set_did(
            1,
            DidEntry {
                active,
                ..did(3, "111")
            },
        );
        assert_eq!(tables.did("111"), Some(TenantDid { tenant: 1, did: 3 }));
        tables.set_did(2, did(4, "111"));
        assert_eq!(tables.did("111"), Some(TenantDid { tenant: 2, did: 4 }));
    }

    #[test]
    fn a_number_is_looked_up_among_the_tenants_that_are_seen() {
        let mut tables = Tables::default();
        tables.set_did(1, did(3, "111"));
        tables.set_did(2, did(4, "111"));
        let found = tables.did_within("111", |tenant| tenant == 2);
        assert_eq!(found, Some(TenantDid { tenant: 2, did: 4 }));
        assert_eq!(tables.did_within("111", |_| false), None);
    }

    #[test]
    fn a_removed_tenant_leaves_no_numbers() {
        let mut tables = Tables::default();
        tables.set_did(1, did(3, "111"));
        tables.set_did(2, did(4, "222"));
        tables.remove_tenant(1);
        assert_eq!(tables.did("111"), None);
        assert!(tables.did("222").is_some());
        assert!(tables.get(1).is_none());
    }
}
