//! One peer, asked for what this node has not, as long as the config names it.
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

use super::carriage::{PeerCarriage, PeerQuestion};
use super::credentials;
use super::ring::AskedFor;
use crate::base::limits::{
    CLUSTER_BUNDLE_BYTES, CLUSTER_CONNECTION, CLUSTER_HANDSHAKE, CLUSTER_POLL,
};
use crate::io::carry::CarrierKind;
use crate::io::carry::pace::PeerPace;
use crate::io::carry::tools::duration;
use crate::io::carry::troubles::{self, ToldTrouble};
use crate::io::metrics::{CarriedWay, PeerTrouble};
use crate::share::{Have, TakenBundle};

/// Time between two attempts, and that to wait where an answer brought nothing.
const RETRY: Duration = Duration::from_secs(1);
/// Octets of the head of an answer.
const HEAD_BYTES: u32 = 4096;

/// A peer that a connection stands to.
struct PeerTalk<'c> {
    carriage: &'c PeerCarriage,
    /// As the config has it.
    address: &'c str,
    /// As its certificate has it.
    member: &'c str,
    requests: SendRequest<Full<Bytes>>,
    pace: PeerPace,
    /// The positions that it has been told, in the last question that it answered.
    told: Option<Have>,
}

/// Asks a peer until the task is ended; a peer that is this node itself only once.
pub(super) async fn ask_for_ever(carriage: Arc<PeerCarriage>, address: String) {
    let mut member = String::new();
    loop {
        let conversed = converse(&carriage, &address, &mut member).await;
        if member == carriage.rules.node {
            return;
        }
        if let Err(told) = conversed {
            if told.0 != PeerTrouble::Broken {
                let untimely = (told.0 == PeerTrouble::Untimely).then(|| told.1.clone());
                carriage.tools.copy.shows_untimely(&address, untimely);
            }
            carriage.troubles.tell(&member, &address, &told);
            sleep(RETRY).await;
        }
    }
}

/// One connection, to the end of its time.
async fn converse(
    carriage: &PeerCarriage,
    address: &str,
    member: &mut String,
) -> Result<(), ToldTrouble> {
    let stream = connect(carriage, address).await?;
    let chain = stream.get_ref().1.peer_certificates();
    *member = credentials::member(chain, &carriage.tools.copy)?;
    if *member == carriage.rules.node {
        return Ok(());
    }
    carriage
        .ring
        .heard(address, member, carriage.tools.clock.now());
    let (requests, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    // It ends with this conversation.
    let mut beside = JoinSet::new();
    beside.spawn(connection);
    let mut asking = PeerTalk {
        carriage,
        address,
        member,
        requests,
        pace: PeerPace::start(),
        told: None,
    };
    let talk = timeout(duration(CLUSTER_CONNECTION), asking.talk()).await;
    drop(asking);
    let told = match talk {
        Ok(Err(told)) => told,
        Ok(Ok(())) | Err(_) => return Ok(()),
    };
    // The peer's last word may have come before the question was asked, which then met a connection that is closed, and no more.
    if told.0 == PeerTrouble::Broken
        && let Ok(Some(Ok(Err(error)))) = timeout(RETRY, beside.join_next()).await
    {
        return Err(broken(&error));
    }
    Err(told)
}

async fn connect(
    carriage: &PeerCarriage,
    address: &str,
) -> Result<TlsStream<TcpStream>, ToldTrouble> {
    let patience = duration(CLUSTER_HANDSHAKE);
    let files = &carriage.rules.files;
    let connector =
        credentials::PeerCredentials::read(files, &carriage.tools.copy)?.connector(files)?;
    let unreachable = |why: String| (PeerTrouble::Unreachable, why);
    let stream = timeout(patience, TcpStream::connect(address)).await;
    let stream = stream.map_err(|_| unreachable("it does not answer".to_owned()))?;
    let stream = stream.map_err(|error| unreachable(error.to_string()))?;
    let remote = stream.set_nodelay(true).and_then(|()| stream.peer_addr());
    let remote = remote.map_err(|error| unreachable(error.to_string()))?;
    let name = ServerName::IpAddress(remote.ip().into());
    let shaken = timeout(patience, connector.connect(name, stream)).await;
    let slow = |_| (PeerTrouble::Slow, "the handshake takes too long".to_owned());
    let shaken = shaken.map_err(slow)?;
    shaken.map_err(|error| troubles::refused(&error))
}

impl PeerTalk<'_> {
    /// Asks on and on; ends when something goes wrong.
    async fn talk(&mut self) -> Result<(), ToldTrouble> {
        let mut is_first = true;
        loop {
            if !self.carriage.tools.copy.listens_to(self.member) {
                let why = "it is revoked, and not asked any more";
                return Err((PeerTrouble::Revoked, why.to_owned()));
            }
            match self.asked_for() {
                AskedFor::News => self.ask(PeerQuestion::News).await?,
                AskedFor::Orders(turn) => {
                    let end = Instant::now() + duration(turn);
                    self.ask(PeerQuestion::State).await?;
                    while self.asked_for() != AskedFor::News {
                        match timeout_at(end, self.ask(PeerQuestion::Orders)).await {
                            Ok(asked) => asked?,
                            Err(_) => break,
                        }
                    }
                }
            }
            if std::mem::take(&mut is_first) {
                self.carriage.troubles.heard(self.member, self.address);
                let copy = &self.carriage.tools.copy;
                copy.shows_untimely(self.address, None);
            }
        }
    }

    /// Asks once, and takes what comes. Where that is less than it should be, a second passes.
    async fn ask(&mut self, question: PeerQuestion) -> Result<(), ToldTrouble> {
        self.pace.turn().await;
        let asked = Instant::now();
        let limit = 2 * duration(CLUSTER_POLL);
        let bundle = timeout(limit, self.exchange(question)).await;
        let slow = |_| (PeerTrouble::Slow, "an answer takes too long".to_owned());
        let bundle = bundle.map_err(slow)??;
        self.pace.gone(bundle.len());
        let tools = &self.carriage.tools;
        tools.metrics.carried(CarriedWay::In, bundle.len());
        self.carriage
            .ring
            .heard(self.address, self.member, self.now());
        let taken = tools.copy.take(&bundle, CarrierKind::Peers);
        self.look_at(&taken)?;
        if question != PeerQuestion::State && !taken.is_worth_more() {
            sleep_until(asked + RETRY).await;
        }
        Ok(())
    }

    async fn exchange(&mut self, question: PeerQuestion) -> Result<Bytes, ToldTrouble> {
        let tools = &self.carriage.tools;
        let have = tools.copy.look(|cluster, _, _| cluster.have());
        let body = match &self.told {
            Some(told) => have.pack_after(told),
            None => have.pack(),
        };
        tools.metrics.carried(CarriedWay::Out, body.len());
        let request = Request::post(format!("https://cluster{}", question.path()));
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.expect("the paths are constants");
        let ready = self.requests.ready().await;
        ready.map_err(|error| broken(&error))?;
        let answer = self.requests.send_request(request).await;
        let answer = answer.map_err(|error| broken(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => {
                let why = "it does not answer this node: by what it knows this node is revoked";
                return Err((PeerTrouble::Refusing, why.to_owned()));
            }
            other => return Err((PeerTrouble::Garbled, format!("it answers {other}"))),
        }
        let body = Limited::new(answer.into_body(), CLUSTER_BUNDLE_BYTES);
        let body = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                let why = format!("it sends more than {CLUSTER_BUNDLE_BYTES} octets");
                return (PeerTrouble::Oversize, why);
            }
            broken(&*error)
        })?;
        self.told = Some(have);
        Ok(body.to_bytes())
    }

    /// Says what is wrong with what came.
    fn look_at(&self, taken: &TakenBundle) -> Result<(), ToldTrouble> {
        match troubles::wrong_with(taken) {
            Some(told @ (PeerTrouble::Garbled, _)) => Err(told),
            Some(told) => {
                self.carriage
                    .troubles
                    .tell(self.member, self.address, &told);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn asked_for(&self) -> AskedFor {
        self.carriage.ring.ask(self.address, self.now())
    }

    fn now(&self) -> crate::base::Moment {
        self.carriage.tools.clock.now()
    }
}

/// A connection that broke, or that one of the two would not have: with TLS 1.3 a server sees the client's certificate last.
fn broken(error: &(dyn Error + 'static)) -> ToldTrouble {
    let mut last = error;
    loop {
        let inner = last.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(|error| error.get_ref());
        if let Some(own) = inner.and_then(|own| own.downcast_ref::<rustls::Error>()) {
            return troubles::refused_by_tls(own);
        }
        match last.source() {
            Some(source) => last = source,
            // HTTP has kept the words of what TLS said, and no more.
            None if last.to_string() == troubles::untimely_by_theirs().to_string() => {
                return troubles::refused_by_tls(&troubles::untimely_by_theirs());
            }
            None => return (PeerTrouble::Broken, last.to_string()),
        }
    }
}
