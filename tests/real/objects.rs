//! Services, monitors, regions and endpoints declared over the control API by `curl` and by `waypost apply`, seen by `dig`.
use std::fs;
use std::process::Command;

use crate::world::{CONFIG, Process, World, ZONE, dig, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

const DYNAMIC: &str = r#"
[[dynamic.objects]]
kinds = ["service", "monitor", "endpoint"]
names = ["shop*", "eu-frankfurt", "api"]
hostnames = ["*.shop.example.org", "example.org"]
[[dynamic.objects]]
kinds = ["region"]
"#;

/// The answer that curl gets over the socket: headers and body.
fn curl(world: &World, method: &str, path: &str, body: Option<&str>, more: &[&str]) -> String {
    let socket = world.path("waypost.sock");
    let url = format!("http://localhost/api/v1/{path}");
    let base = [
        "-sS",
        "-i",
        "-X",
        method,
        "--unix-socket",
        socket.to_str().unwrap(),
    ];
    let body: Vec<&str> = body.into_iter().flat_map(|own| ["-d", own]).collect();
    run("curl", &[&base[..], &body, more, &[&url]].concat()).0
}

fn waypost(world: &World, arguments: &[&str]) -> (String, bool) {
    let config = world.path("config.toml");
    let config = ["--config", config.to_str().unwrap()];
    run(WAYPOST, &[arguments, &config].concat())
}

fn short(name: &str) -> Vec<String> {
    let text = dig(&["@127.0.0.20", "+short", name, "A"]);
    let mut found: Vec<String> = text.lines().map(str::to_owned).collect();
    found.sort();
    found
}

fn expect(said: &str, status: u16, words: &str) {
    let head = format!("HTTP/1.1 {status}");
    assert!(
        said.starts_with(&head) && said.contains(words),
        "{status} {words}: {said}"
    );
}

fn server(world: &World) -> Process {
    world.write("config.toml", &format!("{CONFIG}{DYNAMIC}"));
    world.write("zones/example.org.zone", ZONE);
    world.waypost()
}

const SHOP: &str = r#"{"table":{"hostnames":["a.shop.example.org"],"monitors":["web"],"regions":["eu-frankfurt"]}}"#;
const ENDPOINT: &str =
    r#"{"table":{"provider":"hetzner","tier":3,"addresses":["127.1.0.9"],"weight":300}}"#;

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn services_and_endpoints_are_declared_compiled_kept_and_served() {
    let world = World::new();
    let _machine = world.backend("127.1.0.1");
    let up = server(&world);
    let declared = |method: &str, object: &str, body: Option<&str>, more: &[&str]| {
        curl(&world, method, &format!("declared/{object}"), body, more)
    };
    let absent = ["-H", "If-None-Match: *"];
    // A dry run says what it would be, and does nothing.
    let said = declared("PUT", "services/shop-a?dry_run=true", Some(SHOP), &absent);
    expect(&said, 200, "\"dry_run\":true");
    assert!(said.contains("\"plan\":{\"text\":"), "{said}");
    let object = "services/shop-a?dry_run=true&plan=false";
    let said = declared("PUT", object, Some(SHOP), &absent);
    expect(&said, 200, "\"dry_run\":true");
    assert!(
        !said.contains("\"plan\""),
        "it was to be compiled alone: {said}"
    );
    let object = "services/shop-a?dry_run=true&plan=no";
    expect(&declared("PUT", object, Some(SHOP), &absent), 400, "`plan`");
    assert_eq!(short("a.shop.example.org"), Vec::<String>::new());
    let said = declared("PUT", "services/shop-a?reason=launch", Some(SHOP), &absent);
    expect(&said, 200, "+ services.shop-a");
    assert!(said.contains("etag: \"1\""), "{said}");
    assert_eq!(short("a.shop.example.org"), ["127.1.0.1"]);
    // An endpoint for a region of the file, behind those that it has.
    let path = "regions/eu-frankfurt/endpoints/fra-nine";
    expect(
        &declared("PUT", path, Some(ENDPOINT), &[]),
        200,
        "etag: \"2\"",
    );
    // Of two who have read the same, one is refused.
    let seen = ["-H", "If-Match: \"2\""];
    let change = r#"{"table":{"weight":50}}"#;
    expect(
        &declared("PATCH", path, Some(change), &seen),
        200,
        "etag: \"3\"",
    );
    expect(
        &declared("PATCH", path, Some(change), &seen),
        412,
        "revision is 3",
    );
    expect(
        &declared("PATCH", path, Some(change), &[]),
        200,
        "nothing is to be changed",
    );
    expect(&declared("GET", path, None, &[]), 200, "\"weight\":50");
    for (method, object, body, status, words) in [
        // What a file owns, what no rule is for, and what the compiler does not take.
        (
            "PUT",
            "services/api",
            r#"{"table":{"hostnames":["example.org"]}}"#,
            409,
            "which owns it",
        ),
        (
            "DELETE",
            "services/api",
            "",
            200,
            "nothing is to be changed",
        ),
        (
            "PUT",
            "services/other",
            r#"{"table":{"hostnames":["b.shop.example.org"]}}"#,
            403,
            "no rule",
        ),
        (
            "PUT",
            "services/shop-b",
            r#"{"table":{"hostnames":["mail.example.org"]}}"#,
            403,
            "no rule",
        ),
        (
            "PUT",
            "services/shop-b",
            r#"{"table":{"hostnames":["a.shop.example.org"],"monitors":["web"]}}"#,
            422,
            "declared: services.shop-b",
        ),
        (
            "PUT",
            "services/shop-b",
            r#"{"table":{"hostnames":["b.shop.example.org"],"monitors":["none"]}}"#,
            422,
            "\"findings\":[{",
        ),
        (
            "PUT",
            "monitors/shop",
            r#"{"table":{"type":"exec","command":["/bin/true"]}}"#,
            422,
            "runs a program",
        ),
        (
            "PUT",
            "monitors/shop",
            r#"{"table":{"type":"postgres","user":"a","password_file":"/etc/shadow"}}"#,
            422,
            "names no file",
        ),
        (
            "PUT",
            "regions/eu-frankfurt/endpoints/fra-one",
            ENDPOINT,
            422,
            "fra-one",
        ),
        (
            "PUT",
            "services/shop-b/endpoints/x/y",
            ENDPOINT,
            404,
            "nothing that can be declared",
        ),
        ("PUT", "services/shop-b", "{", 400, "the body"),
        ("GET", "services/shop-b", "", 404, "is not declared"),
    ] {
        let body = (!body.is_empty()).then_some(body);
        expect(&declared(method, object, body, &[]), status, words);
    }
    let socket = world.path("waypost.sock");
    let socket = ["-sS", "-N", "--unix-socket", socket.to_str().unwrap()];
    let mut command = Command::new("curl");
    command.args(socket).arg("http://localhost/api/v1/events");
    let stream = world.start("stream", &mut command);
    wait_for("the stream of events", || {
        stream.log().contains("event: whole")
    });
    // A batch is done whole, or not at all.
    let batch = |objects: &str, more: &[&str]| {
        let body = format!("{{\"objects\":{{{objects}}}}}");
        curl(&world, "PATCH", "declared", Some(&body), more)
    };
    let b = SHOP.replace("a.shop", "b.shop");
    let said = batch(
        &format!("\"services/shop-a\":null,\"services/shop-b\":{b},\"services/no\":{b}"),
        &[],
    );
    expect(&said, 403, "services.no");
    assert_eq!(short("b.shop.example.org"), Vec::<String>::new());
    let said = batch(
        &format!("\"services/shop-a\":null,\"services/shop-b\":{b}"),
        &["-H", "If-Match: \"3\""],
    );
    expect(&said, 200, "- services.shop-a");
    assert_eq!(short("a.shop.example.org"), Vec::<String>::new());
    let (said, _) = waypost(
        &world,
        &["explain", "b.shop.example.org", "--client", "198.51.100.1"],
    );
    assert!(said.contains("127.1.0.1"), "{said}");
    let said = curl(
        &world,
        "GET",
        "explain?name=b.shop.example.org&client=198.51.100.1&format=text",
        None,
        &[],
    );
    assert!(said.contains("services.shop-b, by "), "{said}");
    wait_for("the change to be in the timeline", || {
        let said = curl(&world, "GET", "history", None, &[]);
        said.contains("\"kind\":\"declared\"") && said.contains("+ services.shop-a")
    });
    wait_for("the change to be in the stream of events", || {
        let said = stream.log();
        said.contains("event: told") && said.contains("- services.shop-a")
    });

    // Whatever was answered is there after kill -9, also for those who read the files alone.
    up.kill();
    let up = world.waypost();
    assert_eq!(short("b.shop.example.org"), ["127.1.0.1"]);
    expect(&declared("GET", path, None, &[]), 200, "etag: \"3\"");
    let asked = ["explain", "b.shop.example.org", "--client", "198.51.100.1"];
    let (said, well) = waypost(&world, &asked);
    assert!(well && said.contains("127.1.0.1"), "{said}");
    let (said, well) = waypost(&world, &["verify"]);
    assert!(well, "{said}");
    // The server proves the same plan.
    let proof = curl(&world, "GET", "verify", None, &[]);
    expect(&proof, 200, "\"proved\":true");
    assert!(proof.contains("\"service\":\"shop-b\""), "{proof}");

    // A config that defines what is declared is refused; another one is taken with all of it.
    let config = world.path("config.toml");
    let config = config.to_str().unwrap();
    let clash = "[services.shop-b]\nhostnames = [\"c.shop.example.org\"]\nmonitors = [\"web\"]\n";
    world.write("config.toml", &format!("{CONFIG}{DYNAMIC}{clash}"));
    let (said, well) = run(WAYPOST, &["reload", "--config", config]);
    assert!(
        !well && said.contains("services.shop-b stands in a file"),
        "{said}"
    );
    assert_eq!(short("b.shop.example.org"), ["127.1.0.1"]);
    // Nor does a change of something else take that file in.
    expect(
        &declared("PATCH", path, Some(r#"{"table":{"weight":60}}"#), &[]),
        200,
        "~ regions",
    );
    assert_eq!(short("c.shop.example.org"), Vec::<String>::new());
    // A start is not refused: what does not fit is left out, kept, and can be deleted.
    up.kill();
    let up = world.waypost();
    assert!(up.log().contains("declared_conflict"), "{}", up.log());
    assert_eq!(short("b.shop.example.org"), Vec::<String>::new());
    assert_eq!(short("c.shop.example.org"), ["127.1.0.1"]);
    expect(&declared("GET", path, None, &[]), 200, "\"weight\":60");
    expect(
        &declared("DELETE", "services/shop-b", None, &[]),
        200,
        "- services.shop-b",
    );
    expect(
        &declared("PATCH", path, Some(r#"{"table":{"weight":70}}"#), &[]),
        200,
        "~ regions",
    );
    let audit = fs::read_to_string(world.path("state/audit.jsonl")).unwrap();
    assert!(
        audit.contains("declare objects") && audit.contains("launch"),
        "{audit}"
    );
    drop(up);
}

#[test]
fn what_is_declared_goes_to_files_and_comes_from_them() {
    let world = World::new();
    let _machine = world.backend("127.1.0.1");
    let up = server(&world);
    let put = |object: &str, body: &str| {
        let said = curl(
            &world,
            "PUT",
            &format!("declared/{object}"),
            Some(body),
            &[],
        );
        expect(&said, 200, "declared: ");
    };
    put("services/shop-a", SHOP);
    put("regions/eu-frankfurt/endpoints/fra-nine", ENDPOINT);
    let folder = world.path("all");
    let folder = folder.to_str().unwrap();
    let (said, well) = waypost(&world, &["export", folder]);
    assert!(well && said.contains("2 objects"), "{said}");
    let (said, well) = waypost(&world, &["apply", folder]);
    assert!(well && said.contains("as the files say"), "{said}");
    let shop = fs::read_to_string(world.path("all/services/shop-a.toml")).unwrap();
    world.write(
        "all/services/shop-a.toml",
        &shop.replace("a.shop", "z.shop"),
    );
    fs::remove_file(world.path("all/regions/eu-frankfurt/endpoints/fra-nine.toml")).unwrap();
    let (said, well) = waypost(&world, &["apply", folder]);
    assert!(!well && said.contains("~ services/shop-a"), "{said}");
    assert!(
        said.contains("- regions/eu-frankfurt/endpoints/fra-nine"),
        "{said}"
    );
    assert_eq!(short("z.shop.example.org"), Vec::<String>::new());
    let (said, well) = waypost(
        &world,
        &["apply", folder, "--yes", "--reason", "as files say"],
    );
    assert!(well, "{said}");
    assert_eq!(short("z.shop.example.org"), ["127.1.0.1"]);
    let (said, well) = waypost(&world, &["apply", folder]);
    assert!(well && said.contains("as the files say"), "{said}");
    drop(up);
}

#[test]
fn a_change_that_a_full_disk_does_not_keep_is_not_made() {
    let world = World::new();
    let config = format!("{CONFIG}{DYNAMIC}");
    let _machine = world.backend("127.1.0.1");
    // On another disk: a change that cannot be recorded is not made either.
    let config = config.replace("[control]\n", "[control]\naudit = \"audit.jsonl\"\n");
    world.write("config.toml", &config);
    world.write("zones/example.org.zone", ZONE);
    let script = format!(
        "mount --make-rprivate / && mkdir -p state && mount -t tmpfs -o size=256k,mode=700 none state && \
         (cat /dev/zero > state/fill || true) && exec {WAYPOST} run --log json --config config.toml"
    );
    let mut command = Command::new("unshare");
    let up = world.start("full", command.args(["-m", "sh", "-c", &script]));
    let put = || curl(&world, "PUT", "declared/services/shop-a", Some(SHOP), &[]);
    wait_for("the server to say that it cannot be kept", || {
        let said = put();
        said.starts_with("HTTP/1.1 503") && said.contains("objects.log")
    });
    assert_eq!(short("a.shop.example.org"), Vec::<String>::new());
    let said = curl(&world, "GET", "declared", None, &[]);
    expect(&said, 200, "\"objects\":{}");
    let id = up.id().to_string();
    let fill = world.path("state/fill");
    let (said, well) = run("nsenter", &["-t", &id, "-m", "rm", fill.to_str().unwrap()]);
    assert!(well, "{said}");
    wait_for("the change to be kept", || {
        put().starts_with("HTTP/1.1 200")
    });
    assert_eq!(short("a.shop.example.org"), ["127.1.0.1"]);
}
