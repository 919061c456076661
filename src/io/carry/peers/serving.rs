//! Peers that ask this node.
//!
//! Whoever connects has three seconds for a handshake; of too many at once the one that came first goes, so that strangers who
//! connect and say nothing keep nobody out who shakes hands at once. A member has two connections at most, and of a third the oldest
//! goes: one that comes back after its network was cut does not wait for the old one to be missed.
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;

use super::carriage::{PeerCarriage, PeerQuestion};
use super::credentials;
use crate::base::limits::{
    CLUSTER_CONNECTION, CLUSTER_CONNECTIONS, CLUSTER_GATHERED, CLUSTER_HANDSHAKE,
    CLUSTER_HANDSHAKES, CLUSTER_HAVE_BYTES, CLUSTER_POLL,
};
use crate::base::{Moment, Span};
use crate::io::carry::SharedCopy;
use crate::io::carry::pace::PeerPace;
use crate::io::carry::tools::duration;
use crate::io::carry::troubles::{self, ToldTrouble};
use crate::io::metrics::{CarriedWay, PeerTrouble};
use crate::share::Have;

/// Time to wait after the system has refused a new socket.
const SHORTAGE: Duration = Duration::from_millis(100);
/// Time between two looks at the connections that stand.
const SWEEP: Duration = Duration::from_secs(1);
/// Time after which a connection on which nothing is asked is cut off.
const IDLE: Span = Span::from_secs(15);
/// Octets of the head of a question.
const HEAD_BYTES: u32 = 4096;
/// Octets that a peer may send before they are read.
const WINDOW: u32 = 64 * 1024;
/// The log's word for a peer before its name is known.
const UNKNOWN: &str = "unknown";

/// All connections of peers.
struct Door {
    carriage: Arc<PeerCarriage>,
    /// Those that shake hands, the oldest first.
    handshakes: Mutex<VecDeque<AbortHandle>>,
    /// Those that ask, the oldest first.
    standing: Mutex<Vec<StandingPeer>>,
}

/// A connection of a member.
struct StandingPeer {
    member: String,
    task: AbortHandle,
    since: Moment,
    asked: Arc<AtomicU64>,
}

/// The things that the questions of one connection share.
struct PeerDesk {
    door: Arc<Door>,
    member: String,
    /// The moment of its last question, by the clock's milliseconds.
    asked: Arc<AtomicU64>,
    /// The talk so far.
    talk: tokio::sync::Mutex<PeerTalked>,
}

/// The talk on one connection so far.
struct PeerTalked {
    /// Questions.
    turn: u64,
    /// The moment from which the next answer may go.
    pace: PeerPace,
    /// The positions that whoever asks has told.
    have: Option<Have>,
}

/// Answers on these listeners until the tasks are dropped.
pub(super) fn spawn(
    tasks: &mut JoinSet<()>,
    listeners: &[Arc<TcpListener>],
    carriage: &Arc<PeerCarriage>,
) {
    let door = Arc::new(Door {
        carriage: Arc::clone(carriage),
        handshakes: Mutex::default(),
        standing: Mutex::default(),
    });
    for listener in listeners {
        tasks.spawn(accept(Arc::clone(listener), Arc::clone(&door)));
    }
    tasks.spawn(async move {
        loop {
            sleep(SWEEP).await;
            door.sweep();
        }
    });
}

async fn accept(listener: Arc<TcpListener>, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let task = connections.spawn(Arc::clone(&door).converse(stream));
                let mut handshakes = door.handshakes();
                if handshakes.len() >= CLUSTER_HANDSHAKES
                    && let Some(oldest) = handshakes.pop_front()
                {
                    oldest.abort();
                }
                handshakes.push_back(task);
            }
            Err(_) => sleep(SHORTAGE).await,
        }
    }
}

impl Door {
    /// One connection. It is among the handshakes when this begins.
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let shaken = self.shake_hands(stream).await;
        let own = tokio::task::id();
        let mut task = None;
        self.handshakes().retain(|other| {
            if other.id() == own {
                task = Some(other.clone());
            }
            other.id() != own
        });
        let entered = shaken.and_then(|(stream, member)| {
            let task = task.ok_or((PeerTrouble::Crowded, String::new()))?;
            let desk = Self::admit(&self, member, task)?;
            Ok((stream, desk))
        });
        match entered {
            Ok((stream, desk)) => desk.answer_all(stream).await,
            Err(told) => self.carriage.troubles.tell("", UNKNOWN, &told),
        }
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, String), ToldTrouble> {
        let from = stream.peer_addr();
        let from = from.map_or_else(|_| String::new(), |from| format!("{}: ", from.ip()));
        let files = &self.carriage.rules.files;
        let copy = &self.carriage.tools.copy;
        let acceptor = credentials::PeerCredentials::read(files, copy)?.acceptor(files)?;
        // Without it answers come later, and that is all.
        let _ = stream.set_nodelay(true);
        let accepting = acceptor.accept(stream).into_fallible();
        let shaken = timeout(duration(CLUSTER_HANDSHAKE), accepting).await;
        let slow = |_| {
            (
                PeerTrouble::Slow,
                format!("{from}the handshake takes too long"),
            )
        };
        let shaken = shaken.map_err(slow)?;
        let shaken = match shaken {
            Ok(shaken) => shaken,
            Err((error, stream)) => {
                // It stays for as long as somebody is to be refused, and no longer.
                let _ = timeout(SWEEP, hear_out(stream)).await;
                let (trouble, why) = troubles::refused(&error);
                return Err((trouble, format!("{from}{why}")));
            }
        };
        let chain = shaken.get_ref().1.peer_certificates();
        let member = credentials::member(chain, copy);
        let member = member.map_err(|(trouble, why)| (trouble, format!("{from}{why}")))?;
        Ok((shaken, member))
    }

    /// Lets a member in, instead of an older connection of its own if need be.
    fn admit(this: &Arc<Self>, member: String, task: AbortHandle) -> Result<PeerDesk, ToldTrouble> {
        let (most, of_one) = CLUSTER_CONNECTIONS;
        let now = this.carriage.tools.clock.now();
        let asked = Arc::new(AtomicU64::new(now.0));
        let mut standing = this.standing();
        standing.retain(|other| !other.task.is_finished());
        let own = standing.iter().filter(|other| other.member == member);
        if own.count() >= of_one
            && let Some(oldest) = standing.iter().position(|other| other.member == member)
        {
            standing.remove(oldest).task.abort();
        }
        if standing.len() >= most {
            let why = format!("{most} connections stand already: let `{member}` ask another node");
            return Err((PeerTrouble::Crowded, why));
        }
        standing.push(StandingPeer {
            member: member.clone(),
            task,
            since: now,
            asked: Arc::clone(&asked),
        });
        drop(standing);
        Ok(PeerDesk {
            door: Arc::clone(this),
            member,
            asked,
            talk: tokio::sync::Mutex::new(PeerTalked {
                turn: 0,
                pace: PeerPace::start(),
                have: None,
            }),
        })
    }

    /// Cuts off who is silent, who has been here too long, and who is revoked.
    fn sweep(&self) {
        let now = self.carriage.tools.clock.now();
        let troubles = &self.carriage.troubles;
        self.standing().retain(|peer| {
            let member = &*peer.member;
            let told = if !self.carriage.tools.copy.listens_to(member) {
                Some((PeerTrouble::Revoked, "it is revoked, and cut off"))
            } else if now.since(Moment(peer.asked.load(Ordering::Relaxed))) > IDLE {
                Some((PeerTrouble::Slow, "it asks for nothing, and is cut off"))
            } else {
                None
            };
            if let Some((trouble, why)) = told {
                troubles.tell(member, member, &(trouble, why.to_owned()));
            }
            // Who asks ends its connections itself; this is for who does not.
            let is_over = told.is_some() || now.since(peer.since) > CLUSTER_CONNECTION.times(2);
            if is_over {
                peer.task.abort();
            }
            !is_over && !peer.task.is_finished()
        });
    }

    fn handshakes(&self) -> MutexGuard<'_, VecDeque<AbortHandle>> {
        self.handshakes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> MutexGuard<'_, Vec<StandingPeer>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what somebody who is refused sends still: otherwise the system would take back the word that says why.
async fn hear_out(mut stream: TcpStream) {
    let mut rest = [0; 1024];
    if stream.shutdown().await.is_ok() {
        while stream.read(&mut rest).await.is_ok_and(|octets| octets > 0) {}
    }
}

impl PeerDesk {
    /// Answers all questions of a connection.
    async fn answer_all(self, stream: TlsStream<TcpStream>) {
        let desk = Arc::new(self);
        let service = service_fn(|request| {
            let desk = Arc::clone(&desk);
            async move { Ok::<_, Infallible>(desk.answer(request).await) }
        });
        let connection = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(1)
            .max_header_list_size(HEAD_BYTES)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(WINDOW as usize)
            .serve_connection(TokioIo::new(stream), service);
        // Whoever asked comes back, or does not.
        let _ = connection.await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let carriage = &self.door.carriage;
        let now = carriage.tools.clock.now();
        self.asked.store(now.0, Ordering::Relaxed);
        match self.bundle(request).await {
            Ok(bundle) => {
                carriage
                    .tools
                    .metrics
                    .carried(CarriedWay::Out, bundle.len());
                Response::new(Full::new(Bytes::from(bundle)))
            }
            Err((status, told)) => {
                carriage.troubles.tell(&self.member, &self.member, &told);
                let refused = Response::builder().status(status).body(Full::default());
                refused.expect("a status alone is a response")
            }
        }
    }

    /// Makes the answer, or says why there is none.
    async fn bundle(
        &self,
        request: Request<Incoming>,
    ) -> Result<Vec<u8>, (StatusCode, ToldTrouble)> {
        let tools = &self.door.carriage.tools;
        let refused = |status, trouble, why: &str| Err((status, (trouble, why.to_owned())));
        if !tools.copy.listens_to(&self.member) {
            let why = "it is revoked, and not answered";
            return refused(StatusCode::FORBIDDEN, PeerTrouble::Revoked, why);
        }
        let mut questions = PeerQuestion::ALL.into_iter();
        let question = questions.find(|question| question.path() == request.uri().path());
        let Some(question) = question.filter(|_| request.method() == Method::POST) else {
            let why = "it asks what this version does not know";
            return refused(StatusCode::NOT_FOUND, PeerTrouble::Garbled, why);
        };
        let body = Limited::new(request.into_body(), CLUSTER_HAVE_BYTES);
        let body = match timeout(duration(CLUSTER_HANDSHAKE), body.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let why = "its question is too long";
                return refused(StatusCode::PAYLOAD_TOO_LARGE, PeerTrouble::Oversize, why);
            }
            Ok(Err(error)) => {
                let why = error.to_string();
                return refused(StatusCode::BAD_REQUEST, PeerTrouble::Broken, &why);
            }
            Err(_) => {
                let why = "its question takes too long";
                return refused(StatusCode::REQUEST_TIMEOUT, PeerTrouble::Slow, why);
            }
        };
        tools.metrics.carried(CarriedWay::In, body.len());
        let mut talk = self.talk.lock().await;
        let Ok(have) = Have::unpack_after(&body, talk.have.as_ref()) else {
            let why = "its question cannot be read, or is of another version";
            return refused(StatusCode::BAD_REQUEST, PeerTrouble::Garbled, why);
        };
        talk.turn += 1;
        talk.pace.turn().await;
        let bundle = newer(&tools.copy, question, (&have, talk.turn)).await;
        talk.have = Some(have);
        talk.pace.gone(bundle.len());
        Ok(bundle)
    }
}

/// A bundle of what another node has not; where it wants to wait, only once there is something, or after five seconds.
async fn newer(copy: &SharedCopy, question: PeerQuestion, (have, turn): (&Have, u64)) -> Vec<u8> {
    let wait = async {
        let mut changes = copy.changes();
        loop {
            changes.mark_unchanged();
            let bundle = match question {
                PeerQuestion::News | PeerQuestion::State => copy.newer(have, turn),
                PeerQuestion::Orders => copy.newer_orders(have, turn),
            };
            if question == PeerQuestion::State || !bundle.is_empty() {
                return bundle;
            }
            // The copy is there as long as somebody asks for it.
            let _ = changes.changed().await;
            sleep(duration(CLUSTER_GATHERED)).await;
        }
    };
    let waited = timeout(duration(CLUSTER_POLL), wait).await;
    waited.unwrap_or_default()
}
