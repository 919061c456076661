//! A folder with a config that signs a zone, and `waypost keys` run in it.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

const ZONE: &str = "\
$TTL 3600
@ IN SOA ns.example.org. host.example.org. 1 7200 3600 1209600 300
@ IN NS ns
ns IN A 192.0.2.1
";

/// A folder with a config that signs `example.org`, and no keys yet.
pub(crate) struct Place(TempDir);

impl Place {
    /// `dnssec` is what stands between the braces.
    pub(crate) fn new(dnssec: &str) -> Self {
        let folder = tempdir().unwrap();
        let config = format!(
            r#"
[server]
listen = ["127.0.0.1:5300"]
[[zones]]
name = "example.org"
file = "example.org.zone"
dnssec = {{ {dnssec} }}
[regions.one]
location = [50.11, 8.68]
[[regions.one.endpoints]]
name = "a"
provider = "acme"
addresses = ["192.0.2.10"]
[monitors.web]
type = "http"
[services.api]
hostnames = ["api.example.org"]
monitors = ["web"]
"#
        );
        fs::write(folder.path().join("config.toml"), config).unwrap();
        fs::write(folder.path().join("example.org.zone"), ZONE).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.path().join("keys")
    }

    pub(crate) fn try_run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command.arg("keys").args(arguments);
        command.current_dir(self.path()).output().unwrap()
    }

    /// What is printed by a command that succeeds.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON that is printed by a command that succeeds.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.run(&arguments)).unwrap()
    }

    /// What a command says that fails.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The names of files in the folder of keys that end so, without their ending.
    pub(crate) fn files(&self, ending: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.keys())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
            .collect();
        names.sort();
        names
    }
}
