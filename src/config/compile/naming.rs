//! Machines that are known by name: what does not go together in what is said of them.
//!
//! The fence of a strict service is one of regions, so whoever answers for the name of a machine must be under the law of the
//! machine's region. Nobody can see that of a name, so it has to be stated, and the proof rests on the statement.
//! A name that is steered here would be asked for through itself.
use std::collections::BTreeMap;

use super::places::Places;
use super::services::Draft;
use super::tls;
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::naming::HostnameSpec;
use crate::config::reader::At;
use crate::config::spec::{EndpointSpec, Spec};
use crate::dns::Name;
use crate::plan::{AddressesDown, ProbedBy, Residency, Resolving};

/// Judges all machines that are known by name.
pub(super) fn check(
    (spec, places): (&Spec, &Places<'_>),
    drafts: &[Draft<'_>],
    found: &mut Diagnostics,
) {
    for (own, written) in places.endpoints.iter().zip(&places.written) {
        let Some(hostname) = &written.hostname else {
            check_addressed(written, found);
            continue;
        };
        check_target(spec, &hostname.name, found);
        check_law(hostname, (places, own.region.index()), found);
    }
    check_statements(places, found);
    for draft in drafts {
        for id in &draft.endpoints {
            let written = places.written[id.index()];
            if let Some(hostname) = &written.hostname {
                check_strict(draft, written, hostname, found);
                check_signed(draft, written, hostname, found);
            }
        }
    }
}

/// One name leads to the same machines wherever it is written.
fn check_statements(places: &Places<'_>, found: &mut Diagnostics) {
    let mut stated: BTreeMap<&Name, &str> = BTreeMap::new();
    let hostnames = places
        .written
        .iter()
        .filter_map(|own| own.hostname.as_ref());
    for own in hostnames {
        let Some(law) = &own.jurisdiction else {
            continue;
        };
        let before = *stated.entry(&own.name.value).or_insert(&law.value);
        if before != law.value {
            let message = format!("`{}` is stated to be in `{before}` too", own.name.value);
            found.error(&law.at, message).help(
                "a name leads to the same machines for both: each law needs a name of its own",
            );
        }
    }
}

fn check_addressed(written: &EndpointSpec, found: &mut Diagnostics) {
    if let Some(by) = &written.probe().by
        && by.value == ProbedBy::Name
    {
        found
            .warn(&by.at, "this machine has no name to be probed by")
            .help("leave the key away, or give the machine a `hostname` in place of addresses");
    }
}

/// A name that is steered here leads to itself; one in a zone of ours fails with us.
pub(super) fn check_target(spec: &Spec, name: &At<Name>, found: &mut Diagnostics) {
    let services = spec.services.iter();
    let steers = |own: &Name| {
        *own == name.value
            || own.is_wildcard()
                && Name::from_wire(own.as_wire().get(2..).unwrap_or_default())
                    .is_some_and(|parent| name.value.is_within(&parent) && name.value != parent)
    };
    let mut hostnames =
        services.flat_map(|service| service.hostnames.iter().map(move |own| (service, own)));
    if let Some((service, _)) = hostnames.find(|(_, own)| steers(&own.value)) {
        let message = format!("`{}` is steered here: it leads to itself", name.value);
        found
            .error(&name.at, message)
            .label(format!(
                "it is a hostname of service `{}`",
                service.name.value
            ))
            .help("write the name that whoever runs the machine gives it");
        return;
    }
    let mut zones = spec.zones.iter().filter_map(|zone| zone.name.as_ref());
    if let Some(zone) = zones.find(|zone| name.value.is_within(&zone.value)) {
        let message = format!(
            "`{}` is in zone `{}`, which is served here",
            name.value, zone.value
        );
        found.warn(&name.at, message).help(
            "it cannot be resolved while this server is not: write the address, if it is yours",
        );
    }
}

/// The law that is stated for a machine is that of its region.
fn check_law(
    hostname: &HostnameSpec,
    (places, region): (&Places<'_>, usize),
    found: &mut Diagnostics,
) {
    let Some(stated) = &hostname.jurisdiction else {
        return;
    };
    let own = &places.regions[region];
    let law = own
        .jurisdiction
        .map(|law| &*places.jurisdictions[law.index()].name);
    if law.is_some_and(|law| law != stated.value) {
        let message = format!(
            "`{}` is stated to be in `{}`, and its region `{}` is in `{}`",
            hostname.name.value,
            stated.value,
            own.name,
            law.unwrap_or_default(),
        );
        found
            .error(&stated.at, message)
            .help("put the machine into a region under that law: fences are drawn around regions");
    }
}

fn check_strict(
    draft: &Draft<'_>,
    written: &EndpointSpec,
    hostname: &HostnameSpec,
    found: &mut Diagnostics,
) {
    if draft.spec.residency.value != Residency::Strict || hostname.jurisdiction.is_some() {
        return;
    }
    let message = format!(
        "strict service `{}` is answered with `{}`, and nothing says under which law that is",
        draft.spec.name.value, hostname.name.value
    );
    found
        .error(&hostname.name.at, message)
        .label("whoever answers for that name chooses where it leads")
        .help(format!(
            "write `jurisdiction = \"…\"` beside it if all that `{}` can lead to is inside the fence, or use a machine with addresses",
            written.name.value
        ));
}

/// All parts of up to sixteen addresses are too many to sign.
fn check_signed(
    draft: &Draft<'_>,
    written: &EndpointSpec,
    hostname: &HostnameSpec,
    found: &mut Diagnostics,
) {
    let own = written.addresses_down.as_ref();
    let said = own.or(draft.spec.addresses_down.as_ref());
    if let Some(said) = said.filter(|said| said.value == AddressesDown::Address)
        && draft.is_signed
    {
        let message = format!(
            "addresses of `{}` cannot leave one by one in a signed zone",
            hostname.name.value
        );
        found
            .error(&said.at, message)
            .label("which addresses it has is not known beforehand, and every part of them would have to be signed")
            .help("leave the key away (all are answered while one is up), or write `addresses_down = \"endpoint\"`");
    }
}

/// The resolvers that are asked for addresses.
pub(super) fn resolving(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Resolving {
    let own = &spec.resolvers;
    let roots = own.roots.as_ref();
    let roots = roots.and_then(|path| tls::part(path, spec, files, found, tls::roots));
    Resolving {
        servers: own.servers.iter().map(|one| one.value.clone()).collect(),
        roots: roots.unwrap_or_default(),
        timeout: own.timeout,
        bounds: own.bounds,
        private: own.private,
    }
}
