//! What a geo file can serve: claims that it can never match, and files that have lost what the one before knew.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use waypost::config::{self, Files};
use waypost::plan::Plan;

use crate::mmdb;

const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// Two regions; what the second claims is given.
fn text(serves: &str) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[geo]\ndatabase = \"test.mmdb\"\n\
         overrides = {{ \"192.0.2.0/24\" = \"JP\" }}\n\
         [[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n\
         [regions.eu]\nlocation = [50.11, 8.68]\nserves = [\"192.0.2.0/25\"]\n\
         [[regions.eu.endpoints]]\nname = \"a\"\nprovider = \"p\"\naddresses = [\"192.0.2.10\"]\n\
         [regions.us]\nlocation = [39.0, -77.5]\nserves = [{serves}]\n\
         [[regions.us.endpoints]]\nname = \"b\"\nprovider = \"p\"\naddresses = [\"192.0.2.20\"]\n\
         [monitors.web]\ntype = \"http\"\n\
         [services.api]\nhostnames = [\"api.example.org\"]\nmonitors = [\"web\"]\n"
    )
}

const COUNTRY: fn() -> Value =
    || json!({ "country": { "iso_code": "US" }, "continent": { "code": "NA" } });
const SYSTEM: fn() -> Value = || json!({ "autonomous_system_number": 64500 });

/// The plan of a config over a file whose one network has these records laid over each other, and what is said.
fn compile(serves: &str, records: &[Value]) -> (Plan, Vec<String>) {
    let mut whole = json!({});
    for record in records {
        for (key, value) in record.as_object().unwrap() {
            whole[key] = value.clone();
        }
    }
    let bytes = mmdb::write(&[("198.51.100.0/24", whole)], &mmdb::Options::default());
    let (spec, found) = config::read(Path::new("/etc/config.toml"), &text(serves));
    let files = Files::from([
        (
            PathBuf::from("/etc/example.org.zone"),
            Ok(ZONE.as_bytes().into()),
        ),
        (PathBuf::from("/etc/test.mmdb"), Ok(Arc::from(bytes))),
    ]);
    let (compiled, found) = config::compile(&spec, found, &files)
        .unwrap_or_else(|found| panic!("{}", found.render(false)));
    let messages = found.list().into_iter().map(|one| one.message);
    (compiled.plan, messages.collect())
}

#[test]
fn claims_that_match_nobody_are_told() {
    let both = [COUNTRY(), SYSTEM()];
    for (serves, records, told) in [
        (
            "\"NA\", \"US\", \"AS64500\", \"JP\", \"AS\", \"203.0.113.0/24\"",
            &both[..],
            vec![],
        ),
        (
            "\"AS64501\"",
            &both,
            vec!["AS64501 never matches: the geo database knows no network of it"],
        ),
        (
            "\"AS64500\"",
            &both[..1],
            vec!["AS64500 never matches: the geo database knows no AS numbers"],
        ),
        (
            "\"EU\"",
            &both,
            vec!["this claim never matches: the geo database knows no network there"],
        ),
        (
            "\"DE\"",
            &both,
            vec!["this claim never matches: the geo database knows no network there"],
        ),
        (
            "\"@EEA\"",
            &both,
            vec!["this claim never matches: the geo database knows no network there"],
        ),
        ("\"@NA\"", &both, vec![]),
        (
            "\"EU\", \"DE\"",
            &both[1..],
            vec!["`test.mmdb` knows no countries"],
        ),
        (
            "\"AS64500\"",
            &both[1..],
            vec!["`test.mmdb` knows no countries"],
        ),
    ] {
        assert_eq!(compile(serves, records).1, told, "{serves}");
    }
}

#[test]
fn a_file_that_has_lost_what_is_needed_is_refused() {
    let (country, system, both) = ([COUNTRY()], [SYSTEM()], [COUNTRY(), SYSTEM()]);
    for (serves, before, after, lost) in [
        ("\"NA\"", &country[..], &country[..], None),
        ("\"NA\"", &country, &system, Some("countries")),
        ("\"203.0.113.0/24\"", &both, &system, Some("countries")),
        ("\"AS64500\"", &both, &country, Some("AS numbers")),
        ("\"NA\"", &both, &country, None),
        ("\"NA\"", &system, &country, None),
        ("\"NA\"", &country, &both, None),
        ("\"NA\"", &system, &system, None),
    ] {
        let [before, after] = [before, after].map(|records| compile(serves, records).0);
        let loss = before.geo_loss_to(&after);
        match lost {
            None => assert_eq!(loss, None, "{serves}"),
            Some(word) => assert!(loss.is_some_and(|loss| loss.contains(word)), "{serves}"),
        }
    }
}
