//! Monitors of type `prometheus`: the value of an instant query, asked of a Prometheus server and not of the endpoint.
//!
//! The query is PromQL that comes to one value. `{address}`, `{port}`, `{instance}` (both, as the label `instance`
//! mostly has them) and `{host}` in it stand for what is probed; `port` is that of the exporter. What a
//! query without a value comes to is the config's to say (`missing`). A Prometheus that cannot be
//! asked, or refuses the query, says nothing of an endpoint: its slots grow old meanwhile, and are told as
//! unwatched; nothing leaves because a monitoring system is down.
use toml::de::DeValue;

use super::bounds::ValueBounds;
use super::certificate::CertificatePolicy;
use super::http;
use super::kind::{Host, MonitorType, NamedFile, Port};
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// A query and its expectations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusCheck {
    /// The server: `http://` or `https://`, host, port, and the path before `/api/v1/query`.
    pub url: String,
    /// The query, with its places for what is probed.
    pub query: String,
    /// Further headers, such as `Authorization`.
    pub headers: Vec<(String, String)>,
    /// ValueBounds of the value.
    pub bounds: ValueBounds,
    /// The outcome where the query has no value.
    pub missing: MissingValue,
    /// The judgement of the server's certificate, where it is asked over TLS.
    pub certificate: CertificatePolicy,
}

/// The outcome of a query without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingValue {
    /// It fails.
    #[default]
    Fail,
    /// It passes.
    Pass,
    /// It says nothing: what was known stays, and grows older.
    Unknown,
}

impl MissingValue {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("fail", Self::Fail),
        ("pass", Self::Pass),
        ("unknown", Self::Unknown),
    ];
}

impl MonitorType for PrometheusCheck {
    const PORT: Port = Port::Default(9100);
    const FILES: &'static [&'static str] = CertificatePolicy::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let url = fields.required("url", r#""http://127.0.0.1:9090""#, url);
        let query = fields.required("query", r#""up{instance=\"{instance}\"}""#, query);
        Self {
            url: plain(url).unwrap_or_default(),
            query: plain(query).unwrap_or_default(),
            headers: http::headers(fields),
            bounds: ValueBounds::read(fields),
            missing: plain(fields.optional("missing", value::word(MissingValue::WORDS)))
                .unwrap_or_default(),
            certificate: CertificatePolicy::read(fields),
        }
    }

    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        self.certificate.take_file(file)
    }

    fn forget_paths(&mut self) {
        self.certificate.forget_paths();
    }

    fn bounds(&self) -> Option<&ValueBounds> {
        Some(&self.bounds)
    }

    fn host(&self) -> Host<'_> {
        if self.query.contains("{host}") {
            Host::OfService
        } else {
            Host::Nobody
        }
    }
}

fn url(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_host = |rest: &str| !rest.is_empty() && !rest.starts_with(['/', ':']);
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['?', '#']);
    match rest {
        Some(rest) if is_host(rest) && is_plain => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(
            Trouble::new(format!("`{text}` is not where a Prometheus server is"))
                .with_help("write it as \"http://127.0.0.1:9090\", without `/api/v1/query`"),
        ),
    }
}

fn query(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    match text.trim() {
        "" => Err(Trouble::new("an empty query has no value")
            .with_help("write PromQL such as \"up{instance=\\\"{instance}\\\"}\"")),
        _ => Ok(text),
    }
}
