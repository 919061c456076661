//! `[tsig.NAME]`: keys shared with other servers.
//!
//! The secret stands in the config, in base64 as every name server writes it, or in a file that
//! holds nothing else; one of the two. With `secret = "cluster"` it is one of those that the nodes of a cluster give each other. The key's name on the wire is the table's name, unless
//! `name` says otherwise: both sides must have the same.
use toml::de::DeValue;

use crate::config::reader::{At, Fields};
use crate::config::spec::{TsigSecret, TsigSpec};
use crate::config::value::{self, Trouble};
use crate::dns::tsig::{self, Algorithm};
use crate::plan::Secret;

use super::{path, plain};

const ALGORITHMS: &[(&str, Algorithm)] = &[
    ("hmac-sha256", Algorithm::Sha256),
    ("hmac-sha384", Algorithm::Sha384),
    ("hmac-sha512", Algorithm::Sha512),
];

/// The word in place of a secret that all nodes have in common; it is no base64.
const CLUSTER: &str = "cluster";

pub(super) fn keys(document: &mut Fields<'_, '_>) -> Vec<TsigSpec> {
    let mut list = Vec::new();
    for (name, mut fields) in document.named("tsig", "key") {
        list.push(TsigSpec {
            name,
            key_name: fields.optional("name", value::domain),
            algorithm: plain(fields.optional("algorithm", value::word(ALGORITHMS)))
                .unwrap_or(Algorithm::Sha256),
            secret: secret(&mut fields),
        });
        fields.finish();
    }
    list
}

fn secret(fields: &mut Fields<'_, '_>) -> Option<At<TsigSecret>> {
    let here = fields.optional("secret", base64);
    let file = fields.optional("secret_file", path);
    let (has_here, has_file) = (fields.key("secret"), fields.key("secret_file"));
    match (has_here, has_file) {
        (Some(_), Some(at)) => {
            fields
                .reader()
                .error(&at, "the secret stands twice", |found| {
                    found.help("keep `secret` or `secret_file`");
                });
        }
        (None, None) => fields.missing(
            "secret",
            "write `secret_file = \"keys/NAME.secret\"`, or `secret = \"…\"` in base64",
        ),
        (Some(_), None) | (None, Some(_)) => {}
    }
    let file = file.map(|file| At {
        value: TsigSecret::File(file.value),
        at: file.at,
    });
    here.or(file)
}

fn base64(value: &DeValue<'_>) -> Result<TsigSecret, Trouble> {
    let text = value::text(value)?;
    if text == CLUSTER {
        return Ok(TsigSecret::Cluster);
    }
    match tsig::secret(&text) {
        Some(_) => Ok(TsigSecret::Here(Secret(text))),
        // The text is not shown: it may be all but right.
        None => Err(Trouble::new("the secret is not base64")
            .with_help("`openssl rand -base64 32` makes one")),
    }
}
