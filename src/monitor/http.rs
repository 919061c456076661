//! Monitors of type `http`: one request over HTTP/1.1, judged by the status and the body of its response.
//!
//! A status of 200 to 299 passes unless others are listed: a redirect is not the page that was asked for,
//! and probes do not follow it.
//!
//! With `reuse = true` the connection is kept for the next probe. That costs less on both sides, and shows less: a
//! listener that takes no connections any more while its workers go on is seen when the connection is renewed, within ten
//! minutes.
use toml::de::DeValue;

use super::host;
use super::kind::{Host, MonitorType, Port, ProbeExchange};
use crate::base::limits::PROBE_CONNECTION_AGE;
use crate::text::reader::{Fields, items, plain};
use crate::text::value::{self, Trouble};

/// Request and expectations of an HTTP probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// Host header, as it is sent if it has a port, otherwise with the monitor's where that is not the scheme's; absent = the
    /// service's first hostname.
    pub host: Option<String>,
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Statuses that pass, as inclusive ranges.
    pub expect_status: Vec<(u16, u16)>,
    /// Text that the body must hold.
    pub expect_body: Option<String>,
    /// The connection of each probe.
    pub connection: ProbeConnection,
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
        const METHODS: &[(&str, &str)] = &[("GET", "GET"), ("HEAD", "HEAD")];
        let statuses = items(fields.list("expect_status", statuses));
        let mut expect_status: Vec<(u16, u16)> =
            statuses.into_iter().map(|one| one.value).collect();
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
        let headers = headers(fields);
        Self {
            host: plain(fields.optional("host", host::host)),
            method: plain(method).unwrap_or("GET").to_owned(),
            path: plain(fields.optional("path", request_path)).unwrap_or_else(|| "/".to_owned()),
            connection: connection(fields, &headers),
            headers,
            expect_status,
            expect_body: plain(expect_body),
        }
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
            ..ProbeExchange::PLAIN
        }
    }
}

/// `reuse`, which goes with no header that says otherwise.
fn connection(fields: &mut Fields<'_, '_>, headers: &[(String, String)]) -> ProbeConnection {
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
            let message = format!("a probe sends no body, and `{}` speaks of one", name.value);
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
