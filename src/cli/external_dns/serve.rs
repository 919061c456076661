//! HTTP of the webhook protocol, and of health and metrics.
//!
//! Each connection carries one request and is bounded in size and time. Clients send no media type, or exactly ours; one that asks for
//! another version is refused, and not answered in words that it does not know.
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State as Given;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use axum::http::{Request, Response, StatusCode};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::count::{ProviderEnding, ProviderRequest};
use super::endpoint::{ExternalChanges, ExternalEndpoint, endpoints_of};
use super::provider::Provider;
use crate::base::limits::{CONTROL_HEAD_BYTES, DECLARED_BODY_BYTES};
use crate::cli::records::{declared, patch};
use crate::cli::remote::{RemoteError, SentBody};
use crate::cli::say;

/// The one media type of the protocol, to the letter.
const MEDIA_TYPE: &str = "application/external.dns.webhook+json;version=1";
/// Its part that is the same in all versions.
const MEDIA_FAMILY: &str = "application/external.dns.webhook+json";
const TEXT: &str = "text/plain; charset=utf-8";
/// Connections of a listener at a time.
const CONNECTIONS: usize = 64;
/// Time that one may take, all in all: more than a change of the server may.
const WHOLE: Duration = Duration::from_secs(90);
/// Time in which the head of its request is there.
const HEAD: Duration = Duration::from_secs(10);
/// Time to wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(50);
/// The reason in the log of changes.
const REASON: &str = "external-dns";

/// Why a request is not served: a status, and words for a person.
type Unserved = (StatusCode, String);

/// Routes of the protocol.
pub(super) fn protocol(provider: &Arc<Provider>) -> Router {
    Router::new()
        .route("/", get(negotiate))
        .route("/records", get(records).post(apply))
        .route("/adjustendpoints", post(adjust))
        .with_state(Arc::clone(provider))
}

/// Routes of health and metrics.
pub(super) fn health(provider: &Arc<Provider>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { text(StatusCode::OK, "well\n") }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::clone(provider))
}

/// Answers on a listener until it is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    // Whatever went wrong, the peer has seen.
                    let _ = timeout(WHOLE, converse(stream, router)).await;
                    drop(place);
                });
            }
            Err(_) => sleep(SHORTAGE).await,
        }
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(CONTROL_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = connection.await;
}

/// `GET /`: the zones. An empty list would mean all domains to external-dns, so there is always one.
async fn negotiate(Given(provider): Given<Arc<Provider>>, headers: HeaderMap) -> Response<Body> {
    let zones = provider.zones.iter().map(ToString::to_string);
    let filter = json!({
        "include": zones.collect::<Vec<_>>(), "exclude": [], "regexInclude": "", "regexExclude": ""
    });
    let body = speaks(&headers).map(|()| Body::from(filter.to_string()));
    reply(&provider, ProviderRequest::Negotiate, body)
}

/// `GET /records`: all that is declared in the zones.
async fn records(Given(provider): Given<Arc<Provider>>, headers: HeaderMap) -> Response<Body> {
    let asked = Arc::clone(&provider);
    let read = move || {
        let mut all = Vec::new();
        for zone in &asked.zones {
            let page = asked.ask(|remote| declared(remote, &zone.to_string()))?;
            all.extend(endpoints_of(&page));
        }
        Ok(all)
    };
    let body = async {
        speaks(&headers)?;
        json_body(&blocking(read).await?)
    };
    let body = body.await;
    reply(&provider, ProviderRequest::Records, body)
}

/// `POST /adjustendpoints`: what external-dns wants, in the form in which it will come back.
async fn adjust(Given(provider): Given<Arc<Provider>>, request: Request<Body>) -> Response<Body> {
    let body = async {
        let endpoints: Option<Vec<ExternalEndpoint>> = sent(request).await?;
        let endpoints = endpoints.unwrap_or_default().into_iter();
        let adjusted: Vec<_> = endpoints.map(ExternalEndpoint::adjusted).collect();
        json_body(&adjusted)
    };
    let body = body.await;
    reply(&provider, ProviderRequest::Adjust, body)
}

/// `POST /records`: changes, all of a zone or nothing.
async fn apply(Given(provider): Given<Arc<Provider>>, request: Request<Body>) -> Response<Body> {
    let asked = Arc::clone(&provider);
    let body = async {
        let changes: ExternalChanges = object(sent(request).await?)?;
        let ttl = provider.ttl.as_secs();
        let patches = changes.patches(&provider.zones, ttl);
        let patches = patches.map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why))?;
        blocking(move || {
            // Where there is more than one batch, each is judged before any is done.
            let rounds: &[bool] = if patches.len() > 1 {
                &[true, false]
            } else {
                &[false]
            };
            for is_dry in rounds {
                for (zone, body) in &patches {
                    asked.ask(|remote| patch(remote, (zone, None), body, (*is_dry, REASON)))?;
                }
            }
            Ok(())
        })
        .await?;
        provider.counts.changed(changes.count());
        Ok(Body::empty())
    };
    let body = body.await;
    reply(&provider, ProviderRequest::Apply, body)
}

/// `GET /readyz`: whether the server shows what is declared.
async fn ready(Given(provider): Given<Arc<Provider>>) -> Response<Body> {
    let asked = move || {
        for zone in &provider.zones {
            let zone = zone.to_string();
            let names = ["zones", &zone, "records"];
            let limit = [("limit", "1")];
            provider.ask(|remote| remote.resource(&names, &limit, SentBody::Nothing))?;
        }
        Ok(())
    };
    match blocking(asked).await {
        Ok(()) => text(StatusCode::OK, "ready\n"),
        Err((_, why)) => text(StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    }
}

async fn metrics(Given(provider): Given<Arc<Provider>>) -> Response<Body> {
    text(StatusCode::OK, provider.counts.text())
}

/// Asks the server on a thread that may wait.
async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, Unserved> {
    let internal =
        |error: tokio::task::JoinError| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    spawn_blocking(ask)
        .await
        .map_err(internal)?
        .map_err(unserved)
}

/// The status that tells external-dns whether to try again.
fn unserved(error: RemoteError) -> Unserved {
    match error {
        RemoteError::Silent(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        RemoteError::Refused(status @ 400..=499, why) if ![408, 412, 429].contains(&status) => {
            let status = StatusCode::from_u16(status);
            (status.unwrap_or(StatusCode::BAD_REQUEST), why)
        }
        RemoteError::Refused(_, why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// Refuses another version of the protocol.
fn speaks(headers: &HeaderMap) -> Result<(), Unserved> {
    for (header, status) in [
        (ACCEPT, StatusCode::NOT_ACCEPTABLE),
        (CONTENT_TYPE, StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let said = headers.get(&header).and_then(|value| value.to_str().ok());
        let said = said.unwrap_or_default().replace(' ', "");
        if said.contains(MEDIA_FAMILY) && !said.contains(MEDIA_TYPE) {
            let message = format!("{header} is `{said}`; here is spoken {MEDIA_TYPE}");
            return Err((status, message));
        }
    }
    Ok(())
}

/// The body of a request.
async fn sent<T: DeserializeOwned>(request: Request<Body>) -> Result<T, Unserved> {
    speaks(request.headers())?;
    let body = to_bytes(request.into_body(), DECLARED_BODY_BYTES).await;
    let body = body.map_err(|_| {
        let message = format!("a body is at most {DECLARED_BODY_BYTES} octets long");
        (StatusCode::PAYLOAD_TOO_LARGE, message)
    })?;
    let unread = |error| (StatusCode::BAD_REQUEST, format!("the body: {error}"));
    serde_json::from_slice(&body).map_err(unread)
}

/// The fields of an object. A list is none, though it would do for a structure whose fields may all be absent.
fn object<T: DeserializeOwned>(value: serde_json::Map<String, Value>) -> Result<T, Unserved> {
    let unread = |error| (StatusCode::BAD_REQUEST, format!("the body: {error}"));
    serde_json::from_value(Value::Object(value)).map_err(unread)
}

fn json_body(value: &impl serde::Serialize) -> Result<Body, Unserved> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Body::from(text))
}

/// Counts and replies; a change that was made has no body.
fn reply(
    provider: &Provider,
    request: ProviderRequest,
    body: Result<Body, Unserved>,
) -> Response<Body> {
    let (status, mut reply) = match body {
        Ok(body) => {
            let mut reply = Response::new(body);
            let headers = reply.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            headers.insert(VARY, HeaderValue::from_static("Content-Type"));
            match request {
                ProviderRequest::Apply => (StatusCode::NO_CONTENT, reply),
                ProviderRequest::Negotiate | ProviderRequest::Records | ProviderRequest::Adjust => {
                    (StatusCode::OK, reply)
                }
            }
        }
        Err((status, why)) => {
            say(&format!("{request:?}: {}: {why}", status.as_u16()));
            (status, text(status, why + "\n"))
        }
    };
    let ending = match status.as_u16() {
        ..400 => ProviderEnding::Done,
        400..500 => ProviderEnding::Refused,
        500.. => ProviderEnding::Failed,
    };
    provider.counts.request(request, ending);
    *reply.status_mut() = status;
    reply
}

fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut reply = Response::new(text.into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        let silent = RemoteError::Silent(String::new());
        assert_eq!(unserved(silent).0.as_u16(), 503);
        for (status, told) in [
            (401, 401),
            (403, 403),
            (409, 409),
            (422, 422),
            (412, 503),
            (429, 503),
            (500, 503),
            (503, 503),
        ] {
            let refused = RemoteError::Refused(status, String::new());
            assert_eq!(unserved(refused).0.as_u16(), told, "{status}");
        }
    }

    #[test]
    fn another_version_is_refused() {
        for (said, known) in [
            ("", true),
            ("*/*", true),
            ("application/json", true),
            (MEDIA_TYPE, true),
            ("application/external.dns.webhook+json; version=1", true),
            ("application/external.dns.webhook+json;version=2", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(said))]);
            assert_eq!(speaks(&headers).is_ok(), known, "{said}");
        }
    }
}
