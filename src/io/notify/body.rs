//! What a message to a receiver is like.
use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::LogEvent;
use crate::plan::{Secret, Urgency, WebhookShape};

/// The most lines of one text.
const LINES: usize = 20;

/// The node that says it, and what was left out since the last message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker<'n> {
    pub(super) node: &'n str,
    pub(super) left_out: u64,
}

/// The messages that tell all of this: one, or for PagerDuty one for each.
pub(super) fn messages(
    shape: WebhookShape,
    secret: Option<&Secret>,
    sender: Speaker<'_>,
    told: &[impl AsRef<LogEvent>],
) -> Vec<Value> {
    let told = told.iter().map(AsRef::as_ref);
    match shape {
        WebhookShape::Json => vec![json!({
            "node": sender.node,
            "left_out": sender.left_out,
            "events": told.map(event).collect::<Vec<Value>>(),
        })],
        WebhookShape::Slack => vec![json!({ "text": text(sender, told) })],
        WebhookShape::Pagerduty => {
            let key = secret.map_or("", |secret| &*secret.0);
            told.map(|one| alert(key, sender, one)).collect()
        }
    }
}

/// The signature of a body that was sent at a time (seconds since 1970): HMAC-SHA256 over `TIME.BODY`, as `t=…,v1=…`.
pub(super) fn signature(secret: &Secret, seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let digits: String = tag
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    format!("t={seconds},v1={digits}")
}

fn event(told: &LogEvent) -> Value {
    let mut all = Map::new();
    all.insert("at".to_owned(), time(told).into());
    all.insert("severity".to_owned(), told.urgency.word().into());
    all.insert("event".to_owned(), told.event.clone().into());
    all.insert("text".to_owned(), told.text.clone().into());
    all.insert("key".to_owned(), key(told).into());
    all.insert("over".to_owned(), is_over(told).into());
    let fields = told.fields.iter();
    let fields = fields.map(|(name, value)| ((*name).to_owned(), value.clone().into()));
    all.insert("fields".to_owned(), Value::Object(fields.collect()));
    Value::Object(all)
}

fn text<'t>(sender: Speaker<'_>, told: impl ExactSizeIterator<Item = &'t LogEvent>) -> String {
    let more = told.len().saturating_sub(LINES);
    let lines = told.take(LINES).map(|one| {
        let mark = match (one.urgency, is_over(one)) {
            (_, true) => "✓",
            (Urgency::Error, false) => "✗",
            (Urgency::Warning | Urgency::Info, false) => "!",
        };
        let subject = subject(one);
        format!("{mark} {subject}{}", one.text)
    });
    let mut lines: Vec<String> = lines.collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if sender.left_out > 0 {
        lines.push(format!("{} were left out before", sender.left_out));
    }
    format!("*{}*\n{}", sender.node, lines.join("\n"))
}

/// An event of PagerDuty's Events API, version 2.
fn alert(routing_key: &str, sender: Speaker<'_>, told: &LogEvent) -> Value {
    let action = if is_over(told) { "resolve" } else { "trigger" };
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": format!("{}/{}", sender.node, key(told)),
        "payload": {
            "summary": format!("{}{}", subject(told), told.text),
            "source": sender.node,
            "severity": told.urgency.word(),
            "timestamp": time(told),
            "custom_details": event(told),
        },
    })
}

/// The part of a message that tells which thing it is about: what begins has the same as what ends.
fn key(told: &LogEvent) -> String {
    let name = &told.event;
    let endings = ["_over", "_back", "_left"];
    let name = endings
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    let things = [
        "service", "zone", "region", "endpoint", "family", "monitors", "address",
    ];
    let things = things.iter().filter_map(|thing| field(told, thing));
    std::iter::once(name)
        .chain(things)
        .collect::<Vec<_>>()
        .join("/")
}

/// Tells whether something has come to its end.
pub(super) fn is_over(told: &LogEvent) -> bool {
    let ends = ["_over", "_back"]
        .iter()
        .any(|end| told.event.ends_with(end));
    // The first result after a start ends nothing.
    let serves = ["standing", "standings"].contains(&&*told.event)
        && field(told, "to").is_some_and(|to| to == "healthy")
        && field(told, "from").is_some_and(|from| from != "unproven");
    ends || serves
}

/// Names of what it concerns, for a text.
fn subject(told: &LogEvent) -> String {
    let things = ["service", "zone", "endpoint"]
        .iter()
        .filter_map(|thing| field(told, thing));
    let things: Vec<&str> = things.collect();
    match things.is_empty() {
        true => String::new(),
        false => format!("{}: ", things.join(" ")),
    }
}

fn field<'t>(told: &'t LogEvent, name: &str) -> Option<&'t str> {
    let found = told.fields.iter().find(|(own, _)| *own == name);
    found.map(|(_, value)| value.as_str())
}

/// The time as RFC 3339 has it.
fn time(told: &LogEvent) -> String {
    let at = i64::try_from(told.at_ms).ok();
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    at.unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn told(event: &str, to: &str) -> Arc<LogEvent> {
        Arc::new(LogEvent {
            urgency: Urgency::Error,
            event: event.to_owned(),
            text: "endpoint is down".to_owned(),
            fields: vec![
                ("endpoint", "fra-one".to_owned()),
                ("region", "eu".to_owned()),
                ("from", "ramping".to_owned()),
                ("to", to.to_owned()),
            ],
            at_ms: 1_700_000_000_000,
        })
    }

    const NODE: Speaker<'_> = Speaker {
        node: "ns1",
        left_out: 0,
    };

    #[test]
    fn an_incident_is_resolved_under_the_key_that_it_was_raised_by() {
        let all = [told("standing", "down"), told("standing", "healthy")];
        let key = Secret("routing".to_owned());
        let sent = messages(WebhookShape::Pagerduty, Some(&key), NODE, &all);
        assert_eq!(sent[0]["event_action"], "trigger");
        assert_eq!(sent[1]["event_action"], "resolve");
        assert_eq!(sent[0]["dedup_key"], "ns1/standing/eu/fra-one");
        assert_eq!(sent[0]["dedup_key"], sent[1]["dedup_key"]);
        let ends = [told("fail_open", ""), told("fail_open_over", "")].map(|one| super::key(&one));
        assert_eq!(ends[0], ends[1]);
    }

    #[test]
    fn a_text_has_a_bounded_number_of_lines_and_says_what_is_missing() {
        let all: Vec<Arc<LogEvent>> = (0..50).map(|_| told("standing", "down")).collect();
        let sender = Speaker {
            left_out: 7,
            ..NODE
        };
        let sent = messages(WebhookShape::Slack, None, sender, &all);
        let text = sent[0]["text"].as_str().unwrap_or_default();
        assert_eq!(text.lines().count(), 1 + LINES + 2);
        assert!(
            text.ends_with("and 30 more\n7 were left out before"),
            "{text}"
        );
    }

    #[test]
    fn a_signature_is_over_time_and_body() {
        let secret = Secret("key".to_owned());
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
        let known = signature(&secret, 1_700_000_000, "{}");
        assert!(known.starts_with("t=1700000000,v1="), "{known}");
        assert_ne!(known, signature(&secret, 1_700_000_001, "{}"));
        assert_ne!(known, signature(&secret, 1_700_000_000, "{ }"));
    }
}
