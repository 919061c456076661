//! `[resolvers]`, and `[[zones.aliases]]`: who is asked for machines that are known by name, and static names that have
//! the addresses of others.
//!
//! Without `servers`, the resolvers of `/etc/resolv.conf` are asked. One is written as the URL of what it speaks:
//! `udp://192.0.2.53` (and TCP, where an answer is too large), `tls://192.0.2.53#dns.example` and
//! `https://192.0.2.53/dns-query#dns.example`. It is an address, because a name would need somebody to ask; behind `#` is
//! the name in its certificate, which without it is issued for the address.
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use toml::de::DeValue;

use crate::base::Span;
use crate::base::limits::RESOLVERS;
use crate::config::naming::{AliasSpec, ResolversSpec};
use crate::config::reader::{Fields, items, plain};
use crate::config::value::{self, Trouble};
use crate::names::{HoldBounds, PrivateAddresses};
use crate::plan::{Resolving, Spoken, Upstream};

use super::{endpoint, path};

const HELP: &str = "write \"udp://192.0.2.53\", \"tls://192.0.2.53#dns.example\" or \"https://192.0.2.53/dns-query#dns.example\"";
/// The path of DNS over HTTPS where none is written (RFC 8484, section 4.1.1).
const QUERY_PATH: &str = "/dns-query";
/// The TTL of an alias that says nothing of it.
const ALIAS_TTL: Span = Span::from_secs(60);

pub(super) fn resolvers(document: &mut Fields<'_, '_>) -> ResolversSpec {
    let Some(mut fields) = document.table("resolvers") else {
        return ResolversSpec::default();
    };
    let spec = ResolversSpec {
        servers: items(fields.list("servers", upstream)),
        roots: fields.optional("roots", path),
        timeout: plain(fields.optional("timeout", value::span)).unwrap_or(Resolving::TIMEOUT),
        bounds: bounds(&mut fields),
        private: plain(fields.optional("private", value::word(PrivateAddresses::WORDS)))
            .unwrap_or(PrivateAddresses::Refuse),
    };
    if let Some(past) = spec.servers.get(RESOLVERS) {
        let message = format!("more than {RESOLVERS} resolvers");
        fields.reader().error(&past.at, message, |found| {
            found.help("two or three that fail apart are enough");
        });
    }
    fields.finish();
    spec
}

/// `ttl = { min = "5s", max = "1h" }`.
fn bounds(resolvers: &mut Fields<'_, '_>) -> HoldBounds {
    let Some(mut fields) = resolvers.table("ttl") else {
        return HoldBounds::DEFAULT;
    };
    let (min, max) = (
        fields.optional("min", value::span),
        fields.optional("max", value::span),
    );
    let bounds = HoldBounds {
        min: plain(min.clone()).unwrap_or(HoldBounds::DEFAULT.min),
        max: plain(max.clone()).unwrap_or(HoldBounds::DEFAULT.max),
    };
    let at = min.or(max).map_or(fields.at(), |one| one.at);
    let reader = fields.reader();
    fields.finish();
    if bounds.min < Span::from_secs(1) {
        reader.error(&at, format!("{} is too short", bounds.min), |found| {
            found.help("names are asked for once a second at the most: \"1s\"");
        });
    }
    if bounds.min > bounds.max {
        let message = format!(
            "the least, {}, is above the most, {}",
            bounds.min, bounds.max
        );
        reader.error(&at, message, |found| {
            found.help("the default is { min = \"5s\", max = \"1h\" }");
        });
    }
    bounds
}

fn upstream(value: &DeValue<'_>) -> Result<Upstream, Trouble> {
    let text = value::text(value)?;
    let wrong = || Trouble::new(format!("`{text}` is not a resolver")).with_help(HELP);
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (rest, name) = match rest.split_once('#') {
        Some((rest, name)) if !name.is_empty() => (rest, Some(name)),
        Some(_) => return Err(wrong()),
        None => (rest, None),
    };
    let (host, path) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let default = match scheme {
        "udp" => 53,
        "tls" => 853,
        "https" => 443,
        _ => return Err(wrong()),
    };
    let address = address(host, default).ok_or_else(wrong)?;
    let name: Arc<str> = name.map_or_else(|| address.ip().to_string().into(), Arc::from);
    let spoken = match (scheme, path) {
        ("udp", None) if !text.contains('#') => Spoken::Plain,
        ("tls", None) => Spoken::Tls { name },
        ("https", path) => Spoken::Https {
            name,
            path: path.unwrap_or(QUERY_PATH).into(),
        },
        _ => return Err(wrong()),
    };
    Ok(Upstream { address, spoken })
}

/// An address with or without a port; IPv6 in brackets where there is one.
fn address(host: &str, port: u16) -> Option<SocketAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let bare = bare.unwrap_or(host).parse::<IpAddr>().ok();
    let own = host.parse().ok();
    own.or(bare.map(|address| SocketAddr::new(address, port)))
}

/// Those of a zone.
pub(super) fn aliases(zone: &mut Fields<'_, '_>) -> Vec<AliasSpec> {
    let mut list = Vec::new();
    for mut fields in zone.tables("aliases") {
        let types = fields.list("types", value::word(&[("A", 0), ("AAAA", 1)]));
        let families = types.map(|list| {
            let mut families = [false; 2];
            list.value.iter().for_each(|one| families[one.value] = true);
            families
        });
        list.push(AliasSpec {
            name: fields.required("name", r#""example.org""#, value::domain),
            target: fields.required("target", r#""example.cdn-a.test""#, endpoint::machine_name),
            families: families.unwrap_or([true; 2]),
            ttl: plain(fields.optional("ttl", value::span)).unwrap_or(ALIAS_TTL),
        });
        fields.finish();
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let upstream = upstream(&DeValue::String(text.into())).ok()?;
        Some(match upstream.spoken {
            Spoken::Plain => format!("plain {}", upstream.address),
            Spoken::Tls { name } => format!("tls {} {name}", upstream.address),
            Spoken::Https { name, path } => format!("https {} {name} {path}", upstream.address),
        })
    }

    #[test]
    fn resolvers_are_read_as_they_are_written() {
        for (text, expected) in [
            ("udp://192.0.2.53", "plain 192.0.2.53:53"),
            ("udp://192.0.2.53:5353", "plain 192.0.2.53:5353"),
            ("udp://[2001:db8::53]:5353", "plain [2001:db8::53]:5353"),
            ("udp://2001:db8::53", "plain [2001:db8::53]:53"),
            ("tls://192.0.2.53", "tls 192.0.2.53:853 192.0.2.53"),
            (
                "tls://192.0.2.53#dns.example",
                "tls 192.0.2.53:853 dns.example",
            ),
            (
                "https://[2001:db8::53]/q#dns.example",
                "https [2001:db8::53]:443 dns.example /q",
            ),
            (
                "https://192.0.2.53:8443",
                "https 192.0.2.53:8443 192.0.2.53 /dns-query",
            ),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "192.0.2.53",
            "udp://dns.example",
            "udp://192.0.2.53/q",
            "udp://192.0.2.53#x",
            "tls://192.0.2.53#",
            "quic://192.0.2.53",
            "udp://",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
