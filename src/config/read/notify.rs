//! `[notify.NAME]`: who is told when something happens.
//!
//! ```toml
//! [notify.ops]
//! url         = "https://hooks.example.org/waypost"
//! format      = "json"                       # the default; or "slack", "pagerduty"
//! secret_file = "notify.secret"              # signs each message; with "pagerduty" it holds the routing key
//! severity    = "warning"                    # the default: warnings and errors; or "info", "error"
//! scope       = ["eu-*", "service:www"]      # as in [tokens]; absent = everything
//! ```
use toml::de::DeValue;

use super::control::pattern;
use super::{items, path, plain};
use crate::config::reader::{At, Fields};
use crate::config::value::{self, Trouble};
use crate::config::webhook::WebhookSpec;
use crate::plan::{Urgency, WebhookShape};

/// The address at which PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// `[notify]`.
pub(super) fn webhooks(document: &mut Fields<'_, '_>) -> Vec<WebhookSpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("notify", "receiver") {
        let shape = fields.optional("format", value::word(WebhookShape::WORDS));
        let shape = plain(shape).unwrap_or_default();
        let url = match shape {
            WebhookShape::Pagerduty => fields.optional("url", url),
            WebhookShape::Json | WebhookShape::Slack => {
                fields.required("url", r#""https://hooks.example.org/waypost""#, url)
            }
        };
        let url = match shape {
            WebhookShape::Pagerduty => url.or_else(|| {
                Some(At {
                    value: PAGERDUTY.to_owned(),
                    at: name.at.clone(),
                })
            }),
            WebhookShape::Json | WebhookShape::Slack => url,
        };
        let secret = match shape {
            WebhookShape::Pagerduty => fields.required("secret_file", r#""pagerduty.key""#, path),
            WebhookShape::Json | WebhookShape::Slack => fields.optional("secret_file", path),
        };
        let urgency = fields.optional("severity", value::word(Urgency::WORDS));
        list.push(WebhookSpec {
            url,
            shape,
            secret,
            urgency: plain(urgency).unwrap_or_default(),
            scope: items(fields.list("scope", pattern))
                .into_iter()
                .map(|one| one.value)
                .collect(),
            name,
        });
        fields.finish();
    }
    list
}

/// An address of HTTP, with a host.
pub(super) fn url(value: &DeValue<'_>) -> Result<String, Trouble> {
    let text = value::text(value)?;
    let trouble = |why: &str| {
        Trouble::new(format!("`{text}` is no address of HTTP: {why}"))
            .with_help("write it as \"https://hooks.example.org/waypost\"")
    };
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err(trouble("it begins with neither `http://` nor `https://`"));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') {
        return Err(trouble("it names no host, or a user"));
    }
    match text.bytes().all(|octet| octet.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(trouble("it has a blank or something that is no ASCII")),
    }
}
