//! Authentication and authorization.

mod administrators;
mod deprovisioning;
mod grants;
mod isolation;
mod limits;
mod login;
mod new_users;
mod ownership;
mod passwords;
mod reference;
mod revocation;
mod roles;
mod secrets;
mod tenants;
mod user_csv;
mod users;
