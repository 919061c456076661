//! Remarks of a translation: what was lost, and what was added or is not quite the same.
//!
//! Both name the file, the line, what stands there, why it cannot stand in the new config, and what to do. Only what is *lost*
//! changes what clients are answered, and makes `waypost import` exit with 1.
//!
//! What Waypost itself cannot say is a [`Feature`]: whether it can is decided in one place, [`Feature::is_sayable`], so that
//! all translators say it from the day that it can be said.
use std::fmt;
use std::rc::Rc;

use serde::Serialize;

/// A place in an imported file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceLine {
    pub(super) file: Rc<str>,
    pub(super) line: usize,
}

/// The weight of a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RemarkKind {
    /// Clients may be answered otherwise than before.
    Lost,
    /// They are answered the same; something was added, or is only served in another manner.
    Note,
}

/// One thing that a translation has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Lost or not.
    pub kind: RemarkKind,
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The thing that stands there.
    pub what: String,
    /// Why it is not in the new config, or not as it was.
    pub why: String,
    /// Advice.
    pub help: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RemarkKind::Lost => "lost",
            RemarkKind::Note => "note",
        };
        let Self {
            file,
            line,
            what,
            why,
            help,
            ..
        } = self;
        write!(out, "{file}:{line}: {kind}: {what}: {why}; {help}")
    }
}

/// Things that another server's config may say, and a config of Waypost perhaps not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// An endpoint that is known by name.
    HostnameEndpoint,
    /// Shares of all clients over regions.
    RegionWeights,
    /// Clients by a measured table.
    LatencyTable,
    /// Clients by a subdivision of ISO 3166-2.
    Subdivisions,
    /// Clients by city.
    Cities,
    /// Records other than addresses that follow the choice.
    SteeredRecords,
    /// A steered name that is a wildcard.
    SteeredWildcards,
    /// An ordinary name that is answered by the addresses of another.
    StaticAlias,
    /// A monitor that runs a program.
    ExecMonitor,
    /// A pool that never takes part of itself out.
    IgnoredHealth,
}

impl Feature {
    /// Tells whether a config can say it.
    pub(super) fn is_sayable(self) -> bool {
        match self {
            Self::HostnameEndpoint
            | Self::RegionWeights
            | Self::LatencyTable
            | Self::Cities
            | Self::SteeredRecords
            | Self::SteeredWildcards
            | Self::StaticAlias
            | Self::ExecMonitor
            | Self::IgnoredHealth => false,
            Self::Subdivisions => true,
        }
    }

    /// Why it is not in the config, and what to do.
    pub(super) fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::HostnameEndpoint => (
                "an endpoint has addresses and cannot be known by name",
                "give the endpoint the addresses that the name has",
            ),
            Self::RegionWeights => (
                "shares of all clients over regions cannot be stated",
                "weigh endpoints inside one region instead",
            ),
            Self::LatencyTable => (
                "there is no table of measured times",
                "clients go by distance: state `bias` for a region that should be nearer",
            ),
            Self::Subdivisions => (
                "clients are not told apart by parts of countries",
                "name the networks of the subdivision",
            ),
            Self::Cities => (
                "clients are not told apart by city",
                "name the networks of the city in `places`",
            ),
            Self::SteeredRecords => (
                "only addresses follow the choice of a region",
                "put the record into the zone file if one for everybody will do",
            ),
            Self::SteeredWildcards => (
                "a steered name cannot be a wildcard",
                "steer a name of its own, and let `* CNAME` in the zone lead there",
            ),
            Self::StaticAlias => (
                "a name cannot borrow the addresses of a name elsewhere",
                "put the addresses into the zone file, or write a CNAME where one may stand",
            ),
            Self::ExecMonitor => (
                "no monitor runs a program of one's own",
                "watch the service by http, https, tcp or tls",
            ),
            Self::IgnoredHealth => (
                "an endpoint that is down gets no clients",
                "leave the endpoints without monitors if they shall always be answered",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_one_line_with_its_place() {
        let remark = Remark {
            kind: RemarkKind::Lost,
            file: "config".to_owned(),
            line: 7,
            what: "`city`".to_owned(),
            why: "why".to_owned(),
            help: "help".to_owned(),
        };
        assert_eq!(remark.to_string(), "config:7: lost: `city`: why; help");
    }
}
