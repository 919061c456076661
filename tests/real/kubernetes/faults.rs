//! API servers and a Waypost that go away, tokens that end, a definition that is deleted, and leaders that die.
use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn nothing_is_taken_back_because_somebody_is_away() {
    let mut stage = Stage::start();
    let config = fs::read_to_string(stage.world.path("controller.yaml")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["silenceSeconds"] = json!(5);
    stage.world.write("controller.yaml", &config.to_string());
    stage.install();
    service(FRA, "shop", "192.0.2.11");
    gateway(TOR, "edge", "192.0.2.22");
    made(FRA, RESOURCES, &shop());
    let controller = stage.run("one");
    wait_for_answer("shop.example.org", CANADIAN, "192.0.2.22");
    wait_for_condition("shop", "Resolved", "True", "Resolved");
    let (_, before) = stage.admin("GET", "declared/services/k8s-team_shop", None);
    // A cluster that is not heard keeps its endpoints, also over a new start of the controller; what is there is followed meanwhile.
    stage.end_cluster();
    let told = wait_for_condition("shop", "Resolved", "False", "ClusterUnreachable");
    assert!(told.contains("tor"), "{told}");
    controller.kill();
    let controller = stage.run("one");
    let slice = format!("{SLICES}/shop-x");
    let ready = |own: bool| json!({ "endpoints": endpoints(&[("10.0.0.1", own)]) });
    changed(FRA, &slice, &ready(false));
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.22");
    changed(FRA, &slice, &ready(true));
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.11");
    let (_, after) = stage.admin("GET", "declared/services/k8s-team_shop", None);
    assert_eq!(after["revision"], before["revision"]);
    assert_eq!(answer("shop.example.org", CANADIAN).trim(), "192.0.2.22");
    stage.clusters.push(stage.cluster(TOR));
    let addresses = json!([{ "type": "IPAddress", "value": "192.0.2.23" }]);
    changed(
        TOR,
        &format!("{GATEWAYS}/edge"),
        &json!({ "status": { "addresses": addresses } }),
    );
    wait_for_answer("shop.example.org", CANADIAN, "192.0.2.23");
    wait_for_condition("shop", "Resolved", "True", "Resolved");
    // One that takes connections and says nothing is away as well.
    let tor = stage.clusters[1].id();
    kill(tor, Signal::SIGSTOP).unwrap();
    let told = wait_for_condition("shop", "Resolved", "False", "ClusterUnreachable");
    assert!(told.contains("tor"), "{told}");
    kill(tor, Signal::SIGCONT).unwrap();
    wait_for_condition("shop", "Resolved", "True", "Resolved");
    // Waypost starts anew: what changed meanwhile comes then.
    stage.waypost.take().unwrap().kill();
    let ingress = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.12" }] } } });
    changed(FRA, &format!("{SERVICES}/shop"), &ingress);
    stage.waypost = Some(stage.world.waypost());
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.12");
    // A token that holds no longer is told of; one that comes in its place is read without a start.
    stage.world.write("token", "wpt_over");
    made(
        FRA,
        RESOURCES,
        &resource(
            "late",
            "late.example.org",
            &json!([
        { "name": "a", "cluster": "fra", "service": { "name": "shop" } }]),
        ),
    );
    wait_for_condition("late", "Programmed", "False", "Unauthorized");
    let told = wait_for_condition("shop", "Ready", "Unknown", "Unauthorized");
    assert!(told.contains("readiness cannot be told"), "{told}");
    wait_for_condition("shop", "Programmed", "True", "Programmed");
    stage.world.write("token", &stage.secret);
    wait_for_answer("late.example.org", GERMAN, "192.0.2.12");
    wait_for_condition("late", "Programmed", "True", "Programmed");
    wait_for_condition("shop", "Ready", "True", "Ready");
    // Who deletes the definition deletes the resources, and nothing at Waypost.
    let definition = format!("{DEFINITIONS}/waypostservices.waypost.dev");
    assert_eq!(api(FRA, "DELETE", &definition, None).0, 200);
    wait_for("the definition to be gone", || {
        api(FRA, "GET", &definition, None).0 == 404
    });
    assert!(stage.declared("k8s-team_shop") && stage.declared("k8s-team_late"));
    assert_eq!(answer("shop.example.org", GERMAN).trim(), "192.0.2.12");
    wait_for("a watch that is refused", || {
        controller.log().contains("404")
    });
    let before = stage
        .admin("GET", "declared/services/k8s-team_shop", None)
        .1;
    stage.install();
    made(FRA, RESOURCES, &shop());
    wait_for_condition("shop", "Programmed", "True", "Programmed");
    let after = stage
        .admin("GET", "declared/services/k8s-team_shop", None)
        .1;
    assert_eq!(
        after["revision"], before["revision"],
        "it was taken on as it is"
    );
    // What nobody asks for any more is shown, and goes when somebody says so.
    let config = stage.world.path("controller.yaml");
    let orphans = [
        "kubernetes",
        "orphans",
        "--config",
        config.to_str().unwrap(),
    ];
    let path = std::env::var("PATH").unwrap();
    let folder = stage.controller.parent().unwrap().display();
    let output = |more: &[&str]| {
        let mut command = Command::new(WAYPOST);
        command.env("PATH", format!("{folder}:{path}"));
        let output = command.args(orphans).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mut nowhere = Command::new(WAYPOST);
    let nowhere = nowhere
        .args(orphans)
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let said = String::from_utf8(nowhere.stderr).unwrap();
    assert!(
        said.contains("belongs beside `waypost` or on the path"),
        "{said}"
    );
    assert_eq!(output(&[]), "services/k8s-team_late\n");
    assert!(stage.declared("k8s-team_late"));
    assert_eq!(output(&["--delete"]), "services/k8s-team_late\n");
    assert!(!stage.declared("k8s-team_late") && stage.declared("k8s-team_shop"));
}

fn leads(process: &Process) -> bool {
    let log = process.log();
    let last = log.lines().rev().find(|line| line.contains(" leading"));
    last.is_some_and(|line| line.contains(" leading: "))
}

#[test]
fn one_of_several_leads_and_another_takes_over() {
    let stage = Stage::start();
    stage.install();
    service(FRA, "shop", "192.0.2.11");
    gateway(TOR, "edge", "192.0.2.22");
    // With a TTL that stays what it is the explanation does.
    let mut shop = shop();
    shop["spec"]["ttl"] = json!({ "min": "1s", "max": "1s" });
    made(FRA, RESOURCES, &shop);
    let one = stage.run("one");
    wait_for("the first to lead", || leads(&one));
    let two = stage.run("two");
    wait_for("the second to stand by", || two.log().contains("one leads"));
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.11");
    assert!(!leads(&two));
    let status = || {
        let own = api(FRA, "GET", &format!("{RESOURCES}/shop"), None).1;
        (
            own["metadata"]["resourceVersion"].clone(),
            own["status"].clone(),
        )
    };
    wait_for_condition("shop", "Ready", "True", "Ready");
    let mut before = (Value::Null, Value::Null);
    let mut same = 0;
    wait_for("the status to stay as it is", || {
        let now = status();
        same = if now == before { same + 1 } else { 0 };
        before = now;
        same > 60 && before.1["explain"] != json!([])
    });
    one.kill();
    wait_for("the second to lead", || leads(&two));
    // Whoever takes over writes nothing that is there.
    let other = json!([{ "name": "a", "cluster": "fra", "service": { "name": "shop" } }]);
    made(
        FRA,
        RESOURCES,
        &resource("other", "other.example.org", &other),
    );
    wait_for_condition("other", "Programmed", "True", "Programmed");
    assert_eq!(status(), before);
    let ingress =
        |own: &str| json!({ "status": { "loadBalancer": { "ingress": [{ "ip": own }] } } });
    changed(FRA, &format!("{SERVICES}/shop"), &ingress("192.0.2.12"));
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.12");
    // One that was asleep while another took the Lease does nothing more when it wakes.
    let mut one = stage.run("one");
    kill(two.id(), Signal::SIGSTOP).unwrap();
    wait_for("the first to lead again", || leads(&one));
    kill(two.id(), Signal::SIGCONT).unwrap();
    wait_for("the second to know", || {
        two.log().contains("leading_no_more")
    });
    assert!(leads(&one) && !leads(&two));
    // One that is told to end lets go.
    kill(one.id(), Signal::SIGTERM).unwrap();
    assert_eq!(one.wait(), Some(0), "{}", one.log());
    wait_for("the second to lead once more", || leads(&two));
    changed(FRA, &format!("{SERVICES}/shop"), &ingress("192.0.2.13"));
    wait_for_answer("shop.example.org", GERMAN, "192.0.2.13");
    assert!(get("/readyz").is_some_and(|(status, _)| status == 200));
}
