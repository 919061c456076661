//! Configs of clusters: what of them nodes must agree on, and what a file that changed by itself may not bring.
use std::path::Path;

use waypost::audit::weaken::{Decisions, weakened};
use waypost::config::{self, Compiled, Files};

const HEAD: &str = r#"
[server]
listen = ["127.0.0.1:5300"]
[[zones]]
name = "example.org"
file = "zones/good.zone"
[guard]
canaries = ["192.0.2.201:443", "192.0.2.202:443"]
[cluster]
name = "prod"
node = "fra1"
key = "cluster/fra1.key"
certificate = "cluster/fra1.pem"
private_key = "cluster/fra1-tls.key"
roots = "tls/chain.pem"
revoked = "cluster/revoked.crl"
listen = ["127.0.0.1:5354"]
peers = ["tor1.example.net:5354"]
alone_after = "5m"
up_while = "18%"
"#;
const FRA1: &str = "ed25519:c8363596e45ef4268b3b5ed7af3034b8c18ec56e5768fe3e7f0e63565e275e03";
const TOR1: &str = "ed25519:f3aa0735c73e3977e49138822e49b64d4ee71b1e797918a6871a347c286d7d12";
const SIN1: &str = "ed25519:898b333d1b1b9b8789f651145ae85de9b1e1ac619bcc0d0ed33c52324cdd5a1f";
const OTHER: &str = "ed25519:bbcde5faf5514a1dde54435f078894ccc6eb621ed90f941e01c21756209a3f18";

fn node(name: &str, key: &str, provider: &str, more: &str) -> String {
    format!(
        "[[cluster.nodes]]\nname = \"{name}\"\nkey = \"{key}\"\nregion = \"eu\"\nprovider = \"{provider}\"\n{more}\n"
    )
}

fn whole() -> String {
    let nodes = [
        node("fra1", FRA1, "hetzner", ""),
        node("tor1", TOR1, "ovh", "revoked = true"),
        node(
            "sin1",
            SIN1,
            "hetzner",
            "control = \"https://sin1.example.net:8053\"",
        ),
    ];
    format!("{HEAD}{}", nodes.concat())
}

fn compile(text: &str) -> Compiled {
    let (spec, found) = config::read(Path::new("tests/config/config.toml"), text);
    let mut files = Files::new();
    for path in spec.files(&files) {
        let bytes = std::fs::read(&path).map_err(|error| error.to_string());
        files.insert(path, bytes.map(Into::into));
    }
    let compiled = config::compile(&spec, found, &files);
    compiled
        .unwrap_or_else(|found| panic!("{}", found.render(false)))
        .0
}

fn changed(from: &str, to: &str) -> Compiled {
    let text = whole().replacen(from, to, 1);
    assert_ne!(text, whole(), "{from}");
    compile(&text)
}

#[test]
fn what_nodes_must_agree_on_is_in_the_policy() {
    let own = compile(&whole()).plan.policy;
    let tor1 = node("tor1", TOR1, "ovh", "revoked = true");
    let turned = format!(
        "{HEAD}{tor1}{}",
        whole().replace(HEAD, "").replace(&tor1, "")
    );
    assert_eq!(
        compile(&turned).plan.policy,
        own,
        "the order of nodes says nothing"
    );
    for (from, to) in [
        (
            "listen = [\"127.0.0.1:5354\"]",
            "listen = [\"127.0.0.1:5355\"]",
        ),
        ("peers = [\"tor1.example.net:5354\"]", "peers = []"),
        ("revoked = \"cluster/revoked.crl\"\n", ""),
        (
            "up_while",
            "withdraw = \"stale\"\nwithdraw_hold = \"5m\"\nup_while",
        ),
        ("control = \"https://sin1.example.net:8053\"", ""),
    ] {
        assert_eq!(changed(from, to).plan.policy, own, "{to}");
    }
    for (from, to) in [
        ("name = \"prod\"", "name = \"test\""),
        ("alone_after = \"5m\"", "alone_after = \"never\""),
        ("up_while = \"18%\"", "beat = \"2s\"\nup_while = \"18%\""),
        ("up_while = \"18%\"\n", ""),
        ("revoked = true", ""),
        (SIN1, OTHER),
        ("provider = \"ovh\"", "provider = \"aws\""),
    ] {
        assert_ne!(changed(from, to).plan.policy, own, "{to}");
    }
}

#[test]
fn who_gains_a_voice_is_told_and_who_loses_one_is_not() {
    let before = compile(&whole());
    let of = |compiled: &Compiled| {
        let sides = [&before, compiled];
        let [before, after] = sides.map(|own| Decisions {
            plan: &own.plan,
            zoning: &own.zoning,
        });
        weakened(before, after).to_string()
    };
    let more = format!(
        "{}{}",
        whole(),
        node("new", OTHER, "ovh", "vantage = false")
    );
    assert!(of(&compile(&more)).contains("node new"), "one more node");
    let alone = whole().split("[cluster]").next().unwrap().to_owned();
    assert!(
        of(&compile(&alone)).contains("[cluster]"),
        "a config that is cut off"
    );
    let short = whole()
        .rsplit_once("[[cluster.nodes]]")
        .unwrap()
        .0
        .to_owned();
    assert!(of(&compile(&short)).contains("vantages"), "one node less");
    for (from, to, told) in [
        ("revoked = true", "", "node tor1"),
        (SIN1, OTHER, "another one"),
        (
            "provider = \"ovh\"",
            "provider = \"hetzner\"",
            "providers of vantages",
        ),
        ("alone_after = \"5m\"", "", "cluster.alone_after"),
        ("up_while = \"18%\"\n", "", "cluster.up_while"),
        (
            "roots = \"tls/chain.pem\"",
            "roots = \"tls/../tls/chain.pem\"",
            "[cluster] roots",
        ),
        (
            "revoked = \"cluster/revoked.crl\"\n",
            "",
            "[cluster] revoked",
        ),
        (
            "https://sin1.example.net:8053",
            "https://sin1.example.org:8053",
            "node sin1 control",
        ),
    ] {
        let found = of(&changed(from, to));
        assert!(found.contains(told), "{to}: {found}");
    }
    let revoked = format!("{}revoked = true\n", whole());
    for (what, other) in [
        ("a node is revoked", compile(&revoked)),
        (
            "never alone",
            changed("alone_after = \"5m\"", "alone_after = \"never\""),
        ),
        (
            "others are asked",
            changed("tor1.example.net", "sin1.example.net"),
        ),
    ] {
        assert_eq!(of(&other), "", "{what}");
    }
}
