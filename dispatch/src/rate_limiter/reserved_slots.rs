//! The reserved slots of one line: taken, and not begun yet.

use std::collections::VecDeque;

use domain::delivery::Spacing;
use tokio::time::Instant;

use super::clock_offset::Window;

/// Slots in their order.
#[derive(Default)]
pub(super) struct ReservedSlots {
    slots: VecDeque<Window>,
    /// The beginning of the last slot that was given away.
    last: Option<Instant>,
    /// The least distance that any of the slots was taken at.
    narrowest: Option<Spacing>,
}

impl ReservedSlots {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The beginning of the next slot.
    pub fn next(&self) -> Option<Instant> {
        self.slots.front().map(|slot| slot.from)
    }

    /// The beginning of the last slot.
    pub fn end(&self) -> Option<Instant> {
        self.slots.back().map(|slot| slot.from)
    }

    pub fn extend(&mut self, slots: Vec<Window>) {
        for slot in slots {
            let known = self.narrowest.filter(|_| !self.slots.is_empty());
            self.narrowest = Some(known.map_or(slot.spacing, |known| known.min(slot.spacing)));
            self.slots.push_back(slot);
        }
    }

    /// The next slot, if it has begun.
    pub fn begun(&mut self, now: Instant) -> Option<Window> {
        let slot = self.slots.pop_front_if(|slot| slot.from <= now)?;
        self.last = Some(slot.from);
        Some(slot)
    }

    /// Drops the slots that are too close together for a spacing wider than the one that they
    /// were taken at: no attempt starts at a pace that does not hold any more.
    pub fn widen(&mut self, spacing: Spacing) {
        if self.narrowest.is_none_or(|narrowest| narrowest >= spacing) {
            return;
        }
        let mut last = self.last;
        self.slots.retain_mut(|slot| {
            // A slot taken at that distance or a longer one has it from all before it.
            let is_far = slot.spacing >= spacing
                || last.is_none_or(|last| slot.from >= last + spacing.duration());
            if is_far {
                last = Some(slot.from);
                slot.widen(spacing);
            }
            is_far
        });
        self.narrowest = Some(spacing);
    }
}
