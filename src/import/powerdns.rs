//! PowerDNS, geoip backend: the zones file in YAML.
//!
//! A *service* there is a name and formats with placeholders (`%cn.www.example.org`); for each client the first format that
//! expands to a name with records answers with those. Here it is read the other way round: of each name with records it is
//! found out which clients expand to it. Each such name becomes a region. Records with weights are drawn one by one, others
//! answer together.
//!
//! Names with records stay in the zone, as they can be asked for themselves.
use std::collections::BTreeMap;

use super::draft::{
    DraftMember, DraftPool, DraftService, DraftSteering, ImportDraft, MemberTarget, PlaceLists,
    most_addresses,
};
use super::file::{ImportedFile, UnreadableFile};
use super::node::{ConfigNode, NodeEntry};
use super::places::ClientPlace;
use super::remark::{Feature, SourceLine};
use super::toml_text::slug;
use super::zone_text::{absolute, absolute_data};
use crate::geo::{Country, country};

/// Weight of a record that has none beside some that have one.
const WEIGHT: u32 = 100;

/// One of `domains`.
struct GeoDomain<'f> {
    file: &'f ImportedFile,
    apex: String,
    ttl: u32,
    /// Names with records.
    records: Vec<&'f NodeEntry>,
    /// `custom_mapping`, and how its keys are read.
    mapping: CustomMapping,
}

/// The values of `%mp`.
#[derive(Default)]
struct CustomMapping {
    formats: Vec<String>,
    /// By value: the keys that have it.
    keys: BTreeMap<String, Vec<String>>,
}

/// The clients for whom a format expands to a name.
enum Expansion {
    /// It never does.
    Never,
    /// All of them.
    Everyone,
    /// Those of whom nothing is known.
    Unknown,
    Of(Vec<ClientPlace>),
    /// Some that cannot be told.
    Unsayable(String),
}

pub(super) fn draw(files: &[ImportedFile], draft: &mut ImportDraft) -> Result<(), UnreadableFile> {
    for file in files {
        for document in file.yaml()? {
            let mapping = CustomMapping::read(&document);
            for domain in document.get("domains").map_or(&[][..], ConfigNode::items) {
                draw_domain(domain, file, mapping.or_own(domain), draft);
            }
        }
    }
    Ok(())
}

fn draw_domain(
    node: &ConfigNode,
    file: &ImportedFile,
    mapping: CustomMapping,
    draft: &mut ImportDraft,
) {
    let Some(apex) = node.text_of("domain") else {
        draft.lose(
            &file.origin(node.line),
            "a domain without a name",
            "`domain` is missing",
            "name it",
        );
        return;
    };
    let records = node.get("records").map_or(&[][..], ConfigNode::entries);
    let domain = GeoDomain {
        file,
        apex: absolute(apex),
        ttl: node
            .number_of("ttl")
            .and_then(|ttl| u32::try_from(ttl).ok())
            .unwrap_or(300),
        records: records.iter().collect(),
        mapping,
    };
    let services = node.get("services").map_or(&[][..], ConfigNode::entries);
    draft.zone(apex, &file.origin(node.line));
    for entry in &domain.records {
        let is_service = services
            .iter()
            .any(|service| absolute(&service.key) == absolute(&entry.key));
        domain.keep(entry, is_service, draft);
    }
    for service in services {
        domain.draw_service(service, draft);
    }
}

impl GeoDomain<'_> {
    fn origin(&self, line: usize) -> SourceLine {
        self.file.origin(line)
    }

    /// Puts the records of a name into the zone.
    fn keep(&self, entry: &NodeEntry, is_service: bool, draft: &mut ImportDraft) {
        for record in entry.value.items().iter().flat_map(ConfigNode::entries) {
            let origin = self.origin(record.line);
            let kind = record.key.to_ascii_uppercase();
            let content = content(&record.value);
            let is_address = matches!(kind.as_str(), "A" | "AAAA" | "CNAME");
            if content.contains('%') {
                let (why, help) = (
                    "records are the same for all who ask",
                    "write a record without placeholders",
                );
                draft.lose(
                    &origin,
                    format!("{} {kind} {content}", entry.key),
                    why,
                    help,
                );
            } else if is_service && is_address {
                let (why, help) = (
                    "the name is a service, which answers instead",
                    "give the service an endpoint",
                );
                draft.lose(
                    &origin,
                    format!("{} {kind} {content}", entry.key),
                    why,
                    help,
                );
            } else {
                let ttl = self.ttl_of(&record.value);
                let data = absolute_data(&kind, content);
                draft
                    .zone(&self.apex, &origin)
                    .record(&entry.key, ttl, &kind, &data);
            }
        }
    }

    fn ttl_of(&self, value: &ConfigNode) -> u32 {
        let own = value
            .number_of("ttl")
            .and_then(|ttl| u32::try_from(ttl).ok());
        own.unwrap_or(self.ttl)
    }

    fn draw_service(&self, entry: &NodeEntry, draft: &mut ImportDraft) {
        let origin = self.origin(entry.line);
        let name = absolute(&entry.key);
        let mut service = DraftService::new(name.trim_end_matches('.'), origin);
        service.hostnames.push(name);
        let mut lists = PlaceLists::default();
        match entry.value.is_map() {
            false => self.formats(&entry.value, &mut service, &mut lists, draft),
            true => {
                for inner in entry.value.entries() {
                    match inner.key.as_str() {
                        "default" => self.formats(&inner.value, &mut service, &mut lists, draft),
                        network => self.network(network, inner, (&mut service, &mut lists), draft),
                    }
                }
            }
        }
        service.steering = DraftSteering::ByPlace(lists);
        draft.add_service(service);
    }

    /// Formats of clients in a network: only one without placeholders can be said.
    fn network(
        &self,
        network: &str,
        entry: &NodeEntry,
        to: (&mut DraftService, &mut PlaceLists),
        draft: &mut ImportDraft,
    ) {
        let (service, lists) = to;
        let origin = self.origin(entry.line);
        let formats = entry.value.items().iter().filter_map(ConfigNode::text);
        let targets = formats.filter(|format| !format.contains('%'));
        let found = targets.filter_map(|format| self.find(format)).next();
        match (ClientPlace::network(network), found) {
            (Some(place), Some(target)) => {
                let region = self.pool(target, service, draft);
                lists.places.push((origin, place, vec![region]));
            }
            (_, _) => {
                let (why, help) = (
                    "a network has one list of regions, whatever else is known of its clients",
                    "name the networks inside it that differ",
                );
                draft.lose(&origin, format!("formats of `{network}`"), why, help);
            }
        }
    }

    fn find(&self, name: &str) -> Option<&NodeEntry> {
        let mut records = self.records.iter().copied();
        records.find(|entry| absolute(&entry.key) == absolute(name))
    }

    /// Formats in their order: the first that expands to a name with records answers.
    fn formats(
        &self,
        node: &ConfigNode,
        service: &mut DraftService,
        lists: &mut PlaceLists,
        draft: &mut ImportDraft,
    ) {
        let (mut everyone, mut unknown) = (None, None);
        for item in node.items() {
            let format = absolute(item.text().unwrap_or_default());
            let mut own = Vec::new();
            let mut is_used = false;
            for target in &self.records {
                let name = absolute(&target.key);
                let expansion = self.expansion(&format, &name);
                is_used |= !matches!(expansion, Expansion::Never);
                match expansion {
                    Expansion::Never => {}
                    Expansion::Everyone => {
                        everyone = everyone.or(Some(self.pool(target, service, draft)))
                    }
                    Expansion::Unknown => {
                        unknown = unknown.or(Some(self.pool(target, service, draft)))
                    }
                    Expansion::Of(places) => {
                        let region = self.pool(target, service, draft);
                        own.extend(places.into_iter().map(|place| (place, region.clone())));
                    }
                    Expansion::Unsayable(placeholder) => {
                        let (why, help) = (
                            "clients cannot be told apart by this",
                            "leave the placeholder away",
                        );
                        draft.lose(
                            &self.origin(item.line),
                            format!("`{placeholder}` in `{format}`"),
                            why,
                            help,
                        );
                    }
                }
            }
            if !is_used {
                let (why, help) = (
                    "no name with records fits it: it is answered as a CNAME there",
                    "add endpoints for it",
                );
                draft.lose(&self.origin(item.line), format!("`{format}`"), why, help);
            }
            let earlier: Vec<ClientPlace> = lists
                .places
                .iter()
                .map(|(_, place, _)| place.clone())
                .collect();
            let origin = self.origin(item.line);
            for (place, region) in own
                .into_iter()
                .filter(|(place, _)| !is_covered(place, &earlier))
            {
                lists.places.push((origin.clone(), place, vec![region]));
            }
        }
        self.rest((everyone, unknown), service, lists, draft);
    }

    /// Clients whom no place is for.
    fn rest(
        &self,
        to: (Option<String>, Option<String>),
        service: &DraftService,
        lists: &mut PlaceLists,
        draft: &mut ImportDraft,
    ) {
        if let (Some(everyone), Some(_)) = &to {
            for own in ClientPlace::CONTINENTS.map(ClientPlace::Continent) {
                if !lists.places.iter().any(|(_, place, _)| *place == own) {
                    lists
                        .places
                        .push((service.origin.clone(), own, vec![everyone.clone()]));
                }
            }
        }
        let (everyone, unknown) = to;
        lists.default = unknown.or(everyone).map(|region| vec![region]);
        if lists.default.is_none() {
            lists.default = Some(
                service
                    .pools
                    .iter()
                    .map(|pool| pool.region.clone())
                    .collect(),
            );
            let (why, help) = (
                "clients whom no format fits get a name without records there, and the first region here",
                "see `order` of the service",
            );
            draft.note(&service.origin, format!("`{}`", service.name), why, help);
        }
    }

    /// The region that a name with records is, with its pool.
    fn pool(
        &self,
        target: &NodeEntry,
        service: &mut DraftService,
        draft: &mut ImportDraft,
    ) -> String {
        let name = absolute(&target.key);
        let own = service.hostnames.first().map_or("", String::as_str);
        let short = name
            .strip_suffix(&format!(".{own}"))
            .or_else(|| name.strip_suffix(&format!(".{}", self.apex)));
        let region = slug(short.unwrap_or(&name));
        if service.pools.iter().any(|pool| pool.region == region) {
            return region;
        }
        let all = target.value.items().iter().flat_map(ConfigNode::entries);
        let records: Vec<&NodeEntry> = all.collect();
        let is_weighted = records
            .iter()
            .any(|record| record.value.get("weight").is_some());
        let mut members = Vec::new();
        for record in records {
            members.extend(self.member(record, members.len() + 1, draft));
        }
        if is_weighted && service.answers > 1 {
            let (why, help) = (
                "some names of this service have weights and others not",
                "state `answers`",
            );
            draft.note(
                &self.origin(target.line),
                format!("weights of `{}`", target.key),
                why,
                help,
            );
        }
        if !is_weighted {
            members.iter_mut().for_each(|member| member.weight = 1);
            service.answers = service.answers.max(most_addresses(&members));
        }
        let ttl = target
            .value
            .items()
            .iter()
            .flat_map(ConfigNode::entries)
            .next();
        let ttl = ttl.map_or(self.ttl, |record| self.ttl_of(&record.value));
        service.ttl = service.ttl.or(Some((None, ttl)));
        let pool = DraftPool {
            region: region.clone(),
            members,
        };
        service.pools.push(pool);
        region
    }

    fn member(
        &self,
        record: &NodeEntry,
        number: usize,
        draft: &mut ImportDraft,
    ) -> Option<DraftMember> {
        let origin = self.origin(record.line);
        let kind = record.key.to_ascii_uppercase();
        let text = content(&record.value);
        let target = match (kind.as_str(), text.parse()) {
            ("A" | "AAAA", Ok(address)) => MemberTarget::Addresses(vec![address]),
            ("CNAME", _) => MemberTarget::Hostname(absolute(text)),
            (_, _) => {
                draft.lacks(Feature::SteeredRecords, &origin, format!("{kind} {text}"));
                return None;
            }
        };
        let mut member = DraftMember::new(origin, number.to_string(), target);
        let weight = record
            .value
            .number_of("weight")
            .and_then(|own| u32::try_from(own).ok());
        member.weight = weight.unwrap_or(WEIGHT);
        Some(member)
    }

    fn expansion(&self, format: &str, name: &str) -> Expansion {
        let Some(bound) = bind(format, name) else {
            return Expansion::Never;
        };
        if bound.is_empty() {
            return Expansion::Everyone;
        }
        if bound.iter().any(|(_, value)| value == "unknown") {
            return Expansion::Unknown;
        }
        if let Some((_, value)) = bound.iter().find(|(placeholder, _)| placeholder == "%mp") {
            let keys = self.mapping.keys.get(value).into_iter().flatten();
            let places = keys.filter_map(|key| self.mapping.place(key)).collect();
            return Expansion::Of(places);
        }
        match place(&bound) {
            Ok(place) => place.map_or(Expansion::Never, |place| Expansion::Of(vec![place])),
            Err(placeholder) => Expansion::Unsayable(placeholder),
        }
    }
}

/// The content of a record, however it is written.
fn content(value: &ConfigNode) -> &str {
    value
        .text()
        .or(value.text_of("content"))
        .unwrap_or_default()
}

/// Tells whether an earlier list is for these clients already, as it is for all around them.
fn is_covered(place: &ClientPlace, earlier: &[ClientPlace]) -> bool {
    let around =
        |own: &Country| country::find(*own).map(|facts| ClientPlace::Continent(facts.continent));
    let outer = match place {
        ClientPlace::Country(own) => around(own),
        ClientPlace::Subdivision(code) => ClientPlace::country(code.get(..2).unwrap_or_default()),
        ClientPlace::Continent(_)
        | ClientPlace::City(_)
        | ClientPlace::Asn(_)
        | ClientPlace::Network(_) => None,
    };
    earlier.contains(place) || outer.is_some_and(|outer| earlier.contains(&outer))
}

/// Values of the placeholders of a format, if it expands to a name.
fn bind(format: &str, name: &str) -> Option<Vec<(String, String)>> {
    let Some((before, rest)) = format.split_once('%') else {
        return (format == name).then(Vec::new);
    };
    let name = name.strip_prefix(before)?;
    let known = ["mos", "wds", "loc", "lat", "lon", "ip4", "ip6"];
    let long = known.iter().find(|own| rest.starts_with(**own));
    let length = long.map_or(2, |own| own.len()).min(rest.len());
    let (placeholder, rest) = rest.split_at_checked(length)?;
    let mut ends =
        (1..=name.len()).filter(|end| name.is_char_boundary(*end) && !name[..*end].contains('.'));
    ends.find_map(|end| {
        let mut bound = bind(rest, &name[end..])?;
        bound.insert(0, (format!("%{placeholder}"), name[..end].to_owned()));
        Some(bound)
    })
}

/// The clients of placeholders and values, the narrowest of them; otherwise the placeholder that tells no clients apart.
fn place(bound: &[(String, String)]) -> Result<Option<ClientPlace>, String> {
    let value = |wanted: &[&str]| {
        let mut found = bound
            .iter()
            .filter(|(own, _)| wanted.contains(&own.as_str()));
        found.next().map(|(_, value)| value.as_str())
    };
    let known = ["%cc", "%co", "%cn", "%re", "%as", "%ci"];
    if let Some((other, _)) = bound.iter().find(|(own, _)| !known.contains(&own.as_str())) {
        return Err(other.clone());
    }
    let country = value(&["%cc", "%co"]);
    if let Some(city) = value(&["%ci"]) {
        let within = country.and_then(ClientPlace::country);
        return Ok(Some(ClientPlace::city(within, city)));
    }
    if let Some(number) = value(&["%as"]) {
        return Ok(number.parse().ok().map(ClientPlace::Asn));
    }
    if let Some(region) = value(&["%re"]) {
        return country.map_or_else(
            || Err("%re".to_owned()),
            |country| Ok(ClientPlace::subdivision(country, region)),
        );
    }
    match (country, value(&["%cn"])) {
        (Some(country), _) => Ok(ClientPlace::country(country)),
        (None, Some(continent)) => Ok(ClientPlace::continent(continent)),
        (None, None) => Ok(None),
    }
}

impl CustomMapping {
    fn read(node: &ConfigNode) -> Self {
        let formats = node.texts_of("mapping_lookup_formats");
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in node
            .get("custom_mapping")
            .map_or(&[][..], ConfigNode::entries)
        {
            let value = entry.value.text().unwrap_or_default().to_owned();
            keys.entry(value).or_default().push(entry.key.clone());
        }
        Self {
            formats: formats.into_iter().map(str::to_owned).collect(),
            keys,
        }
    }

    /// The one that a domain has of its own, or this.
    fn or_own(&self, domain: &ConfigNode) -> Self {
        let own = Self::read(domain);
        Self {
            formats: if own.formats.is_empty() {
                self.formats.clone()
            } else {
                own.formats
            },
            keys: if own.keys.is_empty() {
                self.keys.clone()
            } else {
                own.keys
            },
        }
    }

    /// The clients of a key.
    fn place(&self, key: &str) -> Option<ClientPlace> {
        let key = key.to_ascii_lowercase();
        let mut formats = self.formats.iter();
        formats.find_map(|format| place(&bind(format, &key)?).ok().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_backwards() {
        let bound = |format: &str, name: &str| bind(format, name).map(|bound| place(&bound));
        let country = |code: &str| Some(Ok(ClientPlace::country(code)));
        assert_eq!(bound("%co.%cn.www.", "fi.eu.www."), country("FI"));
        assert_eq!(
            bound("%cn.www.", "eu.www."),
            Some(Ok(ClientPlace::continent("EU")))
        );
        assert_eq!(bound("%cn.www.", "fi.eu.www."), None);
        assert_eq!(
            bound("%re.%cc.www.", "ca.us.www."),
            Some(Ok(ClientPlace::subdivision("us", "ca")))
        );
        assert_eq!(bound("%hh.www.", "12.www."), Some(Err("%hh".to_owned())));
        assert_eq!(bound("www.", "www."), Some(Ok(None)));
    }

    #[test]
    fn an_earlier_format_hides_what_is_inside() {
        let europe = [ClientPlace::continent("EU").unwrap()];
        assert!(is_covered(&ClientPlace::country("FI").unwrap(), &europe));
        assert!(!is_covered(&ClientPlace::country("US").unwrap(), &europe));
    }
}
