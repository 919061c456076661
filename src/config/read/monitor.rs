//! `[monitors]`: how endpoints are checked.
//!
//! Defaults: every 5 s (2.5 s near a flip), 2 s to answer, 3 failures take down, 3 successes
//! bring back. A status of 200 to 299 passes: a redirect is not the page that was asked for,
//! and probes do not follow it.
use toml::de::DeValue;

use crate::base::Span;
use crate::base::limits::PROBE_INTERVAL_LEAST;
use crate::config::reader::{At, Fields};
use crate::config::spec::MonitorSpec;
use crate::config::value::{self, Trouble};
use crate::plan::{Check, HttpCheck, TlsCheck, Verify};

use super::{items, path, plain, postgres};

/// Types that a monitor can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Tcp,
    Postgres,
}

/// Types that later versions know.
const LATER: &[&str] = &["tls", "dns", "grpc", "icmp", "exec", "push"];

pub(super) fn monitors(document: &mut Fields<'_, '_>) -> Vec<MonitorSpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("monitors", "monitor") {
        list.push(monitor(name, &mut fields));
        fields.finish();
    }
    list
}

fn monitor(name: At<String>, fields: &mut Fields<'_, '_>) -> MonitorSpec {
    let kind = fields.required("type", r#""http""#, kind);
    let pace = pace(fields);
    let port = port(fields, plain(kind.clone()));
    let roots = fields.optional("roots", path);
    let verify = verify(fields);
    let http = http(fields);
    let kind = kind.map_or(Kind::Http, |kind| {
        refuse_foreign_keys(fields, kind.value);
        kind.value
    });
    let tls = (kind == Kind::Https).then_some(TlsCheck {
        verify,
        roots: None,
    });
    MonitorSpec {
        name,
        password_file: fields.optional("password_file", path),
        check: match kind {
            Kind::Tcp => Check::Tcp,
            Kind::Http | Kind::Https => Check::Http(HttpCheck { tls, ..http }),
            Kind::Postgres => Check::Postgres(postgres::check(fields)),
        },
        roots,
        port,
        interval: pace.interval,
        near_interval: pace.near_interval,
        timeout: pace.timeout,
        fall: plain(fields.optional("fall", value::number(1..=1000))).unwrap_or(3),
        rise: plain(fields.optional("rise", value::number(1..=1000))).unwrap_or(3),
    }
}

fn kind(value: &DeValue<'_>) -> Result<Kind, Trouble> {
    let text = value::text(value)?;
    if LATER.contains(&text.as_str()) {
        let message = format!("monitor type `{text}` is not supported by this version");
        return Err(Trouble::new(message)
            .with_help("it can be \"http\", \"https\", \"tcp\" or \"postgres\""));
    }
    value::word(&[
        ("http", Kind::Http),
        ("https", Kind::Https),
        ("tcp", Kind::Tcp),
        ("postgres", Kind::Postgres),
    ])(value)
}

fn port(fields: &mut Fields<'_, '_>, kind: Option<Kind>) -> u16 {
    let bounds = value::number(1..=65_535);
    match kind {
        Some(Kind::Tcp) => plain(fields.required("port", "443", bounds)).unwrap_or(1),
        Some(Kind::Https) => plain(fields.optional("port", bounds)).unwrap_or(443),
        Some(Kind::Postgres) => plain(fields.optional("port", bounds)).unwrap_or(postgres::PORT),
        Some(Kind::Http) | None => plain(fields.optional("port", bounds)).unwrap_or(80),
    }
}

struct Pace {
    interval: Span,
    near_interval: Span,
    timeout: Span,
}

fn pace(fields: &mut Fields<'_, '_>) -> Pace {
    let reader = fields.reader();
    let interval = plain(fields.optional("interval", probe_interval)).unwrap_or(Span(5000));
    let near = fields.optional("near_interval", probe_interval);
    let timeout = fields.optional("timeout", value::span);
    let paces = [
        ("near_interval", &near, "it is the faster pace near a flip"),
        (
            "timeout",
            &timeout,
            "a probe has to end before the next one starts",
        ),
    ];
    for (key, given, help) in paces {
        let Some(given) = given.as_ref().filter(|given| given.value > interval) else {
            continue;
        };
        let message = format!("`{key}` is longer than the interval of {interval}");
        reader.error(&given.at, message, |found| {
            found.help(help);
        });
    }
    if let Some(zero) = timeout.as_ref().filter(|given| given.value == Span::ZERO) {
        reader.error(&zero.at, "no probe passes in no time", |found| {
            found.help("the default is \"2s\"");
        });
    }
    let half = Span(interval.0 / 2).max(Span(500)).min(interval);
    Pace {
        interval,
        near_interval: plain(near).unwrap_or(half),
        timeout: plain(timeout).unwrap_or(Span(2000).min(interval)),
    }
}

fn probe_interval(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span < PROBE_INTERVAL_LEAST {
        true => Err(Trouble::new(format!("{span} is too short an interval"))
            .with_help(format!("it can be {PROBE_INTERVAL_LEAST} at the least"))),
        false => Ok(span),
    }
}

fn verify(fields: &mut Fields<'_, '_>) -> Verify {
    match plain(fields.optional("verify", value::boolean)) {
        Some(false) => Verify::Off,
        Some(true) | None => Verify::Required,
    }
}

fn http(fields: &mut Fields<'_, '_>) -> HttpCheck {
    const METHODS: &[(&str, &str)] = &[("GET", "GET"), ("HEAD", "HEAD")];
    let statuses = items(fields.list("expect_status", statuses));
    let mut expect_status: Vec<(u16, u16)> = statuses.into_iter().map(|one| one.value).collect();
    if expect_status.is_empty() {
        expect_status.push((200, 299));
    }
    let method = fields.optional("method", value::word(METHODS));
    let expect_body = fields.optional("expect_body", value::text);
    let is_head = method.as_ref().is_some_and(|method| method.value == "HEAD");
    if let (true, Some(body)) = (is_head, &expect_body) {
        let message = "a HEAD request gets no body";
        fields.reader().error(&body.at, message, |found| {
            found.help("leave `method` away, or `expect_body`");
        });
    }
    HttpCheck {
        tls: None,
        host: plain(fields.optional("host", host)),
        method: plain(method).unwrap_or("GET").to_owned(),
        path: plain(fields.optional("path", request_path)).unwrap_or_else(|| "/".to_owned()),
        headers: headers(fields),
        expect_status,
        expect_body: plain(expect_body),
    }
}

/// `200`, or `"200-299"`.
fn statuses(value: &DeValue<'_>) -> Result<(u16, u16), Trouble> {
    if let DeValue::Integer(_) = value {
        return value::number(100..=599)(value).map(|status| (status, status));
    }
    let text = value::text(value)?;
    let bounds = text.split_once('-').and_then(|(first, last)| {
        let bounds: (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        Some(bounds)
    });
    bounds
        .filter(|(first, last)| 100 <= *first && first <= last && *last <= 599)
        .ok_or_else(|| {
            Trouble::new(format!("`{text}` is not a range of statuses"))
                .with_help("write 200 or \"200-299\"")
        })
}

fn host(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    match (1..=255).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text),
        false => Err(Trouble::new(format!("`{text}` is not a host"))
            .with_help("write a name such as \"api.example.org\"; the path has a key of its own")),
    }
}

fn request_path(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(
            Trouble::new(format!("`{text}` is not the path of a request"))
                .with_help("it begins with `/`; write other characters as %XX"),
        ),
    }
}

fn headers(fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
    let reader = fields.reader();
    let mut list = Vec::new();
    for (name, value) in fields.pairs("headers", value::text) {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if name.value.is_empty() || !name.value.bytes().all(token) {
            let message = format!("`{}` is not the name of a header", name.value);
            reader.error(&name.at, message, |found| {
                found.help("a name is letters, digits and `-`, such as `X-Probe`");
            });
        } else if name.value.eq_ignore_ascii_case("host") {
            reader.error(&name.at, "the Host header has a key of its own", |found| {
                found.help("write `host = …` in the monitor");
            });
        } else if !value.value.bytes().all(printable) {
            reader.error(&value.at, "a header holds printable ASCII only", |found| {
                found.help("leave the other characters out, or encode them");
            });
        }
        list.push((name.value, value.value));
    }
    list
}

/// Refuses keys that a monitor of this type would ignore.
fn refuse_foreign_keys(fields: &mut Fields<'_, '_>, kind: Kind) {
    const HTTP: &[&str] = &[
        "host",
        "path",
        "method",
        "headers",
        "expect_status",
        "expect_body",
    ];
    const TLS: &[&str] = &["verify", "roots"];
    let foreign: &[&[&'static str]] = match kind {
        Kind::Https => &[postgres::KEYS],
        Kind::Http => &[TLS, postgres::KEYS],
        Kind::Tcp => &[HTTP, TLS, postgres::KEYS],
        Kind::Postgres => &[HTTP, TLS],
    };
    let name = match kind {
        Kind::Https => "https",
        Kind::Http => "http",
        Kind::Tcp => "tcp",
        Kind::Postgres => "postgres",
    };
    for &key in foreign.iter().copied().flatten() {
        if let Some(at) = fields.key(key) {
            let message = format!("`{key}` means nothing to a monitor of type {name}");
            fields.reader().error(&at, message, |found| {
                found.help("remove the key, or choose another type");
            });
        }
    }
}
