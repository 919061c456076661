//! `[acme]`, its keys found.
use super::names::Names;
use crate::config::diagnostic::Diagnostics;
use crate::config::spec::Spec;
use crate::plan::Acme;

/// Who may set challenges.
pub(super) fn acme(spec: &Spec, found: &mut Diagnostics) -> Acme {
    let names = spec.tsig.iter().map(|key| key.name.value.as_str());
    let keys = Names::new("key", names);
    Acme {
        keys: keys.find_all(&spec.acme.keys, found),
        expire: spec.acme.expire,
        ttl: spec.acme.ttl,
    }
}
