//! Secrets that the nodes of a cluster have agreed on: they are used where the config says nothing itself.
use std::collections::BTreeMap;
use std::fmt;

use crate::base::{HashKey, Secret};
use crate::dns::Name;
use crate::dns::cookie;

/// Secrets that the nodes of a cluster have agreed on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AgreedSecrets {
    /// Those with which cookies are checked; the first makes them.
    pub cookies: Vec<cookie::Secret>,
    /// The key by which clients fall into cohorts.
    pub cohort: Option<HashKey>,
    /// The secrets of TSIG keys, in base64.
    pub tsig: BTreeMap<Name, Secret>,
}

impl AgreedSecrets {
    /// A number for all of them; 0 for none.
    #[must_use]
    pub fn digest(&self) -> u64 {
        if *self == Self::default() {
            return 0;
        }
        let cookies = self.cookies.iter().flat_map(|own| own.0);
        let cohort = self.cohort.iter().flat_map(|key| key.0.to_be_bytes());
        let tsig = self.tsig.iter().flat_map(|(name, own)| {
            let hash = HashKey::from_secret(name.as_wire()).hash(own.0.as_bytes());
            hash.to_be_bytes()
        });
        let all: Vec<u8> = cookies.chain(cohort).chain(tsig).collect();
        HashKey::from_secret(b"agreed secrets").hash(&all)
    }
}

/// Shown without the secrets.
impl fmt::Debug for AgreedSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.cookies.len() + usize::from(self.cohort.is_some()) + self.tsig.len();
        write!(out, "({count} secrets)")
    }
}
