//! Maps of gdnsd's geoip plugin into lists of regions by place.
//!
//! A map is a tree: continent, country, subdivision, city, each with a list of datacenters or a deeper level, whose `default` is for
//! the rest. A place without a list has that of the place around it, which is what `places` do as well, so only lists that
//! are written become entries. `nets` come before all of it. With `auto_dc_coords` whoever has no list goes by distance.
use super::config::GdnsdConfig;
use crate::import::draft::{ImportDraft, PlaceLists};
use crate::import::node::{ConfigNode, NodeEntry};
use crate::import::places::ClientPlace;
use crate::import::remark::SourceLine;
use crate::import::toml_text::slug;
use crate::import::vscf::read_vscf;

/// The way from the top of a map to a level of it.
#[derive(Clone, Default)]
struct MapPath(Vec<String>);

impl GdnsdConfig<'_> {
    pub(super) fn lists(&self, map: &ConfigNode, draft: &mut ImportDraft) -> PlaceLists {
        let coordinates = map.get("auto_dc_coords");
        for entry in coordinates.map_or(&[][..], ConfigNode::entries) {
            let point: Vec<f64> = entry
                .value
                .items()
                .iter()
                .filter_map(|one| one.text()?.parse().ok())
                .collect();
            if let [north, east] = point[..] {
                draft.locations.insert(slug(&entry.key), (north, east));
            }
        }
        if let Some(path) = map.text_of("geoip2_db") {
            draft.database = Some(path.to_owned());
        }
        if let Some(old) = map.get("geoip_db") {
            let (why, help) = (
                "files of GeoIP1 (.dat) are not read",
                "give `[geo] database` a MaxMind-format file (.mmdb)",
            );
            draft.lose(&self.origin(old), "`geoip_db`", why, help);
        }
        let mut lists = PlaceLists::default();
        if coordinates.is_none() {
            let all = map.texts_of("datacenters").into_iter();
            lists.default = Some(all.map(slug).collect());
        }
        if let Some(own) = map.get("map") {
            self.level(own, &MapPath::default(), &mut lists, draft);
        }
        if let Some(nets) = map.get("nets") {
            self.nets(nets, &mut lists, draft);
        }
        lists
    }

    /// One level of a map.
    fn level(
        &self,
        node: &ConfigNode,
        path: &MapPath,
        lists: &mut PlaceLists,
        draft: &mut ImportDraft,
    ) {
        for entry in node.entries() {
            let inner = match entry.key.as_str() {
                "default" => path.clone(),
                key => MapPath(path.0.iter().cloned().chain([key.to_owned()]).collect()),
            };
            if entry.value.is_map() {
                self.level(&entry.value, &inner, lists, draft);
                continue;
            }
            let origin = self.file.origin(entry.line);
            let regions = self.regions(entry, &origin, draft);
            if regions.is_empty() {
                continue;
            }
            if inner.0.is_empty() {
                lists.default = Some(regions);
                continue;
            }
            match inner.place() {
                Some(place) => lists.places.push((origin, place, regions)),
                None => {
                    let what = format!("clients of `{}`", inner.0.join(" / "));
                    let (why, help) = (
                        "no place has this code",
                        "name the networks of these clients in `places`",
                    );
                    draft.lose(&origin, what, why, help);
                }
            }
        }
    }

    /// A list of datacenters.
    fn regions(
        &self,
        entry: &NodeEntry,
        origin: &SourceLine,
        draft: &mut ImportDraft,
    ) -> Vec<String> {
        let list: Vec<&str> = entry
            .value
            .items()
            .iter()
            .filter_map(ConfigNode::text)
            .collect();
        if list.is_empty() {
            let (why, help) = (
                "nobody is ever left without an answer",
                "nothing, if all shall be answered",
            );
            draft.lose(
                origin,
                format!("an empty list for `{}`", entry.key),
                why,
                help,
            );
        }
        list.into_iter().map(slug).collect()
    }

    /// Networks, here or in a file of their own.
    fn nets(&self, node: &ConfigNode, lists: &mut PlaceLists, draft: &mut ImportDraft) {
        let Some(path) = node.text() else {
            self.networks(self.file.origin(node.line), node, lists, draft);
            return;
        };
        let base = path.rsplit('/').next().unwrap_or(path);
        let file = self.others.iter().find(|file| file.base() == base);
        match file.and_then(|file| Some((file, read_vscf(&file.text).ok()?))) {
            Some((file, own)) => self.networks(file.origin(1), &own, lists, draft),
            None => {
                let (why, help) = ("the file was not given", "give it along");
                draft.lose(&self.origin(node), format!("nets of `{path}`"), why, help);
            }
        }
    }

    fn networks(
        &self,
        file: SourceLine,
        node: &ConfigNode,
        lists: &mut PlaceLists,
        draft: &mut ImportDraft,
    ) {
        for entry in node.entries() {
            let origin = SourceLine {
                line: entry.line,
                ..file.clone()
            };
            let regions = self.regions(entry, &origin, draft);
            match ClientPlace::network(&entry.key) {
                Some(place) => lists.places.push((origin, place, regions)),
                None => {
                    let (why, help) = (
                        "it is no network",
                        "write a network such as 198.51.100.0/24",
                    );
                    draft.lose(&origin, format!("`{}`", entry.key), why, help);
                }
            }
        }
    }
}

impl MapPath {
    /// The clients at the end of the way.
    fn place(&self) -> Option<ClientPlace> {
        match &self.0[..] {
            [continent] => ClientPlace::continent(continent),
            [_, country] => ClientPlace::country(country),
            [_, country, subdivision] => {
                ClientPlace::subdivision(country, subdivision).or_else(|| {
                    Some(ClientPlace::city(
                        ClientPlace::country(country),
                        subdivision,
                    ))
                })
            }
            [_, country, between @ .., city] => {
                let part = between.first();
                let part = part.and_then(|part| ClientPlace::subdivision(country, part));
                let within = part.or_else(|| ClientPlace::country(country));
                Some(ClientPlace::city(within, city))
            }
            [] => None,
        }
    }
}
