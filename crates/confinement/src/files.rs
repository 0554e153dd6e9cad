//! Landlock: denies all files except those that are allowed.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use crate::{Allowed, RestrictError};

/// Rights that the kernel must support: reading, writing and running files.
const LEAST: ABI = ABI::V1;
/// Rights that are used where the kernel supports them: truncation, TCP, signals.
const MOST: ABI = ABI::V6;
/// Devices that programs expect and that give access to no data.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

pub(super) fn restrict(allowed: &Allowed) -> Result<(), RestrictError> {
    let status = restricted(allowed).map_err(|error| RestrictError::Files(error.to_string()))?;
    match status {
        RulesetStatus::NotEnforced => Err(RestrictError::Files("not enforced".to_owned())),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

fn restricted(allowed: &Allowed) -> Result<RulesetStatus, RulesetError> {
    let devices = AccessFs::ReadFile | AccessFs::WriteFile;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .handle_access(AccessNet::from_all(MOST))?
        .scope(Scope::from_all(MOST))?
        .create()?
        .add_rules(path_beneath_rules(&allowed.read, AccessFs::from_read(MOST)))?
        .add_rules(path_beneath_rules(&allowed.write, AccessFs::from_all(MOST)))?
        .add_rules(path_beneath_rules(DEVICES, devices))?
        .restrict_self()?;
    Ok(status.ruleset)
}
