//! Whole configs: a corpus of broken ones, each with what must be said of it, and plans of
//! good ones.
//!
//! A case is `tests/config/NAME.toml`; what `waypost check` would print for it stands beside it
//! in `NAME.txt`. A case whose name begins with `warn-` gives a plan and is well but for warnings,
//! one that begins with `unsettled-` gives a plan and owes a decision. `UPDATE_SNAPSHOTS=1 cargo test --test pure config` writes those anew: read the
//! difference before it is committed.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use waypost::config::{self, Compiled, Diagnostics, Files};

/// Brings files until nothing is wanted, as `io::files` does.
fn bring(spec: &config::Spec) -> Files {
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            return files;
        }
        for path in wanted {
            let bytes = fs::read(&path).map_err(|_| "no such file".to_owned());
            files.insert(path, bytes.map(Into::into));
        }
    }
}

fn compile(path: &Path, text: &str) -> Result<(Compiled, Diagnostics), Diagnostics> {
    let (spec, found) = config::read(path, text);
    config::compile(&spec, found, &bring(&spec))
}

fn cases(ending: &str) -> BTreeSet<PathBuf> {
    fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| path.with_extension(""))
        .collect()
}

/// The part of a report that the config itself is to blame for.
fn of_config(found: &Diagnostics) -> impl Iterator<Item = config::Finding> {
    let all = found.list().into_iter();
    all.filter(|finding| finding.file.ends_with(".toml"))
}

#[test]
fn every_broken_config_gets_its_diagnostics() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let mut wrong = Vec::new();
    for case in cases("toml") {
        let text = fs::read_to_string(case.with_extension("toml")).unwrap();
        let found = match compile(&case.with_extension("toml"), &text) {
            Ok((_, found)) => found,
            Err(found) => found,
        };
        let rendered = found.render(false) + "\n";
        let snapshot = case.with_extension("txt");
        if update {
            fs::write(&snapshot, &rendered).unwrap();
        }
        if fs::read_to_string(&snapshot).unwrap_or_default() != rendered {
            wrong.push(format!("{}:\n{rendered}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "changed:\n{}", wrong.join("\n"));
}

#[test]
fn the_corpus_is_whole() {
    let configs = cases("toml");
    assert!(configs.len() >= 20, "{} cases", configs.len());
    assert_eq!(
        configs,
        cases("txt"),
        "snapshots without a case, or the reverse"
    );
    for case in configs {
        let text = fs::read_to_string(case.with_extension("toml")).unwrap();
        let name = case.file_name().unwrap().to_str().unwrap();
        let is_unsettled = name.starts_with("unsettled-");
        let is_warned = name.starts_with("warn-");
        let found = match compile(&case.with_extension("toml"), &text) {
            Ok((_, found)) => {
                assert!(is_warned || is_unsettled, "{name} gives a plan");
                assert_eq!(found.has_unsettled(), is_unsettled, "{name}");
                found
            }
            Err(found) => {
                assert!(!is_warned && !is_unsettled, "{name}");
                assert!(found.has_errors(), "{name}");
                found
            }
        };
        assert!(!found.list().is_empty(), "{}", case.display());
        for finding in of_config(&found) {
            assert!(finding.help.is_some(), "no help for {finding:?}");
        }
    }
}

/// One slip in the shipped config (or in what it shows in comments), and the one thing that is said of it.
const SLIPS: &[(&str, &str, &str)] = &[
    // A key of the document.
    ("[server]", "[srever]", "unknown key `srever` in the config"),
    ("[[zones]]", "[[zone]]", "unknown key `zone` in the config"),
    (
        "[[zones]]",
        "[zones]",
        "expected a list of tables, found a table",
    ),
    (
        "[jurisdictions]",
        "[jursidictions]",
        "unknown key `jursidictions` in the config",
    ),
    (
        "[monitors.web]",
        "[monitor.web]",
        "unknown key `monitor` in the config",
    ),
    (
        "[recoveries.gradual]",
        "[recovery.gradual]",
        "unknown key `recovery` in the config",
    ),
    (
        "[services.api]",
        "[service.api]",
        "unknown key `service` in the config",
    ),
    (
        "[regions.ap-singapore]",
        "[region.ap-singapore]",
        "unknown key `region` in the config",
    ),
    (
        "[tsig.backup]",
        "[tsgi.backup]",
        "unknown key `tsgi` in the config",
    ),
    // The name of something that others name.
    (
        "name = \"example.org\"",
        "name = \"exmaple.org\"",
        "no hostname lies in zone `exmaple.org`, and 4 lie in `example.org`",
    ),
    ("EEA = {", "EAA = {", "unknown jurisdiction `EEA`"),
    (
        "[regions.eu-frankfurt]",
        "[regions.eu-frankfrut]",
        "region `eu-frankfurt` has endpoints and nothing else",
    ),
    (
        "[[regions.na-toronto.endpoints]]",
        "[[regions.na-tornoto.endpoints]]",
        "region `na-tornoto` has endpoints and nothing else",
    ),
    ("[monitors.web]", "[monitors.wbe]", "unknown monitor `web`"),
    (
        "[recoveries.gradual]",
        "[recoveries.gradul]",
        "unknown recovery `gradual`",
    ),
    ("[tsig.backup]", "[tsig.bakcup]", "unknown key `backup`"),
    // A name that stands for something else.
    (
        "hostnames = [\"api.example.org\", \"example.org\"]",
        "hostnames = [\"api.exmaple.org\", \"exmaple.org\"]",
        "`api.exmaple.org` lies in none of the zones",
    ),
    (
        "fallback = [\"eu-iceland\"",
        "fallback = [\"eu-icland\"",
        "unknown region `eu-icland`",
    ),
    (
        "jurisdiction = \"SG\"",
        "jurisdiction = \"SGG\"",
        "unknown jurisdiction `SGG`",
    ),
    (
        "regions = [\"eu-frankfurt\"]",
        "regions = [\"eu-frankfrut\"]",
        "unknown region `eu-frankfrut`",
    ),
    // A key of a table.
    (
        "[[zones]]\nname",
        "[[zones]]\nnmae",
        "unknown key `nmae` in this `zones` entry",
    ),
    (
        "file = \"zones",
        "flie = \"zones",
        "unknown key `flie` in this `zones` entry",
    ),
    (
        "location =",
        "loaction =",
        "unknown key `loaction` in region `eu-frankfurt`",
    ),
    (
        "[[regions.na-toronto.endpoints]]",
        "[[regions.na-toronto.endpoint]]",
        "unknown key `endpoint` in region `na-toronto`",
    ),
    (
        "name = \"fra-hetzner\"",
        "nmae = \"fra-hetzner\"",
        "unknown key `nmae` in this `endpoints` entry",
    ),
    (
        "hostnames = [\"data",
        "hostname = [\"data",
        "unknown key `hostname` in service `userdata`",
    ),
    (
        "monitors = [\"web\"]",
        "monitor = [\"web\"]",
        "unknown key `monitor` in service `api`",
    ),
    (
        "unknown = \"any\"",
        "unknwon = \"any\"",
        "unknown key `unknwon` in service `userdata`",
    ),
    (
        "secret = \"",
        "secert = \"",
        "unknown key `secert` in key `backup`",
    ),
    // A value.
    (
        "\"127.10.1.1\"",
        "\"127.10.1.256\"",
        "`127.10.1.256` is not an IP address",
    ),
    (
        "residency = \"strict\"",
        "residency = \"stirct\"",
        "`stirct` is not known here",
    ),
    (
        "serves = [\"EU\"",
        "serves = [\"EUU\"",
        "`EUU` is not a place or network",
    ),
    (
        "zones/example.org.zone",
        "zones/exmaple.org.zone",
        "cannot read the zone file `zones/exmaple.org.zone`: no such file",
    ),
    ("type = \"http", "type = \"htpt", "`htpt` is not known here"),
    (
        "name = \"fra-ovh\"",
        "name = \"fra-ovh",
        "invalid basic string, expected `\"`",
    ),
];

/// The shipped config with a signed zone that is transferred, and nothing but a slip wrong.
fn slipped(right: &str, wrong: &str) -> String {
    let text = fs::read_to_string("config.toml").unwrap();
    let told = |line: &&str| !line.trim_start().starts_with('#');
    let text: Vec<&str> = text.lines().filter(told).collect();
    let transfer = "dnssec = {}\ntransfer = { to = [\"192.0.2.0/24 key:backup\"], key = \"backup\", \
        render_strict = \"EEA\" }\n[acme]\nkeys = [\"backup\"]\n[tsig.backup]\nalgorithm = \"hmac-sha256\"\n\
        secret = \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\"\n";
    let text = text
        .join("\n")
        .replace("[jurisdictions]", &format!("{transfer}[jurisdictions]"));
    assert!(text.contains(right), "{right}");
    text.replacen(right, wrong, 1)
}

#[test]
fn one_slip_is_told_once() {
    let told = |text: &str| match compile(Path::new("config.toml"), text) {
        Ok((_, found)) | Err(found) => found.list(),
    };
    assert_eq!(told(&slipped("[server]", "[server]")), []);
    for (right, wrong, message) in SLIPS {
        let list = told(&slipped(right, wrong));
        let messages: Vec<&str> = list.iter().map(|one| &*one.message).collect();
        assert_eq!(messages, [*message], "{right} -> {wrong}");
    }
}

/// Whatever is cut off or broken, reading ends with diagnostics, never with a panic.
#[test]
fn torn_configs_never_panic() {
    let text = fs::read_to_string("config.toml").unwrap();
    let breaks = [
        "\"", "[", "]]", "=", "\0", "\u{fc}", "\"\"\"", "{", "5", "\n[",
    ];
    let ends = (0..text.len()).filter(|end| text.is_char_boundary(*end));
    for (number, end) in ends.step_by(53).enumerate() {
        let wrong = breaks[number % breaks.len()];
        let broken = format!("{}{wrong}{}", &text[..end], &text[end..]);
        for torn in [&text[..end], &*broken] {
            let (spec, found) = config::read(Path::new("config.toml"), torn);
            let found = config::compile(&spec, found, &Files::new()).unwrap_err();
            assert!(found.has_errors());
            assert!(!found.render(false).is_empty());
        }
    }
}

#[test]
fn limits_are_checked() {
    let mut text = String::new();
    for number in 0..=256 {
        text += &format!("[regions.r{number}]\nlocation = [0, 0]\n");
    }
    let found = compile(Path::new("config.toml"), &text).unwrap_err();
    let list = found.list();
    let past = list
        .iter()
        .find(|one| one.message == "more than 256 regions");
    assert_eq!(past.map(|one| one.line), Some(513));
}
