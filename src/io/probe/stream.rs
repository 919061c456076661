//! A connection of a probe, plain or by TLS, that reads without a buffer of its own.
//!
//! What comes is read into one buffer for each thread and looked at there, so that ten thousand connections that wait hold
//! no memory for what has not come. The end of the stream is an empty part; an end without TLS's farewell is one too, for a
//! message that says how long it is shows by itself whether it was cut.
use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::base::limits;

/// Octets that are looked at together.
const PART: usize = 16 * 1024;

thread_local! {
    static PART_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PART]);
}

/// A connection that stands.
#[derive(Debug)]
pub(super) enum ProbeStream {
    /// Over TCP alone.
    Plain(TcpStream),
    /// Over TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl ProbeStream {
    /// Waits for something to come, and has it looked at.
    ///
    /// # Errors
    /// That of the connection.
    pub(super) async fn read<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let mut look = Some(look);
        std::future::poll_fn(|context| {
            PART_BUFFER.with_borrow_mut(|buffer| {
                let mut part = ReadBuf::new(buffer);
                match ready!(Pin::new(&mut *self).poll_read(context, &mut part)) {
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => part.clear(),
                    other => other?,
                }
                let look = look.take().expect("what has come is looked at once");
                Poll::Ready(Ok(look(part.filled())))
            })
        })
        .await
    }

    /// Tells that it stands and nothing has come over it that nobody asked for.
    pub(super) async fn is_quiet(&mut self) -> bool {
        std::future::poll_fn(|context| {
            let came = PART_BUFFER.with_borrow_mut(|buffer| {
                let mut part = ReadBuf::new(buffer);
                Pin::new(&mut *self).poll_read(context, &mut part)
            });
            Poll::Ready(came.is_pending())
        })
        .await
    }

    /// The address that it comes from.
    pub(super) fn local(&self) -> Option<IpAddr> {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        stream.local_addr().ok().map(|address| address.ip())
    }

    /// Tells that a protocol was agreed on in the handshake (RFC 7301).
    pub(super) fn has_agreed_on(&self, protocol: &[u8]) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(protocol),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// That of the connection.
    pub(super) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.write_all(message).await?;
        self.flush().await
    }

    /// Closes it. Whatever the peer has still to say (a banner) is read, for the kernel answers unread bytes with a reset,
    /// which fills the peer's log.
    pub(super) async fn close_gracefully(mut self) {
        let farewell = async {
            self.shutdown().await?;
            while self.read(<[u8]>::len).await? > 0 {}
            io::Result::Ok(())
        };
        let patience = Duration::from_millis(limits::PROBE_LINGER.0);
        // The probe has been judged; how the peer takes its leave changes nothing.
        let _ = tokio::time::timeout(patience, farewell).await;
    }
}

impl AsyncRead for ProbeStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        part: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, part),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, part),
        }
    }
}

impl AsyncWrite for ProbeStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        message: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, message),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, message),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
