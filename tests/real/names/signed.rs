//! Signed zones: what a name resolves to is signed before it is answered, and aliases are records as any other.
use std::process::Command;

use crate::world::{World, dig, run, wait_for};

use super::{Cast, STEERED, UNBOUND, asked, config, name_status};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// A validating Unbound on another address, with the keys of the zone as its trust anchor.
fn validator(world: &World) -> crate::world::Process {
    let keys = dig(&["@127.0.0.20", "+noall", "+answer", "example.org", "DNSKEY"]);
    let anchors = keys.lines().filter(|line| line.contains("257 3 "));
    let anchors: Vec<String> = anchors
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!(
                "  trust-anchor: \"{} IN DNSKEY {}\"\n",
                words[0],
                words[4..].join(" ")
            )
        })
        .collect();
    assert!(!anchors.is_empty(), "{keys}");
    let text = UNBOUND
        .replace("127.0.0.30", "127.0.0.31")
        .replace("unbound.pid", "validator.pid")
        .replace(
            "module-config: \"iterator\"",
            "module-config: \"validator iterator\"",
        )
        .replace(
            "cache-max-ttl: 3",
            "cache-max-ttl: 0\n  val-clean-additional: yes",
        )
        .replace("name: cdn.test.", "name: example.org.")
        .replace("127.0.0.10", "127.0.0.20")
        .replace(
            "remote-control:",
            &format!("server:\n{}remote-control:", anchors.concat()),
        );
    let conf = world.write("validator.conf", &text);
    let mut command = Command::new("/usr/sbin/unbound");
    world.start("validator", command.arg("-d").arg("-c").arg(conf))
}

fn validated(name: &str, kind: &str) -> String {
    dig(&["@127.0.0.31", "+recurse", "+dnssec", name, kind])
}

fn is_proven(text: &str) -> bool {
    let flags = text
        .lines()
        .find(|line| line.contains(";; flags:"))
        .unwrap_or_default();
    text.contains("status: NOERROR") && flags.contains(" ad")
}

#[test]
fn answers_are_signed_as_their_addresses_change() {
    let mut cast = Cast::new("www A 127.9.0.1\ncdn A 198.51.100.1\n");
    let _backends = ["127.9.0.1", "127.9.0.2"].map(|own| cast.world.backend(own));
    let signed = STEERED
        .replace(
            "file = \"zones/example.org.zone\"\n",
            "file = \"zones/example.org.zone\"\ndnssec = { keys = \"keys\", algorithm = \"ecdsa-p256\" }\n\
             transfer = { to = [\"127.0.0.0/8\"], render_for = \"192.0.2.1\", min_interval = \"1s\" }\n\
             [[zones.aliases]]\nname = \"shop.example.org\"\ntarget = \"cdn.cdn.test\"\nttl = \"1s\"\n",
        )
        .replace("\"api.example.org\", \"example.org\"", "\"api.example.org\"");
    let path = cast
        .world
        .write("config.toml", &config("udp://127.0.0.30", &signed));
    let path = path.to_str().unwrap();
    let (said, well) = run(
        WAYPOST,
        &["keys", "generate", "example.org", "--config", path],
    );
    assert!(well, "{said}");
    let (said, well) = run(WAYPOST, &["check", "--config", path]);
    assert!(well, "{said}");
    let _waypost = cast.world.waypost();
    wait_for("the address", || {
        asked("api.example.org", "A") == ["127.9.0.1"]
    });
    let _validator = validator(&cast.world);
    wait_for("the proof of it", || {
        is_proven(&validated("api.example.org", "A"))
    });
    let none = validated("api.example.org", "AAAA");
    assert!(is_proven(&none) && none.contains("ANSWER: 0"), "{none}");
    cast.set("www AAAA 2001:db8::7\nwww A 127.9.0.2\ncdn AAAA 2001:db8::9\n");
    wait_for("another one", || {
        asked("api.example.org", "A") == ["127.9.0.2"]
    });
    for (name, kind, record) in [
        ("api.example.org", "A", "127.9.0.2"),
        ("api.example.org", "AAAA", "2001:db8::7"),
        ("shop.example.org", "AAAA", "2001:db8::9"),
    ] {
        wait_for(&format!("{name} {kind}"), || {
            validated(name, kind).contains(record)
        });
        let text = validated(name, kind);
        assert!(is_proven(&text), "{text}");
    }
    let none = validated("shop.example.org", "A");
    assert!(is_proven(&none) && none.contains("ANSWER: 0"), "{none}");
    // A secondary has both as records, and the serial tells it of changes.
    let transferred = || dig(&["@127.0.0.20", "example.org", "AXFR"]);
    wait_for("the transfer", || {
        let text = transferred();
        text.contains("2001:db8::9") && text.contains("2001:db8::7")
    });
    let serial = || dig(&["@127.0.0.20", "+short", "example.org", "SOA"]);
    let before = serial();
    cast.set("www A 127.9.0.2\ncdn A 198.51.100.3\n");
    wait_for("the alias", || {
        asked("shop.example.org", "A") == ["198.51.100.3"]
    });
    wait_for("another version", || {
        transferred().contains("198.51.100.3") && serial() != before
    });
    wait_for("the proof of that", || {
        is_proven(&validated("shop.example.org", "A"))
    });
    cast.stop();
    wait_for("the failure", || {
        name_status("cdn.cdn.test")["fault"] == "failed"
    });
    assert_eq!(asked("shop.example.org", "A"), ["198.51.100.3"]);
}
