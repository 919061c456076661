//! The rules by which declared objects may be changed, and by whom; what is left to the compiler is whether it fits.
use serde_json::{Map, Value};

use super::{DeclaredObject, DeclaredObjects, ObjectPart, ObjectPath, ObjectTable};
use crate::base::limits::{DECLARED_OBJECT_BYTES, DECLARED_OBJECTS, DECLARED_SHARED_BYTES};
use crate::base::{NodeMark, next_revision};
use crate::config::fits;
use crate::dns::Name;
use crate::plan::{AccessRole, Declarer, ExpectedState, ObjectRule};
use crate::text::Finding;

/// A batch of changes: all of it is done, or nothing.
#[derive(Clone, Debug)]
pub struct ObjectOrder {
    /// All that whoever asks is, for the rules of `[dynamic]`.
    pub by: Vec<Declarer>,
    /// The identity that is kept with them.
    pub author: String,
    /// Why; for a person.
    pub reason: String,
    /// The time, seconds since 1970.
    pub at: u64,
    /// The condition without which nothing is changed: of one object, or of all.
    pub expects: (Option<ObjectPath>, ExpectedState),
    /// The changes, in their order.
    pub changes: Vec<(ObjectPath, ObjectChange)>,
    /// Tells to do it, or to try it.
    pub purpose: ObjectPurpose,
}

/// The purpose of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectPurpose {
    /// It is done.
    Do,
    /// It is judged and compiled, and not done.
    Try,
    /// The same, and the plan that it would make is held against the one in force, which may take long.
    Compare,
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectChange {
    /// It is this table.
    Put(Map<String, Value>),
    /// It is what it was with a merge patch (RFC 7386); of nothing, if it was not there.
    Merge(Map<String, Value>),
    /// It is not.
    Remove,
}

/// A batch that may be, as far as the rules say.
#[derive(Clone, Debug)]
pub struct JudgedObjects {
    /// The change.
    pub part: ObjectPart,
    /// The change that undoes it, with a later revision.
    pub undo: ObjectPart,
    /// All objects after it.
    pub next: DeclaredObjects,
}

/// Why nothing was changed; for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectRefusal {
    /// No rule lets whoever asks.
    Forbidden(String),
    /// A file has it.
    Owned(String),
    /// It is not as expected.
    Stale(String),
    /// There would be too many.
    Full(String),
    /// The config would have errors.
    Unfit(String, Vec<Finding>),
    /// It could not be done now.
    Failed(String),
}

impl DeclaredObjects {
    /// Judges a batch by the rules.
    ///
    /// # Errors
    /// Why it may not be.
    pub fn judge(
        &self,
        order: &ObjectOrder,
        (rules, node): (&[ObjectRule], Option<NodeMark>),
    ) -> Result<JudgedObjects, ObjectRefusal> {
        self.check(&order.expects)?;
        let mut judged = self.unchanged(next_revision(self.revision, order.at * 1000, node));
        for (path, change) in &order.changes {
            let before = judged.next.objects.get(path);
            let table = before.map(|own| &own.table);
            let after = match change {
                ObjectChange::Put(table) => Some(table.clone()),
                ObjectChange::Merge(patch) => {
                    let mut whole = Value::Object(table.cloned().unwrap_or_default());
                    merge(&mut whole, &Value::Object(patch.clone()));
                    whole.as_object().cloned()
                }
                ObjectChange::Remove => None,
            };
            let after = after.map(|table| named(path, table));
            // What changes nothing raises no revision and asks nobody's leave.
            if table == after.as_ref() {
                continue;
            }
            permit(Some(&order.by), rules, path, after.as_ref())?;
            let is_gone = after.is_none();
            let after = DeclaredObject {
                table: after.unwrap_or_default(),
                revision: judged.part.revision,
                author: order.author.clone(),
                reason: order.reason.clone(),
                at: order.at,
                is_gone,
            };
            judged.change(path, Some(after).filter(|_| !is_gone || node.is_some()));
        }
        let judged = self.within_bounds(judged)?;
        let octets = serde_json::to_string(&judged.part).map_or(0, |text| text.len());
        if node.is_some() && octets > DECLARED_SHARED_BYTES {
            let why = format!(
                "the batch takes {octets} octets, and one that all nodes of a cluster share at most {DECLARED_SHARED_BYTES}: \
                 send it in several, each for some of the objects"
            );
            return Err(ObjectRefusal::Unfit(why, Vec::new()));
        }
        Ok(judged)
    }

    /// Judges what another node has changed: who may was asked there, and here whether anybody may. It is what holds over what is known here.
    ///
    /// # Errors
    /// Why it may not be.
    pub fn agree(
        &self,
        told: &ObjectPart,
        (rules, node): (&[ObjectRule], Option<NodeMark>),
    ) -> Result<JudgedObjects, ObjectRefusal> {
        // Of all objects no revision stands for two states.
        let is_later = told.revision > self.revision;
        let next = next_revision(self.revision, 0, node);
        let mut judged = self.unchanged(if is_later { told.revision } else { next });
        for (path, object) in &told.objects {
            let Some(object) = object.as_ref().filter(|own| self.yields(path, own)) else {
                continue;
            };
            permit(
                None,
                rules,
                path,
                Some(&object.table).filter(|_| !object.is_gone),
            )?;
            judged.change(path, Some(object.clone()));
        }
        self.within_bounds(judged)
    }

    fn unchanged(&self, revision: u64) -> JudgedObjects {
        let part = |revision| ObjectPart {
            revision,
            objects: Vec::new(),
        };
        JudgedObjects {
            part: part(revision),
            undo: part(revision + 1),
            next: self.clone(),
        }
    }

    fn within_bounds(&self, mut judged: JudgedObjects) -> Result<JudgedObjects, ObjectRefusal> {
        judged.undo.objects.reverse();
        let count = judged.next.len();
        if count > DECLARED_OBJECTS && count > self.len() {
            let why = format!("{count} objects would be declared; {DECLARED_OBJECTS} is the most");
            return Err(ObjectRefusal::Full(why));
        }
        Ok(judged)
    }

    fn check(
        &self,
        (of, state): &(Option<ObjectPath>, ExpectedState),
    ) -> Result<(), ObjectRefusal> {
        let own = match of {
            Some(path) => self.get(path).map(|object| object.revision),
            None => Some(self.revision),
        };
        state.check(own).map_err(ObjectRefusal::Stale)
    }
}

impl JudgedObjects {
    fn change(&mut self, path: &ObjectPath, after: Option<DeclaredObject>) {
        let before = self
            .next
            .objects
            .get(path)
            .or_else(|| self.next.graves.get(path));
        self.undo.objects.push((path.clone(), before.cloned()));
        self.part.objects.push((path.clone(), after.clone()));
        self.next.take(ObjectPart {
            revision: self.part.revision,
            objects: vec![(path.clone(), after)],
        });
    }
}

/// Refuses what the rules and the bounds do not allow; without anybody, to all whom there are rules for.
fn permit(
    by: Option<&[Declarer]>,
    rules: &[ObjectRule],
    path: &ObjectPath,
    table: Option<&Map<String, Value>>,
) -> Result<(), ObjectRefusal> {
    // What no rule is for any more can be removed nevertheless, by an admin.
    let is_admin = |by: &[Declarer]| by.contains(&Declarer::Role(AccessRole::Admin));
    let may_clean = table.is_none() && by.is_none_or(is_admin);
    let hostnames = table.map(hostnames).unwrap_or_default();
    if !may_clean
        && !rules
            .iter()
            .any(|rule| grants(rule, (by, path), &hostnames))
    {
        let hosts = hostnames.join(", ");
        let with = if hosts.is_empty() {
            String::new()
        } else {
            format!(" (hostnames {hosts})")
        };
        let why = format!("{path}{with}: no rule of `[[dynamic.objects]]` lets you declare it so");
        return Err(ObjectRefusal::Forbidden(why));
    }
    let Some(table) = table else { return Ok(()) };
    let unfit = |why: &str| Err(ObjectRefusal::Unfit(format!("{path}: {why}"), Vec::new()));
    if table.values().any(has_null) {
        return unfit("a value of it is null: leave the key away instead");
    }
    if Value::Object(table.clone()).to_string().len() > DECLARED_OBJECT_BYTES {
        return unfit(&format!("it is longer than {DECLARED_OBJECT_BYTES} octets"));
    }
    if path.endpoint.is_some() && table.contains_key("name") {
        return unfit("`name` is another than the one it is asked for by");
    }
    if path.table == ObjectTable::Monitors && table.get("type") == Some(&Value::from("exec")) {
        return unfit("a monitor that runs a program stands in a file of the config alone");
    }
    Ok(())
}

fn grants(
    rule: &ObjectRule,
    (by, path): (Option<&[Declarer]>, &ObjectPath),
    hostnames: &[String],
) -> bool {
    let is_named = |name: &String| {
        let own = Name::parse(name);
        own.is_ok_and(|own| rule.hostnames.iter().any(|pattern| pattern.covers(&own)))
    };
    rule.kinds.contains(&path.kind())
        && by.is_none_or(|by| rule.by.iter().any(|own| by.contains(own)))
        && (rule.names.is_empty() || rule.names.iter().any(|own| fits(own, &path.name)))
        && (rule.hostnames.is_empty() || hostnames.iter().all(is_named))
}

fn hostnames(table: &Map<String, Value>) -> Vec<String> {
    let all = table.get("hostnames").and_then(Value::as_array);
    let all = all.into_iter().flatten();
    all.map(|one| one.as_str().unwrap_or_default().to_owned())
        .collect()
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(table) => table.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The table without the name, where that is the one of the path.
fn named(path: &ObjectPath, mut table: Map<String, Value>) -> Map<String, Value> {
    let own = table.get("name").and_then(Value::as_str);
    if path.endpoint.is_some() && own == path.endpoint.as_deref() {
        table.remove("name");
    }
    table
}

/// Merges a patch in (RFC 7386, section 2).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
