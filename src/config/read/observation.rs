//! `[log]` and `[dnstap]`: what the server tells of itself, and samples of what it answers.
//!
//! ```toml
//! [log]
//! format = "ecs"                             # "text" (the default), "json", "ecs", "otlp"; `--log` goes before it
//!
//! [dnstap]
//! socket = "/run/dnstap/collector.sock"      # a reader listens there; or `file = "state/answers.fstrm"`
//! one_in = 100                               # the default: one of a hundred answers
//! ```
use super::{path, plain};
use crate::config::observation::{DnstapSpec, ObservationSpec};
use crate::config::reader::Fields;
use crate::config::value;
use crate::plan::{Dnstap, LogFormat};

/// Both tables.
pub(super) fn observation(document: &mut Fields<'_, '_>) -> ObservationSpec {
    ObservationSpec {
        log: log(document),
        dnstap: dnstap(document),
    }
}

/// `format` of `[log]`.
fn log(document: &mut Fields<'_, '_>) -> LogFormat {
    let Some(mut fields) = document.table("log") else {
        return LogFormat::default();
    };
    let format = fields.optional("format", value::word(LogFormat::WORDS));
    fields.finish();
    plain(format).unwrap_or_default()
}

/// `[dnstap]`, if there is one.
fn dnstap(document: &mut Fields<'_, '_>) -> Option<DnstapSpec> {
    let mut fields = document.table("dnstap")?;
    let spec = DnstapSpec {
        socket: fields.optional("socket", path),
        file: fields.optional("file", path),
        one_in: plain(fields.optional("one_in", value::number(1..=1_000_000)))
            .unwrap_or(Dnstap::ONE_IN),
    };
    match (fields.key("socket"), fields.key("file")) {
        (None, None) => fields.missing(
            "socket",
            "write `socket = \"/run/dnstap.sock\"` or `file = \"answers.fstrm\"`",
        ),
        (Some(_), Some(_)) => {
            if let Some(file) = &spec.file {
                let message = "answers go to one place";
                fields.reader().error(&file.at, message, |found| {
                    found.help("keep `socket` or `file`");
                });
            }
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    fields.finish();
    Some(spec)
}
