//! One probe under way, and what a monitor type makes its probes of: a deadline, timed phases, a
//! connection, a handshake, an answer.
//!
//! A type dials for itself ([`Probe::look`]): most connect by [`Attempt::connect`] and go on from there; one that needs no
//! connection, or another kind, has [`Attempt::watch`] to hold its own steps to the deadline. A failure
//! names the phase that it happened in. What was learnt before (times, the certificate's expiry) is
//! reported with the failure. What is asked and expected is the types'.
//!
//! What a probe that has passed leaves behind ([`Left`]) is put away once it has been reported, so that nobody waits for a
//! peer's farewell or for the rest of a page.
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_rustls::{TlsConnector, rustls};

use super::cause;
use super::duty::Finished;
use super::exchange::HttpExchange;
use super::http2::Http2Farewell;
use super::launcher::Programs;
use super::memory::SlotMemory;
use super::stopwatch::Stopwatch;
use super::stream::ProbeStream;
use super::trust::{TlsSettings, Trust};
use crate::base::{Cause, MonitorValue, Span, limits};
use crate::health::{ProbeResult, Report, Timing};
use crate::monitor::host::name_of;
use crate::monitor::reach;
use crate::monitor::source::ProbeSource;

/// A monitor that is ready to look: what all probes of it share.
pub(super) trait Probe: Sized {
    /// Its part of the config.
    type Check;

    /// Prepares what need not be done anew for each probe.
    ///
    /// # Errors
    /// What is wrong, for a person; each of its probes is a local failure then.
    fn prepare(check: &Self::Check, resources: &mut Resources) -> Result<Self, String>;

    /// Looks once at what the probe is aimed at.
    ///
    /// # Errors
    /// Why it has failed.
    async fn look(&self, to: &Destination<'_>, attempt: &mut Attempt<'_>) -> Result<(), Cause>;
}

/// The means of this node that its monitors share.
#[derive(Debug)]
pub(super) struct Resources {
    /// The roots that probes trust.
    pub(super) trust: Trust,
    /// The way of the reports. A type that is told instead of asking sends them by itself: who takes them from
    /// here knows which of them it has asked for.
    pub(super) reports: UnboundedSender<Finished>,
    /// The means of programs, made when first wanted.
    pub(super) programs: Option<Programs>,
}

impl Resources {
    /// The means of programs that monitors run.
    ///
    /// # Errors
    /// When there are none; for a person.
    pub(super) fn programs(&mut self) -> Result<Programs, String> {
        let programs = match self.programs.take() {
            Some(programs) => programs,
            None => Programs::new()?,
        };
        self.programs = Some(programs.clone());
        Ok(programs)
    }
}

/// The place that a probe is aimed at.
#[derive(Debug)]
pub(super) struct Destination<'p> {
    /// Its address, with the monitor's port.
    pub(super) address: SocketAddr,
    /// The host to ask it for; the address itself where the plan names none.
    pub(super) host: Cow<'p, str>,
}

/// The side that says the first word over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstWord {
    /// This one: what it says carries the last packet of TCP's handshake with it, which spares both sides a packet.
    Ours,
    /// The peer, or nobody.
    Theirs,
}

/// The legacy of a probe that has passed.
#[derive(Debug)]
pub(super) enum Left {
    /// A connection that has served its purpose, to be closed politely.
    Connection(ProbeStream),
    /// One whose protocol has a word of farewell, which is said first.
    Session(ProbeStream, Vec<u8>),
    /// An exchange over a connection of that age, for the next probe.
    Exchange(Box<HttpExchange>, Instant),
    /// The end of a connection over HTTP/2.
    Http2(Http2Farewell),
}

impl Left {
    /// Puts it away, within [`limits::PROBE_LINGER`].
    pub(super) async fn put_away(self, memory: SlotMemory<'_>) {
        let patience = Duration::from_millis(limits::PROBE_LINGER.0);
        match self {
            Self::Connection(stream) => stream.close_gracefully().await,
            Self::Session(mut stream, farewell) => {
                // The probe has been judged; whether the peer hears it changes nothing.
                let _ = tokio::time::timeout(patience, stream.send(&farewell)).await;
                stream.close_gracefully().await;
            }
            Self::Http2(farewell) => {
                // The probe has been judged; how the peer takes its leave changes nothing.
                let _ = tokio::time::timeout(patience, farewell.say()).await;
            }
            Self::Exchange(exchange, dialled) => {
                let finished = tokio::time::timeout(patience, exchange.finish()).await;
                if let Ok(Some(stream)) = finished {
                    memory.keep(stream, dialled);
                }
            }
        }
    }
}

/// A probe under way.
pub(super) struct Attempt<'m> {
    /// Its deadline.
    pub(super) watch: Stopwatch,
    source: &'m ProbeSource,
    memory: SlotMemory<'m>,
    timing: Timing,
    certificate_expires: Option<u64>,
    value: Option<MonitorValue>,
    left: Option<Left>,
}

impl<'m> Attempt<'m> {
    /// Starts, with the time that the probe has in all, where it leaves this node, and what the one before has left.
    pub(super) fn start(timeout: Span, source: &'m ProbeSource, memory: SlotMemory<'m>) -> Self {
        Self {
            watch: Stopwatch::start(timeout),
            source,
            memory,
            timing: Timing::default(),
            certificate_expires: None,
            value: None,
            left: None,
        }
    }

    /// Takes the connection that the probe before has left, if it stands.
    pub(super) async fn take_kept(&mut self) -> Option<(ProbeStream, Instant)> {
        let found = self.memory.take(self.watch.began()).await?;
        self.certificate_expires = found.certificate_expires;
        Some((found.stream, found.dialled))
    }

    /// Connects over TCP.
    ///
    /// # Errors
    /// Why no connection stands.
    pub(super) async fn connect(
        &mut self,
        address: SocketAddr,
        first_word: FirstWord,
    ) -> Result<TcpStream, Cause> {
        if reach::obstacle(address.ip()).is_some() {
            return Err(Cause::Unreachable);
        }
        let connect = async {
            let stream = dial(address, self.source, first_word).await;
            stream.map_err(|error| cause::of_connect(&error))
        };
        let (took, result) = self.watch.phase(Cause::ConnectTimeout, connect).await;
        self.timing.connect_us = took;
        result
    }

    /// A socket for datagrams to and from one address.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn datagrams(&self, to: SocketAddr) -> Result<UdpSocket, Cause> {
        let open = || {
            let socket = Socket::new(Domain::for_address(to), Type::DGRAM.nonblocking(), None)?;
            self.aim(&socket, to)?;
            UdpSocket::from_std(socket.into())
        };
        if reach::obstacle(to.ip()).is_some() {
            return Err(Cause::Unreachable);
        }
        open().map_err(|error| cause::of_connect(&error))
    }

    /// Lets a socket speak to one address only, from where the monitor's probes leave this node.
    ///
    /// # Errors
    /// That of the socket.
    pub(super) fn aim(&self, socket: &Socket, to: SocketAddr) -> std::io::Result<()> {
        depart(&SockRef::from(socket), self.source, to)?;
        socket.connect(&to.into())
    }

    /// Makes a TLS handshake, whole or by a session of before, and notes when the certificate expires.
    ///
    /// # Errors
    /// Why it failed, or what is wrong with the certificate.
    pub(super) async fn shake_hands(
        &mut self,
        stream: TcpStream,
        tls: &TlsSettings,
        host: &str,
    ) -> Result<ProbeStream, Cause> {
        let name = name_of(host).to_owned();
        let name = ServerName::try_from(name).map_err(|_| Cause::Local)?;
        let session = self.memory.session(tls);
        let began = self.watch.began();
        let connect = TlsConnector::from(session.begin(began)).connect(name, stream);
        let handshake = async { connect.await.map_err(|error| cause::of_handshake(&error)) };
        let (took, result) = self.watch.phase(Cause::TlsTimeout, handshake).await;
        self.timing.tls_us = took;
        let stream = result.as_ref().ok();
        session.end(
            began,
            stream.and_then(|stream| stream.get_ref().1.handshake_kind()),
        );
        self.certificate_expires = session.expires();
        let stream = result?;
        session.judge_validity()?;
        Ok(ProbeStream::Tls(Box::new(stream)))
    }

    /// Waits for an exchange over a connection that stands; the times of several add up.
    ///
    /// # Errors
    /// That of the exchange, or that the time ran out.
    pub(super) async fn exchange<T>(
        &mut self,
        exchange: impl Future<Output = Result<T, Cause>>,
    ) -> Result<T, Cause> {
        let (took, result) = self.watch.phase(Cause::ResponseTimeout, exchange).await;
        self.timing.response_us = self.timing.response_us.saturating_add(took);
        result
    }

    /// Counts the time but for that of connection and handshake as that of the response; for exchanges of
    /// several phases.
    pub(super) fn note_response(&mut self) {
        let before = self.timing.connect_us.saturating_add(self.timing.tls_us);
        let took = self.watch.total().saturating_sub(before);
        self.timing.response_us = took.max(1);
    }

    /// Notes how long the first octet of a response was awaited, if one has come.
    pub(super) fn note_first_octet(&mut self, took: Option<Duration>) {
        let micros = took.map(|took| u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1));
        self.timing.first_byte_us = micros.unwrap_or(self.timing.first_byte_us);
    }

    /// Notes the value that was read.
    pub(super) fn note_value(&mut self, value: MonitorValue) {
        self.value = Some(value);
    }

    /// Leaves something behind, to be put away once the probe has been reported, if it passes.
    pub(super) fn leave(&mut self, left: Left) {
        self.left = Some(left);
    }

    /// The report, and what is left to be put away. After a failure nothing is, and nothing spares the next probe
    /// anything.
    pub(super) fn conclude(mut self, result: Result<(), Cause>) -> (Report, Option<Left>) {
        self.timing.total_us = self.watch.total();
        let (outcome, left) = match result {
            Ok(()) => (ProbeResult::Pass, self.left),
            Err(cause) => {
                self.memory.forget();
                (ProbeResult::Fail(cause), None)
            }
        };
        let report = Report {
            outcome,
            timing: self.timing,
            certificate_expires: self.certificate_expires,
            value: self.value,
        };
        (report, left)
    }
}

/// Binds a socket to where a monitor's probes leave this node, on the way to an address.
fn depart(socket: &SockRef<'_>, source: &ProbeSource, to: SocketAddr) -> std::io::Result<()> {
    if let Some(interface) = &source.interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    let own = match to {
        SocketAddr::V4(_) => source.v4.map(IpAddr::V4),
        SocketAddr::V6(_) => source.v6.map(IpAddr::V6),
    };
    own.map_or(Ok(()), |own| socket.bind(&SocketAddr::new(own, 0).into()))
}

async fn dial(
    address: SocketAddr,
    source: &ProbeSource,
    first_word: FirstWord,
) -> std::io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    depart(&SockRef::from(&socket), source, address)?;
    if first_word == FirstWord::Ours {
        // Where the kernel does not know the option, the packet is sent.
        let _ = SockRef::from(&socket).set_tcp_quickack(false);
    }
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::host::trouble;

    #[test]
    fn every_host_that_a_config_may_have_is_the_name_of_a_server() {
        let long = "a".repeat(63);
        let hosts = [
            "api.example.org",
            "api.example.org.",
            "api.example.org:18443",
            "_x.y-z.example",
            "192.0.2.1:443",
            "2001:db8::1",
            "[2001:db8::1]",
            "[2001:db8::1]:8443",
            "1.example",
            &long,
        ];
        for host in hosts {
            assert_eq!(trouble(host), None, "{host}");
            assert!(ServerName::try_from(name_of(host)).is_ok(), "{host}");
        }
        let long = "a".repeat(64);
        for host in [
            "a..b",
            "-a.example",
            "a-.example",
            "a b",
            "1.2.3",
            "",
            &long,
        ] {
            assert!(trouble(host).is_some(), "{host}");
            assert!(ServerName::try_from(name_of(host)).is_err(), "{host}");
        }
    }
}
