//! One transfer from one primary, over TCP.
//!
//! One request: for the changes since our version, or for all if there is none. The primary
//! answers with what there is, or with its SOA if that is no newer: no other question is needed. One
//! that does not answer it so, whether it declines, sends what is no difference, or breaks off, is
//! asked for all at once: an old version is served no longer because a primary cannot tell what
//! changed. Only one that cannot be connected to is left to the next look. Every wait is
//! bounded, and so is the whole; what comes is believed only if it is signed with the key, where there is one.
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{info, warn};

use super::outlet;
use crate::base::Span;
use crate::base::limits::{
    TRANSFER_SILENCE, TRANSFER_WHOLE, TRANSFERS_IN, TRANSFERS_IN_BY_PRIMARY,
};
use crate::dns::Name;
use crate::dns::message::{self, opcode};
use crate::dns::rr::{class, rtype};
use crate::dns::transfer::{Asked, Broken, Entry, Receipt, Received};
use crate::dns::tsig::{Doubt, Key, Signer, Verifier};
use crate::io::clock::Clock;
use crate::plan::Incoming;
use crate::zones::{Request, Want};

/// Why nothing came.
#[derive(Debug, Error)]
enum Failure {
    /// The primary cannot be reached.
    #[error("{0}")]
    Unreached(io::Error),
    /// It ended the connection.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It says nothing for too long.
    #[error("the primary says nothing for {TRANSFER_SILENCE}")]
    Silent,
    /// It took too long.
    #[error("the primary takes longer than {TRANSFER_WHOLE}")]
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

impl Failure {
    /// Whether the same primary may give the whole zone, where it did not give what changed.
    fn is_of_changes(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Slow => false,
            Self::Io(_) | Self::Silent | Self::Doubt(_) | Self::Broken(_) | Self::Half => true,
        }
    }
}

/// Asks primaries, so many at once and no more.
///
/// Each primary has places of its own, so that one that is silent holds up nobody's zones but its own.
#[derive(Debug)]
pub struct Fetcher {
    clock: Clock,
    room: Semaphore,
    by_primary: Mutex<BTreeMap<SocketAddr, Arc<Semaphore>>>,
}

impl Fetcher {
    /// Nobody is asked yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            room: Semaphore::new(TRANSFERS_IN),
            by_primary: Mutex::default(),
        }
    }

    /// Asks a primary for a zone, when it is this one's turn.
    ///
    /// # Errors
    /// Why nothing came, for a person.
    pub async fn fetch(&self, request: &Request) -> Result<Received, String> {
        let own = self.of_primary(request.primary);
        // Neither is ever closed; without a place the request would only be one more.
        let _own = own.acquire().await.ok();
        let _place = self.room.acquire().await.ok();
        fetch(self.clock, request).await
    }

    /// The places of one primary; those that nobody uses are forgotten.
    fn of_primary(&self, primary: SocketAddr) -> Arc<Semaphore> {
        let mut all = self
            .by_primary
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.retain(|one, places| *one == primary || Arc::strong_count(places) > 1);
        let places = || Arc::new(Semaphore::new(TRANSFERS_IN_BY_PRIMARY));
        Arc::clone(all.entry(primary).or_insert_with(places))
    }
}

/// Asks a primary for a zone.
///
/// # Errors
/// Why nothing came, for a person.
async fn fetch(clock: Clock, request: &Request) -> Result<Received, String> {
    let key = match &request.key {
        Some(own) => Some(
            own.key()
                .ok_or("the secret of its key has not come from another node")?,
        ),
        None => None,
    };
    let fetch = Fetch {
        clock,
        zone: &request.apex,
        key: key.as_ref(),
        soa: request.soa.as_ref(),
        incoming: &request.incoming,
    };
    let received = match request.want {
        Want::News => fetch.news(request.primary).await,
        Want::Whole => fetch.whole(request.primary).await,
    };
    received.map_err(|failure| failure.to_string())
}

/// What is asked of whom.
struct Fetch<'f> {
    clock: Clock,
    zone: &'f Name,
    key: Option<&'f Key>,
    /// The SOA of what we have.
    soa: Option<&'f Entry>,
    /// Where requests leave from, and how much may come.
    incoming: &'f Incoming,
}

impl Fetch<'_> {
    /// Asks for what is new.
    async fn news(&self, primary: SocketAddr) -> Result<Received, Failure> {
        let Some(soa) = self.soa else {
            return self.ask(primary, Asked::Whole).await;
        };
        match self.ask(primary, Asked::Changes(soa.serial())).await {
            Err(why) if why.is_of_changes() => {
                info!(event = "transfer_changes_failed", zone = %self.zone, %primary,
                    "no changes come, asking for the whole zone: {why}");
                self.whole(primary).await
            }
            outcome => outcome,
        }
    }

    /// Asks for everything, if it is newer than what we have.
    async fn whole(&self, primary: SocketAddr) -> Result<Received, Failure> {
        let known = self.soa.map(Entry::serial);
        self.ask(primary, known.map_or(Asked::Whole, Asked::Newer))
            .await
    }

    async fn ask(&self, primary: SocketAddr, asked: Asked) -> Result<Received, Failure> {
        let asking = self.converse(primary, asked);
        in_time((TRANSFER_WHOLE, Failure::Slow), asking).await
    }

    async fn converse(&self, primary: SocketAddr, asked: Asked) -> Result<Received, Failure> {
        let mut stream = self.connect(primary).await?;
        let id = u16::try_from(self.clock.now().0 & 0xFFFF).unwrap_or_default();
        let own = self.soa.filter(|_| matches!(asked, Asked::Changes(_)));
        let mut request = message_for(id, self.zone, own);
        let mut verifier = self.key.map(|key| {
            let mut signer = Signer::request(key);
            signer.sign(&mut request, self.clock.wall_seconds());
            signer.into_verifier()
        });
        let length = u16::try_from(request.len()).unwrap_or_default();
        let frame = [&length.to_be_bytes()[..], &request].concat();
        patiently(async { Ok(stream.write_all(&frame).await?) }).await?;
        let mut receipt = Receipt::new(self.zone, id, asked).of_at_most(self.incoming.max_size);
        while !receipt.is_whole() {
            let message = patiently(read(&mut stream)).await?;
            receipt.take(&self.believe(verifier.as_mut(), message)?)?;
        }
        if verifier.is_some_and(|verifier| !verifier.is_settled()) {
            return Err(Doubt::Unsigned.into());
        }
        self.tell_strays(primary, &receipt);
        receipt.finish().ok_or(Failure::Half)
    }

    async fn connect(&self, primary: SocketAddr) -> Result<TcpStream, Failure> {
        let connecting = outlet::stream(&self.incoming.sources, primary);
        let connected = timeout(Duration::from_millis(TRANSFER_SILENCE.0), connecting).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        connected.map_err(Failure::Unreached)
    }

    /// Says once for a transfer what was left out of it.
    fn tell_strays(&self, primary: SocketAddr, receipt: &Receipt) {
        if let Some(strays) = receipt.strays() {
            warn!(event = "transfer_strays", zone = %self.zone, %primary, count = strays.count,
                first = %strays.first, "records that lie outside the zone were left out");
        }
    }

    fn believe(&self, verifier: Option<&mut Verifier>, message: Vec<u8>) -> Result<Vec<u8>, Doubt> {
        match verifier {
            Some(verifier) => verifier.verify(&message, self.clock.wall_seconds()),
            None => Ok(message),
        }
    }
}

/// A request for what changed since a version, or for all.
fn message_for(id: u16, zone: &Name, soa: Option<&Entry>) -> Vec<u8> {
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

/// Bounds one wait.
async fn patiently<T>(doing: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    in_time((TRANSFER_SILENCE, Failure::Silent), doing).await
}

async fn in_time<T>(
    (span, otherwise): (Span, Failure),
    doing: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = Duration::from_millis(span.0);
    timeout(limit, doing).await.unwrap_or(Err(otherwise))
}
