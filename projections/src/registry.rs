//! The lists of all projections and views, put together from those of the areas. A projection or a
//! view that is in no list does not compile.

use crate::{Projection, ViewVisitor, access, delivery, outreach, pbx, people};

/// All projections, in the order of their names.
pub fn all() -> Vec<Box<dyn Projection>> {
    let areas = [
        access::projections(),
        delivery::projections(),
        outreach::projections(),
        pbx::projections(),
        people::projections(),
    ];
    let mut all: Vec<_> = areas.into_iter().flatten().collect();
    all.sort_by_key(|projection| projection.name());
    all
}

/// Visits all views.
pub fn views(visitor: &mut impl ViewVisitor) {
    access::views(visitor);
    delivery::views(visitor);
    outreach::views(visitor);
    pbx::views(visitor);
    people::views(visitor);
}
