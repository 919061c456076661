//! Declared objects: services, monitors, regions and endpoints that come by the control API, and are compiled with the files.
//!
//! Each is the table that a file would have, kept as JSON, with who declared it and why. Before the compiler they are further
//! texts of the config, with names of their own for diagnostics (`declared: services.api`): whatever holds of a file
//! holds of them. What a file has they do not touch: a table has one owner. Only endpoints may be added to a region, or to a service with endpoints
//! of its own, that stands in a file. They take no variables of the environment, name no file that the config does not, and run no
//! program.
//!
//! They change by **parts**, as declared records do, and each raises the revision of them all by one. Who may change what is in `judge`;
//! where they are kept, and when one is in force, is not known here.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::limits::DECLARED_GRAVES;
use crate::text::{Finding, Severity};

mod in_force;
mod judge;
mod path;
mod write;

pub use judge::{JudgedObjects, ObjectChange, ObjectOrder, ObjectPurpose, ObjectRefusal};
pub use path::{ObjectPath, ObjectTable};

/// The end of what is said of an object that a file has.
pub const OWNED: &str = "stands in a file of the config, which owns it";

/// All declared objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeclaredObjects {
    /// One more with each change; 0 before the first.
    pub revision: u64,
    objects: BTreeMap<ObjectPath, DeclaredObject>,
    /// Those that are declared no more, in a cluster: so that nothing older brings them back.
    graves: BTreeMap<ObjectPath, DeclaredObject>,
}

/// One declared object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeclaredObject {
    /// Its table, as a config has it.
    pub table: Map<String, Value>,
    /// The revision in which it became what it is.
    pub revision: u64,
    /// The identity that declared it.
    pub author: String,
    /// For a person; empty if nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The time, seconds since 1970.
    pub at: u64,
    /// Tells that it is declared no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_gone: bool,
}

/// A change of declared objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectPart {
    /// The revision after it.
    pub revision: u64,
    /// Objects that are declared from then on, or no longer; those of which that is remembered with it.
    pub objects: Vec<(ObjectPath, Option<DeclaredObject>)>,
}

/// A text of the config that no file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredText {
    /// Its name, where a file has a path.
    pub source: String,
    /// TOML.
    pub text: String,
    pub(super) path: ObjectPath,
}

impl DeclaredObject {
    /// Tells that it holds where both are known.
    #[must_use]
    pub fn outranks(&self, other: &Self) -> bool {
        let rank = |own: &Self| (own.revision, own.is_gone);
        let text = |own: &Self| serde_json::to_string(&own.table).unwrap_or_default();
        rank(self) > rank(other) || rank(self) == rank(other) && text(self) > text(other)
    }
}

impl DeclaredObjects {
    /// All of them, and those that are remembered to be declared no more.
    pub fn all(&self) -> impl Iterator<Item = (&ObjectPath, &DeclaredObject)> {
        self.objects.iter().chain(&self.graves)
    }

    /// Tells that another node's version of an object holds over what is known here.
    #[must_use]
    pub fn yields(&self, path: &ObjectPath, to: &DeclaredObject) -> bool {
        let own = self.get(path).or_else(|| self.graves.get(path));
        own.is_none_or(|own| to.outranks(own))
    }

    /// All of them, by table and name.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectPath, &DeclaredObject)> {
        self.objects.iter()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, path: &ObjectPath) -> Option<&DeclaredObject> {
        self.objects.get(path)
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Their number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Takes a change in.
    pub fn take(&mut self, part: ObjectPart) {
        self.revision = self.revision.max(part.revision);
        for (path, object) in part.objects {
            self.objects.remove(&path);
            self.graves.remove(&path);
            if let Some(object) = object {
                let into = match object.is_gone {
                    true => &mut self.graves,
                    false => &mut self.objects,
                };
                into.insert(path, object);
            }
        }
        while self.graves.len() > DECLARED_GRAVES {
            let oldest = self.graves.iter().min_by_key(|(_, own)| own.revision);
            let oldest = oldest.map(|(path, _)| path.clone());
            oldest.map(|path| self.graves.remove(&path));
        }
    }

    /// Parts that make all of them of nothing, each of so many objects at the most.
    #[must_use]
    pub fn parts(&self, most: usize) -> Vec<ObjectPart> {
        let all: Vec<_> = self.all().collect();
        let parts = all.chunks(most).map(|own| ObjectPart {
            revision: self.revision,
            objects: own
                .iter()
                .map(|(path, object)| ((*path).clone(), Some((*object).clone())))
                .collect(),
        });
        let mut parts: Vec<_> = parts.collect();
        if parts.is_empty() {
            parts.push(ObjectPart {
                revision: self.revision,
                objects: Vec::new(),
            });
        }
        parts
    }

    /// The texts that the compiler gets.
    #[must_use]
    pub fn texts(&self) -> Vec<DeclaredText> {
        let texts = self.objects.iter().map(|(path, object)| DeclaredText {
            source: path.source(),
            text: write::text(path, &object.table),
            path: path.clone(),
        });
        texts.collect()
    }

    /// These without those that errors are found in, and why; without any, if errors are found elsewhere alone.
    #[must_use]
    pub fn without_faulty(&self, found: &[Finding]) -> (Self, Vec<String>) {
        let errors = found.iter();
        let errors = errors.filter(|own| own.severity == Severity::Error);
        let of = |path: &ObjectPath| {
            let source = path.source();
            errors.clone().find(|own| own.file == source)
        };
        let is_any = self.objects.keys().any(|path| of(path).is_some());
        let (mut rest, mut why) = (self.clone(), Vec::new());
        rest.objects.retain(|path, _| {
            let fault = of(path).or_else(|| errors.clone().next().filter(|_| !is_any));
            why.extend(fault.map(|own| format!("{path}: {}", own.message)));
            is_any && fault.is_none()
        });
        (rest, why)
    }
}

#[cfg(test)]
mod tests;
