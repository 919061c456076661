//! `[discovery.NAME]`: endpoints that a source lists while the server runs.
//!
//! ```toml
//! [discovery.web]
//! file     = "nodes.json"                    # or one of these three:
//! url      = "https://inventory.example.net/nodes.json"
//! srv      = "_https._tcp.web.example.net"   # asked of [resolvers]
//! consul   = { url = "http://127.0.0.1:8500", service = "web", tags = ["v2"], passing = true, datacenter = "dc1" }
//! token    = "${CONSUL_TOKEN}"               # or token_file
//! region   = "eu-frankfurt"                  # of all that is listed, and so is the rest
//! provider = "hetzner"
//! ```
use toml::de::DeValue;

use super::{items, notify, path, plain};
use crate::base::Span;
use crate::config::discovery::{DiscoverySourceSpec, DiscoverySpec};
use crate::config::reader::{At, Fields};
use crate::config::value::{self, Trouble};
use crate::discovery::NAME_LENGTH;
use crate::plan::{ConsulQuery, Discovery};

/// Characters of a name, so that there is room for an id behind it.
const LONGEST: usize = NAME_LENGTH / 2;
/// Keys that say where lists come from.
const SOURCES: &str = "write one of `file`, `url`, `srv` and `consul`";

/// `[discovery]`.
pub(super) fn discoveries(document: &mut Fields<'_, '_>) -> Vec<DiscoverySpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("discovery", "discovery") {
        if name.value.len() > LONGEST {
            let message = format!("`{}` is longer than {LONGEST} characters", name.value);
            fields.reader().error(&name.at, message, |found| {
                found.help("the names of its endpoints begin with it: choose a shorter one");
            });
        }
        let at = fields.at();
        let or = |given: Option<At<usize>>, value| {
            given.unwrap_or(At {
                value,
                at: at.clone(),
            })
        };
        list.push(DiscoverySpec {
            source: source(&mut fields),
            token: fields.optional("token", value::secret),
            token_file: fields.optional("token_file", path),
            roots: fields.optional("roots", path),
            every: every(&mut fields),
            timeout: plain(fields.optional("timeout", value::span)).unwrap_or(Discovery::TIMEOUT),
            region: fields.required("region", r#""eu-frankfurt""#, value::text),
            service: fields.optional("service", value::text),
            provider: plain(fields.required("provider", r#""hetzner""#, value::label))
                .unwrap_or_default(),
            tier: plain(fields.optional("tier", value::number(1..=99))).unwrap_or(1),
            weight: plain(fields.optional("weight", value::number(0..=65_535))),
            jurisdiction: fields.optional("jurisdiction", value::text),
            flatten: plain(fields.optional("flatten", value::boolean)),
            probe_port: plain(fields.optional("probe_port", value::boolean)) == Some(true),
            networks: items(fields.list("networks", network)),
            changes_per_minute: or(
                fields.optional("changes_per_minute", value::number(1..=100_000)),
                Discovery::CHANGES_PER_MINUTE,
            ),
            max_shrink: fields.optional("max_shrink", value::percent).unwrap_or(At {
                value: Discovery::MAX_SHRINK,
                at: at.clone(),
            }),
            max_endpoints: or(
                fields.optional("max_endpoints", value::number(1..=20_000)),
                Discovery::MAX_ENDPOINTS,
            ),
            name,
        });
        fields.finish();
    }
    list
}

/// The one source, with its place.
fn source(fields: &mut Fields<'_, '_>) -> Option<At<DiscoverySourceSpec>> {
    let file = fields
        .optional("file", path)
        .map(|own| of(own, DiscoverySourceSpec::File));
    let url = fields
        .optional("url", notify::url)
        .map(|own| of(own, DiscoverySourceSpec::Url));
    let srv = fields
        .optional("srv", value::domain)
        .map(|own| of(own, DiscoverySourceSpec::Srv));
    let written = [file.is_some(), url.is_some(), srv.is_some()];
    let has_consul = fields.key("consul").is_some();
    let consul = consul(fields);
    let count = written.into_iter().filter(|one| *one).count() + usize::from(has_consul);
    let found = [file, url, srv, consul].into_iter().flatten();
    let mut found: Vec<At<DiscoverySourceSpec>> = found.collect();
    if count > 1
        && let Some(second) = found.get(1)
    {
        fields
            .reader()
            .error(&second.at, "a discovery has one source", |found| {
                found.help(format!("{SOURCES}; make a discovery of each"));
            });
    }
    if count == 0
        && !["file", "url", "srv"]
            .iter()
            .any(|key| fields.key(key).is_some())
    {
        fields.missing("file", SOURCES);
    }
    (!found.is_empty()).then(|| found.remove(0))
}

fn of<T>(own: At<T>, make: impl Fn(T) -> DiscoverySourceSpec) -> At<DiscoverySourceSpec> {
    At {
        value: make(own.value),
        at: own.at,
    }
}

/// `{ url = "http://127.0.0.1:8500", service = "web", tags = ["v2"], passing = true, datacenter = "dc1" }`.
fn consul(fields: &mut Fields<'_, '_>) -> Option<At<DiscoverySourceSpec>> {
    let mut own = fields.table("consul")?;
    let at = own.at();
    let url = own.optional("url", notify::url);
    let service = own.required("service", r#""web""#, value::text);
    let query = ConsulQuery {
        service: plain(service).unwrap_or_default(),
        tags: items(own.list("tags", value::text))
            .into_iter()
            .map(|one| one.value)
            .collect(),
        passing: plain(own.optional("passing", value::boolean)) != Some(false),
        datacenter: plain(own.optional("datacenter", value::text)),
    };
    own.finish();
    let url = plain(url).unwrap_or_else(|| "http://127.0.0.1:8500".to_owned());
    Some(At {
        value: DiscoverySourceSpec::Consul(url, query),
        at,
    })
}

fn every(fields: &mut Fields<'_, '_>) -> At<Span> {
    let given = fields.optional("every", value::span);
    if let Some(own) = given.as_ref().filter(|own| own.value < Span::from_secs(1)) {
        fields
            .reader()
            .error(&own.at, format!("{} is too short", own.value), |found| {
                found.help("a source is asked once a second at the most: \"1s\"");
            });
    }
    given.unwrap_or(At {
        value: Discovery::EVERY,
        at: fields.at(),
    })
}

fn network(value: &DeValue<'_>) -> Result<crate::geo::Network, Trouble> {
    value::known_network(&value::text(value)?)
}
