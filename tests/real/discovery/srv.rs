//! SRV records, as NSD has them and Unbound resolves them: machines by name, weights, priorities as tiers.
use crate::names::Cast;

use super::*;

#[test]
fn srv_records_are_followed_with_their_machines_and_priorities() {
    const MACHINES: &str = "a A 127.9.0.1\nb A 127.9.0.2\nc A 127.9.0.3\nd A 127.9.0.4\n";
    let mut cast = Cast::new(&format!(
        "_http._tcp SRV 1 10 8080 a\n_http._tcp SRV 1 0 8080 b\n_http._tcp SRV 2 0 8080 c\n{MACHINES}"
    ));
    configure(
        &cast.world,
        "srv = \"_http._tcp.cdn.test\"\njurisdiction = \"EEA\"\nflatten = true\nprobe_port = true",
    );
    let up = cast.world.waypost();
    wait_for_answers(&["127.9.0.1", "127.9.0.2"]);
    let (_, body) = get("/api/v1/status").unwrap();
    let status_of = |name: &str| {
        let status: Value = serde_json::from_str(&body).unwrap();
        let endpoints = status["regions"][0]["endpoints"]
            .as_array()
            .unwrap()
            .clone();
        endpoints
            .into_iter()
            .find(|own| own["name"] == name)
            .unwrap()
    };
    let [a, b, c] = ["a", "b", "c"].map(|own| status_of(&format!("web-{own}.cdn.test-8080")));
    assert_eq!((&a["weight"], &b["weight"]), (&10.into(), &1.into()));
    assert_eq!(
        (&a["tier"], &c["tier"], &c["weight"]),
        (&1.into(), &2.into(), &100.into())
    );
    assert_eq!(
        (&a["discovery"], &a["provider"]),
        (&"web".into(), &"hetzner".into())
    );
    // Others, then nobody who knows.
    cast.set(&format!(
        "_http._tcp SRV 1 10 8080 a\n_http._tcp SRV 1 10 8080 d\n{MACHINES}"
    ));
    wait_for_answers(&["127.9.0.1", "127.9.0.4"]);
    cast.stop();
    wait_for_fault(Some("failing"), &["127.9.0.1", "127.9.0.4"]);
    // A name that vanishes takes nobody out.
    cast.set(MACHINES);
    wait_for("the name to vanish", || {
        status()["reason"]
            .as_str()
            .is_some_and(|own| own.contains("no such name"))
    });
    assert_eq!(asked("api.example.org", "A"), ["127.9.0.1", "127.9.0.4"]);
    drop(up);
}
