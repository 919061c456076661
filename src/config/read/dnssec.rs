//! `[[zones]] dnssec`: how a zone is signed.
//!
//! An empty table is enough: the defaults are those of [`ZoneDnssec::with_keys`]. What is checked
//! here is only what would never work, whatever the zone holds: a margin that eats the signature,
//! a lifetime of nothing. How fast a key can be rolled depends on TTLs, and is the policy's to say.
use toml::de::DeValue;

use crate::base::Span;
use crate::config::reader::{At, Fields};
use crate::config::spec::DnssecSpec;
use crate::config::value::{self, Trouble};
use crate::dns::dnssec::Algorithm;
use crate::plan::{Denial, Division, Expired, ZoneDnssec};

use super::path;

const DENIALS: &[(&str, Denial)] = &[("nsec", Denial::Nsec), ("nsec3", Denial::Nsec3)];
const ALGORITHMS: &[(&str, Algorithm)] = &[
    (Algorithm::EcdsaP256.name(), Algorithm::EcdsaP256),
    (Algorithm::Ed25519.name(), Algorithm::Ed25519),
    (Algorithm::RsaSha256.name(), Algorithm::RsaSha256),
];
const ENDS: &[(&str, Expired)] = &[("refuse", Expired::Refuse), ("serve", Expired::Serve)];
/// The folder of a zone that names none.
const KEYS: &str = "keys";
/// Signatures must outlive the steps of signing anew, which are minutes apart at times.
const VALIDITY_LEAST: Span = Span::from_secs(60);
/// The longest TTL that resolvers keep to (RFC 8767, section 4).
const TTL_MOST: Span = Span::from_secs(7 * 24 * 3600);

pub(super) fn dnssec(zone: &mut Fields<'_, '_>) -> Option<DnssecSpec> {
    let mut fields = zone.table("dnssec")?;
    let keys = fields.optional("keys", path).unwrap_or_else(|| At {
        value: KEYS.to_owned(),
        at: fields.at(),
    });
    let mut policy = ZoneDnssec::with_keys(Default::default());
    set(
        &mut fields,
        "denial",
        value::word(DENIALS),
        &mut policy.denial,
    );
    set(
        &mut fields,
        "algorithm",
        value::word(ALGORITHMS),
        &mut policy.algorithm,
    );
    set(&mut fields, "split", division, &mut policy.division);
    set(
        &mut fields,
        "expired",
        value::word(ENDS),
        &mut policy.expired,
    );
    set(
        &mut fields,
        "ksk_lifetime",
        lifetime,
        &mut policy.ksk_lifetime,
    );
    if policy.division == Division::Combined {
        unused_lifetime(&mut fields);
    }
    set(
        &mut fields,
        "zsk_lifetime",
        lifetime,
        &mut policy.zsk_lifetime,
    );
    set(&mut fields, "dnskey_ttl", ttl, &mut policy.dnskey_ttl);
    set(&mut fields, "parent_ds_ttl", ttl, &mut policy.parent_ds_ttl);
    set(
        &mut fields,
        "propagation",
        value::long_span,
        &mut policy.propagation,
    );
    signatures(&mut fields, &mut policy);
    fields.finish();
    Some(DnssecSpec { keys, policy })
}

/// Takes a value if one is given.
fn set<T>(
    fields: &mut Fields<'_, '_>,
    key: &'static str,
    parse: impl Fn(&DeValue<'_>) -> Result<T, Trouble>,
    place: &mut T,
) {
    if let Some(given) = fields.optional(key, parse) {
        *place = given.value;
    }
}

/// How long signatures are valid, and what is left of them when it is too late.
fn signatures(fields: &mut Fields<'_, '_>, policy: &mut ZoneDnssec) {
    let validity = fields.optional("signature_validity", value::long_span);
    let margin = fields.optional("margin", value::long_span);
    let reader = fields.reader();
    if let Some(given) = &validity {
        policy.signature_validity = given.value;
        if given.value < VALIDITY_LEAST {
            let message = format!("{} is too short for a signature", given.value);
            reader.error(&given.at, message, |found| {
                found.help(format!(
                    "it can be {VALIDITY_LEAST} at the least; two weeks are usual"
                ));
            });
        }
    }
    let most = Span(policy.signature_validity.0 / 4);
    match &margin {
        Some(given) if given.value > most => {
            let message = format!("{} is too much of a signature's life", given.value);
            reader.error(&given.at, message, |found| {
                found.help(format!(
                    "signatures are made anew at half of their life; a quarter of it, {most}, is the most"
                ));
            });
        }
        Some(given) => policy.margin = given.value,
        None => policy.margin = policy.margin.min(most),
    }
}

/// A ZSK's lifetime where there is no ZSK.
fn unused_lifetime(fields: &mut Fields<'_, '_>) {
    if let Some(at) = fields.key("zsk_lifetime") {
        let message = "`zsk_lifetime` has no effect on a zone with one key";
        let help = "write `split = true` for a KSK and a ZSK, or `ksk_lifetime` for the one key";
        fields.reader().warn(&at, message, help);
    }
}

fn division(value: &DeValue<'_>) -> Result<Division, Trouble> {
    value::boolean(value).map(|split| match split {
        true => Division::Split,
        false => Division::Combined,
    })
}

/// A duration, or `unlimited`.
fn lifetime(value: &DeValue<'_>) -> Result<Option<Span>, Trouble> {
    if value.as_str() == Some("unlimited") {
        return Ok(None);
    }
    let help = "write \"90d\", or \"unlimited\" to roll it by hand";
    match value::long_span(value).map_err(|trouble| trouble.with_help(help))? {
        Span::ZERO => Err(Trouble::new("a key that lives no time signs nothing").with_help(help)),
        span => Ok(Some(span)),
    }
}

/// A TTL in whole seconds.
fn ttl(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::long_span(value)?;
    match (1000..=TTL_MOST.0).contains(&span.0) && span.0.is_multiple_of(1000) {
        true => Ok(span),
        false => Err(Trouble::new(format!("{span} is not a TTL"))
            .with_help("a TTL is in whole seconds, 1s to 7d")),
    }
}
