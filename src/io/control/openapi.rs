//! The API described: OpenAPI 3.1, made from the types and handlers themselves.
//!
//! It is served at `/api/v1/openapi.json`, and kept as `docs/openapi.json`, which a test compares. Names and units are
//! of one style: keys are in `snake_case`, a number has its unit at the end of its name (`_ms`, `_us`, `_s`, `_permille`,
//! `_thousandths` of the operator's unit), a moment is text of RFC 3339 in UTC, or a number of seconds since 1970 if its name ends in `_at` or in
//! `expires`, shares are permille, and what is absent is `null`. What breaks a reader gets another version in its path.
use utoipa::OpenApi;

use super::{changes, looks, scrape};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waypost control API",
        description = "State, explanations and orders of a running server.\n\nKeys are in snake_case. A number has its unit at \
            the end of its name: _ms, _us, _s, _permille, _thousandths (of the operator's unit). A moment is text of RFC 3339 in UTC, or \
            a number of seconds since 1970 if its name ends in _at or in expires. What is absent is null. Errors are application/problem+json (RFC 9457). Within a version keys are only added.",
        version = "1",
    ),
    paths(
        scrape::metrics,
        looks::health,
        looks::readiness,
        looks::status,
        looks::explain,
        looks::audit,
        changes::reload,
        changes::upgrade,
        looks::orders,
        changes::order,
        changes::list_challenges,
        changes::add_challenge,
        changes::remove_challenge,
    ),
    tags(
        (name = "api", description = "The server's state, and orders to it"),
        (name = "process", description = "How the process is"),
    )
)]
struct Api;

/// The description as JSON, for people too.
#[must_use]
pub fn document() -> String {
    // It is made of types alone, and they are all of them JSON.
    Api::openapi().to_pretty_json().unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: &str = "docs/openapi.json";

    #[test]
    fn the_file_says_what_the_program_says() {
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(KEPT, document()).unwrap();
        }
        let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
        assert!(
            kept == document(),
            "{KEPT} is not what the types say: UPDATE_OPENAPI=1 cargo test --lib openapi"
        );
    }

    #[test]
    fn it_is_of_version_3_1_and_names_every_path() {
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        for path in ["/api/v1/status", "/api/v1/orders", "/healthz"] {
            assert!(document["paths"][path].is_object(), "{path}");
        }
        assert!(document["components"]["schemas"]["Status"].is_object());
    }
}
