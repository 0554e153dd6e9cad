//! Authentication and authorization.

mod administrators;
mod deprovisioning;
mod grants;
mod isolation;
mod isolation_within;
mod limits;
mod login;
mod lost_passwords;
mod new_users;
mod open_requests;
mod ownership;
mod passwords;
mod reference;
mod revocation;
mod roles;
mod secrets;
mod tenant_limits;
mod tenant_rights;
mod tenants;
mod two_permissions;
mod user_csv;
mod users;
