//! `[acme]`: who may set `_acme-challenge` names by updates, and how long they stay.
use toml::de::DeValue;

use crate::base::Span;
use crate::config::reader::Fields;
use crate::config::spec::AcmeSpec;
use crate::config::value::{self, Trouble};
use crate::plan::Acme;

use super::{items, plain};

pub(super) fn acme(document: &mut Fields<'_, '_>) -> AcmeSpec {
    let Some(mut fields) = document.table("acme") else {
        return AcmeSpec::default();
    };
    let spec = AcmeSpec {
        keys: items(fields.list("keys", value::text)),
        expire: plain(fields.optional("expire", seconds)).unwrap_or(Acme::EXPIRE),
        ttl: plain(fields.optional("ttl", seconds)).unwrap_or(Acme::TTL),
    };
    fields.finish();
    spec
}

/// A time that a TTL can tell.
fn seconds(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span >= Span::from_secs(1) && span.0.is_multiple_of(1000) {
        true => Ok(span),
        false => Err(
            Trouble::new(format!("{span} is not a number of whole seconds"))
                .with_help("1s is the least"),
        ),
    }
}
