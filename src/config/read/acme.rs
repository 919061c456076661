//! `[acme]`: who may set challenges by updates, which, and how long they stay.
//!
//! ```toml
//! [acme]
//! keys = ["certbot", "lego"]          # each may set every `_acme-challenge` name
//!
//! [acme.keys.certbot]                 # or a table for each: it may set these names and no others
//! names = ["*.acme.example.net", "_acme-challenge.www.example.org"]
//! ```
//!
//! `names` of `[acme]` itself are those of the keys that have none of their own.
use toml::de::DeValue;

use crate::base::Span;
use crate::config::reader::{At, Fields, Shape};
use crate::config::spec::{AcmeKeySpec, AcmeSpec};
use crate::config::value::{self, Trouble};
use crate::dns::Name;
use crate::plan::Acme;

use super::{items, plain};

pub(super) fn acme(document: &mut Fields<'_, '_>) -> AcmeSpec {
    let Some(mut fields) = document.table("acme") else {
        return AcmeSpec::default();
    };
    let spec = AcmeSpec {
        configured: true,
        keys: keys(&mut fields),
        names: names(&mut fields),
        expire: plain(fields.optional("expire", seconds)).unwrap_or(Acme::EXPIRE),
        ttl: plain(fields.optional("ttl", seconds)).unwrap_or(Acme::TTL),
    };
    fields.finish();
    spec
}

/// A list of keys, or a table for each.
fn keys(acme: &mut Fields<'_, '_>) -> Vec<AcmeKeySpec> {
    if acme.shape("keys") != Some(Shape::Table) {
        let list = items(acme.list("keys", value::text));
        let keys = list.into_iter();
        return keys.map(|name| AcmeKeySpec { name, names: None }).collect();
    }
    let mut keys = Vec::new();
    for (name, mut fields) in acme.named("keys", "key") {
        keys.push(AcmeKeySpec {
            name,
            names: names(&mut fields),
        });
        fields.finish();
    }
    keys
}

/// `names = […]`, if it is there; one without any name would grant nothing, or all.
fn names(fields: &mut Fields<'_, '_>) -> Option<Vec<At<Name>>> {
    fields.key("names")?;
    let example = r#"["*.acme.example.net", "_acme-challenge.www.example.org"]"#;
    Some(fields.required_list("names", example, pattern))
}

/// A name; `*` may be its first label, before others.
pub(super) fn pattern(value: &DeValue<'_>) -> Result<Name, Trouble> {
    let name = value::domain(value)?;
    let is_lost = name.labels().skip(1).any(|label| label == b"*");
    match is_lost || name.is_wildcard() && name.labels().nth(1).is_none() {
        true => Err(Trouble::new(format!("`{name}` stands for no names"))
            .with_help("`*` is the first label of a name: \"*.acme.example.net\"")),
        false => Ok(name),
    }
}

/// A time that a TTL can tell.
pub(super) fn seconds(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span >= Span::from_secs(1) && span.0.is_multiple_of(1000) {
        true => Ok(span),
        false => Err(
            Trouble::new(format!("{span} is not a number of whole seconds"))
                .with_help("1s is the least"),
        ),
    }
}
