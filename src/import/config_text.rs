//! A draft as the text of a config.
//!
//! What was lost stands at the top, as comments, so that it goes wherever the config goes. Everything that the draft leaves
//! open is left to defaults, so that the text holds what was translated and nothing else.
//!
//! It does not know what a config can say: the draft that it writes holds nothing that it cannot.
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::draft::{
    DraftMember, DraftPool, DraftService, DraftSteering, ImportDraft, MemberTarget, PlaceLists,
};
use super::remark::RemarkKind;
use super::toml_text::{comment, key, list, quoted, slug, unique};

/// Most endpoints in an answer.
const ANSWERS: usize = 16;

/// The whole config.
pub(super) fn write(draft: &ImportDraft) -> String {
    let mut text = head(draft);
    text += "[server]\nlisten = [\"127.0.0.1:5300\", \"[::1]:5300\"]\n";
    text += "\n[geo]\n";
    text += &comment("A MaxMind-format file; \"embedded\" is coarse, and knows countries only.");
    let database = draft.database.as_deref().unwrap_or("embedded");
    text += &pair("database", &quoted(database));
    for zone in draft.zones.values() {
        text += "\n[[zones]]\n";
        text += &pair("name", &quoted(zone.apex().trim_end_matches('.')));
        text += &pair("file", &quoted(&zone.path()));
        for ((name, target), types) in zone.aliases() {
            text += "\n[[zones.aliases]]\n";
            text += &pair("name", &quoted(name));
            text += &pair("target", &quoted(target));
            if types.len() == 1 {
                text += &pair("types", &list(types));
            }
        }
    }
    for region in draft.regions() {
        let (north, east) = draft.locations.get(&region).copied().unwrap_or_default();
        write!(
            text,
            "\n[regions.{}]\nlocation = [{north:?}, {east:?}]\n",
            key(&region)
        )
        .expect(WRITES);
    }
    for (name, keys) in &draft.monitors {
        write!(text, "\n[monitors.{}]\n", key(name)).expect(WRITES);
        text.extend(keys.iter().map(|(name, value)| pair(name, value)));
    }
    let mut taken = BTreeSet::new();
    let mut names = BTreeSet::new();
    for service in &draft.services {
        text += &self::service(service, &mut taken, &mut names);
    }
    text
}

const WRITES: &str = "a string takes all that is written to it";

fn head(draft: &ImportDraft) -> String {
    let mut text = comment(
        "Written by `waypost import`. Check it: `waypost check`, `waypost verify`, `waypost explain`.",
    );
    text += &comment(
        "Each region counts as a provider of its own; state who runs what, so that `plan` and `verify` know it.",
    );
    let words = [
        (RemarkKind::Lost, "Lost in translation:"),
        (RemarkKind::Note, "To be known:"),
    ];
    for (kind, title) in words {
        let mut remarks = draft
            .remarks
            .iter()
            .filter(|remark| remark.kind == kind)
            .peekable();
        if remarks.peek().is_some() {
            text += &format!("#\n{}", comment(title));
        }
        text.extend(remarks.map(|remark| comment(&format!("  {remark}"))));
    }
    text + "\n"
}

fn pair(name: &str, value: &str) -> String {
    format!("{} = {value}\n", key(name))
}

fn service(
    service: &DraftService,
    taken: &mut BTreeSet<String>,
    names: &mut BTreeSet<String>,
) -> String {
    let own = unique(&service.name, names);
    let mut text = format!("\n[services.{}]\n", key(&own));
    let hostnames = service
        .hostnames
        .iter()
        .map(|name| name.trim_end_matches('.'));
    text += &pair("hostnames", &list(hostnames));
    if !service.monitors.is_empty() {
        text += &pair("monitors", &list(&service.monitors));
    }
    if service.answers > 1 {
        text += &pair("answers", &service.answers.min(ANSWERS).to_string());
    }
    if let Some(percent) = service.min_up {
        text += &pair("min_up", &quoted(&format!("{percent}%")));
    }
    if let Some((least, most)) = service.ttl {
        let least = least.map(|least| format!("min = \"{least}s\", "));
        text += &pair(
            "ttl",
            &format!("{{ {}max = \"{most}s\" }}", least.unwrap_or_default()),
        );
    }
    for pool in &service.pools {
        for member in &pool.members {
            text += &endpoint(&own, pool, member, taken);
        }
    }
    if service.pools.len() > 1 {
        text += &steering(&own, &service.steering);
    }
    text
}

fn endpoint(
    service: &str,
    pool: &DraftPool,
    member: &DraftMember,
    taken: &mut BTreeSet<String>,
) -> String {
    let name = unique(
        &format!("{service}-{}-{}", pool.region, slug(&member.label)),
        taken,
    );
    let mut text = format!("\n[[services.{}.endpoints]]\n", key(service));
    text += &pair("name", &quoted(&name));
    text += &pair("region", &quoted(&pool.region));
    text += &pair("provider", &quoted(&pool.region));
    if member.tier > 1 {
        text += &pair("tier", &member.tier.to_string());
    }
    if pool
        .members
        .iter()
        .any(|other| other.weight != member.weight)
    {
        text += &pair("weight", &member.weight.to_string());
    }
    if member.is_disabled {
        text += "enabled = false\n";
    }
    match &member.target {
        MemberTarget::Addresses(addresses) => {
            text += &pair(
                "addresses",
                &list(addresses.iter().map(ToString::to_string)),
            );
        }
        MemberTarget::Hostname(name) => {
            text += &pair("hostname", &quoted(name.trim_end_matches('.')));
        }
    }
    if let Some(address) = member.probe {
        text += &pair("probe", &format!("{{ address = \"{address}\" }}"));
    }
    if let Some(monitors) = &member.monitors {
        text += &pair("monitors", &list(monitors));
    }
    text
}

fn steering(service: &str, steering: &DraftSteering) -> String {
    let table = format!("services.{}.steering", key(service));
    let mut text = format!("\n[{table}]\n");
    match steering {
        DraftSteering::Everyone(order) => {
            text += "policy = \"order\"\n";
            text += &pair("order", &list(order));
            text += "fallback = { closed = true }\n";
        }
        DraftSteering::Nearest(bias) => {
            text += "policy = \"nearest\"\n";
            let bias = bias
                .iter()
                .map(|(region, percent)| format!("{} = {percent}", key(region)));
            let bias: Vec<String> = bias.collect();
            if !bias.is_empty() {
                text += &pair("bias", &format!("{{ {} }}", bias.join(", ")));
            }
        }
        DraftSteering::Weights(shares) => {
            text += "policy = \"weight\"\n";
            let shares = shares
                .iter()
                .map(|(region, share)| format!("{} = {share}", key(region)));
            let shares: Vec<String> = shares.collect();
            text += &pair("weights", &format!("{{ {} }}", shares.join(", ")));
        }
        DraftSteering::ByPlace(lists) => text += &by_place(&table, lists),
    }
    text
}

/// Whom no list is for goes by the default, and nobody goes beyond a list.
fn by_place(table: &str, lists: &PlaceLists) -> String {
    let mut text = String::from("policy = \"place\"\n");
    if let Some(default) = &lists.default {
        text += &pair("order", &list(default));
        text += "fallback = { closed = true }\n";
    }
    let mut seen = BTreeSet::new();
    if !lists.places.is_empty() {
        write!(text, "\n[{table}.places]\n").expect(WRITES);
    }
    for (_, place, regions) in &lists.places {
        let word = place.word();
        if seen.insert(word.clone()) {
            text += &pair(&word, &list(regions));
        }
    }
    text
}
