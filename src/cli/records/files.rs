//! Declared records as files, and what brings the one to the other.
//!
//! A file is called as its zone, with `.records` behind it, and is a master file without what makes a zone: names may be
//! relative to the zone, `$TTL`, `$ORIGIN` and `$GENERATE` hold. Faults are told with their lines, as those of a zone file are.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::asked::{declared, patch};
use crate::base::limits::DECLARED_CHANGES;
use crate::cli::remote::Remote;
use crate::cli::say;
use crate::daemon::Failure;
use crate::dns::rr::rtype;
use crate::dns::{Name, master, text};
use crate::zones::declared::order::{DeclaredLine, DeclaredPage};

/// The end of a file's name.
const ENDING: &str = "records";

/// Why a file may not have what makes a zone.
const OF_ZONE: &str = "SOA, and NS of the zone itself, stand in the zone's file alone";

/// RRsets by name and type: TTL and data.
type FileSets = BTreeMap<(String, String), (u32, Vec<String>)>;

/// Brings what is declared to what the files of a folder say, or shows what would do so.
pub(crate) fn apply(
    remote: &Remote,
    folder: &Path,
    (is_meant, reason): (bool, &str),
) -> Result<ExitCode, Failure> {
    let mut is_any = false;
    // All files are read before anything is changed.
    let mut wanted = Vec::new();
    for path in files_of(folder)? {
        wanted.push(read(&path)?);
    }
    let mut plans = Vec::new();
    for (zone, sets) in wanted {
        let page = declared(remote, &zone)?;
        let changes = difference(&sets_of(&page), &sets);
        is_any |= !changes.is_empty();
        changes.iter().for_each(|change| say(&shown(change)));
        plans.push((zone, page.revision, changes, sets));
    }
    // The server judges each before any is done.
    for (zone, revision, changes, sets) in &plans {
        for batch in changes.chunks(DECLARED_CHANGES) {
            let about = (zone.as_str(), Some(*revision));
            patch(remote, about, &body(batch, sets), (true, reason))?;
        }
    }
    if !is_any {
        say("what is declared is as the files say");
        return Ok(ExitCode::SUCCESS);
    }
    if !is_meant {
        say("nothing was changed: --yes does it");
        return Ok(ExitCode::FAILURE);
    }
    for (zone, mut revision, changes, sets) in plans {
        for batch in changes.chunks(DECLARED_CHANGES) {
            let about = (zone.as_str(), Some(revision));
            let done = patch(remote, about, &body(batch, &sets), (false, reason))?;
            revision = done.revision;
            say(&done.result);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what is declared in zones as files.
pub(crate) fn export(remote: &Remote, folder: &Path, zones: &[String]) -> Result<(), Failure> {
    let zones = match zones.is_empty() {
        true => zones_of(remote)?,
        false => zones.to_vec(),
    };
    let unwritten = |path: &Path, error| format!("cannot write {}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, error))?;
    for zone in zones {
        let page = declared(remote, &zone)?;
        let path = folder.join(format!("{zone}.{ENDING}"));
        if page.records.is_empty() && !path.exists() {
            continue;
        }
        fs::write(&path, lines(&page)).map_err(|error| unwritten(&path, error))?;
        say(&format!("{}: {} names", path.display(), page.records.len()));
    }
    Ok(())
}

/// The file of what is declared in a zone.
fn lines(page: &DeclaredPage) -> String {
    let mut out = format!("; declared in {}, revision {}\n", page.zone, page.revision);
    for (name, sets) in &page.records {
        for (kind, set) in sets {
            for value in &set.values {
                out.push_str(&format!("{name}. {} IN {kind} {value}\n", set.ttl_s));
            }
        }
    }
    out
}

/// All zones of a server.
fn zones_of(remote: &Remote) -> Result<Vec<String>, Failure> {
    let body = remote.get("/api/v1/status", &[])?;
    let status: Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    let zones = status["zones"].as_array().into_iter().flatten();
    Ok(zones
        .filter_map(|zone| Some(zone["name"].as_str()?.to_owned()))
        .collect())
}

/// The files of records of a folder.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unread = |error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            found.push(path);
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(format!(
            "{} has no file that ends in .{ENDING}: write one for each zone, as `waypost records export` does",
            folder.display()
        )),
        false => Ok(found),
    }
}

/// Reads a file: its zone, and what is to be declared there.
fn read(path: &Path) -> Result<(String, FileSets), Failure> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let shown = path.display();
    let apex =
        Name::parse(stem).map_err(|error| format!("{shown}: `{stem}` is no zone: {error}"))?;
    let own = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    parse(&apex, &own)
        .map(|sets| (apex.to_string(), sets))
        .map_err(|faults| {
            let faults = faults
                .iter()
                .map(|(line, why)| format!("{shown}:{line}: {why}"));
            faults.collect::<Vec<_>>().join("\n")
        })
}

/// Reads the text of a file.
fn parse(apex: &Name, own: &str) -> Result<FileSets, Vec<(u32, String)>> {
    // What makes a zone of it stands behind all, so that lines are those of the file.
    let whole = format!(
        "{own}\n$ORIGIN {apex}.\n@ 1 IN SOA waypost.invalid. . 1 1 1 1 1\n@ 1 IN NS waypost.invalid.\n"
    );
    let include = |_: &str| Err("a file of records includes no other".to_owned());
    let loaded = master::read(apex, whole.as_bytes(), &include, &[]);
    let own_lines = u32::try_from(own.lines().count()).unwrap_or(u32::MAX);
    let outside = loaded
        .warnings
        .iter()
        .filter(|own| own.message.contains("outside"));
    let outside: Vec<(u32, String)> = outside.map(|own| (own.line, own.message.clone())).collect();
    if !outside.is_empty() {
        return Err(outside);
    }
    let zone = loaded.zone.map_err(|errors| {
        let told = errors.into_iter().map(|error| {
            let message = match error.line > own_lines {
                true => OF_ZONE.to_owned(),
                false => error.message,
            };
            (error.line.min(own_lines), message)
        });
        told.collect::<Vec<_>>()
    })?;
    let mut sets = FileSets::new();
    for (owner, all) in zone.owners() {
        let made = |kind: u16| owner == *apex && [rtype::SOA, rtype::NS].contains(&kind);
        for set in all {
            if made(set.rtype) {
                match set.records().count() {
                    1 => continue,
                    _ => return Err(vec![(own_lines, OF_ZONE.to_owned())]),
                }
            }
            let mut records: Vec<&[u8]> = set.records().collect();
            records.sort_unstable();
            let values = records
                .iter()
                .map(|rdata| text::show_rdata(set.rtype, rdata));
            let key = (owner.to_string().to_lowercase(), text::type_name(set.rtype));
            sets.insert(key, (set.ttl, values.collect()));
        }
    }
    Ok(sets)
}

fn sets_of(page: &DeclaredPage) -> FileSets {
    let names = page.records.iter();
    let sets = names.flat_map(|(name, sets)| {
        sets.iter().map(move |(kind, set)| {
            let key = (name.to_lowercase(), kind.clone());
            (key, (set.ttl_s, set.values.clone()))
        })
    });
    sets.collect()
}

/// Changes that bring one state to another.
fn difference(before: &FileSets, after: &FileSets) -> Vec<DeclaredLine> {
    let told = |set: &(u32, Vec<String>)| format!("{} {}", set.0, set.1.join(" | "));
    let mut keys: Vec<&(String, String)> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let changed = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key));
    let lines = changed.map(|key| DeclaredLine {
        name: key.0.clone(),
        r#type: key.1.clone(),
        before: before.get(key).map(told),
        after: after.get(key).map(told),
    });
    lines.collect()
}

/// The merge patch of these changes.
fn body(changes: &[DeclaredLine], after: &FileSets) -> Value {
    let mut names = serde_json::Map::new();
    for change in changes {
        let key = (change.name.clone(), change.r#type.clone());
        let set = match after.get(&key) {
            Some((ttl, values)) => json!({ "ttl_s": ttl, "values": values }),
            None => Value::Null,
        };
        let sets = names.entry(key.0).or_insert_with(|| json!({}));
        sets[key.1] = set;
    }
    json!({ "records": names })
}

/// A change for a person.
pub(super) fn shown(line: &DeclaredLine) -> String {
    let DeclaredLine {
        name,
        r#type,
        before,
        after,
    } = line;
    match (before, after) {
        (None, Some(after)) => format!("+ {name} {type} {after}"),
        (Some(before), None) => format!("- {name} {type} {before}"),
        (Some(before), Some(after)) => format!("~ {name} {type} {before} -> {after}"),
        (None, None) => format!("  {name} {type}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_is_to_be_declared_and_where_it_does_not() {
        let apex = Name::parse("z.test").unwrap();
        let own = "$TTL 60\nwww A 192.0.2.2\n    A 192.0.2.1\n*.apps.z.test. 30 TXT \"a b\"\n";
        let sets = parse(&apex, own).unwrap();
        let key = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        let a = (60, vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()]);
        assert_eq!(sets[&key("www.z.test", "A")], a);
        assert_eq!(
            sets[&key("*.apps.z.test", "TXT")],
            (30, vec!["\"a b\"".to_owned()])
        );
        assert_eq!(sets.len(), 2);
        for (own, line) in [
            ("www 60 A 192.0.2\n", 1),
            ("\nwww.other.test. 60 A 192.0.2.1\n", 2),
            ("a 60 A 192.0.2.1\na 60 CNAME b\n", 2),
            ("@ 60 SOA . . 1 1 1 1 1\n", 1),
            ("@ 60 NS ns\n", 1),
        ] {
            let faults = parse(&apex, own).unwrap_err();
            assert_eq!(faults[0].0, line, "{own}: {faults:?}");
        }
    }

    #[test]
    fn the_difference_of_two_states_is_a_patch() {
        let apex = Name::parse("z.test").unwrap();
        let before = parse(
            &apex,
            "a 60 A 192.0.2.1\nb 60 A 192.0.2.1\nc 60 A 192.0.2.1\n",
        )
        .unwrap();
        let after = parse(&apex, "a 60 A 192.0.2.1\nb 30 A 192.0.2.1\nd 60 TXT x\n").unwrap();
        let changes = difference(&before, &after);
        let told: Vec<String> = changes.iter().map(shown).collect();
        let expected = [
            "~ b.z.test A 60 192.0.2.1 -> 30 192.0.2.1",
            "- c.z.test A 60 192.0.2.1",
            "+ d.z.test TXT 60 \"x\"",
        ];
        assert_eq!(told, expected);
        let patch = body(&changes, &after);
        let wanted = json!({ "records": {
            "b.z.test": { "A": { "ttl_s": 30, "values": ["192.0.2.1"] } },
            "c.z.test": { "A": null },
            "d.z.test": { "TXT": { "ttl_s": 60, "values": ["\"x\""] } },
        } });
        assert_eq!(patch, wanted);
    }
}
