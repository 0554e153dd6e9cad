//! Routes and their descriptions, side by side.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    routing::{self, MethodFilter, MethodRouter},
};

use super::{About, Describe, Sketch, about::alias};
use crate::{App, authorization::Owned, extract::FORM};

/// The content types of JSON bodies.
pub(crate) const JSON: &[&str] = &["application/json", "application/*+json"];

/// An operation as it was registered.
pub(crate) struct Operation {
    /// The method, in upper case.
    pub method: &'static str,
    /// The path, as the router has it.
    pub path: String,
    /// The description by the handler's parameters.
    pub sketch: Sketch,
    /// The description by hand.
    pub about: About,
    serve: Serve,
}

/// Makes the handler of an operation serve a method.
type Serve = Arc<dyn Fn(MethodFilter) -> MethodRouter<App> + Send + Sync>;

/// The properties of a route that requests are held to before its handler runs.
#[derive(Debug)]
pub(crate) struct Registered {
    /// True if a request can change something: every method but GET, every GET whose
    /// handler takes a `Writer`, and every other spelling of those.
    pub changes: bool,
    /// The permissions that are needed, all of them, and whose things each is for.
    pub permissions: Vec<(String, Owned)>,
    /// The content types that a body may have, `*` standing for any type or subtype.
    /// None if the body is not read.
    pub content_types: Option<&'static [&'static str]>,
    /// True if its answers are in the envelope of the documented PBX API.
    pub enveloped: bool,
}

impl Registered {
    /// True if a success answers a secret, of which no copy may be kept.
    pub fn reads_secret(&self) -> bool {
        let mut needed = self.permissions.iter();
        needed.any(|(permission, _)| permission.ends_with("_secret"))
    }
}

/// The routes of a resource, an area or everything.
#[derive(Default)]
pub(crate) struct Routes {
    operations: Vec<Operation>,
}

impl Routes {
    /// An empty set of routes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A route for GET.
    pub fn get<H, T>(self, path: &str, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        self.add("GET", path, handler, about)
    }

    /// A route for POST.
    pub fn post<H, T>(self, path: &str, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        self.add("POST", path, handler, about)
    }

    /// A route for PUT.
    pub fn put<H, T>(self, path: &str, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        self.add("PUT", path, handler, about)
    }

    /// A route for DELETE.
    pub fn delete<H, T>(self, path: &str, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        self.add("DELETE", path, handler, about)
    }

    /// Adds other spellings of the route before, each with its method: `GET /send`.
    pub fn aliases(self, spellings: &'static [&'static str]) -> Self {
        let parts = spellings.iter().filter_map(|it| it.split_once(' '));
        parts.fold(self, |routes, (method, path)| {
            routes.alias(method, path.to_owned())
        })
    }

    /// Adds another spelling of the route before.
    pub(super) fn alias(self, method: &'static str, path: String) -> Self {
        let mut before = self.operations.iter().rev();
        let Some(original) = before.find(|it| it.about.alias_of.is_none()) else {
            return self;
        };
        let spelling = original.spelt(method, path);
        self.push(spelling)
    }

    /// Adds the same routes once more as other spellings, under `other` in the place of `prefix`.
    pub fn spelt_also(self, prefix: &str, other: &str) -> Self {
        let again = self.operations.iter().filter_map(|it| {
            let rest = it.path.strip_prefix(prefix)?;
            Some(it.spelt(it.method, format!("{other}{rest}")))
        });
        let again: Vec<Operation> = again.collect();
        again.into_iter().fold(self, Self::push)
    }

    /// Adds the routes of `others`.
    pub fn merge(mut self, others: Self) -> Self {
        self.operations.extend(others.operations);
        self
    }

    /// The router that axum serves.
    pub fn into_router(self) -> Router<App> {
        let routes = self.operations.into_iter();
        routes.fold(Router::new(), |router, it| {
            router.route(&it.path, it.served())
        })
    }

    /// The operations as they were registered.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The properties of each route, with its method and path.
    pub fn registered(&self) -> impl Iterator<Item = (&'static str, String, Registered)> {
        self.operations
            .iter()
            .map(|it| (it.method, it.path.clone(), self.properties(it)))
    }

    fn properties(&self, operation: &Operation) -> Registered {
        let named = |of: &str| {
            let same = |it: &&Operation| of.split_once(' ') == Some((it.method, it.path.as_str()));
            self.operations.iter().find(same)
        };
        let original = operation.about.alias_of.as_deref().and_then(named);
        let changes = |it: &Operation| it.method != "GET" || it.sketch.changes;
        let content_types = match &operation.sketch {
            sketch if sketch.bytes => Some(original.unwrap_or(operation).about.takes),
            sketch if sketch.form => Some(FORM),
            sketch if sketch.fields.is_some() => Some(JSON),
            _ => None,
        };
        Registered {
            changes: changes(operation) || original.is_some_and(changes),
            permissions: operation.sketch.needed().collect(),
            content_types,
            enveloped: original.unwrap_or(operation).about.enveloped,
        }
    }

    fn add<H, T>(self, method: &'static str, path: &str, handler: H, about: About) -> Self
    where
        H: Handler<T, App> + Signature<T>,
        T: 'static,
    {
        self.push(Operation {
            method,
            path: path.to_owned(),
            sketch: H::sketch(),
            about,
            serve: Arc::new(move |method| routing::on(method, handler.clone())),
        })
    }

    fn push(mut self, mut operation: Operation) -> Self {
        if operation.method != "GET" || operation.sketch.changes {
            operation.sketch.refuses(&[403, 415]);
        }
        self.operations.push(operation);
        self
    }
}

impl Operation {
    /// Another spelling of the same operation, or of the one that this is a spelling of.
    fn spelt(&self, method: &'static str, path: String) -> Self {
        let itself = || Cow::Owned(format!("{} {}", self.method, self.path));
        Self {
            method,
            path,
            sketch: self.sketch.clone(),
            about: alias(self.about.alias_of.clone().unwrap_or_else(itself)),
            serve: Arc::clone(&self.serve),
        }
    }

    fn served(&self) -> MethodRouter<App> {
        (self.serve)(match self.method {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        })
    }
}

/// A handler whose parameters can be described. `T` is as in axum's [`Handler`].
pub(crate) trait Signature<T> {
    /// The description by all parameters together.
    fn sketch() -> Sketch;
}

impl<F, Fut> Signature<((),)> for F
where
    F: FnOnce() -> Fut,
{
    fn sketch() -> Sketch {
        Sketch::default()
    }
}

/// Implements [`Signature`] for handlers with these parameters.
macro_rules! signature {
    ($($parameter:ident),+) => {
        impl<F, Fut, M, $($parameter),+> Signature<(M, $($parameter,)+)> for F
        where
            F: FnOnce($($parameter),+) -> Fut,
            $($parameter: Describe,)+
        {
            fn sketch() -> Sketch {
                let mut sketch = Sketch::default();
                $($parameter::describe(&mut sketch);)+
                sketch
            }
        }
    };
}
signature!(A);
signature!(A, B);
signature!(A, B, C);
signature!(A, B, C, D);
