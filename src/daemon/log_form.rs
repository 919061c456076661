//! Lines of the log for machines: plain JSON, the Elastic Common Schema, and OTLP/JSON.
//!
//! ```text
//! json   {"timestamp":"…","level":"INFO","node":"ns1","message":"…","event":"ready","listen":["…"]}
//! ecs    {"@timestamp":"…","log.level":"info","message":"…","event":{"action":"ready"},"waypost":{"listen":["…"]}, …}
//! otlp   {"resourceLogs":[{"resource":…,"scopeLogs":[{"logRecords":[{"body":…,"eventName":"ready", …}]}]}]}
//! ```
//!
//! Each is a list of the same parts ([`LogLine`]), so that no format has a field that another lacks. Numbers are numbers
//! and lists are lists. Fields of Waypost's own stand under `waypost` where a schema wants a name before them. A line
//! of OTLP is a whole `ExportLogsServiceRequest`, as the file exporter of OpenTelemetry writes and its collectors read it.
//!
//! It does not know where lines go, nor which are written.
use std::io::Write;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

use super::sink::Sink;
use crate::io::clock::Clock;
use crate::io::log_line::LogLine;
use crate::io::node_name::NodeName;
use crate::plan::LogFormat;

/// The version of the Elastic Common Schema whose names are used.
const ECS: &str = "8.11.0";

/// Writes each line as an object.
pub(super) struct ObjectLayer {
    pub(super) sink: Sink,
    pub(super) clock: Clock,
    pub(super) node: NodeName,
    pub(super) form: ObjectForm,
}

/// A form whose lines are objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectForm {
    Json,
    Ecs,
    Otlp,
}

/// A line on its way to its form.
struct ToldLine<'t> {
    level: Level,
    /// Milliseconds since 1970.
    at_ms: u64,
    node: &'t str,
    line: LogLine,
}

/// An object whose keys stay in their order.
struct OrderedObject(Vec<(&'static str, Value)>);

impl ObjectForm {
    /// The form of a format; none for people.
    pub(super) fn of(format: LogFormat) -> Option<Self> {
        match format {
            LogFormat::Text => None,
            LogFormat::Json => Some(Self::Json),
            LogFormat::Ecs => Some(Self::Ecs),
            LogFormat::Otlp => Some(Self::Otlp),
        }
    }

    fn write(self, told: ToldLine<'_>) -> Vec<u8> {
        let object = match self {
            Self::Json => json_line(told),
            Self::Ecs => ecs_line(told),
            Self::Otlp => otlp_line(told),
        };
        let mut text = serde_json::to_vec(&object).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl ObjectLayer {
    /// The line that says how many were lost.
    pub(super) fn lost(clock: Clock, node: &NodeName, form: ObjectForm, lost: u64) -> Vec<u8> {
        let line = LogLine {
            event: Some("log_lost".to_owned()),
            text: format!("{lost} log lines were lost"),
            fields: vec![("lost", lost.into())],
        };
        form.write(ToldLine {
            level: Level::WARN,
            at_ms: clock.wall_ms(),
            node: &node.get(),
            line,
        })
    }
}

impl<S: Subscriber> Layer<S> for ObjectLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let text = self.form.write(ToldLine {
            level: *event.metadata().level(),
            at_ms: self.clock.wall_ms(),
            node: &self.node.get(),
            line: LogLine::of(event),
        });
        // A line takes all that it is given.
        let _ = self.sink.make_writer().write_all(&text);
    }
}

impl Serialize for OrderedObject {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl ToldLine<'_> {
    /// The time as RFC 3339 has it.
    fn time(&self) -> String {
        let ms = i64::try_from(self.at_ms).unwrap_or(i64::MAX);
        let time = Timestamp::from_millisecond(ms).unwrap_or_default();
        format!("{time:.3}")
    }
}

fn json_line(told: ToldLine<'_>) -> OrderedObject {
    let mut all = vec![
        ("timestamp", told.time().into()),
        ("level", told.level.as_str().into()),
        ("node", told.node.into()),
        ("message", told.line.text.into()),
    ];
    all.extend(told.line.event.map(|event| ("event", event.into())));
    all.extend(told.line.fields);
    OrderedObject(all)
}

fn ecs_line(told: ToldLine<'_>) -> OrderedObject {
    let own = told.line.fields.iter();
    let own = own.map(|(name, value)| ((*name).to_owned(), value.clone()));
    let own: Map<String, Value> = own.collect();
    OrderedObject(vec![
        ("@timestamp", told.time().into()),
        ("log.level", told.level.as_str().to_ascii_lowercase().into()),
        ("message", told.line.text.into()),
        ("ecs.version", ECS.into()),
        (
            "event",
            json!({ "action": told.line.event, "dataset": "waypost.log", "kind": "event" }),
        ),
        (
            "service",
            json!({
                "name": "waypost",
                "version": env!("CARGO_PKG_VERSION"),
                "node": { "name": told.node },
            }),
        ),
        ("process", json!({ "pid": std::process::id() })),
        ("waypost", own.into()),
    ])
}

fn otlp_line(told: ToldLine<'_>) -> OrderedObject {
    let own = told.line.fields.iter();
    let own = own.map(|(name, value)| attribute(&format!("waypost.{name}"), value));
    let resource = [
        ("service.name", "waypost"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", told.node),
    ]
    .map(|(key, value)| attribute(key, &value.into()));
    let nanoseconds = (u128::from(told.at_ms) * 1_000_000).to_string();
    let record = json!({
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": severity(told.level),
        "severityText": told.level.as_str(),
        "eventName": told.line.event.as_deref().unwrap_or_default(),
        "body": any(&told.line.text.as_str().into()),
        "attributes": own.collect::<Vec<Value>>(),
    });
    let scope = json!({ "scope": { "name": "waypost" }, "logRecords": [record] });
    OrderedObject(vec![(
        "resourceLogs",
        json!([{ "resource": { "attributes": resource }, "scopeLogs": [scope] }]),
    )])
}

/// The number of a level, as the log data model of OpenTelemetry has it.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 17,
        Level::WARN => 13,
        Level::INFO => 9,
        Level::DEBUG => 5,
        Level::TRACE => 1,
    }
}

fn attribute(key: &str, value: &Value) -> Value {
    json!({ "key": key, "value": any(value) })
}

/// A value as `AnyValue` of OTLP: whole numbers are texts there (JSON of Protocol Buffers).
fn any(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(list) => {
            json!({ "arrayValue": { "values": list.iter().map(any).collect::<Vec<_>>() } })
        }
        Value::String(text) => json!({ "stringValue": text }),
        Value::Null | Value::Object(_) => json!({ "stringValue": value.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(form: ObjectForm) -> String {
        let told = ToldLine {
            level: Level::WARN,
            at_ms: 1_790_000_000_123,
            node: "ns1",
            line: LogLine {
                event: Some("standings".to_owned()),
                text: "2 endpoints are down".to_owned(),
                fields: vec![
                    ("endpoints", 2.into()),
                    ("named", json!(["fra-1", "fra-2"])),
                    ("over", false.into()),
                ],
            },
        };
        String::from_utf8(form.write(told)).unwrap()
    }

    #[test]
    fn a_line_of_json_has_its_parts_in_order() {
        assert_eq!(
            line(ObjectForm::Json),
            "{\"timestamp\":\"2026-09-21T14:13:20.123Z\",\"level\":\"WARN\",\"node\":\"ns1\",\"message\":\"2 endpoints are down\",\
             \"event\":\"standings\",\"endpoints\":2,\"named\":[\"fra-1\",\"fra-2\"],\"over\":false}\n"
        );
    }

    #[test]
    fn a_line_of_ecs_begins_with_what_its_loggers_must_have() {
        let text = line(ObjectForm::Ecs);
        let start = "{\"@timestamp\":\"2026-09-21T14:13:20.123Z\",\"log.level\":\"warn\",\"message\":\"2 endpoints are down\",\"ecs.version\":";
        assert!(text.starts_with(start), "{text}");
        let all: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(all["event"]["action"], "standings");
        assert_eq!(all["service"]["node"]["name"], "ns1");
        assert_eq!(all["waypost"]["named"], json!(["fra-1", "fra-2"]));
        assert_eq!(all["waypost"]["endpoints"], 2);
    }

    #[test]
    fn a_line_of_otlp_has_whole_numbers_as_text_and_lists_as_arrays() {
        let all: Value = serde_json::from_str(&line(ObjectForm::Otlp)).unwrap();
        let logs = &all["resourceLogs"][0];
        let instance = json!({ "key": "service.instance.id", "value": { "stringValue": "ns1" } });
        let resource = logs["resource"]["attributes"].as_array().unwrap();
        assert!(resource.contains(&instance));
        let record = &logs["scopeLogs"][0]["logRecords"][0];
        assert_eq!(record["timeUnixNano"], "1790000000123000000");
        assert_eq!(record["severityNumber"], 13);
        assert_eq!(record["eventName"], "standings");
        assert_eq!(record["body"]["stringValue"], "2 endpoints are down");
        let values = [{ "fra-1" }, { "fra-2" }].map(|one| json!({ "stringValue": one }));
        assert_eq!(
            record["attributes"],
            json!([
                { "key": "waypost.endpoints", "value": { "intValue": "2" } },
                { "key": "waypost.named", "value": { "arrayValue": { "values": values } } },
                { "key": "waypost.over", "value": { "boolValue": false } },
            ])
        );
    }
}
