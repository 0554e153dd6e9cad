//! Permission as a type. A handler gets at data only through a [`Writer`], a [`Reader`] or a
//! [`Caller`], and none of these exists before the request was authenticated and, for the first
//! two, allowed. Forgetting the check does not compile.

mod caller;
mod if_match;
mod noun;
mod own;
mod reader;
mod requested_tenant;
mod verb;
mod writer;

pub(crate) use caller::Caller;
pub(crate) use noun::{Did, EventLog, Extension, Noun, Owned, ResultRow, Statistic};
pub(crate) use own::{own, own_in};
pub(crate) use reader::Reader;
pub(crate) use requested_tenant::{RequestedTenant, TENANT_ID};
pub(crate) use verb::*;
pub(crate) use writer::{Done, Writer};
