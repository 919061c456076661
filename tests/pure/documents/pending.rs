//! What the documents tell of already and the code learns with work that is under way: a page may name these and
//! need not. Whoever brings one strikes it out; what is given up goes from here and from its page.

/// Keys of `reference/config.md`, by table.
pub(super) const KEYS: &[(&str, &[&str])] = &[
    ("[server]", &["exec"]),
    ("[geo]", &["asn_database"]),
    (
        "[[regions.NAME.endpoints]]",
        &["hostname", "jurisdiction", "flatten", "weight_from"],
    ),
    (
        "[[services.NAME.endpoints]]",
        &["hostname", "jurisdiction", "flatten", "weight_from"],
    ),
    ("[regions.NAME.endpoints.probe]", &["by"]),
    ("[[zones]]", &["aliases"]),
    (
        "[services.NAME.steering]",
        &["weights", "ecs", "families", "trickle"],
    ),
    ("[services.NAME]", &["records"]),
    ("the config", &["resolvers", "maintenance"]),
];

/// Whole tables of it.
pub(super) const TABLES: &[&str] = &[
    "[resolvers]",
    "[resolvers.ttl]",
    "[[zones.aliases]]",
    "[regions.NAME.endpoints.weight_from]",
    "[[maintenance]]",
    "[[services.NAME.records]]",
];

/// Events of `reference/events.md`.
pub(super) const EVENTS: &[&str] = &[
    "name_changed",
    "name_faulty",
    "name_well",
    "name_inside",
    "names_in_force",
    "names_refused",
    "history_damaged",
    "history_unwritten",
    "history_unkept",
    "exec_output",
    "maintenance_refused",
];

/// Files that pages include.
pub(super) const FILES: &[&str] = &["docs/monitors.md", "docs/migration.md"];

/// Crates of `reference/dependencies.md`.
pub(super) const CRATES: &[&str] = &["h2", "hickory-resolver", "hickory-server", "saphyr-parser"];

/// Whether a key is among [`KEYS`].
pub(super) fn is_key(table: &str, key: &str) -> bool {
    let mut tables = KEYS.iter();
    tables.any(|(name, keys)| *name == table && keys.contains(&key))
}
