//! `[dynamic]`: what may be declared while the server runs, and by whom.
//!
//! ```toml
//! [dynamic]
//! max_records = 100000                       # in all
//! ttl = { min = "1s", max = "1d" }
//!
//! [[dynamic.records]]                        # a grant; several add up
//! zone   = "example.org"
//! names  = ["*.apps.example.org"]            # absent: every name of the zone
//! types  = ["A", "AAAA", "TXT"]              # absent: those of hosts and services
//! roles  = ["dns"]                           # at the control API; with neither tokens nor keys: dns and admin
//! tokens = ["external-dns"]                  # of [tokens]
//! keys   = ["external-dns"]                  # of [tsig], for updates by RFC 2136
//!
//! [[dynamic.objects]]                        # the same for services, monitors, regions and endpoints
//! kinds     = ["service", "endpoint"]        # absent: service, monitor, endpoint
//! names     = ["shop-*"]                     # absent: every name
//! hostnames = ["*.shop.example.org"]         # of services; absent: every hostname
//! roles     = ["operator"]                   # with no tokens either: admin
//! tokens    = ["terraform"]
//! ```
use toml::de::DeValue;

use crate::config::reader::Fields;
use crate::config::spec::{DynamicSpec, ObjectRuleSpec, RecordRuleSpec};
use crate::config::value::{self, Trouble};
use crate::dns::rr::rtype;
use crate::dns::text;
use crate::plan::{AccessRole, ObjectKind};

use super::acme::{pattern, seconds};
use super::{items, plain};

/// Roles that a rule may name: an admin has to be named as well, so that nobody declares unasked.
const ROLES: [(&str, AccessRole); 2] = [("dns", AccessRole::Dns), ("admin", AccessRole::Admin)];

/// Roles that a rule of objects may name.
const OBJECT_ROLES: [(&str, AccessRole); 3] = [
    ("operator", AccessRole::Operator),
    ("dns", AccessRole::Dns),
    ("admin", AccessRole::Admin),
];

const KINDS: [(&str, ObjectKind); 4] = [
    ("monitor", ObjectKind::Monitor),
    ("region", ObjectKind::Region),
    ("service", ObjectKind::Service),
    ("endpoint", ObjectKind::Endpoint),
];

/// Types that nobody may declare: an SOA is the zone itself, and the others are made by whoever signs it.
const NEVER: [u16; 8] = [
    rtype::SOA,
    rtype::RRSIG,
    rtype::NSEC,
    rtype::NSEC3,
    rtype::NSEC3PARAM,
    rtype::DNSKEY,
    rtype::CDS,
    rtype::CDNSKEY,
];

pub(super) fn dynamic(document: &mut Fields<'_, '_>) -> DynamicSpec {
    let Some(mut fields) = document.table("dynamic") else {
        return DynamicSpec::default();
    };
    let mut ttl = [None, None];
    if let Some(mut bounds) = fields.table("ttl") {
        ttl = [
            bounds.optional("min", seconds),
            bounds.optional("max", seconds),
        ];
        bounds.finish();
    }
    let spec = DynamicSpec {
        max_records: plain(fields.optional("max_records", value::number(1..=1_000_000))),
        ttl,
        records: fields
            .tables("records")
            .into_iter()
            .map(record_rule)
            .collect(),
        objects: fields
            .tables("objects")
            .into_iter()
            .map(object_rule)
            .collect(),
    };
    fields.finish();
    spec
}

fn record_rule(mut fields: Fields<'_, '_>) -> RecordRuleSpec {
    let spec = RecordRuleSpec {
        zone: fields.required("zone", r#""example.org""#, value::domain),
        names: items(fields.list("names", pattern)),
        types: items(fields.list("types", record_type)),
        roles: items(fields.list("roles", value::word(&ROLES))),
        tokens: items(fields.list("tokens", value::text)),
        keys: items(fields.list("keys", value::text)),
    };
    fields.finish();
    spec
}

fn object_rule(mut fields: Fields<'_, '_>) -> ObjectRuleSpec {
    let spec = ObjectRuleSpec {
        kinds: items(fields.list("kinds", value::word(&KINDS))),
        names: items(fields.list("names", value::text)),
        hostnames: items(fields.list("hostnames", pattern)),
        roles: items(fields.list("roles", value::word(&OBJECT_ROLES))),
        tokens: items(fields.list("tokens", value::text)),
    };
    fields.finish();
    spec
}

/// A type by its mnemonic, if it may be declared at all.
fn record_type(value: &DeValue<'_>) -> Result<u16, Trouble> {
    let text = value::text(value)?;
    let kind = text::type_number(&text).filter(|kind| !is_meta(*kind));
    let kind = kind.ok_or_else(|| {
        Trouble::new(format!("`{text}` is no type of records"))
            .with_help("write a mnemonic as \"A\" or \"TXT\", or \"TYPE1234\"")
    })?;
    match NEVER.contains(&kind) {
        true => Err(
            Trouble::new(format!("{text} cannot be declared")).with_help(
                "SOA is the zone's own, and what belongs to signatures is made by whoever signs",
            ),
        ),
        false => Ok(kind),
    }
}

/// Tells whether a type is of questions and of messages, never of data (RFC 6895, section 3.1).
fn is_meta(kind: u16) -> bool {
    kind == 0 || kind == rtype::OPT || (128..=255).contains(&kind)
}
