//! Configs of several files, and values of the environment in them: one plan, and every place as it is in its file.
use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};
use waypost::config::{self, Finding, Included, Surroundings};
use waypost::io::files;
use waypost::plan::Plan;

const SERVER: &str = "[server]\nlisten = [\"127.0.0.1:0\"]\n";
const ZONE: &str = "[[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n";
const REGIONS: &str = "[jurisdictions.EEA]\ncountries = [\"@EEA\"]\n\
[regions.fra]\nlocation = [50.11, 8.68]\njurisdiction = \"EEA\"\nserves = [\"EU\"]\n";
const ENDPOINT: &str =
    "[[regions.fra.endpoints]]\nname = \"fra-1\"\nprovider = \"a\"\naddresses = [\"192.0.2.1\"]\n";
const SECOND: &str =
    "[[regions.fra.endpoints]]\nname = \"fra-2\"\nprovider = \"b\"\naddresses = [\"192.0.2.2\"]\n";
const SERVICE: &str = "[monitors.web]\ntype = \"tcp\"\nport = 80\n\
[services.www]\nhostnames = [\"www.example.org\"]\nmonitors = [\"web\"]\n";
const INCLUDE: &str = "include = [\"conf.d/*.toml\"]\n";

/// A folder with a zone and these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let zone = "$ORIGIN example.org.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 192.0.2.53\n";
    fs::write(folder.path().join("example.org.zone"), zone).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn compiled(folder: &TempDir) -> Result<Plan, Vec<Finding>> {
    let loaded = files::load(&folder.path().join("config.toml")).unwrap();
    match config::compile(&loaded.spec, loaded.diagnostics, &loaded.files) {
        Ok((compiled, _)) => Ok(compiled.plan),
        Err(found) => Err(found.list()),
    }
}

/// Place and message of each finding, with the name of the file alone.
fn told(folder: &TempDir) -> Vec<String> {
    let home = format!("{}/", folder.path().display());
    let found = compiled(folder).expect_err("it has errors").into_iter();
    let found = found.filter(|one| !one.file.ends_with(".zone"));
    let texts = found.map(|one| {
        format!("{}:{}:{} {}", one.file, one.line, one.column, one.message).replace(&home, "")
    });
    texts.collect()
}

#[test]
fn several_files_are_one_config() {
    let whole = [SERVER, ZONE, REGIONS, ENDPOINT, SECOND, SERVICE].concat();
    let whole = compiled(&folder(&[("config.toml", &whole)])).unwrap();
    let main = [INCLUDE, SERVER, ZONE].concat();
    let parts = folder(&[
        ("config.toml", &main),
        ("conf.d/20-service.toml", SERVICE),
        ("conf.d/10-regions.toml", &[REGIONS, ENDPOINT].concat()),
        ("conf.d/15-more.toml", SECOND),
        ("conf.d/.hidden.toml", "not = TOML ="),
        ("conf.d/old.toml.bak", "not = TOML ="),
    ]);
    let parts = compiled(&parts).unwrap();
    assert_eq!(whole.policy, parts.policy, "the policy is the same");
    assert_ne!(whole.digest, parts.digest, "the texts are not");
    let names: Vec<&str> = parts.endpoints.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["fra-1", "fra-2"], "in the order of the files");
}

#[test]
fn every_place_is_one_of_its_file() {
    let main = [INCLUDE, SERVER, ZONE, "# ü\n"].concat();
    let broken = folder(&[
        ("config.toml", &main),
        (
            "conf.d/a.toml",
            &[REGIONS, ENDPOINT, "weigth = 1\n"].concat(),
        ),
        (
            "conf.d/b.toml",
            &format!("\n\n{SERVICE}recovery = \"none\"\n"),
        ),
    ]);
    assert_eq!(
        told(&broken),
        [
            "conf.d/a.toml:11:1 unknown key `weigth` in this `endpoints` entry",
            "conf.d/b.toml:9:12 unknown recovery `none`",
        ]
    );
    let torn = folder(&[
        ("config.toml", &main),
        ("conf.d/a.toml", &[REGIONS, ENDPOINT].concat()),
        ("conf.d/b.toml", "[services.www\n"),
        ("conf.d/c.toml", "a = \"\n"),
    ]);
    let torn = told(&torn);
    assert!(
        torn.iter().any(|one| one.starts_with("conf.d/b.toml:1:")),
        "{torn:?}"
    );
    assert!(
        torn.iter().any(|one| one.starts_with("conf.d/c.toml:1:")),
        "{torn:?}"
    );
    let shown = {
        let loaded = files::load(&broken.path().join("config.toml")).unwrap();
        loaded.diagnostics.render(false)
    };
    assert!(shown.contains("conf.d/a.toml:11:1"), "{shown}");
    assert!(shown.contains("11 | weigth = 1"), "{shown}");
}

#[test]
fn a_key_has_one_place_and_both_are_named() {
    let main = [INCLUDE, SERVER, ZONE, REGIONS, ENDPOINT].concat();
    let twice = folder(&[
        ("config.toml", &main),
        (
            "conf.d/a.toml",
            "[server]\nlisten = [\"127.0.0.2:0\"]\nthreads = 1\n",
        ),
        (
            "conf.d/b.toml",
            &format!("include = [\"c\"]\n{SERVICE}[server]\nthreads = 2\n"),
        ),
    ]);
    let home = twice.path().display().to_string();
    let twice: Vec<String> = told(&twice)
        .iter()
        .map(|one| one.replace(&format!("{home}/"), ""))
        .collect();
    assert_eq!(
        twice,
        [
            "conf.d/a.toml:2:1 key `listen` stands here and at config.toml:3:1",
            "conf.d/b.toml:1:1 an included file includes nothing further",
            "conf.d/b.toml:9:1 key `threads` stands here and at conf.d/a.toml:3:1",
        ]
    );
}

#[test]
fn what_cannot_be_included_is_told_where_it_is_asked_for() {
    let whole = [SERVER, ZONE, REGIONS, ENDPOINT, SERVICE].concat();
    for (include, message) in [
        (
            "absent.toml",
            "config.toml:1:12 `absent.toml` cannot be included: no such file",
        ),
        (
            "absent/*.toml",
            "config.toml:1:12 `absent` cannot be included: no such file",
        ),
        (
            "conf.d",
            "config.toml:1:12 `conf.d` cannot be included: it is a directory, not a file",
        ),
        (
            "../x.toml",
            "config.toml:1:12 `../x.toml` cannot be included",
        ),
        (
            "/etc/passwd",
            "config.toml:1:12 `/etc/passwd` cannot be included",
        ),
    ] {
        let text = format!("include = [\"{include}\"]\n{whole}");
        assert_eq!(told(&folder(&[("config.toml", &text)])), [message]);
    }
    let folder = folder(&[("config.toml", &[INCLUDE, &whole].concat())]);
    fs::write(folder.path().join("conf.d/a.toml"), b"# ok\n# \xff\n").unwrap();
    assert_eq!(
        told(&folder),
        ["conf.d/a.toml:2:3 a byte that is not UTF-8 text"]
    );
    fs::remove_file(folder.path().join("conf.d/a.toml")).unwrap();
    assert!(compiled(&folder).is_ok(), "an empty folder is no error");
}

/// Reads a text with variables, and all that is wrong with it.
fn with_variables(text: &str) -> (config::Spec, config::Diagnostics) {
    let lookup = |name: &str| match name {
        "HOST" => Some("192.0.2.77".to_owned()),
        "IPV6" => Some("2001:DB8:77::77".to_owned()),
        "PORT" => Some("5353".to_owned()),
        "SECRET" => Some("c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0".to_owned()),
        "WORD" => Some("hush".to_owned()),
        _ => None,
    };
    let around = Surroundings {
        included: &[],
        declared: &[],
        environment: Some(&lookup),
    };
    config::read_within(Path::new("config.toml"), text, &around)
}

const WHOLE: &str = "[server]\nlisten = [\"${HOST}:${PORT:-53}\"]\n\
[tsig.one]\nsecret = \"${SECRET}\"\n\
[[zones]]\nname = \"example.org\"\nfile = \"${FILE}.zone\"\n";

#[test]
fn variables_stand_in_named_places_alone() {
    let (spec, found) = with_variables(WHOLE);
    assert!(found.list().is_empty(), "{}", found.render(false));
    let spec = format!("{spec:?}");
    assert!(spec.contains("192.0.2.77:5353"), "{spec}");
    assert!(
        spec.contains("${FILE}.zone"),
        "the file of a zone is as it was: {spec}"
    );
    let (_, found) = with_variables(&WHOLE.replace("${HOST}", "${NOHOST}"));
    let found = found.list();
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.line, one.column, &*one.message))
        .collect();
    assert_eq!(found, [(2, 11, "the environment has no variable `NOHOST`")]);
}

#[test]
fn values_of_variables_are_in_no_diagnostic() {
    for (place, secret) in [
        ("[server]\nlisten = [\"${WORD}\"]\n", "hush"),
        ("[server]\nlisten = [\"${WORD}:53\"]\n", "hush"),
        ("[server]\nlisten = [\"x${WORD}y\"]\n", "hush"),
        ("[tsig.one]\nsecret = \"${WORD}\"\n", "hush"),
        ("[tsig.one]\nsecret = \"${SECRET}!\"\n", "c2Vjc"),
        (
            "[server]\nlisten = [\"[${IPV6}]:${PORT}\", \"[${IPV6}]:${PORT}\"]\n",
            "2001:db8:77",
        ),
        (
            "[regions.a]\n[[regions.a.endpoints]]\naddresses = [\"${IPV6}\", \"${IPV6}\", \"${WORD}\"]\n",
            "2001:db8:77",
        ),
        (
            "[regions.a]\n[[regions.a.endpoints]]\naddresses = [\"${WORD}\"]\n",
            "hush",
        ),
    ] {
        let (spec, found) = with_variables(place);
        let shown = found.render(false);
        assert!(found.has_errors(), "{place}");
        let compiled = config::compile(&spec, found, &config::Files::new()).map(drop);
        let compiled = compiled.unwrap_err();
        for text in [
            shown,
            compiled.render(false),
            format!("{:?}", compiled.list()),
        ] {
            assert!(!text.contains(secret), "{place}\n{text}");
            assert!(
                !text.to_lowercase().contains("2001:db8:77"),
                "{place}\n{text}"
            );
        }
    }
}

#[test]
fn another_value_is_another_plan() {
    let plan = |address: &str| {
        let text = [
            SERVER,
            ZONE,
            REGIONS,
            &ENDPOINT.replace("192.0.2.1", "${A}"),
            SERVICE,
        ]
        .concat();
        let folder = folder(&[]);
        let lookup = |_: &str| Some(address.to_owned());
        let around = Surroundings {
            included: &[],
            declared: &[],
            environment: Some(&lookup),
        };
        let (spec, found) = config::read_within(&folder.path().join("config.toml"), &text, &around);
        let files = spec.files(&config::Files::new()).into_iter();
        let files = files.map(|path| {
            let bytes = fs::read(&path).map_err(|error| error.to_string());
            (path, bytes.map(Into::into))
        });
        let (compiled, _) = config::compile(&spec, found, &files.collect()).unwrap();
        (compiled.plan.digest, compiled.plan.policy)
    };
    let (one, other) = (plan("192.0.2.1"), plan("192.0.2.2"));
    assert_eq!(one, plan("192.0.2.1"));
    assert!(one.0 != other.0 && one.1 != other.1);
}

#[test]
fn secrets_of_included_files_are_masked() {
    let included = [Included {
        pattern: "a".to_owned(),
        path: "a".into(),
        content: Ok(b"[tsig.one]\nsecret = 'plainly-secret'\nfoo = 1\n".to_vec()),
    }];
    let around = Surroundings {
        included: &included,
        declared: &[],
        environment: None,
    };
    let (_, found) = config::read_within(Path::new("c"), "include = ['a']\n", &around);
    let shown = found.render(false);
    assert!(shown.contains("a:2:10"), "{shown}");
    assert!(!shown.contains("plainly"), "{shown}");
}
