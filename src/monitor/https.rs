//! Monitors of type `https`: as `http`, over TLS, with the server's certificate judged.
use super::bounds::ValueBounds;
use super::certificate::CertificatePolicy;
use super::http::HttpCheck;
use super::kind::{Host, MonitorType, NamedFile, Port, ProbeExchange};
use crate::text::reader::Fields;
use crate::text::value::Trouble;

/// Request and expectations of an HTTPS probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsCheck {
    /// The request and its response; the host is the server's name in the handshake as well.
    pub http: HttpCheck,
    /// The judgement of the server's certificate.
    pub certificate: CertificatePolicy,
}

impl MonitorType for HttpsCheck {
    const PORT: Port = Port::Default(443);
    const FILES: &'static [&'static str] = CertificatePolicy::FILES;

    fn read(fields: &mut Fields<'_, '_>) -> Self {
        Self {
            http: HttpCheck::read(fields),
            certificate: CertificatePolicy::read(fields),
        }
    }

    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        self.certificate.take_file(file)
    }

    fn forget_paths(&mut self) {
        self.certificate.forget_paths();
    }

    fn bounds(&self) -> Option<&ValueBounds> {
        self.http.bounds()
    }

    fn host(&self) -> Host<'_> {
        self.http.host()
    }

    fn exchange(&self) -> ProbeExchange {
        ProbeExchange {
            encrypted: true,
            ..self.http.exchange()
        }
    }
}
