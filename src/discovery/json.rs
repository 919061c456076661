//! Lists in JSON: an array of machines, or an object with one under `endpoints`.
//!
//! ```json
//! [{ "id": "web-1", "address": "192.0.2.10", "port": 8443, "weight": 100 }, { "hostname": "web-2.example.net" }]
//! ```
//!
//! A machine may be no more than its address or name as a text. Keys that are not known are passed over: whatever a list says of regions, laws or
//! providers, the config decides that.
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::list::{DiscoveredEndpoint, EndpointList, ListedMachine};

#[derive(Deserialize)]
struct JsonMachine {
    id: Option<String>,
    address: Option<IpAddr>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    hostname: Option<String>,
    port: Option<u16>,
    weight: Option<u16>,
}

/// Reads a list.
///
/// # Errors
/// What is wrong with it; for a person.
pub fn json_list(text: &[u8]) -> Result<EndpointList, String> {
    let whole: Value =
        serde_json::from_slice(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let list = match whole {
        Value::Array(list) => list,
        Value::Object(mut whole) => match whole.remove("endpoints") {
            Some(Value::Array(list)) => list,
            Some(_) | None => return Err("it is an object without a list `endpoints`".to_owned()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err("it is no list of endpoints".to_owned());
        }
    };
    let machines = list
        .into_iter()
        .enumerate()
        .map(|(number, one)| machine(one).map_err(|why| format!("entry {}: {why}", number + 1)));
    let machines: Result<Vec<ListedMachine>, String> = machines.collect();
    ListedMachine::list(machines?)
}

fn machine(value: Value) -> Result<ListedMachine, String> {
    if let Value::String(place) = value {
        let address: Option<IpAddr> = place.parse().ok();
        return Ok(ListedMachine {
            id: None,
            endpoint: DiscoveredEndpoint {
                hostname: address.is_none().then_some(place),
                addresses: address.into_iter().collect(),
                ..DiscoveredEndpoint::default()
            },
        });
    }
    let own: JsonMachine = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if own.port == Some(0) {
        return Err("0 is no port".to_owned());
    }
    if own.id.as_ref().is_some_and(String::is_empty) {
        return Err("its `id` is empty".to_owned());
    }
    Ok(ListedMachine {
        id: own.id,
        endpoint: DiscoveredEndpoint {
            addresses: own.address.into_iter().chain(own.addresses).collect(),
            hostname: own.hostname,
            port: own.port,
            weight: own.weight,
            rank: 0,
        },
    })
}
