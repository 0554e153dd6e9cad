//! Which subscribers share a lane.

use super::LaneKind;

/// Assigns a lane to each subscriber. With two lanes or more the urgent ones do not wait for
/// others, and with three or more small ones do not wait for heavy ones.
pub(super) fn assign(kinds: &[LaneKind], lanes: usize) -> Vec<usize> {
    let heavy = kinds.iter().filter(|kind| **kind == LaneKind::Heavy);
    let lanes = lanes.clamp(1, 2 + heavy.count());
    let heavy_lanes = lanes.saturating_sub(2);
    let mut heavy = 0;
    let lane = |kind: &LaneKind| match kind {
        LaneKind::Urgent => lanes.min(2) - 1,
        LaneKind::Heavy if heavy_lanes > 0 => {
            heavy += 1;
            2 + (heavy - 1) % heavy_lanes
        }
        LaneKind::Small | LaneKind::Heavy => 0,
    };
    kinds.iter().map(lane).collect()
}

#[cfg(test)]
mod tests {
    use super::{LaneKind::*, *};

    const KINDS: [LaneKind; 6] = [Small, Heavy, Urgent, Small, Heavy, Heavy];

    #[test]
    fn one_lane_takes_all() {
        assert_eq!(assign(&KINDS, 1), [0; 6]);
    }

    #[test]
    fn urgent_ones_wait_for_no_others_in_two_lanes() {
        assert_eq!(assign(&KINDS, 2), [0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn small_ones_wait_for_no_heavy_ones_in_three_lanes() {
        assert_eq!(assign(&KINDS, 3), [0, 2, 1, 0, 2, 2]);
    }

    #[test]
    fn heavy_ones_go_alone_where_there_are_lanes() {
        assert_eq!(assign(&KINDS, 4), [0, 2, 1, 0, 3, 2]);
        assert_eq!(assign(&KINDS, 99), [0, 2, 1, 0, 3, 4]);
    }
}
