//! Probes of type `tls`: a handshake with a certificate that is judged, and what is to be said after it.
//!
//! No protocol is offered (ALPN): what the server speaks inside is not known here, and one that is offered
//! what it does not speak would refuse the handshake.
use super::attempt::{Attempt, Destination, FirstWord, Left, Probe, Resources};
use super::dialogue;
use super::starttls;
use super::trust::TlsSettings;
use crate::base::Cause;
use crate::monitor::dialogue::Dialogue;
use crate::monitor::starttls::StartTls;
use crate::monitor::tls::TlsCheck;

/// A monitor of type `tls`, ready to look.
#[derive(Debug)]
pub(super) struct TlsProbe {
    settings: TlsSettings,
    starttls: Option<StartTls>,
    dialogue: Dialogue,
}

impl Probe for TlsProbe {
    type Check = TlsCheck;

    fn prepare(check: &TlsCheck, resources: &mut Resources) -> Result<Self, String> {
        let settings = resources.trust.settings(&check.certificate, &[]);
        Ok(Self {
            settings: settings.map_err(|error| error.to_string())?,
            starttls: check.starttls,
            dialogue: check.dialogue.clone(),
        })
    }

    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause> {
        let stream = match self.starttls {
            None => attempt.connect(to.address, FirstWord::Ours).await?,
            Some(protocol) => {
                let stream = attempt.connect(to.address, FirstWord::Theirs).await?;
                let request = starttls::request(protocol, stream);
                attempt.exchange(request).await?
            }
        };
        let handshake = attempt.shake_hands(stream, &self.settings, &to.host);
        let mut stream = handshake.await?;
        dialogue::hold(&self.dialogue, &mut stream, attempt).await?;
        attempt.leave(Left::Connection(stream));
        Ok(())
    }
}
