//! The outcome of comparing two configs, and of proving one, as it is told. How that is done is known elsewhere.
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Changes that another config would make.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComparedConfig {
    /// For a person, as `waypost plan` prints it.
    pub text: String,
    /// The same for a program, as `waypost plan --json` prints it.
    #[schema(value_type = Object)]
    pub comparison: Value,
    /// Hash of the policy in force, in hexadecimal digits.
    pub policy: String,
    /// That of the policy that the config would put in force.
    pub new_policy: String,
}

/// The proof of the plan in force, or what disproves it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProvedConfig {
    /// Set if no combination of failures leads a client out of its fence, or to no answer.
    pub proved: bool,
    /// The number of counterexamples.
    pub breaches: u64,
    /// For a person, as `waypost verify` prints it.
    pub text: String,
    /// The same for a program, as `waypost verify --json` prints it, without the hashes of files.
    #[schema(value_type = Object)]
    pub proof: Value,
    /// Hash of the policy in force, in hexadecimal digits.
    pub policy: String,
}

/// The part of a compared config that is each node's own: addresses, keys, paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparedPart {
    /// It is taken as it is written.
    Written,
    /// It stays as the node that compares has it.
    Kept,
}

/// The outcome of a change of declared objects.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObjectsDone {
    /// The revision of all of them, after it.
    pub revision: u64,
    /// Set if it was only judged.
    pub dry_run: bool,
    /// The result, for a person.
    pub result: String,
    /// Objects that came (`+ services.api`), changed (`~`) and went (`-`).
    pub changes: Vec<String>,
    /// The plan that it would make, held against the one in force; of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<ComparedConfig>,
}
