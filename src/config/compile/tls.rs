//! The server's own certificate and key: two files in PEM become one pair, or what is wrong with
//! which of them is said.
//!
//! A pair is taken only as a whole: both files can be read, hold what they should, and belong to
//! each other. So a reload that meets a half-renewed pair is refused, and the one before stays.
//! Whether the certificate has expired is not asked here, for there is no clock: status and
//! metrics show when it does.
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::plan::{Pair, Tls};

/// What is wrong with a file, and what to do about it.
pub(super) type Fault = (String, &'static str);

const PATHS: &str = "paths are relative to the folder of the config";
const CHAIN: &str = "the file holds the certificate in PEM (`-----BEGIN CERTIFICATE-----`), and after it those that vouch for it";
const KEY: &str = "the file holds the private key in PEM (`-----BEGIN PRIVATE KEY-----`)";
const PASSPHRASE: &str = "take the passphrase off: `openssl pkey -in KEY -out NEW`, and keep NEW readable by the server only";
const KINDS: &str = "keys may be ECDSA (P-256, P-384), Ed25519 or RSA of 2048 bits and more";
const BELONG: &str = "renew both together, and name the files of the same renewal";

/// `[server.tls]`, if there is one and nothing is wrong with it.
pub(super) fn resolve(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Option<Tls> {
    let tls = spec.server.tls.as_ref()?;
    let sockets = |list: &[At<_>]| list.iter().map(|one| one.value).collect();
    Some(Tls {
        listen: sockets(&tls.listen),
        listen_https: sockets(&tls.listen_https),
        listen_quic: sockets(&tls.listen_quic),
        pair: pair(
            (tls.certificate.as_ref()?, tls.key.as_ref()?),
            spec,
            files,
            found,
        )?,
    })
}

/// A certificate and its key; reported if they are not what they should be.
pub(super) fn pair(
    (certificate, key): (&At<String>, &At<String>),
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<Pair> {
    let chain = part(certificate, spec, files, found, chain);
    let private = part(key, spec, files, found, private_key);
    let ((chain, expires, names), private) = (chain?, private?);
    match CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()) {
        Ok(certified) => Some(Pair {
            certified: Arc::new(certified),
            expires,
            names,
        }),
        Err(error) => {
            let (message, help) = unfit(&error, &key.value, &certificate.value);
            found.error(&key.at, message).help(help);
            None
        }
    }
}

/// Reads one of the files; reported if it is not what it should be.
pub(super) fn part<T>(
    path: &At<String>,
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
    read: impl Fn(&[u8]) -> Result<T, Fault>,
) -> Option<T> {
    let (message, help) = match files.get(&spec.resolve(path)) {
        Some(Ok(text)) => match read(text) {
            Ok(value) => return Some(value),
            Err((message, help)) => (format!("`{}` {message}", path.value), help),
        },
        Some(Err(reason)) => (format!("cannot read `{}`: {reason}", path.value), PATHS),
        None => (format!("`{}` was not read", path.value), PATHS),
    };
    found.error(&path.at, message).help(help);
    None
}

/// Certificates that vouch for clients, in DER.
pub(super) fn roots(text: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let roots: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| ("is broken: not all of it is PEM".to_owned(), CHAIN))?;
    if roots.is_empty() {
        return Err(("holds no certificate".to_owned(), CHAIN));
    }
    let mut store = RootCertStore::empty();
    for root in &roots {
        store.add(root.clone()).map_err(|error| {
            (
                format!("holds a certificate that vouches for nobody: {error}"),
                CHAIN,
            )
        })?;
    }
    Ok(roots.iter().map(|root| root.to_vec()).collect())
}

/// The certificates of a file, when the first of them expires, and for whom it is.
fn chain(text: &[u8]) -> Result<(Vec<CertificateDer<'static>>, u64, Vec<String>), Fault> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| ("is broken: not all of it is PEM".to_owned(), CHAIN))?;
    let first = chain
        .first()
        .ok_or(("holds no certificate".to_owned(), CHAIN))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(first)
        .map_err(|error| (format!("holds a broken certificate: {error}"), CHAIN))?;
    let expires = parsed.validity().not_after.timestamp();
    let names = names(&parsed);
    // Before 1970 is as expired as 1970.
    Ok((chain, u64::try_from(expires).unwrap_or(0), names))
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.map(|found| found.value.general_names.as_slice());
    let shown = names
        .unwrap_or_default()
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => address(octets),
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::URI(_)
            | GeneralName::RegisteredID(_)
            | GeneralName::Invalid(..) => None,
        });
    shown.collect()
}

fn address(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(std::net::IpAddr::from);
    let v6 = <[u8; 16]>::try_from(octets).map(std::net::IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Fault> {
    PrivateKeyDer::from_pem_slice(text).map_err(|_| {
        let mark = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
        match text.windows(mark.len()).any(|window| window == mark) {
            true => ("holds a key behind a passphrase".to_owned(), PASSPHRASE),
            false => ("holds no private key".to_owned(), KEY),
        }
    })
}

fn unfit(error: &Error, key: &str, certificate: &str) -> Fault {
    if *error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        return (format!("`{key}` is not the key of `{certificate}`"), BELONG);
    }
    (format!("`{key}` is of a kind that cannot be used"), KINDS)
}
