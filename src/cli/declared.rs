//! `waypost export` and `waypost apply`: all that is declared as files, and what is declared brought to what files say.
//!
//! ```text
//! DIR/example.org.records                  records of a zone, as `waypost records` has them
//! DIR/services/api.toml                    `[services.api]`, as a config has it
//! DIR/services/api/endpoints/fra.toml      `[[services.api.endpoints]]`; so are monitors/ and regions/
//! ```
//!
//! What a folder has no part for is left alone: records of a zone without a file, services where there is no folder `services`.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments::Control;
use super::records::{self, ApplyArguments, files};
use super::remote::{Remote, SentBody};
use super::say;
use crate::base::limits::DECLARED_CHANGES;
use crate::config::declared::{
    DeclaredObject, DeclaredObjects, ObjectPart, ObjectPath, ObjectTable,
};
use crate::daemon::Failure;

/// Arguments of `waypost export`.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The folder of the files; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    control: Control,
}

/// Tables by object.
type Tables = BTreeMap<String, Map<String, Value>>;

#[derive(Deserialize)]
struct ObjectList {
    revision: u64,
    objects: BTreeMap<String, ListedObject>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct ListedObject {
    table: Map<String, Value>,
}

#[derive(Deserialize)]
struct BatchOutcome {
    revision: u64,
    result: String,
    #[serde(default)]
    plan: Option<BatchPlan>,
}

#[derive(Deserialize)]
struct BatchPlan {
    text: String,
}

/// Writes all that is declared as files; those of what is not declared any more go.
pub(super) fn export(arguments: &ExportArguments) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let folder = &arguments.folder;
    files::export(&remote, folder, &[])?;
    let (_, tables) = declared(&remote)?;
    let mut kept = BTreeSet::new();
    let mut all = DeclaredObjects::default();
    all.take(ObjectPart {
        revision: 0,
        objects: tables
            .into_iter()
            .filter_map(|(word, table)| {
                let object = DeclaredObject {
                    table,
                    ..DeclaredObject::default()
                };
                Some((ObjectPath::read(&word)?, Some(object)))
            })
            .collect(),
    });
    let unwritten = |path: &Path, error| format!("cannot write {}: {error}", path.display());
    for ((path, _), text) in all.iter().zip(all.texts()) {
        let file = folder.join(path.word() + ".toml");
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| unwritten(parent, error))?;
        fs::write(&file, text.text).map_err(|error| unwritten(&file, error))?;
        kept.insert(file);
    }
    for table in ObjectTable::ALL {
        let own = folder.join(table.word());
        fs::create_dir_all(&own).map_err(|error| unwritten(&own, error))?;
    }
    for file in object_files(folder)?.into_values() {
        if !kept.contains(&file) {
            fs::remove_file(&file).map_err(|error| unwritten(&file, error))?;
        }
    }
    say(&format!("{}: {} objects", folder.display(), kept.len()));
    Ok(ExitCode::SUCCESS)
}

/// Brings what is declared to what the files of a folder say, or shows what would do so.
pub(super) fn apply(arguments: &ApplyArguments) -> Result<ExitCode, Failure> {
    let remote = Remote::find(&arguments.control)?;
    let (folder, reason) = (&arguments.folder, &*arguments.reason);
    let mut wanted = Tables::new();
    for (word, file) in object_files(folder)? {
        wanted.insert(word.clone(), read(&word, &file)?);
    }
    let (revision, before) = declared(&remote)?;
    let changes = difference(&before, &wanted, |word| {
        let table = word.split('/').next().unwrap_or_default();
        folder.join(table).is_dir()
    });
    let has_records = files::files_of(folder).is_ok();
    if changes.is_empty() && !has_records {
        say("what is declared is as the files say");
        return Ok(ExitCode::SUCCESS);
    }
    let batches: Vec<Map<String, Value>> = batches(changes);
    for batch in &batches {
        for (word, change) in batch {
            let sign = match (change.is_null(), before.contains_key(word)) {
                (true, _) => "-",
                (false, true) => "~",
                (false, false) => "+",
            };
            say(&format!("{sign} {word}"));
        }
    }
    let patch = |revision, batch, about| -> Result<BatchOutcome, Failure> {
        let body = json!({ "objects": batch });
        Ok(records::change(
            &remote,
            &["declared"],
            (Some(revision), &body),
            about,
        )?)
    };
    // The server judges all of it before any is done.
    if let [batch] = &batches[..] {
        let done = patch(revision, batch, (true, reason))?;
        if let Some(plan) = done.plan {
            say(&plan.text);
        }
    }
    if arguments.yes {
        let mut revision = revision;
        for batch in &batches {
            let done = patch(revision, batch, (false, reason))?;
            revision = done.revision;
            say(&done.result);
        }
    }
    let of_records = match has_records {
        true => files::apply(&remote, folder, (arguments.yes, reason))?,
        false => ExitCode::SUCCESS,
    };
    if !arguments.yes && !batches.is_empty() {
        say("nothing was changed: --yes does it");
        return Ok(ExitCode::FAILURE);
    }
    Ok(of_records)
}

/// All declared objects, whatever pages they come in, and their revision.
fn declared(remote: &Remote) -> Result<(u64, Tables), Failure> {
    let (mut tables, mut after, mut revision) = (Tables::new(), None::<String>, None);
    loop {
        let mut query = vec![("limit", "5000")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let body = remote.resource(&["declared"], &query, SentBody::Nothing)?;
        let page: ObjectList = records::read(&body)?;
        if revision.is_some_and(|own| own != page.revision) {
            return Err("it is being changed by somebody else: try again".to_owned());
        }
        revision = Some(page.revision);
        let objects = page.objects.into_iter();
        tables.extend(objects.map(|(word, own)| (word, own.table)));
        after = page.next;
        if after.is_none() {
            return Ok((page.revision, tables));
        }
    }
}

/// Files of objects below a folder, by object.
fn object_files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut found = BTreeMap::new();
    for table in ObjectTable::ALL {
        let mut folders = vec![table.word().to_owned()];
        while let Some(own) = folders.pop() {
            let path = folder.join(&own);
            if !path.is_dir() {
                continue;
            }
            let unread = |error| format!("cannot read {}: {error}", path.display());
            for entry in fs::read_dir(&path).map_err(unread)? {
                let entry = entry.map_err(unread)?.path();
                let name = entry.file_name().unwrap_or_default().to_string_lossy();
                if entry.is_dir() {
                    folders.push(format!("{own}/{name}"));
                } else if let Some(name) = name.strip_suffix(".toml") {
                    let word = format!("{own}/{name}");
                    if ObjectPath::read(&word).is_none() {
                        return Err(format!(
                            "{}: nothing can be declared as {word}",
                            entry.display()
                        ));
                    }
                    found.insert(word, entry);
                }
            }
        }
    }
    Ok(found)
}

/// The table of one object, which is all that its file says.
fn read(word: &str, file: &Path) -> Result<Map<String, Value>, Failure> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let mut value: Value = toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
    let path = ObjectPath::read(word).ok_or_else(|| format!("{shown}: {word} is nothing"))?;
    let mut only = |key: &str| {
        let table = value.as_object_mut()?;
        let own = table.remove(key)?;
        let is_alone = table.is_empty();
        value = own;
        is_alone.then_some(())
    };
    let found = only(path.table.word()).and_then(|()| only(&path.name));
    let found = match (&path.endpoint, found) {
        (Some(_), Some(())) => only("endpoints"),
        (_, found) => found,
    };
    let wrong = || format!("{shown}: it says {path}, and nothing else");
    found.ok_or_else(wrong)?;
    if let (Some(endpoint), Value::Array(items)) = (&path.endpoint, &mut value) {
        let own = items.pop().filter(|own| own["name"] == **endpoint);
        let own = own.filter(|_| items.is_empty()).ok_or_else(wrong)?;
        value = own;
        value.as_object_mut().map(|own| own.remove("name"));
    }
    match value {
        Value::Object(table) => Ok(table),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(wrong())
        }
    }
}

/// The merge patch (RFC 7386) from one state to another, of what is managed.
fn difference(
    before: &Tables,
    after: &Tables,
    is_managed: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for word in before.keys().filter(|word| !after.contains_key(*word)) {
        if is_managed(word) {
            patch.insert(word.clone(), Value::Null);
        }
    }
    for (word, table) in after {
        let own = before.get(word).cloned();
        if own.as_ref() != Some(table) {
            let table = between(&own.unwrap_or_default(), table);
            patch.insert(word.clone(), json!({ "table": table }));
        }
    }
    patch
}

/// The merge patch from one table to another.
fn between(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let gone = gone.map(|key| (key.clone(), Value::Null));
    let changed = after
        .iter()
        .filter(|(key, own)| before.get(*key) != Some(own));
    let changed = changed.map(|(key, own)| {
        let change = match (before.get(key), own) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                Value::Object(between(before, after))
            }
            (_, own) => own.clone(),
        };
        (key.clone(), change)
    });
    gone.chain(changed).collect()
}

fn batches(changes: Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut batches: Vec<Map<String, Value>> = Vec::new();
    for (word, change) in changes {
        match batches
            .last_mut()
            .filter(|own| own.len() < DECLARED_CHANGES)
        {
            Some(batch) => drop(batch.insert(word, change)),
            None => batches.push(Map::from_iter([(word, change)])),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are_written_and_the_difference_is_a_patch() {
        let folder = tempfile::tempdir().unwrap();
        let write = |word: &str, text: &str| {
            let file = folder.path().join(format!("{word}.toml"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("services/api", "[services.api]\nttl = { min = \"1s\" }\n");
        let endpoint = "[[services.api.endpoints]]\nname = \"fra\"\nweight = 5\n";
        write("services/api/endpoints/fra", endpoint);
        let files = object_files(folder.path()).unwrap();
        let mut wanted = Tables::new();
        for (word, file) in &files {
            wanted.insert(word.clone(), read(word, file).unwrap());
        }
        let table = |value: Value| value.as_object().unwrap().clone();
        let fra = table(json!({ "weight": 5 }));
        assert_eq!(wanted["services/api/endpoints/fra"], fra);
        let before = Tables::from([
            (
                "services/api".to_owned(),
                table(json!({ "ttl": { "min": "1s", "max": "2s" }, "answers": 2 })),
            ),
            ("services/api/endpoints/fra".to_owned(), fra),
            ("services/old".to_owned(), table(json!({}))),
            ("monitors/old".to_owned(), table(json!({}))),
        ]);
        let patch = difference(&before, &wanted, |word| word.starts_with("services"));
        let expected = json!({
            "services/old": null,
            "services/api": { "table": { "ttl": { "max": null }, "answers": null } },
        });
        assert_eq!(Value::Object(patch), expected);
        write("services/api", "[services.api]\n[services.other]\n");
        assert!(read("services/api", &files["services/api"]).is_err());
        write(
            "services/api/endpoints/fra",
            &endpoint.replace("fra", "ams"),
        );
        assert!(
            read(
                "services/api/endpoints/fra",
                &files["services/api/endpoints/fra"]
            )
            .is_err()
        );
    }
}
