//! Findings of `waypost check` as SARIF 2.1.0 (OASIS), which editors and code hosts show beside the line.
//!
//! A rule is what a message says without the names in it: a finding of another service is one of the same rule, and rules
//! keep their ids as long as messages keep their words.
use serde_json::{Value, json};

use crate::config::{Finding, Severity};

/// Words of a message that make the id of its rule.
const WORDS: usize = 8;

/// One run with all findings.
pub(super) fn sarif(findings: &[Finding]) -> Value {
    let mut rules: Vec<String> = findings.iter().map(rule).collect();
    rules.sort();
    rules.dedup();
    let results: Vec<Value> = findings.iter().map(|one| result(one, &rules)).collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|id| json!({ "id": id, "shortDescription": { "text": id.replace('-', " ") } }))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "waypost",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding, rules: &[String]) -> Value {
    let id = rule(finding);
    let level = match finding.severity {
        Severity::Error | Severity::Unsettled => "error",
        Severity::Warning => "warning",
    };
    let help = finding.help.as_ref();
    let text = help.map_or(finding.message.clone(), |help| {
        format!("{}. Help: {help}", finding.message)
    });
    json!({
        "ruleId": id,
        "ruleIndex": rules.binary_search(&id).unwrap_or_default(),
        "level": level,
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.file) },
            "region": { "startLine": finding.line, "startColumn": finding.column },
        } }],
    })
}

/// The first words of a message without what is quoted, and without numbers.
fn rule(finding: &Finding) -> String {
    let unquoted: String = finding.message.split('`').step_by(2).collect();
    let words = unquoted.split(|letter: char| !letter.is_ascii_alphabetic());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(str::to_ascii_lowercase)
        .collect();
    match words.is_empty() {
        true => "config".to_owned(),
        false => words.join("-"),
    }
}

/// A path as a URI reference (RFC 3986): relative as it was opened, or of a file.
fn uri(path: &str) -> String {
    let escaped = path.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    let escaped: String = escaped.collect();
    match path.starts_with('/') {
        true => format!("file://{escaped}"),
        false => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(message: &str, severity: Severity) -> Finding {
        Finding {
            file: "conf d/ü.toml".to_owned(),
            line: 3,
            column: 7,
            severity,
            message: message.to_owned(),
            help: Some("do it".to_owned()),
        }
    }

    #[test]
    fn findings_have_rule_level_and_place() {
        let all = sarif(&[
            finding("unknown key `b` in service `x`", Severity::Error),
            finding("unknown key `a` in service `y`", Severity::Unsettled),
            finding("`zone` would lose 3 names", Severity::Warning),
        ]);
        let run = &all["runs"][0];
        let results = run["results"].as_array().unwrap();
        let ids: Vec<_> = results.iter().map(|one| one["ruleId"].as_str()).collect();
        let unknown = Some("unknown-key-in-service");
        assert_eq!(ids, [unknown, unknown, Some("would-lose-names")]);
        for one in results {
            let at = usize::try_from(one["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][at]["id"], one["ruleId"]);
            let place = &one["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "conf%20d/%C3%BC.toml");
            assert_eq!(place["region"], json!({ "startLine": 3, "startColumn": 7 }));
        }
        let levels: Vec<_> = results.iter().map(|one| one["level"].as_str()).collect();
        assert_eq!(levels, [Some("error"), Some("error"), Some("warning")]);
        assert_eq!(
            uri("/etc/waypost/config.toml"),
            "file:///etc/waypost/config.toml"
        );
    }
}
