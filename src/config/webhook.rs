//! Receivers that are told when something happens, as they are written.
use super::reader::At;
use crate::plan::{ScopePattern, Urgency, WebhookShape};

/// One of `[notify]`.
#[derive(Debug)]
pub(crate) struct WebhookSpec {
    pub(crate) name: At<String>,
    pub(crate) url: Option<At<String>>,
    pub(crate) shape: WebhookShape,
    /// The file of its secret.
    pub(crate) secret: Option<At<String>>,
    pub(crate) urgency: Urgency,
    pub(crate) scope: Vec<ScopePattern>,
}
