//! Remarks of a translation: what was lost, and what was added or is not quite the same.
//!
//! Both name the file, the line, what stands there, why it cannot stand in the new config, and what to do. Only what is *lost*
//! changes what clients are answered, and makes `waypost import` exit with 1.
//!
//! What Waypost itself cannot say, whoever's config says it, is a [`Feature`], with the same words for all translators.
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

/// Things that another server's config may say, and a translation not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// Shares of the clients of one place over regions.
    PlaceWeights,
    /// Clients by a measured table.
    LatencyTable,
    /// Clients by city.
    Cities,
    /// Records other than addresses that follow the choice.
    SteeredRecords,
    /// A monitor that runs a program.
    ExecMonitor,
    /// A pool that never takes part of itself out.
    IgnoredHealth,
}

impl Feature {
    /// Why it is not in the config, and what to do.
    pub(super) fn explain(self) -> (&'static str, &'static str) {
        match self {
            Self::PlaceWeights => (
                "shares over regions are of all clients, and not of those of a place",
                "weigh endpoints inside one region instead",
            ),
            Self::LatencyTable => (
                "the measured times are not in these files",
                "clients go by distance: measure, and give policy \"latency\" the file; or state `bias` for a region that should be nearer",
            ),
            Self::Cities => (
                "a city is one of a country, and that is not said",
                "write it with its country before it (\"DE/Frankfurt am Main\"), or name its networks",
            ),
            Self::SteeredRecords => (
                "records other than addresses that follow the choice are not translated",
                "write them as `[[services.X.records]]`, or into the zone file if one for everybody will do",
            ),
            Self::ExecMonitor => (
                "a program is not run because a file of another server says so",
                "write a monitor of type exec, or watch the service by http, https, tcp or tls",
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
