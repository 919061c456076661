//! What an error of the socket, of TLS or of HTTP says about the endpoint: one [`Cause`].
//!
//! The line that matters is between the endpoint and this node: no descriptors left, no address to
//! send from or a local firewall is [`Cause::Local`], and must never be held against the endpoint.
//! An error that is not known counts as local before the connection stands, and as the peer's doing
//! after.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of errors are open; the last arm says what the rest means"
)]
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};
use tokio_rustls::rustls;

use crate::base::Cause;

/// How webpki names a certificate that may only sign others; rustls passes its error on unnamed.
/// A self-signed certificate as `openssl req -x509` makes it is of this kind.
const AUTHORITY_AS_SERVER: &str = "CaUsedAsEndEntity";

/// Of an attempt to connect.
pub(super) fn of_connect(error: &io::Error) -> Cause {
    match error.kind() {
        ErrorKind::ConnectionRefused => Cause::Refused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Cause::Unreachable,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Cause::Reset,
        ErrorKind::TimedOut => Cause::ConnectTimeout,
        _ => Cause::Local,
    }
}

/// The cause of a handshake that failed because of the certificate, for whoever words it; `None` for other failures.
#[must_use]
pub fn of_untrusted(error: &io::Error) -> Option<Cause> {
    match rustls_error(error)? {
        rustls::Error::InvalidCertificate(error) => Some(of_certificate(error)),
        _ => None,
    }
}

/// Of a TLS handshake.
pub(super) fn of_handshake(error: &io::Error) -> Cause {
    of_stream(error, Cause::TlsTimeout)
}

/// Of a dialogue, or a request and its response, over a connection that stood.
pub(super) fn of_answer(error: &io::Error) -> Cause {
    of_stream(error, Cause::ResponseTimeout)
}

/// Of a connection that stood; `late` when the kernel itself gave up waiting for the peer.
fn of_stream(error: &io::Error, late: Cause) -> Cause {
    if let Some(inner) = rustls_error(error) {
        return of_tls(inner);
    }
    match error.kind() {
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Cause::Unreachable,
        ErrorKind::InvalidData | ErrorKind::InvalidInput => Cause::Protocol,
        ErrorKind::TimedOut => late,
        ErrorKind::OutOfMemory => Cause::Local,
        _ => Cause::Reset,
    }
}

fn of_tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::AlertReceived(alert) if is_of_own_certificate(*alert) => Cause::Login,
        rustls::Error::InvalidMessage(_) => Cause::Protocol,
        rustls::Error::FailedToGetCurrentTime | rustls::Error::FailedToGetRandomBytes => {
            Cause::Local
        }
        _ => Cause::Tls,
    }
}

/// Tells whether a server complains of the certificate that the monitor has shown, or that it has shown none.
fn is_of_own_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

fn of_certificate(error: &CertificateError) -> Cause {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Cause::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Cause::CertificateEarly
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Cause::CertificateName
        }
        // An authority of a trusted one's name that is not the trusted one signs badly.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Cause::CertificateIssuer
        }
        CertificateError::Other(other) if other.to_string() == AUTHORITY_AS_SERVER => {
            Cause::CertificateAuthority
        }
        _ => Cause::Certificate,
    }
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::InvalidMessage;
    use rustls::pki_types::{ServerName, UnixTime};
    use std::time::Duration;

    #[test]
    fn a_failed_connect_tells_the_peer_from_this_node() {
        let cases = [
            (nix::libc::ECONNREFUSED, Cause::Refused),
            (nix::libc::EHOSTUNREACH, Cause::Unreachable),
            (nix::libc::ENETUNREACH, Cause::Unreachable),
            (nix::libc::ETIMEDOUT, Cause::ConnectTimeout),
            (nix::libc::ECONNRESET, Cause::Reset),
            (nix::libc::EMFILE, Cause::Local),
            (nix::libc::ENOBUFS, Cause::Local),
            (nix::libc::EADDRNOTAVAIL, Cause::Local),
            (nix::libc::EPERM, Cause::Local),
        ];
        for (number, cause) in cases {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(of_connect(&error), cause, "{error}");
        }
    }

    #[test]
    fn tls_errors_fall_into_certificate_protocol_and_the_rest() {
        let cases = [
            (
                rustls::Error::InvalidCertificate(CertificateError::Revoked),
                Cause::Certificate,
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
                Cause::Protocol,
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                Cause::Tls,
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                Cause::Login,
            ),
            (rustls::Error::FailedToGetCurrentTime, Cause::Local),
        ];
        for (error, cause) in cases {
            let wrapped = io::Error::new(ErrorKind::InvalidData, error);
            assert_eq!(of_handshake(&wrapped), cause, "{wrapped}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_trusted_has_words() {
        let error = |error| io::Error::new(ErrorKind::InvalidData, error);
        let name = rustls::Error::InvalidCertificate(CertificateError::NotValidForName);
        let found = of_untrusted(&error(name));
        assert_eq!(
            found.unwrap().to_string(),
            "certificate is not for this host"
        );
        let alert = rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
        assert_eq!(of_untrusted(&error(alert)), None);
        assert_eq!(of_untrusted(&ErrorKind::UnexpectedEof.into()), None);
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_apart() {
        let context = UnixTime::since_unix_epoch(Duration::from_secs(1));
        let cases = [
            (CertificateError::Expired, Cause::CertificateExpired),
            (
                CertificateError::ExpiredContext {
                    time: context,
                    not_after: context,
                },
                Cause::CertificateExpired,
            ),
            (CertificateError::NotValidYet, Cause::CertificateEarly),
            (
                CertificateError::NotValidYetContext {
                    time: context,
                    not_before: context,
                },
                Cause::CertificateEarly,
            ),
            (CertificateError::NotValidForName, Cause::CertificateName),
            (
                CertificateError::NotValidForNameContext {
                    expected: ServerName::try_from("api.example.org").unwrap(),
                    presented: Vec::new(),
                },
                Cause::CertificateName,
            ),
            (CertificateError::UnknownIssuer, Cause::CertificateIssuer),
            (CertificateError::BadSignature, Cause::CertificateIssuer),
            (CertificateError::BadEncoding, Cause::Certificate),
        ];
        for (error, cause) in cases {
            assert_eq!(of_certificate(&error), cause, "{error:?}");
        }
    }

    #[test]
    fn a_connection_that_ends_in_the_handshake_is_a_reset() {
        for kind in [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset] {
            assert_eq!(of_handshake(&kind.into()), Cause::Reset);
        }
        assert_eq!(of_handshake(&ErrorKind::TimedOut.into()), Cause::TlsTimeout);
    }
}
