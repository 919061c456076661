//! The packages: built by the tools that `Cargo.toml` is written for, installed into an empty root, and run from there.
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::first_config::{ANSWERS, validates};
use crate::rooted::{User, below, command, copy, furnish};
use crate::world::{World, dig, get, repository, run, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_waypost");

/// Builds both packages; the paths of the one for Debian and of the one for RPM.
///
/// The tools, as they come from Python's registry, are older than some words of the manifest, which are replaced for them. The program in
/// the packages is a stand-in for the one under test: to compress that takes longer than all the rest.
fn build(world: &World) -> (PathBuf, PathBuf) {
    let tree = world.path("tree");
    fs::create_dir(&tree).unwrap();
    for entry in fs::read_dir(repository("")).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), tree.join(entry.file_name())).unwrap();
    }
    let manifest = fs::read_to_string(repository("Cargo.toml")).unwrap();
    let manifest = manifest
        .replace("edition = \"2024\"", "edition = \"2021\"")
        .replace("\"line-tables-only\"", "1")
        .replace("config = \"noreplace\"", "config = true");
    fs::remove_file(tree.join("Cargo.toml")).unwrap();
    fs::write(tree.join("Cargo.toml"), manifest).unwrap();
    let program = world.write(
        "target/release/waypost",
        &format!("#!/bin/sh\nexec {PROGRAM} \"$@\"\n"),
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let tools = repository("target/packaging/bin");
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(tree.join("deploy/package/build"))
        .args(["deb", "rpm"])
        .env("BUILT", "1")
        .env("CARGO_TARGET_DIR", world.path("target"))
        .env("PATH", format!("{}:{path}", tools.display()))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{text} (tests/run installs the tools)"
    );
    let only = |folder: &str| {
        let mut found = fs::read_dir(world.path(folder)).unwrap();
        let found = found.find_map(|entry| {
            let path = entry.unwrap().path();
            path.is_file().then_some(path)
        });
        found.unwrap_or_else(|| panic!("no package in {folder}: {text}"))
    };
    (only("target/debian"), only("target/generate-rpm"))
}

/// The files of a listing, one path in each line, without documents and what shells have in places of their own.
fn program_files(listing: &str) -> BTreeSet<String> {
    let paths = listing
        .lines()
        .map(|line| format!("/{}", line.trim_start_matches("./").trim_start_matches('/')));
    let own = paths.filter(|path| path.starts_with("/usr") || path.starts_with("/etc"));
    let files = own.filter(|path| {
        !path.ends_with('/') && !path.starts_with("/usr/share/doc") && !path.contains("/zsh/")
    });
    files
        .map(|path| path.trim_end_matches(".gz").to_owned())
        .collect()
}

/// Installs the package into an empty root, as `dpkg` would: scripts run, and are told where it is.
fn install(package: &Path, root: &Path) {
    for folder in [
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/dpkg/triggers",
        "etc",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let at = format!("--root={}", root.display());
    let words = [
        &at,
        "--force-script-chrootless",
        "--force-depends",
        "--install",
        package.to_str().unwrap(),
    ];
    let (text, well) = run("dpkg", &words);
    assert!(well, "{text}");
}

/// Both packages have the same files, the ones that matter among them.
fn have_the_same_files(deb: &Path, rpm: &Path) {
    let (contents, well) = run(
        "bash",
        &[
            "-c",
            &format!("dpkg-deb --fsys-tarfile {} | tar --list", deb.display()),
        ],
    );
    assert!(well, "{contents}");
    let of_deb = program_files(&contents);
    let (text, well) = run(
        "rpm",
        &["--query", "--list", "--package", rpm.to_str().unwrap()],
    );
    assert!(well, "{text}");
    assert_eq!(of_deb, program_files(&text));
    for file in [
        "/usr/bin/waypost",
        "/usr/lib/systemd/system/waypost.service",
        "/usr/share/man/man1/waypost-keys-roll.1",
        "/usr/share/bash-completion/completions/waypost",
        "/etc/waypost/config.toml",
    ] {
        assert!(of_deb.contains(file), "{file} is not in {of_deb:?}");
    }
}

/// The user that an installed package has made, with its state, its unit and the licences of what it is made of.
fn installed_user(root: &Path) -> User {
    let state = fs::metadata(below(root, "/var/lib/waypost")).unwrap();
    assert_eq!(state.mode() & 0o7777, 0o700);
    let users = fs::read_to_string(root.join("etc/passwd")).unwrap();
    assert!(
        users.starts_with(&format!("waypost:x:{}:", state.uid())),
        "{users}"
    );
    let enabled = root.join("etc/systemd/system/multi-user.target.wants/waypost.service");
    assert!(fs::symlink_metadata(enabled).is_ok());
    let licences = fs::read_to_string(below(root, "/usr/share/doc/waypost/licences.txt")).unwrap();
    assert!(
        licences
            .lines()
            .any(|line| line.starts_with("tokio v") && line.ends_with(": MIT")),
        "{licences}"
    );
    check_bill(
        &below(root, "/usr/share/doc/waypost/waypost.cdx.json"),
        &licences,
    );
    User(state.uid())
}

/// The bill of materials is one by CycloneDX's own schema, has just the crates of the licences, and the page's packages, each with digest and
/// licence; no folder of this machine is in it.
fn check_bill(bill: &Path, licences: &str) {
    let python = repository("target/deploy-python/bin/python3");
    let script = "import sys; from cyclonedx.validation.json import JsonStrictValidator; from cyclonedx.schema import SchemaVersion; \
                  sys.exit(str(JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read()) or '') or 0)";
    let words = ["-c", script, bill.to_str().unwrap()];
    let (text, well) = run(python.to_str().unwrap(), &words);
    assert!(well, "{text} (tests/run installs the validator)");
    let text = fs::read_to_string(bill).unwrap();
    assert!(!text.contains(repository("").to_str().unwrap()));
    let bill: Value = serde_json::from_str(&text).unwrap();
    let components = bill["components"].as_array().unwrap();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for own in components {
        assert!(
            own["hashes"][0]["content"].is_string() && own["licenses"][0]["expression"].is_string(),
            "{own}"
        );
        found.insert(own["bom-ref"].as_str().unwrap());
    }
    let crates = licences
        .lines()
        .filter(|line| !line.starts_with("waypost v"));
    let crates =
        crates.filter_map(|line| line.split(':').next()?.split(" (").next()?.split_once(" v"));
    let expected: BTreeSet<String> = crates
        .map(|(name, version)| format!("pkg:cargo/{name}@{version}"))
        .collect();
    let own = found.iter().filter(|own| own.starts_with("pkg:cargo/"));
    let own: BTreeSet<String> = own.map(|own| (*own).to_owned()).collect();
    assert_eq!(own, expected);
    for part in ["pkg:npm/preact@", "pkg:npm/uplot@", "pkg:npm/d3-array@"] {
        assert!(found.iter().any(|own| own.starts_with(part)), "{part}");
    }
}

#[test]
fn a_package_is_installed_into_an_empty_root_and_answers() {
    let world = World::new();
    let (deb, rpm) = build(&world);
    have_the_same_files(&deb, &rpm);
    let root = world.path("root");
    install(&deb, &root);
    let user = installed_user(&root);
    furnish(&root);
    copy(Path::new(PROGRAM), &below(&root, "/usr/bin/waypost"));
    let waypost =
        |user, words: &[&str]| command(&root, user, &[&["/usr/bin/waypost"], words].concat());
    let packaged = ["run", "--config", "/etc/waypost/config.toml"];
    let server = world.start("packaged", &mut waypost(user, &packaged));
    wait_for("the packaged server", || {
        get("/readyz").is_some_and(|(status, _)| status == 200)
    });
    assert_eq!(
        dig(&["@127.0.0.1", "-p", "5300", "www.example.org", "+short"]).trim(),
        "127.0.0.1"
    );
    server.kill();

    // A domain of one's own takes the place of that config, and is served by the same user.
    let listen = ["--listen", "127.0.0.1:5300"];
    let init = waypost(
        User(0),
        &[&["init", "--service"], &ANSWERS[..], &listen].concat(),
    )
    .output()
    .unwrap();
    let said = String::from_utf8_lossy(&init.stdout).into_owned();
    assert!(
        init.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&init.stderr)
    );
    let check = waypost(user, &["check", "--config", "/etc/waypost/config.toml"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(
        check.status.success() && text.starts_with("well: "),
        "{text}"
    );
    let _server = world.start("own", &mut waypost(user, &packaged));
    wait_for("a signed answer", || {
        validates(&world, "127.0.0.1#5300", &said, "www.example.org")
    });
    let ready = waypost(user, &["ready", "--config", "/etc/waypost/config.toml"]).status();
    assert!(ready.unwrap().success());
}
