//! Keys shared with other servers, their secrets brought.
use std::collections::BTreeMap;

use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::spec::{Spec, TsigSecret, TsigSpec, beside};
use crate::dns::Name;
use crate::dns::tsig::secret;
use crate::plan::{Secret, TsigKey};

/// The keys, in the order of the config; one whose secret is not to be had has none, and is reported, unless other nodes are to give it.
pub(super) fn keys(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Vec<TsigKey> {
    let mut seen: BTreeMap<Name, &str> = BTreeMap::new();
    let mut keys = Vec::new();
    for key in &spec.tsig {
        let name = wire_name(key);
        if let Some(other) = seen.insert(name.clone(), &key.name.value) {
            let at = key.key_name.as_ref().map_or(&key.name.at, |name| &name.at);
            found
                .error(at, format!("a second key called `{name}`"))
                .label(format!("`[tsig.{other}]` has the name as well"))
                .help("keys are told apart by their names: give it another `name`");
        }
        keys.push(TsigKey {
            secret: bring((key, &name), spec, files, found),
            name,
            algorithm: key.algorithm,
        });
    }
    keys
}

/// What the other side calls it.
fn wire_name(key: &TsigSpec) -> Name {
    let given = key.key_name.as_ref().map(|name| name.value.clone());
    given
        .or_else(|| Name::parse(&key.name.value).ok())
        .unwrap_or_else(Name::root)
}

fn bring(
    (key, name): (&TsigSpec, &Name),
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<Secret> {
    let given = key.secret.as_ref()?;
    let path = match &given.value {
        TsigSecret::Here(secret) => return Some(secret.clone()),
        TsigSecret::Cluster if spec.cluster.is_none() => {
            let message = "the secret is to come from a cluster, and this node is of none";
            found
                .error(&given.at, message)
                .help("write `secret_file = \"keys/NAME.secret\"`, or make it one by `[cluster]`");
            return None;
        }
        TsigSecret::Cluster => return files.agreed.tsig.get(name).cloned(),
        TsigSecret::File(path) => path,
    };
    let message = match files.get(&beside(&spec.path, path)) {
        Some(Ok(text)) => match std::str::from_utf8(text).map(str::trim) {
            Ok(text) if secret(text).is_some() => return Some(Secret(text.to_owned())),
            _ => format!("`{path}` does not hold a secret in base64"),
        },
        Some(Err(reason)) => format!("cannot read `{path}`: {reason}"),
        None => format!("`{path}` was not read"),
    };
    found.error(&given.at, message).help(
        "the file holds the secret in base64 and nothing else; `openssl rand -base64 32` makes one",
    );
    None
}
