//! gdnsd: its config, and the zone files whose `DYNA` and `DYNC` records name resources of plugins.
//!
//! A resource that is named becomes a service; a datacenter becomes a region. `geoip` sorts clients by maps ([`maps`]), `metafo`
//! by one order; what they choose among, and what other plugins choose by themselves, are pools ([`pools`]). Service types
//! become monitors ([`monitors`]). A file is a zone file, by the name of its zone, unless it has the words of a config.
//!
//! gdnsd draws for each query anew where Waypost gives a client network its own place in the draw: shares are the same, and
//! clients stay where they are.
mod config;
mod maps;
mod monitors;
mod pools;

use super::draft::{DraftPool, DraftService, DraftSteering, EVERYWHERE, ImportDraft, PlaceLists};
use super::file::{ImportedFile, UnreadableFile};
use super::node::ConfigNode;
use super::remark::SourceLine;
use super::toml_text::slug;
use super::vscf::read_vscf;
use super::zone_text::{MasterEntry, entries, seconds};

use config::{GdnsdConfig, ResourceName};
use pools::{GdnsdPool, PluginScope};

pub(super) fn draw(files: &[ImportedFile], draft: &mut ImportDraft) -> Result<(), UnreadableFile> {
    let configs: Vec<&ImportedFile> = files.iter().filter(|file| is_config(&file.text)).collect();
    let mut read = Vec::new();
    for file in &configs {
        let root = read_vscf(&file.text).map_err(|fault| file.unreadable(fault))?;
        let others = configs.clone();
        read.push(GdnsdConfig { file, root, others });
    }
    for config in &read {
        config.tell_options(draft);
    }
    for file in files.iter().filter(|file| !is_config(&file.text)) {
        zone(file, &read, draft);
    }
    Ok(())
}

/// The arrow of a hash stands in no zone file, but for comments and strings.
fn is_config(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(|line| line.split([';', '#', '"']).next().unwrap_or_default());
    let mut has_record = false;
    let has_arrow = lines.any(|line| {
        let mut words = line.split_whitespace();
        has_record |=
            words.any(|word| ["SOA", "DYNA", "DYNC"].contains(&word.to_ascii_uppercase().as_str()));
        !has_record && (line.contains("=>") || line.contains('='))
    });
    has_arrow && !has_record
}

/// A zone file: a service for each resource that it names.
fn zone(file: &ImportedFile, configs: &[GdnsdConfig<'_>], draft: &mut ImportDraft) {
    let apex = file.base();
    let all = entries(&file.text, apex);
    let mut steered = Vec::new();
    for (index, entry) in all.iter().enumerate() {
        let origin = file.origin(entry.line);
        match entry.kind.as_str() {
            "DYNA" | "DYNC" => {
                steered.push(index);
                steer(entry, &origin, configs, draft);
            }
            "$INCLUDE" => draft.note(
                &origin,
                format!("`$INCLUDE {}`", entry.data.join(" ")),
                "the included file is not looked into",
                "copy it beside the zone file, and translate `DYNA` lines of it by hand",
            ),
            kind if kind.starts_with("$ADDR_LIMIT") => {
                steered.push(index);
                let (why, help) = ("answers are not cut", "state `answers` of the service");
                draft.lose(&origin, format!("`{kind}`"), why, help);
            }
            _ => {}
        }
    }
    let own = draft.zone(apex, &file.origin(1));
    own.take_over(&file.text, &all, &steered);
}

/// One `DYNA` or `DYNC` record.
fn steer(
    entry: &MasterEntry,
    origin: &SourceLine,
    configs: &[GdnsdConfig<'_>],
    draft: &mut ImportDraft,
) {
    let text = entry.data.first().map_or("", String::as_str);
    let name = ResourceName::parse(text);
    let found = configs
        .iter()
        .find_map(|config| Some((config, config.resource(&name)?)));
    let Some((config, node)) = found else {
        let (why, help) = (
            "no config among the files has this resource",
            "give gdnsd's config along, or steer this name by hand",
        );
        draft.lose(origin, format!("{} `{text}`", entry.kind), why, help);
        return;
    };
    let own = format!("{}-{}", name.plugin, name.resource);
    let own = name
        .datacenter
        .map_or(own.clone(), |datacenter| format!("{own}-{datacenter}"));
    let mut service = DraftService::new(own, origin.clone());
    service.hostnames.push(entry.owner.clone());
    service.ttl = ttl(entry.ttl.as_deref().unwrap_or("86400"));
    config.fill(&mut service, &name, node, draft);
    draft.add_service(service);
}

/// `300`, or `300/30`: the most and the least.
fn ttl(text: &str) -> Option<(Option<u32>, u32)> {
    match text.split_once('/') {
        Some((most, least)) => Some((seconds(least), seconds(most)?)),
        None => Some((None, seconds(text)?)),
    }
}

impl GdnsdConfig<'_> {
    /// Settings of a server as such.
    fn tell_options(&self, draft: &mut ImportDraft) {
        for entry in self
            .root
            .get("options")
            .map_or(&[][..], ConfigNode::entries)
        {
            draft.note(
                &self.file.origin(entry.line),
                format!("option `{}`", entry.key),
                "settings of the server itself are not carried over",
                "see `[server]` and `[control]`",
            );
        }
        if let Some(include) = self.root.get("$include") {
            let (why, help) = (
                "included files are not looked into",
                "put its text in its place",
            );
            draft.lose(&self.origin(include), "`$include`", why, help);
        }
    }

    /// Gives a service its pools and its steering.
    fn fill(
        &self,
        service: &mut DraftService,
        name: &ResourceName<'_>,
        node: &ConfigNode,
        draft: &mut ImportDraft,
    ) {
        let scope = PluginScope::default();
        let scope = self
            .root
            .at(&["plugins", name.plugin])
            .map_or_else(|| scope.clone(), |plugin| scope.inner(plugin));
        let scope = scope.inner(node);
        if !matches!(name.plugin, "geoip" | "metafo") {
            let pool = self.pool(name.plugin, node, &scope, draft);
            take(service, EVERYWHERE.to_owned(), pool);
            return;
        }
        self.fill_datacenters(service, name, (node, &scope), draft);
        let map = node.text_of("map").unwrap_or_default();
        service.steering = match (name.datacenter, name.plugin) {
            (None, "geoip") => match self.root.at(&["plugins", "geoip", "maps", map]) {
                Some(map) => DraftSteering::ByPlace(self.lists(map, draft)),
                None => {
                    let (why, help) = (
                        "there is no such map",
                        "state `[services.NAME.steering]` by hand",
                    );
                    draft.lose(&self.origin(node), format!("map `{map}`"), why, help);
                    DraftSteering::ByPlace(PlaceLists::default())
                }
            },
            (_, _) => {
                let order = node.texts_of("datacenters");
                DraftSteering::Everyone(order.into_iter().map(slug).collect())
            }
        };
    }

    /// A pool for each datacenter.
    fn fill_datacenters(
        &self,
        service: &mut DraftService,
        name: &ResourceName<'_>,
        resource: (&ConfigNode, &PluginScope),
        draft: &mut ImportDraft,
    ) {
        let (node, scope) = resource;
        for entry in node.get("dcmap").map_or(&[][..], ConfigNode::entries) {
            if name.datacenter.is_some_and(|only| only != entry.key) {
                continue;
            }
            let pool = self.datacenter(&entry.value, scope, draft);
            take(service, slug(&entry.key), pool);
        }
        let order = node.texts_of("datacenters");
        if name.plugin == "metafo" && !order.is_empty() {
            let place = |pool: &DraftPool| order.iter().position(|own| slug(own) == pool.region);
            service.pools.sort_by_key(place);
        }
    }
}

/// Adds a pool of a region; what it says of answers, thresholds and monitors becomes the service's.
fn take(service: &mut DraftService, region: String, pool: GdnsdPool) {
    let GdnsdPool {
        mut members,
        answers,
        up_percent,
        monitors,
    } = pool;
    if service.pools.is_empty() {
        service.monitors.clone_from(&monitors);
        service.min_up = up_percent;
    } else if service.monitors != monitors {
        for member in &mut members {
            member.monitors = Some(monitors.clone());
        }
    }
    service.min_up = service.min_up.max(up_percent);
    service.answers = service.answers.max(answers);
    service.pools.push(DraftPool { region, members });
}
