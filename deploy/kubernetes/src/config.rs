//! The controller's config: clusters, their regions, and where Waypost is.
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config as ClientConfig};
use serde::Deserialize;

use crate::api::{Api, Credentials};

/// The config file, in YAML.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    /// Where Waypost is.
    pub(crate) waypost: Server,
    /// The author of all that this controller declares; it changes nothing of anybody else.
    #[serde(default = "owner")]
    pub(crate) owner: String,
    /// The beginning of the names of all that it declares.
    #[serde(default = "prefix")]
    pub(crate) prefix: String,
    /// The time for which a report of readiness holds, in seconds.
    #[serde(default = "readiness_seconds")]
    pub(crate) readiness_seconds: u64,
    /// The time after which a cluster that says nothing is taken to be away, in seconds.
    #[serde(default = "silence_seconds")]
    pub(crate) silence_seconds: u32,
    /// The Lease by which one of several controllers is chosen.
    pub(crate) lease: LeasePlace,
    /// The cluster that has the resources `WaypostService`.
    pub(crate) home: String,
    /// All clusters.
    pub(crate) clusters: Vec<Cluster>,
    /// `ADDRESS:PORT` of `/healthz` and `/metrics`; none if absent.
    pub(crate) health: Option<String>,
}

/// Where Waypost is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Server {
    /// `https://NAME:PORT`, `http://127.0.0.1:PORT` or `unix:PATH`.
    pub(crate) control: String,
    /// The file of a token.
    pub(crate) token_file: Option<String>,
    /// The file of the certificates that are trusted; the system's if absent.
    pub(crate) ca: Option<String>,
}

/// Where the Lease is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LeasePlace {
    /// Its namespace in the home cluster.
    pub(crate) namespace: String,
    /// Its name.
    #[serde(default = "owner")]
    pub(crate) name: String,
    /// How long it holds without being renewed.
    #[serde(default = "lease_seconds")]
    pub(crate) seconds: u16,
}

/// A cluster.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Cluster {
    /// Its name for backends.
    pub(crate) name: String,
    /// Its region at Waypost, and by that its jurisdiction.
    pub(crate) region: String,
    /// Who runs it.
    #[serde(default = "provider")]
    pub(crate) provider: String,
    /// A kubeconfig; without one the cluster that the controller runs in.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of it; its current one if absent.
    pub(crate) context: Option<String>,
    /// Tells that it has the Gateway API.
    #[serde(default)]
    pub(crate) gateways: bool,
}

fn owner() -> String {
    "waypost-kubernetes".to_owned()
}

fn prefix() -> String {
    "k8s-".to_owned()
}

fn provider() -> String {
    "kubernetes".to_owned()
}

fn readiness_seconds() -> u64 {
    600
}

fn silence_seconds() -> u32 {
    60
}

fn lease_seconds() -> u16 {
    15
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it cannot be read, or what is wrong with it.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{path}: {error}");
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        Self::parse(&text).map_err(|error| failed(&error))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let own: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let names: BTreeSet<&str> = own.clusters.iter().map(|own| own.name.as_str()).collect();
        if names.len() != own.clusters.len() {
            return Err("clusters: two of them have one name".to_owned());
        }
        if !names.contains(own.home.as_str()) {
            return Err(format!("home: {} is none of the clusters", own.home));
        }
        if own.lease.seconds < 3 {
            return Err("lease.seconds: 3 at the least".to_owned());
        }
        if own.readiness_seconds < 30 {
            return Err("readinessSeconds: 30 at the least".to_owned());
        }
        if !(5..=290).contains(&own.silence_seconds) {
            return Err("silenceSeconds: from 5 to 290".to_owned());
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if own.prefix.is_empty() || !own.prefix.bytes().all(is_plain) {
            return Err("prefix: letters, digits, - and ., and not empty".to_owned());
        }
        Ok(own)
    }

    /// Waypost's API.
    pub(crate) fn api(&self) -> Result<Api, String> {
        Api::new(Credentials {
            control: self.waypost.control.clone(),
            token_file: self.waypost.token_file.clone(),
            ca: self.waypost.ca.clone(),
            author: self.owner.clone(),
            reason: "WaypostService".to_owned(),
            ..Credentials::default()
        })
    }

    /// The time for which a report of readiness holds.
    pub(crate) fn readiness(&self) -> Duration {
        Duration::from_secs(self.readiness_seconds)
    }

    /// Files that are read once: when one of them changes, all begins anew. Tokens are read for each request.
    pub(crate) fn files(&self, own: &str) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let kubeconfigs = self
            .clusters
            .iter()
            .filter_map(|own| own.kubeconfig.clone());
        let ca = self.waypost.ca.iter().map(PathBuf::from);
        let all = kubeconfigs.chain(ca).chain([PathBuf::from(own)]);
        all.map(|path| {
            let content = std::fs::read(&path).ok();
            (path, content)
        })
        .collect()
    }
}

impl Cluster {
    /// A client of its API server.
    ///
    /// # Errors
    /// What is wrong with the kubeconfig; nobody is asked.
    pub(crate) async fn client(&self, silence_seconds: u32) -> Result<Client, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cluster {}: {error}", self.name);
        let mut config = match &self.kubeconfig {
            None => ClientConfig::incluster().map_err(|error| failed(&error))?,
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|error| failed(&error))?;
                let options = KubeConfigOptions {
                    context: self.context.clone(),
                    ..KubeConfigOptions::default()
                };
                let config = ClientConfig::from_custom_kubeconfig(file, &options).await;
                config.map_err(|error| failed(&error))?
            }
        };
        // A server that does not even connect is away.
        config.connect_timeout = Some(Duration::from_secs(5));
        // One that says nothing is away as well; it is asked to end a watch before that.
        config.read_timeout = Some(Duration::from_secs(u64::from(silence_seconds) + 3));
        config.reset_reader_on_write = true;
        Client::try_from(config).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const TEXT: &str = "
waypost: { control: 'unix:waypost.sock' }
lease: { namespace: dns }
home: fra
clusters:
  - { name: fra, region: eu-frankfurt, provider: hetzner, kubeconfig: fra.yaml }
  - { name: tor, region: na-toronto, kubeconfig: tor.yaml, gateways: true }
";

    #[test]
    fn a_config_has_defaults_and_names_what_it_names() {
        let own = Config::parse(TEXT).unwrap();
        assert_eq!((own.prefix.as_str(), own.readiness_seconds), ("k8s-", 600));
        for (from, to, told) in [
            ("home: fra", "home: x", "none of the clusters"),
            ("name: tor", "name: fra", "one name"),
            (
                "namespace: dns",
                "namespace: dns, seconds: 1",
                "3 at the least",
            ),
            ("home: fra", "home: fra\nprefix: ''", "prefix"),
            (
                "home: fra",
                "home: fra\nsilenceSeconds: 4",
                "silenceSeconds",
            ),
            ("home: fra", "home: fra\nother: 1", "other"),
        ] {
            let said = Config::parse(&TEXT.replace(from, to)).unwrap_err();
            assert!(said.contains(told), "{said}");
        }
    }
}
