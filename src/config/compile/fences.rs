//! Whether a strict service can answer everybody inside the fence of each (promise 1).
//!
//! A fence is judged here, not when clients are sorted into classes: whether a strict service
//! can answer everybody follows from its regions and the law alone, and the message can name the
//! clients who are left without an endpoint.
//!
//! A strict service must say where clients of unknown place may be answered from. If it does
//! not, they are answered from anywhere, which may be what its operator wants or what breaks the
//! law for some of them; so that is unsettled, not wrong.
use std::fmt::Write as _;

use super::places::Places;
use super::services::Draft;
use crate::base::{JurisdictionId, JurisdictionSet, RegionId};
use crate::config::diagnostic::{Diagnostics, Gap};
use crate::geo::Territory;
use crate::plan::{Jurisdiction, Residency};

/// Judges the fences of one service.
pub(super) fn check(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) {
    check_failover(draft, found);
    if draft.spec.residency.value != Residency::Strict {
        refuse_needless(draft, found);
        return;
    }
    ask_for_unknown(draft, found);
    if draft.regions.is_empty() {
        return;
    }
    for (id, jurisdiction) in (0..).map(JurisdictionId).zip(&places.jurisdictions) {
        let is_claimed = |region: &RegionId| {
            let mut territories = jurisdiction.territories();
            territories.all(|own| draft.steering.claims_territory(*region, own))
        };
        if !reaches(draft, places.fence_of(id), places, is_claimed) {
            report_law(draft, jurisdiction, places, found);
        }
    }
    report_lands(draft, places, found);
}

fn refuse_needless(draft: &Draft<'_>, found: &mut Diagnostics) {
    let given = [
        ("outside", &draft.spec.outside),
        ("unknown", &draft.spec.unknown),
    ];
    for (key, lands) in given {
        if let Some(lands) = lands {
            found
                .warn(&lands.at, format!("`{key}` has no effect here"))
                .help("only a service with residency = \"strict\" has fences")
                .rests_on(Gap::Content("services"));
        }
    }
}

fn ask_for_unknown(draft: &Draft<'_>, found: &mut Diagnostics) {
    let spec = draft.spec;
    if spec.unknown.is_some() {
        return;
    }
    let message = format!(
        "strict service `{}` must say where clients of unknown place may be answered from",
        spec.name.value
    );
    found
        .unsettled(&spec.residency.at, message)
        .label("until it does: from anywhere")
        .help(
            "write `unknown = \"any\"` to go on answering them from anywhere, or a list of \
             jurisdictions such as `unknown = [\"EEA\"]`",
        )
        .rests_on(Gap::Content("services"));
}

/// Clients of this jurisdiction have no endpoint inside their fence.
fn report_law(draft: &Draft<'_>, law: &Jurisdiction, places: &Places<'_>, found: &mut Diagnostics) {
    let name = &law.name;
    let others = law.may_use.iter();
    let others = others.map(|one| format!(" and `{}`", places.jurisdictions[one.index()].name));
    let others: String = others.collect();
    let message = format!(
        "service `{}` has no endpoint for clients in `{name}` ({})",
        draft.spec.name.value,
        examples(&law.territories().collect::<Vec<_>>())
    );
    found
        .error(&draft.spec.residency.at, message)
        .label(format!("their data may lie in `{name}`{others} only"))
        .help(format!(
            "give it an endpoint in a region there, or name in `may_use` of `{name}` where else it \
             may lie; residency = \"prefer\" would let it lie anywhere"
        ))
        .rests_on(Gap::Names("jurisdictions"))
        .rests_on(Gap::Names("regions"));
}

/// The same of clients for whom no jurisdiction is known.
fn report_lands(draft: &Draft<'_>, places: &Places<'_>, found: &mut Diagnostics) {
    let (spec, inside) = (draft.spec, (draft.outside, draft.unknown));
    for (key, lands, fence, who) in [
        (
            "outside",
            &spec.outside,
            inside.0,
            "outside every jurisdiction",
        ),
        ("unknown", &spec.unknown, inside.1, "of unknown place"),
    ] {
        let Some(lands) = lands else { continue };
        if fence == JurisdictionSet::EMPTY || reaches(draft, fence, places, |_| false) {
            continue;
        }
        let service = &spec.name.value;
        let message = format!("service `{service}` has no endpoint for clients {who}");
        found
            .error(&lands.at, message)
            .label("it has none inside these")
            .help(format!(
                "`{key}` needs a jurisdiction where the service has endpoints"
            ))
            .rests_on(Gap::Names("jurisdictions"))
            .rests_on(Gap::Names("regions"));
    }
}

/// Clients whom nobody claims have no endpoint where every region takes those alone whom it claims.
fn check_failover(draft: &Draft<'_>, found: &mut Diagnostics) {
    let mut regions = draft.regions.iter();
    if draft.regions.is_empty() || regions.any(|one| draft.steering.takes_failover(*one)) {
        return;
    }
    let name = &draft.spec.name;
    let message = format!(
        "service `{}` has no endpoint for clients whom no region claims",
        name.value
    );
    found
        .error(&name.at, message)
        .label("none of its regions takes failover")
        .help("give it an endpoint in a region that takes failover")
        .rests_on(Gap::Names("regions"));
}

/// Whether the service has an endpoint inside a fence, or one whose law is misspelt and may be, in a region that takes
/// these clients.
fn reaches(
    draft: &Draft<'_>,
    fence: JurisdictionSet,
    places: &Places<'_>,
    is_claimed: impl Fn(&RegionId) -> bool,
) -> bool {
    let inside = |region: &RegionId| {
        let law = places.regions[region.index()].jurisdiction;
        let is_open = draft.steering.takes_failover(*region) || is_claimed(region);
        is_open && (fence.contains(law) || places.unknown_law.contains(region))
    };
    draft.regions.iter().any(inside)
}

/// Some countries, for a message.
fn examples(countries: &[Territory]) -> String {
    let mut text = String::new();
    for country in countries.iter().take(3) {
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}{country}").expect("a string takes all that is written to it");
    }
    match countries.len().saturating_sub(3) {
        0 => text,
        more => format!("{text} and {more} more countries"),
    }
}
