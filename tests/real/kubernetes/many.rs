//! Thousands of resources at once.
use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn thousands_at_once_are_batches_and_bad_ones_hold_up_nobody() {
    let stage = Stage::start();
    stage.install();
    let named = |kind: &str, own: Value| json!([kind, own]);
    // As many as a program that is not optimised takes in within the time; Waypost serves 10,000 services at the most.
    let many = std::env::var("KUBERNETES_RESOURCES").map_or(100, |own| own.parse().unwrap());
    let bad = many / 2;
    let mut all = Vec::new();
    for number in 0..many {
        let name = format!("s{number}");
        let meta = |more: Value| {
            let mut own = json!({ "name": name, "namespace": "team" });
            own["labels"] = more;
            own
        };
        let address = format!("192.0.{}.{}", 2 + number / 250, 1 + number % 250);
        all.push(named(
            "/services",
            json!({ "metadata": meta(json!({})), "spec": {},
            "status": { "loadBalancer": { "ingress": [{ "ip": address }] } } }),
        ));
        all.push(named("discovery.k8s.io/endpointslices", json!({ "addressType": "IPv4",
            "metadata": meta(json!({ "kubernetes.io/service-name": name })), "endpoints": endpoints(&[("10.0.0.1", true)]) })));
        // One of them wants a name that a zone has.
        let hostname = match number == bad {
            true => "mail.example.org".to_owned(),
            false => format!("{name}.example.org"),
        };
        let mut own = resource(
            &name,
            &hostname,
            &json!([{ "name": "a", "cluster": "fra", "service": { "name": name } }]),
        );
        // And one a monitor that is not there.
        if number == bad + 1 {
            own["spec"]["monitors"] = json!(["none"]);
        }
        own["metadata"]["namespace"] = json!("team");
        all.push(named("waypost.dev/waypostservices", own));
    }
    assert_eq!(api(FRA, "POST", "/_test/load", Some(&json!(all))).0, 200);
    let controller = stage.run("one");
    let kind = "/_test/count?kind=waypost.dev/waypostservices";
    let count = || api(FRA, "POST", kind, None).1;
    // A server that is not optimised takes its time for each batch: it has to go on, however slowly.
    for part in [many / 8, many / 4, many / 2, many - many / 8, many - 2] {
        wait_for(&format!("{part} of {many}"), || {
            count()["programmed"].as_i64() >= Some(part.into())
        });
    }
    wait_for("all but two to be ready", || count()["ready"] == many - 2);
    for (number, told) in [(bad, "static A"), (bad + 1, "none")] {
        let name = format!("s{number}");
        let said = wait_for_condition(&name, "Programmed", "False", "Refused");
        assert!(said.contains(told), "{said}");
    }
    let last = format!("192.0.{}.{}", 2 + (many - 1) / 250, 1 + (many - 1) % 250);
    assert_eq!(
        answer(&format!("s{}.example.org", many - 1), GERMAN).trim(),
        last
    );
    let batches = || {
        let audit = fs::read_to_string(stage.world.path("state/audit.jsonl")).unwrap();
        audit.matches("\"action\":\"declare objects\"").count()
    };
    let made = batches();
    assert!(made < 100, "{made} changes were asked for");
    assert!(
        controller.log().matches("refused: ").count() < 20,
        "{}",
        controller.log()
    );
    // What is deleted together is removed together.
    for number in 0..many {
        let path = format!("{RESOURCES}/s{number}");
        assert_eq!(api(FRA, "DELETE", &path, None).0, 200, "{path}");
    }
    wait_for("all of them to be gone", || {
        api(FRA, "GET", RESOURCES, None).1["items"] == json!([])
    });
    let removed = i32::try_from(batches() - made).unwrap();
    assert!(
        (1..many / 2).contains(&removed),
        "{removed} changes were asked for"
    );
    let declared = stage.admin("GET", "declared", None).1;
    let left: Vec<&String> = declared["objects"].as_object().unwrap().keys().collect();
    assert_eq!(left, ["monitors/k8s-ready"]);
}
