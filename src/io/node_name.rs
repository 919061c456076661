//! The name of this node in what it tells: log lines, messages, samples of answers.
//!
//! `[server] identity`, if the config has one, and otherwise the name of the machine.
use std::sync::{Arc, PoisonError, RwLock};

/// The name, as the config in force has it.
#[derive(Clone, Debug)]
pub struct NodeName(Arc<RwLock<Arc<str>>>);

impl NodeName {
    /// By this identity of a config.
    #[must_use]
    pub fn of(identity: Option<&str>) -> Self {
        Self(Arc::new(RwLock::new(chosen(identity))))
    }

    /// Another config is in force.
    pub fn set(&self, identity: Option<&str>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = chosen(identity);
    }

    /// The name.
    #[must_use]
    pub fn get(&self) -> Arc<str> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for NodeName {
    fn default() -> Self {
        Self::of(None)
    }
}

fn chosen(identity: Option<&str>) -> Arc<str> {
    match identity {
        Some(identity) => identity.into(),
        None => rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .as_ref()
            .into(),
    }
}
