//! Services, endpoints, regions and monitors that Terraform declares, and the proof of what comes of them.
use std::fs;

use super::{NOTHING_NEW, Stage, one_line, short, told};
use crate::world::{repository, run};

/// A resource with a table.
fn object(kind: &str, label: &str, name: &str, table: &str) -> String {
    let head = format!("resource \"waypost_{kind}\" \"{label}\" {{\n  name = \"{name}\"\n");
    format!("{head}  table = jsonencode({table})\n}}\n")
}

/// A service with one machine of its own.
fn service(label: &str, name: &str, hostname: &str, monitor: &str) -> String {
    let endpoint = format!(
        "{{ name = \"{name}-one\", region = \"eu-frankfurt\", provider = \"hetzner\", addresses = [\"192.0.2.80\"] }}"
    );
    let table = format!(
        "{{\n    hostnames = [\"{hostname}\"]\n    monitors  = [{monitor}]\n    endpoints = [{endpoint}]\n  }}"
    );
    object("service", label, name, &table)
}

fn monitor(interval: &str) -> String {
    let table = format!(
        "{{ type = \"http\", port = 8080, path = \"/healthz\", interval = \"{interval}\" }}"
    );
    object("monitor", "web", "shop-web", &table)
}

fn nine(weight: u32) -> String {
    let table = format!(
        "{{ provider = \"ovh\", tier = 3, addresses = [\"192.0.2.9\"], weight = {weight} }}"
    );
    object("endpoint", "nine", "fra-nine", &table)
        .replace("  name", "  region = \"eu-frankfurt\"\n  name")
}

/// The answer of the control API over the socket.
fn asked(stage: &Stage, method: &str, path: &str, body: &str) -> serde_json::Value {
    let socket = stage.world.path("waypost.sock");
    let socket = [
        "-sS",
        "-X",
        method,
        "--unix-socket",
        socket.to_str().unwrap(),
    ];
    let body: &[&str] = if body.is_empty() { &[] } else { &["-d", body] };
    let url = format!("http://localhost/api/v1/{path}");
    let (text, _) = run("curl", &[&socket[..], body, &[&url]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn objects_are_compiled_by_plans_served_looked_after_moved_and_imported() {
    let stage = Stage::start();
    let look = |object: &str| asked(&stage, "GET", &format!("declared/{object}"), "");
    let revision = || asked(&stage, "GET", "declared", "")["revision"].clone();
    let web = "waypost_monitor.web.name";
    let shop = |hostname: &str| service("shop", "shop-a", hostname, web);
    // The service needs the monitor, and neither is there while it is planned.
    stage.init(
        "a",
        &(monitor("5s") + &shop("a.shop.example.org") + &nine(5)),
    );
    let (plan, code) = stage.say("a", &["plan", "-detailed-exitcode"]);
    let to_add = "Plan: 3 to add, 0 to change, 0 to destroy.";
    assert!(code == 2 && plan.contains(to_add), "{plan}");
    assert_eq!(revision(), 0, "it was only planned");
    stage.apply("a");
    assert_eq!(short("a.shop.example.org", "A"), ["192.0.2.80"]);
    let seen = look("services/shop-a");
    assert!(
        seen["author"] == "token terraform" && seen["reason"] == "as code",
        "{seen}"
    );
    stage.nothing_new("a");

    // Somebody else changes one, and takes one away: the next apply brings both back.
    let other = r#"{"table":{"interval":"7s"}}"#;
    asked(&stage, "PATCH", "declared/monitors/shop-web", other);
    let fra_nine = "declared/regions/eu-frankfurt/endpoints/fra-nine";
    asked(&stage, "DELETE", fra_nine, "");
    let (plan, code) = stage.say("a", &["plan", "-detailed-exitcode"]);
    let drift = "Plan: 1 to add, 1 to change, 0 to destroy.";
    assert!(
        code == 2 && plan.contains(drift) && plan.contains("\"7s\" -> \"5s\""),
        "{plan}"
    );
    stage.apply("a");
    assert_eq!(look("monitors/shop-web")["table"]["interval"], "5s");
    assert_eq!(asked(&stage, "GET", fra_nine, "")["table"]["weight"], 5);

    // Another hostname, and a key less; then another name, in one change.
    let bare = nine(5).replace(", weight = 5", "");
    stage.write("a", &(monitor("5s") + &shop("b.shop.example.org") + &bare));
    let said = stage.apply("a");
    assert!(said.contains("0 added, 2 changed, 0 destroyed"), "{said}");
    assert_eq!(short("b.shop.example.org", "A"), ["192.0.2.80"]);
    assert!(short("a.shop.example.org", "A").is_empty());
    let seen = asked(&stage, "GET", fra_nine, "");
    assert!(seen["table"]["weight"].is_null(), "{seen}");
    let moved = service("shop", "shop-b", "b.shop.example.org", web);
    stage.write("a", &(monitor("5s") + &moved));
    let said = stage.apply("a");
    assert!(said.contains("0 added, 1 changed, 1 destroyed"), "{said}");
    assert_eq!(look("services/shop-a")["status"], 404);
    assert_eq!(short("b.shop.example.org", "A"), ["192.0.2.80"]);
    stage.nothing_new("a");

    // Another folder takes it over, and lets it go.
    let taken = moved
        .replace("\"shop\"", "\"taken\"")
        .replace(web, "\"shop-web\"");
    stage.init("b", &taken);
    let said = stage.refused(
        "b",
        &["import", "waypost_service.taken", "monitors/shop-web"],
    );
    assert!(said.contains("is no id of a waypost_service"), "{said}");
    stage.well("b", &["import", "waypost_service.taken", "services/shop-b"]);
    stage.nothing_new("b");
    let said = stage.well("b", &["destroy", "-auto-approve"]);
    assert!(said.contains("1 destroyed"), "{said}");
    assert!(short("b.shop.example.org", "A").is_empty());
    let said = stage.well("a", &["destroy", "-auto-approve"]);
    assert!(said.contains("1 destroyed"), "{said}");
    let left = asked(&stage, "GET", "declared", "");
    assert!(left["objects"].as_object().unwrap().is_empty(), "{left}");
}

#[test]
fn a_plan_refuses_what_an_apply_would_refuse_at_the_attribute() {
    let stage = Stage::start();
    let shop = r#"{"table":{"hostnames":["b.shop.example.org"],"monitors":["web"]}}"#;
    asked(&stage, "PUT", "declared/services/shop-b", shop);
    let before = asked(&stage, "GET", "declared", "")["revision"].clone();
    let name = |label: &str| format!("in resource \"waypost_service\" \"{label}\": 12: name =");
    let table = |label: &str| format!("in resource \"waypost_service\" \"{label}\": 13: table =");
    for (resource, place, words) in [
        (
            service("x", "api", "api.example.org", "\"web\""),
            name("x"),
            "services.api stands in a file of the config, which owns it",
        ),
        (
            service("x", "x", "mail.example.org", "\"web\""),
            name("x"),
            "no rule of `[[dynamic.objects]]`",
        ),
        (
            service("x", "x", "x.shop.example.org", "\"none\""),
            table("x"),
            "monitors = [\"none\"]",
        ),
        (
            service("x", "x", "b.shop.example.org", "\"web\""),
            table("x"),
            "b.shop.example.org",
        ),
        (
            service("x", "shop-b", "b.shop.example.org", "\"web\""),
            name("x"),
            "terraform import ADDRESS services/shop-b",
        ),
        (
            object("service", "x", "x", "[]"),
            table("x"),
            "write `table = jsonencode({ … })`",
        ),
        (
            object("endpoint", "x", "x", "{}"),
            "waypost_endpoint.x".to_owned(),
            "Name the `region` or the `service`",
        ),
    ] {
        stage.write("b", &resource);
        if words.contains("owns it") {
            stage.well("b", &["init"]);
        }
        let said = stage.refused("b", &["plan"]);
        assert!(
            said.contains(words) && said.contains(&place),
            "{place} {words}: {said}"
        );
    }
    assert_eq!(asked(&stage, "GET", "declared", "")["revision"], before);
}

#[test]
fn appliers_of_one_endpoint_meet_and_a_server_restarts_before_an_apply() {
    let mut stage = Stage::start();
    stage.init("a", &nine(5));
    stage.apply("a");
    stage.init("b", &nine(5));
    let id = "regions/eu-frankfurt/endpoints/fra-nine";
    stage.well("b", &["import", "waypost_endpoint.nine", id]);
    for (folder, weight) in [("a", 6), ("b", 7)] {
        stage.write(folder, &nine(weight));
        stage.well(folder, &["plan", "-out=plan"]);
    }
    let appliers =
        ["a", "b"].map(|folder| stage.engine(folder, &["apply", "plan"]).spawn().unwrap());
    let outcomes = appliers.map(|applier| told(applier.wait_with_output().unwrap()));
    let weight = |stage: &Stage| {
        let seen = asked(stage, "GET", &format!("declared/{id}"), "");
        seen["table"]["weight"].clone()
    };
    let (winner, loser) = match weight(&stage) == 6 {
        true => (&outcomes[0], &outcomes[1]),
        false => (&outcomes[1], &outcomes[0]),
    };
    assert_eq!(winner.1, 0, "{}", winner.0);
    let said = one_line(&loser.0);
    assert!(
        loser.1 == 1 && said.contains(&format!("Cannot change {id}: changed by somebody else")),
        "{said}"
    );
    assert!(said.contains("terraform plan"), "{said}");

    // Whoever lost plans again. The server restarts before the apply, and once more while it begins.
    stage.write("a", &nine(8));
    stage.well("a", &["plan", "-out=plan"]);
    stage.restart();
    stage.well("a", &["apply", "plan"]);
    assert_eq!(weight(&stage), 8);
    stage.write("a", &nine(9));
    stage.well("a", &["plan", "-out=plan"]);
    stage.server.take().unwrap().kill();
    let applier = stage.engine("a", &["apply", "plan"]).spawn().unwrap();
    stage.serve();
    let (said, code) = told(applier.wait_with_output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert_eq!(weight(&stage), 9);
    // Of what somebody has changed since, nothing is destroyed.
    stage.well("a", &["plan", "-destroy", "-out=plan"]);
    let other = r#"{"table":{"weight":10}}"#;
    asked(&stage, "PATCH", &format!("declared/{id}"), other);
    let said = stage.refused("a", &["apply", "plan"]);
    assert!(
        said.contains(&format!("Cannot remove {id}: changed by somebody else")),
        "{said}"
    );
    assert_eq!(weight(&stage), 10);
}

#[test]
fn the_shop_is_applied_and_the_fences_are_proved_with_it() {
    let stage = Stage::start();
    let shop = repository("deploy/terraform/examples/shop/main.tf");
    let shop = fs::read_to_string(shop).unwrap();
    let proof = "data \"waypost_verify\" \"proof\" {\n  depends_on = [waypost_service.shop, waypost_endpoint.vancouver, waypost_endpoint.frankfurt]\n}\n\
         output \"proof\" {\n  value = join(\" \", concat([data.waypost_verify.proof.proved ? \"proved\" : \"broken\", \"of\"],\n\
         jsondecode(data.waypost_verify.proof.json).proof.services[*].service))\n}\n\
         output \"policy\" {\n  value = data.waypost_verify.proof.policy\n}\n";
    stage.world.write("a/main.tf", &(shop + proof));
    stage.well("a", &["init"]);
    stage.well("a", &["validate"]);
    let said = stage.apply("a");
    assert!(
        said.contains("6 added") && !said.contains("Check block"),
        "{said}"
    );
    assert!(
        said.contains("proof = \"proved of api userdata shop\""),
        "{said}"
    );
    let status = asked(&stage, "GET", "status", "");
    let policy = format!(
        "policy = \"{}\"",
        status["policy"].as_str().unwrap_or_default()
    );
    assert!(said.contains(&policy), "{policy}: {said}");
    let explained = asked(
        &stage,
        "GET",
        "explain?name=shop.example.org&client=203.0.113.7",
        "",
    );
    assert_eq!(explained["chain"]["service"], "shop", "{explained}");
    let said = stage.well("a", &["plan"]);
    let is_still =
        said.contains(NOTHING_NEW) || said.contains("0 to add, 0 to change, 0 to destroy");
    assert!(is_still, "{said}");
    let said = stage.well("a", &["destroy", "-auto-approve"]);
    assert!(said.contains("6 destroyed"), "{said}");
    let left = asked(&stage, "GET", "declared", "");
    assert!(left["objects"].as_object().unwrap().is_empty(), "{left}");
}
