//! A question about one client's answer, read from a request and put to the present table.
//!
//! `table::explain` answers it; here its parameters are read. Supposing something down builds a
//! table, so it is done beside the runtime's own threads.
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use tokio::task::spawn_blocking;

use super::parameters::Parameters;
use super::replies::Refusal;
use crate::base::limits::EXPLAIN_SUPPOSED;
use crate::base::{Family, Moment};
use crate::dns::Name;
use crate::dns::text::type_number;
use crate::engine::Status;
use crate::table::Table;
use crate::table::explain::{Chain, Explanation, Question, ViewAsked, explain};

/// What is asked: `name`, `client`, `type` (A if absent), any number of `down`, `from` or `view`, and `format`
/// (`json` if absent, or `text`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    name: Name,
    client: IpAddr,
    qtype: u16,
    down: Vec<String>,
    view: ViewAsked,
    /// For whom the explanation is.
    pub(super) format: Format,
}

/// For whom an explanation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A program.
    Json,
    /// A person.
    Text,
}

impl Query {
    /// Reads the parameters of a request; what is wrong is told by its name.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let (mut name, mut client, mut down) = (None, None, Vec::new());
        let (mut qtype, mut format) = ("A", Format::Json);
        let mut view = ViewAsked::OfClient;
        for (parameter, value) in parameters {
            match parameter.as_str() {
                "name" => name = Some(read_name(value)?),
                "client" => client = Some(read_client(value)?),
                "type" => qtype = value,
                "from" | "view" if view != ViewAsked::OfClient => {
                    return Err(bad("one of from and view is enough"));
                }
                "from" => view = ViewAsked::From(read_client(value)?),
                "view" => view = ViewAsked::Named(value.clone()),
                "format" => format = read_format(value)?,
                "down" if down.len() < EXPLAIN_SUPPOSED => down.push(value.clone()),
                "down" => return Err(bad("too many names are supposed down")),
                _ => return Err(bad(format!("{parameter} is not known here"))),
            }
        }
        Ok(Self {
            name: name.ok_or_else(|| bad("name is missing: name=api.example.org"))?,
            client: client.ok_or_else(|| bad("client is missing: client=192.0.2.1"))?,
            qtype: read_type(qtype)?,
            down,
            view,
            format,
        })
    }
}

/// Explains what the client gets from this table.
pub(super) async fn answer(
    query: Query,
    table: Arc<Table>,
    now: Moment,
) -> Result<Explanation, Refusal> {
    let question = Question {
        name: query.name,
        qtype: query.qtype,
        client: query.client,
        now,
        suppose: query.down,
        view: query.view,
    };
    let explained = spawn_blocking(move || explain(&table, &question)).await;
    match explained {
        Ok(Ok(explanation)) => Ok(explanation),
        Ok(Err(error)) => Err(Refusal::new(StatusCode::NOT_FOUND, error.to_string())),
        Err(_) => {
            let message = "the explanation failed: a defect of the program";
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message))
        }
    }
}

/// Adds what the vantages of the cluster see of each endpoint.
pub(super) fn tell_votes(explanation: &mut Explanation, status: &Status) {
    let cluster = status.cluster.as_ref();
    let withdrawn = cluster.filter(|own| own.route == "withdrawn");
    explanation.withdrawn = withdrawn.map(|own| own.route_reason.clone());
    let Chain::Steered(steered) = &mut explanation.chain else {
        return;
    };
    let family = match steered.family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    };
    let service = &steered.service;
    let endpoints = status.regions.iter().flat_map(|region| &region.endpoints);
    let votes = endpoints.filter_map(|endpoint| {
        let mut targets = endpoint.targets.iter();
        let own = targets.find(|own| own.family == family && own.services.contains(service))?;
        let regions = own.regions.iter().map(|own| own.detail.clone());
        let words: Vec<String> = own.votes.iter().cloned().chain(regions).collect();
        (!words.is_empty()).then(|| (endpoint.name.as_str(), words.join("; ")))
    });
    let votes: BTreeMap<&str, String> = votes.collect();
    let pools = steered.consulted.iter_mut();
    for stand in pools.flat_map(|consulted| &mut consulted.endpoints) {
        stand.vantages = votes.get(stand.endpoint.as_str()).cloned();
    }
}

fn read_name(text: &str) -> Result<Name, Refusal> {
    Name::parse(text).map_err(|error| bad(format!("name={text}: {error}")))
}

fn read_client(text: &str) -> Result<IpAddr, Refusal> {
    text.parse()
        .map_err(|_| bad(format!("client={text} is not an IP address")))
}

fn read_type(text: &str) -> Result<u16, Refusal> {
    type_number(text).ok_or_else(|| bad(format!("type={text} is not a type; A and AAAA are")))
}

fn read_format(text: &str) -> Result<Format, Refusal> {
    match text {
        "json" => Ok(Format::Json),
        "text" => Ok(Format::Text),
        _ => Err(bad(format!(
            "format={text} is not known; json and text are"
        ))),
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad(message)
}
