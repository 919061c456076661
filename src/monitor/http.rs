//! Monitors of type `http`: one request over HTTP/1.1 or HTTP/2, judged by the status and the body of its response.
//!
//! A status of 200 to 299 passes unless others are listed: a redirect is not the page that was asked for,
//! and probes do not follow it.
//!
//! With `reuse = true` the connection is kept for the next probe. That costs less on both sides, and shows less: a
//! listener that takes no connections any more while its workers go on is seen when the connection is renewed, within ten
//! minutes. HTTP/2 is spoken where the monitor says so (`http_version = "2"`): with prior knowledge over TCP, and as the only
//! protocol that is offered over TLS (RFC 9113, section 3), so that what falls back to HTTP/1.1 fails.
use toml::de::DeValue;

use super::bounds::ValueBounds;
use super::host;
use super::json::{self, JsonExpectation};
use super::kind::{Host, MonitorType, Port, ProbeExchange};
use crate::base::limits::{PROBE_CONNECTION_AGE, PROBE_DIALOGUE_BYTES};
use crate::text::reader::{Fields, items, plain};
use crate::text::value::{self, Trouble};

/// Request and expectations of an HTTP probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// The version of the protocol.
    pub version: HttpVersion,
    /// Host header, as it is sent if it has a port, otherwise with the monitor's where that is not the scheme's; absent = the
    /// service's first hostname.
    pub host: Option<String>,
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The content of the request; absent = none.
    pub body: Option<String>,
    /// Statuses that pass, as inclusive ranges.
    pub expect_status: Vec<(u16, u16)>,
    /// Text that the body must hold.
    pub expect_body: Option<String>,
    /// Expectations of a body in JSON; all of them must hold.
    pub expect_json: Vec<JsonExpectation>,
    /// The place of a number in the body, in JSON, that weights and capacities can follow (RFC 6901); nothing is expected of it.
    pub value: Option<String>,
    /// The connection of each probe.
    pub connection: ProbeConnection,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1 (RFC 9112).
    #[default]
    One,
    /// HTTP/2 (RFC 9113).
    Two,
}

/// The connection that a request is sent over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeConnection {
    /// A new one for each probe, which thereby proves that the server takes connections.
    #[default]
    New,
    /// The one that the probe before has left, as long as it stands and is younger than
    /// [`crate::base::limits::PROBE_CONNECTION_AGE`]; otherwise a new one.
    Kept,
}

impl MonitorType for HttpCheck {
    const PORT: Port = Port::Default(80);

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        const VERSIONS: &[(&str, HttpVersion)] =
            &[("1.1", HttpVersion::One), ("2", HttpVersion::Two)];
        let statuses = items(fields.list("expect_status", statuses));
        let mut expect_status: Vec<(u16, u16)> =
            statuses.into_iter().map(|one| one.value).collect();
        if expect_status.is_empty() {
            expect_status.push((200, 299));
        }
        let version = fields.optional("http_version", value::word(VERSIONS));
        let version = plain(version).unwrap_or_default();
        let content = content(fields);
        let headers = headers(fields);
        Self {
            version,
            host: plain(fields.optional("host", host::host)),
            path: plain(fields.optional("path", request_path)).unwrap_or_else(|| "/".to_owned()),
            connection: connection(fields, &headers, (version, content.method)),
            headers,
            expect_status,
            method: content.method.to_owned(),
            body: content.body,
            expect_body: content.expect_body,
            expect_json: content.expect_json,
            value: content.value,
        }
    }

    fn bounds(&self) -> Option<&ValueBounds> {
        self.value.as_ref().map(|_| &ValueBounds::NONE)
    }

    fn host(&self) -> Host<'_> {
        Host::or_of_service(self.host.as_deref())
    }

    fn exchange(&self) -> ProbeExchange {
        let kept = match self.connection {
            ProbeConnection::New => None,
            ProbeConnection::Kept => Some(PROBE_CONNECTION_AGE),
        };
        ProbeExchange {
            kept,
            has_first_octet: true,
            ..ProbeExchange::PLAIN
        }
    }
}

/// The method, and what is sent and expected beside the heads.
struct HttpContent {
    method: &'static str,
    body: Option<String>,
    expect_body: Option<String>,
    expect_json: Vec<JsonExpectation>,
    value: Option<String>,
}

/// Reads the method and the bodies that go with it: only POST sends one, and HEAD gets none.
fn content(fields: &mut Fields<'_, '_>) -> HttpContent {
    const METHODS: &[(&str, &str)] = &[("GET", "GET"), ("HEAD", "HEAD"), ("POST", "POST")];
    let method = plain(fields.optional("method", value::word(METHODS))).unwrap_or("GET");
    let body = fields.optional("body", request_body);
    if let (false, Some(body)) = (method == "POST", &body) {
        let message = format!("a {method} request has no body");
        fields.reader().error(&body.at, message, |found| {
            found.help("write `method = \"POST\"`, or omit `body`");
        });
    }
    let expect_body = fields.optional("expect_body", value::text);
    let expect_json = json::read(fields);
    let json_at = fields.key("expect_json");
    let value = fields.optional("value", json::pointer);
    let of_body = [
        (
            "expect_body",
            expect_body.as_ref().map(|body| body.at.clone()),
        ),
        ("expect_json", json_at),
        ("value", value.as_ref().map(|value| value.at.clone())),
    ];
    for (key, at) in of_body {
        if let (true, Some(at)) = (method == "HEAD", at) {
            let message = "a HEAD request gets no body";
            fields.reader().error(&at, message, |found| {
                found.help(format!("leave `method` away, or `{key}`"));
            });
        }
    }
    HttpContent {
        method,
        body: plain(body),
        expect_body: plain(expect_body),
        expect_json,
        value: plain(value),
    }
}

/// The content of a request.
fn request_body(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    if text.len() > PROBE_DIALOGUE_BYTES {
        return Err(Trouble::new(format!("{} octets are too many", text.len()))
            .with_help(format!("a probe sends {PROBE_DIALOGUE_BYTES} at the most")));
    }
    Ok(text)
}

/// `reuse`, which goes with no header that says otherwise, and with no request that may not be repeated.
fn connection(
    fields: &mut Fields<'_, '_>,
    headers: &[(String, String)],
    (version, method): (HttpVersion, &str),
) -> ProbeConnection {
    let Some(reuse) = fields.optional("reuse", value::boolean) else {
        return ProbeConnection::New;
    };
    let is_stated = |(name, _): &(String, String)| name.eq_ignore_ascii_case("connection");
    if reuse.value && headers.iter().any(is_stated) {
        let message = "`reuse` keeps connections, and the header `Connection` speaks of that too";
        fields.reader().error(&reuse.at, message, |found| {
            found.help("omit the header, or `reuse`");
        });
    }
    if reuse.value && version == HttpVersion::Two {
        let message = "connections are kept for HTTP/1.1 only";
        fields.reader().error(&reuse.at, message, |found| {
            found.help("omit `reuse`, or `http_version`");
        });
    }
    if reuse.value && method == "POST" {
        let message = "a request that finds its kept connection closed is sent again, which a POST may not be";
        fields.reader().error(&reuse.at, message, |found| {
            found.help("omit `reuse`: each probe has a connection of its own then (RFC 9110, section 9.2.2)");
        });
    }
    if reuse.value {
        ProbeConnection::Kept
    } else {
        ProbeConnection::New
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

fn request_path(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match path_trouble(&text) {
        None => Ok(text),
        Some(help) => {
            Err(Trouble::new(format!("`{text}` is not the path of a request")).with_help(help))
        }
    }
}

/// The reason for which no request carries a path, and the way out; `None` if one does (RFC 9112, section 3.2; RFC 3986,
/// appendix A). Browsers send these characters as %XX, and keep a fragment to themselves.
#[must_use]
pub fn path_trouble(text: &str) -> Option<String> {
    if let Some((path, _)) = text.split_once('#') {
        return Some(format!(
            "a client keeps what follows `#` to itself: write \"{path}\", or %23 for the character"
        ));
    }
    let carried = |byte: u8| byte.is_ascii_graphic() && !b"\"<>`".contains(&byte);
    let is_wrong = |letter: &char| !u8::try_from(*letter).is_ok_and(carried);
    if let Some(letter) = text.chars().find(is_wrong) {
        let octets = letter.to_string();
        let octets: String = octets.bytes().map(|byte| format!("%{byte:02X}")).collect();
        return Some(format!(
            "no request carries {letter:?} in its path: write \"{octets}\""
        ));
    }
    let help = "it begins with `/`; write other characters as %XX";
    (!text.starts_with('/')).then(|| help.to_owned())
}

/// Headers by which a request says how long its body is.
const FRAMING: &[&str] = &["content-length", "transfer-encoding", "trailer", "expect"];

/// Reads `headers`.
pub(super) fn headers(fields: &mut Fields<'_, '_>) -> Vec<(String, String)> {
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
        } else if FRAMING
            .iter()
            .any(|own| name.value.eq_ignore_ascii_case(own))
        {
            let message = format!(
                "a probe itself says what body it sends, and `{}` speaks of one",
                name.value
            );
            reader.error(&name.at, message, |found| {
                found.help("omit the header");
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
