//! Keys of monitors that speak TLS: how the certificate of the server is judged.
//!
//! A part of several types, and no type itself. Whom the certificate must name is the monitor's host.
//!
//! TLS sessions are resumed from one probe of an address to the next, which spares both sides most of a handshake and shows no
//! certificate. A certificate that was replaced by a bad one may therefore go unseen for `verify_every`; one that runs
//! out is seen at once, for its date is remembered.
use std::sync::Arc;

use toml::de::DeValue;

use super::identity::ClientIdentity;
use super::kind::NamedFile;
use crate::base::Span;
use crate::base::limits::PROBE_VERIFY_EVERY;
use crate::text::reader::{Fields, plain};
use crate::text::value::{self, Trouble};

/// The judgement of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePolicy {
    /// Validity for the host, signed by a trusted root.
    pub verify: Verify,
    /// Roots in PEM instead of the system's: the path as shown, and the text.
    pub roots: Option<(String, Arc<[u8]>)>,
    /// Time that it must still be valid, whether it is verified otherwise or not; absent = not asked.
    pub min_validity: Option<Span>,
    /// Time for which TLS sessions are resumed before the certificate is verified in full again; zero = each probe makes a
    /// whole handshake.
    pub verify_every: Span,
    /// The proof of who asks, for servers that want one (mutual TLS); by default none.
    pub identity: ClientIdentity,
}

/// It must be valid, and signed by one of the system's roots.
impl Default for CertificatePolicy {
    fn default() -> Self {
        Self {
            verify: Verify::Required,
            roots: None,
            min_validity: None,
            verify_every: PROBE_VERIFY_EVERY,
            identity: ClientIdentity::default(),
        }
    }
}

/// Necessity of a valid certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// It must.
    Required,
    /// Any will do.
    Off,
}

impl CertificatePolicy {
    /// Keys of it that name files.
    pub(super) const FILES: &'static [&'static str] =
        &["roots", "client_certificate", "client_key"];

    /// Reads the keys but for those that name files.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        ClientIdentity::refuse_half(fields);
        let verify = match plain(fields.optional("verify", value::boolean)) {
            Some(false) => Verify::Off,
            Some(true) | None => Verify::Required,
        };
        Self {
            verify,
            roots: None,
            min_validity: plain(fields.optional("min_validity", value::long_span)),
            verify_every: plain(fields.optional("verify_every", verify_every))
                .unwrap_or(PROBE_VERIFY_EVERY),
            identity: ClientIdentity::default(),
        }
    }

    /// Forgets where the roots are.
    pub(super) fn forget_paths(&mut self) {
        if let Some((path, _)) = &mut self.roots {
            path.clear();
        }
        self.identity.forget_paths();
    }

    /// Takes the roots, or a part of the client's identity.
    pub(super) fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        match file.key {
            "roots" => self.take_roots(file),
            _ => self.identity.take_file(file),
        }
    }

    fn take_roots(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        let mark = b"-----BEGIN CERTIFICATE-----";
        if !file
            .content
            .windows(mark.len())
            .any(|window| window == mark)
        {
            let message = format!("`{}` holds no certificate", file.path);
            return Err(
                Trouble::new(message).with_help("roots are in PEM: `-----BEGIN CERTIFICATE-----`")
            );
        }
        self.roots = Some((file.path.to_owned(), Arc::clone(file.content)));
        Ok(())
    }
}

/// A time that is no longer than [`PROBE_VERIFY_EVERY`].
fn verify_every(value: &DeValue<'_>) -> Result<Span, Trouble> {
    let span = value::span(value)?;
    if span <= PROBE_VERIFY_EVERY {
        return Ok(span);
    }
    let message = format!("a certificate is to be verified more often than every {span}");
    Err(Trouble::new(message).with_help(format!(
        "{PROBE_VERIFY_EVERY} is the most; \"0s\" verifies it with each probe"
    )))
}
