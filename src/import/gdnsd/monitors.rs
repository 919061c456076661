//! Service types of gdnsd into monitors.
//!
//! gdnsd takes an address out after `down_thresh` failures that add up, and back after `up_thresh` successes in a row: `fall` and
//! `rise`. `up` and `none` watch nothing, which is a service without monitors.
use super::config::GdnsdConfig;
use crate::import::draft::ImportDraft;
use crate::import::node::ConfigNode;
use crate::import::remark::{Feature, SourceLine};
use crate::import::toml_text::{quoted, slug};

impl GdnsdConfig<'_> {
    /// The monitors of service types, drawn where they are not there yet.
    pub(super) fn monitors(
        &self,
        types: &[String],
        origin: SourceLine,
        draft: &mut ImportDraft,
    ) -> Vec<String> {
        let watched = types
            .iter()
            .filter(|name| !matches!(name.as_str(), "up" | "none"));
        let mut list = Vec::new();
        for name in watched {
            let Some(node) = self.root.at(&["service_types", name]) else {
                let (why, help) = (
                    "nothing is watched by this service type",
                    "give the service a monitor",
                );
                draft.lose(&origin, format!("service type `{name}`"), why, help);
                continue;
            };
            let own = slug(name);
            let keys = draft.monitors.get(&own).cloned();
            if let Some(keys) = keys.or_else(|| self.monitor(name, node, draft)) {
                draft.monitors.insert(own.clone(), keys);
                list.push(own);
            }
        }
        list
    }

    fn monitor(
        &self,
        name: &str,
        node: &ConfigNode,
        draft: &mut ImportDraft,
    ) -> Option<Vec<(String, String)>> {
        let plugin = node.text_of("plugin").unwrap_or_default();
        let mut keys = match plugin {
            "http_status" => self.http(node, draft),
            "tcp_connect" => vec![pair("type", quoted("tcp"))],
            "extmon" => {
                draft.lacks(
                    Feature::ExecMonitor,
                    &self.origin(node),
                    format!("`{name}` ({plugin})"),
                );
                return None;
            }
            _ => {
                let (why, help) = (
                    "nothing watches as this plugin does",
                    "give the service a monitor of another type",
                );
                draft.lose(
                    &self.origin(node),
                    format!("`{name}` ({plugin})"),
                    why,
                    help,
                );
                return None;
            }
        };
        keys.extend(
            node.number_of("port")
                .map(|port| pair("port", port.to_string())),
        );
        let interval = node.number_of("interval").unwrap_or(10);
        let timeout = node
            .number_of("timeout")
            .unwrap_or(interval / 2)
            .min(interval)
            .max(1);
        keys.push(pair("interval", quoted(&format!("{interval}s"))));
        keys.push(pair("timeout", quoted(&format!("{timeout}s"))));
        keys.push(pair(
            "fall",
            node.number_of("down_thresh").unwrap_or(10).to_string(),
        ));
        keys.push(pair(
            "rise",
            node.number_of("up_thresh").unwrap_or(20).to_string(),
        ));
        Some(keys)
    }

    fn http(&self, node: &ConfigNode, draft: &mut ImportDraft) -> Vec<(String, String)> {
        let mut keys = vec![pair("type", quoted("http"))];
        match node.text_of("vhost") {
            Some(host) => keys.push(pair("host", quoted(host))),
            None => draft.note(
                &self.origin(node),
                "no `vhost`",
                "the request names the service's first hostname",
                "state `host` if the machines want another",
            ),
        }
        keys.push(pair(
            "path",
            quoted(node.text_of("url_path").unwrap_or("/")),
        ));
        let codes = node.texts_of("ok_codes");
        let codes = if codes.is_empty() { vec!["200"] } else { codes };
        keys.push(pair("expect_status", format!("[{}]", codes.join(", "))));
        keys
    }
}

fn pair(key: &str, value: String) -> (String, String) {
    (key.to_owned(), value)
}
