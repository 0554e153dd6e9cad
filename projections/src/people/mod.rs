//! Whom one reaches, and as whom.

pub mod accounts;
pub mod contacts;
pub mod groups;
pub mod optouts;
