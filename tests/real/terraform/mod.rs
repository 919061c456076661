//! The Terraform provider, driven by Terraform's own engine; `dig` and `waypost` say what came of it.
//!
//! `deploy/terraform` is built, and its own tests are run, below the target folder of this package.
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::world::{CONFIG, Process, World, ZONE, dig, repository, run, wait_for};

mod objects;

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");
const NOTHING_NEW: &str = "No changes. Your infrastructure matches the configuration.";

/// Probes that a busy machine keeps up with.
const SLOW: &str = "interval = \"1s\"\ntimeout = \"900ms\"\nfall = 9";

/// A server whose control API is spoken to over TLS, with a token.
struct Stage {
    world: World,
    provider: &'static Path,
    server: Option<Process>,
}

/// The provider, built once; its own tests have passed.
fn provider() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(WAYPOST).ancestors().nth(2).unwrap();
        let target = target.join("terraform");
        let manifest = repository("deploy/terraform/Cargo.toml");
        for word in ["build", "test"] {
            let output = Command::new(env!("CARGO"))
                .args([word, "--locked", "--manifest-path"])
                .arg(&manifest)
                .env("CARGO_TARGET_DIR", &target)
                .output()
                .unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text);
            assert!(output.status.success(), "cargo {word}: {text}");
        }
        target.join("debug/terraform-provider-waypost")
    })
}

impl Stage {
    fn start() -> Self {
        // Before the world: crates may have to be fetched.
        let provider = provider();
        let world = World::new();
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        world.write("tls.pem", &own.cert.pem());
        let key = world.write("tls.key", &own.signing_key.serialize_pem());
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
        let (token, well) = run(WAYPOST, &["token", "new", "terraform", "--role", "admin"]);
        assert!(well, "{token}");
        world.write("terraform.token", &token);
        let table = &token[token.find("[tokens").unwrap()..];
        let control = "listen = \"127.0.0.1:8443\"\nmetrics = \"127.0.0.1:8053\"\n\
             tls = { certificate = \"tls.pem\", key = \"tls.key\" }\n";
        let config = CONFIG
            .replace("listen = \"127.0.0.1:8053\"\n", control)
            // Nothing here is about how fast an outage is seen.
            .replace("interval = \"200ms\"\ntimeout = \"150ms\"\nfall = 2", SLOW);
        let dynamic = "[[dynamic.records]]\nzone = \"example.org\"\n\
             [[dynamic.objects]]\nkinds = [\"service\", \"monitor\", \"endpoint\", \"region\"]\n\
             hostnames = [\"shop.example.org\", \"*.shop.example.org\", \"api.example.org\"]\n";
        world.write("config.toml", &format!("{config}{dynamic}{table}\n"));
        world.write("zones/example.org.zone", ZONE);
        fs::create_dir(world.path("tmp")).unwrap();
        // A mirror, as `terraform init` looks for one.
        let machine = match std::env::consts::ARCH {
            "aarch64" => "linux_arm64",
            _ => "linux_amd64",
        };
        let mirror = format!("mirror/terraform.example.org/waypost/waypost/0.1.0/{machine}");
        fs::create_dir_all(world.path(&mirror)).unwrap();
        let place = world.path(&format!("{mirror}/terraform-provider-waypost"));
        symlink(provider, place).unwrap();
        let mirror = world.path("mirror");
        let path = mirror.display();
        world.write(
            "terraformrc",
            &format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{path}\"\n  }}\n}}\n"),
        );
        let mut stage = Self {
            world,
            provider,
            server: None,
        };
        stage.serve();
        stage
    }

    fn serve(&mut self) {
        self.server = Some(self.world.waypost());
    }

    fn restart(&mut self) {
        self.server.take().unwrap().kill();
        self.serve();
    }

    /// Terraform's engine in a folder of the world.
    fn engine(&self, folder: &str, arguments: &[&str]) -> Command {
        let python = repository("target/terraform-python/bin/python3");
        let mut command = Command::new(python);
        command
            .arg(repository("tests/real/terraform.py"))
            .args(arguments)
            .current_dir(self.world.path(folder))
            .env("HOME", self.world.path(""))
            .env("TMPDIR", self.world.path("tmp"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("TF_CLI_CONFIG_FILE", self.world.path("terraformrc"))
            .env("WAYPOST_CONTROL", "https://127.0.0.1:8443")
            .env("WAYPOST_TOKEN_FILE", self.world.path("terraform.token"))
            .env("WAYPOST_CA", self.world.path("tls.pem"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What it says, and its exit code.
    fn say(&self, folder: &str, arguments: &[&str]) -> (String, i32) {
        let output = self.engine(folder, arguments).output();
        told(output.unwrap_or_else(|error| {
            panic!("cannot start Terraform's engine: {error}; tests/run installs it")
        }))
    }

    fn well(&self, folder: &str, arguments: &[&str]) -> String {
        let (text, code) = self.say(folder, arguments);
        assert_eq!(code, 0, "{arguments:?}: {text}");
        text
    }

    fn refused(&self, folder: &str, arguments: &[&str]) -> String {
        let (text, code) = self.say(folder, arguments);
        assert_eq!(code, 1, "{arguments:?}: {text}");
        one_line(&text)
    }

    /// Writes a folder's configuration.
    fn write(&self, folder: &str, resources: &str) {
        let text = format!(
            "terraform {{\n  required_providers {{\n    waypost = {{\n      source = \"terraform.example.org/waypost/waypost\"\n    }}\n  }}\n}}\n\
             provider \"waypost\" {{\n  reason = \"as code\"\n}}\n{resources}"
        );
        self.world.write(&format!("{folder}/main.tf"), &text);
    }

    /// The same, in a new folder.
    fn init(&self, folder: &str, resources: &str) {
        self.write(folder, resources);
        self.well(folder, &["init"]);
    }

    fn apply(&self, folder: &str) -> String {
        self.well(folder, &["apply", "-auto-approve"])
    }

    fn nothing_new(&self, folder: &str) {
        let text = self.well(folder, &["plan", "-detailed-exitcode"]);
        assert!(text.contains(NOTHING_NEW), "{text}");
    }

    fn waypost(&self, arguments: &[&str]) -> String {
        let config = self.world.path("config.toml");
        let config = ["--config", config.to_str().unwrap()];
        let (text, well) = run(WAYPOST, &[arguments, &config].concat());
        assert!(well, "{arguments:?}: {text}");
        text
    }
}

/// As if it were all one line: it is broken at the width of a terminal.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

fn told(output: std::process::Output) -> (String, i32) {
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (text, output.status.code().unwrap())
}

fn record(label: &str, name: &str, kind: &str, values: &str) -> String {
    format!(
        "resource \"waypost_record\" \"{label}\" {{\n  zone = \"example.org\"\n  name = \"{name}\"\n  type = \"{kind}\"\n  ttl = 60\n  values = [{values}]\n}}\n"
    )
}

fn short(name: &str, kind: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, kind]);
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    found.sort();
    found
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn records_are_planned_applied_looked_after_imported_and_destroyed() {
    let stage = Stage::start();
    let shop = |values: &str| record("shop", "shop.example.org", "A", values);
    // Spelled otherwise than the server does.
    let others = record("v6", "Shop.Example.org", "aaaa", "\"2001:DB8::1\"")
        + &record(
            "text",
            "_dmarc.example.org",
            "TXT",
            r#""\"v=DMARC1; p=reject\"", "plain""#,
        );
    stage.init("a", &(shop("\"192.0.2.80\", \"192.0.2.81\"") + &others));
    let (plan, code) = stage.say("a", &["plan", "-detailed-exitcode"]);
    assert!(
        code == 2 && plan.contains("Plan: 3 to add, 0 to change, 0 to destroy."),
        "{plan}"
    );
    assert!(
        short("shop.example.org", "A").is_empty(),
        "it was only planned"
    );
    stage.apply("a");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80", "192.0.2.81"]);
    assert_eq!(short("shop.example.org", "AAAA"), ["2001:db8::1"]);
    assert_eq!(
        short("_dmarc.example.org", "TXT"),
        ["\"plain\"", "\"v=DMARC1; p=reject\""]
    );
    stage.nothing_new("a");
    let list = stage.waypost(&["records", "list", "example.org"]);
    assert!(list.contains("by token terraform"), "{list}");
    let audit = fs::read_to_string(stage.world.path("state/audit.jsonl")).unwrap();
    assert!(audit.contains("as code"), "{audit}");

    // Somebody else changes one, and takes one away.
    stage.waypost(&[
        "records",
        "set",
        "example.org",
        "shop.example.org",
        "A",
        "192.0.2.99",
        "--ttl",
        "1m",
    ]);
    stage.waypost(&["records", "delete", "example.org", "_dmarc.example.org"]);
    let (plan, code) = stage.say("a", &["plan", "-detailed-exitcode"]);
    assert!(
        code == 2
            && plan.contains("- \"192.0.2.99\"")
            && plan.contains("1 to add, 1 to change, 0 to destroy"),
        "{plan}"
    );
    stage.apply("a");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.80", "192.0.2.81"]);
    assert_eq!(short("_dmarc.example.org", "TXT").len(), 2);

    // Other values; then a CNAME in the place of addresses, in one change of the server.
    stage.write("a", &shop("\"192.0.2.82\""));
    let said = stage.apply("a");
    assert!(said.contains("0 added, 1 changed, 2 destroyed"), "{said}");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.82"]);
    assert!(short("shop.example.org", "AAAA").is_empty());
    stage.write(
        "a",
        &record("shop", "shop.example.org", "CNAME", "\"api.example.org.\""),
    );
    let said = stage.apply("a");
    assert!(said.contains("0 added, 1 changed, 0 destroyed"), "{said}");
    assert_eq!(short("shop.example.org", "CNAME"), ["api.example.org."]);
    stage.nothing_new("a");

    // A plan refuses what an apply would refuse, with the server's words, and nothing is changed.
    for (resource, words) in [
        (
            record("x", "mail.example.org", "A", "\"192.0.2.1\""),
            "stands in the zone's file",
        ),
        (
            record("x", "x.example.org", "A", "\"192.0.2.256\""),
            "`192.0.2.256`",
        ),
        (
            record("x", "api.example.org", "A", "\"192.0.2.1\""),
            "by a service that has the name",
        ),
        (
            record("x", "x.example.org", "NS", "\"ns.other.test.\""),
            "no rule",
        ),
        (
            record("x", "shop.example.org", "CNAME", "\"a.test.\""),
            "terraform import ADDRESS example.org/shop.example.org/CNAME",
        ),
        (
            record("x", "shop.example.org", "A", "\"192.0.2.1\""),
            "CNAME and other data",
        ),
    ] {
        stage.write("b", &resource);
        if words == "stands in the zone's file" {
            stage.well("b", &["init"]);
        }
        let said = stage.refused("b", &["plan"]);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(short("x.example.org", "A"), Vec::<String>::new());
    assert_eq!(short("shop.example.org", "CNAME"), ["api.example.org."]);

    // Another folder takes it over.
    stage.write(
        "b",
        &record("taken", "shop.example.org", "CNAME", "\"api.example.org.\""),
    );
    let id = "example.org/shop.example.org/CNAME";
    stage.well("b", &["import", "waypost_record.taken", id]);
    stage.nothing_new("b");
    let said = stage.refused("b", &["import", "waypost_record.other", "example.org/none"]);
    assert!(
        said.contains("resource address") || said.contains("ZONE/NAME/TYPE"),
        "{said}"
    );
    let said = stage.well("b", &["destroy", "-auto-approve"]);
    assert!(said.contains("1 destroyed"), "{said}");
    assert!(short("shop.example.org", "CNAME").is_empty());
    let list = stage.waypost(&["records", "list", "example.org"]);
    assert!(!list.contains("shop"), "{list}");
    // The first folder sees it gone.
    let (plan, code) = stage.say("a", &["plan", "-detailed-exitcode"]);
    assert!(
        code == 2 && plan.contains("1 to add, 0 to change, 0 to destroy"),
        "{plan}"
    );
    // Each time the plugin was told to end, and left nothing behind.
    let left: Vec<_> = fs::read_dir(stage.world.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn only_whoever_started_the_plugin_is_served() {
    let provider = provider();
    let world = World::new();
    let [own, other] = ["own", "other"].map(|name| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        world.write(&format!("{name}.key"), &made.signing_key.serialize_pem());
        world.write(&format!("{name}.pem"), &made.cert.pem());
        made.cert.pem()
    });
    assert_ne!(own, other);
    let mut command = Command::new(provider);
    command
        .env("TF_PLUGIN_MAGIC_COOKIE", "any")
        .env("PLUGIN_CLIENT_CERT", own)
        .env("TMPDIR", world.path(""));
    let plugin = world.start("plugin", &mut command);
    wait_for("the plugin's line", || plugin.log().ends_with('\n'));
    let line = plugin.log();
    let words: Vec<&str> = line.trim().split('|').collect();
    assert!(
        words.len() == 6 && words[..3] == ["1", "6", "unix"],
        "{line}"
    );
    let socket = Path::new(words[3]);
    let folder = fs::metadata(socket.parent().unwrap()).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let shakes_hands = |name: &str| {
        let [certificate, key] = ["pem", "key"].map(|kind| world.path(&format!("{name}.{kind}")));
        let files = match name {
            "" => Vec::new(),
            _ => vec![
                "-cert",
                certificate.to_str().unwrap(),
                "-key",
                key.to_str().unwrap(),
            ],
        };
        let fixed = ["s_client", "-tls1_2", "-alpn", "h2", "-unix", words[3]];
        let output = Command::new("openssl")
            .args([&fixed[..], &files].concat())
            .stdin(Stdio::null())
            .output();
        output.unwrap().status.success()
    };
    assert!(shakes_hands("own"));
    assert!(!shakes_hands("other"), "another's certificate");
    assert!(!shakes_hands(""), "no certificate");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn appliers_that_meet_tokens_that_expire_and_servers_that_restart() {
    let mut stage = Stage::start();
    let shop = |value: &str| record("shop", "shop.example.org", "A", &format!("\"{value}\""));
    stage.init("a", &shop("192.0.2.80"));
    stage.apply("a");
    stage.init("b", &shop("192.0.2.80"));
    stage.well(
        "b",
        &[
            "import",
            "waypost_record.shop",
            "example.org/shop.example.org/A",
        ],
    );

    // Two have planned, and apply at once: one is told that it is not as it was when it planned.
    for (folder, value) in [("a", "192.0.2.81"), ("b", "192.0.2.82")] {
        stage.write(folder, &shop(value));
        stage.well(folder, &["plan", "-out=plan"]);
    }
    let appliers =
        ["a", "b"].map(|folder| stage.engine(folder, &["apply", "plan"]).spawn().unwrap());
    let outcomes = appliers.map(|applier| told(applier.wait_with_output().unwrap()));
    let served = short("shop.example.org", "A");
    let (winner, loser) = match served[..] == ["192.0.2.81"] {
        true => (&outcomes[0], &outcomes[1]),
        false => (&outcomes[1], &outcomes[0]),
    };
    assert_eq!(winner.1, 0, "{}", winner.0);
    assert!(
        loser.1 == 1 && loser.0.contains("changed by somebody else"),
        "{}",
        loser.0
    );
    assert!(loser.0.contains("terraform plan"), "{}", loser.0);

    // A server that was restarted between plan and apply has what it had; one that is away for a moment is waited for.
    stage.write("a", &shop("192.0.2.83"));
    stage.well("a", &["plan", "-out=plan"]);
    stage.restart();
    stage.well("a", &["apply", "plan"]);
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.83"]);
    stage.write("a", &shop("192.0.2.84"));
    stage.well("a", &["plan", "-out=plan"]);
    stage.server.take().unwrap().kill();
    let applier = stage.engine("a", &["apply", "plan"]).spawn().unwrap();
    stage.serve();
    let (said, code) = told(applier.wait_with_output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.84"]);

    // A token expires in the midst of an apply: between two records the apply waits until that has come about.
    let waiting = stage.world.write("wait.sh", WAIT);
    let both = shop("192.0.2.85")
        + "resource \"terraform_data\" \"expiry\" {\n  depends_on = [waypost_record.shop]\n  provisioner \"local-exec\" {\n"
        + &format!("    command = \"sh {}\"\n  }}\n}}\n", waiting.display())
        + &record("late", "late.example.org", "A", "\"192.0.2.86\"")
            .replace("  ttl", "  depends_on = [terraform_data.expiry]\n  ttl");
    stage.write("a", &both);
    stage.well("a", &["init"]);
    let applier = stage.engine("a", &["apply", "-auto-approve"]).spawn();
    wait_for("the first record", || stage.world.path("reached").exists());
    let lasting = fs::read_to_string(stage.world.path("config.toml")).unwrap();
    let ending = format!("{lasting}expires = \"2026-01-01T00:00:00Z\"\n");
    stage.world.write("config.toml", &ending);
    stage.restart();
    stage.world.write("expired", "");
    let (said, code) = told(applier.unwrap().wait_with_output().unwrap());
    assert_eq!(code, 1, "{said}");
    let said = one_line(&said);
    assert!(
        said.contains("Cannot declare late.example.org A: the token is not accepted"),
        "{said}"
    );
    assert!(
        said.contains("token terraform has expired")
            && said.contains("the next apply does the rest"),
        "{said}"
    );
    assert!(!said.contains("wpt_"), "{said}");
    assert_eq!(short("shop.example.org", "A"), ["192.0.2.85"]);
    assert!(short("late.example.org", "A").is_empty());
    stage.world.write("config.toml", &lasting);
    stage.restart();
    let said = stage.apply("a");
    assert!(said.contains("1 added, 0 changed, 0 destroyed"), "{said}");
    assert_eq!(short("late.example.org", "A"), ["192.0.2.86"]);
    stage.nothing_new("a");
    stage.well("a", &["destroy", "-auto-approve"]);
    assert!(short("shop.example.org", "A").is_empty());
}

/// Says that it was reached, and waits for the token's end.
const WAIT: &str = r#"cd "$(dirname "$0")"
touch reached
for turn in $(seq 3000); do
    [ -e expired ] && exit 0
    sleep 0.1
done
exit 1
"#;

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn drains_have_an_end_and_explanations_prove_failovers() {
    let stage = Stage::start();
    let machines = ["127.1.0.1", "127.1.0.2", "127.2.0.1"];
    let _machines = machines.map(|address| stage.world.backend(address));
    let is_healthy = |name: &str| {
        stage
            .waypost(&["status"])
            .lines()
            .any(|line| line.contains(name) && line.contains("healthy"))
    };
    for name in ["fra-one", "fra-two", "tor-one"] {
        wait_for(name, || is_healthy(name));
    }
    let drain = |more: &str| {
        format!(
            "resource \"waypost_drain\" \"own\" {{\n  scope = \"fra-one\"\n  reason = \"disks\"\n{more}}}\n"
        )
    };
    let explain = "data \"waypost_explain\" \"german\" {\n  name = \"api.example.org\"\n  client = \"198.51.100.7\"\n}\n\
         data \"waypost_explain\" \"without\" {\n  name = \"api.example.org\"\n  client = \"198.51.100.7\"\n  down = [\"eu-frankfurt\"]\n}\n\
         data \"waypost_status\" \"now\" {}\n\
         output \"seen\" {\n  value = join(\" \", concat([data.waypost_explain.german.region], data.waypost_explain.german.endpoints, data.waypost_explain.german.addresses,\n\
         [\"without\", data.waypost_explain.without.region], [data.waypost_status.now.version]))\n}\n\
         output \"why\" {\n  value = data.waypost_explain.german.text\n}\n";
    stage.init("a", explain);
    let said = stage.apply("a");
    assert!(
        said.contains("seen = \"eu-frankfurt fra-one 127.1.0.1 without na-toronto 0.1.0\""),
        "{said}"
    );
    assert!(said.contains("198.51.100.7"), "{said}");

    // Without an end, or with damage, there is no plan.
    stage.init("b", &drain("  until = \"tomorrow\"\n"));
    let said = stage.refused("b", &["plan"]);
    assert!(said.contains("write a time in UTC"), "{said}");
    stage.write(
        "b",
        &drain("  until = \"2999-01-01T12:00:00Z\"\n").replace("fra-one", "eu-frankfurt"),
    );
    let said = stage.refused("b", &["plan"]);
    assert!(
        said.contains("Clients lose by a drain of eu-frankfurt") && said.contains("userdata"),
        "{said}"
    );
    assert!(!stage.waypost(&["orders"]).contains("eu-frankfurt"));

    stage.write("b", &drain("  until = \"2999-01-01T12:00:00Z\"\n"));
    stage.apply("b");
    let answered = |address: &'static str| move || short("api.example.org", "A") == [address];
    wait_for("the drain", answered("127.1.0.2"));
    stage.nothing_new("b");
    let held = || stage.waypost(&["orders"]);
    assert!(
        held().contains("disks") && held().contains("2999-01-01"),
        "{}",
        held()
    );
    // A later end prolongs it, an earlier one gives it anew.
    for until in ["2999-02-01", "2998-01-01"] {
        stage.write("b", &drain(&format!("  until = \"{until}T12:00:00Z\"\n")));
        let said = stage.apply("b");
        assert!(said.contains("0 added, 1 changed, 0 destroyed"), "{said}");
        let orders = stage.world.path("waypost.sock");
        let orders = run(
            "curl",
            &[
                "-sS",
                "--unix-socket",
                orders.to_str().unwrap(),
                "http://localhost/api/v1/orders",
            ],
        )
        .0;
        let orders: serde_json::Value = serde_json::from_str(&orders).unwrap();
        let [order] = &orders["orders"].as_array().unwrap()[..] else {
            panic!("{orders}");
        };
        assert!(
            order["until"].as_str().unwrap().starts_with(until) && order["scope"] == "fra-one",
            "{order}"
        );
        stage.nothing_new("b");
    }
    // Somebody lifts it: that is told, and it is not given again.
    stage.waypost(&["undrain", "fra-one", "--reason", "called off"]);
    let said = stage.apply("b");
    assert!(
        said.contains("The drain of fra-one was lifted") && said.contains("called off"),
        "{said}"
    );
    stage.nothing_new("b");
    wait_for("the machine to come back", answered("127.1.0.1"));
    stage.write("b", &drain("  until = \"2999-03-01T12:00:00Z\"\n"));
    stage.apply("b");
    wait_for("the drain", answered("127.1.0.2"));
    stage.well("b", &["destroy", "-auto-approve"]);
    wait_for("the machine to come back", answered("127.1.0.1"));
}

#[test]
fn the_examples_are_formatted_and_the_platform_is_applied() {
    let stage = Stage::start();
    let examples = repository("deploy/terraform/examples");
    let (said, code) = stage.say(
        "",
        &["fmt", "-check", "-recursive", examples.to_str().unwrap()],
    );
    assert_eq!(code, 0, "{said}");
    let platform = fs::read_to_string(examples.join("platform/main.tf")).unwrap();
    stage.world.write("a/main.tf", &platform);
    stage.well("a", &["init"]);
    stage.well("a", &["validate"]);
    // No machine serves here, so that the check of the failover warns; it would not hinder an apply.
    let said = stage.apply("a");
    assert!(said.contains("13 added"), "{said}");
    assert_eq!(
        short("primary.na.example.org", "A"),
        ["198.51.100.10", "tor-digitalocean.nodes.example.org."]
    );
    assert_eq!(short("example.org", "CAA").len(), 2);
    let said = stage.well("a", &["plan"]);
    // A check is read anew each time, and nothing else.
    let nothing = "Plan: 0 to add, 0 to change, 0 to destroy.";
    assert!(said.contains(nothing), "{said}");
    stage.well("a", &["destroy", "-auto-approve"]);
    let list = stage.waypost(&["records", "list", "example.org"]);
    assert!(!list.contains("nodes.example.org"), "{list}");
    // By hand it says what it is.
    let (said, well) = run(stage.provider.to_str().unwrap(), &[]);
    assert!(
        !well && said.contains("Terraform or OpenTofu starts it"),
        "{said}"
    );
}
