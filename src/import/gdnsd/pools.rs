//! Pools of gdnsd's plugins: multifo, weighted, simplefo and static, and what datacenters are mapped to.
//!
//! `multifo` answers with all that is up: as many endpoints in an answer as there are. `weighted` draws one. A group of
//! `weighted` whose addresses weigh alike is one endpoint of several addresses, which is the same. `simplefo` has two tiers, and so
//! has a `metafo` inside a datacenter, as many as it has datacenters.
//!
//! It does not know who is sent to a pool.
use super::config::{GdnsdConfig, ResourceName};
use crate::import::draft::{DraftMember, ImportDraft, MemberTarget};
use crate::import::node::{ConfigNode, NodeEntry};
use crate::import::remark::Feature;
use crate::import::zone_text::absolute;

/// Keys that are settings and no labels.
const SETTINGS: [&str; 8] = [
    "service_types",
    "up_thresh",
    "multi",
    "ignore_health",
    "plugin",
    "map",
    "dcmap",
    "datacenters",
];

/// Settings that what is inside inherits.
#[derive(Clone, Debug)]
pub(super) struct PluginScope {
    service_types: Vec<String>,
    up_percent: u32,
    is_multi: bool,
}

impl Default for PluginScope {
    fn default() -> Self {
        Self {
            service_types: Vec::new(),
            up_percent: 50,
            is_multi: false,
        }
    }
}

impl PluginScope {
    pub(super) fn inner(&self, node: &ConfigNode) -> Self {
        let types = node.texts_of("service_types");
        let service_types = match types.is_empty() {
            true => self.service_types.clone(),
            false => types.into_iter().map(str::to_owned).collect(),
        };
        let percent = node.text_of("up_thresh").and_then(percent);
        let multi = node
            .text_of("multi")
            .map(|text| text.eq_ignore_ascii_case("true"));
        Self {
            service_types,
            up_percent: percent.unwrap_or(self.up_percent),
            is_multi: multi.unwrap_or(self.is_multi),
        }
    }
}

/// `0.5` as 50, rounded down: a threshold of 0.333 of three is one of them.
fn percent(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("00".chars()).take(2).collect();
    let whole: u32 = whole.parse().ok()?;
    Some((whole * 100 + digits.parse::<u32>().ok()?).clamp(1, 100))
}

/// Endpoints, and how many of them answer.
#[derive(Debug, Default)]
pub(super) struct GdnsdPool {
    pub(super) members: Vec<DraftMember>,
    pub(super) answers: usize,
    pub(super) up_percent: Option<u32>,
    pub(super) monitors: Vec<String>,
}

impl GdnsdConfig<'_> {
    /// The pool that a datacenter is mapped to.
    pub(super) fn datacenter(
        &self,
        node: &ConfigNode,
        scope: &PluginScope,
        draft: &mut ImportDraft,
    ) -> GdnsdPool {
        if let Some(text) = node.text().filter(|text| text.starts_with('%')) {
            return self.referred(text, node, draft);
        }
        let plugin = node.text_of("plugin").unwrap_or("multifo");
        self.pool(plugin, node, &scope.inner(node), draft)
    }

    /// `%plugin!resource`.
    fn referred(&self, text: &str, node: &ConfigNode, draft: &mut ImportDraft) -> GdnsdPool {
        let name = ResourceName::parse(text);
        let Some(resource) = self.resource(&name).filter(|_| name.plugin != "geoip") else {
            let (why, help) = (
                "a datacenter cannot be a map of its own, and has to name a resource that there is",
                "give the region endpoints",
            );
            draft.lose(&self.origin(node), format!("`{text}`"), why, help);
            return GdnsdPool::default();
        };
        let plugin = self.root.at(&["plugins", name.plugin]);
        let scope = PluginScope::default();
        let scope = plugin
            .map_or_else(|| scope.clone(), |plugin| scope.inner(plugin))
            .inner(resource);
        match name.plugin {
            "metafo" => self.tiers(resource, &scope, draft),
            _ => self.pool(name.plugin, resource, &scope, draft),
        }
    }

    /// A metafo inside a datacenter: one tier after the other.
    fn tiers(&self, node: &ConfigNode, scope: &PluginScope, draft: &mut ImportDraft) -> GdnsdPool {
        let mut all = GdnsdPool::default();
        let order = node.texts_of("datacenters");
        for (tier, name) in (1u16..).zip(order) {
            let Some(inner) = node.at(&["dcmap", name]).filter(|inner| !is_nested(inner)) else {
                let (why, help) = (
                    "it has no endpoints of its own",
                    "give the region a tier for it",
                );
                draft.lose(
                    &self.origin(node),
                    format!("datacenter `{name}`"),
                    why,
                    help,
                );
                continue;
            };
            let pool = self.datacenter(inner, scope, draft);
            all.answers = all.answers.max(pool.answers);
            all.monitors = pool.monitors;
            all.members.extend(
                pool.members
                    .into_iter()
                    .map(|member| DraftMember { tier, ..member }),
            );
        }
        all
    }

    /// The pool that a plugin makes of a resource.
    pub(super) fn pool(
        &self,
        plugin: &str,
        node: &ConfigNode,
        scope: &PluginScope,
        draft: &mut ImportDraft,
    ) -> GdnsdPool {
        let families: Vec<&ConfigNode> = ["addrs_v4", "addrs_v6"]
            .iter()
            .filter_map(|key| node.get(key))
            .collect();
        let families = if families.is_empty() {
            vec![node]
        } else {
            families
        };
        let mut all = GdnsdPool::default();
        for family in families {
            let scope = scope.inner(family);
            let one = match plugin {
                "multifo" => self.multifo(family, &scope, draft),
                "static" => self.multifo(
                    family,
                    &PluginScope {
                        up_percent: 1,
                        ..scope.clone()
                    },
                    draft,
                ),
                "weighted" => self.weighted(family, &scope, draft),
                "simplefo" => self.simplefo(family, draft),
                _ => {
                    let (why, help) = (
                        "there is nothing like this plugin",
                        "give the service endpoints",
                    );
                    draft.lose(&self.origin(node), format!("plugin `{plugin}`"), why, help);
                    return all;
                }
            };
            all.answers = all.answers.max(one.answers);
            all.up_percent = all.up_percent.max(one.up_percent);
            all.monitors = self.monitors(&scope.service_types, self.origin(family), draft);
            merge(&mut all.members, one.members);
        }
        all
    }

    fn multifo(
        &self,
        node: &ConfigNode,
        scope: &PluginScope,
        draft: &mut ImportDraft,
    ) -> GdnsdPool {
        let ignored = node
            .get("ignore_health")
            .filter(|own| own.text() == Some("true"));
        if let Some(ignored) = ignored {
            draft.lacks(
                Feature::IgnoredHealth,
                &self.origin(ignored),
                "`ignore_health`",
            );
        }
        let mut members = Vec::new();
        if node.is_map() {
            for entry in labels(node) {
                members.extend(self.member(&entry.key, &entry.value, draft));
            }
        } else {
            for (number, item) in (1..).zip(node.items()) {
                members.extend(self.member(&format!("{number}"), item, draft));
            }
        }
        GdnsdPool {
            answers: members.len(),
            up_percent: (members.len() > 1).then_some(scope.up_percent),
            members,
            monitors: Vec::new(),
        }
    }

    fn simplefo(&self, node: &ConfigNode, draft: &mut ImportDraft) -> GdnsdPool {
        let mut members = Vec::new();
        for (tier, label) in [(1, "primary"), (2, "secondary")] {
            let own = node
                .get(label)
                .and_then(|own| self.member(label, own, draft));
            members.extend(own.map(|member| DraftMember { tier, ..member }));
        }
        GdnsdPool {
            members,
            answers: 1,
            ..GdnsdPool::default()
        }
    }

    fn weighted(
        &self,
        node: &ConfigNode,
        scope: &PluginScope,
        draft: &mut ImportDraft,
    ) -> GdnsdPool {
        let mut members = Vec::new();
        for entry in labels(node) {
            match entry.value.is_map() {
                true => self.group(entry, &mut members, draft),
                false => members.extend(self.weighed(&entry.key, &entry.value, draft)),
            }
        }
        let is_even = members
            .windows(2)
            .all(|pair| pair[0].weight == pair[1].weight);
        let answers = if scope.is_multi { members.len() } else { 1 };
        if scope.is_multi && !is_even {
            let (why, help) = (
                "an answer has a fixed number of endpoints, and not each of them by a chance of its own",
                "state how many in `answers`",
            );
            draft.lose(&self.origin(node), "`multi`", why, help);
        }
        GdnsdPool {
            answers,
            up_percent: (members.len() > 1).then_some(scope.up_percent),
            members,
            monitors: Vec::new(),
        }
    }

    /// A group of weighted addresses: one endpoint if they weigh alike.
    fn group(&self, entry: &NodeEntry, members: &mut Vec<DraftMember>, draft: &mut ImportDraft) {
        let inner = labels(&entry.value);
        let inner: Vec<DraftMember> = inner
            .filter_map(|one| self.weighed(&one.key, &one.value, draft))
            .collect();
        let is_even = inner
            .windows(2)
            .all(|pair| pair[0].weight == pair[1].weight);
        let Some(first) = inner.first().filter(|_| is_even) else {
            let (why, help) = (
                "an answer has the addresses of one endpoint, and not each of a group by a chance of its own",
                "nothing, if one address in an answer will do",
            );
            draft.lose(
                &self.file.origin(entry.line),
                format!("group `{}`", entry.key),
                why,
                help,
            );
            members.extend(inner);
            return;
        };
        let addresses = inner
            .iter()
            .flat_map(|one| one.addresses().to_vec())
            .collect();
        let target = MemberTarget::Addresses(addresses);
        let mut member = DraftMember::new(first.origin.clone(), &*entry.key, target);
        member.weight = inner.iter().map(|one| one.weight).sum();
        members.push(member);
    }

    /// `[ 192.0.2.1, 99 ]`.
    fn weighed(
        &self,
        label: &str,
        node: &ConfigNode,
        draft: &mut ImportDraft,
    ) -> Option<DraftMember> {
        let [target, weight] = node.items() else {
            let (why, help) = (
                "it is no pair of a target and a weight",
                "give the endpoint a weight",
            );
            draft.lose(&self.origin(node), format!("`{label}`"), why, help);
            return None;
        };
        let weight = weight
            .text()
            .and_then(|text| text.parse().ok())
            .unwrap_or(1);
        let member = self.member(label, target, draft)?;
        Some(DraftMember { weight, ..member })
    }

    /// An address, or a name that ends in a dot.
    fn member(
        &self,
        label: &str,
        node: &ConfigNode,
        draft: &mut ImportDraft,
    ) -> Option<DraftMember> {
        let origin = self.origin(node);
        let text = node.text().unwrap_or_default();
        let target = match text.parse() {
            Ok(address) => MemberTarget::Addresses(vec![address]),
            Err(_) if text.ends_with('.') => MemberTarget::Hostname(absolute(text)),
            Err(_) => {
                let (why, help) = (
                    "it is neither an address nor a name with its final dot",
                    "write an address",
                );
                draft.lose(&origin, format!("`{text}`"), why, help);
                return None;
            }
        };
        Some(DraftMember::new(origin, label, target))
    }
}

/// Entries that are no settings.
fn labels(node: &ConfigNode) -> impl Iterator<Item = &NodeEntry> {
    let entries = node.entries().iter();
    entries.filter(|entry| !SETTINGS.contains(&entry.key.as_str()))
}

/// A datacenter of a datacenter's is a reference no more: it could be one to itself.
fn is_nested(node: &ConfigNode) -> bool {
    node.text().is_some_and(|text| text.starts_with('%'))
}

/// Puts addresses of both families under one label into one endpoint, where they weigh the same.
fn merge(members: &mut Vec<DraftMember>, more: Vec<DraftMember>) {
    for member in more {
        let same = members.iter_mut().find(|own| {
            own.label == member.label && own.weight == member.weight && own.tier == member.tier
        });
        match same.map(|own| (&mut own.target, &member.target)) {
            Some((MemberTarget::Addresses(own), MemberTarget::Addresses(more))) => own.extend(more),
            _ => members.push(member),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn thresholds_are_percent() {
        let found: Vec<_> = ["0.5", "1.0", "0.01", "0.333", "0.001"].map(percent).into();
        assert_eq!(found, [Some(50), Some(100), Some(1), Some(33), Some(1)]);
        assert_eq!(percent("x"), None);
    }
}
