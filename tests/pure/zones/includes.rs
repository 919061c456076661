//! Files that include others, as the program finds them beside a config.
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use waypost::config::{self, Finding};
use waypost::io::files;

const CONFIG: &str = "[server]\nlisten = [\"127.0.0.1:5300\"]\n[[zones]]\nname = \"example.org\"\nfile = \"zones/own.zone\"\n";
const HEAD: &str = "$TTL 60\n@ SOA ns mail 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n";

/// A config, its zone, and more files.
fn folder(zone: &str, others: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(
            path,
            text.replace("FOLDER", &folder.path().display().to_string()),
        )
        .unwrap();
    };
    write("config.toml", CONFIG);
    write("zones/own.zone", &format!("{HEAD}{zone}"));
    others.iter().for_each(|(name, text)| write(name, text));
    folder
}

/// The names of the zone, or what is wrong.
fn outcome(folder: &Path) -> Result<usize, Vec<Finding>> {
    let loaded = files::load(&folder.join("config.toml")).unwrap();
    match config::compile(&loaded.spec, loaded.diagnostics, &loaded.files) {
        Ok((compiled, _)) => Ok(compiled.sizes().next().unwrap().1),
        Err(diagnostics) => Err(diagnostics.list()),
    }
}

/// File below the folder, line, column and message of each finding.
fn told(folder: &Path) -> Vec<String> {
    let own = format!("{}/", folder.display());
    let findings = outcome(folder).unwrap_err();
    let lines = findings.iter().map(|one| {
        format!(
            "{}:{}:{} {}",
            one.file.replace(&own, ""),
            one.line,
            one.column,
            one.message
        )
    });
    lines.collect()
}

#[test]
fn files_are_found_beside_the_one_that_includes_them() {
    let folder = folder(
        "$INCLUDE parts/one.inc\n$INCLUDE ../shared/three.inc\n$INCLUDE \"FOLDER/far/five.inc\"\n",
        &[
            (
                "zones/parts/one.inc",
                "one A 192.0.2.1\n$INCLUDE two.inc\n$INCLUDE ./deep/six.inc\n",
            ),
            ("zones/parts/two.inc", "two A 192.0.2.2\n"),
            (
                "zones/parts/deep/six.inc",
                "six A 192.0.2.6\n$INCLUDE ../two.inc\n",
            ),
            ("shared/three.inc", "three A 192.0.2.3\n$INCLUDE four.inc\n"),
            ("shared/four.inc", "four A 192.0.2.4\n"),
            (
                "far/five.inc",
                "five A 192.0.2.5\n$INCLUDE ../shared/four.inc\n",
            ),
            // What was taken in their place while names were relative to the zone's file.
            ("zones/two.inc", "wrong\n"),
            ("zones/four.inc", "wrong\n"),
        ],
    );
    // Six, the name server and the apex.
    assert_eq!(outcome(folder.path()).unwrap(), 8);
}

#[test]
fn an_error_names_the_file_that_it_is_in() {
    let folder = folder(
        "$INCLUDE parts/one.inc\n",
        &[
            (
                "zones/parts/one.inc",
                "$INCLUDE two.inc\n\n$INCLUDE missing.inc\n$INCLUDE /nowhere/x\n",
            ),
            ("zones/parts/two.inc", "ok A 192.0.2.1\nbad A 192.0.2\n"),
        ],
    );
    assert_eq!(
        told(folder.path()),
        [
            "zones/parts/one.inc:3:10 cannot read the file `parts/missing.inc`: no such file",
            "zones/parts/one.inc:4:10 cannot read the file `/nowhere/x`: no such file",
            "zones/parts/two.inc:2:7 `192.0.2` is not an IPv4 address",
        ]
    );
}

#[test]
fn files_that_include_themselves_come_to_an_end() {
    let by = |line: &str| {
        let folder = folder(
            "$INCLUDE parts/self.inc\n",
            &[("zones/parts/self.inc", line)],
        );
        fs::create_dir_all(folder.path().join("zones/parts/sub")).unwrap();
        told(folder.path())
    };
    let same = "zones/parts/self.inc:1:10 `parts/self.inc` includes itself";
    assert_eq!(by("$INCLUDE self.inc\n"), [same]);
    assert_eq!(by("$INCLUDE ./././self.inc\n"), [same]);
    let other = by("$INCLUDE sub/../self.inc\n$INCLUDE sub/../self.inc\n");
    let deep = "files include each other more than 8 deep";
    assert!(other.iter().all(|line| line.ends_with(deep)), "{other:#?}");
}

#[test]
fn an_included_file_is_watched() {
    let folder = folder(
        "$INCLUDE parts/one.inc\n",
        &[
            ("zones/parts/one.inc", "$INCLUDE two.inc\n"),
            ("zones/parts/two.inc", "ok A 192.0.2.1\n"),
        ],
    );
    let loaded = files::load(&folder.path().join("config.toml")).unwrap();
    let two = folder.path().join("zones/parts/two.inc");
    assert!(loaded.paths().any(|path| path == two));
}
