//! Records that follow the choice: whose each RRset is, and what cannot stand together.
//!
//! What a client is told must not change its meaning with the choice, so a type that a zone file has at the same
//! name is refused here, and a name that may be answered with a CNAME is refused by its zone if it is an apex or has other
//! data ([`crate::dns::zone::MAY_ALIAS`]). An RRset of a region or an endpoint that no choice leads to is told: it is most
//! likely a slip.
//!
//! A machine that is known by its name has a CNAME to it, which is an RRset of that endpoint like any other.
use std::collections::BTreeMap;

use super::places::Places;
use super::services::Draft;
use super::zones::Loaded;
use crate::base::limits::{RECORD_SET_BYTES, STEERED_ANSWERS, TIER_SUBSETS};
use crate::base::{Family, RegionId};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::records::RecordsSpec;
use crate::config::spec::Spec;
use crate::dns::rr::{DetachedSet, rtype};
use crate::dns::text::type_name;
use crate::dns::zone::service_number;
use crate::dns::{Name, svcb};
use crate::plan::{ChosenRecords, ChosenSet, Endpoint, Hints, RecordType, Residency, Whose};

/// The records of each service.
pub(super) fn resolve(
    drafts: &[Draft<'_>],
    places: &Places<'_>,
    found: &mut Diagnostics,
) -> Vec<ChosenRecords> {
    let each = drafts.iter().map(|draft| {
        let records = of_service(draft, places, found);
        check_alias(draft, &records, found);
        check_hints(draft, &records, found);
        check_strict(draft, found);
        records
    });
    each.collect()
}

fn of_service(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) -> ChosenRecords {
    let mut all: BTreeMap<u16, BTreeMap<Whose, ChosenSet>> = BTreeMap::new();
    for id in &draft.endpoints {
        let own = &places.endpoints[id.index()];
        if let Some(set) = of_hostname(draft, own) {
            let aliases = all.entry(rtype::CNAME).or_default();
            aliases.insert(Whose::Endpoint(*id), set);
        }
    }
    for written in &draft.spec.records {
        let whose = whose(written, draft, places, found);
        let (Some(rtype), Some(whose)) = (&written.rtype, whose) else {
            continue;
        };
        let Some(set) = set(written, (draft, rtype.value), found) else {
            continue;
        };
        let own = all.entry(rtype.value).or_default();
        if own.insert(whose, set).is_some() {
            let name = type_name(rtype.value);
            found
                .error(
                    &written.at,
                    format!("a second RRset of type {name} for the same choice"),
                )
                .help("join the values: an RRset has one list of them");
        }
    }
    let types = all.into_iter().map(|(rtype, sets)| RecordType {
        rtype,
        sets: sets.into_iter().collect(),
    });
    ChosenRecords {
        types: types.collect(),
    }
}

/// The CNAME of a machine that is known by its name, unless it is answered with its addresses: because that is asked for, or because
/// no CNAME can stand where the service is mounted.
fn of_hostname(draft: &Draft<'_>, endpoint: &Endpoint) -> Option<ChosenSet> {
    let named = endpoint.named.as_ref();
    let named = named.filter(|own| !own.flatten && !draft.flattens)?;
    let ttl = draft.spec.ttl_max.as_secs();
    Some(ChosenSet {
        records: DetachedSet::new(rtype::CNAME, ttl, &[named.name.as_wire().to_vec()]),
        hints: Hints::AsWritten,
    })
}

/// The choice that an RRset belongs to; told if no choice leads there.
fn whose(
    written: &RecordsSpec,
    draft: &Draft<'_>,
    places: &Places<'_>,
    found: &mut Diagnostics,
) -> Option<Whose> {
    let service = &draft.spec.name.value;
    match (&written.region, &written.endpoint) {
        (Some(_), Some(endpoint)) => {
            found
                .error(
                    &endpoint.at,
                    "an RRset belongs to a region or to an endpoint, and both are here",
                )
                .help("keep one of them: an endpoint lies in one region");
            None
        }
        (Some(name), None) => {
            let region = RegionId::from_index(places.region_names.find(name, found)?);
            if !draft.regions.contains(&region) {
                let message = format!("`{service}` has no endpoint in `{}`", name.value);
                found
                    .error(&name.at, message)
                    .help("nobody would be given this: name a region that the service has endpoints in")
                    .rests_on(Gap::Content("regions"));
            }
            Some(Whose::Region(region))
        }
        (None, Some(name)) => {
            let mut known = draft.endpoints.iter();
            let own = known.find(|id| places.endpoints[id.index()].name == name.value);
            if own.is_none() {
                let message = format!("`{service}` has no endpoint `{}`", name.value);
                let names = draft.endpoints.iter();
                let names = names.map(|id| places.endpoints[id.index()].name.as_str());
                let help = match crate::base::similar(&name.value, names) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name an endpoint that the service may be answered with".to_owned(),
                };
                found
                    .error(&name.at, message)
                    .help(help)
                    .rests_on(Gap::Content("regions"))
                    .rests_on(Gap::Content("services"));
            }
            own.copied().map(Whose::Endpoint)
        }
        (None, None) => Some(Whose::Everybody),
    }
}

fn set(
    written: &RecordsSpec,
    (draft, kind): (&Draft<'_>, u16),
    found: &mut Diagnostics,
) -> Option<ChosenSet> {
    let first = written.values.first()?;
    let records: Vec<Vec<u8>> = written.values.iter().map(|one| one.value.clone()).collect();
    let octets: usize = records.iter().map(Vec::len).sum();
    if octets > RECORD_SET_BYTES {
        found
            .error(&first.at, format!("these values take {octets} octets"))
            .help(format!("{RECORD_SET_BYTES} is the most of one RRset"));
        return None;
    }
    for (place, one) in written.values.iter().enumerate() {
        if written.values[..place]
            .iter()
            .any(|other| other.value == one.value)
        {
            found
                .error(&one.at, "this value is listed twice")
                .help("remove one of them");
        }
    }
    if let (rtype::CNAME, Some(second)) = (kind, written.values.get(1)) {
        found
            .error(&second.at, "a second CNAME")
            .help("a name has at most one (RFC 2181, 10.1)");
    }
    let ttl = written.ttl.unwrap_or(draft.spec.ttl_max).as_secs();
    Some(ChosenSet {
        hints: hints(written, (kind, &records), found),
        records: DetachedSet::new(kind, ttl, &records),
    })
}

fn hints(
    written: &RecordsSpec,
    (kind, records): (u16, &[Vec<u8>]),
    found: &mut Diagnostics,
) -> Hints {
    let Some(asked) = written.hints.as_ref().filter(|asked| asked.value) else {
        return Hints::AsWritten;
    };
    if !matches!(kind, rtype::SVCB | rtype::HTTPS) {
        found
            .error(
                &asked.at,
                format!("records of type {} have no hints", type_name(kind)),
            )
            .help("hints belong to HTTPS and SVCB (RFC 9460, 7.3)");
    } else if records.iter().any(|rdata| svcb::has_hints(rdata)) {
        found
            .error(&asked.at, "the values have hints already")
            .help("leave `ipv4hint` and `ipv6hint` out of the values, or `hints` away");
    } else if !records.iter().any(|rdata| svcb::takes_hints(rdata)) {
        found
            .error(
                &asked.at,
                "no value has this name as its target, so none gets hints",
            )
            .help("write a value such as \"1 . alpn=h2,h3\": `.` is the name itself");
    }
    Hints::Chosen
}

/// One answer names one CNAME.
fn check_alias(draft: &Draft<'_>, records: &ChosenRecords, found: &mut Diagnostics) {
    let answers = &draft.spec.answers;
    if records.may_alias() && answers.value > 1 {
        let message = format!(
            "`{}` may answer with a CNAME, of which a name has one, and `answers` is {}",
            draft.spec.name.value, answers.value
        );
        found
            .error(&answers.at, message)
            .help("write `answers = 1`, or give the machines addresses");
    }
}

/// Records with hints that are signed beforehand are one for each choice of addresses.
fn check_hints(draft: &Draft<'_>, records: &ChosenRecords, found: &mut Diagnostics) {
    let has_hints = |kind: &&RecordType| {
        let mut sets = kind.sets.iter();
        sets.any(|(_, set)| set.hints == Hints::Chosen)
    };
    let kinds = records.types.iter().filter(has_hints).count();
    let most = draft.endpoints.len().max(TIER_SUBSETS) * usize::from(draft.spec.answers.value);
    if draft.is_signed && kinds * most * 2 * Family::ALL.len() > STEERED_ANSWERS {
        let message = format!(
            "service `{}` may give too many different records with hints to sign them beforehand",
            draft.spec.name.value
        );
        found
            .error(&draft.spec.answers.at, message)
            .help("lower `answers`, or leave `hints` away");
    }
}

/// A name leads out of what is proved, so a strict service rests on whoever answers for it.
fn check_strict(draft: &Draft<'_>, found: &mut Diagnostics) {
    if draft.spec.residency.value != Residency::Strict {
        return;
    }
    let is_alias = |own: &&RecordsSpec| {
        let kind = own.rtype.as_ref().map(|kind| kind.value);
        kind == Some(rtype::CNAME)
    };
    let aliases = draft.spec.records.iter().filter(is_alias);
    for target in aliases.filter_map(|own| own.values.first()) {
        let Some(name) = Name::from_wire(&target.value) else {
            continue;
        };
        let message = format!(
            "strict service `{}` rests on whoever answers for `{name}`",
            draft.spec.name.value
        );
        found
            .warn(&target.at, message)
            .label("no fence is proved for what that name leads to")
            .help("see to it that it leads to places inside of the fence, whoever asks");
    }
}

/// Refuses types that a zone has at a name of the service already.
pub(super) fn check_zones(spec: &Spec, zones: &[Loaded], found: &mut Diagnostics) {
    let numbered = (0..).zip(&spec.services);
    let hostnames = numbered.flat_map(|(number, service)| {
        let all = service.hostnames.iter();
        all.map(move |name| (name, (number, service)))
    });
    for (name, (number, service)) in hostnames {
        // Of the versions of a zone only those count in which the service has the name.
        let has = |loaded: &&Loaded| {
            let mut own = loaded.mounts.names.iter();
            own.any(|(mounted, mount)| *mounted == name.value && service_number(*mount) == number)
        };
        let holds = |kind: u16| {
            let mut zones = zones.iter().filter(has);
            zones.any(|loaded| loaded.holds(&name.value, kind))
        };
        for written in &service.records {
            let Some(kind) = &written.rtype else { continue };
            if kind.value != rtype::CNAME && holds(kind.value) {
                let kind_name = type_name(kind.value);
                let message = format!("the zone has a static {kind_name} at `{}`", name.value);
                found
                    .error(&kind.at, message)
                    .help(
                        "a type at a name is static or follows the choice: remove it there or here",
                    )
                    .once();
            }
        }
    }
}
