//! Records and services that are declared on one node of three: all answer them, whatever is cut off, killed, or brought back from a backup;
//! and what the files of one node do not allow is refused there, and told.
use std::fmt::Write;
use std::fs;

use crate::cluster_orders::{Fleet, NODES, answer, control};
use crate::world::{ZONE, get_at, run, wait_for};

const DYNAMIC: &str = r#"
[[dynamic.records]]
zone = "example.org"
[[dynamic.objects]]
kinds = ["service", "monitor", "endpoint"]
"#;
const SHOP: &str =
    r#"{"table":{"hostnames":["shop.example.org"],"monitors":["web"],"regions":["eu-frankfurt"]}}"#;

/// The answer that curl gets of a node: headers and body.
fn curl(
    fleet: &Fleet,
    number: usize,
    (method, path): (&str, &str),
    body: &str,
    more: &[&str],
) -> String {
    let socket = fleet.world.path(&format!("{}.sock", NODES[number]));
    let url = format!("http://localhost/api/v1/{path}");
    let socket = ["--unix-socket", socket.to_str().unwrap()];
    let body_file = fleet.world.write("body", body);
    let data = format!("@{}", body_file.display());
    let kind = match method {
        "PATCH" => "content-type: application/merge-patch+json",
        _ => "content-type: application/json",
    };
    let json = ["-H", kind, "--data-binary", &data];
    let body: &[&str] = if body.is_empty() { &[] } else { &json };
    run(
        "curl",
        &[
            &["-sS", "-i", "-X", method][..],
            &socket,
            body,
            more,
            &[&url],
        ]
        .concat(),
    )
    .0
}

fn put(fleet: &Fleet, number: usize, owner: &str, kind: &str, value: &str) -> String {
    let path = format!("zones/example.org/records/{owner}/{kind}");
    let body = format!(r#"{{"ttl_s":60,"values":["{value}"]}}"#);
    let said = curl(fleet, number, ("PUT", &path), &body, &[]);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    said
}

fn remove(fleet: &Fleet, number: usize, owner: &str, kind: &str) {
    let path = format!("zones/example.org/records/{owner}/{kind}");
    let said = curl(fleet, number, ("DELETE", &path), "", &[]);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

/// Waits until each of these nodes answers so.
fn wait_for_data(fleet: &Fleet, numbers: &[usize], owner: &str, kind: &str, data: &[&str]) {
    for number in numbers {
        let node = NODES[*number];
        wait_for(&format!("{node} to answer {owner} {kind} {data:?}"), || {
            let found = answer(*number, "+noedns", owner, kind);
            if found != data && std::env::var_os("TELL").is_some() {
                eprintln!(
                    "{node}: {found:?}\n{}",
                    fleet.well(*number, &["cluster", "status"])
                );
            }
            found == data
        });
    }
}

fn etag(said: &str) -> String {
    let line = said
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("etag: "));
    line.unwrap_or_else(|| panic!("{said}"))[6..]
        .trim()
        .to_owned()
}

const ALL: &[usize] = &[0, 1, 2];

#[test]
fn what_is_declared_on_one_node_is_declared_on_all() {
    let mut fleet = Fleet::with(DYNAMIC);
    put(&fleet, 0, "one.example.org", "A", "192.0.2.1");
    wait_for_data(&fleet, ALL, "one.example.org", "A", &["192.0.2.1"]);
    let said = curl(&fleet, 1, ("PUT", "declared/services/shop"), SHOP, &[]);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    wait_for_data(&fleet, ALL, "shop.example.org", "A", &["127.1.0.1"]);
    wait_for("all to have the same config", || {
        ALL.iter().all(|number| {
            !fleet
                .well(*number, &["cluster", "status"])
                .contains("have another config")
        })
    });

    // What one node has told is held against what was read of another.
    let path = "zones/example.org/records/one.example.org/A";
    let seen = etag(&curl(&fleet, 2, ("GET", path), "", &[]));
    let matching = format!("If-Match: {seen}");
    let change = r#"{"ttl_s":60,"values":["192.0.2.2"]}"#;
    let said = curl(&fleet, 1, ("PUT", path), change, &["-H", &matching]);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    wait_for_data(&fleet, ALL, "one.example.org", "A", &["192.0.2.2"]);
    for number in 0..3 {
        let other = r#"{"ttl_s":60,"values":["192.0.2.3"]}"#;
        let said = curl(&fleet, number, ("PUT", path), other, &["-H", &matching]);
        assert!(said.starts_with("HTTP/1.1 412"), "{said}");
    }

    // A node that was killed, and comes back with the disk that it had before all of this: nothing is undone.
    put(&fleet, 2, "two.example.org", "A", "192.0.2.9");
    wait_for_data(&fleet, ALL, "two.example.org", "A", &["192.0.2.9"]);
    fleet.kill(2);
    let (state, backup) = (fleet.world.path("state-sin1"), fleet.world.path("backup"));
    let (from, to) = (state.to_str().unwrap(), backup.to_str().unwrap());
    assert!(run("cp", &["-r", from, to]).1);
    fleet.begin(2);
    remove(&fleet, 0, "two.example.org", "A");
    put(&fleet, 2, "one.example.org", "A", "192.0.2.4");
    put(&fleet, 2, "three.example.org", "A", "192.0.2.5");
    wait_for_data(&fleet, ALL, "two.example.org", "A", &[]);
    wait_for_data(&fleet, ALL, "one.example.org", "A", &["192.0.2.4"]);
    wait_for_data(&fleet, ALL, "three.example.org", "A", &["192.0.2.5"]);
    fleet.kill(2);
    fs::remove_dir_all(&state).unwrap();
    assert!(run("mv", &[to, from]).1);
    fleet.begin(2);
    for (owner, data) in [
        ("two", &[][..]),
        ("one", &["192.0.2.4"]),
        ("three", &["192.0.2.5"]),
    ] {
        wait_for_data(&fleet, ALL, &format!("{owner}.example.org"), "A", data);
    }
    // And one whose disk is lost.
    fleet.kill(1);
    fs::remove_dir_all(fleet.world.path("state-tor1")).unwrap();
    fleet.begin(1);
    wait_for_data(&fleet, ALL, "one.example.org", "A", &["192.0.2.4"]);
    wait_for_data(&fleet, ALL, "shop.example.org", "A", &["127.1.0.1"]);
    for number in 0..3 {
        fleet.kill(number);
        fleet.begin(number);
    }
    wait_for_data(&fleet, ALL, "two.example.org", "A", &[]);
    wait_for_data(&fleet, ALL, "one.example.org", "A", &["192.0.2.4"]);
}

/// Has the first node and the others hear each other no more, or again.
fn cut(fleet: &Fleet, is_cut: bool) {
    for (number, node) in NODES.iter().enumerate() {
        let path = fleet.world.path(&format!("{node}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let text: String = text.lines().fold(String::new(), |mut text, line| {
            let is_far =
                |other: &usize| *other != number && (!is_cut || (*other == 0) == (number == 0));
            let peers: Vec<String> = (0..3)
                .filter(is_far)
                .map(|other| format!("\"127.0.0.{}:5354\"", 30 + other))
                .collect();
            match line.starts_with("peers = [") {
                true => writeln!(text, "peers = [{}]", peers.join(", ")),
                false => writeln!(text, "{line}"),
            }
            .unwrap();
            text
        });
        fs::write(path, text).unwrap();
        fleet.well(number, &["reload", "--force"]);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn what_is_declared_on_both_sides_of_a_cut_comes_to_the_same() {
    let fleet = Fleet::with(DYNAMIC);
    put(&fleet, 0, "one.example.org", "A", "192.0.2.1");
    wait_for_data(&fleet, ALL, "one.example.org", "A", &["192.0.2.1"]);
    cut(&fleet, true);
    wait_for("the first to hear nobody", || {
        fleet
            .well(0, &["cluster", "status"])
            .contains("nodes 1 of 3")
    });
    put(&fleet, 0, "one.example.org", "A", "192.0.2.2");
    put(&fleet, 0, "left.example.org", "A", "192.0.2.10");
    put(&fleet, 0, "kind.example.org", "CNAME", "left.example.org.");
    put(&fleet, 1, "right.example.org", "A", "192.0.2.11");
    put(&fleet, 1, "kind.example.org", "A", "192.0.2.12");
    put(&fleet, 1, "one.example.org", "A", "192.0.2.3");
    let said = curl(&fleet, 2, ("PUT", "declared/services/shop"), SHOP, &[]);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    wait_for_data(&fleet, &[1, 2], "one.example.org", "A", &["192.0.2.3"]);
    wait_for_data(&fleet, &[0], "one.example.org", "A", &["192.0.2.2"]);
    wait_for_data(&fleet, &[1, 2], "left.example.org", "A", &[]);
    cut(&fleet, false);
    for (owner, data) in [
        ("one", "192.0.2.3"),
        ("left", "192.0.2.10"),
        ("right", "192.0.2.11"),
        ("kind", "192.0.2.12"),
        ("shop", "127.1.0.1"),
    ] {
        wait_for_data(&fleet, ALL, &format!("{owner}.example.org"), "A", &[data]);
    }
    wait_for_data(&fleet, ALL, "kind.example.org", "CNAME", &[]);

    // What the file of one node has is refused there and nowhere else, told, and holds up nothing.
    let zone = format!("{ZONE}\nown A 192.0.2.50\n");
    fleet
        .world
        .write("zones/other.zone", &zone.replace("2026", "2027"));
    let path = fleet.world.path("sin1.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (usual, other) = ("zones/example.org.zone", "zones/other.zone");
    fs::write(&path, text.replace(usual, other)).unwrap();
    fleet.well(2, &["reload", "--force"]);
    wait_for_data(&fleet, &[2], "own.example.org", "A", &["192.0.2.50"]);
    put(&fleet, 0, "own.example.org", "A", "192.0.2.60");
    put(&fleet, 0, "after.example.org", "A", "192.0.2.61");
    wait_for_data(&fleet, ALL, "after.example.org", "A", &["192.0.2.61"]);
    wait_for_data(&fleet, &[0, 1], "own.example.org", "A", &["192.0.2.60"]);
    wait_for_data(&fleet, &[2], "own.example.org", "A", &["192.0.2.50"]);
    let refused = |number: usize| {
        let (_, metrics) = get_at(control(number), "/metrics").unwrap();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("waypost_cluster_declared_refused "));
        line.unwrap().to_owned()
    };
    wait_for("the metric of what is refused", || {
        refused(2).ends_with(" 1")
    });
    assert!(refused(1).ends_with(" 0"));
    let told = fleet.well(2, &["cluster", "status"]);
    assert!(
        told.contains("of fra1: own.example.org A stands in the zone's file"),
        "{told}"
    );
    let path_of = fleet.world.path("sin1.toml");
    let text = fs::read_to_string(&path_of).unwrap();
    fs::write(&path_of, text.replace(other, usual)).unwrap();
    fleet.well(2, &["reload", "--force"]);
    wait_for_data(&fleet, ALL, "own.example.org", "A", &["192.0.2.60"]);
    wait_for("nothing to be refused", || refused(2).ends_with(" 0"));

    // What is larger than a record has room for is refused, with what to do.
    let mut body = r#"{"records":{"#.to_owned();
    for number in 0..250 {
        let comma = if number == 0 { "" } else { "," };
        let text = "x".repeat(200);
        let value = format!(r#""\"{text}\" \"{text}\" \"{text}\" \"{text}\"""#);
        write!(
            body,
            r#"{comma}"b{number}.example.org":{{"TXT":{{"ttl_s":60,"values":[{value}]}}}}"#
        )
        .unwrap();
    }
    body += "}}";
    let said = curl(
        &fleet,
        0,
        ("PATCH", "zones/example.org/records"),
        &body,
        &[],
    );
    assert!(
        said.starts_with("HTTP/1.1 422") && said.contains("send it in several"),
        "{said}"
    );
    wait_for_data(&fleet, &[0], "b7.example.org", "TXT", &[]);
}
