//! Lists of Consul's catalog, as `/v1/health/service/NAME` gives them.
//!
//! An instance is where its service says it is, otherwise where its node is. Its weight is the one for passing checks, or the one for
//! warnings where a check warns. Its checks decide nothing else here: the monitors of Waypost do.
use serde::Deserialize;

use super::list::{DiscoveredEndpoint, EndpointList, ListedMachine};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    node: ConsulNode,
    service: ConsulService,
    #[serde(default)]
    checks: Vec<ConsulCheck>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulNode {
    address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulService {
    #[serde(default)]
    address: String,
    #[serde(default)]
    port: u16,
    weights: Option<ConsulWeights>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulWeights {
    passing: u16,
    warning: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulCheck {
    #[serde(default)]
    status: String,
}

/// Reads a list.
///
/// # Errors
/// What is wrong with it; for a person.
pub fn consul_list(text: &[u8]) -> Result<EndpointList, String> {
    let found: Result<Vec<Instance>, _> = serde_json::from_slice(text);
    let found = found.map_err(|error| format!("it is no answer of Consul's: {error}"))?;
    ListedMachine::list(found.into_iter().map(machine).collect())
}

fn machine(own: Instance) -> ListedMachine {
    let Instance {
        node,
        service,
        checks,
    } = own;
    let place = match service.address.is_empty() {
        true => node.address,
        false => service.address,
    };
    let address = place.parse().ok();
    let warns = checks.iter().any(|check| check.status == "warning");
    ListedMachine {
        id: None,
        endpoint: DiscoveredEndpoint {
            hostname: address.is_none().then_some(place),
            addresses: address.into_iter().collect(),
            port: Some(service.port).filter(|port| *port > 0),
            // Consul's weights are small numbers that say how much an instance takes beside the others.
            weight: service.weights.map(|own| match warns {
                true => own.warning,
                false => own.passing,
            }),
            rank: 0,
        },
    }
}
