//! Secrets that stand in a config which every user of the machine may read.
//!
//! Values that come from the environment stand in no file. It does not know who may read a file: that is told.
use super::reader::At;
use super::spec::{Spec, TsigSecret};
use crate::text::Diagnostics;

impl Spec {
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
