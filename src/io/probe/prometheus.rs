//! Probes of type `prometheus`: an instant query over HTTP, whose one value is judged.
//!
//! Asked by `POST /api/v1/query`, as a form. The server is not the endpoint: if it cannot be asked, does not answer in
//! time, or refuses the query, that is a failure of this node's own and says nothing of the endpoint
//! ([`Cause::Local`]). Here a value is judged without memory; that one which was out of bounds must come back further is
//! for the core, which remembers.
//!
//! `reqwest` is right here as it is wrong for endpoints: one client for a monitor keeps its connections to one server, and
//! nothing of how long its phases take is told.
use reqwest::Client;
use serde::Deserialize;

use super::attempt::{Attempt, Destination, Probe, Resources};
use crate::base::limits::PROBE_BODY_BYTES;
use crate::base::{Cause, MonitorValue};
use crate::monitor::bounds::{ValueBefore, ValueBounds};
use crate::monitor::certificate::{CertificatePolicy, Verify};
use crate::monitor::prometheus::{MissingValue, PrometheusCheck};

/// A monitor of type `prometheus`, ready to look.
#[derive(Debug)]
pub(super) struct PrometheusProbe {
    client: Client,
    url: String,
    query: String,
    headers: Vec<(String, String)>,
    bounds: ValueBounds,
    missing: MissingValue,
}

/// The part of a response that is wanted: `{"status":"success","data":{"resultType":"vector","result":[…]}}`.
#[derive(Deserialize)]
struct QueryAnswer {
    data: QueryData,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum QueryData {
    Vector(Vec<QuerySample>),
    Scalar(QueryPoint),
}

#[derive(Deserialize)]
struct QuerySample {
    value: QueryPoint,
}

/// The second of a sample, and its value as text.
#[derive(Deserialize)]
struct QueryPoint(serde::de::IgnoredAny, String);

impl Probe for PrometheusProbe {
    type Check = PrometheusCheck;

    fn prepare(check: &PrometheusCheck, resources: &mut Resources) -> Result<Self, String> {
        let policy = match check.url.starts_with("https://") {
            true => check.certificate.clone(),
            // Nothing is verified, so nothing need be there to verify it by.
            false => CertificatePolicy {
                verify: Verify::Off,
                roots: None,
                ..check.certificate.clone()
            },
        };
        let settings = resources.trust.settings(&policy, &[b"http/1.1"]);
        let settings = settings.map_err(|error| error.to_string())?;
        let mut tls = settings.base;
        tls.dangerous().set_certificate_verifier(settings.verifier);
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls);
        Ok(Self {
            client: client.build().map_err(|error| error.to_string())?,
            url: format!("{}/api/v1/query", check.url),
            query: check.query.clone(),
            headers: check.headers.clone(),
            bounds: check.bounds,
            missing: check.missing,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let ask = async { self.ask(to).await.ok_or(Cause::Local) };
        // A server that is slow to answer is no slow endpoint.
        let (_, body) = attempt.watch.phase(Cause::Local, ask).await;
        attempt.note_response();
        match value(&body?)? {
            Some(value) => {
                attempt.note_value(value);
                match self.bounds.hold(value, ValueBefore::Within) {
                    true => Ok(()),
                    false => Err(Cause::OutOfBounds),
                }
            }
            None => match self.missing {
                MissingValue::Pass => Ok(()),
                MissingValue::Fail => Err(Cause::NoValue),
                MissingValue::Unknown => Err(Cause::Local),
            },
        }
    }
}

impl PrometheusProbe {
    /// The body of the response to the query; `None` if there is none that can be used.
    async fn ask(&self, to: &Destination<'_>) -> Option<Vec<u8>> {
        let query = form(&filled(&self.query, to));
        let mut request = self.client.post(&self.url).body(query);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let mut response = request.send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.ok()? {
            body.extend_from_slice(&part);
            if body.len() > PROBE_BODY_BYTES {
                return None;
            }
        }
        Some(body)
    }
}

/// The query for one destination.
fn filled(query: &str, to: &Destination<'_>) -> String {
    query
        .replace("{address}", &to.address.ip().to_string())
        .replace("{port}", &to.address.port().to_string())
        .replace("{instance}", &to.address.to_string())
        .replace("{host}", &to.host)
}

/// `query=…`, with all but unreserved characters escaped (RFC 3986, section 2.3).
fn form(query: &str) -> String {
    let escaped = query.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    format!("query={}", escaped.collect::<String>())
}

/// The one value of a response; `None` if it has none.
///
/// # Errors
/// [`Cause::Local`] if it is no response of Prometheus, [`Cause::Answer`] if there are several values.
fn value(body: &[u8]) -> Result<Option<MonitorValue>, Cause> {
    let answer: QueryAnswer = serde_json::from_slice(body).map_err(|_| Cause::Local)?;
    let point = match answer.data {
        QueryData::Scalar(point) => point,
        QueryData::Vector(mut samples) => match (samples.pop(), samples.len()) {
            (None, _) => return Ok(None),
            (Some(sample), 0) => sample.value,
            (Some(_), _) => return Err(Cause::Answer),
        },
    };
    Ok(MonitorValue::parse(&point.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_taken_and_several_are_none() {
        let vector = |samples: &str| {
            format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{samples}]}}}}"
            )
        };
        let sample = r#"{"metric":{"a":"b"},"value":[1435781451.781,"0.5"]}"#;
        let nan = r#"{"metric":{},"value":[1,"NaN"]}"#;
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#;
        for (body, expected) in [
            (vector(sample), Ok(Some(MonitorValue(500)))),
            (scalar.to_owned(), Ok(Some(MonitorValue(2000)))),
            (vector(""), Ok(None)),
            (vector(nan), Ok(None)),
            (vector(&format!("{sample},{sample}")), Err(Cause::Answer)),
            (vector("").replace("vector", "matrix"), Err(Cause::Local)),
            ("<html>".to_owned(), Err(Cause::Local)),
        ] {
            assert_eq!(value(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_query_is_of_what_is_probed_and_escaped_whole() {
        let to = Destination {
            address: "[2001:db8::1]:9100".parse().unwrap(),
            host: "a.example".into(),
        };
        let query = "up{instance=\"{instance}\",host=\"{host}\"}";
        let filled = filled(query, &to);
        assert_eq!(
            filled,
            "up{instance=\"[2001:db8::1]:9100\",host=\"a.example\"}"
        );
        assert_eq!(form("a{b=\"c d+e\"}"), "query=a%7Bb%3D%22c%20d%2Be%22%7D");
    }
}
