use super::*;
use crate::config::tests::TEXT;
use crate::facts::{GatewayFacts, Known};

fn config() -> Config {
    serde_saphyr::from_str(TEXT).unwrap()
}

fn resource(spec: Json) -> WaypostService {
    serde_json::from_value(json!({
        "apiVersion": "waypost.dev/v1alpha1", "kind": "WaypostService",
        "metadata": { "namespace": "team", "name": "shop" }, "spec": spec,
    }))
    .unwrap()
}

fn shop() -> WaypostService {
    resource(json!({
        "hostnames": ["shop.example.org"], "monitors": ["web"], "ttl": { "min": "1s" },
        "policy": "order", "order": ["eu-frankfurt"], "unknown": ["any"], "allDown": "fail-open",
        "backends": [
            { "name": "fra", "cluster": "fra", "service": { "name": "shop", "addresses": "Endpoints" }, "port": 8080 },
            { "name": "tor", "cluster": "tor", "gateway": { "name": "edge" }, "weight": 20 },
        ],
    }))
}

fn known<F: PartialEq + Clone>(all: &[([&str; 3], F)]) -> Known<F> {
    let mut known = Known::default();
    for (key, own) in all {
        known.set(key.map(str::to_owned), own.clone());
    }
    known.is_read = true;
    known
}

fn slice(all: &[(&str, bool)]) -> BTreeMap<IpAddr, bool> {
    let all = all
        .iter()
        .map(|(own, ready)| (own.parse().unwrap(), *ready));
    all.collect()
}

fn world() -> World {
    let gateway = GatewayFacts {
        addresses: vec!["192.0.2.7".to_owned()],
        is_programmed: true,
    };
    let mut world = World::default();
    let fra = world.clusters.entry("fra".to_owned()).or_default();
    fra.services = known(&[(["team", "shop", ""], vec!["192.0.2.1".to_owned()])]);
    fra.slices = known(&[
        (["team", "shop", "a"], slice(&[("10.0.0.2", true)])),
        (
            ["team", "shop", "b"],
            slice(&[("10.0.0.1", false), ("10.0.0.2", false)]),
        ),
        (["team", "shop2", "a"], slice(&[("10.0.0.3", true)])),
        (["other", "shop", "a"], slice(&[("10.0.0.4", true)])),
    ]);
    let tor = world.clusters.entry("tor".to_owned()).or_default();
    tor.gateways = known(&[(["team", "edge", ""], gateway)]);
    world
}

fn planned(world: &World, declared: Option<&Json>) -> Wanted {
    plan((&shop(), &config()), world, declared)
}

#[test]
fn a_resource_becomes_one_service_with_endpoints_of_its_own() {
    let wanted = planned(&world(), None);
    assert_eq!((&wanted.fault, &wanted.unresolved), (&None, &None));
    let expected = json!({
        "hostnames": ["shop.example.org"], "monitors": ["web", "k8s-ready"], "ttl": { "min": "1s" },
        "unknown": "any", "all_down": "fail-open",
        "steering": { "policy": "order", "order": ["eu-frankfurt"] },
        "endpoints": [
            { "name": "k8s-team_shop_fra", "region": "eu-frankfurt", "provider": "hetzner",
              "probe": { "port": 8080 }, "addresses": ["10.0.0.1", "10.0.0.2"] },
            { "name": "k8s-team_shop_tor", "region": "na-toronto", "provider": "kubernetes",
              "weight": 20, "addresses": ["192.0.2.7"] },
        ],
    });
    assert_eq!(wanted.table, Some(expected));
    let each = Report::Each(slice(&[("10.0.0.1", false), ("10.0.0.2", true)]));
    let reports = [
        ("k8s-team_shop_fra".to_owned(), Some(each)),
        ("k8s-team_shop_tor".to_owned(), Some(Report::All(true))),
    ];
    assert_eq!(wanted.reports, reports.into());
}

#[test]
fn a_cluster_that_is_not_heard_keeps_what_it_has() {
    let declared = planned(&world(), None).table.unwrap();
    // Heard before, and away now: the facts stay, and it is said.
    let mut away = world();
    let fault = Some("connection refused".to_owned());
    away.clusters.get_mut("tor").unwrap().gateways.fault = fault;
    let wanted = planned(&away, Some(&declared));
    assert_eq!(wanted.table.as_ref(), Some(&declared));
    let (reason, message) = wanted.unresolved.unwrap();
    assert_eq!(reason, "ClusterUnreachable");
    assert_eq!(message, "tor: connection refused");
    // Never heard since the start: as it is at Waypost, and nothing is said of its readiness.
    away.clusters.remove("tor");
    let wanted = planned(&away, Some(&declared));
    assert_eq!(wanted.table.as_ref(), Some(&declared));
    assert_eq!(wanted.reports["k8s-team_shop_tor"], None);
    assert_eq!(wanted.unresolved.unwrap().0, "ClusterUnreachable");
    // Without anything at Waypost there is one endpoint.
    let wanted = planned(&away, None);
    assert_eq!(wanted.endpoints.len(), 1);
}

#[test]
fn what_is_gone_goes_but_the_last_stays_and_is_down() {
    let declared = planned(&world(), None).table.unwrap();
    let mut less = world();
    less.clusters.get_mut("fra").unwrap().slices = known(&[]);
    let wanted = planned(&less, Some(&declared));
    let (reason, message) = wanted.unresolved.unwrap();
    assert_eq!(reason, "NoAddresses");
    assert!(message.contains("no EndpointSlice"), "{message}");
    assert_eq!(wanted.endpoints.len(), 1);
    less.clusters.get_mut("tor").unwrap().gateways = known(&[]);
    let wanted = planned(&less, Some(&declared));
    assert_eq!(wanted.table, Some(declared));
    assert!(
        wanted
            .reports
            .values()
            .all(|own| *own == Some(Report::All(false)))
    );
    let wanted = planned(&less, None);
    assert_eq!(wanted.table, None);
    assert_eq!(wanted.unresolved.unwrap().0, "NoAddresses");
}

#[test]
fn a_load_balancer_is_ready_while_an_endpoint_is() {
    let own = resource(json!({ "hostnames": ["a.example.org"], "backends": [
        { "name": "fra", "cluster": "fra", "service": { "name": "shop" } } ] }));
    let mut world = world();
    let report = |world: &World| {
        let wanted = plan((&own, &config()), world, None);
        wanted.reports["k8s-team_shop_fra"].clone()
    };
    assert_eq!(report(&world), Some(Report::All(true)));
    let fra = world.clusters.get_mut("fra").unwrap();
    fra.slices = known(&[(["team", "shop", "a"], slice(&[("10.0.0.2", false)]))]);
    assert_eq!(report(&world), Some(Report::All(false)));
    let fra = world.clusters.get_mut("fra").unwrap();
    fra.slices = Known::default();
    assert_eq!(report(&world), None);
    let fra = world.clusters.get_mut("fra").unwrap();
    fra.services = known(&[(["team", "shop", ""], vec!["lb.example.net".to_owned()])]);
    let wanted = plan((&own, &config()), &world, None);
    let table = wanted.table.unwrap();
    assert_eq!(table["endpoints"][0]["hostname"], "lb.example.net");
}

#[test]
fn what_cannot_be_is_refused() {
    let backend = |name: &str, cluster: &str, kind: &str| json!({ "name": name, "cluster": cluster, kind: { "name": "x" } });
    let long = "a".repeat(60);
    for (backends, told) in [
        (vec![backend("a", "none", "service")], "no cluster none"),
        (vec![backend("a", "fra", "gateway")], "gateways: true"),
        (
            vec![backend("a", "fra", "neither")],
            "one of service and gateway",
        ),
        (
            vec![
                backend("a", "fra", "service"),
                backend("a", "fra", "service"),
            ],
            "two of them",
        ),
        (vec![backend(&long, "fra", "service")], "longer than 63"),
    ] {
        let own = resource(json!({ "hostnames": ["a.example.org"], "backends": backends }));
        let wanted = plan((&own, &config()), &world(), None);
        let fault = wanted.fault.unwrap();
        assert!(fault.contains(told), "{fault}");
    }
}

#[test]
fn many_addresses_are_bounded_and_the_ready_ones_stay() {
    let all = (0..100u8).map(|own| (IpAddr::from([10, 0, 0, own]), own >= 90));
    let Source::Known(Target::Addresses(all), Some(Report::Each(ready))) = each(all.collect(), "x")
    else {
        panic!("they are known");
    };
    assert_eq!(
        (all.len(), ready.values().filter(|own| **own).count()),
        (64, 10)
    );
}

#[test]
fn a_patch_makes_one_of_another() {
    let from = json!({ "a": 1, "b": { "c": 1, "d": 2 }, "e": [1], "f": 1 });
    let to = json!({ "a": 1, "b": { "c": 2 }, "e": [1, 2], "g": 3 });
    let expected = json!({ "b": { "c": 2, "d": null }, "e": [1, 2], "f": null, "g": 3 });
    assert_eq!(patch(&from, &to), expected);
    assert_eq!(patch(&to, &to), json!({}));
}
