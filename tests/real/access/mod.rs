//! Who may order: other users of the machine, tokens, certificates made by openssl, and pages in a real browser.
mod browser;
mod users;

use std::process::Command;

use crate::world::{CONFIG, World, ZONE, get, run, token, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// The usual config with more in `[control]`, and more tables behind it.
fn config(control: &str, tables: &str) -> String {
    let own = "[control]\nlisten = \"127.0.0.1:8053\"\n";
    assert!(CONFIG.contains(own));
    CONFIG.replace(own, &format!("{own}{control}\n{tables}\n"))
}

fn write(world: &World, config: &str) {
    world.write("config.toml", config);
    world.write("zones/example.org.zone", ZONE);
}

/// Runs waypost with the world's config; what it says, and whether it went well.
fn waypost(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    run(
        WAYPOST,
        &[arguments, &["--config", config.to_str().unwrap()]].concat(),
    )
}

/// The endpoints that are drained now.
fn drained() -> Vec<String> {
    let (_, body) = get("/api/v1/status").unwrap();
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    let regions = status["regions"].as_array().unwrap().iter();
    let endpoints = regions.flat_map(|region| region["endpoints"].as_array().unwrap());
    let drained = endpoints.filter(|endpoint| !endpoint["drain"].is_null());
    drained
        .map(|endpoint| endpoint["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The lines of the audit log, once `waypost audit verify` finds it whole.
fn audit(world: &World) -> Vec<serde_json::Value> {
    let (text, well) = waypost(world, &["audit", "verify"]);
    assert!(well && text.starts_with("well: "), "{text}");
    let text = std::fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_token_orders_what_its_scope_covers() {
    let world = World::new();
    let (secret, table) = token(&[
        "ops", "--role", "operator", "--scope", "eu-*", "--for", "1h",
    ]);
    write(&world, &config("", &table));
    let _waypost = world.waypost();
    let with = |token: Option<&str>, arguments: &[&str]| {
        let mut command = Command::new(WAYPOST);
        command
            .args(arguments)
            .args(["--control", "http://127.0.0.1:8053"])
            .env_remove("WAYPOST_TOKEN");
        command.envs(token.map(|token| ("WAYPOST_TOKEN", token)));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    };
    let drain = ["drain", "eu-frankfurt", "--force"];
    let (text, code) = with(None, &drain);
    assert!(
        code == Some(1) && text.contains("takes role operator"),
        "{text}"
    );
    let (text, code) = with(Some("wpt_forged"), &drain);
    assert!(
        code == Some(1) && text.contains("none of the config's"),
        "{text}"
    );
    let (text, code) = with(Some(&secret), &["drain", "na-toronto"]);
    assert!(
        code == Some(1) && text.contains("tor-one, which the scope"),
        "{text}"
    );
    assert_eq!(drained(), [""; 0]);
    let (text, code) = with(Some(&secret), &drain);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(drained(), ["fra-one", "fra-two"]);
    let file = world.write("token", &format!("{secret}\n"));
    let (text, code) = with(
        None,
        &[
            "undrain",
            "eu-frankfurt",
            "--token-file",
            file.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(0), "{text}");
    let (text, code) = with(Some(&secret), &["reload"]);
    assert!(
        code == Some(1) && text.contains("takes role admin"),
        "{text}"
    );
    let (text, code) = with(None, &["drain", "eu-frankfurt", "--json"]);
    let problem: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((code, &problem["type"]), (Some(1), &"about:blank".into()));
    let expected = [
        "anybody refused",
        "nobody known refused",
        "token ops refused",
        "token ops begun",
        "token ops done",
        "token ops begun",
        "token ops done",
        "token ops refused",
        "anybody refused",
    ];
    let outcomes = audit(&world).iter().map(outcome).collect::<Vec<_>>();
    assert_eq!(outcomes, expected);
}

#[test]
fn a_scope_of_services_covers_the_endpoints_that_serve_no_others() {
    let world = World::new();
    let of = |name: &str, scope: &[&str]| {
        let scope = scope.iter().flat_map(|one| ["--scope", one]);
        let arguments = [name, "--role", "operator"].into_iter().chain(scope);
        token(&arguments.collect::<Vec<_>>())
    };
    let (api, of_api) = of("api", &["service:api"]);
    let (all, of_all) = of("all", &["service:api", "service:user*"]);
    write(&world, &config("", &format!("{of_api}\n{of_all}")));
    let _waypost = world.waypost();
    let drain = |secret: &str, scope: &str| {
        let file = world.write("token", secret);
        let file = file.to_str().unwrap();
        let control = ["--control", "http://127.0.0.1:8053", "--token-file", file];
        run(
            WAYPOST,
            &[&["drain", scope, "--force"], &control[..]].concat(),
        )
    };
    let (text, well) = drain(&api, "fra-one");
    assert!(
        !well && text.contains("which the scope"),
        "userdata uses it too: {text}"
    );
    assert_eq!(drained(), [""; 0]);
    let (text, well) = drain(&all, "fra-one");
    assert!(well, "{text}");
    assert_eq!(drained(), ["fra-one"]);
    // An order names machines: a service has none of its own.
    let (text, well) = drain(&all, "service:api");
    assert!(
        !well && text.contains("an order is never for a service"),
        "{text}"
    );
}

/// Who asked for a change, and what became of it.
fn outcome(line: &serde_json::Value) -> String {
    let word = |key: &str| line[key].as_str().unwrap().to_owned();
    format!("{} {}", word("identity"), word("outcome"))
}

#[test]
fn a_log_that_was_cut_off_is_found_by_whoever_asks_the_server() {
    let world = World::new();
    write(&world, &config("", ""));
    let _waypost = world.waypost();
    for action in [&["drain", "--force"][..], &["undrain"]] {
        let (text, well) = waypost(&world, &[action, &["eu-frankfurt"]].concat());
        assert!(well, "{text}");
    }
    assert_eq!(audit(&world).len(), 4);
    let path = world.path("state/audit.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&path, format!("{}\n", lines[..3].join("\n"))).unwrap();
    let (text, well) = waypost(&world, &["audit", "verify"]);
    assert!(!well && text.contains("cut off"), "{text}");
    std::fs::write(
        &path,
        format!("{}\n", [lines[0], lines[2], lines[1], lines[3]].join("\n")),
    )
    .unwrap();
    let (text, well) = waypost(&world, &["audit", "verify"]);
    assert!(!well && text.contains("audit.jsonl:2: "), "{text}");
}

#[test]
fn a_signal_is_recorded_too() {
    let world = World::new();
    write(&world, &config("", ""));
    let waypost = world.waypost();
    nix::sys::signal::kill(waypost.id(), nix::sys::signal::Signal::SIGHUP).unwrap();
    wait_for("the reload to be recorded", || {
        let text = std::fs::read_to_string(world.path("state/audit.jsonl"));
        text.is_ok_and(|text| text.lines().count() == 2)
    });
    let lines = audit(&world);
    assert_eq!(
        (&lines[0]["way"], &lines[1]["outcome"]),
        (&"signal".into(), &"done".into())
    );
}

/// Runs openssl in the world's folder.
fn openssl(world: &World, line: &str) {
    let output = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(world.path("."))
        .output()
        .expect("openssl is installed by tests/run");
    assert!(
        output.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A certificate and its key, signed by an authority of this name.
fn issue(world: &World, authority: &str, name: &str, extensions: &str) {
    openssl(
        world,
        &format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"),
    );
    world.write(&format!("{name}.ext"), extensions);
    openssl(
        world,
        &format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days 7 -extfile {name}.ext -out {name}.pem"
        ),
    );
}

/// `--certificate` and `--key` with the certificates of this world.
fn our_own_client_shows_a_certificate(world: &World) {
    let at = |name: &str| world.path(name).to_str().unwrap().to_owned();
    let with = |arguments: &[&str], certificate: &str, key: &str| {
        let (ca, certificate, key) = (at("ca.pem"), at(certificate), at(key));
        let proof = ["--ca", &ca, "--certificate", &certificate, "--key", &key];
        run(WAYPOST, &[arguments, &proof].concat())
    };
    let https = ["--control", "https://127.0.0.1:8053"];
    let undrain = [&["undrain", "fra-one"][..], &https].concat();
    let (text, well) = with(&undrain, "alice.pem", "alice.key");
    assert!(
        well && text.contains("no longer drained: fra-one"),
        "{text}"
    );
    let explain = ["explain", "api.example.org", "--client", "192.0.2.1"];
    let (text, well) = with(&[&explain[..], &https].concat(), "alice.pem", "alice.key");
    assert!(well, "{text}");
    let (text, well) = with(&undrain, "mallory.pem", "mallory.key");
    assert!(!well && text.contains("none of the config's"), "{text}");
    let (text, well) = with(&undrain, "forged.pem", "forged.key");
    assert!(!well && text.contains("no answer from"), "{text}");
    let (text, well) = with(&undrain, "alice.pem", "mallory.key");
    assert!(!well && text.contains("mallory.key"), "{text}");
    let (text, well) = with(&undrain, "alice.pem", "gone.key");
    assert!(
        !well && text.contains("--key ") && text.contains("gone.key"),
        "{text}"
    );
    let config = ["undrain", "fra-one", "--config", &at("config.toml")];
    let (text, well) = with(
        &[&config[..2], &["--control", "127.0.0.1:8053"]].concat(),
        "alice.pem",
        "alice.key",
    );
    assert!(!well && text.contains("over https only"), "{text}");
    // The config leads to the socket, where a certificate is shown to nobody.
    let (text, well) = with(&config, "alice.pem", "alice.key");
    assert!(!well && text.contains("over https only"), "{text}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn certificates_of_openssl_prove_who_asks() {
    let world = World::new();
    for authority in ["ca", "other"] {
        openssl(
            &world,
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -days 7 -keyout {authority}.key -out {authority}.pem -subj /CN={authority}"
            ),
        );
    }
    let client = "extendedKeyUsage=clientAuth\nsubjectAltName=DNS:alice.ops.example\n";
    issue(
        &world,
        "ca",
        "server",
        "subjectAltName=IP:127.0.0.1,IP:127.0.0.20\n",
    );
    issue(&world, "ca", "alice", client);
    issue(&world, "ca", "mallory", "extendedKeyUsage=clientAuth\n");
    issue(&world, "other", "forged", client);
    let (secret, table) = token(&["robot", "--role", "admin"]);
    let tables = format!(
        "{table}\n[tokens.alice]\ncertificate = \"alice.ops.example\"\nrole = \"operator\"\nscope = [\"provider:hetzner\"]\n"
    );
    let tls =
        "tls = { certificate = \"server.pem\", key = \"server.key\", client_roots = \"ca.pem\" }";
    // Beyond loopback: the address is one of this namespace's loopback interface, and would be refused in the clear.
    let open =
        config(tls, &tables).replace("listen = \"127.0.0.1:8053\"", "listen = \"0.0.0.0:8053\"");
    write(&world, &open);
    let mut command = Command::new(WAYPOST);
    command
        .args(["run", "--config"])
        .arg(world.path("config.toml"));
    let _waypost = world.start("waypost", &mut command);
    let curl = |arguments: &[&str]| {
        let fixed = ["-s", "-w", "\n%{http_code}", "--cacert", "ca.pem"];
        let output = Command::new("curl")
            .args(fixed)
            .args(arguments)
            .current_dir(world.path("."))
            .output()
            .expect("curl is installed by tests/run");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse::<u16>().unwrap(), body.to_owned())
    };
    let status = "https://127.0.0.1:8053/api/v1/status";
    wait_for("the control API", || curl(&[status]).0 != 0);
    assert_eq!(
        curl(&[status]).0,
        401,
        "nobody is known without a proof, not even on loopback"
    );
    assert_eq!(
        curl(&["http://127.0.0.1:8053/api/v1/status"]).0,
        0,
        "nothing is said in the clear"
    );
    let alice = ["--cert", "alice.pem", "--key", "alice.key"];
    assert_eq!(curl(&[&alice[..], &[status]].concat()).0, 200);
    let order = |proof: &[&str], scope: &str| {
        let url =
            format!("https://127.0.0.1:8053/api/v1/orders?action=drain&force=true&scope={scope}");
        curl(&[proof, &["-X", "POST", &url]].concat())
    };
    assert_eq!(order(&alice, "eu-frankfurt").0, 403, "fra-two is at ovh");
    let (code, body) = order(&alice, "fra-one");
    assert_eq!(code, 200, "{body}");
    assert!(body.contains("certificate alice"), "{body}");
    let mallory = ["--cert", "mallory.pem", "--key", "mallory.key"];
    assert_eq!(
        order(&mallory, "fra-one").0,
        401,
        "a certificate that means nobody"
    );
    let forged = ["--cert", "forged.pem", "--key", "forged.key"];
    assert_eq!(
        order(&forged, "fra-one").0,
        0,
        "a certificate of another authority"
    );
    let bearer = format!("Authorization: Bearer {secret}");
    assert_eq!(order(&["-H", &bearer], "na-toronto").0, 200);
    // Our own client, by its token.
    let file = world.write("token", &secret);
    let ca = world.path("ca.pem");
    let (text, well) = run(
        WAYPOST,
        &[
            "undrain",
            "na-toronto",
            "--control",
            "https://127.0.0.1:8053",
            "--ca",
            ca.to_str().unwrap(),
            "--token-file",
            file.to_str().unwrap(),
        ],
    );
    assert!(well, "{text}");
    let (text, well) = run(WAYPOST, &["status", "--control", "https://127.0.0.1:8053"]);
    assert!(!well, "its authority is none of the system's: {text}");
    our_own_client_shows_a_certificate(&world);
    let ways = audit(&world);
    assert!(ways.iter().all(|line| line["way"] == "tls"), "{ways:?}");
}

#[test]
fn a_config_that_lets_strangers_in_is_refused() {
    let world = World::new();
    let open = CONFIG.replace("listen = \"127.0.0.1:8053\"", "listen = \"0.0.0.0:8053\"");
    write(&world, &open);
    let (text, well) = waypost(&world, &["check"]);
    assert!(
        !well && text.contains("reached from beyond this machine"),
        "{text}"
    );
    let (text, well) = waypost(&world, &["run"]);
    assert!(!well && text.contains("nothing was started"), "{text}");
}
