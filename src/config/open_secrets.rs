//! Secrets that stand in a config which every user of the machine may read.
//!
//! Values that come from the environment stand in no file. It does not know who may read a file: that is told.
use super::reader::At;
use super::spec::{Spec, TsigSecret};
use crate::text::Diagnostics;

impl Spec {
    /// Names of secrets that it sets itself though the nodes of a cluster have some in common: `cookie`, `cohort`, and tables of `[tsig]`.
    #[must_use]
    pub fn sets_secrets(&self) -> Vec<&str> {
        let cookies = &self.server.defence.cookies;
        let sets = cookies.off || cookies.file.is_some() || !cookies.secrets.is_empty();
        let cohort = self.server.cohort_key.as_ref().map(|_| "cohort");
        let is_own = |secret: &At<TsigSecret>| !matches!(secret.value, TsigSecret::Cluster);
        let tsig = self.tsig.iter();
        let tsig = tsig.filter(|key| key.secret.as_ref().is_none_or(is_own));
        let all = sets.then_some("cookie").into_iter().chain(cohort);
        all.chain(tsig.map(|key| &*key.name.value)).collect()
    }

    /// Tells that it is of a cluster.
    #[must_use]
    pub fn is_of_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// Adds a warning if a file of the config that others may read holds a secret itself.
    pub fn warn_of_secrets(&self, is_open: impl Fn(&str) -> bool, found: &mut Diagnostics) {
        let is_here = |secret: &&At<TsigSecret>| matches!(secret.value, TsigSecret::Here(_));
        let tsig = self.tsig.iter().filter_map(|key| key.secret.as_ref());
        let tsig = tsig.filter(is_here).map(|secret| &secret.at);
        let cookies = self.server.defence.cookies.secrets.iter();
        let cohorts = self.server.cohort_key.iter().map(|key| &key.at);
        let discovery = self.discovery.iter().filter_map(|own| own.token.as_ref());
        let all = tsig.chain(cookies.map(|secret| &secret.at)).chain(cohorts);
        let all = all.chain(discovery.map(|token| &token.at));
        let filled = self.document.filled();
        let mut here = all.filter(|at| filled.iter().all(|(place, _)| place != *at));
        if let Some(at) = here.find(|at| is_open(self.document.path_of(at.start))) {
            found
                .warn(at, "a secret in a file that every user of this machine may read")
                .help("`chmod 640` the config, in a group of the server's own, or put the secret into a file (`secret_file`)");
        }
    }
}
