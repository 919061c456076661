//! A geo database that is kept compiled over restarts of the server.
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use waypost::base::HashKey;

use crate::mmdb::{self, Options};
use crate::world::{CONFIG, Process, World, dig, wait_for};

fn write_geo(world: &World, code: &str) {
    let entries = [("198.51.100.0/24", json!({"country": {"iso_code": code}}))];
    let octets = mmdb::write(&entries, &Options::default());
    fs::write(world.path("geo.mmdb"), octets).unwrap();
}

fn world() -> World {
    let world = World::new();
    world.write_config();
    let text = CONFIG
        .replace("database = \"embedded\"", "database = \"geo.mmdb\"")
        .replace(
            "overrides = { \"198.51.100.0/24\" = \"DE\", \"203.0.113.0/24\" = \"CA\" }\n",
            "",
        );
    world.write("config.toml", &text);
    write_geo(&world, "DE");
    world
}

/// Starts the server, and waits until it says so of the geo database.
fn start_and_hear(world: &World, event: &str) -> Process {
    let waypost = world.waypost();
    wait_for(event, || {
        waypost.log().contains(&format!("\"event\":\"{event}\""))
    });
    waypost
}

fn kept(world: &World) -> PathBuf {
    let mut files = fs::read_dir(world.path("state/geo")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// The country of the client network, as the server answers for it.
fn answer() -> String {
    dig(&[
        "@127.0.0.20",
        "+subnet=198.51.100.0/24",
        "+short",
        "api.example.org",
        "A",
    ])
}

#[test]
fn the_second_start_takes_up_what_the_first_has_compiled_and_a_damaged_one_is_renewed() {
    let world = world();
    let waypost = start_and_hear(&world, "geo_kept");
    let before = answer();
    waypost.kill();
    let whole = fs::read(kept(&world)).unwrap();
    let waypost = start_and_hear(&world, "geo_taken_up");
    assert!(
        !waypost.log().contains("\"geo_kept\""),
        "nothing is compiled"
    );
    assert_eq!(answer(), before);
    waypost.kill();
    let mut damaged = whole.clone();
    let last = damaged.len() - 30;
    damaged[last] ^= 4;
    fs::write(kept(&world), damaged).unwrap();
    let waypost = start_and_hear(&world, "geo_kept_damaged");
    wait_for("it to be renewed", || {
        fs::read(kept(&world)).unwrap() == whole
    });
    assert_eq!(answer(), before);
    waypost.kill();
}

/// A file whose content has changed though the file system says that it has not, as after a clock was set back.
#[test]
fn a_file_that_changed_unseen_is_found_and_read() {
    let world = world();
    start_and_hear(&world, "geo_kept").kill();
    let mut octets = fs::read(kept(&world)).unwrap();
    // Another digest, and a head that is sound.
    octets[16] ^= 1;
    let sum = HashKey::from_secret(&octets[..16]).hash(&octets[..80]);
    octets[80..88].copy_from_slice(&sum.to_le_bytes());
    fs::write(kept(&world), octets).unwrap();
    let waypost = start_and_hear(&world, "geo_kept_stale");
    wait_for("it to be compiled again", || {
        waypost.log().contains("\"geo_kept\"")
    });
}

#[test]
fn a_folder_that_takes_nothing_costs_only_the_keeping() {
    let world = world();
    world.write("state/geo", "a file, not a folder");
    let waypost = start_and_hear(&world, "geo_not_kept");
    let before = answer();
    assert!(!before.is_empty());
    write_geo(&world, "CA");
    wait_for("the other file", || answer() != before);
    fs::remove_file(world.path("state/geo")).unwrap();
    write_geo(&world, "DE");
    wait_for("a disk that takes it", || {
        waypost.log().contains("\"geo_kept\"")
    });
    let told = waypost.log().matches("\"geo_not_kept\"").count();
    assert_eq!(told, 1, "it is told once");
}
