//! A question about the map, read from a request, and answered. The map itself is drawn elsewhere ([`super::maps`]).
use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::{StatusCode, Uri};

use super::commands::State;
use super::maps::{MapQuestion, WorldMap};
use super::parameters::{self, Parameters};
use super::replies::{ApiProblem, Refusal, Reply, json};
use crate::base::limits::EXPLAIN_SUPPOSED;
use crate::base::{Family, ServiceId, Utc};
use crate::table::Table;

/// Tells which region serves which country
#[utoipa::path(get, path = "/api/v1/map", tag = "api",
    params(
        ("service" = Option<String>, Query, description = "The service; the first of the config if absent"),
        ("family" = Option<String>, Query, description = "`v4` (the default) or `v6`"),
        ("down" = Option<Vec<String>>, Query, description = "A region, provider or endpoint that is supposed down; may be given again"),
        ("at" = Option<String>, Query, description = "A moment of the timeline, as RFC 3339 has it; now if absent"),
    ),
    responses((status = 200, description = "The countries", body = WorldMap), (status = "default", description = "Why not", body = ApiProblem, content_type = "application/problem+json")))]
pub(super) async fn map(Given(state): Given<State>, uri: Uri) -> Result<Reply, Refusal> {
    let published = state.published.get().ok_or_else(not_yet)?;
    let table = Arc::clone(&published.load());
    let question = read(&parameters::of(&uri), &table)?;
    let map = state.maps.answer(question, table, &state.history).await?;
    Ok(json(&*map))
}

/// Reads a question; what is wrong is told by its name.
fn read(parameters: &Parameters, table: &Table) -> Result<MapQuestion, Refusal> {
    let mut question = MapQuestion {
        service: ServiceId(0),
        family: Family::V4,
        down: Vec::new(),
        at: None,
    };
    for (parameter, value) in parameters {
        match parameter.as_str() {
            "service" => question.service = service(value, table)?,
            "family" => question.family = family(value)?,
            "down" if question.down.len() < EXPLAIN_SUPPOSED => question.down.push(value.clone()),
            "down" => return Err(Refusal::bad("too many names are supposed down")),
            "at" => {
                let at = Utc::parse(value);
                question.at = Some(at.ok_or_else(|| {
                    Refusal::bad(format!(
                        "at={value} is no time: write it as 2027-03-01T22:00:00Z"
                    ))
                })?);
            }
            _ => return Err(Refusal::bad(format!("{parameter} is not known here"))),
        }
    }
    if table.plan.services.is_empty() {
        let message = "there is no service";
        return Err(Refusal::new(StatusCode::NOT_FOUND, message));
    }
    question.down.sort();
    question.down.dedup();
    Ok(question)
}

fn service(name: &str, table: &Table) -> Result<ServiceId, Refusal> {
    let mut services = table.plan.services.iter();
    let place = services.position(|own| own.name == name);
    place.map(ServiceId::from_index).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("there is no service `{name}`"),
        )
    })
}

fn family(text: &str) -> Result<Family, Refusal> {
    match text {
        "v4" => Ok(Family::V4),
        "v6" => Ok(Family::V6),
        _ => Err(Refusal::bad(format!(
            "family={text} is not known; v4 and v6 are"
        ))),
    }
}

fn not_yet() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "there is no table yet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Moment;
    use crate::table::fixture::{World, standings};

    #[test]
    fn a_question_is_read_and_what_is_wrong_is_told_by_its_name() {
        let plan = World::new(&[(0, 1, 1)], &[&[0]]).plan();
        let table = Table::build(1, plan.clone(), standings(&plan, &[]), Moment(0), None);
        let read = |text: &str| {
            read(
                &parameters::of(&format!("/x?{text}").parse().unwrap()),
                &table,
            )
        };
        let name = &plan.services[0].name;
        let found = read(&format!(
            "service={name}&family=v6&down=b&down=a&at=2027-03-01T22:00:00Z"
        ));
        let expected = MapQuestion {
            service: ServiceId(0),
            family: Family::V6,
            down: vec!["a".to_owned(), "b".to_owned()],
            at: Utc::parse("2027-03-01T22:00:00Z"),
        };
        assert_eq!(found.unwrap(), expected);
        for (text, words) in [
            ("service=none", "there is no service `none`"),
            ("family=v5", "v4 and v6 are"),
            ("at=noon", "is no time"),
            ("region=x", "region is not known here"),
        ] {
            let message = read(text).unwrap_err().message;
            assert!(message.contains(words), "{message}");
        }
    }
}
