//! Secrets that all nodes of a cluster have in common, as they are told of.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::{Utc, shown};

/// The secrets that all nodes have in common, as one of them has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretsView {
    /// The result of a change; for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub result: String,
    /// All of them, by name.
    pub secrets: Vec<SecretView>,
}

/// A secret that all nodes have in common; the secret itself is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretView {
    /// `cookie` and a number, `cohort`, or `tsig` and the name of the key.
    pub name: String,
    /// `in use`; `announced` and `accepted`, of cookie secrets that do not make cookies yet or any more; or `removed`.
    pub state: String,
    /// The time at which it was drawn or set, in seconds since 1970.
    #[serde(rename = "set_at", with = "shown::utc")]
    #[schema(value_type = Utc)]
    pub set: u64,
    /// Nodes where it is in force, as they told last.
    pub known_by: usize,
    /// All nodes that are listened to.
    pub of: usize,
    /// Tells that this node's config has another one, which is used here.
    pub differs_here: bool,
}
