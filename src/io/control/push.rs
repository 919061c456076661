//! Reports of machines and jobs about themselves, for monitors of type `push`.
//!
//! Whoever reports may be given no more than that: the role `reporter` sees nothing and orders nothing, and its scope says
//! for which endpoints it speaks. A report is a look at an endpoint, as a probe is, and no change of what was decided: it is
//! judged by the monitor's thresholds and the guards, and is not recorded in the log of changes; one that is refused
//! is. Whether there is such a monitor is the engine's plan to say.
use std::net::IpAddr;

use axum::Extension;
use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::callers::Caller;
use super::commands::{Command, PushReport, State};
use super::looks::ENGINE_PATIENCE;
use super::order::line;
use super::parameters::{self, Parameters};
use super::recorded::AskedChange;
use super::replies::{ApiProblem, Refusal, Reply, engine_is_silent, json as reply_json};
use crate::base::{Cause, MonitorValue};
use crate::health::{ProbeResult, Report, Timing};
use crate::plan::Permission;

/// The path of reports.
pub(super) const PATH: &str = "/api/v1/push";

/// A report that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Pushed {
    /// Addresses that it is about, each once for each host.
    pub(super) made: usize,
}

/// Takes the report of a machine or a job about an endpoint
///
/// It holds for the monitor's `ttl`; silence after that is down. Needs a token of role `reporter` or `operator` whose scope
/// covers the endpoint.
#[utoipa::path(post, path = "/api/v1/push", tag = "api",
    params(
        ("monitor" = String, Query, description = "A monitor of type `push`"),
        ("endpoint" = String, Query, description = "The endpoint that it is about"),
        ("status" = Option<String>, Query, description = "`up` (the default) or `down`"),
        ("value" = Option<String>, Query, description = "A number such as `0.25`: judged by the monitor's bounds"),
        ("address" = Option<String>, Query, description = "The one address that it is about; otherwise all of the endpoint's"),
    ),
    responses((status = 200, description = "It was taken", body = Pushed), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn push(
    Given(state): Given<State>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Reply, Refusal> {
    let push = read(&parameters::of(&uri))?;
    if let Err(refusal) = permitted(&caller, &push, &state) {
        let asked = AskedChange {
            what: json!({ "action": "push", "monitor": push.monitor, "scope": push.endpoint }),
            reason: String::new(),
            caller,
        };
        return Err(asked.refused(&state, refusal).await);
    }
    let command = |reply| Command::Push { push, reply };
    match state.order(ENGINE_PATIENCE, command).await {
        Some(Ok(made)) => Ok(reply_json(&Pushed { made })),
        Some(Err(why)) => Err(Refusal::new(StatusCode::NOT_FOUND, why)),
        None => Ok(engine_is_silent()),
    }
}

/// Refuses a report that the caller's role, or its scope, does not allow.
fn permitted(caller: &Caller, push: &PushReport, state: &State) -> Result<(), Refusal> {
    caller.may(Permission::Report)?;
    let scope = caller.grant.as_ref().map_or(&[][..], |grant| &grant.scope);
    let Some(published) = state.published.get() else {
        let message = "there is no table yet";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let plan = &published.load().plan;
    // Whether there is such an endpoint is not for everybody to find out.
    let is_covered = match plan.endpoint(&push.endpoint) {
        Some(endpoint) => plan.outside(scope, &[endpoint]).is_none(),
        None => scope.is_empty(),
    };
    if is_covered {
        return Ok(());
    }
    let message = format!(
        "the scope of {} does not cover {}",
        caller.identity, push.endpoint
    );
    Err(Refusal::new(StatusCode::FORBIDDEN, message))
}

fn read(parameters: &Parameters) -> Result<PushReport, Refusal> {
    let (mut monitor, mut endpoint) = (None, None);
    let (mut outcome, mut value, mut address) = (ProbeResult::Pass, None, None);
    for (parameter, text) in parameters {
        match parameter.as_str() {
            "monitor" => monitor = Some(line(parameter, text)?),
            "endpoint" => endpoint = Some(line(parameter, text)?),
            "status" => {
                outcome = match text.as_str() {
                    "up" => ProbeResult::Pass,
                    "down" => ProbeResult::Fail(Cause::Reported),
                    _ => return Err(unknown(parameter, text, "up and down are")),
                };
            }
            "value" => {
                let read = MonitorValue::parse(text);
                value = Some(read.ok_or_else(|| unknown(parameter, text, "a number is"))?);
            }
            "address" => {
                let read = text.parse::<IpAddr>();
                address = Some(read.map_err(|_| unknown(parameter, text, "an address is"))?);
            }
            _ => return Err(Refusal::bad(format!("{parameter} is not known here"))),
        }
    }
    let missing = |name: &str| Refusal::bad(format!("{name} is missing: {name}=NAME"));
    Ok(PushReport {
        monitor: monitor.ok_or_else(|| missing("monitor"))?,
        endpoint: endpoint.ok_or_else(|| missing("endpoint"))?,
        address,
        report: Report {
            outcome,
            timing: Timing::default(),
            certificate_expires: None,
            value,
        },
    })
}

fn unknown(parameter: &str, text: &str, known: &str) -> Refusal {
    Refusal::bad(format!("{parameter}={text:?} is not known: {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(parameters: &[(&str, &str)]) -> Result<PushReport, String> {
        let owned = parameters.iter();
        let owned = owned.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        read(&owned.collect()).map_err(|refusal| refusal.message)
    }

    #[test]
    fn a_report_is_up_unless_it_says_otherwise() {
        let own = [("monitor", "job"), ("endpoint", "fra-a")];
        let push = given(&own).unwrap();
        assert_eq!(push.report.outcome, ProbeResult::Pass);
        let more = [
            ("status", "down"),
            ("value", "1.5"),
            ("address", "192.0.2.1"),
        ];
        let push = given(&[&own[..], &more].concat()).unwrap();
        assert_eq!(push.report.outcome, ProbeResult::Fail(Cause::Reported));
        assert_eq!(push.report.value, Some(MonitorValue(1500)));
        assert_eq!(push.address, Some("192.0.2.1".parse().unwrap()));
        for (wrong, words) in [
            (("status", "well"), "up and down are"),
            (("value", "much"), "a number is"),
            (("address", "fra-a"), "an address is"),
            (("ttl", "5s"), "ttl is not known"),
        ] {
            let found = given(&[&own[..], &[wrong]].concat()).unwrap_err();
            assert!(found.contains(words), "{found}");
        }
        assert!(
            given(&own[..1])
                .unwrap_err()
                .contains("endpoint is missing")
        );
    }
}
