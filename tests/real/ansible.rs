//! The Ansible collection of `deploy/ansible`, run by ansible-core against two machines: roots of their own, each an overlay of this one,
//! reached by what stands in for ssh. Servers run in them as the unit would start them; systemd itself does not.
use std::process::Command;

use nix::unistd::Pid;
use serde_json::Value;

use crate::world::{CONFIG, Process, World, ZONE, dig, repository, run, wait_for};

const WAYPOST: &str = env!("CARGO_BIN_EXE_waypost");

/// Mounts a machine: its root is the second word.
const MACHINE: &str = r#"
set -e
mkdir -p "$1" && mount -t tmpfs tmpfs "$1" && cd "$1" && mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root
rm -rf root/etc/waypost root/var/lib/waypost root/usr/bin/waypost
mount -t tmpfs tmpfs root/tmp && mount -t tmpfs tmpfs root/run && mkdir -m 777 root/run/waypost
mount -t proc proc root/proc && mount --rbind /dev root/dev
"#;

/// Stands in for ssh: the last two words are the machine and the command.
const SSH: &str = r#"#!/bin/sh
while [ $# -gt 2 ]; do shift; done
exec chroot "FOLDER/$1/root" sh -c "$2"
"#;

const SETTINGS: &str = r#"
[defaults]
inventory = FOLDER/hosts.ini
collections_path = FOLDER/collections
local_tmp = FOLDER/tmp
host_key_checking = false
retry_files_enabled = false
[ssh_connection]
ssh_executable = FOLDER/ssh
ssh_args =
control_path_dir = FOLDER/tmp
transfer_method = piped
pipelining = true
"#;

const HOSTS: &str = r#"
[nodes]
fra1 address=127.0.0.20
tor1 address=127.0.0.21
[nodes:vars]
ansible_connection=ssh
ansible_python_interpreter=/usr/bin/python3
"#;

const SITE: &str = r#"
- hosts: nodes
  gather_facts: false
  vars:
    waypost_binary: PROGRAM
    waypost_config: FOLDER/config.toml.j2
    waypost_files: FOLDER/files
    waypost_secrets: FOLDER/secrets
    waypost_manage_service: false
  roles: [{ role: waypost.waypost.install, tags: install }, waypost.waypost.configure]
"#;

/// A zone that has lost most of its names.
const SHRUNK: &str =
    "$TTL 300\n@ SOA ns1 hostmaster 2026010102 3600 900 604800 60\n@ NS ns1\nns1 A 127.0.0.20\n";

/// Orders, each tried, given, and given again.
const ORDERS: &str = r#"
- hosts: fra1
  gather_facts: false
  tasks:
    - name: Where nothing waits there is nothing to approve
      waypost.waypost.approve: { name: eu-frankfurt }
      register: nothing
    - name: A name that is nobody's
      waypost.waypost.drain: { name: nobody }
      register: nobody
      ignore_errors: true
    - name: A drain by which clients would lose, tried
      waypost.waypost.drain: { name: eu-frankfurt }
      check_mode: true
      register: tried_damage
      ignore_errors: true
    - name: And given
      waypost.waypost.drain: { name: eu-frankfurt }
      register: damage
      ignore_errors: true
    - name: A drain, tried
      waypost.waypost.drain: { name: fra-one, reason: kernel upgrade, duration: 1h, wait: true }
      check_mode: true
      register: tried
    - ansible.builtin.command: waypost orders --config /etc/waypost/config.toml
      register: before
    - name: Given
      waypost.waypost.drain: { name: fra-one, reason: kernel upgrade, duration: 1h, wait: true }
      register: given
    - ansible.builtin.command: waypost orders --config /etc/waypost/config.toml
      register: drained
    - name: Given again
      waypost.waypost.drain: { name: fra-one, reason: kernel upgrade, duration: 1h, wait: true }
      register: again
    - name: Lifted, tried
      waypost.waypost.undrain: { name: fra-one }
      check_mode: true
      register: tried_lift
    - name: Lifted
      waypost.waypost.undrain: { name: fra-one }
      register: lifted
    - name: Lifted again
      waypost.waypost.undrain: { name: fra-one }
      register: lifted_again
    - ansible.builtin.command: waypost orders --config /etc/waypost/config.toml
      register: after
    - ansible.builtin.assert:
        that:
          - nothing is not changed and nothing.endpoints == []
          - nobody is failed and "no region, endpoint or provider is called" in nobody.msg
          - tried_damage is failed and "userdata" in tried_damage.msg
          - damage is failed and "userdata" in damage.msg
          - tried is changed and tried.diff.after == "drain fra-one\n" and tried.forecast.damage == []
          - '"no order is in force" in before.stdout'
          - given is changed and "draining fra-one" in given.result
          - '"kernel upgrade" in drained.stdout and "fra-one 0%" in drained.stdout'
          - again is not changed and "already" in again.result
          - tried_lift is changed and tried_lift.diff.before == "drain fra-one\n"
          - lifted is changed
          - lifted_again is not changed
          - '"no order is in force" in after.stdout'
"#;

/// The word for what waits after an outage.
const APPROVAL: &str = r#"
- hosts: fra1
  gather_facts: false
  tasks:
    - name: Tried
      waypost.waypost.approve: { name: eu-frankfurt }
      check_mode: true
      register: tried
    - name: Given
      waypost.waypost.approve: { name: eu-frankfurt, reason: compared }
      register: given
    - ansible.builtin.assert:
        that:
          - tried is changed and tried.endpoints == ["fra-one"] and "fra-one is approved" in tried.diff.after
          - given is changed and given.endpoints == ["fra-one"]
"#;

/// Machines, and what they stand in.
struct Machines<'w> {
    world: &'w World,
    /// The process whose mounts they are.
    holder: Process,
}

impl<'w> Machines<'w> {
    fn new(world: &'w World) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sleep", "infinity"]);
        let own = Self {
            world,
            holder: world.start("machines", &mut command),
        };
        let here = std::fs::read_link("/proc/self/ns/mnt").unwrap();
        let there = format!("/proc/{}/ns/mnt", own.holder.id());
        wait_for("mounts of their own", || {
            std::fs::read_link(&there).is_ok_and(|there| there != here)
        });
        world.write("machine.sh", MACHINE);
        for name in ["fra1", "tor1"] {
            let (script, folder) = (world.path("machine.sh"), world.path(name));
            let (said, well) =
                own.inside(&["sh", script.to_str().unwrap(), folder.to_str().unwrap()]);
            assert!(well, "{said}");
        }
        own
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let id: Pid = self.holder.id();
        command
            .arg(format!("--mount=/proc/{id}/ns/mnt"))
            .arg("--")
            .args(words);
        command
    }

    /// Runs a program among the mounts.
    fn inside(&self, words: &[&str]) -> (String, bool) {
        let mut command = self.command(words);
        command.env("ANSIBLE_CONFIG", self.world.path("ansible.cfg"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.output();
        let output = output
            .unwrap_or_else(|error| panic!("cannot start nsenter: {error}; tests/run installs it"));
        let text = [output.stdout, output.stderr].concat();
        (
            String::from_utf8_lossy(&text).into_owned(),
            output.status.success(),
        )
    }

    /// Runs a program on a machine.
    fn on(&self, name: &str, words: &[&str]) -> (String, bool) {
        let root = self.world.path(name).join("root");
        self.inside(&[&["chroot", root.to_str().unwrap()], words].concat())
    }

    /// Starts the server of a machine, as the user of its unit.
    fn server(&self, name: &str, address: &str) -> Process {
        let root = self.world.path(name).join("root");
        let run = "waypost run --log json --config /etc/waypost/config.toml";
        let as_user = format!("exec setpriv --reuid waypost --regid waypost --clear-groups {run}");
        let mut command = self.command(&["chroot", root.to_str().unwrap(), "sh", "-c", &as_user]);
        let process = self.world.start(&format!("server-{name}"), &mut command);
        wait_for(&format!("the server of {name}"), || {
            short(address, "mail.example.org") == "192.0.2.25"
        });
        process
    }

    /// Plays what follows the installation.
    fn configure(&self, more: &[&str]) -> (String, bool) {
        self.play("site.yml", &[&["--skip-tags=install"], more].concat())
    }

    fn play(&self, book: &str, more: &[&str]) -> (String, bool) {
        let program = repository("target/deploy-python/bin/ansible-playbook");
        let book = self.world.path(book);
        let words = [program.to_str().unwrap(), book.to_str().unwrap()];
        self.inside(&[&words[..], more].concat())
    }

    /// The state of an endpoint, and whether it waits for approval, as the first machine sees it.
    fn endpoint(&self, name: &str) -> (String, bool) {
        let words = [
            "waypost",
            "status",
            "--json",
            "--config",
            "/etc/waypost/config.toml",
        ];
        let (said, well) = self.on("fra1", &words);
        assert!(well, "{said}");
        let status: Value = serde_json::from_str(&said).unwrap();
        let regions = status["regions"].as_array().unwrap().iter();
        let mut endpoints = regions.flat_map(|region| region["endpoints"].as_array().unwrap());
        let found = endpoints.find(|own| own["name"] == name).unwrap();
        let target = &found["targets"][0];
        let state = target["state"].as_str().unwrap().to_owned();
        (state, target["wants_approval"].as_bool().unwrap())
    }
}

/// The number of changes that a play has made on a machine.
fn changed(said: &str, name: &str) -> usize {
    let line = said
        .lines()
        .rfind(|line| line.starts_with(name) && line.contains("changed="));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    let count = line.split("changed=").nth(1).unwrap();
    count.split(' ').next().unwrap().parse().unwrap()
}

fn short(address: &str, name: &str) -> String {
    dig(&[&format!("@{address}"), "-p", "5353", "+short", name, "A"])
        .trim()
        .to_owned()
}

/// Files of the controller.
fn controller(world: &World) {
    let folder = world.path("");
    let folder = folder.to_str().unwrap().trim_end_matches('/');
    // Without its symbols, for it is copied more than once.
    let program = world.path("waypost");
    let (said, well) = run("strip", &["-o", program.to_str().unwrap(), WAYPOST]);
    assert!(well, "{said}");
    let own = |text: &str| {
        text.replace("FOLDER", folder)
            .replace("PROGRAM", program.to_str().unwrap())
    };
    for (name, text) in [
        ("ssh", SSH),
        ("ansible.cfg", SETTINGS),
        ("hosts.ini", HOSTS),
        ("site.yml", SITE),
        ("orders.yml", ORDERS),
        ("approval.yml", APPROVAL),
    ] {
        world.write(name, &own(text));
    }
    let (said, well) = run("chmod", &["+x", world.path("ssh").to_str().unwrap()]);
    assert!(well, "{said}");
    let collection = world.path("collections/ansible_collections/waypost");
    std::fs::create_dir_all(&collection).unwrap();
    std::os::unix::fs::symlink(repository("deploy/ansible"), collection.join("waypost")).unwrap();
    std::fs::create_dir(world.path("tmp")).unwrap();
    let mut config = CONFIG.to_owned();
    for (usual, machine) in [
        (
            "[\"127.0.0.20:53\", \"[::1]:53\"]",
            "[\"{{ address }}:5353\"]",
        ),
        (
            "\"test-node\"",
            "\"{{ inventory_hostname }}\"\nstate = \"/var/lib/waypost\"",
        ),
        (
            "listen = \"127.0.0.1:8053\"",
            "socket = \"/run/waypost/waypost.sock\"",
        ),
        ("every = \"1s\"", "every = \"1s\"\ngate = \"approve\""),
        (
            "interval = \"200ms\"\ntimeout = \"150ms\"",
            "interval = \"1s\"\ntimeout = \"900ms\"",
        ),
    ] {
        assert!(config.contains(usual), "{usual}");
        config = config.replace(usual, machine);
    }
    world.write("config.toml.j2", &config);
    world.write("files/zones/example.org.zone", ZONE);
    world.write("secrets/secrets/transfer.secret", "c2VjcmV0\n");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn machines_are_installed_and_configured_and_orders_given() {
    let world = World::new();
    controller(&world);
    let machines = Machines::new(&world);
    let (said, well) = machines.play("site.yml", &["--diff"]);
    assert!(well && changed(&said, "fra1") > 0, "{said}");
    assert!(said.contains("+[regions.eu-frankfurt]"), "{said}");
    assert!(!said.contains("c2VjcmV0"), "a secret is shown: {said}");
    // As the unit would find it: the program, folders that are the user's own, a config that others cannot read.
    let (said, _) = machines.on(
        "tor1",
        &[
            "stat",
            "-c",
            "%U %G %a %n",
            "/var/lib/waypost",
            "/etc/waypost",
            "/etc/waypost/config.toml",
            "/etc/waypost/secrets/transfer.secret",
            "/usr/bin/waypost",
            "/etc/systemd/system/waypost.service",
        ],
    );
    let expected = "waypost waypost 700 /var/lib/waypost\nroot waypost 750 /etc/waypost\nroot waypost 640 /etc/waypost/config.toml\nroot waypost 640 /etc/waypost/secrets/transfer.secret\nroot root 755 /usr/bin/waypost\nroot root 644 /etc/systemd/system/waypost.service\n";
    assert_eq!(said, expected);
    let backends = ["127.1.0.1", "127.1.0.2"].map(|address| world.backend(address));
    let servers = [
        machines.server("fra1", "127.0.0.20"),
        machines.server("tor1", "127.0.0.21"),
    ];
    // A second time nothing is changed.
    let (said, well) = machines.play("site.yml", &[]);
    assert!(
        well && changed(&said, "fra1") == 0 && changed(&said, "tor1") == 0,
        "{said}"
    );
    // A change: told by --check, done without.
    world.write(
        "files/zones/example.org.zone",
        &format!("{ZONE}late A 192.0.2.98\n"),
    );
    let (said, well) = machines.configure(&["--check", "--diff", "--limit=fra1"]);
    assert!(well && changed(&said, "fra1") == 1, "{said}");
    assert!(said.contains("+late A 192.0.2.98"), "{said}");
    let (said, _) = machines.on(
        "fra1",
        &["grep", "-c", "late", "/etc/waypost/zones/example.org.zone"],
    );
    assert_eq!(said, "0\n");
    let (said, well) = machines.configure(&[]);
    assert!(well && changed(&said, "tor1") > 0, "{said}");
    for address in ["127.0.0.20", "127.0.0.21"] {
        wait_for("the record", || {
            short(address, "late.example.org") == "192.0.2.98"
        });
    }
    // A config that is wrong never gets there, with the server's own words, and with --check as well.
    let config = std::fs::read_to_string(world.path("config.toml.j2")).unwrap();
    world.write("config.toml.j2", &config.replace("tier = 2", "teir = 2"));
    for more in [&["--limit=fra1", "--check"][..], &["--limit=fra1"]] {
        let (said, well) = machines.configure(more);
        assert!(!well && said.contains("teir"), "{said}");
    }
    let (said, _) = machines.on("fra1", &["grep", "-c", "teir", "/etc/waypost/config.toml"]);
    assert_eq!(said, "0\n");
    let (said, _) = machines.on("fra1", &["sh", "-c", "ls -d /tmp/waypost-*"]);
    assert!(said.contains("No such file"), "{said}");
    // What the servers refuse though it is in place is refused by each play, until somebody has seen to it.
    world.write("config.toml.j2", &config);
    world.write("files/zones/example.org.zone", SHRUNK);
    for _ in 0..2 {
        let (said, well) = machines.configure(&["--limit=fra1"]);
        assert!(!well && said.contains("--force"), "{said}");
        assert_eq!(short("127.0.0.20", "mail.example.org"), "192.0.2.25");
    }
    world.write("files/zones/example.org.zone", ZONE);
    let (said, well) = machines.configure(&["--limit=fra1"]);
    assert!(well, "{said}");
    // Orders. Its machine is healthy first, goes, comes back, and waits.
    let [one, _two] = backends;
    for name in ["fra-one", "fra-two"] {
        wait_for(name, || machines.endpoint(name).0 == "healthy");
    }
    let (said, well) = machines.play("orders.yml", &[]);
    assert!(well, "{said}");
    one.kill();
    wait_for("an outage", || machines.endpoint("fra-one").0 == "down");
    let _one = world.backend("127.1.0.1");
    wait_for("an endpoint that waits", || machines.endpoint("fra-one").1);
    let (said, well) = machines.play("approval.yml", &[]);
    assert!(well, "{said}");
    wait_for("its return", || machines.endpoint("fra-one").0 == "healthy");
    drop(servers);
}

#[test]
fn the_modules_document_themselves() {
    let world = World::new();
    controller(&world);
    for name in ["drain", "undrain", "approve"] {
        let program = repository("target/deploy-python/bin/ansible-doc");
        let output = Command::new(program)
            .arg(format!("waypost.waypost.{name}"))
            .env("ANSIBLE_CONFIG", world.path("ansible.cfg"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("token_file"),
            "{name}: {said}"
        );
    }
}
