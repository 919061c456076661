//! Where challenges may stand: the zone of a name, the name that proves a domain, and what a wildcard
//! loses by a name that comes to exist.
//!
//! ```text
//! domain --owner--> name --place--> zone, or why none
//!                     '--uncovered--> what a wildcard no longer stands for
//! ```
//!
//! It is asked of zones as they are; who may set which names is an argument ([`Pattern`]), and what is
//! kept is not known here.
use thiserror::Error;

use super::pattern::{LABEL, Pattern, is_challenge};
use crate::dns::Name;
use crate::dns::rr::{RrSet, rtype};
use crate::dns::zone::{Found, Match, Zone, Zones};

/// Aliases that are followed one after the other.
const ALIASES: usize = 8;

/// Why a name has no such records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Misplaced {
    /// Another name.
    #[error(
        "only names that begin with _acme-challenge can be set, and those that `names` of `[acme]` lists"
    )]
    Label,
    /// Whoever wants it may set other names alone.
    #[error("it is none of the `names` that the key may set")]
    Unlisted,
    /// The zone has other records there, and the name was not meant in particular.
    #[error("the zone has records of its own there: list the name itself if it is meant")]
    Taken,
    /// It lies in none of our zones.
    #[error("it lies in none of our zones")]
    NotOurs,
    /// Others serve it.
    #[error("it is delegated to other name servers")]
    Delegated,
    /// The zone has an alias there.
    #[error("the zone has an alias there: set the name that it leads to")]
    Alias,
}

/// What a wildcard no longer stands for when a challenge is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncovered {
    /// The topmost name that comes to exist: neither it nor any name below is covered.
    pub name: Name,
    /// The wildcard.
    pub wildcard: Name,
}

/// The zone that a challenge for this name stands in, where somebody may set these names.
///
/// # Errors
/// Why it may stand in none.
pub fn place<'z>(
    zones: &'z Zones,
    name: &Name,
    patterns: &[Pattern],
) -> Result<&'z Zone, Misplaced> {
    let mut covering = patterns.iter().filter(|one| one.covers(name)).peekable();
    if covering.peek().is_none() {
        return Err(match patterns.contains(&Pattern::Challenges) {
            true => Misplaced::Label,
            false => Misplaced::Unlisted,
        });
    }
    let found = zones.find(name.as_wire(), rtype::TXT);
    let (zone, _) = found.ok_or(Misplaced::NotOurs)?;
    check_place(zone, name)?;
    let is_meant = is_challenge(name) || covering.any(|one| !matches!(one, Pattern::Below(_)));
    match is_meant || is_free(zone, name) {
        true => Ok(zone),
        false => Err(Misplaced::Taken),
    }
}

/// Whether a zone has nothing but texts at a name; those may be challenges that are laid over it.
fn is_free(zone: &Zone, name: &Name) -> bool {
    let is_text = |set: RrSet<'_>| set.rtype == rtype::TXT;
    !zone.is_mounted(name.as_wire()) && zone.rrsets(name.as_wire()).all(is_text)
}

/// The name that proves a domain: `_acme-challenge` below it, or where that is an alias the name that it
/// leads to, if it may be set; or the domain itself, where it is one of the listed names. A name that
/// is covered with all those beside it is taken to be one of them only if the zone has nothing there,
/// nor below, nor by a wildcard: a host of that zone has its `_acme-challenge` below like any other.
#[must_use]
pub fn owner(zones: &Zones, domain: &Name, patterns: &[Pattern]) -> Name {
    let is_listed = patterns.contains(&Pattern::Name(domain.clone()))
        || place(zones, domain, patterns).is_ok() && is_nothing_else(zones, domain);
    let own = match is_challenge(domain) || is_listed {
        true => Some(domain.clone()),
        false => prefixed(domain),
    };
    let own = own.unwrap_or_else(|| domain.clone());
    let mut name = own.clone();
    for _ in 0..ALIASES {
        if place(zones, &name, patterns).is_ok() {
            return name;
        }
        match alias(zones, &name) {
            Some(target) => name = target,
            None => return own,
        }
    }
    own
}

/// Whether a name does not exist, or has texts.
fn is_nothing_else(zones: &Zones, name: &Name) -> bool {
    zones
        .find(name.as_wire(), rtype::TXT)
        .is_some_and(|(zone, apex)| {
            let (found, trail) = zone.trace(name.as_wire(), apex, rtype::TXT);
            match found {
                Found::Nxdomain => true,
                Found::Answer(_) => trail.how == Match::Exact,
                Found::Cname(_)
                | Found::Dname { .. }
                | Found::Mounted(_)
                | Found::Nodata
                | Found::Referral { .. } => false,
            }
        })
}

/// `_acme-challenge` below a name; `None` if that is too long.
fn prefixed(name: &Name) -> Option<Name> {
    let length = u8::try_from(LABEL.len()).ok()?;
    Name::from_wire(&[&[length], LABEL, name.as_wire()].concat())
}

/// Where an alias at a name leads to.
fn alias(zones: &Zones, name: &Name) -> Option<Name> {
    let (zone, _) = zones.find(name.as_wire(), rtype::TXT)?;
    match zone.find(name.as_wire(), rtype::TXT) {
        Found::Cname(set) => Name::from_wire(set.records().next()?),
        Found::Answer(_)
        | Found::Dname { .. }
        | Found::Mounted(_)
        | Found::Referral { .. }
        | Found::Nodata
        | Found::Nxdomain => None,
    }
}

/// What a wildcard stands for no longer if a name comes to exist in these zones, in which it is not yet.
/// A name `_acme-challenge` that is covered itself is nothing to tell of.
#[must_use]
pub fn uncovered(zones: &Zones, name: &Name) -> Option<Uncovered> {
    let uncovered = covering(zones, name)?;
    (uncovered.name != *name || !is_challenge(name)).then_some(uncovered)
}

/// The wildcard that stands for a name.
fn covering(zones: &Zones, name: &Name) -> Option<Uncovered> {
    let (zone, apex) = zones.find(name.as_wire(), rtype::TXT)?;
    let (_, trail) = zone.trace(name.as_wire(), apex, rtype::TXT);
    if trail.how != Match::Wildcard {
        return None;
    }
    let encloser = name.as_wire().get(trail.encloser..)?;
    Some(Uncovered {
        name: Name::from_wire(name.as_wire().get(trail.next_closer..)?)?,
        wildcard: Name::from_wire(&[b"\x01*", encloser].concat())?,
    })
}

/// Whether a zone has a place for texts at a name of its own.
pub(super) fn check_place(zone: &Zone, name: &Name) -> Result<(), Misplaced> {
    match zone.find(name.as_wire(), rtype::TXT) {
        Found::Referral { .. } => Err(Misplaced::Delegated),
        // A wildcard's alias gives way to a name of its own.
        Found::Cname(_) if zone.rrsets(name.as_wire()).next().is_none() => Ok(()),
        Found::Cname(_) | Found::Dname { .. } => Err(Misplaced::Alias),
        Found::Answer(_) | Found::Mounted(_) | Found::Nodata | Found::Nxdomain => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dns::challenges::tests::{SOA, name, zones};
    use crate::dns::zone::Record;

    #[test]
    fn only_challenges_of_our_own_names_have_a_place() {
        let zones = zones();
        for (text, expected) in [
            ("_acme-challenge.www.z.test", Ok("z.test".to_owned())),
            ("_ACME-Challenge.z.test", Ok("z.test".to_owned())),
            ("_acme-challenge.fixed.z.test", Ok("z.test".to_owned())),
            ("_acme-challenge.wild.z.test", Ok("z.test".to_owned())),
            ("_acme-challenge.new.b.z.test", Ok("z.test".to_owned())),
            ("www.z.test", Err(Misplaced::Label)),
            ("x._acme-challenge.z.test", Err(Misplaced::Label)),
            ("_acme-challenge2.z.test", Err(Misplaced::Label)),
            (".", Err(Misplaced::Label)),
            ("_acme-challenge.other.test", Err(Misplaced::NotOurs)),
            ("_acme-challenge.sub.z.test", Err(Misplaced::Delegated)),
            ("_acme-challenge.a.sub.z.test", Err(Misplaced::Delegated)),
            ("_acme-challenge.alias.z.test", Err(Misplaced::Alias)),
            ("_acme-challenge.tree.z.test", Err(Misplaced::Alias)),
        ] {
            let found = place(&zones, &name(text), &[Pattern::Challenges])
                .map(|zone| zone.apex().to_string());
            assert_eq!(found, expected, "{text}");
        }
    }

    /// Two zones: one with hosts, one for challenges alone.
    fn delegated() -> Zones {
        let record = |owner: &str, rtype, rdata: &[u8]| Record {
            owner: name(owner),
            rtype,
            ttl: 30,
            rdata: rdata.to_vec(),
            line: 1,
        };
        let ns = b"\x02ns\x01z\x04test\0";
        let to = |target: &str| name(target).as_wire().to_vec();
        let address = [192, 0, 2, 1];
        let hosts = vec![
            record("z.test", rtype::SOA, SOA),
            record("z.test", rtype::NS, ns),
            record("host.z.test", rtype::A, &address),
            record("*.z.test", rtype::A, &address),
            record("b.z.test", rtype::TXT, b"\x01b"),
            record(
                "_acme-challenge.host.z.test",
                rtype::CNAME,
                &to("host.acme.test"),
            ),
            record("_acme-challenge.far.z.test", rtype::CNAME, &to("on.z.test")),
            record("on.z.test", rtype::CNAME, &to("far.acme.test")),
            record(
                "_acme-challenge.lost.z.test",
                rtype::CNAME,
                &to("x.other.test"),
            ),
            record(
                "_acme-challenge.loop.z.test",
                rtype::CNAME,
                &to("_acme-challenge.loop.z.test"),
            ),
        ];
        let own = vec![
            record("acme.test", rtype::SOA, SOA),
            record("acme.test", rtype::NS, ns),
            record("mail.acme.test", rtype::A, &address),
        ];
        let build = |apex: &str, records| {
            let mounts = [(name("www.z.test"), 1)];
            let mounts = if apex == "z.test" { &mounts[..] } else { &[] };
            Arc::new(Zone::build(&name(apex), records, mounts).unwrap())
        };
        Zones::new(vec![build("z.test", hosts), build("acme.test", own)])
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::of(&name(text))).collect()
    }

    #[test]
    fn a_listed_name_has_a_place_if_nothing_else_is_there() {
        let zones = delegated();
        let some = ["*.acme.test", "*.z.test", "mail.acme.test", "gone.test"];
        for (text, listed, expected) in [
            ("host.acme.test", &some[..], Ok("acme.test")),
            ("a.b.acme.test", &some, Ok("acme.test")),
            ("mail.acme.test", &some, Ok("acme.test")),
            ("mail.acme.test", &some[..1], Err(Misplaced::Taken)),
            ("www.z.test", &some, Err(Misplaced::Taken)),
            ("host.z.test", &some, Err(Misplaced::Taken)),
            ("b.z.test", &some, Ok("z.test")),
            ("acme.test", &some, Err(Misplaced::Unlisted)),
            ("_dmarc.acme.test", &some, Err(Misplaced::Unlisted)),
            ("_acme-challenge.new.z.test", &some, Ok("z.test")),
            ("_acme-challenge.host.z.test", &some, Err(Misplaced::Alias)),
            (
                "_acme-challenge.z.test",
                &some[..1],
                Err(Misplaced::Unlisted),
            ),
            ("gone.test", &some, Err(Misplaced::NotOurs)),
        ] {
            let found = place(&zones, &name(text), &patterns(listed));
            let found = found.map(|zone| zone.apex().to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
        let both = [vec![Pattern::Challenges], patterns(&some[..1])].concat();
        let found = place(&zones, &name("host.z.test"), &both);
        assert_eq!(found.map(|_| ()), Err(Misplaced::Label));
    }

    #[test]
    fn a_domain_is_proved_where_its_challenge_leads() {
        let zones = delegated();
        let listed = ["*.acme.test", "*.z.test", "a.z.test"];
        let patterns = [vec![Pattern::Challenges], patterns(&listed)].concat();
        for (domain, expected) in [
            ("host.z.test", "host.acme.test"),
            ("_ACME-challenge.host.z.test", "host.acme.test"),
            ("far.z.test", "far.acme.test"),
            ("www.z.test", "_acme-challenge.www.z.test"),
            // A host by the wildcard, but the one that is listed itself.
            ("new.z.test", "_acme-challenge.new.z.test"),
            ("a.z.test", "a.z.test"),
            ("z.test", "_acme-challenge.z.test"),
            ("host.acme.test", "host.acme.test"),
            ("mail.acme.test", "_acme-challenge.mail.acme.test"),
            ("lost.z.test", "_acme-challenge.lost.z.test"),
            ("loop.z.test", "_acme-challenge.loop.z.test"),
            ("x.other.test", "_acme-challenge.x.other.test"),
        ] {
            let found = owner(&zones, &name(domain), &patterns);
            assert_eq!(found, name(expected), "{domain}");
        }
        let long = name(&["a"; 127].join("."));
        assert_eq!(owner(&zones, &long, &patterns), long);
    }

    #[test]
    fn what_a_wildcard_no_longer_stands_for_is_known() {
        let zones = delegated();
        for (text, expected) in [
            ("_acme-challenge.new.z.test", Some("new.z.test")),
            ("_acme-challenge.a.New.z.test", Some("New.z.test")),
            ("new.z.test", Some("new.z.test")),
            ("_acme-challenge.z.test", None),
            ("_acme-challenge.b.z.test", None),
            ("_acme-challenge.www.z.test", None),
            ("b.z.test", None),
            ("_acme-challenge.new.acme.test", None),
            ("_acme-challenge.other.test", None),
        ] {
            let found = uncovered(&zones, &name(text));
            let expected = expected.map(|text| Uncovered {
                name: name(text),
                wildcard: name("*.z.test"),
            });
            assert_eq!(found, expected, "{text}");
        }
    }
}
