//! Protection of zones by DNSSEC: that it is signed, how, and how careful its rollovers are.
//!
//! Another algorithm, another folder of keys or another division of keys starts a rollover or breaks the chain of trust, so none of
//! them is taken unasked, in either direction.
use crate::audit::compare::LossKind;
use crate::plan::{Denial, Division, Expired, ZoneDnssec};

use super::found::{Decisions, Findings};

pub(super) fn judge([before, after]: [Decisions<'_>; 2], found: &mut Findings) {
    for zone in &before.zoning.zones {
        let Some(next) = after.zoning.zone(&zone.id) else {
            continue;
        };
        let of = format!("zone {}", zone.id);
        match (&zone.dnssec, &next.dnssec) {
            (Some(_), None) => found.tell(LossKind::Signing, &of, ["signed", "not signed"]),
            (Some(own), Some(next)) => policy(&of, own, next, found),
            (None, _) => {}
        }
    }
}

fn policy(of: &str, before: &ZoneDnssec, after: &ZoneDnssec, found: &mut Findings) {
    let ZoneDnssec {
        keys,
        denial,
        algorithm,
        division,
        zsk_lifetime,
        ksk_lifetime,
        signature_validity,
        expired,
        margin,
        // How long it is cached is not how well it protects.
        dnskey_ttl: _,
        parent_ds_ttl,
        propagation,
    } = before;
    let kind = LossKind::Signing;
    if *keys != after.keys {
        let change = [keys, &after.keys].map(|one| format!("keys in {}", one.display()));
        found.tell(kind, of, change);
    }
    if *algorithm != after.algorithm {
        let change = [algorithm, &after.algorithm].map(|one| format!("{one:?}"));
        found.tell(kind, of, change);
    }
    if *division != after.division {
        let word = |division| match division {
            Division::Combined => "one key",
            Division::Split => "KSK and ZSK",
        };
        found.tell(kind, of, [*division, after.division].map(word));
    }
    if (*denial, after.denial) == (Denial::Nsec3, Denial::Nsec) {
        found.tell(kind, of, ["NSEC3", "NSEC"]);
    }
    if (*expired, after.expired) == (Expired::Refuse, Expired::Serve) {
        let change = ["refuses expired signatures", "serves them"];
        found.tell(kind, of, change);
    }
    for (what, own, next) in [
        ("ZSK", zsk_lifetime, &after.zsk_lifetime),
        ("KSK", ksk_lifetime, &after.ksk_lifetime),
    ] {
        let is_longer = next.is_none_or(|next| own.is_some_and(|own| next > own));
        if own.is_some() && is_longer {
            let told = |span: &Option<_>| {
                span.map_or("for ever".to_owned(), |span: crate::base::Span| {
                    span.to_string()
                })
            };
            let change = [own, next].map(|span| format!("{what} {}", told(span)));
            found.tell(kind, of, change);
        }
    }
    let key = |word: &str| format!("{word} of {of}");
    let change = [*signature_validity, after.signature_validity];
    found.rise(kind, &key("signature_validity"), change);
    found.fall(kind, &key("margin"), [*margin, after.margin]);
    let change = [*parent_ds_ttl, after.parent_ds_ttl];
    found.fall(kind, &key("parent_ds_ttl"), change);
    found.fall(kind, &key("propagation"), [*propagation, after.propagation]);
}
