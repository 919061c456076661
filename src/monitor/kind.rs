//! The words in which every monitor type speaks of itself, so that nothing but its own two files need know it.
//!
//! The config is read first and the files that it names are brought later, so a type gives its check
//! without them ([`MonitorType::read`]) and takes each when it comes ([`MonitorType::take_file`]). Which port and
//! which host a probe is aimed at depends on the type and on the service, so a type says what it needs
//! ([`Port`], [`Host`]) and the compiler of the config gives it. How a probe dials and judges is not known here.
use std::sync::Arc;

use super::bounds::ValueBounds;
use crate::base::Span;
use crate::text::reader::Fields;
use crate::text::value::Trouble;

/// A monitor type: its keys, their defaults, its files, and what it needs.
pub(crate) trait MonitorType: Sized {
    /// The port that it dials.
    const PORT: Port;
    /// The keys that name files, in the order in which they are brought.
    const FILES: &'static [&'static str] = &[];

    /// Reads the keys that are the type's own, but for `port` and those of [`MonitorType::FILES`]. What is wrong is
    /// reported to the reader of the fields, and has a default here.
    fn read(fields: &mut Fields<'_, '_>) -> Self;

    /// Takes the content of the file that a key of [`MonitorType::FILES`] names.
    ///
    /// # Errors
    /// When the content is not what it should be.
    fn take_file(&mut self, file: &NamedFile<'_>) -> Result<(), Trouble> {
        Err(Trouble::new(format!("`{}` names no file", file.key)))
    }

    /// Forgets where its files are; what they hold stays.
    fn forget_paths(&mut self) {}

    /// The bounds of the value that it reads, if it reads one.
    fn bounds(&self) -> Option<&ValueBounds> {
        None
    }

    /// The time after which silence is down, where nothing is asked and reports are waited for.
    fn silence(&self) -> Option<Span> {
        None
    }

    /// The host that a probe asks for.
    fn host(&self) -> Host<'_> {
        Host::Nobody
    }

    /// Tells what a probe that passes takes of the network; by default a connection, and a response over it.
    fn exchange(&self) -> ProbeExchange {
        ProbeExchange::PLAIN
    }
}

/// Has a type of monitor take its files, its host and what it takes of the network from one part of it.
macro_rules! as_its {
    ($part:ident) => {
        fn take_file(
            &mut self,
            file: &crate::monitor::kind::NamedFile<'_>,
        ) -> Result<(), crate::text::value::Trouble> {
            self.$part.take_file(file)
        }

        fn forget_paths(&mut self) {
            self.$part.forget_paths();
        }

        fn host(&self) -> crate::monitor::kind::Host<'_> {
            self.$part.host()
        }

        fn exchange(&self) -> crate::monitor::kind::ProbeExchange {
            self.$part.exchange()
        }
    };
}
pub(super) use as_its;

/// What a probe that passes takes of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeExchange {
    /// Tells that a connection is made first; datagrams need none.
    pub connects: bool,
    /// Tells that the first octet of a response is awaited apart (HTTP).
    pub has_first_octet: bool,
    /// Whether it is over TLS.
    pub encrypted: bool,
    /// Whether a response is waited for once the connection stands.
    pub responds: bool,
    /// How long a connection serves, over many probes; absent = each probe has its own.
    pub kept: Option<Span>,
}

impl ProbeExchange {
    /// A connection for each probe, without TLS, and a response.
    pub const PLAIN: Self = Self {
        connects: true,
        has_first_octet: false,
        encrypted: false,
        responds: true,
        kept: None,
    };
}

/// A file that a key of a monitor names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedFile<'f> {
    /// The key.
    pub(crate) key: &'static str,
    /// The path as it is written.
    pub(crate) path: &'f str,
    /// Its content.
    pub(crate) content: &'f Arc<[u8]>,
}

/// The port that a monitor type dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// The key `port`, or this one.
    Default(u16),
    /// The key `port`, which must be there.
    Required,
    /// None: it dials nothing that has a port.
    None,
}

/// The host that a probe asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'c> {
    /// It asks for none.
    Nobody,
    /// This one, whatever the service.
    Named(&'c str),
    /// The service's first hostname, so that each service is probed on its own.
    OfService,
}

impl<'c> Host<'c> {
    /// The host of a key that may be absent.
    pub(crate) fn or_of_service(named: Option<&'c str>) -> Self {
        named.map_or(Self::OfService, Self::Named)
    }
}
