//! The list of an area: its projections and views, each of which is in a list or does not compile.

use crate::View;

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
