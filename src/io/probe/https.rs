//! Probes of type `https`: the request of an `http` probe, over TLS.
use super::attempt::{Attempt, Destination, Probe, Resources};
use super::http::{HttpProbe, Scheme};
use super::http2;
use super::trust::TlsSettings;
use crate::base::Cause;
use crate::monitor::http::HttpVersion;
use crate::monitor::https::HttpsCheck;

/// A monitor of type `https`, ready to look.
#[derive(Debug)]
pub(super) struct HttpsProbe {
    tls: TlsSettings,
    http: HttpProbe,
}

impl Probe for HttpsProbe {
    type Check = HttpsCheck;

    fn prepare(check: &HttpsCheck, resources: &mut Resources) -> Result<Self, String> {
        let protocol = match check.http.version {
            HttpVersion::One => b"http/1.1",
            HttpVersion::Two => http2::NAME,
        };
        let tls = resources.trust.settings(&check.certificate, &[protocol]);
        Ok(Self {
            tls: tls.map_err(|error| error.to_string())?,
            http: HttpProbe::prepare(&check.http, resources)?,
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        self.http.ask(to, attempt, Scheme::Https(&self.tls)).await
    }
}
