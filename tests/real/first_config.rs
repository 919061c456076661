//! `waypost init`: what it writes is served, and validates against the DS that it names.
use std::fs;

use crate::world::{World, addresses, dig, run, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_waypost");

/// The DS record among what `init` prints.
fn ds(text: &str) -> Vec<&str> {
    let line = text
        .lines()
        .find(|line| line.starts_with("example.org. IN DS "));
    let line = line.unwrap_or_else(|| panic!("no DS in\n{text}"));
    line.split(' ').skip(3).collect()
}

/// Whether delv believes an answer of the zone, with this DS.
pub(crate) fn validates(world: &World, server: &str, said: &str, name: &str) -> bool {
    let ds = ds(said);
    let anchor = format!(
        "trust-anchors {{\n  \"example.org\" static-ds {} {} {} \"{}\";\n}};\n",
        ds[0], ds[1], ds[2], ds[3]
    );
    let anchor = world.write("anchor.bind", &anchor);
    let (address, port) = server.split_once('#').unwrap_or((server, "53"));
    let at = format!("@{address}");
    let words = [
        &at,
        "-p",
        port,
        "+root=example.org",
        "-4",
        "-a",
        anchor.to_str().unwrap(),
        name,
        "A",
    ];
    run("delv", &words).0.contains("; fully validated")
}

/// What is asked of `init`, for a server on this address.
pub(crate) const ANSWERS: [&str; 9] = [
    "example.org",
    "--region",
    "DE=192.0.2.10",
    "--region",
    "ca-east@CA=198.51.100.7",
    "--server",
    "127.0.0.1",
    "--server",
    "127.0.0.2",
];

#[test]
fn what_init_writes_is_served_signed_and_validates() {
    let world = World::new();
    let folder = world.path("").to_str().unwrap().to_owned();
    let listen = ["--listen", "127.0.0.1:53", "--listen", "127.0.0.2:53"];
    let init = || {
        run(
            PROGRAM,
            &[&["init", "--out", &folder], &ANSWERS[..], &listen].concat(),
        )
    };
    let (said, well) = init();
    assert!(well, "{said}");
    for line in [
        "example.org. IN NS ns1.example.org.",
        "example.org. IN NS ns2.example.org.",
        "ns2.example.org. IN A 127.0.0.2",
        "dig @127.0.0.2 example.org SOA +norecurse +dnssec",
    ] {
        assert!(said.lines().any(|own| own == line), "{line}\n{said}");
    }
    let config = world.path("config.toml");
    let (text, well) = run(PROGRAM, &["check", "--config", config.to_str().unwrap()]);
    assert!(well && text.starts_with("well: "), "{text}");
    let before = fs::read_to_string(&config).unwrap();
    let (text, well) = init();
    assert!(!well && text.contains("is not overwritten"), "{text}");
    assert_eq!(fs::read_to_string(&config).unwrap(), before);

    let _server = world.waypost();
    wait_for("a signed answer", || {
        validates(&world, "127.0.0.1", &said, "www.example.org")
    });
    assert!(validates(&world, "127.0.0.2", &said, "example.org"));
    let answer = dig(&[
        "@127.0.0.1",
        "www.example.org",
        "+short",
        "+subnet=0.0.0.0/0",
    ]);
    assert_eq!(addresses(&answer).len(), 1, "{answer}");
    // Another key is not believed.
    let (tag, rest) = said
        .split_once("IN DS ")
        .unwrap()
        .1
        .split_once(' ')
        .unwrap();
    let digest = rest.split_whitespace().nth(2).unwrap();
    let other = said.replace(digest, &digest.chars().rev().collect::<String>());
    assert!(
        !validates(&world, "127.0.0.1", &other, "www.example.org"),
        "{tag}"
    );
}

#[test]
fn init_asks_a_person_and_never_a_script() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("asked");
    let typed = "example.org\\nDE=1\\nDE=192.0.2.10\\n\\n192.0.2.53\\n\\n";
    let asked = format!(
        "printf '{typed}' | script -qec '{PROGRAM} init --out {}' /dev/null",
        out.display()
    );
    let (text, well) = run("bash", &["-c", &asked]);
    assert!(well && text.contains("`1` is no address"), "{text}");
    assert!(text.contains("registries want two"), "{text}");
    let config = fs::read_to_string(out.join("config.toml")).unwrap();
    assert!(config.contains("addresses = [\"192.0.2.10\"]"), "{config}");
    let script = format!(
        "{PROGRAM} init example.org --out {}/script </dev/null",
        folder.path().display()
    );
    let (text, well) = run("bash", &["-c", &script]);
    assert!(!well && text.contains("--region is missing"), "{text}");
    assert!(!folder.path().join("script").exists());
}
