//! The image: its last stage built by buildah, without a daemon, and the program run from its layers.
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::rooted::{User, below, command, copy, furnish};
use crate::world::{World, dig, get, repository, run, wait_for};

const DOCKERFILE: &str = "docker/Dockerfile";

/// The last stage of a Dockerfile, with a folder in place of each stage before it.
fn last_stage(dockerfile: &str) -> String {
    let text = fs::read_to_string(repository(dockerfile)).unwrap();
    let (_, stage) = text.rsplit_once("\nFROM ").unwrap();
    let lines = stage.lines().map(|line| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let from = words.iter().position(|word| word.starts_with("--from="));
        if let Some(from) = from {
            let name = words.remove(from).trim_start_matches("--from=").to_owned();
            let source = words.iter_mut().find(|word| word.starts_with('/')).unwrap();
            *source = name + source;
        }
        words.join(" ") + "\n"
    });
    format!("FROM {}", lines.collect::<String>())
}

/// A JSON file among the blobs of an image.
fn blob(image: &Path, digest: &Value) -> Value {
    let name = digest.as_str().unwrap().trim_start_matches("sha256:");
    serde_json::from_str(&fs::read_to_string(image.join("blobs/sha256").join(name)).unwrap())
        .unwrap()
}

/// Builds the image of a Dockerfile with a program, which its stage `build` would have made at a place, and unpacks its layers; what it
/// says of itself.
pub(crate) fn build(
    world: &World,
    root: &Path,
    dockerfile: &str,
    (program, place): (&Path, &str),
) -> Value {
    world.write("context/certificates/etc/ssl/certs/ca-certificates.crt", "");
    fs::create_dir(world.path("context/certificates/empty")).unwrap();
    copy(program, &world.path(&format!("context/build/{place}")));
    world.write("context/Dockerfile", &last_stage(dockerfile));
    let store = world.path("store");
    let [store, running] =
        ["root", "run"].map(|name| store.join(name).to_str().unwrap().to_owned());
    let common = [
        "--root",
        &store,
        "--runroot",
        &running,
        "--storage-driver",
        "vfs",
    ];
    let buildah = |words: &[&str]| {
        let (text, well) = run("buildah", &[&common[..], words].concat());
        assert!(well, "{text}");
    };
    let context = world.path("context");
    buildah(&[
        "bud",
        "--isolation",
        "chroot",
        "--format",
        "docker",
        "--tag",
        "waypost",
        context.to_str().unwrap(),
    ]);
    let image = world.path("image");
    buildah(&["push", "waypost", &format!("oci:{}", image.display())]);
    let index: Value =
        serde_json::from_str(&fs::read_to_string(image.join("index.json")).unwrap()).unwrap();
    let manifest = blob(&image, &index["manifests"][0]["digest"]);
    fs::create_dir(root).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let name = layer["digest"].as_str().unwrap().replace(':', "/");
        let path = image.join("blobs").join(name);
        let (text, well) = run(
            "tar",
            &["-xf", path.to_str().unwrap(), "-C", root.to_str().unwrap()],
        );
        assert!(well, "{text}");
    }
    blob(&image, &manifest["config"]["digest"])["config"].clone()
}

/// The words of a setting that is a list.
pub(crate) fn words(setting: &Value) -> Vec<&str> {
    let words = setting.as_array().unwrap().iter();
    words.map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn the_image_is_built_without_a_daemon_and_answers() {
    let world = World::new();
    let root = world.path("root");
    let program = Path::new(env!("CARGO_BIN_EXE_waypost"));
    let place = "src/target/release/waypost";
    let config = build(&world, &root, DOCKERFILE, (program, place));
    assert_eq!(
        (&config["User"], &config["WorkingDir"]),
        (&"65532:65532".into(), &"/etc/waypost".into())
    );
    assert!(
        config["Volumes"]["/var/lib/waypost"].is_object(),
        "{config}"
    );
    furnish(&root);
    // The folder that compose.yaml mounts.
    for file in ["config.toml", "zones/example.org.zone"] {
        let from = repository("docker/waypost").join(file);
        copy(&from, &below(&root, "/etc/waypost").join(file));
    }
    let user = User(65532);
    let stage = last_stage(DOCKERFILE);
    let (_, health) = stage.split_once("HEALTHCHECK ").unwrap();
    let (_, health) = health.split_once(" CMD ").unwrap();
    let health: Value = serde_json::from_str(health.trim()).unwrap();
    let is_healthy = || {
        command(&root, user, &words(&health))
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(!is_healthy(), "nothing runs yet");
    let program = [words(&config["Entrypoint"]), words(&config["Cmd"])].concat();
    let _server = world.start("image", &mut command(&root, user, &program));
    wait_for("the server of the image", is_healthy);
    assert_eq!(get("/readyz").map(|(status, _)| status), Some(200));
    let answer = dig(&["@127.0.0.1", "-p", "5300", "api.example.org", "+short"]);
    assert!(answer.starts_with("172.29.0."), "{answer}");
    assert!(
        below(&root, "/var/lib/waypost/lock").exists(),
        "the state is on the volume"
    );
}
