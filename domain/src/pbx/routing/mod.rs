//! The routing of calls by the configuration of their tenant.
//!
//! [`Table`] is a tenant's configuration in memory, [`Tables`] that of all. [`next()`] is the
//! decision: the facts of a [`Call`] and the outcome of its last step in, the next [`Step`] out,
//! and in the [`Route`] the rule behind each hop. [`check()`] finds what is wrong with a configuration
//! before a call does.
//!
//! A record that a call comes to either asks for a step, or leads on at once through a destination:
//! the first in the order of its source whose target exists, takes calls, and was not taken before
//! in this call.
//!
//! | record | leads on at once | step | leads on after it |
//! |---|---|---|---|
//! | DID | `DID-UNCONDITIONAL`, else `DID` | | |
//! | extension | `EXT-UNCONDITIONAL`; if busy or offline, `EXT-BUSY` or `EXT-OFFLINE` | ring | `EXT-NOANSWER`, `EXT-BUSY`, `EXT-OFFLINE` |
//! | hunt group | if nobody can ring, `HUNTLIST-TIMEOUT` | ring its members | `HUNTLIST-TIMEOUT` |
//! | IVR | | play | `IVR_0` to `IVR_9`, `IVR_STAR`, `IVR_SHARP`, each else `IVR_WRONG`; `IVR_TIMEOUT` |
//! | condition | `CONDITION` or `NOTCONDITION` | | |
//! | voicemail box | | record | `VOICEMAIL-OPERATOR` |
//! | custom destination | | forward | |
//! | DISA | | ask for the PIN | the number that is dialled |

mod call;
mod check;
mod conditions;
mod decide;
mod destinations;
mod enter;
mod explain;
mod group;
mod node;
mod number;
mod route;
mod table;
mod tables;

pub use call::{Call, Entry, Phones, Reason, Ring, Status, Step, StepOutcome};
pub use check::{Problem, ProblemKind, check};
pub use conditions::{MAX_DEPTH, MAX_QUESTIONS, condition_problems};
pub use decide::next;
pub use destinations::{Edge, MAX_DESTINATIONS};
pub use explain::Label;
pub use node::{Node, NodeKind};
pub use number::normalised;
pub use route::{Hop, MAX_HOPS, Route, Rule};
pub use table::{DidEntry, ExtensionEntry, Table};
pub use tables::{Tables, TenantDid};

/// The seconds that phones ring where the configuration does not say it.
pub const RING_SECONDS: u32 = 30;
/// The seconds that an IVR waits for a digit where the configuration does not say it.
pub const MENU_SECONDS: u32 = 10;
/// The most seconds that a step lasts, so that each has an end.
pub const MAX_SECONDS: u32 = 3_600;

fn ring_seconds(configured: Option<u32>) -> u32 {
    seconds(configured, RING_SECONDS)
}

fn menu_seconds(configured: Option<u32>) -> u32 {
    seconds(configured, MENU_SECONDS)
}

/// The configured seconds; 0 means that none are.
fn seconds(configured: Option<u32>, default: u32) -> u32 {
    let configured = configured.filter(|seconds| *seconds > 0);
    configured.unwrap_or(default).min(MAX_SECONDS)
}

#[cfg(test)]
mod tests;
