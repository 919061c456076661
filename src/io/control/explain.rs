//! Reads a question about one client's answer from a request.
use std::net::IpAddr;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::State;
use super::routes::{Parameters, Refusal};
use crate::dns::Name;
use crate::table::Table;

/// What is asked: `name`, `client`, `type` (A if absent) and any number of `down`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    name: Name,
    client: IpAddr,
    qtype: String,
    down: Vec<String>,
}

impl Query {
    /// Reads the parameters of a request; each that is wrong is told by its name.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let (mut name, mut client, mut qtype, mut down) = (None, None, "A".to_owned(), Vec::new());
        for (parameter, value) in parameters {
            match parameter.as_str() {
                "name" => name = Some(read_name(value)?),
                "client" => client = Some(read_client(value)?),
                "type" => qtype.clone_from(value),
                "down" => down.push(value.clone()),
                _ => return Err(bad(format!("{parameter} is not known here"))),
            }
        }
        Ok(Self {
            name: name.ok_or_else(|| bad("name is missing: name=api.example.org"))?,
            client: client.ok_or_else(|| bad("client is missing: client=192.0.2.1"))?,
            qtype,
            down,
        })
    }
}

/// Explains what the client gets from this table.
pub(super) fn answer(_query: &Query, _table: &Table, _state: &State) -> Result<Value, Refusal> {
    Ok(json!(null))
}

fn read_name(text: &str) -> Result<Name, Refusal> {
    Name::parse(text).map_err(|error| bad(format!("name={text}: {error}")))
}

fn read_client(text: &str) -> Result<IpAddr, Refusal> {
    text.parse()
        .map_err(|_| bad(format!("client={text} is not an IP address")))
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message)
}
