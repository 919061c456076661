//! The Helm chart of `deploy/helm`: linted and rendered by Helm's own library, validated against the schemas of three versions of
//! Kubernetes, its config and rules judged by those who read them. No cluster runs it.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{World, repository, run};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// Lints, renders with values from a file, and validates; all objects as JSON.
const SCRIPT: &str = r#"
import json, sys
import helm_python as helm
import kubernetes_validate
import yaml

chart_folder, values, versions = sys.argv[1], yaml.safe_load(open(sys.argv[2])) or {}, sys.argv[3:]
lint = helm.lint(chart_folder)
assert not lint["errors"] and not lint["messages"], lint
with helm.Chart.load(chart_folder) as chart:
    chart.validate_schema(values)
    texts = chart.render(values, name="dns", namespace="prod")
objects = [own for path, text in texts.items() if path.endswith(".yaml") for own in yaml.safe_load_all(text) if own]
for own in objects:
    # Those of the Prometheus operator have schemas of their own.
    if own["apiVersion"].startswith("monitoring.coreos.com/"):
        continue
    for version in versions:
        kubernetes_validate.validate(own, version, strict=True)
print(json.dumps(objects))
"#;

const VERSIONS: [&str; 3] = ["1.27", "1.32", "1.37"];

/// Runs the script on values; what it says, and whether it went well.
fn script(world: &World, values: &Path) -> (String, bool) {
    let script = world.write("render.py", SCRIPT);
    let output = Command::new(repository("target/deploy-python/bin/python3"))
        .arg(script)
        .args([&repository("deploy/helm/waypost"), values])
        .args(VERSIONS)
        .output()
        .unwrap_or_else(|error| panic!("cannot start Helm: {error}; tests/run installs it"));
    let text = match output.status.success() {
        true => output.stdout,
        false => output.stderr,
    };
    (String::from_utf8(text).unwrap(), output.status.success())
}

fn rendered(world: &World, values: &Path) -> Vec<Value> {
    let (text, well) = script(world, values);
    assert!(well, "{text}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn object<'v>(objects: &'v [Value], kind: &str, name: &str) -> &'v Value {
    let found = objects
        .iter()
        .find(|own| own["kind"] == kind && own["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The files of the first pod's mounts below a folder, as a kubelet lays them out: Secrets are for the group as well. Each node of a cluster
/// gets keys, and the config its part.
fn lay_out(root: &Path, objects: &[Value], nodes: u8) {
    for part in ["config", "zones", "tls", "secrets", "nodes"] {
        fs::create_dir_all(root.join(part)).unwrap();
        let map = objects.iter().find(|own| {
            own["kind"] == "ConfigMap" && own["metadata"]["name"] == format!("dns-waypost-{part}")
        });
        for (name, text) in map.iter().flat_map(|map| map["data"].as_object().unwrap()) {
            fs::write(root.join(part).join(name), text.as_str().unwrap()).unwrap();
        }
    }
    for (file, source) in [("tls.crt", "chain.pem"), ("tls.key", "key.pem")] {
        let source = repository("tests/config/tls").join(source);
        secret(
            &root.join("tls").join(file),
            &fs::read_to_string(source).unwrap(),
        );
    }
    secret(
        &root.join("secrets/ci"),
        "q80dHRxN2XBQvzpqyLHQZJXEnkq0PxwWFcPeQ4uk7iU=\n",
    );
    let config = root.join("config/config.toml");
    let mut text = fs::read_to_string(&config).unwrap();
    for number in 0..nodes {
        let (name, provider) = (format!("dns-waypost-{number}"), format!("p{number}"));
        let folder = if number == 0 {
            "node".to_owned()
        } else {
            format!("nodes/{number}")
        };
        let (folder, authority) = (root.join(folder), root.join("nodes/ca"));
        let arguments = [
            "node",
            "new",
            &name,
            "--address",
            &name,
            "--region",
            "eu-frankfurt",
            "--provider",
            &provider,
        ];
        let folders = [
            "--dir",
            folder.to_str().unwrap(),
            "--ca-dir",
            authority.to_str().unwrap(),
        ];
        let (said, well) = run(WAYPOST, &[&arguments[..], &folders].concat());
        assert!(well, "{said}");
        text += &said[said.find("[[cluster.nodes]]").unwrap()..];
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            secret(&path, &fs::read_to_string(&path).unwrap());
        }
    }
    fs::write(&config, text).unwrap();
}

fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o440)).unwrap();
}

/// `waypost check` of the config as a pod finds it.
fn check(root: &Path) {
    let output = Command::new(WAYPOST)
        .args(["check", "--config"])
        .arg(root.join("config/config.toml"))
        .env("POD_NAME", "dns-waypost-0")
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        said.contains("well: 1 zone") && !said.contains("error"),
        "{said}"
    );
}

#[test]
fn the_chart_as_it_comes_is_sound() {
    let world = World::new();
    let objects = rendered(&world, &world.write("values.yaml", ""));
    let kinds: Vec<&str> = objects
        .iter()
        .map(|own| own["kind"].as_str().unwrap())
        .collect();
    for kind in [
        "StatefulSet",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Service",
        "ConfigMap",
    ] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    for kind in ["ServiceMonitor", "PrometheusRule", "ClusterRole", "Secret"] {
        assert!(!kinds.contains(&kind), "{kinds:?}");
    }
    let root = world.path("pod");
    lay_out(&root, &objects, 0);
    check(&root);
    let pod = &object(&objects, "StatefulSet", "dns-waypost")["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    for container in pod["containers"].as_array().unwrap() {
        let own = &container["securityContext"];
        assert_eq!(own["readOnlyRootFilesystem"], true, "{container}");
        assert_eq!(own["capabilities"]["drop"][0], "ALL", "{container}");
    }
    // Wrong values are refused, and a wrong field would be seen.
    for (values, told) in [
        ("replicas: 0", "replicas"),
        ("replica: 2", "replica"),
        ("service: { type: Elsewhere }", "type"),
        ("externalDns: { enabled: true }", "name at least one"),
        ("podLabels: { team: [dns] }", "dns"),
        ("controller: { enabled: true }", "controller.token"),
        ("controller: { config: { clusters: [] } }", "clusters"),
    ] {
        let (said, well) = script(&world, &world.write("wrong.yaml", values));
        assert!(!well && said.contains(told), "{values}: {said}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn the_chart_with_everything_is_sound() {
    let world = World::new();
    let objects = rendered(&world, &repository("deploy/helm/waypost/ci/full.yaml"));
    let root = world.path("pod");
    lay_out(&root, &objects, 3);
    check(&root);
    let set = &object(&objects, "StatefulSet", "dns-waypost")["spec"];
    let pod = &set["template"]["spec"];
    // Volumes that are mounted are there, and ports that are named as well.
    let names = |list: &Value| -> Vec<String> {
        let names = list.as_array().unwrap().iter();
        names
            .map(|own| own["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut volumes = names(&pod["volumes"]);
    volumes.extend(
        set["volumeClaimTemplates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|own| own["metadata"]["name"].as_str().unwrap().to_owned()),
    );
    let mut ports = Vec::new();
    for container in pod["containers"].as_array().unwrap() {
        for mount in names(&container["volumeMounts"]) {
            assert!(volumes.contains(&mount), "{mount}");
        }
        ports.extend(names(&container["ports"]));
    }
    let service = object(&objects, "Service", "dns-waypost");
    let nodes = object(&objects, "Service", "dns-waypost-nodes");
    let policy = &object(&objects, "NetworkPolicy", "dns-waypost")["spec"]["ingress"];
    let ingress = policy
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|own| own["ports"].as_array().unwrap());
    let admitted: Vec<&str> = ingress.map(|own| own["port"].as_str().unwrap()).collect();
    for port in [service, nodes]
        .iter()
        .flat_map(|own| own["spec"]["ports"].as_array().unwrap())
    {
        let target = port["targetPort"].as_str().unwrap();
        assert!(ports.iter().any(|own| own == target), "{target}");
        assert!(admitted.contains(&target), "{target}: {admitted:?}");
    }
    assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");
    assert_eq!(set["serviceName"], "dns-waypost-nodes");
    // Alerts are the shipped ones, and Prometheus can read them; their job is the one that is scraped.
    let rule = &object(&objects, "PrometheusRule", "dns-waypost")["spec"];
    let rules = world.write("rules.json", &rule.to_string());
    let (said, well) = run("promtool", &["check", "rules", rules.to_str().unwrap()]);
    let shipped = fs::read_to_string(repository("docker/alerts.yaml")).unwrap();
    let count = shipped.matches("- alert:").count();
    assert!(
        well && said.contains(&format!("{count} rules found")),
        "{said}"
    );
    assert!(
        rule.to_string()
            .contains("https://book.example.org/docs/src/runbooks/WaypostDown.md")
    );
    assert!(shipped.contains("up{job=\"waypost\"}"));
    let monitor = &object(&objects, "ServiceMonitor", "dns-waypost")["spec"];
    let label = monitor["jobLabel"].as_str().unwrap();
    assert_eq!(nodes["metadata"]["labels"][label], "waypost");
    let wanted = monitor["selector"]["matchLabels"].as_object().unwrap();
    assert!(
        wanted
            .iter()
            .all(|(key, value)| &nodes["metadata"]["labels"][key] == value)
    );
    assert!(
        !wanted
            .iter()
            .all(|(key, value)| &service["metadata"]["labels"][key] == value),
        "scraped twice"
    );
    // The program knows the arguments that it is given.
    for container in pod["containers"].as_array().unwrap() {
        if container["image"]
            .as_str()
            .unwrap()
            .contains("dns/waypost@sha256:")
        {
            let arguments = container["args"].as_array().unwrap().iter();
            let mut arguments: Vec<&str> = arguments.map(|own| own.as_str().unwrap()).collect();
            arguments.push("--help");
            let (said, well) = run(WAYPOST, &arguments);
            assert!(well, "{said}");
            let (said, _) = run(
                WAYPOST,
                &[&arguments[..arguments.len() - 1], &["--unknown"]].concat(),
            );
            assert!(said.contains("unexpected argument '--unknown'"), "{said}");
        }
    }
    let token = pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|own| own["volumeMounts"].to_string().contains("serviceaccount"));
    assert_eq!(token.count(), 1, "one container alone sees the token");
    // The controller's config is what its values say, with a Lease beside it that its role is for.
    let map = object(&objects, "ConfigMap", "dns-waypost-controller");
    let config = map["data"]["config.yaml"].as_str().unwrap();
    for line in [
        "owner: waypost-prod",
        "  namespace: prod",
        "  name: dns-waypost-controller",
        "home: here",
    ] {
        assert!(config.lines().any(|own| own == line), "{line}: {config}");
    }
    let rules = &object(&objects, "Role", "dns-waypost-controller")["rules"];
    assert_eq!(rules[1]["resourceNames"][0], "dns-waypost-controller");
    let read = world.write("controller.yaml", config);
    crate::kubernetes::reads(&read);
}
