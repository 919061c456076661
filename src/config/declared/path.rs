//! The place of a declared object: its table, its name, and how both are written.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::ObjectKind;
use crate::text::value;

/// The words before the name of a declared text.
pub(super) const SOURCE: &str = "declared: ";

/// The place of an object in a config.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectPath {
    /// The table of the config in which it is.
    pub table: ObjectTable,
    /// Its name, or that of what an endpoint belongs to.
    pub name: String,
    /// The endpoint's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Tables of a config whose tables may be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectTable {
    /// `[monitors]`.
    Monitors,
    /// `[regions]`.
    Regions,
    /// `[services]`.
    Services,
}

impl ObjectPath {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        match (&self.endpoint, self.table) {
            (Some(_), _) => ObjectKind::Endpoint,
            (None, ObjectTable::Monitors) => ObjectKind::Monitor,
            (None, ObjectTable::Regions) => ObjectKind::Region,
            (None, ObjectTable::Services) => ObjectKind::Service,
        }
    }

    /// Its place below `/api/v1/declared` and below a folder that it is exported to: `services/api/endpoints/fra`.
    #[must_use]
    pub fn word(&self) -> String {
        let own = format!("{}/{}", self.table.word(), self.name);
        match &self.endpoint {
            Some(endpoint) => format!("{own}/endpoints/{endpoint}"),
            None => own,
        }
    }

    /// The object with this [`word`](Self::word), if there can be one.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        let parts: Vec<&str> = word.split('/').collect();
        let (table, name, endpoint) = match *parts.as_slice() {
            [table, name] => (table, name, None),
            [table, name, "endpoints", endpoint] => (table, name, Some(endpoint)),
            _ => return None,
        };
        let is_named = |own: &str| value::check_label(own).is_ok();
        let table = ObjectTable::of(table).filter(|table| {
            let has_endpoints = *table != ObjectTable::Monitors || endpoint.is_none();
            has_endpoints && is_named(name) && endpoint.is_none_or(is_named)
        })?;
        Some(Self {
            table,
            name: name.to_owned(),
            endpoint: endpoint.map(str::to_owned),
        })
    }

    /// The name of its text.
    #[must_use]
    pub fn source(&self) -> String {
        format!("{SOURCE}{self}")
    }
}

/// As a config names it, endpoints by their names: `services.api`, `regions.eu.endpoints.fra`.
impl fmt::Display for ObjectPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.table.word(), self.name)?;
        match &self.endpoint {
            Some(endpoint) => write!(out, ".endpoints.{endpoint}"),
            None => Ok(()),
        }
    }
}

impl ObjectTable {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Monitors, Self::Regions, Self::Services];

    /// Its key in a config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Monitors => "monitors",
            Self::Regions => "regions",
            Self::Services => "services",
        }
    }

    /// The table of a key.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.word() == word)
    }
}
