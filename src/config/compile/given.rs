//! Leave for answers of strict services to go out by zone transfer (promise 2).
//!
//! A secondary answers everybody alike, with the addresses that a steered name has for one client
//! (`render_for`): for a strict service that is a way out of its fence. So its hostnames have no addresses in what
//! leaves until the config says whom the secondaries answer: `render_strict` names a jurisdiction, and then what
//! leaves must be inside what the clients of that one may be given. That the secondaries do answer nobody else is the
//! operator's word; `waypost verify` proves the rest.
//!
//! Without the word it is unsettled and not wrong: everything else goes on.
use std::net::IpAddr;

use super::places::Places;
use super::services::Draft;
use super::transfer::{Transfer, client_where};
use super::zones::Loaded;
use crate::base::{JurisdictionId, JurisdictionSet, ServiceId};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::config::reader::At;
use crate::config::spec::{Spec, TransferSpec};
use crate::dns::zone::service_number;
use crate::geo::Atlas;
use crate::plan::{Plan, Residency};

/// Takes over whom secondaries answer, for every zone that is given, or asks for it.
pub(super) fn settle(
    spec: &Spec,
    (places, drafts): (&Places<'_>, &[Draft<'_>]),
    zones: &[Loaded],
    transfers: &mut [Transfer],
    found: &mut Diagnostics,
) {
    for loaded in zones {
        let written = spec.zones[loaded.number].transfer.as_ref();
        let Some((written, transfer)) = written.zip(transfers.get_mut(loaded.number)) else {
            continue;
        };
        let strict = strict(loaded, drafts);
        let word = written.render_strict.as_ref();
        match (word, strict.first()) {
            (None, None) => {}
            (Some(word), None) => {
                found
                    .warn(&word.at, "`render_strict` has no effect here")
                    .help("the zone has no hostname of a service with residency = \"strict\"")
                    .rests_on(Gap::Content("services"));
            }
            (Some(word), Some(_)) => {
                let place = places.jurisdiction_names.find(word, found);
                let law = place.and_then(|place| u8::try_from(place).ok());
                if let Some(outgoing) = &mut transfer.outgoing {
                    outgoing.render_strict = law.map(JurisdictionId);
                }
            }
            (None, Some(service)) => ask(written, &drafts[service.index()], found),
        }
    }
}

/// The strict services whose hostnames lie in a zone.
fn strict(loaded: &Loaded, drafts: &[Draft<'_>]) -> Vec<ServiceId> {
    let mounted = loaded
        .mounts
        .names
        .iter()
        .map(|(_, mount)| ServiceId(service_number(*mount)));
    let is_strict = |id: &ServiceId| {
        let draft = drafts.get(id.index());
        draft.is_some_and(|draft| draft.spec.residency.value == Residency::Strict)
    };
    mounted.filter(is_strict).collect()
}

fn ask(written: &TransferSpec, draft: &Draft<'_>, found: &mut Diagnostics) {
    let message = format!(
        "secondaries answer everybody with what strict service `{}` answers one client",
        draft.spec.name.value
    );
    found
        .unsettled(&written.at, message)
        .label("until it says whom they answer: they are given no addresses of it")
        .help(
            "write `render_strict = \"…\"` in it with the jurisdiction whose clients the secondaries answer, and no \
             others; or move the service's hostnames to a zone without `transfer`",
        )
        .rests_on(Gap::Content("services"));
}

/// Has zones rendered for a client of the jurisdiction, where it is not written for whom.
pub(super) fn render(
    spec: &Spec,
    (places, atlas): (&Places<'_>, &Atlas),
    zones: &[Loaded],
    transfers: &mut [Transfer],
) {
    for loaded in zones {
        let written = spec.zones[loaded.number].transfer.as_ref();
        let is_open = written.is_some_and(|written| written.render_for.is_none());
        let transfer = transfers.get_mut(loaded.number);
        let Some(outgoing) = transfer.and_then(|transfer| transfer.outgoing.as_mut()) else {
            continue;
        };
        let law = outgoing.render_strict.filter(|_| is_open);
        if let Some(client) = law.and_then(|law| client_under(places, atlas, law)) {
            outgoing.render_for = client;
        }
    }
}

fn client_under(places: &Places<'_>, atlas: &Atlas, law: JurisdictionId) -> Option<IpAddr> {
    let mut territories = places.jurisdictions.get(law.index())?.territories();
    territories.find_map(|own| {
        client_where(atlas, |place| {
            let is_there = place.country == Some(own.country);
            is_there
                && (!own.is_part() || place.subdivision == Some(own))
                && places.law_at(place) == Some(law)
        })
    })
}

/// Checks that what leaves is inside what the clients of the jurisdiction may be given.
pub(super) fn check(
    spec: &Spec,
    (places, plan): (&Places<'_>, &Plan),
    drafts: &[Draft<'_>],
    (zones, transfers): (&[Loaded], &[Transfer]),
    found: &mut Diagnostics,
) {
    for loaded in zones {
        let written = spec.zones[loaded.number].transfer.as_ref();
        let word = written.and_then(|written| written.render_strict.as_ref());
        let outgoing = transfers
            .get(loaded.number)
            .and_then(|transfer| transfer.outgoing.as_ref());
        let Some((word, outgoing)) = word.zip(outgoing) else {
            continue;
        };
        let Some(law) = outgoing.render_strict else {
            continue;
        };
        let allowed = places.fence_of(law);
        for service in strict(loaded, drafts) {
            let class = plan.class_of(service, outgoing.render_for);
            let fence = plan.class(service, class).fence;
            if fence.0 & !allowed.0 != 0 {
                refuse(word, &drafts[service.index()], fence, places, found);
            }
        }
    }
}

fn refuse(
    word: &At<String>,
    draft: &Draft<'_>,
    fence: JurisdictionSet,
    places: &Places<'_>,
    found: &mut Diagnostics,
) {
    let message = format!(
        "strict service `{}` is rendered for a client who may be answered from outside `{}`",
        draft.spec.name.value, word.value
    );
    let numbered = (0..).map(JurisdictionId).zip(&places.jurisdictions);
    let inside = numbered.filter(|(id, _)| fence.contains(Some(*id)));
    let inside: Vec<&str> = inside.map(|(_, own)| own.name.as_str()).collect();
    let lies = match fence == JurisdictionSet::EVERYWHERE {
        true => "anywhere".to_owned(),
        false => format!("in {}", inside.join(", ")),
    };
    found
        .error(&word.at, message)
        .label(format!("its answer may lie {lies}"))
        .help("let `render_for` be a client of this jurisdiction, or omit it")
        .rests_on(Gap::Content("services"));
}
