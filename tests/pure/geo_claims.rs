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

/// The plan of a config over a file of these networks, and what is said.
fn compiled(config: &str, networks: &[(&str, Value)]) -> (Plan, Vec<String>) {
    let bytes = mmdb::write(networks, &mmdb::Options::default());
    let (spec, found) = config::read(Path::new("/etc/config.toml"), config);
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

/// The plan of a config over a file whose one network has these records laid over each other, and what is said.
fn compile(serves: &str, records: &[Value]) -> (Plan, Vec<String>) {
    let mut whole = json!({});
    for record in records {
        for (key, value) in record.as_object().unwrap() {
            whole[key] = value.clone();
        }
    }
    compiled(&text(serves), &[("198.51.100.0/24", whole)])
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

/// Networks of cities as MaxMind and DB-IP write them, nested, and as others do, flat. Two cities have one name.
fn cities() -> Vec<(&'static str, Value)> {
    let nested = |part: &str, name: &str| {
        json!({
            "country": { "iso_code": "US" },
            "subdivisions": [{ "iso_code": part, "names": { "en": "a part" } }],
            "city": { "geoname_id": 1, "names": { "de": "Anders", "en": name } },
            "location": { "latitude": 41.5, "longitude": -88.0 },
        })
    };
    vec![
        ("198.51.100.0/26", nested("IL", "Springfield")),
        ("198.51.100.64/26", nested("MO", "Springfield")),
        ("198.51.100.128/26", nested("IL", "Chicago")),
        (
            "198.51.100.192/26",
            json!({ "country_code": "CA", "city": "Springfield" }),
        ),
    ]
}

#[test]
fn a_city_is_claimed_inside_its_country_and_its_part_of_it() {
    for (serves, claimed) in [
        (r#""US/Springfield""#, [true, true, false, false]),
        (r#""US-MO/springfield""#, [false, true, false, false]),
        (r#""CA/Springfield""#, [false, false, false, true]),
        (r#""US-IL/Chicago", "CA""#, [false, false, true, true]),
    ] {
        // All others are claimed by the country, and a city is more than that.
        let config = text(serves).replace("serves = [\"192.0.2.0/25\"]", "serves = [\"US\"]");
        let (plan, told) = compiled(&config, &cities());
        assert!(told.is_empty(), "{serves}: {told:?}");
        let hosts = [
            "198.51.100.1",
            "198.51.100.65",
            "198.51.100.129",
            "198.51.100.193",
        ];
        for (host, claimed) in hosts.into_iter().zip(claimed) {
            let client = host.parse().unwrap();
            let service = waypost::base::ServiceId::from_index(0);
            let class = plan.class(service, plan.class_of(service, client));
            let first = &plan.regions[class.preference[0].index()].name;
            let is_unclaimed = host == "198.51.100.193" && !claimed;
            assert!(
                is_unclaimed || (first == "us") == claimed,
                "{serves}: {host} goes to {first}"
            );
        }
    }
}

#[test]
fn the_more_specific_claim_counts() {
    let client = "198.51.100.1";
    let (network, system) = ("\"198.51.100.0/24\"", "\"AS64500\"");
    let (city, part, country, continent) = ("\"US/Chicago\"", "\"US-IL\"", "\"US\"", "\"NA\"");
    let record = json!({
        "country": { "iso_code": "US" },
        "subdivisions": [{ "iso_code": "IL" }],
        "city": { "names": { "en": "Chicago" } },
        "autonomous_system_number": 64500,
    });
    let all = [network, system, city, part, country, continent];
    for (rank, better) in all.iter().enumerate() {
        for worse in &all[rank + 1..] {
            // The region that is farther away has the better claim.
            let config = text(worse).replace(
                "serves = [\"192.0.2.0/25\"]",
                &format!("serves = [{better}]"),
            );
            let (plan, _) = compiled(&config, &[("198.51.100.0/24", record.clone())]);
            let service = waypost::base::ServiceId::from_index(0);
            let class = plan.class(service, plan.class_of(service, client.parse().unwrap()));
            let first = &plan.regions[class.preference[0].index()].name;
            assert_eq!(first, "eu", "{better} against {worse}");
        }
    }
}

#[test]
fn a_city_that_the_file_does_not_have_is_told() {
    let country = [("198.51.100.0/24", COUNTRY())];
    for (serves, networks, told) in [
        (r#""US-IL/Springfield", "ca/SPRINGFIELD""#, cities(), vec![]),
        (
            r#""US-CA/Springfield""#,
            cities(),
            vec![
                "US-CA/Springfield never matches: the geo database knows no city of that name there",
            ],
        ),
        (
            r#""DE/Frankfurt am Main""#,
            country.to_vec(),
            vec!["DE/Frankfurt am Main never matches: the geo database knows no cities"],
        ),
        // The operator knows better.
        (r#""JP/Naha""#, country.to_vec(), vec![]),
    ] {
        let config = match serves.contains("JP") {
            true => text(serves).replace("\"JP\" }", "\"JP/Naha\" }"),
            false => text(serves),
        };
        assert_eq!(compiled(&config, &networks).1, told, "{serves}");
    }
    for (serves, says) in [
        (r#""XX/Springfield""#, "`XX` is not a country"),
        (r#""US/ ""#, "`US/ ` names no city"),
    ] {
        let (_, found) = config::read(Path::new("/etc/config.toml"), &text(serves));
        let all = found.render(false);
        assert!(all.contains(says), "{all}");
    }
}

#[test]
fn a_city_is_explained_and_kept() {
    let config = text("\"US/Springfield\"").replace("\"JP\" }", "\"US-IL/chicago\" }");
    let (plan, _) = compiled(&config, &cities());
    let at = |host: &str| plan.atlas.find(host.parse().unwrap()).0;
    let name = |host: &str| {
        plan.atlas
            .city_name(at(host).city.unwrap())
            .map(str::to_owned)
    };
    assert_eq!(name("198.51.100.1").as_deref(), Some("Springfield"));
    // An override is where the file has that city.
    assert_eq!(name("192.0.2.1").as_deref(), Some("Chicago"));
    assert_eq!(at("192.0.2.1").location, at("198.51.100.129").location);
    let read = plan.atlas.database();
    let kept = waypost::geo::Database::take_up(read.compiled().unwrap().into()).unwrap();
    assert_eq!(kept, *read);
    let city = at("198.51.100.1").city.unwrap();
    assert_eq!(kept.city_name(city), Some("Springfield"));
}
