//! The description of a configuration block, from which its schema and its page in the docs are made.
use crate::protocol;

/// A block: of the provider, a resource or a data source.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its name, with the provider's in front; of the provider, nothing more.
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) summary: &'static str,
    /// All that there is to know, in Markdown.
    pub(crate) text: &'static str,
    /// Its attributes.
    pub(crate) attributes: &'static [Attribute],
    /// The form of the id for `terraform import`, and an example, if it can be imported.
    pub(crate) import: Option<(&'static str, &'static str)>,
}

/// An attribute.
#[derive(Debug)]
pub(crate) struct Attribute {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) kind: Kind,
    /// Who sets it.
    pub(crate) mode: Mode,
    /// Its meaning, in Markdown.
    pub(crate) text: &'static str,
}

/// A type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text.
    Text,
    /// Text that is not shown.
    Secret,
    /// A whole number.
    Number,
    /// A truth value.
    Bool,
    /// A set of texts.
    Set,
    /// A list of texts.
    List,
}

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The user has to.
    Required,
    /// The user may.
    Optional,
    /// The user may, otherwise it has a default.
    Defaulted,
    /// The server.
    Computed,
}

impl Kind {
    /// The type as the docs say it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Secret => "String, sensitive",
            Self::Number => "Number",
            Self::Bool => "Boolean",
            Self::Set => "Set of String",
            Self::List => "List of String",
        }
    }

    /// The type as the protocol says it, in JSON.
    fn json(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "\"string\"",
            Self::Number => "\"number\"",
            Self::Bool => "\"bool\"",
            Self::Set => "[\"set\",\"string\"]",
            Self::List => "[\"list\",\"string\"]",
        }
    }
}

impl Block {
    /// As the protocol has it.
    pub(crate) fn schema(&self) -> protocol::Schema {
        let attributes = self.attributes.iter().map(Attribute::schema);
        protocol::Schema {
            version: 0,
            block: Some(protocol::SchemaBlock {
                attributes: attributes.collect(),
                description: self.summary.to_owned(),
                description_kind: 1,
            }),
        }
    }
}

impl Attribute {
    fn schema(&self) -> protocol::SchemaAttribute {
        protocol::SchemaAttribute {
            name: self.name.to_owned(),
            r#type: self.kind.json().as_bytes().to_vec(),
            description: self.text.to_owned(),
            required: self.mode == Mode::Required,
            optional: matches!(self.mode, Mode::Optional | Mode::Defaulted),
            computed: matches!(self.mode, Mode::Computed | Mode::Defaulted),
            sensitive: self.kind == Kind::Secret,
            description_kind: 1,
        }
    }
}
