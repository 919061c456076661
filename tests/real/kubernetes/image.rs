//! The controller's image, as that of the server is built: its last stage, and the program run from its layers.
use super::*;
use crate::image::{build, words};
use crate::rooted::{User, below, command, furnish};

#[test]
fn the_image_holds_the_controller_and_nothing_else() {
    let world = World::new();
    let root = world.path("root");
    let program = (controller(), "target/release/waypost-kubernetes");
    let config = build(&world, &root, "deploy/kubernetes/Dockerfile", program);
    assert_eq!(config["User"], "65532:65532");
    let files = walk(&root);
    let places = ["etc/ssl/certs/ca-certificates.crt", "waypost-kubernetes"];
    assert_eq!(files, places.map(|own| root.join(own)));
    furnish(&root);
    fs::create_dir_all(below(&root, "/etc/waypost")).unwrap();
    let entry = words(&config["Entrypoint"]);
    let run = |more: &[&str]| {
        let words = [&entry[..], more].concat();
        let output = command(&root, User(65532), &words).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let shipped = repository("deploy/kubernetes/crds/waypostservices.yaml");
    assert_eq!(run(&["crd"]), fs::read_to_string(shipped).unwrap());
    // What the chart mounts is what it reads of itself.
    let said = run(&words(&config["Cmd"]));
    let place = "/etc/waypost-kubernetes/config.yaml: No such file";
    assert!(said.starts_with(place), "{said}");
}

/// Files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(walk(&path)),
            false => all.push(path),
        }
    }
    all.sort();
    all
}
