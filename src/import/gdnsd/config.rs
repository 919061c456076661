//! A config of gdnsd as a tree, and how its resources are named.
//!
//! It does not know what a resource means.
use crate::import::file::ImportedFile;
use crate::import::node::ConfigNode;
use crate::import::remark::SourceLine;

/// A config, and where it stands.
pub(super) struct GdnsdConfig<'f> {
    pub(super) file: &'f ImportedFile,
    pub(super) root: ConfigNode,
    /// Files that are no zones, for those that the config names.
    pub(super) others: Vec<&'f ImportedFile>,
}

/// `plugin!resource/datacenter`.
pub(super) struct ResourceName<'t> {
    pub(super) plugin: &'t str,
    pub(super) resource: &'t str,
    pub(super) datacenter: Option<&'t str>,
}

impl<'t> ResourceName<'t> {
    pub(super) fn parse(text: &'t str) -> Self {
        let text = text.trim_start_matches('%');
        let (plugin, rest) = text.split_once('!').unwrap_or((text, ""));
        let (resource, datacenter) = match rest.split_once('/') {
            Some((resource, datacenter)) => (resource, Some(datacenter)),
            None => (rest, None),
        };
        Self {
            plugin,
            resource,
            datacenter,
        }
    }
}

impl GdnsdConfig<'_> {
    pub(super) fn origin(&self, node: &ConfigNode) -> SourceLine {
        self.file.origin(node.line)
    }

    /// The node of a resource.
    pub(super) fn resource(&self, name: &ResourceName<'_>) -> Option<&ConfigNode> {
        let plugin = self.root.at(&["plugins", name.plugin])?;
        match name.plugin {
            "geoip" | "metafo" => plugin.at(&["resources", name.resource]),
            _ => plugin.get(name.resource),
        }
    }
}
