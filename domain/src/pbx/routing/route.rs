//! The way of a call so far, with the rule behind each hop.

use super::{Node, Step};
use crate::pbx::SourceKind;

/// The most hops of a call: records that it comes to, the dialled one included.
pub const MAX_HOPS: usize = 32;
/// The entries of a route from which on passed-over destinations are no longer noted.
const MAX_NOTED: usize = 48;

/// The way of a call so far, and the step that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    hops: Vec<Hop>,
    taken: Vec<i64>,
    visits: usize,
    pub(super) stage: Stage,
}

/// The stage of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// The call has not come in.
    #[default]
    New,
    /// An extension or hunt group rings.
    Ringing(Node),
    /// An IVR waits for a digit.
    Menu(Node),
    /// A voicemail box records.
    Recording(Node),
    /// A number outside is called for a custom destination or DISA.
    Forwarding(Node),
    /// A DISA waits for its PIN.
    Pin(Node),
    /// Routing has ended with this step.
    Ended(Step),
}

/// An entry of a route: a rule and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The rule.
    pub rule: Rule,
    /// The record that the rule was applied to; `None` for a number that is nobody's.
    pub subject: Option<Node>,
    /// The id of the destination that was taken or passed over.
    pub destination: Option<i64>,
    /// The effect of the rule, in plain words.
    pub said: String,
}

/// A rule of routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The number that was dialled has led to a record.
    Dialled,
    /// A destination of this source was taken.
    Source(SourceKind),
    /// A destination was passed over.
    PassedOver,
    /// A condition was not understood.
    NotUnderstood,
    /// The members of a hunt group that can ring were counted.
    Members,
    /// An extension rings.
    Ring,
    /// An IVR plays.
    PlayIvr,
    /// A voicemail box records.
    Voicemail,
    /// The call is forwarded to a number outside.
    Forward,
    /// A DISA asks for its PIN.
    AskPin,
    /// The call was answered.
    Connected,
    /// The call is hung up.
    HangUp,
}

impl Rule {
    /// The word for programs: that of the source, or the name of the rule.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source(source) => source.as_str(),
            Self::Dialled => "DIALLED",
            Self::PassedOver => "PASSED-OVER",
            Self::NotUnderstood => "NOT-UNDERSTOOD",
            Self::Members => "MEMBERS",
            Self::Ring => "RING",
            Self::PlayIvr => "PLAY-IVR",
            Self::Voicemail => "VOICEMAIL",
            Self::Forward => "FORWARD",
            Self::AskPin => "ASK-PIN",
            Self::Connected => "CONNECTED",
            Self::HangUp => "HANGUP",
        }
    }

    /// True if the rule moves calls on to another record.
    const fn moves(self) -> bool {
        matches!(self, Self::Dialled | Self::Source(_))
    }
}

impl Route {
    /// The route of a call that has not come in.
    pub fn new() -> Self {
        Self::default()
    }

    /// The rules that were applied, in order.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// The ids of the destinations that were taken, in order.
    pub fn taken(&self) -> &[i64] {
        &self.taken
    }

    /// The rule that decided where the call is: the last that moved it.
    pub fn deciding(&self) -> Option<&Hop> {
        self.hops.iter().rfind(|hop| hop.rule.moves())
    }

    /// The last step, if routing has ended.
    pub fn end(&self) -> Option<&Step> {
        match &self.stage {
            Stage::Ended(step) => Some(step),
            _ => None,
        }
    }

    pub(super) fn has_taken(&self, destination: i64) -> bool {
        self.taken.contains(&destination)
    }

    /// Counts a hop; false if there may be no more.
    #[must_use]
    pub(super) fn count_hop(&mut self) -> bool {
        let may = self.visits < MAX_HOPS;
        self.visits += usize::from(may);
        may
    }

    pub(super) fn take(&mut self, destination: i64) {
        self.taken.push(destination);
    }

    /// Adds an entry.
    pub(super) fn explain(&mut self, hop: Hop) {
        self.hops.push(hop);
    }

    /// Adds an entry that explains what was not done, unless there are very many already.
    pub(super) fn note(&mut self, hop: impl FnOnce() -> Hop) {
        if self.hops.len() < MAX_NOTED {
            self.hops.push(hop());
        }
    }
}
