//! The endpoints of this process: what the providers of a protocol share, such as a socket that
//! listens, and what outlives changes of their settings.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Endpoints, one of each type. Each is opened by the provider that first needs it and kept as long
/// as the process: a provider that changes or goes leaves it to the others, and what is in progress
/// on it goes on.
#[derive(Default)]
pub struct Endpoints(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Endpoints {
    /// The endpoint of this type, opened if it is not open yet.
    pub fn get_or_open<T: Send + Sync + 'static>(&self, open: impl FnOnce() -> T) -> Arc<T> {
        let mut endpoints = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = endpoints.get(&TypeId::of::<T>());
        if let Some(endpoint) = known.and_then(|it| Arc::clone(it).downcast().ok()) {
            return endpoint;
        }
        let endpoint = Arc::new(open());
        endpoints.insert(TypeId::of::<T>(), endpoint.clone());
        endpoint
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_opened_once_and_kept() {
        let endpoints = Endpoints::default();
        drop(endpoints.get_or_open(|| 1_u8));
        assert_eq!(*endpoints.get_or_open(|| 2_u8), 1);
        assert_eq!(*endpoints.get_or_open(|| 3_u16), 3);
    }
}
