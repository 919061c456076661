//! octoDNS: zones in YAML, whose dynamic records have pools and rules.
//!
//! A pool becomes a region; its fallback, and the fallback of that, come behind it in each list. Rules say whose list it is: by
//! subnets, by geos, or everybody else's. `values` answer when all pools are down: where they are other addresses than those of the
//! pools, they are the last region of each list, without monitors. A dynamic record is always watched, by https on `/_dns` if
//! nothing is said.
//!
//! A file is a zone, by its name. A and AAAA of one name whose rules are the same are one service.
use std::collections::BTreeSet;

use super::draft::{
    DraftMember, DraftPool, DraftService, DraftSteering, ImportDraft, MemberTarget, PlaceLists,
};
use super::file::{ImportedFile, UnreadableFile};
use super::node::{ConfigNode, NodeContent, NodeEntry};
use super::places::ClientPlace;
use super::remark::{Feature, SourceLine};
use super::toml_text::{quoted, slug};
use super::zone_text::{absolute, absolute_data};

/// octoDNS's own default.
const TTL: u32 = 3600;
/// The region of `values`.
const LAST: &str = "values";

/// One record of a zone.
struct OctoRecord<'f> {
    file: &'f ImportedFile,
    apex: &'f str,
    /// Absolute.
    name: String,
    line: usize,
    node: &'f ConfigNode,
}

pub(super) fn draw(files: &[ImportedFile], draft: &mut ImportDraft) -> Result<(), UnreadableFile> {
    for file in files {
        let base = file.base();
        let stem = base
            .strip_suffix(".yaml")
            .or(base.strip_suffix(".yml"))
            .unwrap_or(base);
        let apex = absolute(stem.trim_start_matches('$'));
        for document in file.yaml()? {
            draft.zone(&apex, &file.origin(document.line));
            for entry in document.entries() {
                name(entry, &apex, file, draft);
            }
        }
    }
    Ok(())
}

/// All records of a name.
fn name(entry: &NodeEntry, apex: &str, file: &ImportedFile, draft: &mut ImportDraft) {
    let name = match entry.key.as_str() {
        "" | "~" | "null" => apex.to_owned(),
        key => absolute(&format!("{key}.{apex}")),
    };
    let mut dynamic: Vec<OctoRecord<'_>> = Vec::new();
    for node in entry.value.items() {
        let line = if entry.value.is_list() {
            node.line
        } else {
            entry.line
        };
        let record = OctoRecord {
            file,
            apex,
            name: name.clone(),
            line,
            node,
        };
        match node.get("dynamic") {
            Some(_) => dynamic.push(record),
            None => record.keep(draft),
        }
    }
    let Some(first) = dynamic.first() else {
        return;
    };
    let mut service = DraftService::new(name.trim_end_matches('.'), first.origin());
    service.hostnames.push(name);
    let ttl = first
        .node
        .number_of("ttl")
        .and_then(|ttl| u32::try_from(ttl).ok());
    service.ttl = Some((None, ttl.unwrap_or(TTL)));
    service.monitors.push(first.monitor(draft));
    service.steering = DraftSteering::ByPlace(first.lists(draft));
    for record in &dynamic {
        if !are_alike(&record.lists(draft), &first.lists(draft)) {
            let (why, help) = (
                "both families of a name go by one list",
                "steer the families by the same rules",
            );
            draft.lose(
                &record.origin(),
                format!("rules of {}", record.kind()),
                why,
                help,
            );
        }
        record.add_pools(&mut service, draft);
    }
    add_values(&dynamic, &mut service);
    draft.add_service(service);
}

/// Tells whether two records send clients of the same places to the same regions.
fn are_alike(one: &PlaceLists, other: &PlaceLists) -> bool {
    let all = |lists: &PlaceLists| -> Vec<(ClientPlace, Vec<String>)> {
        let places = lists.places.iter();
        places
            .map(|(_, place, regions)| (place.clone(), regions.clone()))
            .collect()
    };
    all(one) == all(other) && one.default == other.default
}

/// Adds what answers when all pools are down, unless that is in pools anyway.
fn add_values(records: &[OctoRecord<'_>], service: &mut DraftService) {
    let pools = service.pools.iter().flat_map(|pool| &pool.members);
    let known: Vec<MemberTarget> = pools.map(|member| member.target.clone()).collect();
    let mut members: Vec<DraftMember> = records.iter().flat_map(OctoRecord::values).collect();
    if members.iter().all(|member| known.contains(&member.target)) {
        return;
    }
    for member in &mut members {
        member.monitors = Some(Vec::new());
    }
    service.pools.push(DraftPool {
        region: LAST.to_owned(),
        members,
    });
    if let DraftSteering::ByPlace(lists) = &mut service.steering {
        let all = lists.places.iter_mut().map(|(_, _, regions)| regions);
        all.chain(&mut lists.default)
            .for_each(|regions| regions.push(LAST.to_owned()));
    }
}

impl OctoRecord<'_> {
    fn origin(&self) -> SourceLine {
        self.file.origin(self.line)
    }

    fn kind(&self) -> String {
        self.node
            .text_of("type")
            .unwrap_or_default()
            .to_ascii_uppercase()
    }

    /// `value`, or `values`.
    fn list(&self) -> &[ConfigNode] {
        let value = self.node.get("values").or(self.node.get("value"));
        value.map_or(&[][..], ConfigNode::items)
    }

    fn values(&self) -> Vec<DraftMember> {
        let texts = self
            .list()
            .iter()
            .filter_map(|item| Some((item.line, item.text()?)));
        texts
            .map(|(line, text)| self.member(line, text, text))
            .collect()
    }

    fn member(&self, line: usize, label: &str, text: &str) -> DraftMember {
        let target = match text.parse() {
            Ok(address) => MemberTarget::Addresses(vec![address]),
            Err(_) => MemberTarget::Hostname(absolute(text)),
        };
        DraftMember::new(self.file.origin(line), label, target)
    }

    /// Puts a record into the zone.
    fn keep(&self, draft: &mut ImportDraft) {
        let kind = self.kind();
        if kind == "ALIAS" {
            let target = self
                .list()
                .first()
                .and_then(ConfigNode::text)
                .unwrap_or_default();
            draft
                .zone(self.apex, &self.origin())
                .alias(&self.name, target, ["A", "AAAA"]);
            return;
        }
        if self.node.get("geo").is_some() {
            let (why, help) = (
                "`geo` is the old form of dynamic records",
                "write `dynamic`, and translate again",
            );
            draft.lose(&self.origin(), format!("geo of {}", self.name), why, help);
        }
        let ttl = self
            .node
            .number_of("ttl")
            .and_then(|ttl| u32::try_from(ttl).ok())
            .unwrap_or(TTL);
        for value in self.list() {
            match data(&kind, value) {
                Some(data) => draft
                    .zone(self.apex, &self.origin())
                    .record(&self.name, ttl, &kind, &data),
                None => {
                    let (why, help) = (
                        "its data are not understood",
                        "write the record into the zone file",
                    );
                    draft.lose(
                        &self.file.origin(value.line),
                        format!("{} {kind}", self.name),
                        why,
                        help,
                    );
                }
            }
        }
    }

    /// The monitor, by what `healthcheck` says.
    fn monitor(&self, draft: &mut ImportDraft) -> String {
        let check = self.node.at(&["octodns", "healthcheck"]);
        let text = |key: &str| check.and_then(|check| check.text_of(key));
        let protocol = text("protocol").unwrap_or("HTTPS").to_ascii_lowercase();
        let port = text("port").unwrap_or(if protocol == "http" { "80" } else { "443" });
        let mut keys = vec![("type", quoted(&protocol)), ("port", port.to_owned())];
        let mut name = format!("{protocol}-{port}");
        if matches!(protocol.as_str(), "http" | "https") {
            let path = text("path").unwrap_or("/_dns");
            keys.push(("path", quoted(path)));
            name = format!("{name}-{path}");
            if let Some(host) = text("host") {
                keys.push(("host", quoted(host)));
                name = format!("{name}-{host}");
            }
        } else if protocol != "tcp" {
            let (why, help) = (
                "nothing is watched by this protocol: by tcp instead",
                "choose another type of monitor",
            );
            draft.lose(
                &self.origin(),
                format!("health check by `{protocol}`"),
                why,
                help,
            );
            keys[0].1 = quoted("tcp");
        }
        let name = slug(&name);
        let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value));
        draft.monitors.insert(name.clone(), keys.collect());
        name
    }

    fn pool(&self, name: &str) -> Option<&ConfigNode> {
        self.node.at(&["dynamic", "pools", name])
    }

    /// A pool and those behind it.
    fn chain(&self, pool: &str) -> Vec<String> {
        let (mut list, mut seen, mut next) = (Vec::new(), BTreeSet::new(), Some(pool));
        while let Some(own) = next.filter(|own| seen.insert(*own)) {
            list.push(slug(own));
            next = self.pool(own).and_then(|pool| pool.text_of("fallback"));
        }
        list
    }

    /// Whose list each rule is.
    fn lists(&self, draft: &mut ImportDraft) -> PlaceLists {
        let mut lists = PlaceLists::default();
        for rule in self
            .node
            .at(&["dynamic", "rules"])
            .map_or(&[][..], ConfigNode::items)
        {
            let origin = self.file.origin(rule.line);
            let regions = self.rule(rule, &origin, draft);
            let geos = [rule.texts_of("geos"), rule.texts_of("geo")].concat();
            let subnets = rule.texts_of("subnets");
            if geos.is_empty() && subnets.is_empty() {
                lists.default = Some(regions);
                continue;
            }
            let networks = subnets
                .into_iter()
                .map(|text| (text, ClientPlace::network(text)));
            let places = geos.into_iter().map(|text| (text, geo(text)));
            for (text, place) in networks.chain(places) {
                match place {
                    Some(place) => lists.places.push((origin.clone(), place, regions.clone())),
                    None => draft.lose(
                        &origin,
                        format!("`{text}`"),
                        "no place has this code",
                        "name the networks of these clients",
                    ),
                }
            }
        }
        lists
    }

    /// The regions of a rule.
    fn rule(&self, rule: &ConfigNode, origin: &SourceLine, draft: &mut ImportDraft) -> Vec<String> {
        if let Some(pool) = rule.text_of("pool") {
            return self.chain(pool);
        }
        let pools = rule.get("pools").map_or(&[][..], ConfigNode::entries);
        if pools.len() > 1 {
            draft.lacks(Feature::PlaceWeights, origin, "several pools of one rule");
        }
        let heaviest = pools
            .iter()
            .max_by_key(|entry| entry.key.parse::<u32>().unwrap_or(0));
        heaviest
            .and_then(|entry| entry.value.text())
            .map_or_else(Vec::new, |pool| self.chain(pool))
    }

    /// Adds the pools of this record's family.
    fn add_pools(&self, service: &mut DraftService, draft: &mut ImportDraft) {
        for entry in self
            .node
            .at(&["dynamic", "pools"])
            .map_or(&[][..], ConfigNode::entries)
        {
            let values = entry.value.get("values").unwrap_or(&entry.value);
            let mut members = Vec::new();
            for (number, value) in (1..).zip(values.items()) {
                members.extend(self.pooled(number, value, draft));
            }
            let region = slug(&entry.key);
            match service.pools.iter_mut().find(|pool| pool.region == region) {
                Some(pool) => pool.members.extend(members),
                None => service.pools.push(DraftPool { region, members }),
            }
        }
    }

    /// One value of a pool.
    fn pooled(
        &self,
        number: usize,
        value: &ConfigNode,
        draft: &mut ImportDraft,
    ) -> Option<DraftMember> {
        let text = value.text().or(value.text_of("value"));
        let Some(text) = text else {
            draft.lose(
                &self.file.origin(value.line),
                "a value of a pool",
                "it is empty",
                "write an address",
            );
            return None;
        };
        let mut member = self.member(value.line, &format!("{}{number}", self.kind()), text);
        member.weight = value
            .number_of("weight")
            .and_then(|own| u32::try_from(own).ok())
            .unwrap_or(1);
        match value.text_of("status") {
            Some("up") => member.monitors = Some(Vec::new()),
            Some("down") => member.is_disabled = true,
            Some(_) | None => {}
        }
        Some(member)
    }
}

/// `NA-US-CA`, `EU-DE`, `AS`.
fn geo(text: &str) -> Option<ClientPlace> {
    let parts: Vec<&str> = text.split('-').collect();
    match parts[..] {
        [continent] => ClientPlace::continent(continent),
        [_, country] => ClientPlace::country(country),
        [_, country, subdivision] => ClientPlace::subdivision(country, subdivision),
        _ => None,
    }
}

/// Fields of a structured value, in the order of the record's data.
fn data(kind: &str, value: &ConfigNode) -> Option<String> {
    let fields: &[&[&str]] = match kind {
        "MX" => &[&["preference", "priority"], &["exchange", "value"]],
        "SRV" => &[&["priority"], &["weight"], &["port"], &["target"]],
        "CAA" => &[&["flags"], &["tag"], &["value"]],
        "SSHFP" => &[&["algorithm"], &["fingerprint_type"], &["fingerprint"]],
        "TLSA" => &[
            &["certificate_usage"],
            &["selector"],
            &["matching_type"],
            &["certificate_association_data"],
        ],
        "A" | "AAAA" | "CNAME" | "DNAME" | "PTR" | "NS" | "TXT" | "SPF" => {
            let kind = if kind == "SPF" { "TXT" } else { kind };
            return Some(absolute_data(kind, value.text()?));
        }
        _ => return None,
    };
    if !matches!(value.content, NodeContent::Map(_)) {
        return None;
    }
    let field = |names: &&[&str]| {
        let text = names.iter().find_map(|name| value.text_of(name));
        let text = text.or((names[0] == "flags").then_some("0"))?;
        Some(if kind == "CAA" && names[0] == "value" {
            format!("\"{text}\"")
        } else {
            text.to_owned()
        })
    };
    let words: Option<Vec<String>> = fields.iter().map(field).collect();
    Some(absolute_data(kind, &words?.join(" ")))
}
