//! Monitors of type `push`: a machine or a job reports by the control API, and silence is down.
//!
//! Nothing is dialled. A report says `up` or `down`, and perhaps a value, which must lie within the bounds if there
//! are any. Each holds for `ttl`; without another one by then the slot fails, and again after each further
//! `ttl`. So `ttl` takes the place of `interval`, `near_interval` and `timeout`; one report decides unless `fall`
//! and `rise` say otherwise. After a start the first `ttl` is waited out before silence counts. Who may
//! report is the control API's to know.
use toml::de::DeValue;

use super::bounds::ValueBounds;
use super::kind::{MonitorType, Port};
use crate::base::Span;
use crate::base::limits::PUSH_TTL_LEAST;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// Expectations of reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCheck {
    /// Time for which a report holds.
    pub ttl: Span,
    /// ValueBounds of the value, where one is reported.
    pub bounds: ValueBounds,
}

impl MonitorType for PushCheck {
    const PORT: Port = Port::None;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            ttl: plain(fields.required("ttl", r#""30s""#, ttl)).unwrap_or(Span::from_secs(30)),
            bounds: ValueBounds::read(fields),
        }
    }

    fn bounds(&self) -> Option<&ValueBounds> {
        Some(&self.bounds)
    }

    fn silence(&self) -> Option<Span> {
        Some(self.ttl)
    }
}

fn ttl(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    match span < PUSH_TTL_LEAST {
        true => Err(
            Trouble::new(format!("no report holds for as little as {span}"))
                .with_help(format!("it can be {PUSH_TTL_LEAST} at the least")),
        ),
        false => Ok(span),
    }
}
