//! As many zones as one hoster has in one config: each is checked, served, watched and read again.
use std::fmt::Write as _;
use std::fs;

use crate::world::{World, dig, run, wait_for};

/// Zones of the SCALE collection of public zone files.
const ZONES: usize = 12_673;

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

fn apex(number: usize) -> String {
    format!("z{number:05}.example")
}

fn write_zones(world: &World) {
    let mut config =
        "[server]\nlisten = [\"127.0.0.20:53\"]\n[control]\nlisten = \"127.0.0.1:8053\"\n"
            .to_owned();
    for number in 0..ZONES {
        let apex = apex(number);
        writeln!(
            config,
            "[[zones]]\nname = \"{apex}\"\nfile = \"zones/{apex}\""
        )
        .unwrap();
        world.write(&format!("zones/{apex}"), &zone(number, "a"));
    }
    world.write("config.toml", &config);
}

fn zone(number: usize, text: &str) -> String {
    format!(
        "$TTL 3600\n@ SOA ns1.example.net. mail.example.net. {number} 3600 600 604800 300\n\
         @ NS ns1.example.net.\n@ NS ns2.example.net.\nwww TXT \"{number} {text}\"\n"
    )
}

fn asked(number: usize) -> String {
    let name = format!("www.{}", apex(number));
    dig(&["@127.0.0.20", "+short", &name, "TXT"])
}

#[test]
fn a_config_has_as_many_zones_as_a_hoster() {
    let world = World::new();
    write_zones(&world);
    let config = world.path("config.toml");
    let (text, well) = run(WAYPOST, &["check", "--config", config.to_str().unwrap()]);
    assert!(
        well && text.contains(&format!("well: {ZONES} zones with")),
        "{text}"
    );

    let waypost = world.waypost();
    let (first, middle, last) = (0, ZONES / 2, ZONES - 1);
    for number in [first, middle, last] {
        assert_eq!(asked(number), format!("\"{number} a\"\n"));
    }
    // Neither zones nor their files hold anything open.
    let open = fs::read_dir(format!("/proc/{}/fd", waypost.id())).unwrap();
    assert!(open.count() < 256);
    // A file that changes is noticed among all of them, and every zone is there again.
    world.write(&format!("zones/{}", apex(middle)), &zone(middle, "b"));
    wait_for("the changed zone", || {
        asked(middle) == format!("\"{middle} b\"\n")
    });
    assert_eq!(asked(last), format!("\"{last} a\"\n"));
    assert_eq!(asked(ZONES), "", "there is no such zone");
}
