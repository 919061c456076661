//! Keys that this server shares with others.
use crate::dns::Name;
use crate::dns::tsig::{Algorithm, Key, secret};

use super::Secret;

/// A shared key (RFC 8945), as `[tsig.NAME]` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigKey {
    /// What both sides call it; a domain name.
    pub name: Name,
    /// How MACs are made.
    pub algorithm: Algorithm,
    /// The secret in base64, checked when the config was compiled; absent while it is to come from other nodes.
    pub secret: Option<Secret>,
}

impl TsigKey {
    /// The key, ready for use; nothing without a secret.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        let secret = secret(&self.secret.as_ref()?.0)?;
        Some(Key::new(self.name.clone(), self.algorithm, &secret))
    }
}
