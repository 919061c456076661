//! A zone that `dnssec-signzone` signed and that nobody signs again: the server says so in time.
use std::process::Command;

use crate::world::{World, dig, get, run, wait_for};

pub(crate) const CONFIG: &str = r#"
[server]
listen = ["127.0.0.20:53"]
state = "state"

[control]
listen = "127.0.0.1:8053"

[[zones]]
name = "s.test"
file = "s.test.signed"

[acme]
keys = []
"#;

const ZONE: &str = "\
$TTL 300
@ SOA ns mail 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.20
www 7200 A 192.0.2.1
www 20 TXT \"short\"
";

/// Signs the zone with signatures that have lived for a week and hold for one hour more.
pub(crate) fn sign(world: &World) {
    let folder = world.path(".");
    let keygen = ["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K"];
    let (key, made) = run(
        "dnssec-keygen",
        &[&keygen[..], &[folder.to_str().unwrap(), "s.test"]].concat(),
    );
    assert!(made, "{key}");
    let key = world.path(key.trim());
    let public = std::fs::read_to_string(format!("{}.key", key.display())).unwrap();
    world.write("s.test", &format!("{ZONE}{public}"));
    let signed = Command::new("dnssec-signzone")
        .args([
            "-q",
            "-z",
            "-s",
            "now-604800",
            "-e",
            "now+3600",
            "-o",
            "s.test",
        ])
        .current_dir(world.path("."))
        .args(["-f", "s.test.signed", "s.test"])
        .arg(key)
        .output()
        .unwrap();
    assert!(signed.status.success(), "{signed:?}");
}

#[test]
fn signatures_that_nobody_renews_are_told_of() {
    let world = World::new();
    sign(&world);
    world.write("config.toml", CONFIG);
    let waypost = world.waypost();
    let answer = dig(&[
        "@127.0.0.20",
        "+dnssec",
        "+noall",
        "+answer",
        "www.s.test",
        "A",
    ]);
    assert!(answer.contains("RRSIG\tA 13 3 7200"), "{answer}");

    wait_for("the alarm", || waypost.log().contains("signatures_overdue"));
    let log = waypost.log();
    assert!(
        log.contains("have the zone signed again where it comes from"),
        "{log}"
    );
    let (_, metrics) = get("/metrics").unwrap();
    let expiry = "waypost_zone_signature_expiry_timestamp_seconds{zone=\"s.test\"}";
    assert!(metrics.contains(expiry), "{metrics}");

    let command = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_waypost");
        let config = world.path("config.toml");
        let config = ["--config", config.to_str().unwrap()];
        run(program, &[arguments, &config].concat())
    };
    let (status, _) = command(&["status"]);
    assert!(
        status.contains("zone s.test was signed elsewhere (nsec,"),
        "{status}"
    );
    let control = ["--control", "http://127.0.0.1:8053"];
    let (explained, _) = run(
        env!("CARGO_BIN_EXE_waypost"),
        &[
            &["explain", "www.s.test", "--client", "192.0.2.99"][..],
            &control,
        ]
        .concat(),
    );
    assert!(explained.contains("elsewhere, by key"), "{explained}");
    let (refused, taken) = command(&["acme", "add", "www.s.test", "value"]);
    assert!(
        !taken && refused.contains("was signed elsewhere"),
        "{refused}"
    );
}
