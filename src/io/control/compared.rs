//! The outcome of comparing two configs, as it is told. How they are compared is known elsewhere.
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
}
