//! The lists of all projections and views, put together from those of the areas. A projection or a
//! view that is in no list does not compile.

use crate::{Projection, View, access, delivery, outreach, people};

/// All projections, in the order of their names.
pub fn all() -> Vec<Box<dyn Projection>> {
    let areas = [
        access::projections(),
        delivery::projections(),
        outreach::projections(),
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
    people::views(visitor);
}

/// Something that is done with every view.
pub trait ViewVisitor {
    /// Visits one view.
    fn visit<V: View>(&mut self);
}

/// A projection or a view that is in the list of its area.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is in no list of projections and views",
    note = "add it to `registered!` in its area's mod.rs"
)]
pub trait Registered {}

/// Makes the lists of an area, `projections()` and `views()`.
macro_rules! registered {
    (projections: $($projection:ident),+; views: $($view:ty),+;) => {
        $(impl $crate::Registered for $projection {})+
        $(impl $crate::Registered for $view {})+

        /// The area's projections.
        pub(crate) fn projections() -> Vec<Box<dyn $crate::Projection>> {
            vec![$(Box::new($projection)),+]
        }

        /// Visits the area's views.
        pub(crate) fn views(visitor: &mut impl $crate::ViewVisitor) {
            $(visitor.visit::<$view>();)+
        }
    };
}
pub(crate) use registered;
