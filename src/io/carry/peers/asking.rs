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

use super::carriage::{PeerCarriage, PeerQuestion, duration};
use super::credentials;
use super::pace::PeerPace;
use super::ring::AskedFor;
use super::troubles::ToldTrouble;
use crate::base::limits::{
    CLUSTER_BUNDLE_BYTES, CLUSTER_CONNECTION, CLUSTER_HANDSHAKE, CLUSTER_POLL,
};
use crate::io::metrics::{CarriedWay, PeerTrouble};
use crate::share::{RecordFate, RecordRefusal, TakenBundle};

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
    };
    let talk = timeout(duration(CLUSTER_CONNECTION), asking.talk()).await;
    talk.unwrap_or(Ok(()))
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
    shaken.map_err(|error| (PeerTrouble::Handshake, error.to_string()))
}

impl PeerTalk<'_> {
    /// Asks on and on; ends when something goes wrong.
    async fn talk(&mut self) -> Result<(), ToldTrouble> {
        let mut is_first = true;
        loop {
            if !credentials::is_admitted(self.member, &self.carriage.tools.copy) {
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
        let taken = tools.copy.take(&bundle);
        self.look_at(&taken)?;
        if question != PeerQuestion::State && !is_worth_it(&taken) {
            sleep_until(asked + RETRY).await;
        }
        Ok(())
    }

    async fn exchange(&mut self, question: PeerQuestion) -> Result<Bytes, ToldTrouble> {
        let tools = &self.carriage.tools;
        let have = tools.copy.have();
        tools.metrics.carried(CarriedWay::Out, have.len());
        let request = Request::post(format!("https://cluster{}", question.path()));
        let request = request.body(Full::new(Bytes::from(have)));
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
        Ok(body.to_bytes())
    }

    /// Says what is wrong with what came.
    fn look_at(&self, taken: &TakenBundle) -> Result<(), ToldTrouble> {
        if taken.garbled.is_some() {
            let why = "what it gives are no records, or such of another version";
            return Err((PeerTrouble::Garbled, why.to_owned()));
        }
        let is_forged = |fate: &&RecordFate| {
            let RecordFate::Refused(why) = fate else {
                return false;
            };
            match why {
                RecordRefusal::Garbled(_) | RecordRefusal::Foreign | RecordRefusal::Forged => true,
                RecordRefusal::Stranger
                | RecordRefusal::Revoked
                | RecordRefusal::Ahead
                | RecordRefusal::Spent
                | RecordRefusal::Twin => false,
            }
        };
        let forged = taken.fates.iter().filter(is_forged).count();
        if forged > 0 {
            let why = format!(
                "{forged} records that it gives are not signed by their author, of another cluster, or of another version"
            );
            let told = (PeerTrouble::Forged, why);
            self.carriage
                .troubles
                .tell(self.member, self.address, &told);
        }
        Ok(())
    }

    fn asked_for(&self) -> AskedFor {
        self.carriage.ring.ask(self.address, self.now())
    }

    fn now(&self) -> crate::base::Moment {
        self.carriage.tools.clock.now()
    }
}

/// Tells that half of what came was new, at least.
fn is_worth_it(taken: &TakenBundle) -> bool {
    let is_new = |fate: &&RecordFate| matches!(fate, RecordFate::Order(_) | RecordFate::Newer(..));
    let new = taken.fates.iter().filter(is_new).count();
    new > 0 && new * 2 >= taken.fates.len()
}

/// A connection that broke, or that one of the two would not have: with TLS 1.3 a server sees the client's certificate last.
fn broken(error: &(dyn Error + 'static)) -> ToldTrouble {
    let mut last = error;
    loop {
        let inner = last.downcast_ref::<std::io::Error>();
        let inner = inner.and_then(|error| error.get_ref());
        if let Some(own) = inner.and_then(|own| own.downcast_ref::<rustls::Error>()) {
            return (PeerTrouble::Handshake, own.to_string());
        }
        match last.source() {
            Some(source) => last = source,
            None => return (PeerTrouble::Broken, last.to_string()),
        }
    }
}
