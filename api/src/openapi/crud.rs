//! The usual routes of a resource.

use std::marker::PhantomData;

use axum::handler::Handler;
use projections::View;

use super::{About, Routes, routes::Signature};
use crate::App;

/// The routes of a resource at `path`, which are read as rows of `V`: a collection with `create`
/// and `list`, and below it, by id, `read`, `update` and `delete`.
pub(crate) struct Crud<V> {
    routes: Routes,
    path: &'static str,
    kind: &'static str,
    row: PhantomData<fn() -> V>,
}

impl Routes {
    /// Begins the usual routes of things of this kind, whose id in paths is `{<kind>_id}`.
    pub fn crud<V: View>(path: &'static str, kind: &'static str) -> Crud<V> {
        Crud {
            routes: Self::new(),
            path,
            kind,
            row: PhantomData,
        }
    }
}

impl<V: View> Crud<V> {
    /// POST to the path: answers the new id.
    pub fn create<H, T>(self, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        let (path, about) = (self.path, about.id(self.kind));
        self.with(|routes| routes.post(path, handler, about))
    }

    /// GET of the path: answers rows.
    pub fn list<H, T>(self, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        let path = self.path;
        self.with(|routes| routes.get(path, handler, about))
    }

    /// GET of one: answers its row.
    pub fn read<H, T>(self, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        let path = self.one();
        self.with(|routes| routes.get(&path, handler, about.row::<V>()))
    }

    /// PUT of one: answers its row.
    pub fn update<H, T>(self, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        let path = self.one();
        self.with(|routes| routes.put(&path, handler, about.row::<V>()))
    }

    /// DELETE of one, also spelt as a GET: answers the id.
    pub fn delete<H, T>(self, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        let (path, about) = (self.one(), about.id(self.kind));
        self.with(|routes| {
            let routes = routes.delete(&path, handler, about);
            routes.alias("GET", format!("{path}/delete"))
        })
    }

    /// The routes, for others to be added.
    pub fn done(self) -> Routes {
        self.routes
    }

    fn one(&self) -> String {
        format!("{}/{{{}_id}}", self.path, self.kind)
    }

    fn with(self, add: impl FnOnce(Routes) -> Routes) -> Self {
        Self {
            routes: add(self.routes),
            ..self
        }
    }
}
