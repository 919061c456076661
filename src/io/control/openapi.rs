//! The API described: OpenAPI 3.1, made from the types and handlers themselves.
//!
//! It is served at `/api/v1/openapi.json`, and kept as `docs/openapi.json`, which a test compares. Names and units are
//! of one style: keys are in `snake_case`; a number has its unit at the end of its name (`_ms`, `_us` of what is shorter, `_s` of what DNS
//! counts in seconds, `_permille` of every share, `_thousandths` of the operator's unit or of a degree); every moment is text of RFC 3339 in UTC,
//! under a name that ends in `_at` but for an order's `from` and `until`, which are called as they are asked for; what is absent is
//! `null`. What breaks a reader gets another version in its path. A test holds the description to it.
use utoipa::OpenApi;

use super::{
    changes, cluster, compare, declared, identity, live, looks, map, objects, push, release,
    scrape, secrets, timeline,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Waypost control API",
        description = "State, explanations and orders of a running server.\n\nKeys are in snake_case. A number has its unit at \
            the end of its name: _ms, _us (of what is shorter), _s (of what DNS counts in seconds), _permille (every share), _thousandths (of the \
            operator's unit, or of a degree). A moment is text of RFC 3339 in UTC, under a name that ends in _at (but for an order's from \
            and until, which are called as they are asked for). What is absent is null. Errors are application/problem+json (RFC 9457). Within a version keys are only added.",
        version = "1",
    ),
    paths(
        scrape::metrics,
        looks::health,
        looks::readiness,
        looks::status,
        looks::explain,
        live::stream::events,
        timeline::history,
        timeline::endpoint,
        map::map,
        identity::whoami,
        looks::audit,
        identity::audit_lines,
        compare::plan,
        compare::verify,
        cluster::cluster,
        cluster::revoke,
        release::release,
        secrets::list,
        secrets::change,
        changes::reload,
        changes::upgrade,
        push::push,
        looks::orders,
        changes::order,
        changes::list_challenges,
        changes::add_challenge,
        changes::remove_challenge,
        declared::list,
        declared::patch,
        declared::show,
        declared::put,
        declared::delete,
        objects::list,
        objects::patch_all,
        objects::show,
        objects::put,
        objects::patch,
        objects::delete,
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

    /// Integers that count something, or are names: they have no unit.
    const COUNTS: [&str; 53] = [
        "added",
        "asn",
        "band",
        "breaches",
        "capacity",
        "changed",
        "changes",
        "class",
        "cohort",
        "declared",
        "declared_aside",
        "dropped",
        "endpoints",
        "failures",
        "generation",
        "heard",
        "held",
        "held_back",
        "in_force",
        "known_by",
        "left_out",
        "lost_lines",
        "made",
        "missed",
        "names",
        "needed",
        "networks",
        "nodes",
        "number",
        "of",
        "one_in",
        "pending",
        "prefix",
        "qtype",
        "refusals",
        "removed",
        "revision",
        "rows",
        "rrsets",
        "seq",
        "serial",
        "signatures_made",
        "status",
        "step",
        "successes",
        "tables",
        "tag",
        "tier",
        "value",
        "version",
        "wave",
        "weight",
        "written",
    ];
    /// Units in which a name may end.
    const UNITS: [&str; 5] = ["_ms", "_us", "_s", "_permille", "_thousandths"];

    /// Every property of the description, wherever it stands: its name, and what it is.
    fn properties(value: &serde_json::Value, found: &mut Vec<(String, serde_json::Value)>) {
        if let Some(own) = value.get("properties").and_then(|own| own.as_object()) {
            found.extend(own.iter().map(|(name, what)| (name.clone(), what.clone())));
        }
        let parts = value.as_object().into_iter().flat_map(|own| own.values());
        let items = value.as_array().into_iter().flatten();
        parts.chain(items).for_each(|one| properties(one, found));
    }

    #[test]
    fn names_and_units_are_of_one_style() {
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        let mut found = Vec::new();
        properties(&document["components"]["schemas"], &mut found);
        assert!(found.len() > 150, "{}", found.len());
        for (name, what) in found {
            let is_snake = name
                .bytes()
                .all(|own| own.is_ascii_lowercase() || own.is_ascii_digit() || own == b'_');
            assert!(is_snake, "{name} is not in snake_case");
            let is_moment = what.to_string().contains("#/components/schemas/Utc");
            let is_named_so = name.ends_with("_at") || ["from", "until"].contains(&name.as_str());
            assert_eq!(
                is_moment, is_named_so,
                "{name}: moments, and nothing else, end in _at"
            );
            let kind = what["type"].to_string();
            let is_number = kind.contains("integer") || kind.contains("\"number\"");
            let has_unit = UNITS.iter().any(|unit| name.ends_with(unit));
            assert!(
                !is_number || has_unit || COUNTS.contains(&name.as_str()),
                "{name} has no unit"
            );
            assert!(
                is_number || !has_unit || what.get("$ref").is_some(),
                "{name} is no number"
            );
        }
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
