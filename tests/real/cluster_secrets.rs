//! Three nodes with secrets in common and no folder in common: a cookie that one gave is taken by all, a key whose secret no config has is good on all, whoever was
//! away or has lost its disk catches up, and a node that is revoked gets nothing more.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::cluster_orders::{Fleet, NODES};
use crate::world::{dig, run, wait_for};

const TSIG: &str = "\n[tsig.shared]\nsecret = \"cluster\"\n";
const FIRST: &str = "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU=";
const SECOND: &str = "c2Vjb25kLXNlY3JldC1vZi10aGUtc2hhcmVkLWtleSE=";
const ALL: &[usize] = &[0, 1, 2];

/// The cookie that a node gives a client that shows this one, or none of a server.
fn cookie(number: usize, shown: &str) -> String {
    let server = format!("@127.0.0.{}", 30 + number);
    let cookie = format!("+cookie={shown}");
    let text = dig(&[&server, &cookie, "example.org", "SOA"]);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("; COOKIE: "));
    let given = line.and_then(|line| line.split_whitespace().next());
    given.unwrap_or_default().to_owned()
}

/// A cookie that the first of these nodes gives, once it gives one that all of them take as their own.
fn common(numbers: &[usize]) -> String {
    let mut found = String::new();
    wait_for("a cookie of one that all take", || {
        found = cookie(numbers[0], "1122334455667788");
        // A node that does not know it gives one of another second.
        std::thread::sleep(Duration::from_millis(1100));
        found.len() == 48
            && numbers
                .iter()
                .all(|number| cookie(*number, &found) == found)
    });
    found
}

/// What dig says of a reply to a query that is signed with this secret.
fn signed(number: usize, secret: &str) -> String {
    let server = format!("@127.0.0.{}", 30 + number);
    let key = format!("hmac-sha256:shared:{secret}");
    dig(&[&server, "-y", &key, "example.org", "SOA"])
}

fn wait_for_key(numbers: &[usize], secret: &str) {
    for number in numbers {
        wait_for(&format!("{} to know the key", NODES[*number]), || {
            let text = signed(*number, secret);
            text.contains("status: NOERROR") && !text.contains("BAD") && !text.contains("verify")
        });
    }
}

fn list(fleet: &Fleet, number: usize) -> String {
    fleet.well(number, &["cluster", "secret", "list"])
}

fn line<'l>(list: &'l str, name: &str) -> &'l str {
    let found = list.lines().find(|line| line.starts_with(name));
    found.unwrap_or_else(|| panic!("no {name}:\n{list}"))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn nodes_have_secrets_in_common_without_a_folder_in_common() {
    let mut fleet = Fleet::with(TSIG);
    common(ALL);
    wait_for("all to have the same first secrets", || {
        let list = list(&fleet, 1);
        list.matches("3 of 3").count() == list.lines().count() - 1 && list.contains("cohort")
    });

    // A key whose secret has not come is one that is not known, and that is said.
    for number in 0..3 {
        let text = signed(number, FIRST);
        assert!(text.contains("BADKEY"), "{text}");
        let status = fleet.well(number, &["cluster", "status"]);
        assert!(
            status.contains("the secret of TSIG key shared has not come"),
            "{status}"
        );
    }
    let file = fleet.world.write("secret", &format!("{FIRST}\n"));
    let set = ["cluster", "secret", "set", "tsig", "shared", "--file"];
    let file = file.to_str().unwrap();
    let told = fleet.well(1, &[&set[..], &[file]].concat());
    assert!(
        told.contains("the secret of TSIG key shared is set; known by "),
        "{told}"
    );
    wait_for_key(ALL, FIRST);
    for (number, node) in NODES.iter().enumerate() {
        let shown = [
            list(&fleet, number),
            fleet.well(number, &["cluster", "secret", "list", "--json"]),
            fleet.well(number, &["cluster", "status"]),
        ];
        assert!(!shown.concat().contains(&FIRST[..20]), "{shown:?}");
        let kept = fleet.world.path(&format!("state-{node}/secrets.log"));
        let mode = fs::metadata(kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // Another cookie secret, drawn while one is away and loses its disk: those of the old one count on.
    let old = common(ALL);
    fleet.kill(2);
    let told = fleet.well(0, &["cluster", "secret", "roll", "cookie"]);
    assert!(
        told.contains("another cookie secret is drawn; known by "),
        "{told}"
    );
    wait_for("the new one to make cookies", || {
        [0, 1].iter().all(|number| cookie(*number, &old) != old)
    });
    let new = common(&[0, 1]);
    fs::remove_dir_all(fleet.world.path("state-sin1")).unwrap();
    fleet.begin(2);
    wait_for("the third to take what the others gave", || {
        cookie(2, &new) == new
    });
    wait_for_key(&[2], FIRST);

    // A start without peers goes on with what is kept.
    ALL.iter().for_each(|number| fleet.kill(*number));
    fleet.begin(1);
    assert_eq!(cookie(1, &new), new);
    wait_for_key(&[1], FIRST);
    fleet.begin(0);
    fleet.begin(2);
    common(ALL);

    // What a config sets itself is used, and shown as another.
    let path = fleet.world.path("tor1.toml");
    let text = fs::read_to_string(&path).unwrap();
    let own = text.replace(
        "state = \"state-tor1\"",
        "state = \"state-tor1\"\ncohort_key = \"mine\"",
    );
    fs::write(&path, own).unwrap();
    fleet.well(1, &["reload", "--force"]);
    wait_for("the difference to be shown on two nodes", || {
        let here = list(&fleet, 1);
        line(&here, "cohort").contains("this node's config has another")
            && fleet
                .well(0, &["cluster", "status"])
                .contains("cohort: the config of tor1 has another")
    });
    fs::write(&path, text).unwrap();
    fleet.well(1, &["reload", "--force"]);

    // A node that is revoked is given nothing more.
    fleet.well(0, &["node", "revoke", "sin1", "--reason", "stolen"]);
    wait_for("the others to know of it", || {
        fleet.well(1, &["cluster", "status"]).contains("revoked")
    });
    fleet.world.write("secret", SECOND);
    fleet.well(0, &[&set[..], &[file]].concat());
    fleet.well(0, &["cluster", "secret", "roll", "all"]);
    wait_for_key(&[0, 1], SECOND);
    let latest = common(&[0, 1]);
    let text = signed(2, SECOND);
    assert!(text.contains("BADSIG"), "{text}");
    wait_for_key(&[2], FIRST);
    assert_ne!(cookie(2, &latest), latest);
    fleet.well(1, &["cluster", "secret", "remove", "tsig", "shared"]);
    wait_for("the key to be gone", || {
        [0, 1]
            .iter()
            .all(|number| signed(*number, SECOND).contains("BADKEY"))
    });
    let (held, _) = run(
        "grep",
        &[
            "-rl",
            &SECOND[..20],
            fleet.world.path("state-sin1").to_str().unwrap(),
        ],
    );
    assert_eq!(held, "", "the revoked one has it");
}
