//! What makes a config comfortable to write, as editors and CI see it: schema, findings as SARIF, formatting, watching, and the
//! auditor's page.
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use waypost::config;

use crate::world::{CONFIG, World, ZONE, repository, run};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// Validates each TOML file by a JSON Schema, and prints the first error of each, or null.
const VALIDATE: &str = r#"
import datetime, json, sys, tomllib
import jsonschema
schema, *files = json.load(sys.stdin)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
def plain(value):
    if isinstance(value, dict): return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list): return [plain(one) for one in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)): return value.isoformat()
    return value
out = []
for name in files:
    try:
        content = plain(tomllib.load(open(name, "rb"))) if name.endswith(".toml") else json.load(open(name))
    except ValueError:
        out.append("not TOML")
        continue
    error = next(iter(validator.iter_errors(content)), None)
    out.append(None if error is None else "/".join(map(str, error.absolute_path)) + ": " + error.message[:300])
json.dump(out, sys.stdout)
"#;

/// What a validator that others wrote says of each file.
fn validated(schema: &Value, files: &[PathBuf]) -> Vec<Option<String>> {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let names = files.iter().map(|file| json!(file.to_str().unwrap()));
    let input: Vec<Value> = std::iter::once(schema.clone()).chain(names).collect();
    let mut stdin = python.stdin.take().unwrap();
    stdin
        .write_all(json!(input).to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn schema() -> Value {
    let (text, well) = run(WAYPOST, &["schema"]);
    assert!(well, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A config that gives a plan is valid, and one with a key that nobody knows is not.
#[test]
fn the_schema_takes_what_the_program_takes() {
    let mut files: Vec<PathBuf> = fs::read_dir(repository("tests/config"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    files.sort();
    files.push(repository("config.toml"));
    files.push(repository("tests/support/world.toml"));
    let verdicts = validated(&schema(), &files);
    let (mut valid, mut unknown, mut wrong) = (0, 0, Vec::new());
    for (path, verdict) in files.iter().zip(verdicts) {
        let text = fs::read_to_string(path).unwrap();
        let (_, found) = config::read(path, &text);
        // In a combination or a grant, which is one value, the schema knows no keys.
        let is_unknown = found.list().iter().any(|one| {
            one.message.starts_with("unknown key")
                && !one.message.contains("in `monitors`")
                && !one.message.contains("of a group")
        });
        match verdict {
            None if is_unknown => wrong.push(format!("{} has an unknown key", path.display())),
            Some(why) if !found.has_errors() => wrong.push(format!("{}: {why}", path.display())),
            Some(_) => unknown += usize::from(is_unknown),
            None => valid += 1,
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        valid > 20 && unknown > 3,
        "{valid} valid, {unknown} with unknown keys"
    );
}

/// A place in which variables stand is a key that there is.
#[test]
fn the_schema_has_every_place_of_a_variable() {
    let schema = schema();
    for place in config::environment::PLACES {
        let mut nodes = vec![&schema];
        for part in place.split('.') {
            let mut below = Vec::new();
            while let Some(node) = nodes.pop() {
                nodes.extend(node["anyOf"].as_array().into_iter().flatten());
                nodes.extend(Some(&node["items"]).filter(|items| items.is_object()));
                below.extend(match part {
                    "*" => Some(&node["additionalProperties"]).filter(|one| one.is_object()),
                    _ => node["properties"].get(part),
                });
            }
            nodes = below;
        }
        assert!(!nodes.is_empty(), "there is no key {place}");
    }
}

/// What SARIF 2.1.0 requires of what is written here.
fn sarif_schema() -> Value {
    let message = json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string", "minLength": 1 } } });
    let region = json!({
        "type": "object", "required": ["startLine", "startColumn"],
        "properties": { "startLine": { "type": "integer", "minimum": 1 }, "startColumn": { "type": "integer", "minimum": 1 } },
    });
    let location = json!({
        "type": "object", "required": ["physicalLocation"],
        "properties": { "physicalLocation": { "type": "object", "required": ["artifactLocation", "region"], "properties": {
            "artifactLocation": { "type": "object", "required": ["uri"], "properties": { "uri": { "type": "string", "minLength": 1 } } },
            "region": region,
        } } },
    });
    let result = json!({
        "type": "object", "required": ["ruleId", "ruleIndex", "level", "message", "locations"],
        "properties": {
            "level": { "enum": ["none", "note", "warning", "error"] }, "message": message,
            "locations": { "type": "array", "minItems": 1, "items": location },
        },
    });
    let driver = json!({
        "type": "object", "required": ["name", "rules"],
        "properties": { "rules": { "type": "array", "uniqueItems": true, "items": { "type": "object", "required": ["id"] } } },
    });
    let run = json!({
        "type": "object", "required": ["tool", "results"],
        "properties": {
            "tool": { "type": "object", "required": ["driver"], "properties": { "driver": driver } },
            "results": { "type": "array", "minItems": 1, "items": result },
        },
    });
    json!({
        "type": "object", "required": ["version", "runs"],
        "properties": { "version": { "const": "2.1.0" }, "runs": { "type": "array", "items": run } },
    })
}

#[test]
fn findings_are_written_as_sarif() {
    let world = World::new();
    world.write("zones/example.org.zone", ZONE);
    let broken = format!("include = [\"conf.d/*.toml\"]\n{CONFIG}");
    let config = world.write("config.toml", &broken);
    world.write(
        "conf.d/a.toml",
        "\n[services.other]\nresidancy = \"strict\"\n",
    );
    let arguments = [
        "check",
        "--format",
        "sarif",
        "--config",
        config.to_str().unwrap(),
    ];
    let (text, well) = run(WAYPOST, &arguments);
    assert!(!well, "{text}");
    let sarif = world.write("sarif.json", &text);
    assert_eq!(validated(&sarif_schema(), &[sarif]), [None]);
    let sarif: Value = serde_json::from_str(&text).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let unknown = results
        .iter()
        .find(|one| one["ruleId"] == "unknown-key-in-service");
    let place = &unknown.unwrap()["locations"][0]["physicalLocation"];
    assert_eq!(place["region"], json!({ "startLine": 3, "startColumn": 1 }));
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    assert!(
        uri.starts_with("file:///") && uri.ends_with("/conf.d/a.toml"),
        "{uri}"
    );
    let absent = ["check", "--format", "sarif", "--config", "/absent.toml"];
    let (text, well) = run(WAYPOST, &absent);
    assert!(!well && text.contains("no such file"), "{text}");
}

#[test]
fn a_check_goes_on_with_each_change() {
    let world = World::new();
    world.write_config();
    let config = world.path("config.toml");
    let mut check = Command::new(WAYPOST)
        .args(["check", "--watch", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(check.stdout.take().unwrap()).lines();
    let mut until = |word: &str| {
        let mut lines = lines.by_ref().map_while(Result::ok);
        lines.find(|line| line.contains(word)).unwrap()
    };
    until("well:");
    world.write(
        "config.toml",
        &CONFIG.replace("port = 8080", "port = 808080"),
    );
    until("808080 is out of range");
    world.write("config.toml", "not TOML");
    until("error");
    world.write("config.toml", CONFIG);
    until("well:");
    check.kill().unwrap();
    check.wait().unwrap();
}

#[test]
fn configs_are_formatted_in_place_and_checked_by_ci() {
    let world = World::new();
    let path = world.write("a.toml", "# c\n[a]\nb=1\n");
    let name = path.to_str().unwrap();
    let (text, well) = run(WAYPOST, &["fmt", "--check", name]);
    assert!(!well && text.contains("a.toml is not formatted"), "{text}");
    assert!(run(WAYPOST, &["fmt", name]).1);
    assert_eq!(fs::read_to_string(&path).unwrap(), "# c\n[a]\nb = 1\n");
    let (text, well) = run(WAYPOST, &["fmt", "--check", name]);
    assert!(well && text.is_empty(), "{text}");
    let broken = world.write("b.toml", "a = \n");
    let (text, well) = run(WAYPOST, &["fmt", broken.to_str().unwrap()]);
    assert!(!well && text.contains("b.toml:1:"), "{text}");
    assert_eq!(fs::read_to_string(&broken).unwrap(), "a = \n");
}

#[test]
fn a_page_says_to_an_auditor_where_clients_are_sent() {
    let world = World::new();
    world.write_config();
    let (config, report) = (world.path("config.toml"), world.path("report.html"));
    let arguments = [
        "verify",
        "--report",
        report.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    let (text, well) = run(WAYPOST, &arguments);
    assert!(well, "{text}");
    let page = fs::read_to_string(&report).unwrap();
    let hash = text.rsplit(' ').next().unwrap().trim();
    for part in [
        "GDPR",
        "CCPA",
        "PIPEDA",
        "PDPA",
        "userdata",
        "strict",
        "Proved:",
        "whole tables",
        hash,
    ] {
        assert!(page.contains(part), "{part:?} is missing in\n{page}");
    }
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
        "it needs nothing beside it"
    );
    let parse = "import sys, xml.dom.minidom as d; t = open(sys.argv[1]).read(); d.parseString(t[t.index('<body>'):t.index('</html>')])";
    let (text, well) = run("/usr/bin/python3", &["-c", parse, report.to_str().unwrap()]);
    assert!(well, "every element is closed: {text}");
}
