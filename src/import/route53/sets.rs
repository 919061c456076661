//! Record sets and health checks, as the AWS CLI prints them.
//!
//! It does not know how sets become endpoints or regions.
use std::collections::BTreeMap;

use crate::import::file::ImportedFile;
use crate::import::node::ConfigNode;
use crate::import::remark::SourceLine;
use crate::import::zone_text::absolute;

/// TTL of aliases, whose targets have one.
pub(super) const ALIAS_TTL: u32 = 60;

/// One record set.
pub(super) struct RecordSet {
    pub(super) origin: SourceLine,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) node: ConfigNode,
}

/// All record sets and health checks of the files.
#[derive(Default)]
pub(super) struct HostedSets {
    /// By name.
    pub(super) sets: BTreeMap<String, Vec<RecordSet>>,
    pub(super) checks: BTreeMap<String, (SourceLine, ConfigNode)>,
}

/// The ways in which sets of one name are chosen among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RoutingKind {
    Simple,
    Weighted,
    Failover,
    Multivalue,
    Geolocation,
    Latency,
    Geoproximity,
    Cidr,
}

/// Names as the API writes them: `\052` is an asterisk.
pub(super) fn plain(name: &str) -> String {
    absolute(&name.replace("\\052", "*"))
}

impl RecordSet {
    pub(super) fn routing(&self) -> RoutingKind {
        let has = |key: &str| self.node.get(key).is_some();
        match () {
            () if has("Weight") => RoutingKind::Weighted,
            () if has("Failover") => RoutingKind::Failover,
            () if has("MultiValueAnswer") => RoutingKind::Multivalue,
            () if has("GeoLocation") => RoutingKind::Geolocation,
            () if has("Region") => RoutingKind::Latency,
            () if has("GeoProximityLocation") => RoutingKind::Geoproximity,
            () if has("CidrRoutingConfig") => RoutingKind::Cidr,
            () => RoutingKind::Simple,
        }
    }

    pub(super) fn is_address(&self) -> bool {
        matches!(self.kind.as_str(), "A" | "AAAA" | "CNAME")
    }

    /// The identifier that sets of both families share, or the name.
    pub(super) fn identifier(&self) -> &str {
        self.node.text_of("SetIdentifier").unwrap_or(&self.name)
    }

    pub(super) fn ttl(&self) -> u32 {
        let ttl = self
            .node
            .number_of("TTL")
            .and_then(|ttl| u32::try_from(ttl).ok());
        ttl.unwrap_or(ALIAS_TTL)
    }

    /// Values, with their lines.
    pub(super) fn values(&self) -> Vec<(usize, &str)> {
        let records = self
            .node
            .get("ResourceRecords")
            .map_or(&[][..], ConfigNode::items);
        records
            .iter()
            .filter_map(|one| Some((one.line, one.text_of("Value")?)))
            .collect()
    }
}

impl HostedSets {
    pub(super) fn read(&mut self, document: &ConfigNode, file: &ImportedFile) {
        for node in document
            .get("ResourceRecordSets")
            .map_or(&[][..], ConfigNode::items)
        {
            let (Some(name), Some(kind)) = (node.text_of("Name"), node.text_of("Type")) else {
                continue;
            };
            let set = RecordSet {
                origin: file.origin(node.line),
                name: plain(name),
                kind: kind.to_ascii_uppercase(),
                node: node.clone(),
            };
            self.sets.entry(set.name.clone()).or_default().push(set);
        }
        for node in document
            .get("HealthChecks")
            .map_or(&[][..], ConfigNode::items)
        {
            if let Some(id) = node.text_of("Id") {
                self.checks
                    .insert(id.to_owned(), (file.origin(node.line), node.clone()));
            }
        }
    }

    /// Names with an SOA.
    pub(super) fn apexes(&self) -> Vec<(String, SourceLine)> {
        let all = self.sets.values().flatten();
        let found = all.filter(|set| set.kind == "SOA");
        found
            .map(|set| (set.name.clone(), set.origin.clone()))
            .collect()
    }
}
