//! Messages of the plugin protocol, version 6, as far as they are used here (`tfplugin6.proto`, 6.5).
//!
//! Fields that are not named are skipped by the decoder, as protobuf wants it. Values travel as MessagePack, see [`super::value`].
use std::collections::HashMap;

use prost::Message;

/// A value: MessagePack, or JSON in what was kept by an older version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DynamicValue {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) msgpack: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) json: Vec<u8>,
}

/// An error or a warning.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Diagnostic {
    /// 1 = error, 2 = warning.
    #[prost(int32, tag = "1")]
    pub(crate) severity: i32,
    #[prost(string, tag = "2")]
    pub(crate) summary: String,
    #[prost(string, tag = "3")]
    pub(crate) detail: String,
    #[prost(message, optional, tag = "4")]
    pub(crate) attribute: Option<AttributePath>,
}

/// The place of an attribute; here always one on top.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributePath {
    #[prost(message, repeated, tag = "1")]
    pub(crate) steps: Vec<Step>,
}

/// A step of a path: the name of an attribute.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Step {
    #[prost(string, tag = "1")]
    pub(crate) attribute_name: String,
}

/// A schema.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Schema {
    #[prost(int64, tag = "1")]
    pub(crate) version: i64,
    #[prost(message, optional, tag = "2")]
    pub(crate) block: Option<SchemaBlock>,
}

/// Its attributes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchemaBlock {
    #[prost(message, repeated, tag = "2")]
    pub(crate) attributes: Vec<SchemaAttribute>,
    #[prost(string, tag = "4")]
    pub(crate) description: String,
    /// 1 = Markdown.
    #[prost(int32, tag = "5")]
    pub(crate) description_kind: i32,
}

/// One of them.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchemaAttribute {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Its type, in JSON.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) r#type: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) description: String,
    #[prost(bool, tag = "4")]
    pub(crate) required: bool,
    #[prost(bool, tag = "5")]
    pub(crate) optional: bool,
    #[prost(bool, tag = "6")]
    pub(crate) computed: bool,
    #[prost(bool, tag = "7")]
    pub(crate) sensitive: bool,
    #[prost(int32, tag = "8")]
    pub(crate) description_kind: i32,
}

/// Abilities of the provider.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ServerCapabilities {
    /// It is asked to plan what is to be destroyed, too.
    #[prost(bool, tag = "1")]
    pub(crate) plan_destroy: bool,
    /// Whoever has the schema already need not ask for it.
    #[prost(bool, tag = "2")]
    pub(crate) get_provider_schema_optional: bool,
}

/// Answer of `GetProviderSchema`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProviderSchemas {
    #[prost(message, optional, tag = "1")]
    pub(crate) provider: Option<Schema>,
    #[prost(map = "string, message", tag = "2")]
    pub(crate) resources: HashMap<String, Schema>,
    #[prost(map = "string, message", tag = "3")]
    pub(crate) data_sources: HashMap<String, Schema>,
    #[prost(message, optional, tag = "6")]
    pub(crate) server_capabilities: Option<ServerCapabilities>,
}

/// Answer of `GetMetadata`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(crate) server_capabilities: Option<ServerCapabilities>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) data_sources: Vec<TypeName>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) resources: Vec<TypeName>,
}

/// The name of a type.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeName {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
}

/// `ValidateProviderConfig`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProviderConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) config: Option<DynamicValue>,
}

/// Its answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProviderConfigAnswer {
    #[prost(message, repeated, tag = "2")]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// `ConfigureProvider`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Configure {
    #[prost(message, optional, tag = "2")]
    pub(crate) config: Option<DynamicValue>,
}

/// `ValidateResourceConfig`, `ValidateDataResourceConfig`, `ReadDataSource`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypedConfig {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) config: Option<DynamicValue>,
}

/// An answer with nothing but diagnostics: of `Validate…Config` and `ConfigureProvider`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Checked {
    #[prost(message, repeated, tag = "1")]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// `UpgradeResourceState`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpgradeState {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) raw_state: Option<RawState>,
}

/// State as it lies in a file.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RawState {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) json: Vec<u8>,
}

/// Answer of `UpgradeResourceState` and `ReadDataSource`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StateAnswer {
    #[prost(message, optional, tag = "1")]
    pub(crate) state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// `ReadResource`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadResource {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) current_state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) private: Vec<u8>,
}

/// Its answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadAnswer {
    #[prost(message, optional, tag = "1")]
    pub(crate) new_state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) diagnostics: Vec<Diagnostic>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) private: Vec<u8>,
}

/// `PlanResourceChange`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PlanChange {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) prior_state: Option<DynamicValue>,
    #[prost(message, optional, tag = "3")]
    pub(crate) proposed_new_state: Option<DynamicValue>,
    #[prost(message, optional, tag = "4")]
    pub(crate) config: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) prior_private: Vec<u8>,
}

/// Its answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PlanAnswer {
    #[prost(message, optional, tag = "1")]
    pub(crate) planned_state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) requires_replace: Vec<AttributePath>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) planned_private: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// `ApplyResourceChange`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ApplyChange {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) prior_state: Option<DynamicValue>,
    #[prost(message, optional, tag = "3")]
    pub(crate) planned_state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "5")]
    pub(crate) planned_private: Vec<u8>,
}

/// Its answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ApplyAnswer {
    #[prost(message, optional, tag = "1")]
    pub(crate) new_state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) private: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// `ImportResourceState`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImportState {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(string, tag = "2")]
    pub(crate) id: String,
}

/// A resource that was imported.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Imported {
    #[prost(string, tag = "1")]
    pub(crate) type_name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) private: Vec<u8>,
}

/// Answer of `ImportResourceState`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImportAnswer {
    #[prost(message, repeated, tag = "1")]
    pub(crate) imported_resources: Vec<Imported>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A message without fields, or one of which none is looked at.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Empty {}
