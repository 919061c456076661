//! `[control]`, `[tokens]` and `[metrics]`: where the control API listens, who may ask it what, and what metrics tell.
//!
//! ```toml
//! [control]
//! socket  = "waypost.sock"                   # the default; false = none
//! listen  = "127.0.0.1:8053"
//! metrics = "0.0.0.0:9153"                   # /metrics, /healthz, /readyz and nothing else
//! hosts   = ["waypost.internal"]             # names in Host, besides addresses and localhost
//! tls     = { certificate = "…", key = "…", client_roots = "…" }
//! groups  = { ops = "operator", web = { role = "operator", scope = ["service:www"] } }
//! audit   = "state/audit.jsonl"              # the default, in the folder of the state; false = none
//!
//! [metrics]
//! endpoints = "not_healthy"                  # those of which there are series; "all" (the default), "none"
//!
//! [tokens.alice]
//! hash        = "sha256:…"                   # of `waypost token new`
//! certificate = "alice.ops.example"          # instead, or besides: a name in the client's certificate
//! role        = "operator"
//! scope       = ["eu-*", "service:www"]
//! expires     = "2027-03-01T00:00:00Z"
//! ```
use std::cell::Cell;
use std::net::SocketAddr;

use jiff::Timestamp;
use toml::de::DeValue;

use crate::base::from_hexadecimal;
use crate::config::reader::{At, Fields};
use crate::config::spec::{ControlSpec, ControlTlsSpec, TokenSpec, Wish};
use crate::config::value::{self, Trouble};
use crate::monitor::host;
use crate::plan::{AccessRole, EndpointSeries, RoleGrant, ScopePattern};

use super::{items, notify, observation, path, plain};

/// The words of roles, as a value may be.
const ROLES: &[(&str, AccessRole)] = &AccessRole::WORDS;
const SCOPE: &str = "write names of regions, providers and endpoints, with `*`: \"eu-*\"; or \"region:…\", \"provider:…\", \
                     \"endpoint:…\", \"service:…\"";

/// `[control]`, `[metrics]`, `[notify]`, `[log]` and `[dnstap]`; their defaults if there are none.
pub(super) fn control(document: &mut Fields<'_, '_>) -> ControlSpec {
    let endpoint_series = endpoint_series(document);
    let webhooks = notify::webhooks(document);
    let observation = observation::observation(document);
    let Some(mut fields) = document.table("control") else {
        return ControlSpec {
            endpoint_series,
            webhooks,
            observation,
            ..ControlSpec::default()
        };
    };
    let spec = ControlSpec {
        socket: socket(&mut fields),
        listen: listen(&mut fields),
        metrics: fields.optional("metrics", value::socket),
        hosts: items(fields.list("hosts", host)),
        tls: tls(&mut fields),
        groups: fields.pairs("groups", group),
        audit: audit(&mut fields),
        endpoint_series,
        webhooks,
        observation,
    };
    fields.finish();
    spec
}

/// `endpoints` of `[metrics]`.
fn endpoint_series(document: &mut Fields<'_, '_>) -> EndpointSeries {
    let Some(mut fields) = document.table("metrics") else {
        return EndpointSeries::default();
    };
    let series = fields.optional("endpoints", value::word(EndpointSeries::WORDS));
    fields.finish();
    plain(series).unwrap_or_default()
}

/// `listen` of `[control]`.
pub(super) fn listen(control: &mut Fields<'_, '_>) -> Option<At<SocketAddr>> {
    control.optional("listen", value::socket)
}

/// `socket` of `[control]`.
pub(super) fn socket(control: &mut Fields<'_, '_>) -> Wish {
    wish(control, "socket")
}

/// `audit` of `[control]`.
pub(super) fn audit(control: &mut Fields<'_, '_>) -> Wish {
    wish(control, "audit")
}

/// A path, or `false` for none.
fn wish(fields: &mut Fields<'_, '_>, key: &'static str) -> Wish {
    let read = |value: &DeValue<'_>| match value.as_bool() {
        Some(false) => Ok(None),
        Some(true) | None => path(value).map(Some),
    };
    match fields.optional(key, read) {
        None => Wish::Default,
        Some(At { value: None, .. }) => Wish::Nothing,
        Some(At {
            value: Some(value),
            at,
        }) => Wish::Path(At { value, at }),
    }
}

/// A name without a port, as Host has it.
fn host(value: &DeValue<'_>) -> Result<String, Trouble> {
    let host = host::host(value)?;
    match host.contains([':', '[', '/']) {
        true => Err(Trouble::new(format!("`{host}` is not a name"))
            .with_help("write the name alone, without a port; addresses are taken anyway")),
        false => Ok(host.trim_end_matches('.').to_ascii_lowercase()),
    }
}

fn tls(control: &mut Fields<'_, '_>) -> Option<ControlTlsSpec> {
    let mut fields = control.table("tls")?;
    let spec = ControlTlsSpec {
        certificate: fields.required("certificate", r#""tls/fullchain.pem""#, path),
        key: fields.required("key", r#""tls/key.pem""#, path),
        client_roots: fields.optional("client_roots", path),
    };
    fields.finish();
    Some(spec)
}

/// A role, or a table with `role` and `scope`.
fn group(value: &DeValue<'_>) -> Result<RoleGrant, Trouble> {
    let Some(table) = value.as_table() else {
        return value::word(ROLES)(value).map(RoleGrant::of);
    };
    let get = |key: &str| {
        let mut entries = table.iter();
        entries.find_map(|(name, value)| (name.get_ref() == key).then(|| value.get_ref()))
    };
    if let Some((name, _)) = table
        .iter()
        .find(|(name, _)| !["role", "scope"].contains(&&**name.get_ref()))
    {
        return Err(
            Trouble::new(format!("unknown key `{}` of a group", name.get_ref()))
                .with_help("known keys: role, scope"),
        );
    }
    let role = get("role").ok_or_else(|| {
        Trouble::new("missing key `role` of a group").with_help("write `role = \"operator\"`")
    })?;
    let role = value::word(ROLES)(role)?;
    let scope = get("scope").map_or(Ok(Vec::new()), |list| {
        let list = list
            .as_array()
            .ok_or_else(|| value::mismatch("a list", list))?;
        list.iter().map(|one| pattern(one.get_ref())).collect()
    })?;
    match role.takes_scope() || scope.is_empty() {
        true => Ok(RoleGrant { role, scope }),
        false => Err(scopeless(role)),
    }
}

fn scopeless(role: AccessRole) -> Trouble {
    Trouble::new(format!("a scope means nothing for role `{}`", role.word()))
        .with_help("a scope says what an operator may order for, or a reporter report of; omit it")
}

/// `[tokens.NAME]`, in the order of the text.
pub(super) fn tokens(document: &mut Fields<'_, '_>) -> Vec<TokenSpec> {
    let mut tokens = Vec::new();
    for (name, mut fields) in document.named("tokens", "token") {
        let hash = plain(fields.optional("hash", hash));
        let certificate = fields.optional("certificate", value::short_text);
        if fields.key("hash").is_none() && fields.key("certificate").is_none() {
            fields.missing(
                "hash",
                "`waypost token new NAME --role ROLE` prints the whole table",
            );
        }
        let role = plain(fields.required("role", r#""operator""#, value::word(ROLES)));
        let written = Cell::new(0_usize);
        let scope = fields.list("scope", |value| {
            written.set(written.get() + 1);
            pattern(value)
        });
        let role = role.unwrap_or(AccessRole::Viewer);
        if let Some(scope) = scope.as_ref().filter(|_| !role.takes_scope()) {
            fields.reader().trouble(&scope.at, scopeless(role));
        }
        if let Some(scope) = scope.as_ref().filter(|_| written.get() == 0) {
            fields
                .reader()
                .error(&scope.at, "an empty scope covers nothing", |found| {
                    found.help("omit it to cover everything, or write `role = \"viewer\"`");
                });
        }
        let scope = items(scope).into_iter().map(|one| one.value).collect();
        tokens.push(TokenSpec {
            name,
            hash,
            certificate,
            grant: RoleGrant { role, scope },
            expires: plain(fields.optional("expires", moment)),
        });
        fields.finish();
    }
    tokens
}

pub(super) fn pattern(value: &DeValue<'_>) -> Result<ScopePattern, Trouble> {
    let text = value::text(value)?;
    ScopePattern::parse(&text)
        .ok_or_else(|| Trouble::new(format!("`{text}` is no scope")).with_help(SCOPE))
}

/// `sha256:` and 64 hexadecimal digits.
fn hash(value: &DeValue<'_>) -> Result<[u8; 32], Trouble> {
    let text = value::text(value)?;
    let hash = text.strip_prefix("sha256:").and_then(from_hexadecimal);
    // It is not shown: somebody may have written the secret itself.
    hash.ok_or_else(|| {
        Trouble::new("the hash is not `sha256:` and 64 hexadecimal digits").with_help(
            "`waypost token new NAME --role ROLE` prints it; the secret itself never stands here",
        )
    })
}

/// A moment in UTC, in seconds since 1970.
fn moment(value: &DeValue<'_>) -> Result<u64, Trouble> {
    let text = match value.as_datetime() {
        Some(moment) => moment.to_string(),
        None => value::text(value)?,
    };
    let moment = text.parse::<Timestamp>().ok();
    let seconds = moment.and_then(|moment| u64::try_from(moment.as_second()).ok());
    seconds.ok_or_else(|| {
        Trouble::new(format!("`{text}` is no moment"))
            .with_help("write it in UTC, such as \"2027-03-01T00:00:00Z\"")
    })
}
