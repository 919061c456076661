//! Monitors of type `tls`: a handshake, a certificate that is judged, and what is said over the connection.
use super::certificate::CertificatePolicy;
use super::dialogue::Dialogue;
use super::host;
use super::kind::{Host, MonitorType, NamedFile, Port, ProbeExchange};
use crate::text::reader::{Fields, plain};
use crate::text::value::Trouble;

/// Expectations of a TLS probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCheck {
    /// The name that the certificate must have, and the server's name in the handshake (SNI); absent = the service's first
    /// hostname.
    pub host: Option<String>,
    /// The judgement of the server's certificate.
    pub certificate: CertificatePolicy,
    /// Texts that are sent and expected after the handshake; by default none.
    pub dialogue: Dialogue,
}

impl MonitorType for TlsCheck {
    const PORT: Port = Port::Default(443);
    const FILES: &'static [&'static str] = CertificatePolicy::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            host: plain(fields.optional("host", host::host)),
            certificate: CertificatePolicy::read(fields),
            dialogue: Dialogue::read(fields),
        }
    }

    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        self.certificate.take_file(file)
    }

    fn forget_paths(&mut self) {
        self.certificate.forget_paths();
    }

    fn host(&self) -> Host<'_> {
        Host::or_of_service(self.host.as_deref())
    }

    fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            encrypted: true,
            responds: self.dialogue.has_steps(),
            kept: None,
        }
    }
}
