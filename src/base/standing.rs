//! What steering may know of a target, and why it is so.
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AddressSet, Moment, Span};

/// Parts in a thousand.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Deserialize,
    Serialize,
    ToSchema,
)]
pub struct Permille(pub u16);

impl Permille {
    /// All of it.
    pub const FULL: Self = Self(1000);
    /// None of it.
    pub const NONE: Self = Self(0);
}

/// As percent: `37%`, `0.5%`.
impl fmt::Display for Permille {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(out, "{}%", self.0 / 10),
            tenth => write!(out, "{}.{tenth}%", self.0 / 10),
        }
    }
}

/// What steering may know of one target at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Part of the clients that would choose it which it may serve.
    pub share: Permille,
    /// Why the share is what it is.
    pub why: Why,
    /// When the share changes by itself, if nothing else happens (the next ramp step).
    pub until: Option<Moment>,
    /// How long, from any moment of this standing, the share lasts at the least if probes
    /// begin to disagree at once: the failures (or successes) still missing, times the interval.
    pub hold: Span,
    /// Addresses that are down while others of the target are up: they are left out of its answers.
    #[serde(skip)]
    pub without: AddressSet,
}

impl Standing {
    /// Nothing known yet: served.
    pub const UNPROVEN: Self = Self {
        share: Permille::FULL,
        why: Why::Unproven,
        until: None,
        hold: Span::ZERO,
        without: AddressSet::EMPTY,
    };
}

/// Why a target has its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
pub enum Why {
    /// No probe has finished yet; served.
    Unproven,
    /// Every monitor passes; full share.
    Healthy,
    /// Back, and held out for a while before the ramp starts: a failback delay, or flap damping.
    Held,
    /// Back, and waiting for its gate before the ramp starts (or goes on).
    Gated,
    /// Back, and waiting for an operator's word before the ramp starts.
    Unapproved,
    /// Back, and kept out by an operator, who refused this return.
    Refused,
    /// Back, and on the ramp at this step (counted from 1).
    Ramping {
        /// The step it is on, from 1.
        step: u16,
        /// How many steps there are.
        of: u16,
    },
    /// Down, by the last failure that counted.
    Down(Cause),
    /// Probes say down, but the node doubts its own network and keeps it.
    Doubted(Cause),
    /// Probes say down, but too much capacity has left already; kept.
    Capped(Cause),
    /// Probes of this node say down, but the vantages together do not.
    Outvoted(Cause),
    /// On its way out by an operator's order.
    Draining,
    /// Taken out by an operator's order.
    Drained,
    /// On its way back after an operator's order.
    Returning,
    /// Served, or limited, by an operator's override, whatever probes say.
    Forced,
    /// Healthy, and limited by a weight that follows a value.
    Weighted,
    /// Up, and limited because it answers later than its monitor allows.
    Degraded,
    /// Supposed down by `explain --down`.
    Supposed,
}

impl Why {
    /// The state as one word, the same in config, metrics, API and logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Healthy => "healthy",
            Self::Held => "held",
            Self::Gated => "gated",
            Self::Unapproved => "unapproved",
            Self::Refused => "refused",
            Self::Ramping { .. } => "ramping",
            Self::Down(_) => "down",
            Self::Doubted(_) => "doubted",
            Self::Capped(_) => "capped",
            Self::Outvoted(_) => "outvoted",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Returning => "returning",
            Self::Forced => "forced",
            Self::Weighted => "weighted",
            Self::Degraded => "degraded",
            Self::Supposed => "supposed",
        }
    }

    /// What the probes saw, if they saw a failure.
    #[must_use]
    pub fn cause(self) -> Option<Cause> {
        match self {
            Self::Down(cause)
            | Self::Doubted(cause)
            | Self::Capped(cause)
            | Self::Outvoted(cause) => Some(cause),
            Self::Unproven
            | Self::Healthy
            | Self::Held
            | Self::Gated
            | Self::Unapproved
            | Self::Refused
            | Self::Ramping { .. }
            | Self::Draining
            | Self::Drained
            | Self::Returning
            | Self::Forced
            | Self::Weighted
            | Self::Degraded
            | Self::Supposed => None,
        }
    }
}

/// Why a probe failed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, ToSchema,
)]
#[serde(rename_all = "snake_case", tag = "cause", content = "value")]
pub enum Cause {
    /// The peer refused the connection.
    Refused,
    /// No route to the network or the host.
    Unreachable,
    /// The time ran out before the connection stood.
    ConnectTimeout,
    /// The time ran out in the TLS handshake.
    TlsTimeout,
    /// The time ran out while waiting for or reading the response.
    ResponseTimeout,
    /// The peer closed or reset the connection too early.
    Reset,
    /// The TLS handshake failed for another reason than the certificate.
    Tls,
    /// The certificate has expired.
    CertificateExpired,
    /// The certificate is valid, but for less time than the monitor asks for.
    CertificateExpiring,
    /// The certificate is not valid yet.
    CertificateEarly,
    /// The certificate names other hosts than this one.
    CertificateName,
    /// No trusted authority has signed the certificate: an unknown one has, or the peer itself.
    CertificateIssuer,
    /// The certificate is an authority's own, and may not stand for a server.
    CertificateAuthority,
    /// The certificate is not valid for another reason.
    Certificate,
    /// The response has a status that the monitor does not expect.
    Status(u16),
    /// The body does not hold what the monitor expects.
    Body,
    /// The body is compressed in a way that is not read here, so nothing can be looked for in it.
    Compressed,
    /// The answer over a plain connection does not hold what the monitor expects.
    Answer,
    /// The peer does not speak the protocol.
    Protocol,
    /// The endpoint's data is further behind than the monitor allows.
    Behind,
    /// Everything was as expected, and came later than the monitor allows.
    Slow,
    /// The endpoint refuses the monitor's credentials.
    Login,
    /// The node could not start the probe: no socket, no memory.
    Local,
    /// Of several monitors fewer hold than are needed.
    TooFew {
        /// As many are needed.
        needed: u8,
        /// Of so many.
        of: u8,
        /// As many held.
        held: u8,
    },
    /// A monitor holds that must not.
    Opposed,
    /// A value is out of the monitor's bounds.
    OutOfBounds,
    /// There is no value.
    NoValue,
    /// The endpoint has reported that it is down.
    Reported,
    /// No report has come in time.
    Silent,
    /// A program has ended with this status; 128 and more: by a signal.
    Exit(u8),
}

impl Cause {
    /// The cause as one word, for metric labels.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::TlsTimeout => "tls_timeout",
            Self::ResponseTimeout => "response_timeout",
            Self::Reset => "reset",
            Self::Tls => "tls",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateExpiring => "certificate_expiring",
            Self::CertificateEarly => "certificate_early",
            Self::CertificateName => "certificate_name",
            Self::CertificateIssuer => "certificate_issuer",
            Self::CertificateAuthority => "certificate_authority",
            Self::Certificate => "certificate",
            Self::Status(_) => "status",
            Self::Body => "body",
            Self::Compressed => "compressed",
            Self::Answer => "answer",
            Self::Protocol => "protocol",
            Self::Behind => "behind",
            Self::Slow => "slow",
            Self::Login => "login",
            Self::Local => "local",
            Self::TooFew { .. } => "too_few",
            Self::Opposed => "opposed",
            Self::OutOfBounds => "out_of_bounds",
            Self::NoValue => "no_value",
            Self::Reported => "reported",
            Self::Silent => "silent",
            Self::Exit(_) => "exit",
        }
    }
}

/// For a person: `connection refused`, `status 503`.
impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "timeout while connecting",
            Self::TlsTimeout => "timeout in the TLS handshake",
            Self::ResponseTimeout => "timeout while waiting for the response",
            Self::Reset => "connection reset",
            Self::Tls => "TLS handshake failed",
            Self::CertificateExpired => "certificate expired",
            Self::CertificateExpiring => "certificate expires too soon",
            Self::CertificateEarly => "certificate is not valid yet",
            Self::CertificateName => "certificate is not for this host",
            Self::CertificateIssuer => "certificate signed by an unknown authority",
            Self::CertificateAuthority => "certificate is an authority's own, not a server's",
            Self::Certificate => "certificate not valid",
            Self::Status(status) => return write!(out, "status {status}"),
            Self::Body => "body does not match",
            Self::Compressed => "body is compressed in a way that is not read here",
            Self::Answer => "answer does not match",
            Self::Protocol => "not the monitor's protocol",
            Self::Behind => "its data is behind",
            Self::Slow => "slower than the monitor allows",
            Self::Login => "login refused",
            Self::Local => "this node could not start the probe",
            Self::TooFew { needed, of, held } => {
                return write!(out, "{needed} of {of} monitors needed, {held} held");
            }
            Self::Opposed => "a monitor holds that must not",
            Self::OutOfBounds => "a value is out of bounds",
            Self::NoValue => "there is no value",
            Self::Reported => "reported as down",
            Self::Silent => "no report in time",
            Self::Exit(status) => return write!(out, "exit status {status}"),
        })
    }
}
