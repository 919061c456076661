//! Health checks of Route 53 into monitors.
//!
//! A set has at most one check, which may look at another address than the set answers with: at that one the endpoint is probed.
//! Checks that are computed of others, or of a metric, have no monitor.
use std::net::IpAddr;

use super::sets::{HostedSets, RecordSet};
use crate::import::draft::{DraftMember, ImportDraft};
use crate::import::node::ConfigNode;
use crate::import::toml_text::{quoted, slug};

impl HostedSets {
    /// The monitors of a set; `None` if it has none.
    pub(super) fn monitors(&self, set: &RecordSet, draft: &mut ImportDraft) -> Option<Vec<String>> {
        let id = set.node.text_of("HealthCheckId")?;
        let Some((origin, check)) = self.checks.get(id) else {
            let (why, help) = (
                "no file has this health check",
                "give the output of `aws route53 list-health-checks` along",
            );
            draft.lose(
                &set.origin,
                format!("health check {id} of `{}`", set.identifier()),
                why,
                help,
            );
            return None;
        };
        let config = check.get("HealthCheckConfig")?;
        let kind = config.text_of("Type").unwrap_or_default();
        let word = match kind {
            "HTTP" | "HTTP_STR_MATCH" => "http",
            "HTTPS" | "HTTPS_STR_MATCH" => "https",
            "TCP" => "tcp",
            _ => {
                let (why, help) = (
                    "it looks at other checks or at a metric, and not at the machine",
                    "give the endpoint a monitor",
                );
                draft.lose(origin, format!("health check {id} ({kind})"), why, help);
                return None;
            }
        };
        for key in ["Inverted", "Disabled"] {
            if config.text_of(key) == Some("true") {
                draft.lose(
                    origin,
                    format!("`{key}` of health check {id}"),
                    "a monitor is neither",
                    "see whether it is still meant",
                );
            }
        }
        let name = slug(&format!("{word}-{}", id.get(..8).unwrap_or(id)));
        draft.monitors.insert(name.clone(), keys(word, config));
        Some(vec![name])
    }

    /// The address that a check looks at, if it is none of the endpoint's.
    pub(super) fn probed_elsewhere(&self, set: &RecordSet, member: &DraftMember) -> Option<IpAddr> {
        let (_, check) = self.checks.get(set.node.text_of("HealthCheckId")?)?;
        let text = check
            .at(&["HealthCheckConfig", "IPAddress"])
            .and_then(ConfigNode::text)?;
        let address = text.parse().ok()?;
        (!member.addresses().contains(&address)).then_some(address)
    }
}

fn keys(word: &str, config: &ConfigNode) -> Vec<(String, String)> {
    let mut keys = vec![("type", quoted(word))];
    keys.extend(
        config
            .number_of("Port")
            .map(|port| ("port", port.to_string())),
    );
    if word != "tcp" {
        let host = config.text_of("FullyQualifiedDomainName");
        keys.extend(host.map(|host| ("host", quoted(host))));
        keys.push((
            "path",
            quoted(config.text_of("ResourcePath").unwrap_or("/")),
        ));
        keys.push(("expect_status", "[\"200-399\"]".to_owned()));
        keys.extend(
            config
                .text_of("SearchString")
                .map(|text| ("expect_body", quoted(text))),
        );
    }
    let interval = config.number_of("RequestInterval").unwrap_or(30);
    keys.push(("interval", quoted(&format!("{interval}s"))));
    keys.push(("timeout", quoted("4s")));
    let threshold = config
        .number_of("FailureThreshold")
        .unwrap_or(3)
        .to_string();
    keys.push(("fall", threshold.clone()));
    keys.push(("fall_consecutive", "true".to_owned()));
    keys.push(("rise", threshold));
    keys.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
