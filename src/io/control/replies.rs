//! How a reply is made: media type, headers, and problems.
//!
//! What went wrong is told as `application/problem+json` (RFC 9457): `title` is the phrase of the status, `detail`
//! tells a person what to do. No reply is to be kept by a cache, and a browser takes nothing of the page from
//! elsewhere. What a reply says is decided elsewhere.
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The page loads nothing from elsewhere, and nothing may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The media type of plain text.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// A reply to a request.
pub(super) type Reply = Response<Body>;

/// A failure (RFC 9457); its type is `about:blank`: the status says it all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiProblem {
    /// Always `about:blank`.
    pub r#type: String,
    /// The phrase of the status.
    pub title: String,
    /// The status of the response; absent where no server was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The fault, and what to do about it; for a person.
    pub detail: String,
    /// Each error of a config with its place, as `waypost check --json` prints it; absent where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub findings: Vec<serde_json::Value>,
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Status of the response.
    pub(super) status: StatusCode,
    /// For a person.
    pub(super) message: String,
    /// Errors of a config that are the reason.
    pub(super) findings: Vec<serde_json::Value>,
    /// A header that goes with the status.
    pub(super) header: Option<(HeaderName, &'static str)>,
}

impl ApiProblem {
    /// A problem that no server told: one of the command line itself.
    #[must_use]
    pub fn here(detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank".to_owned(),
            title: "Failed".to_owned(),
            status: None,
            detail: detail.into(),
            findings: Vec::new(),
        }
    }
}

impl Refusal {
    /// A refusal with this status.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            findings: Vec::new(),
            header: None,
        }
    }

    /// A request that means nothing.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Reply {
        let problem = ApiProblem {
            title: self
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
            status: Some(self.status.as_u16()),
            findings: self.findings,
            ..ApiProblem::here(self.message)
        };
        let text = serde_json::to_string(&problem).unwrap_or_default() + "\n";
        let mut reply = respond(self.status, PROBLEM, text);
        if let Some((name, value)) = self.header {
            reply
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        reply
    }
}

/// The reply when nobody answers for the engine.
pub(super) fn engine_is_silent() -> Reply {
    let message = "the engine does not answer; DNS goes on from the last table";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_string(value) {
        Ok(text) => respond(StatusCode::OK, JSON, text + "\n"),
        Err(error) => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
    }
}

/// A reply with this body.
pub(super) fn respond(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        reply.headers_mut().insert(name, value);
    }
    reply
}
