//! Connections of protocols that may be encrypted, and that each begin that in their own words.
use tokio::net::TcpStream;

use super::attempt::{Attempt, Destination, FirstWord, Resources};
use super::stream::ProbeStream;
use super::trust::TlsSettings;
use crate::base::Cause;
use crate::monitor::encryption::{Encryption, EncryptionStart};

/// The way in which connections of a monitor begin.
#[derive(Debug)]
pub(super) struct Dialling {
    start: EncryptionStart,
    settings: Option<TlsSettings>,
}

impl Dialling {
    /// Prepares what a monitor asks for; these protocols are offered (ALPN).
    ///
    /// # Errors
    /// What is wrong with roots or certificates, for a person.
    pub(super) fn prepare(
        encryption: &Encryption,
        resources: &mut Resources,
        protocols: &[&[u8]],
    ) -> Result<Self, String> {
        let settings = match encryption.begins {
            EncryptionStart::Never => None,
            EncryptionStart::AtOnce | EncryptionStart::OnRequest => {
                let settings = resources.trust.settings(&encryption.certificate, protocols);
                Some(settings.map_err(|error| error.to_string())?)
            }
        };
        Ok(Self {
            start: encryption.begins,
            settings,
        })
    }

    /// Tells that connections are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.settings.is_some()
    }

    /// Connects, and encrypts the connection if the monitor wants that; `request` asks the server for it where it does not
    /// begin so.
    ///
    /// # Errors
    /// Why no such connection stands.
    pub(super) async fn dial<F>(
        &self,
        to: &Destination<'_>,
        attempt: &mut Attempt<'_>,
        request: impl FnOnce(TcpStream) -> F,
    ) -> Result<ProbeStream, Cause>
    where
        F: Future<Output = Result<TcpStream, Cause>>,
    {
        let first = match self.start {
            EncryptionStart::AtOnce => FirstWord::Ours,
            EncryptionStart::Never | EncryptionStart::OnRequest => FirstWord::Theirs,
        };
        let mut stream = attempt.connect(to.address, first).await?;
        let Some(settings) = &self.settings else {
            return Ok(ProbeStream::Plain(stream));
        };
        if self.start == EncryptionStart::OnRequest {
            stream = attempt.exchange(request(stream)).await?;
        }
        attempt.shake_hands(stream, settings, &to.host).await
    }
}

/// For protocols that have no words to ask for encryption: it begins at once, or never.
///
/// # Errors
/// Always.
pub(super) async fn never(_: TcpStream) -> Result<TcpStream, Cause> {
    Err(Cause::Local)
}
