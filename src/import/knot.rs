//! Knot DNS, mod-geoip: geo.conf, with knot.conf and the zone files beside it.
//!
//! A *view* is what one kind of clients is answered with: by keys of the database (`geo`), by network (`net`) or by weight.
//! Each view becomes a region, whose records are endpoints. The most specific view answers, which is what `places` do as
//! well. Whoever matches none is answered from the zone: the addresses there become one region more, the last of all.
//!
//! Which keys `geo` has stands in knot.conf (`geodb-key`); without it, they are taken for country and the rest of the place.
use std::collections::BTreeMap;

use super::draft::{
    DraftMember, DraftPool, DraftService, DraftSteering, EVERYWHERE, ImportDraft, MemberTarget,
    PlaceLists, most_addresses,
};
use super::file::{ImportedFile, UnreadableFile};
use super::node::{ConfigNode, NodeEntry};
use super::places::ClientPlace;
use super::remark::{Feature, SourceLine};
use super::toml_text::slug;
use super::zone_text::{MasterEntry, absolute, entries, seconds};

/// The module's own default.
const TTL: u32 = 60;
/// The region of a view of all places.
const DEFAULT: &str = "default";
/// The region of clients without a view: what the zone has.
const REST: &str = "zone";

/// Settings of the module in knot.conf.
struct ModuleFacts {
    ttl: u32,
    /// Paths in the database, by depth.
    keys: Vec<String>,
    /// Apexes of zones, by the base name of their files.
    zones: BTreeMap<String, String>,
}

/// A zone file that was brought.
struct KnotZone<'f> {
    file: &'f ImportedFile,
    apex: String,
    entries: Vec<MasterEntry>,
    /// Entries that became endpoints.
    steered: Vec<usize>,
}

pub(super) fn draw(files: &[ImportedFile], draft: &mut ImportDraft) -> Result<(), UnreadableFile> {
    let (mut geo, mut facts) = (Vec::new(), ModuleFacts::default());
    let mut masters = Vec::new();
    for file in files {
        if is_master(&file.text) {
            masters.push(file);
            continue;
        }
        for document in file.yaml()? {
            if document.get("mod-geoip").is_some() || document.get("zone").is_some() {
                facts.read(&document, file, draft);
            } else {
                geo.push((file, document));
            }
        }
    }
    let zones = masters.into_iter().map(|file| KnotZone::new(file, &facts));
    let mut zones: Vec<KnotZone<'_>> = zones.collect();
    for (file, document) in geo {
        for name in document.entries() {
            draw_name(name, &facts, &mut zones, (file, draft));
        }
    }
    for zone in &zones {
        let origin = zone.file.origin(1);
        let own = draft.zone(&zone.apex, &origin);
        own.take_over(&zone.file.text, &zone.entries, &zone.steered);
    }
    Ok(())
}

/// A zone file has an SOA, which no config of Knot has as a word of its own.
fn is_master(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.split(';').next().unwrap_or_default();
        line.split_whitespace()
            .any(|word| word.eq_ignore_ascii_case("SOA"))
    })
}

impl Default for ModuleFacts {
    fn default() -> Self {
        Self {
            ttl: TTL,
            keys: vec!["country/iso_code".to_owned()],
            zones: BTreeMap::new(),
        }
    }
}

impl ModuleFacts {
    fn read(&mut self, document: &ConfigNode, file: &ImportedFile, draft: &mut ImportDraft) {
        let modules = document.get("mod-geoip").map_or(&[][..], ConfigNode::items);
        if let Some(second) = modules.get(1) {
            let what = "a second `mod-geoip`";
            let (why, help) = (
                "its TTL and keys are those of another file",
                "translate each geo.conf with its own module",
            );
            draft.note(&file.origin(second.line), what, why, help);
        }
        if let Some(module) = modules.first() {
            self.ttl = module.text_of("ttl").and_then(seconds).unwrap_or(TTL);
            let keys = module.texts_of("geodb-key");
            if !keys.is_empty() {
                self.keys = keys.into_iter().map(str::to_owned).collect();
            }
            if let Some(path) = module.text_of("geodb-file") {
                draft.database = Some(path.to_owned());
            }
            if let Some(policy) = module.get("policy") {
                let (why, help) = (
                    "signing is stated for a zone",
                    "write `dnssec` into its `[[zones]]`",
                );
                draft.note(&file.origin(policy.line), "`policy`", why, help);
            }
        }
        for zone in document.get("zone").map_or(&[][..], ConfigNode::items) {
            let Some(apex) = zone.text_of("domain") else {
                continue;
            };
            let path = zone.text_of("file").map_or_else(
                || format!("{}.zone", apex.trim_end_matches('.')),
                str::to_owned,
            );
            let base = path.rsplit('/').next().unwrap_or_default().to_owned();
            self.zones.insert(base, absolute(apex));
        }
    }
}

impl<'f> KnotZone<'f> {
    fn new(file: &'f ImportedFile, facts: &ModuleFacts) -> Self {
        let base = file.base();
        let stem = base.strip_suffix(".zone").unwrap_or(base);
        let apex = facts
            .zones
            .get(base)
            .cloned()
            .unwrap_or_else(|| absolute(stem));
        Self {
            file,
            entries: entries(&file.text, &apex),
            apex,
            steered: Vec::new(),
        }
    }

    fn holds(&self, name: &str) -> bool {
        name == self.apex || name.ends_with(&format!(".{}", self.apex))
    }
}

/// One name of geo.conf.
fn draw_name(
    entry: &NodeEntry,
    facts: &ModuleFacts,
    zones: &mut [KnotZone<'_>],
    to: (&ImportedFile, &mut ImportDraft),
) {
    let (file, draft) = to;
    let (name, origin) = (absolute(&entry.key), file.origin(entry.line));
    let mut service = DraftService::new(name.trim_end_matches('.'), origin.clone());
    service.hostnames.push(name.clone());
    service.ttl = Some((None, facts.ttl));
    let mut lists = PlaceLists::default();
    let mut weighted = Vec::new();
    for view in entry.value.items() {
        let members = members(view, file, draft);
        let at = file.origin(view.line);
        if let Some(weight) = view.number_of("weight") {
            weighted.extend(whole(&at, members, u32::try_from(weight).unwrap_or(1)));
            continue;
        }
        let Some(place) = place(view, facts, &at, draft) else {
            continue;
        };
        let region = place
            .as_ref()
            .map_or_else(|| DEFAULT.to_owned(), |place| slug(&place.word()));
        match place {
            Some(place) => lists.places.push((at, place, vec![region.clone()])),
            None => lists.default = Some(vec![region.clone()]),
        }
        service.answers = service.answers.max(most_addresses(&members));
        service.pools.push(DraftPool { region, members });
    }
    let zone = zones.iter_mut().filter(|zone| zone.holds(&name));
    let zone = zone.max_by_key(|zone| zone.apex.len());
    if !weighted.is_empty() {
        let region = EVERYWHERE.to_owned();
        service.pools.push(DraftPool {
            region,
            members: weighted,
        });
    } else {
        let rest = zone.map(|zone| from_zone(zone, &name));
        take_default(&mut service, &mut lists, rest.unwrap_or_default(), draft);
        service.steering = DraftSteering::ByPlace(lists);
    }
    draft.add_service(service);
}

/// The addresses of a view as one machine: the view is chosen whole.
fn whole(at: &SourceLine, members: Vec<DraftMember>, weight: u32) -> Option<DraftMember> {
    let addresses = members
        .iter()
        .flat_map(|one| one.addresses().to_vec())
        .collect();
    let first = members.into_iter().next()?;
    let target = match first.target {
        MemberTarget::Addresses(_) => MemberTarget::Addresses(addresses),
        MemberTarget::Hostname(_) => first.target,
    };
    let mut member = DraftMember::new(at.clone(), "w", target);
    member.weight = weight;
    Some(member)
}

/// The records of a view.
fn members(view: &ConfigNode, file: &ImportedFile, draft: &mut ImportDraft) -> Vec<DraftMember> {
    let mut list = Vec::new();
    for entry in view.entries() {
        let kind = entry.key.to_ascii_uppercase();
        if ["GEO", "NET", "SUBNET", "WEIGHT"].contains(&kind.as_str()) {
            continue;
        }
        for value in entry.value.items() {
            let origin = file.origin(value.line);
            let text = value.text().unwrap_or_default();
            match kind.as_str() {
                "A" | "AAAA" => match text.parse() {
                    Ok(address) => {
                        let label = (list.len() + 1).to_string();
                        list.push(DraftMember::new(
                            origin,
                            label,
                            MemberTarget::Addresses(vec![address]),
                        ));
                    }
                    Err(_) => draft.lose(
                        &origin,
                        format!("`{text}`"),
                        "it is no address",
                        "write an address",
                    ),
                },
                "CNAME" => {
                    let target = MemberTarget::Hostname(absolute(text));
                    list.push(DraftMember::new(origin, text, target));
                }
                _ => {
                    draft.lacks(Feature::SteeredRecords, &origin, format!("{kind} {text}"));
                }
            }
        }
    }
    list
}

/// The clients of a view: nothing if they cannot be told, `None` inside if they are all the others.
fn place(
    view: &ConfigNode,
    facts: &ModuleFacts,
    at: &SourceLine,
    draft: &mut ImportDraft,
) -> Option<Option<ClientPlace>> {
    if let Some(net) = view.text_of("net").or(view.text_of("subnet")) {
        let network = ClientPlace::network(net);
        if network.is_none() {
            draft.lose(
                at,
                format!("`{net}`"),
                "it is no network",
                "write a network such as 198.51.100.0/24",
            );
        }
        return network.map(Some);
    }
    let geo = view.text_of("geo")?;
    let values: Vec<&str> = geo.split(';').map(str::trim).collect();
    let last = values.iter().rposition(|value| !matches!(*value, "" | "*"));
    let Some(last) = last else {
        return Some(None);
    };
    let key = |depth: usize| facts.keys.get(depth).map_or("", |key| key.trim());
    let value = |wanted: &str| {
        let mut depths = 0..=last;
        let depth = depths.find(|depth| key(*depth) == wanted);
        depth
            .map(|depth| values[depth])
            .filter(|value| *value != "*")
    };
    let country = value("country/iso_code");
    let place = match (key(last), values[last]) {
        ("country/iso_code", code) => ClientPlace::country(code),
        ("continent/code", code) => ClientPlace::continent(code),
        ("subdivisions/0/iso_code", code) => {
            country.and_then(|country| ClientPlace::subdivision(country, code))
        }
        ("autonomous_system_number", number) => number.parse().ok().map(ClientPlace::Asn),
        (path, city) if path.starts_with("city/names/") => {
            let part = value("subdivisions/0/iso_code");
            let part = country.zip(part);
            let part = part.and_then(|(country, part)| ClientPlace::subdivision(country, part));
            let within = part.or_else(|| country.and_then(ClientPlace::country));
            Some(ClientPlace::city(within, city))
        }
        (_, _) => None,
    };
    if place.is_none() {
        let why = "no key of the database that Waypost reads says this of clients";
        draft.lose(
            at,
            format!("geo `{geo}`"),
            why,
            "name the networks of these clients",
        );
    }
    place.map(Some)
}

/// Addresses that the zone itself has at a name, or under the wildcard that the name is.
fn from_zone(zone: &mut KnotZone<'_>, name: &str) -> Vec<DraftMember> {
    let mut list = Vec::new();
    for (index, entry) in zone.entries.iter().enumerate() {
        let is_address = ["A", "AAAA", "CNAME"].contains(&entry.kind.as_str());
        let Some(data) = entry
            .data
            .first()
            .filter(|_| is_address && entry.owner == name)
        else {
            continue;
        };
        let target = match data.parse() {
            Ok(address) => MemberTarget::Addresses(vec![address]),
            Err(_) if data.ends_with('.') => MemberTarget::Hostname(absolute(data)),
            Err(_) => MemberTarget::Hostname(absolute(&format!("{data}.{}", zone.apex))),
        };
        zone.steered.push(index);
        let label = (list.len() + 1).to_string();
        list.push(DraftMember::new(
            zone.file.origin(entry.line),
            label,
            target,
        ));
    }
    list
}

/// Whom no view is for: clients of whom the database knows nothing go by the zone, even past a view of all places.
fn take_default(
    service: &mut DraftService,
    lists: &mut PlaceLists,
    rest: Vec<DraftMember>,
    draft: &mut ImportDraft,
) {
    let everybody = lists.default.take();
    if !rest.is_empty() {
        if let Some(everybody) = everybody {
            for own in ClientPlace::CONTINENTS.map(ClientPlace::Continent) {
                if !lists.places.iter().any(|(_, place, _)| *place == own) {
                    let origin = service.origin.clone();
                    lists.places.push((origin, own, everybody.clone()));
                }
            }
        }
        service.answers = service.answers.max(most_addresses(&rest));
        service.pools.push(DraftPool {
            region: REST.to_owned(),
            members: rest,
        });
        lists.default = Some(vec![REST.to_owned()]);
        return;
    }
    let name = format!("`{}`", service.hostnames.join(", "));
    if everybody.is_some() {
        let (why, help) = (
            "clients of whom the database knows nothing get no address there, and those of `*` here",
            "nothing, if all shall be answered",
        );
        draft.note(&service.origin, name, why, help);
        lists.default = everybody;
        return;
    }
    let (why, help) = (
        "who matches no view is answered from the zone, which has no address there or was not given",
        "give the zone file along, or say in `order` who answers everybody else; now it is the first view",
    );
    draft.lose(&service.origin, name, why, help);
    let all = service.pools.iter().map(|pool| pool.region.clone());
    lists.default = Some(all.collect());
}
