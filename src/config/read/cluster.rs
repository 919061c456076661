//! `[cluster]` and `[[cluster.nodes]]`: the nodes that share what they see and what they are told.
//!
//! ```toml
//! [cluster]
//! name        = "prod"
//! node        = "fra1"                       # this node; default: [server] identity
//! key         = "node.key"                   # `waypost node new` makes it
//! certificate = "fra1.pem"
//! private_key = "fra1.key"
//! roots       = "ca.pem"                     # a private CA, never the system's roots
//! revoked     = "crl.pem"
//! listen      = ["192.0.2.1:5354"]
//! peers       = ["tor1.example.net:5354"]
//! nats        = { servers = ["tls://nats1.example.net:4222"], nkey = "fra1.nk" }
//! beat        = "1s"
//! alone_after = "2m"                         # or "never"
//! up_while    = "18%"                        # from 8 vantages on
//! withdraw    = "isolated"                   # the anycast route; or "stale", "never"
//! withdraw_hold = "1m"
//! stale_after = "5m"                         # of "stale"
//! roll_cookies = "30d"                       # secrets of DNS cookies
//! distribute  = { file = "shared.toml", keys = ["ed25519:…"], soak = "5m" }
//!
//! [[cluster.nodes]]
//! name     = "fra1"
//! key      = "ed25519:…"
//! region   = "eu-frankfurt"
//! provider = "hetzner"
//! control  = "https://fra1.example.net:8053" # where its control API is reached; optional
//! vantage  = true
//! revoked  = false
//! ```
use toml::de::DeValue;

use super::{items, path, plain};
use crate::base::{Span, from_hexadecimal};
use crate::config::cluster::{
    ClusterNodeSpec, ClusterSpec, DistributeSpec, NatsSpec, WithdrawWord,
};
use crate::config::reader::{At, Fields};
use crate::config::value::{self, Trouble};
use crate::plan::{NatsLink, NatsServer};

/// Time between two votes.
const BEAT: Span = Span::from_secs(1);
/// Shortest and longest time between two votes.
const BEATS: [Span; 2] = [Span(200), Span::from_secs(60)];
const WITHDRAW: [(&str, WithdrawWord); 3] = [
    ("never", WithdrawWord::Never),
    ("isolated", WithdrawWord::Isolated),
    ("stale", WithdrawWord::Stale),
];
/// Shortest and longest time until a route goes or comes back.
const WITHDRAW_SPANS: [Span; 2] = [Span::from_secs(10), Span::from_secs(24 * 3600)];
/// Shortest and longest time for which a node must have been sound with a release.
const SOAKS: [Span; 2] = [Span::from_secs(2), Span::from_secs(7 * 24 * 3600)];
/// The port of NATS, where none is written.
const NATS_PORT: u16 = 4222;
/// Shortest and longest time after which a cookie secret is followed by another: each is announced for an hour, and accepted for one more
/// (RFC 9018, section 5); none is used for longer than 36 days (RFC 7873, section 7.1).
const ROLL_COOKIES: [Span; 2] = [Span::from_secs(3 * 3600), Span::from_secs(36 * 24 * 3600)];
/// The beginning of a public key's text.
const KEY: &str = "ed25519:";
/// Time without a majority after which those who are heard decide.
const ALONE_AFTER: Span = Span::from_secs(120);

/// `[cluster]`, if there is one.
pub(super) fn cluster(document: &mut Fields<'_, '_>) -> Option<ClusterSpec> {
    let mut fields = document.table("cluster")?;
    if fields.key("nodes").is_none() {
        let help = "write `[[cluster.nodes]]` for each node, this one among them; `waypost node new NAME` prints it";
        fields.missing("nodes", help);
    }
    let beat = plain(fields.optional("beat", beat));
    let alone_after = fields.optional("alone_after", alone_after);
    let spec = ClusterSpec {
        at: fields.at(),
        name: fields.required("name", r#""prod""#, value::label),
        node: fields.optional("node", value::label),
        key: fields.required("key", r#""node.key""#, path),
        certificate: fields.required("certificate", r#""node.pem""#, path),
        private_key: fields.required("private_key", r#""node-tls.key""#, path),
        roots: fields.required("roots", r#""ca.pem""#, path),
        revoked: fields.optional("revoked", path),
        listen: items(fields.list("listen", value::socket)),
        peers: items(fields.list("peers", peer)),
        nats: fields.table("nats").map(nats),
        beat: beat.unwrap_or(BEAT),
        alone_after: alone_after.unwrap_or_else(|| At {
            value: Some(ALONE_AFTER),
            at: fields.at(),
        }),
        up_while: fields.optional("up_while", value::percent),
        withdraw: fields.optional("withdraw", value::word(&WITHDRAW)),
        withdraw_hold: fields.optional("withdraw_hold", withdraw_span),
        stale_after: fields.optional("stale_after", withdraw_span),
        distribute: fields.table("distribute").map(distribute),
        roll_cookies: fields.optional("roll_cookies", roll_cookies),
        nodes: fields.tables("nodes").into_iter().map(node).collect(),
    };
    fields.finish();
    Some(spec)
}

fn distribute(mut fields: Fields<'_, '_>) -> DistributeSpec {
    let spec = DistributeSpec {
        file: fields.required("file", r#""shared.toml""#, path),
        keys: fields.required_list("keys", r#"["ed25519:…"]"#, public_key),
        soak: fields.optional("soak", soak),
    };
    fields.finish();
    spec
}

fn nats(mut fields: Fields<'_, '_>) -> NatsSpec {
    let spec = NatsSpec {
        servers: fields.required_list(
            "servers",
            r#"["tls://nats1.example.net:4222"]"#,
            nats_server,
        ),
        certificate: fields.optional("certificate", path),
        private_key: fields.optional("private_key", path),
        roots: fields.optional("roots", path),
        nkey: fields.optional("nkey", path),
    };
    fields.finish();
    spec
}

fn node(mut fields: Fields<'_, '_>) -> ClusterNodeSpec {
    let spec = ClusterNodeSpec {
        name: fields.required("name", r#""fra1""#, value::label),
        key: fields.required("key", r#""ed25519:…""#, public_key),
        region: fields.required("region", r#""eu-frankfurt""#, value::label),
        provider: fields.required("provider", r#""hetzner""#, value::label),
        control: fields.optional("control", control),
        is_vantage: plain(fields.optional("vantage", value::boolean)) != Some(false),
        is_revoked: plain(fields.optional("revoked", value::boolean)) == Some(true),
    };
    fields.finish();
    spec
}

fn beat(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let beat = value::span(value)?;
    let [least, most] = BEATS;
    if (least..=most).contains(&beat) {
        Ok(beat)
    } else {
        let message = format!("a vote every {beat} is not between {least} and {most}");
        Err(Trouble::new(message)
            .with_help("the default is \"1s\", and serves any number of nodes"))
    }
}

fn withdraw_span(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    let [least, most] = WITHDRAW_SPANS;
    if (least..=most).contains(&span) {
        Ok(span)
    } else {
        let message = format!("{span} is not between {least} and {most}");
        Err(Trouble::new(message)
            .with_help("`withdraw_hold` is \"1m\" and `stale_after` \"5m\" if omitted"))
    }
}

fn soak(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    let [least, most] = SOAKS;
    if (least..=most).contains(&span) {
        Ok(span)
    } else {
        let message = format!("`soak` of {span} is not between {least} and {most}");
        Err(Trouble::new(message).with_help("the default is \"5m\""))
    }
}

fn roll_cookies(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    let [least, most] = ROLL_COOKIES;
    if (least..=most).contains(&span) {
        Ok(span)
    } else {
        let message = format!("`roll_cookies` of {span} is not between {least} and {most}");
        Err(Trouble::new(message).with_help("the default is \"30d\""))
    }
}

/// A duration, or `"never"`.
fn alone_after(value: &DeValue<'_>) -> Result<Option<Span>, Trouble> {
    if value.as_str() == Some("never") {
        return Ok(None);
    }
    value::span(value).map(Some).map_err(|trouble| {
        let help = trouble.help.clone().unwrap_or_default();
        trouble.with_help(format!("{help}; or \"never\""))
    })
}

/// `ed25519:` and 64 hexadecimal digits.
fn public_key(value: &DeValue<'_>) -> Result<[u8; 32], Trouble> {
    let text = value::text(value)?;
    let key = text.strip_prefix(KEY).and_then(from_hexadecimal);
    // It is not shown: somebody may have written the secret itself.
    key.ok_or_else(|| {
        Trouble::new("the key is not `ed25519:` and 64 hexadecimal digits").with_help(
            "`waypost node new NAME` prints that of a node, `waypost config key` an administrator's; their files hold the secrets, which never stand here",
        )
    })
}

/// `https://…`, as `--control` takes it; `http://…` on loopback alone, for tokens are shown there.
fn control(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let is_whole = |rest: &str| !rest.is_empty() && !rest.contains(char::is_whitespace);
    let is_near = |rest: &str| {
        let address: Option<std::net::SocketAddr> = rest.trim_end_matches('/').parse().ok();
        address.is_some_and(|address| address.ip().is_loopback())
    };
    if text.strip_prefix("https://").is_some_and(is_whole)
        || text.strip_prefix("http://").is_some_and(is_near)
    {
        return Ok(text);
    }
    let message = format!("`{text}` is no address of a control API");
    let help = "write \"https://fra1.example.net:8053\"; http takes an address of this machine, such as \"http://127.0.0.1:8053\"";
    Err(Trouble::new(message).with_help(help))
}

/// `tls://host:port`; `nats://address:port` on loopback alone, for whoever listens in the clear could give orders away and hold them back.
fn nats_server(value: &DeValue<'_>) -> Result<NatsServer, Trouble> {
    let text = value::text(value)?;
    let wrong = |why: &str| {
        Trouble::new(format!("`{text}` {why}")).with_help(
            "write \"tls://nats1.example.net:4222\", or \"nats://127.0.0.1:4222\" for a server on this machine",
        )
    };
    let parts = text.split_once("://");
    let (scheme, place) = parts.ok_or_else(|| wrong("is no URL of a NATS server"))?;
    let place = place.strip_suffix('/').unwrap_or(place);
    let has_port = |own: &str| !own.contains(':') || own.ends_with(']');
    let whole = match place {
        own if has_port(own) => format!("{own}:{NATS_PORT}"),
        own => own.to_owned(),
    };
    let (host, port) = host_and_port(&whole).ok_or_else(|| wrong("is no URL of a NATS server"))?;
    let address: Option<std::net::IpAddr> = host.parse().ok();
    let link = match scheme {
        "tls" => NatsLink::Encrypted,
        "nats" if address.is_some_and(|own| own.is_loopback()) => NatsLink::Local,
        "nats" => return Err(wrong("would be spoken to in the clear")),
        _ => return Err(wrong("is no URL of a NATS server")),
    };
    Ok(NatsServer { host, port, link })
}

/// `host:port`, with an address in brackets where it has colons.
fn peer(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let wrong = || {
        Trouble::new(format!("`{text}` is not a host with a port")).with_help(
            "write \"fra1.example.net:5354\", \"192.0.2.1:5354\" or \"[2001:db8::1]:5354\"",
        )
    };
    if host_and_port(&text).is_some() {
        Ok(text)
    } else {
        Err(wrong())
    }
}

/// The two parts of `host:port`; an address without its brackets.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return Some((address.ip().to_string(), port));
    }
    let is_name = crate::dns::Name::parse(host).is_ok() && !host.contains([':', '[', '/', '@']);
    (is_name && !host.is_empty()).then(|| (host.to_owned(), port))
}
