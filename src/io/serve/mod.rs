//! Takes queries from the network and sends the answers back.
//!
//! ```text
//! UDP: a thread per core, a socket each --recvmmsg--> respond x UDP_BATCH --sendmmsg-->
//! TCP, TLS, HTTPS, QUIC: acceptors --> connection manager (who may stay) --> a task per connection
//! ```
//!
//! | module | what it decides |
//! |---|---|
//! | `access` | whether a sender is read at all; the same for every transport |
//! | `bind` | which sockets there are |
//! | `descriptors` | how many descriptors connections leave to everything else |
//! | `inspect` | which messages need a worker, because the table alone cannot answer them |
//! | [`deferred`] | messages whose answer must be waited for, on their way to a worker |
//! | `onlooker` | who sees replies over UDP besides their clients: nobody, or dnstap |
//! | `udp` | batches, and the address that a reply comes from |
//! | `streams` | framing, limits, and who must go when it is full |
//!
//! It does not know what a query means: that is [`crate::answer`]'s part, called here in one place,
//! where a panic is caught and counted, so that one packet can never stop the others
//! (promise 11). It waits for nobody above: the table is whatever was published last.
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::rand::GetRandomFlags;
use tokio::runtime::Handle;

use self::access::Access;
use self::bind::Bound;
use self::deferred::DeferredQueue;
use self::descriptors::Descriptors;
use self::streams::{ConnectionManager, StreamSockets};
use crate::answer::{Answered, Asker, Transport};
use crate::dns::cookie::{self, Jar};
use crate::io::clock::Clock;
use crate::io::dnstap::Tap;
use crate::io::inherited::Inherited;
use crate::io::metrics::{Dropped, Metrics};
use crate::io::publish::Published;
use crate::plan::{Cookies, Tls};
use crate::table::Table;

mod access;
mod bind;
pub mod deferred;
mod descriptors;
mod inspect;
mod onlooker;
mod streams;
mod udp;

/// The function that turns a query into a reply: [`crate::answer::answer`], or a stand-in of a test or a bench.
pub type Responder = fn(&Table, &Asker, &[u8], &mut [u8]) -> Option<Answered>;

/// Sockets that are open but not yet read.
#[derive(Debug)]
pub struct Listeners {
    bound: Vec<Bound>,
    descriptors: Descriptors,
    /// Those of encrypted transports.
    encrypted: StreamSockets,
}

/// All that a transport needs to answer.
#[derive(Clone, Debug)]
pub struct Service {
    /// The place where tables are published.
    pub published: Arc<Published>,
    /// The clock.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// The function that answers.
    pub responder: Responder,
    /// The queue of messages whose answer must be waited for; without it they are NOTIMP.
    pub deferred: Option<DeferredQueue>,
    /// Secrets that strangers must not know.
    pub secrets: Secrets,
    /// The way of samples of answers; absent = nowhere, for as long as it serves.
    pub tap: Option<Tap>,
}

/// Random numbers that are drawn once, when the server starts.
#[derive(Clone, Copy)]
pub struct Secrets {
    /// The secret that cookies are made with unless the config says.
    cookies: cookie::Secret,
    /// The key by which what is counted by client finds its place.
    counts: [u8; 16],
}

/// Sockets of QUIC that are not served yet.
#[derive(Debug)]
pub struct HeldQuic(StreamSockets);

/// A server at work; goes on until [`Serving::stop`].
#[derive(Debug)]
pub struct Serving {
    threads: Vec<JoinHandle<()>>,
    acceptors: ConnectionManager,
    /// Threads stop when this is closed.
    stop: UnixStream,
    /// Ended once nothing is answered any more.
    tap: Option<Tap>,
}

impl Listeners {
    /// Opens UDP and TCP on every address, with `threads` UDP sockets for each. Port 0 lets the
    /// kernel choose one for both.
    ///
    /// # Errors
    /// When one of them cannot be opened; the message names the address.
    pub fn bind(addresses: &[SocketAddr], threads: usize) -> io::Result<Self> {
        Self::open(addresses, threads, &mut Inherited::default())
    }

    /// As [`Listeners::bind`], but takes sockets that were given where they fit.
    ///
    /// # Errors
    /// As [`Listeners::bind`].
    pub fn open(
        addresses: &[SocketAddr],
        threads: usize,
        given: &mut Inherited,
    ) -> io::Result<Self> {
        let descriptors = Descriptors::claim();
        let bound = addresses
            .iter()
            .map(|&address| bind::bind(address, threads, given));
        Ok(Self {
            bound: bound.collect::<io::Result<_>>()?,
            descriptors,
            encrypted: StreamSockets::default(),
        })
    }

    /// Opens what a plan wants of encrypted transports as well.
    ///
    /// # Errors
    /// When one of them cannot be opened; the message names the address.
    pub fn with_encrypted(self, tls: &Tls) -> io::Result<Self> {
        self.with_encrypted_of(tls, &mut Inherited::default())
    }

    /// As [`Listeners::with_encrypted`], but takes sockets that were given where they fit.
    ///
    /// # Errors
    /// As [`Listeners::with_encrypted`].
    pub fn with_encrypted_of(mut self, tls: &Tls, given: &mut Inherited) -> io::Result<Self> {
        let mut streams = |addresses: &[SocketAddr]| {
            let opened = addresses.iter();
            let opened = opened.map(|&address| bind::bind_stream(address, given));
            opened.collect::<io::Result<Vec<_>>>()
        };
        let (over_tls, over_https) = (streams(&tls.listen)?, streams(&tls.listen_https)?);
        let quic = tls.listen_quic.iter();
        let quic = quic.map(|&address| bind::bind_quic(address, given));
        self.encrypted = StreamSockets {
            tcp: Vec::new(),
            tls: over_tls,
            https: over_https,
            quic: quic.collect::<io::Result<_>>()?,
            pair: Some(tls.pair.clone()),
        };
        Ok(self)
    }

    /// The addresses that they listen on, in the order in which they were asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }

    /// The addresses that encrypted transports listen on, one after the other, each in the order in which its addresses
    /// were asked for.
    #[must_use]
    pub fn encrypted(&self) -> Vec<(Transport, SocketAddr)> {
        let StreamSockets {
            tls, https, quic, ..
        } = &self.encrypted;
        let tls = tls.iter().map(|one| (Transport::Tls, one.local_addr()));
        let https = https.iter().map(|one| (Transport::Https, one.local_addr()));
        let quic = quic.iter().map(|one| (Transport::Quic, one.local_addr()));
        let all = tls.chain(https).chain(quic);
        all.filter_map(|(transport, address)| Some((transport, address.ok()?)))
            .collect()
    }

    /// Descriptors of their own for all of the sockets, to be handed to another program.
    ///
    /// # Errors
    /// When the system has none left.
    pub fn descriptors(&self) -> io::Result<Vec<OwnedFd>> {
        let StreamSockets {
            tcp,
            tls,
            https,
            quic,
            pair: _,
        } = &self.encrypted;
        let streams = tcp.iter().chain(tls).chain(https).map(AsFd::as_fd);
        let encrypted = streams.chain(quic.iter().map(AsFd::as_fd));
        let plain = self.bound.iter().flat_map(|bound| {
            let udp = bound.udp.iter().map(AsFd::as_fd);
            udp.chain([bound.tcp.as_fd()])
        });
        let all = plain.chain(encrypted);
        all.map(|one| one.try_clone_to_owned()).collect()
    }

    /// Takes out what QUIC listens on, which is to be served later ([`Serving::add_quic`]).
    pub fn hold_quic(&mut self) -> HeldQuic {
        HeldQuic(StreamSockets {
            quic: std::mem::take(&mut self.encrypted.quic),
            pair: self.encrypted.pair.clone(),
            ..StreamSockets::default()
        })
    }

    /// Starts to answer; streams are served on `runtime`.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub fn serve(self, service: Service, runtime: &Handle) -> io::Result<Serving> {
        let (descriptors, plan) = (self.descriptors, &service.published.load().plan);
        descriptors.tell(plan.server.connections);
        let tap = service.tap.clone();
        let (stop, stopped) = UnixStream::pair()?;
        let stopped = Arc::new(stopped);
        let (mut sockets, mut streams) = (Vec::new(), self.encrypted);
        for bound in self.bound {
            sockets.push(bound.udp);
            streams.tcp.push(bound.tcp);
        }
        let limiter = Arc::new(udp::Limiter::new(service.secrets.counts));
        let mut threads = Vec::new();
        for (index, own) in by_thread(sockets).into_iter().enumerate() {
            let worker = udp::Worker::new(
                own,
                Arc::clone(&stopped),
                service.clone(),
                Arc::clone(&limiter),
            );
            let thread = std::thread::Builder::new().name(format!("udp-{index}"));
            threads.push(thread.spawn(move || worker.run())?);
        }
        Ok(Serving {
            threads,
            acceptors: ConnectionManager::start(streams, service, descriptors.places(), runtime)?,
            stop,
            tap,
        })
    }
}

impl Serving {
    /// Serves QUIC as well, on sockets that were held back.
    ///
    /// # Errors
    /// QUIC cannot be spoken.
    pub fn add_quic(&mut self, held: HeldQuic) -> io::Result<()> {
        self.acceptors.add_quic(held.0)
    }

    /// Stops reading QUIC: connections finish what was asked, within a bound. Everything else goes on.
    pub async fn end_quic(&mut self) {
        self.acceptors.end_quic().await;
    }

    /// Stops gracefully: what is in the sockets' queues is answered, replies under way are
    /// finished; at most a few seconds later everything is closed.
    pub async fn stop(self) {
        let Self {
            threads,
            acceptors,
            stop,
            tap,
        } = self;
        drop(stop);
        acceptors.stop().await;
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A panic was counted where it happened; there is nothing left to do about it.
                let _ = thread.join();
            }
            if let Some(tap) = tap {
                tap.finish();
            }
        });
        let _ = joined.await;
    }
}

impl Secrets {
    /// As octets, for the program that takes this one's place: what was given to clients stays valid.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        [self.cookies.0, self.counts].concat()
    }

    /// The secrets of [`Secrets::to_octets`]; nothing if these are none.
    #[must_use]
    pub fn of_octets(octets: &[u8]) -> Option<Self> {
        let (cookies, counts) = octets.split_first_chunk()?;
        Some(Self {
            cookies: cookie::Secret(*cookies),
            counts: counts.try_into().ok()?,
        })
    }

    /// Draws new ones.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn draw() -> io::Result<Self> {
        let (mut cookies, mut counts) = ([0; 16], [0; 16]);
        for secret in [&mut cookies, &mut counts] {
            // The system's own: the cryptographic library would measure jitter first, for longer than all of a start.
            let drawn = rustix::rand::getrandom(&mut secret[..], GetRandomFlags::empty())?;
            if drawn != secret.len() {
                return Err(io::Error::other("the system gives no random numbers"));
            }
        }
        Ok(Self {
            cookies: cookie::Secret(cookies),
            counts,
        })
    }
}

/// Never shown.
impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secrets)")
    }
}

impl Service {
    /// The jar that makes and checks cookies now; absent if they are switched off.
    fn cookies(&self, table: &Table) -> Option<Jar> {
        let seconds = self.clock.wall_seconds();
        match &table.plan.server.defence.cookies {
            Cookies::Off => None,
            Cookies::OwnSecret => Some(Jar::new(&[self.secrets.cookies], seconds)),
            Cookies::Secrets(secrets) => Some(Jar::new(secrets, seconds)),
        }
    }

    /// The one way to an answer. A panic drops this query alone.
    fn respond(
        &self,
        table: &Table,
        asker: &Asker,
        query: &[u8],
        reply: &mut [u8],
    ) -> Option<Answered> {
        let answered = catch_unwind(AssertUnwindSafe(|| {
            (self.responder)(table, asker, query, reply)
        }));
        match answered {
            Ok(Some(answered)) => return Some(answered),
            Ok(None) => self.metrics.dropped(Dropped::Unanswerable),
            Err(_) => self.metrics.dropped(Dropped::Panicked),
        }
        None
    }

    /// Tells that the sender is read at all; counts it if not.
    fn admits(&self, source: SocketAddr) -> bool {
        let access = access::decide(source);
        if access == Access::Refused {
            self.metrics.dropped(Dropped::Access);
        }
        access == Access::Granted
    }
}

/// Turns lists by address into lists by thread.
fn by_thread<T>(by_address: Vec<Vec<T>>) -> Vec<Vec<T>> {
    let mut by_thread: Vec<Vec<T>> = Vec::new();
    for sockets in by_address {
        by_thread.resize_with(sockets.len().max(by_thread.len()), Vec::new);
        for (own, socket) in by_thread.iter_mut().zip(sockets) {
            own.push(socket);
        }
    }
    by_thread
}

/// The address as it was before IPv6 was wrapped around it.
fn canonical(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
