//! `waypost keys`, as an operator types it.
use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::place::Place;
use crate::style;

#[test]
fn a_zone_gets_the_keys_that_its_config_asks_for() {
    for (dnssec, arguments, roles, algorithm) in [
        ("", &[][..], &["csk"][..], "ecdsa-p256"),
        (
            "split = true, algorithm = \"ed25519\"",
            &[],
            &["ksk", "zsk"],
            "ed25519",
        ),
        (
            "",
            &["--split", "--algorithm", "rsa-sha256"],
            &["ksk", "zsk"],
            "rsa-sha256",
        ),
    ] {
        let place = Place::new(dnssec);
        let made = place.json(&[&["generate", "example.org"], arguments].concat());
        let keys = made["keys"].as_array().unwrap();
        let found: Vec<&str> = keys
            .iter()
            .map(|key| key["role"].as_str().unwrap())
            .collect();
        assert_eq!(found, roles);
        for key in keys {
            assert_eq!(key["algorithm"], algorithm);
            assert_eq!(key["phase"], "made");
        }
        assert_eq!(made["next"][0]["step"], "publish");
        let again = place.fail(&["generate", "example.org"]);
        assert!(again.contains("has keys already"), "{again}");
        assert_eq!(place.files(".private").len(), roles.len());
    }
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let place = Place::new("");
    let unknown = place.fail(&["list", "example.net"]);
    assert!(
        unknown.contains("does not sign a zone `example.net`"),
        "{unknown}"
    );
    let empty = place.fail(&["roll", "example.org"]);
    assert!(empty.contains("the zone has no keys"), "{empty}");
    let made = place.json(&["generate", "example.org"]);
    let tag = made["keys"][0]["tag"].to_string();
    let state = || fs::read_to_string(place.keys().join("example.org.state")).unwrap();
    let before = state();
    for (arguments, says) in [
        (
            &["ds", "example.org", "--seen", &tag][..],
            "is not submitted",
        ),
        (&["ds", "example.org", "--gone"], "--withdraw` first"),
        (&["roll", "example.org", "--zsk"], "there is no zsk to roll"),
        (&["export", "example.org", "0"], "has no key 0"),
    ] {
        let said = place.fail(arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert_eq!(state(), before);
    }
    assert_eq!(place.try_run(&["generate"]).status.code(), Some(2));
}

#[test]
fn a_list_says_what_happens_next() {
    let place = Place::new("");
    let nothing = place.run(&["list"]);
    assert!(
        nothing.contains("`waypost keys generate example.org` makes some"),
        "{nothing}"
    );
    place.run(&["generate", "example.org"]);
    place.run(&["ds", "example.org", "--withdraw"]);
    let list = place.run(&["list", "example.org"]);
    assert!(list.contains("example.org: not signed; keys in "), "{list}");
    assert!(
        list.contains("`waypost keys ds example.org --gone`"),
        "{list}"
    );
    let next = place.json(&["ds", "example.org", "--publish"])["next"].clone();
    assert_eq!(next[0]["step"], "publish");
}

#[test]
fn a_folder_that_others_read_is_refused() {
    let place = Place::new("");
    let made = place.json(&["generate", "example.org"]);
    let private = place.files(".private");
    let path = place.keys().join(format!("{}.private", private[0]));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let tag = made["keys"][0]["tag"].to_string();
    let said = place.fail(&["export", "example.org", &tag]);
    assert!(said.contains("is open to others (mode 0644)"), "{said}");
}

#[test]
fn its_json_is_of_the_one_style_and_so_is_what_it_says_of_a_failure() {
    let place = Place::new("");
    let counts = ["tag", "algorithm", "digest_type"];
    let made = place.json(&["generate", "example.org"]);
    assert!(style::check(&made, &counts) > 10);
    assert_eq!(made["signed_at"], serde_json::Value::Null);
    assert!(made["keys"][0]["created_at"].is_string(), "{made}");
    assert!(made["next"][0]["due_at"].is_string(), "{made}");
    let listed = place.json(&["list"]);
    assert_eq!(listed[0]["keys"], made["keys"]);
    let ds = place.json(&["ds", "example.org"]);
    assert!(style::check(&ds, &counts) > 5);
    assert_eq!(ds[0]["ready"], false);
    assert!(ds[0].get("ready_at").is_some(), "{ds}");
    let failed = place.try_run(&["list", "example.net", "--json"]);
    let problem: serde_json::Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains("example.net"),
        "{problem}"
    );
    assert_eq!(failed.status.code(), Some(1));
}
