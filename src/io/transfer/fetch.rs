//! One transfer from one primary, over TCP.
//!
//! One request: for the changes since our version, or for all if there is none. The primary
//! answers with what there is, or with its SOA if that is no newer: no other question is needed. One
//! that does not know IXFR is asked for all. Every wait is bounded, and so is the whole; what comes
//! is believed only if it is signed with the key, where there is one.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::outlet;
use crate::base::Span;
use crate::base::limits::{TRANSFER_SILENCE, TRANSFER_WHOLE};
use crate::dns::Name;
use crate::dns::message::{self, opcode};
use crate::dns::rr::{class, rcode, rtype};
use crate::dns::transfer::{Broken, Content, Entry, Receipt, Received};
use crate::dns::tsig::{Doubt, Key, Signer, Verifier};
use crate::io::clock::Clock;
use crate::plan::Sources;

/// Why nothing came.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The primary cannot be reached, or ended the connection.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("the primary takes too long")]
    Slow,
    /// It is not believed.
    #[error("{0}")]
    Doubt(#[from] Doubt),
    /// What came cannot be used.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// The stream ended before the zone did.
    #[error("the stream ended before the zone did")]
    Half,
}

/// What is asked of whom.
pub(super) struct Fetch<'f> {
    pub(super) clock: Clock,
    pub(super) zone: &'f Name,
    pub(super) key: Option<&'f Key>,
    /// What we have.
    pub(super) content: Option<&'f Content>,
    /// Where requests leave from.
    pub(super) sources: &'f Sources,
}

impl Fetch<'_> {
    /// Asks one primary.
    pub(super) async fn from(&self, primary: SocketAddr) -> Result<Received, Failure> {
        match self.ask(primary, self.content).await {
            Err(Failure::Broken(Broken::Rcode(rcode::FORMERR | rcode::NOTIMP)))
                if self.content.is_some() =>
            {
                self.ask(primary, None).await
            }
            outcome => outcome,
        }
    }

    /// Asks one primary for everything, whatever we have.
    pub(super) async fn whole(&self, primary: SocketAddr) -> Result<Received, Failure> {
        self.ask(primary, None).await
    }

    async fn ask(
        &self,
        primary: SocketAddr,
        content: Option<&Content>,
    ) -> Result<Received, Failure> {
        let asking = self.converse(primary, content);
        in_time(TRANSFER_WHOLE, asking).await
    }

    async fn converse(
        &self,
        primary: SocketAddr,
        content: Option<&Content>,
    ) -> Result<Received, Failure> {
        let mut stream = in_time(TRANSFER_SILENCE, async {
            Ok(outlet::stream(self.sources, primary).await?)
        })
        .await?;
        let id = u16::try_from(self.clock.now().0 & 0xFFFF).unwrap_or_default();
        let mut request = request(id, self.zone, content.map(|content| &content.soa));
        let mut verifier = self.key.map(|key| {
            let mut signer = Signer::request(key);
            signer.sign(&mut request, self.clock.wall_seconds());
            signer.into_verifier()
        });
        let length = u16::try_from(request.len()).unwrap_or_default();
        let frame = [&length.to_be_bytes()[..], &request].concat();
        in_time(TRANSFER_SILENCE, async {
            Ok(stream.write_all(&frame).await?)
        })
        .await?;
        let known = content.map(Content::serial);
        let mut receipt = Receipt::new(self.zone, id, known);
        while !receipt.is_whole() {
            let message = in_time(TRANSFER_SILENCE, read(&mut stream)).await?;
            receipt.take(&self.believe(verifier.as_mut(), message)?)?;
        }
        if verifier.is_some_and(|verifier| !verifier.is_settled()) {
            return Err(Doubt::Unsigned.into());
        }
        receipt.finish().ok_or(Failure::Half)
    }

    fn believe(&self, verifier: Option<&mut Verifier>, message: Vec<u8>) -> Result<Vec<u8>, Doubt> {
        match verifier {
            Some(verifier) => verifier.verify(&message, self.clock.wall_seconds()),
            None => Ok(message),
        }
    }
}

/// A request for what changed since a version, or for all.
fn request(id: u16, zone: &Name, soa: Option<&Entry>) -> Vec<u8> {
    let authority = u16::from(soa.is_some());
    let mut request = message::header(id, opcode::QUERY, None, [1, 0, authority, 0]).to_vec();
    request.extend_from_slice(zone.as_wire());
    let qtype = match soa {
        Some(_) => rtype::IXFR,
        None => rtype::AXFR,
    };
    request.extend_from_slice(&qtype.to_be_bytes());
    request.extend_from_slice(&class::IN.to_be_bytes());
    if let Some(soa) = soa {
        request.extend_from_slice(&[0xC0, 12]);
        request.extend_from_slice(&rtype::SOA.to_be_bytes());
        request.extend_from_slice(&class::IN.to_be_bytes());
        request.extend_from_slice(&soa.ttl.to_be_bytes());
        let length = u16::try_from(soa.rdata.len()).unwrap_or_default();
        request.extend_from_slice(&length.to_be_bytes());
        request.extend_from_slice(&soa.rdata);
    }
    request
}

async fn read(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Failure::Half),
        Err(error) => return Err(error.into()),
    };
    let mut message = vec![0; usize::from(length)];
    match stream.read_exact(&mut message).await {
        Ok(_) => Ok(message),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Failure::Half),
        Err(error) => Err(error.into()),
    }
}

async fn in_time<T>(
    span: Span,
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = Duration::from_millis(span.0);
    timeout(limit, doing).await.unwrap_or(Err(Failure::Slow))
}
