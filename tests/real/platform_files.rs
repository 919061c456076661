//! The files of `deploy/platform`, read by the programs that they are for, and held beside each other: a region is called the same everywhere.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{World, repository, run};

/// Renders the chart of a service with values of several files, and validates what comes; a list of objects for each.
const RENDER: &str = r#"
import json, sys
import helm_python as helm
import kubernetes_validate
import yaml

folder, result = sys.argv[1], []
lint = helm.lint(folder)
assert not lint["errors"] and not lint["messages"], lint
with helm.Chart.load(folder) as chart:
    for path in sys.argv[2:]:
        values = yaml.safe_load(open(path))
        chart.validate_schema(values)
        texts = chart.render(values, name="shop", namespace="prod")
        result.append([own for path, text in texts.items() if path.endswith(".yaml") for own in yaml.safe_load_all(text) if own])
for own in [own for objects in result for own in objects]:
    # Istio's have schemas of their own.
    if not own["apiVersion"].startswith("networking.istio.io/"):
        for version in ("1.27", "1.32", "1.37"):
            kubernetes_validate.validate(own, version, strict=True)
print(json.dumps(result))
"#;

fn platform(path: &str) -> PathBuf {
    repository("deploy/platform").join(path)
}

/// The shipped config, without what Ansible puts in.
fn config() -> toml::Table {
    let text = fs::read_to_string(platform("waypost/config.toml.j2")).unwrap();
    toml::from_str(&text).unwrap()
}

/// Regions, each with the first that is asked in its place.
fn regions() -> BTreeMap<String, String> {
    let config = config();
    let regions = config["regions"].as_table().unwrap().iter();
    let first = |region: &toml::Value| region["fallback"][0].as_str().unwrap().to_owned();
    let regions = regions.map(|(name, region)| (name.clone(), first(region)));
    regions.collect()
}

/// Endpoints, each with its address, provider and region.
fn endpoints() -> BTreeSet<[String; 4]> {
    let config = config();
    let mut found = BTreeSet::new();
    for (region, own) in config["regions"].as_table().unwrap() {
        for endpoint in own["endpoints"].as_array().unwrap() {
            let word = |key: &str| endpoint[key].as_str().unwrap().to_owned();
            let address = endpoint["addresses"][0].as_str().unwrap().to_owned();
            found.insert([word("name"), address, word("provider"), region.clone()]);
        }
    }
    assert_eq!(found.len(), 8);
    found
}

fn python(arguments: &[&Path]) -> (String, bool) {
    let program = repository("target/deploy-python/bin/python3");
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (text, output.status.success())
}

/// The words of a program on files of the platform go well.
fn well(words: &[&str]) -> String {
    let folder = platform("");
    let command = format!("cd {} && {}", folder.display(), words.join(" "));
    let (said, well) = run("bash", &["-c", &command]);
    assert!(well, "{words:?}: {said}");
    said
}

#[test]
fn machines_are_as_their_providers_take_them() {
    let world = World::new();
    let engine = repository("target/terraform-python/bin/python3");
    let script = repository("tests/real/terraform.py");
    let (said, formatted) = run(
        engine.to_str().unwrap(),
        &[
            script.to_str().unwrap(),
            "fmt",
            "-check",
            "-recursive",
            platform("machines").to_str().unwrap(),
        ],
    );
    assert!(formatted, "{said}");
    let check = repository("tests/real/providers.py");
    let packages = repository("target/provider-schemas");
    let (said, well) = python(&[&check, &platform("machines"), &packages]);
    assert!(well && said.contains("21 resources"), "{said}");
    // What a provider does not take is seen: an argument, one that is missing, an attribute.
    let bent = [
        ("server_type ", "servertype ", "no argument servertype"),
        ("      direction   = \"in\"\n", "", "direction is required"),
        ("frankfurt.ipv4_address", "frankfurt.ip", "no attribute ip"),
        ("ports    =", "port     =", "no argument port"),
    ];
    let mut texts = String::new();
    for own in fs::read_dir(platform("machines")).unwrap() {
        let own = own.unwrap();
        let mut text = fs::read_to_string(own.path()).unwrap();
        texts += &text;
        for (right, wrong, _) in bent {
            text = text.replace(right, wrong);
        }
        world.write(&format!("bent/{}", own.file_name().display()), &text);
    }
    let (said, well) = python(&[&check, &world.path("bent"), &packages]);
    assert!(!well, "{said}");
    for (right, _, told) in bent {
        assert!(
            texts.contains(right) && said.contains(told),
            "{told}: {said}"
        );
    }
}

#[test]
fn those_who_read_them_take_them() {
    let world = World::new();
    let made = rcgen::generate_simple_self_signed(["api.example.org".to_owned()]).unwrap();
    let pem = made.cert.pem() + &made.signing_key.serialize_pem();
    let certificates = world.write("certs/own.pem", &pem);
    let certificates = certificates.parent().unwrap();
    well(&[
        &format!("CERTS={}", certificates.display()),
        "haproxy -c -f front/haproxy.cfg",
    ]);
    well(&["promtool check config monitoring/prometheus.yaml"]);
    well(&["promtool test rules monitoring/platform-alerts.test.yaml"]);
    // Certificates are where they are named.
    for file in ["ca.pem", "machine.pem", "collector.pem"] {
        world.write(&format!("logs/{file}"), &made.cert.pem());
    }
    for file in ["machine.key", "collector.key"] {
        world.write(&format!("logs/{file}"), &made.signing_key.serialize_pem());
    }
    for file in ["machine", "collector"] {
        let text = fs::read_to_string(platform(&format!("logs/{file}.conf"))).unwrap();
        let text = text.replace("/etc/rsyslog.d", world.path("logs").to_str().unwrap());
        let own = world.write(&format!("logs/{file}.conf"), &text);
        let said = well(&[&format!("rsyslogd -N1 -f {}", own.display())]);
        assert!(!said.contains("error"), "{said}");
    }
    for service in ["core", "regional", "global"] {
        // The one of Debian is older than `name`.
        well(&[
            "cd compose && sed /^name:/d compose.yaml |",
            &format!("SERVICE={service} APP_IMAGE=app docker-compose -f - config -q"),
        ]);
    }
    well(&["sh -n postgres/standby && sh -n postgres/backup"]);
    let world_config = world.path("ansible.cfg");
    let collection = world.path("collections/ansible_collections/waypost");
    fs::create_dir_all(&collection).unwrap();
    std::os::unix::fs::symlink(repository("deploy/ansible"), collection.join("waypost")).unwrap();
    let collections = format!(
        "[defaults]\ncollections_path = {}\n",
        world.path("collections").display()
    );
    fs::write(&world_config, collections).unwrap();
    let playbook = repository("target/deploy-python/bin/ansible-playbook");
    well(&[
        &format!("ANSIBLE_CONFIG={}", world_config.display()),
        playbook.to_str().unwrap(),
        "-i ansible/hosts.yml ansible/site.yml --syntax-check",
    ]);
}

#[test]
fn machines_are_the_same_for_everybody() {
    let endpoints = endpoints();
    let known: BTreeSet<&str> = endpoints.iter().map(|own| own[0].as_str()).collect();
    // Terraform's outputs, and what was ordered by hand.
    let outputs = fs::read_to_string(platform("machines/outputs.tf")).unwrap();
    let by_hand = fs::read_to_string(platform("machines/iceland.tf")).unwrap();
    for [name, _, provider, region] in &endpoints {
        let is_there = outputs.lines().any(|line| {
            line.trim_start().starts_with(&format!("{name} "))
                && line.contains(&format!("region = \"{region}\", provider = \"{provider}\""))
        });
        let is_ordered = region == "eu-iceland"
            && by_hand.contains(&format!("{{ provider = \"{provider}\""))
            && outputs.contains("region = \"eu-iceland\"");
        assert!(is_there || is_ordered, "{name}");
    }
    // Ansible's inventory.
    let inventory = repository("target/deploy-python/bin/ansible-inventory");
    let said = well(&[
        inventory.to_str().unwrap(),
        "-i ansible/hosts.yml --list 2>/dev/null",
    ]);
    let inventory: Value = serde_json::from_str(&said).unwrap();
    let hosts = inventory["_meta"]["hostvars"].as_object().unwrap();
    assert_eq!(
        hosts.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
    // Those that Prometheus asks.
    let listed = fs::read_to_string(platform("monitoring/machines.json")).unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), endpoints.len());
    for [name, address, provider, region] in &endpoints {
        assert_eq!(&hosts[name]["ansible_host"], address.as_str());
        let own = listed.iter().find(|own| own["targets"][0] == **address);
        let labels = &own.unwrap()["labels"];
        assert_eq!(
            (labels["region"].as_str(), labels["provider"].as_str()),
            (Some(&**region), Some(&**provider))
        );
    }
}

fn rendered(world: &World, values: &[PathBuf]) -> (String, bool) {
    let script = world.write("render.py", RENDER);
    let chart = platform("service");
    let words = [&script, &chart].into_iter().chain(values);
    python(&words.map(PathBuf::as_path).collect::<Vec<_>>())
}

/// Istio's part of what was rendered.
fn locality(objects: &[Value]) -> &Value {
    let rule = objects.iter().find(|own| own["kind"] == "DestinationRule");
    let policy = &rule.unwrap()["spec"]["trafficPolicy"];
    assert!(policy["outlierDetection"].is_object());
    &policy["loadBalancer"]["localityLbSetting"]
}

/// The region whose nodes run it.
fn placed(objects: &[Value]) -> Option<&str> {
    let own = objects.iter().find(|own| own["kind"] == "Deployment")?;
    let terms = "/spec/template/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/0";
    let own = own.pointer(terms).unwrap();
    assert_eq!(own["key"], "topology.kubernetes.io/region");
    own["values"][0].as_str()
}

#[test]
fn the_mesh_knows_regions_by_the_names_of_waypost() {
    let world = World::new();
    let (regions, own) = (regions(), config());
    let homes = own["services"]["billing"]["regions"].as_array().unwrap();
    let home = homes[0].as_str().unwrap();
    let mut values: Vec<PathBuf> = ["values.yaml", "values-core.yaml", "values-regional.yaml"]
        .map(|file| platform("service").join(file))
        .into();
    for (region, first) in &regions {
        for (kind, more) in [
            ("core", format!("failover: {first}")),
            ("global", format!("regions: [{home}]")),
        ] {
            let text = format!("kind: {kind}\nregion: {region}\n{more}\n");
            values.push(world.write(&format!("{kind}-{region}.yaml"), &text));
        }
    }
    let (said, well) = rendered(&world, &values);
    assert!(well, "{said}");
    let all: Vec<Vec<Value>> = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let (shipped, made) = all.split_at(3);
    // A core service: beyond its region as Waypost's fallback has it.
    for objects in &shipped[..2] {
        let failover = &locality(objects)["failover"][0];
        let [from, to] = ["from", "to"].map(|key| failover[key].as_str().unwrap());
        assert_eq!(regions.get(from).map(String::as_str), Some(to));
        assert_eq!(placed(objects), Some(from));
    }
    // A regional one: nowhere else.
    let region = placed(&shipped[2]).unwrap();
    assert!(regions.contains_key(region));
    let distribute = &locality(&shipped[2])["distribute"][0];
    assert_eq!(distribute["from"], format!("{region}/*"));
    assert_eq!(distribute["to"], json!({ format!("{region}/*"): 100 }));
    // In each region; a global one where Waypost's config has it.
    for ((region, first), made) in regions.iter().zip(made.chunks(2)) {
        assert_eq!(placed(&made[0]), Some(region.as_str()));
        let expected = json!([{ "from": region, "to": first }]);
        assert_eq!(locality(&made[0])["failover"], expected);
        assert_eq!(placed(&made[1]).is_some(), region == home, "{region}");
    }
    // Another name is refused.
    let other = world.write("other.yaml", "region: eu-central-1\n");
    let (said, well) = rendered(&world, &[other]);
    assert!(!well && said.contains("at '/region'"), "{said}");
}
