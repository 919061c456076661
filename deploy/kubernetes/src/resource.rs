//! The resource `WaypostService`: what its fields are called, and what the API server checks of them.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A service that Waypost steers among clusters.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "waypost.dev",
    version = "v1alpha1",
    kind = "WaypostService",
    namespaced,
    shortname = "wps",
    category = "waypost",
    status = "ServiceStatus",
    derive = "PartialEq",
    doc = "A service whose hostnames Waypost answers with addresses of several clusters",
    printcolumn = r#"{"name": "Hostname", "type": "string", "jsonPath": ".spec.hostnames[0]"}"#,
    printcolumn = r#"{"name": "Programmed", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Programmed\")].status"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Message", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Programmed\")].message", "priority": 1}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceSpec {
    /// Names that are steered; `[[dynamic.objects]]` of Waypost's config has to let them be declared.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub(crate) hostnames: Vec<String>,
    /// Sources of addresses.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub(crate) backends: Vec<Backend>,
    /// Monitors of Waypost's config that must pass as well, beside the readiness that Kubernetes knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub(crate) monitors: Vec<String>,
    /// One of `[recoveries]` of Waypost's config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recovery: Option<String>,
    /// `prefer`: the client's own jurisdiction first; `strict`: never outside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) residency: Option<Residency>,
    /// With `strict`: jurisdictions where clients outside all of them may be sent, or `any` alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub(crate) outside: Vec<String>,
    /// With `strict`: the same for clients of unknown place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub(crate) unknown: Vec<String>,
    /// Endpoints in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub(crate) answers: Option<u8>,
    /// Bounds of the TTL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<TtlBounds>,
    /// The answer when nothing is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) all_down: Option<AllDown>,
    /// The order in which regions are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Policy>,
    /// Regions for policy `order`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub(crate) order: Vec<String>,
    /// Clients' addresses whose answers are explained in the status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub(crate) explain: Vec<String>,
}

/// A source of addresses in one cluster: a Service or a Gateway of the same namespace there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.service) != has(self.gateway)", "message": "one of service and gateway" }
]))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Backend {
    /// Its name within the resource; a part of the endpoint's name at Waypost.
    #[schemars(
        length(min = 1, max = 30),
        regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub(crate) name: String,
    /// A cluster of the controller's config, which says the region.
    #[schemars(length(min = 1, max = 63))]
    pub(crate) cluster: String,
    /// A Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<ServiceSource>,
    /// A Gateway: the addresses of its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gateway: Option<GatewaySource>,
    /// The port that Waypost's monitors probe, in place of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(crate) port: Option<u16>,
    /// Share among the endpoints of its tier; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weight: Option<u16>,
    /// A higher tier serves only when the tiers below it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(crate) tier: Option<u8>,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ServiceSource {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub(crate) name: String,
    /// The addresses of it that clients are sent to.
    #[serde(default)]
    pub(crate) addresses: Addresses,
}

/// Addresses of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Addresses {
    /// Those of its load balancer.
    #[default]
    LoadBalancer,
    /// Those of its EndpointSlices, each with its own readiness.
    Endpoints,
}

/// A Gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GatewaySource {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub(crate) name: String,
}

/// How a service keeps to jurisdictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Residency {
    Any,
    Prefer,
    Strict,
}

/// The answer when nothing is healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AllDown {
    FailOpen,
    Servfail,
    Nodata,
}

/// The order in which regions are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Policy {
    Place,
    Nearest,
    Order,
}

/// Bounds of a TTL, such as `10s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TtlBounds {
    /// The least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<String>,
    /// The greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<String>,
}

/// What the controller has made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceStatus {
    /// The generation of the resource that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) observed_generation: Option<i64>,
    /// The service's name at Waypost.
    #[serde(default)]
    pub(crate) service: String,
    /// Endpoints as they are declared at Waypost.
    #[serde(default)]
    pub(crate) endpoints: Vec<EndpointStatus>,
    /// Waypost's explanation of answers, one line for each client.
    #[serde(default)]
    pub(crate) explain: Vec<String>,
    /// `Accepted`, `Resolved`, `Programmed`, `Ready`.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub(crate) conditions: Vec<Condition>,
}

/// An endpoint, as it is declared at Waypost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EndpointStatus {
    /// The backend's name.
    pub(crate) backend: String,
    /// Its region.
    pub(crate) region: String,
    /// Addresses, or the name of a load balancer.
    pub(crate) addresses: Vec<String>,
    /// How many of them Waypost was told are ready.
    pub(crate) ready: usize,
}

/// The definition of the resource, as YAML.
pub(crate) fn definition() -> Result<String, String> {
    let text = made().map_err(|error| error.to_string())?;
    let text = serde_saphyr::to_string(&text).map_err(|error| error.to_string())?;
    Ok(format!(
        "# Made by `waypost-kubernetes crd`; a test compares both.\n{text}"
    ))
}

fn made() -> serde_json::Result<Json> {
    let mut own = serde_json::to_value(WaypostService::crd())?;
    settle(&mut own);
    Ok(own)
}

/// Has a field that is null be one that is absent, as an API server does if nothing is nullable. For the values of an enum that is
/// more than style: with a null among them Kubernetes 1.20 refuses the definition.
fn settle(node: &mut Json) {
    match node {
        Json::Object(own) => {
            own.remove("nullable");
            if let Some(Json::Array(all)) = own.get_mut("enum") {
                all.retain(|own| !own.is_null());
            }
            own.values_mut().for_each(settle);
        }
        Json::Array(all) => all.iter_mut().for_each(settle),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_that_is_shipped_is_that_of_the_types() {
        let made = definition().unwrap();
        for path in ["crds", "../helm/waypost/crds"] {
            let path = format!("{}/{path}/waypostservices.yaml", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UPDATE_CRD").is_some() {
                std::fs::write(&path, &made).unwrap();
            }
            let shipped = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(shipped == made, "{path}: UPDATE_CRD=1 renews it");
        }
    }

    /// Structural schemas (apiextensions v1): each node has a type, and nothing hangs on a value but by CEL.
    #[test]
    fn the_schema_is_structural() {
        fn look(node: &Json, place: &str) {
            assert!(
                node["type"].is_string() || node["x-kubernetes-int-or-string"] == true,
                "{place}: {node}"
            );
            let values = node["enum"].as_array();
            assert!(
                !values.is_some_and(|own| own.contains(&Json::Null)),
                "{place}: a null in the enum"
            );
            for word in [
                "$ref",
                "oneOf",
                "additionalProperties",
                "definitions",
                "nullable",
            ] {
                assert!(node.get(word).is_none(), "{place}: {word}");
            }
            for (name, own) in node["properties"].as_object().into_iter().flatten() {
                look(own, &format!("{place}.{name}"));
            }
            if let Some(items) = node.get("items") {
                look(items, &format!("{place}[]"));
            }
        }
        let definition = made().unwrap();
        let version = &definition["spec"]["versions"][0];
        look(&version["schema"]["openAPIV3Schema"], "");
        assert!(version["subresources"]["status"].is_object());
    }
}
