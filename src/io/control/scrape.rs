//! `/metrics`: in which form they are told, and by whom they are written.
//!
//! The form is negotiated (RFC 9110, section 12): OpenMetrics for who prefers `application/openmetrics-text` in version 1.0.0 or
//! names no version, the text format of Prometheus for everybody else; gzip for who takes it. What cannot be read in these headers
//! counts as not said.
//!
//! The engine is asked for a copy of its numbers. The text is made of it on a thread that yields to those that answer, and
//! two at a time: whoever else asks waits for a turn, and is told to come again if there is none.
use axum::extract::State as Given;
use axum::http::StatusCode;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    VARY,
};
use axum::response::IntoResponse;

use super::commands::{Command, State};
use super::looks::ENGINE_PATIENCE;
use super::replies::{ApiProblem, Refusal, Reply, respond};
use crate::engine::Figures;
use crate::io::background;
use crate::io::metrics::{MetricsForm, Packing};

/// The media type of the text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters and gauges
///
/// In the text format of Prometheus, or as OpenMetrics 1.0 where `Accept` prefers that; by gzip where `Accept-Encoding` takes it.
#[utoipa::path(get, path = "/metrics", tag = "process", security(()),
    responses((status = 200, description = "All metrics", body = String, content_type = "text/plain"), (status = 503, description = "Others are being told", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn metrics(Given(state): Given<State>, headers: HeaderMap) -> Reply {
    let Some(permit) = state.metrics.admit_scrape().await else {
        return busy();
    };
    let figures = engine_figures(&state).await;
    let gathered = state.metrics.gather();
    let (form, packing) = (form(&headers), packing(&headers));
    let written = background::run_awaited("scrape", move || {
        let octets = gathered.write(form, packing, figures.as_ref());
        drop(permit);
        octets
    });
    let Some(octets) = written.await else {
        let message = "metrics could not be written; see the log";
        return Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
    };
    let kind = match form {
        MetricsForm::Text => TEXT,
        MetricsForm::OpenMetrics => OPEN_METRICS,
    };
    let mut reply = respond(StatusCode::OK, kind, octets);
    let by = HeaderValue::from_static("accept, accept-encoding");
    reply.headers_mut().insert(VARY, by);
    if packing == Packing::Gzip {
        let gzip = HeaderValue::from_static("gzip");
        reply.headers_mut().insert(CONTENT_ENCODING, gzip);
    }
    reply
}

/// The engine's own numbers, if it gives them in time.
async fn engine_figures(state: &State) -> Option<Figures> {
    state.look(ENGINE_PATIENCE, Command::Figures).await
}

fn busy() -> Reply {
    let message = "metrics are being told to others; come again";
    Refusal {
        header: Some((RETRY_AFTER, "5")),
        ..Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
    .into_response()
}

/// The form that a client prefers; of two that it likes as well, OpenMetrics, for that says more.
fn form(headers: &HeaderMap) -> MetricsForm {
    let (mut text, mut open) = (0, 0);
    for wish in wishes(headers, &ACCEPT) {
        let liked = match &*wish.name {
            "application/openmetrics-text" if wish.is_of_version(&["1.0.0"]) => &mut open,
            "text/plain" if wish.is_of_version(&["0.0.4"]) => &mut text,
            "text/*" | "*/*" => &mut text,
            _ => continue,
        };
        *liked = wish.quality.max(*liked);
    }
    if open > 0 && open >= text {
        MetricsForm::OpenMetrics
    } else {
        MetricsForm::Text
    }
}

/// Packs for a client that takes gzip; a wildcard is no wish for it.
fn packing(headers: &HeaderMap) -> Packing {
    let mut wishes = wishes(headers, &ACCEPT_ENCODING);
    let takes = wishes.any(|wish| ["gzip", "x-gzip"].contains(&&*wish.name) && wish.quality > 0);
    if takes { Packing::Gzip } else { Packing::Plain }
}

/// One element of a header of preferences.
struct AcceptElement {
    /// In small letters.
    name: String,
    version: Option<String>,
    /// In thousandths.
    quality: u16,
}

impl AcceptElement {
    fn read(element: &str) -> Self {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut version, mut quality) = (None, 1000);
        for parameter in parts {
            let Some((key, value)) = parameter.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match key.trim().to_ascii_lowercase().as_str() {
                "version" => version = Some(value.to_owned()),
                "q" => quality = thousandths(value).unwrap_or(quality),
                _ => {}
            }
        }
        Self {
            name,
            version,
            quality,
        }
    }

    /// Tells whether it names one of these versions, or none.
    fn is_of_version(&self, known: &[&str]) -> bool {
        let version = self.version.as_deref();
        version.is_none_or(|version| known.contains(&version))
    }
}

/// The elements of a header that may stand several times.
fn wishes<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = AcceptElement> + 'h {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',').map(AcceptElement::read))
}

/// A weight (RFC 9110, section 12.4.2): `0` to `1`, with three decimals at most.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let is_short = decimals.len() <= 3 && decimals.bytes().all(|digit| digit.is_ascii_digit());
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1 && is_short)?;
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    Some((whole * 1000 + decimals).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        values.map(|value| (name.clone(), value)).collect()
    }

    #[test]
    fn the_form_is_the_one_that_is_preferred() {
        for (accept, expected) in [
            (&[][..], MetricsForm::Text),
            (&["*/*"], MetricsForm::Text),
            (&["application/json"], MetricsForm::Text),
            (&["application/openmetrics-text"], MetricsForm::OpenMetrics),
            (
                &["Application/OpenMetrics-Text; Version=\"1.0.0\""],
                MetricsForm::OpenMetrics,
            ),
            (
                &["application/openmetrics-text;version=0.0.1"],
                MetricsForm::Text,
            ),
            (
                &["application/openmetrics-text;q=0, */*"],
                MetricsForm::Text,
            ),
            (
                &["application/openmetrics-text;q=0.2,text/plain;q=0.3"],
                MetricsForm::Text,
            ),
            (
                &["text/plain;q=0.5", "application/openmetrics-text"],
                MetricsForm::OpenMetrics,
            ),
            (
                &["application/openmetrics-text;q=bogus"],
                MetricsForm::OpenMetrics,
            ),
            // Prometheus 2 and 3.
            (
                &[
                    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                ],
                MetricsForm::OpenMetrics,
            ),
            (
                &[
                    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                ],
                MetricsForm::OpenMetrics,
            ),
        ] {
            assert_eq!(form(&headers(ACCEPT, accept)), expected, "{accept:?}");
        }
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (accept, expected) in [
            (&[][..], Packing::Plain),
            (&["gzip"], Packing::Gzip),
            (&["deflate, GZIP;q=0.1"], Packing::Gzip),
            (&["gzip;q=0"], Packing::Plain),
            (&["gzip;q=0.000", "br"], Packing::Plain),
            (&["br, *"], Packing::Plain),
        ] {
            let found = packing(&headers(ACCEPT_ENCODING, accept));
            assert_eq!(found, expected, "{accept:?}");
        }
    }

    #[test]
    fn weights_are_thousandths() {
        for (weight, expected) in [
            ("1", Some(1000)),
            ("0.75", Some(750)),
            ("0.001", Some(1)),
            ("1.5", Some(1000)),
            ("0.0001", None),
            ("2", None),
            ("-1", None),
            ("0.+1", None),
        ] {
            assert_eq!(thousandths(weight), expected, "{weight}");
        }
    }
}
