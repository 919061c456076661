//! A machine is killed and comes back; it stays out until an operator says so, and only that often.
use std::process::Command;

use crate::world::{CONFIG, World, ZONE, addresses, dig, state_of, wait_for};

/// What a client in Germany is answered.
fn answer() -> Vec<String> {
    let text = dig(&[
        "@127.0.0.20",
        "+short",
        "+subnet=198.51.100.0/24",
        "api.example.org",
    ]);
    addresses(&text).iter().map(ToString::to_string).collect()
}

#[test]
fn what_needs_a_word_waits_for_it_after_each_outage() {
    let world = World::new();
    let manual = CONFIG.replace(
        "every = \"1s\"\n",
        "every = \"1s\"\nfailback = \"manual\"\n",
    );
    world.write("config.toml", &manual);
    world.write("zones/example.org.zone", ZONE);
    let _others = [world.backend("127.1.0.2"), world.backend("127.2.0.1")];
    let mut first = world.backend("127.1.0.1");
    let _waypost = world.waypost();
    let approve = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command.args(["approve", "fra-one", "--author", "ada", "--config"]);
        let output = command.arg(world.path("config.toml")).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    };
    wait_for("fra-one to serve", || answer() == ["127.1.0.1"]);
    for _ in 0..2 {
        first.kill();
        wait_for("fra-two to take over", || answer() == ["127.1.0.2"]);
        let (text, code) = approve();
        assert!(
            code == Some(1) && text.contains("fra-one is down"),
            "{text}"
        );
        first = world.backend("127.1.0.1");
        wait_for("fra-one to wait for a word", || {
            state_of("fra-one") == "unapproved"
        });
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert_eq!(answer(), ["127.1.0.2"], "nobody has said so");
        assert_eq!(
            approve(),
            ("approved: fra-one may come back\n".to_owned(), Some(0))
        );
        wait_for("fra-one to serve in full", || {
            state_of("fra-one") == "healthy"
        });
        wait_for("its clients to be back", || answer() == ["127.1.0.1"]);
    }
}
