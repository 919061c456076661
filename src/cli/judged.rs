//! A config that is read to be judged, with what tells later which text that was.
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::Failure;
use crate::base::shown;
use crate::config::{self, Compiled, Files, Spec};
use crate::io::clock::Clock;
use crate::io::files;
use crate::sim::play::Playable;

/// What a config comes to, and the files that it was compiled from.
pub(super) struct Judged {
    pub(super) compiled: Compiled,
    pub(super) source: Source,
    /// The config.
    pub(super) spec: Spec,
    /// The files that were brought for it.
    pub(super) files: Files,
}

/// What a plan was compiled from, by what, and when it was judged.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    /// Version of this program.
    version: &'static str,
    /// When it was judged, in seconds since 1970.
    #[serde(rename = "judged_at", with = "shown::utc")]
    at: u64,
    /// The plan's own digest, as status shows it.
    digest: String,
    /// What the geo database is: `embedded`, or a path.
    geo_database: String,
    /// When that was built, in seconds since 1970.
    #[serde(with = "shown::utc")]
    geo_built_at: u64,
    /// The config, what it includes, then every file that it names.
    files: Vec<Fingerprint>,
}

/// One file that was read.
#[derive(Debug, Serialize)]
struct Fingerprint {
    path: String,
    /// In hexadecimal digits, as `sha256sum` prints it.
    sha256: String,
}

impl Judged {
    /// The config as scenarios are played against it.
    pub(super) fn playable(self) -> Playable {
        Playable {
            plan: Arc::new(self.compiled.plan),
            spec: self.spec,
            files: self.files,
        }
    }
}

impl Source {
    /// The config's hash.
    pub(super) fn sha256(&self) -> &str {
        self.files.first().map_or("", |config| &config.sha256)
    }
}

/// Reads and compiles a config.
pub(super) fn read(path: &Path) -> Result<Judged, Failure> {
    let mut loaded = files::load(path).map_err(|error| error.to_string())?;
    // Whatever addresses a name has had, a judgement is about all that it may have.
    loaded.files.names = Arc::default();
    let config = loaded.spec.parts();
    let config = config.map(|(path, text)| fingerprint(Path::new(path), text.as_bytes()));
    let named = loaded.files.iter().filter_map(|(path, bytes)| {
        let bytes = bytes.as_ref().ok()?;
        Some(fingerprint(path, bytes))
    });
    let files = config.chain(named).collect();
    let (compiled, _) = config::compile(&loaded.spec, loaded.diagnostics, &loaded.files)
        .map_err(|found| format!("{} has errors\n{}", path.display(), found.render(false)))?;
    let source = Source {
        version: env!("CARGO_PKG_VERSION"),
        at: Clock::start().wall_seconds(),
        digest: format!("{:016x}", compiled.plan.digest),
        geo_database: compiled.plan.geo.source.clone(),
        geo_built_at: compiled.plan.geo.built_at,
        files,
    };
    Ok(Judged {
        compiled,
        source,
        spec: loaded.spec,
        files: loaded.files,
    })
}

fn fingerprint(path: &Path, bytes: &[u8]) -> Fingerprint {
    Fingerprint {
        path: path.display().to_string(),
        sha256: sha256(bytes),
    }
}

/// SHA-256 (FIPS 180-4), by the library that TLS is done with.
fn sha256(bytes: &[u8]) -> String {
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let hash = suite
        .expect("the suite is one of TLS 1.3")
        .common
        .hash_provider;
    let digits = hash.hash(bytes);
    digits
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_standard() {
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
