//! The shipped units, as systemd itself judges them.
use std::fs;

use crate::world::{World, repository, run};

/// Exposure, in tenths, that the unit may have at most.
const EXPOSURE: &str = "20";
const UNITS: [&str; 2] = ["waypost.service", "waypost.socket"];

/// Puts the units into a folder, with the program under test in the place of the one that is installed.
fn units() -> (World, Vec<String>) {
    let world = World::new();
    let paths = UNITS.map(|unit| {
        let text = fs::read_to_string(repository("deploy/systemd").join(unit)).unwrap();
        let text = text.replace("/usr/bin/waypost", env!("CARGO_BIN_EXE_waypost"));
        world.write(unit, &text).to_str().unwrap().to_owned()
    });
    (world, paths.into())
}

#[test]
fn the_units_verify_without_a_word() {
    let (_world, paths) = units();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (text, well) = run("systemd-analyze", &[&["verify"], &paths[..]].concat());
    assert!(well && text.is_empty(), "{text}");
}

#[test]
fn the_service_is_exposed_as_little_as_is_promised() {
    let (_world, paths) = units();
    let threshold = format!("--threshold={EXPOSURE}");
    let judge = |unit: &str| {
        run(
            "systemd-analyze",
            &["security", "--offline=true", &threshold, unit],
        )
    };
    let (text, well) = judge(&paths[0]);
    assert!(well, "{text}");
    // The judge can say no.
    let open = fs::read_to_string(&paths[0]).unwrap();
    fs::write(
        &paths[0],
        open.replace("ProtectSystem=strict", "")
            .replace("CapabilityBoundingSet=CAP_NET_BIND_SERVICE", ""),
    )
    .unwrap();
    let (text, well) = judge(&paths[0]);
    assert!(!well, "{text}");
}
