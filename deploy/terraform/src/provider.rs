//! The provider: its configuration, and each call of the protocol carried to the resource that it is about.
use std::sync::RwLock;
use std::sync::{Arc, PoisonError};

use prost::Message;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use crate::api::{Api, Credentials};
use crate::protocol as wire;
use crate::resource::{Change, Fault, Kept, Planned, text};
use crate::schema::{Attribute, Block, Kind, Mode};
use crate::value::{Object, Value};
use crate::{drain, object, record, sources};

/// Names of resources; the others are declared objects.
const RECORD: &str = record::BLOCK.name;
const DRAIN: &str = drain::BLOCK.name;
/// Severities of the protocol.
const ERROR: i32 = 1;
const WARNING: i32 = 2;

/// The provider's own description.
pub(crate) const BLOCK: Block = Block {
    name: "waypost",
    summary: "Records, services, drains and proofs of a Waypost server.",
    text: "Waypost is an authoritative DNS server and traffic manager. This provider declares records, services, endpoints, regions and monitors, gives drains with an end, and looks at a running server over its control API.",
    attributes: &[
        Attribute {
            name: "control",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The server: `https://ns1.example.org:8053`, `http://127.0.0.1:8053` or `unix:/run/waypost/waypost.sock`. Otherwise `WAYPOST_CONTROL`.",
        },
        Attribute {
            name: "token",
            kind: Kind::Secret,
            mode: Mode::Optional,
            text: "A token (`waypost token new`). Otherwise `WAYPOST_TOKEN`.",
        },
        Attribute {
            name: "token_file",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The file of a token, read for each request, so that it may be renewed in the midst of an apply. Otherwise `WAYPOST_TOKEN_FILE`.",
        },
        Attribute {
            name: "ca",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The PEM file of the certificates that are trusted. Otherwise `WAYPOST_CA`; without either, those of the system.",
        },
        Attribute {
            name: "certificate",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The PEM file of a certificate that proves who asks, instead of a token. Otherwise `WAYPOST_CERTIFICATE`.",
        },
        Attribute {
            name: "key",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "The PEM file of its key. Otherwise `WAYPOST_KEY`.",
        },
        Attribute {
            name: "author",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "Who wants the changes; kept with them beside the identity that was proved. Otherwise `WAYPOST_AUTHOR`.",
        },
        Attribute {
            name: "reason",
            kind: Kind::Text,
            mode: Mode::Optional,
            text: "Why; kept with each change. Otherwise `WAYPOST_REASON`.",
        },
    ],
    import: None,
};

/// All resources.
pub(crate) const RESOURCES: [&Block; 6] = [
    &record::BLOCK,
    &drain::BLOCK,
    &object::SERVICE,
    &object::ENDPOINT,
    &object::REGION,
    &object::MONITOR,
];
/// All data sources.
pub(crate) const SOURCES: [&Block; 3] = [&sources::EXPLAIN, &sources::STATUS, &sources::VERIFY];

/// The provider.
#[derive(Debug, Default)]
pub(crate) struct Provider {
    /// The server, once it was said which it is.
    api: RwLock<Option<Arc<Api>>>,
    /// Objects that were planned; one is tried after the other.
    plans: Mutex<object::Plans>,
}

impl Provider {
    /// Answers a call; `None` if there is no such method.
    pub(crate) async fn call(&self, method: &str, request: &[u8]) -> Option<Vec<u8>> {
        Some(match method {
            "GetMetadata" => metadata().encode_to_vec(),
            "GetProviderSchema" => schemas().encode_to_vec(),
            "ValidateProviderConfig" => wire::ProviderConfigAnswer {
                diagnostics: self.check(decoded::<wire::ProviderConfig>(request)?.config),
            }
            .encode_to_vec(),
            "ConfigureProvider" => wire::Checked {
                diagnostics: self.configure(decoded::<wire::Configure>(request)?.config),
            }
            .encode_to_vec(),
            "ValidateResourceConfig" | "ValidateDataResourceConfig" => {
                wire::Checked::default().encode_to_vec()
            }
            "UpgradeResourceState" => upgrade(&decoded(request)?).encode_to_vec(),
            "ReadResource" => self.read(decoded(request)?).await.encode_to_vec(),
            "PlanResourceChange" => self.plan(decoded(request)?).await.encode_to_vec(),
            "ApplyResourceChange" => self.apply(decoded(request)?).await.encode_to_vec(),
            "ImportResourceState" => self.import(decoded(request)?).await.encode_to_vec(),
            "ReadDataSource" => self.look(decoded(request)?).await.encode_to_vec(),
            "StopProvider" => wire::Empty {}.encode_to_vec(),
            _ => return None,
        })
    }

    fn api(&self) -> Option<Arc<Api>> {
        let api = self.api.read().unwrap_or_else(PoisonError::into_inner);
        api.clone()
    }

    fn check(&self, config: Option<wire::DynamicValue>) -> Vec<wire::Diagnostic> {
        let (object, fault) = split(object_of(config.as_ref()));
        let both = ["token", "token_file"];
        let both = both
            .iter()
            .all(|own| object.get(*own).is_some_and(|own| *own != Value::Null));
        let fault = fault.or_else(|| {
            let detail = "`token` and `token_file`: leave one out.";
            both.then(|| Fault::new("Two tokens", detail).at("token_file"))
        });
        said(fault, &[])
    }

    fn configure(&self, config: Option<wire::DynamicValue>) -> Vec<wire::Diagnostic> {
        let made = object_of(config.as_ref()).and_then(|object| {
            match Value::Object(object.clone()).is_known() {
                // What depends on things that an apply makes is told later.
                false => Ok(None),
                true => server(&object).map(Some),
            }
        });
        let (api, fault) = split(made);
        *self.api.write().unwrap_or_else(PoisonError::into_inner) = api.map(Arc::new);
        said(fault, &[])
    }

    async fn read(&self, call: wire::ReadResource) -> wire::ReadAnswer {
        let api = self.api();
        let (api, private) = (api.as_deref(), private_of(&call.private));
        let read = match (
            object_of(call.current_state.as_ref()),
            call.type_name.as_str(),
        ) {
            (Err(fault), _) => Err(fault),
            (Ok(state), RECORD) => record::read(api, &state, &private).await,
            (Ok(state), DRAIN) => drain::read(api, &state, &private).await,
            (Ok(state), _) => object::read(api, &state, &private).await,
        };
        match read {
            Ok(kept) => {
                let (new_state, private, diagnostics) = told(kept);
                wire::ReadAnswer {
                    new_state,
                    diagnostics,
                    private,
                }
            }
            Err(fault) => wire::ReadAnswer {
                new_state: call.current_state,
                diagnostics: said(Some(fault), &[]),
                private: call.private,
            },
        }
    }

    async fn plan(&self, call: wire::PlanChange) -> wire::PlanAnswer {
        let api = self.api();
        let planned = async {
            let prior = optional(call.prior_state.as_ref())?;
            let next = optional(call.proposed_new_state.as_ref())?;
            let config = optional(call.config.as_ref())?.unwrap_or_default();
            let change = Change {
                prior: prior.as_ref(),
                next: next.as_ref(),
                private: &private_of(&call.prior_private),
            };
            let api = api.as_deref();
            match call.type_name.as_str() {
                RECORD => record::plan(api, change, &config).await,
                DRAIN => drain::plan(api, change).await,
                kind => object::plan((api, &self.plans), (kind, change)).await,
            }
        };
        let (planned, fault) = split(planned.await);
        let Planned {
            state,
            replace,
            warnings,
        } = planned;
        let is_refused = fault.is_some();
        wire::PlanAnswer {
            planned_state: match is_refused {
                true => call.proposed_new_state,
                false => Some(packed(state.map_or(Value::Null, Value::Object))),
            },
            requires_replace: replace.into_iter().map(path_of).collect(),
            planned_private: call.prior_private,
            diagnostics: said(fault, &warnings),
        }
    }

    async fn apply(&self, call: wire::ApplyChange) -> wire::ApplyAnswer {
        let api = self.api();
        let applied = async {
            let prior = optional(call.prior_state.as_ref())?;
            let next = optional(call.planned_state.as_ref())?;
            let change = Change {
                prior: prior.as_ref(),
                next: next.as_ref(),
                private: &private_of(&call.planned_private),
            };
            let api = api.as_deref();
            match call.type_name.as_str() {
                RECORD => record::apply(api, change).await,
                DRAIN => drain::apply(api, change).await,
                kind => object::apply(api, (kind, change)).await,
            }
        };
        match applied.await {
            Ok(kept) => {
                let (new_state, private, diagnostics) = told(kept);
                wire::ApplyAnswer {
                    new_state,
                    private,
                    diagnostics,
                }
            }
            // It stays what it was; the next plan looks at what is there.
            Err(fault) => wire::ApplyAnswer {
                new_state: call.prior_state,
                private: call.planned_private,
                diagnostics: said(Some(fault), &[]),
            },
        }
    }

    async fn import(&self, call: wire::ImportState) -> wire::ImportAnswer {
        let api = self.api();
        let imported = match call.type_name.as_str() {
            RECORD => record::import(api.as_deref(), &call.id).await,
            DRAIN => drain::import(api.as_deref(), &call.id).await,
            kind => object::import(api.as_deref(), kind, &call.id).await,
        };
        let (kept, fault) = split(imported.map(Some));
        let fault = said(fault, &[]);
        let Some(kept) = kept else {
            return wire::ImportAnswer {
                imported_resources: Vec::new(),
                diagnostics: fault,
            };
        };
        let (state, private, diagnostics) = told(Some(kept));
        wire::ImportAnswer {
            imported_resources: vec![wire::Imported {
                type_name: call.type_name,
                state,
                private,
            }],
            diagnostics,
        }
    }

    async fn look(&self, call: wire::TypedConfig) -> wire::StateAnswer {
        let api = self.api();
        let read = match object_of(call.config.as_ref()) {
            Ok(config) => sources::read(&call.type_name, api.as_deref(), config).await,
            Err(fault) => Err(fault),
        };
        let (state, fault) = split(read);
        wire::StateAnswer {
            state: Some(packed(Value::Object(state))),
            diagnostics: said(fault, &[]),
        }
    }
}

/// The server that the configuration and the environment name.
fn server(config: &Object) -> Result<Api, Fault> {
    let environment = |attribute: &str| {
        let variable = format!("WAYPOST_{}", attribute.to_uppercase());
        let value = std::env::var(variable).ok()?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let given = |attribute: &str| {
        let own = Some(text(config, attribute)).filter(|own| !own.is_empty());
        own.map(str::to_owned).or_else(|| environment(attribute))
    };
    // Of two kinds of tokens the one that is configured goes before the other of the environment.
    let is_configured = |attribute: &str| !text(config, attribute).is_empty();
    let control = given("control").ok_or_else(|| {
        let detail = "Set `control` to the address of a server's control API, or WAYPOST_CONTROL in the environment.";
        Fault::new("No server is named", detail).at("control")
    })?;
    let certificate = match (given("certificate"), given("key")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let detail = "`certificate` and `key` go together.";
            return Err(Fault::new("Half a certificate", detail).at("certificate"));
        }
    };
    let credentials = Credentials {
        control,
        token: given("token").filter(|_| !is_configured("token_file")),
        token_file: given("token_file")
            .filter(|_| is_configured("token_file") || given("token").is_none()),
        ca: given("ca"),
        certificate,
        author: given("author").unwrap_or_default(),
        reason: given("reason").unwrap_or_default(),
    };
    Api::new(credentials).map_err(|why| Fault::new("The server cannot be asked", why))
}

fn abilities() -> wire::ServerCapabilities {
    wire::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
    }
}

fn metadata() -> wire::Metadata {
    let names = |blocks: &[&Block]| -> Vec<wire::TypeName> {
        let names = blocks.iter().map(|block| block.name.to_owned());
        names
            .map(|type_name| wire::TypeName { type_name })
            .collect()
    };
    wire::Metadata {
        server_capabilities: Some(abilities()),
        data_sources: names(&SOURCES),
        resources: names(&RESOURCES),
    }
}

fn schemas() -> wire::ProviderSchemas {
    let of = |blocks: &[&Block]| {
        let blocks = blocks.iter();
        blocks
            .map(|block| (block.name.to_owned(), block.schema()))
            .collect()
    };
    wire::ProviderSchemas {
        provider: Some(BLOCK.schema()),
        resources: of(&RESOURCES),
        data_sources: of(&SOURCES),
        server_capabilities: Some(abilities()),
    }
}

/// State out of a file; there has been one version only.
fn upgrade(call: &wire::UpgradeState) -> wire::StateAnswer {
    let json = call.raw_state.as_ref().map(|raw| raw.json.as_slice());
    let state: Result<Json, _> = serde_json::from_slice(json.unwrap_or_default());
    let (state, fault) = match state {
        Ok(state) => (Value::from(state), None),
        Err(error) => {
            let fault = Fault::new(
                format!("The state of {} is unreadable", call.type_name),
                error.to_string(),
            );
            (Value::Null, Some(fault))
        }
    };
    wire::StateAnswer {
        state: Some(packed(state)),
        diagnostics: said(fault, &[]),
    }
}

fn decoded<T: Message + Default>(request: &[u8]) -> Option<T> {
    T::decode(request).ok()
}

fn packed(value: Value) -> wire::DynamicValue {
    wire::DynamicValue {
        msgpack: value.pack(),
        json: Vec::new(),
    }
}

/// The object of a message; `None` if it is null.
fn optional(value: Option<&wire::DynamicValue>) -> Result<Option<Object>, Fault> {
    let bytes = value
        .map(|value| value.msgpack.as_slice())
        .unwrap_or_default();
    let broken = |why: &str| Fault::new("A value cannot be read", why);
    match Value::unpack(bytes).map_err(|why| broken(&why))? {
        Value::Object(object) => Ok(Some(object)),
        Value::Null => Ok(None),
        Value::Unknown | Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_) => {
            Err(broken("it is no object"))
        }
    }
}

fn object_of(value: Option<&wire::DynamicValue>) -> Result<Object, Fault> {
    optional(value).map(Option::unwrap_or_default)
}

fn private_of(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// An object as it is told: state, what is kept beside it, warnings.
fn told(kept: Option<Kept>) -> (Option<wire::DynamicValue>, Vec<u8>, Vec<wire::Diagnostic>) {
    let Some(kept) = kept else {
        return (Some(packed(Value::Null)), Vec::new(), Vec::new());
    };
    let state = packed(Value::Object(kept.state));
    let private = kept.private.to_string().into_bytes();
    (Some(state), private, said(None, &kept.warnings))
}

fn split<T: Default>(result: Result<T, Fault>) -> (T, Option<Fault>) {
    match result {
        Ok(value) => (value, None),
        Err(fault) => (T::default(), Some(fault)),
    }
}

fn said(fault: Option<Fault>, warnings: &[Fault]) -> Vec<wire::Diagnostic> {
    let warnings = warnings.iter().cloned().map(|own| (WARNING, own));
    let all = fault.into_iter().map(|own| (ERROR, own)).chain(warnings);
    let all = all.map(|(severity, own)| wire::Diagnostic {
        severity,
        summary: own.summary,
        detail: own.detail,
        attribute: own.attribute.map(path_of),
    });
    all.collect()
}

fn path_of(attribute: &str) -> wire::AttributePath {
    let attribute_name = attribute.to_owned();
    wire::AttributePath {
        steps: vec![wire::Step { attribute_name }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_without_a_server_says_so() {
        let fault = server(&Object::new()).unwrap_err();
        assert_eq!(fault.attribute, Some("control"));
    }

    #[test]
    fn every_object_has_all_attributes_of_its_schema() {
        for block in RESOURCES.into_iter().chain(SOURCES) {
            let schema = block.schema().block.unwrap();
            assert_eq!(schema.attributes.len(), block.attributes.len());
            for own in &schema.attributes {
                let someone_sets = own.required || own.optional || own.computed;
                assert!(
                    someone_sets && !(own.required && own.computed),
                    "{}",
                    own.name
                );
            }
        }
    }
}
