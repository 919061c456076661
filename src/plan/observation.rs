//! Things that a server tells of itself beside metrics, as the config says it: log lines, and samples of what it answers (dnstap).
use std::path::PathBuf;

/// `[log]` and `[dnstap]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The form of log lines.
    pub log: LogFormat,
    /// The place of samples of answers; absent = nowhere.
    pub dnstap: Option<Dnstap>,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
    /// One JSON object per line, by the Elastic Common Schema.
    Ecs,
    /// One request of OTLP/JSON per line, as OpenTelemetry collectors read files.
    Otlp,
}

/// Samples of answers, as dnstap has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dnstap {
    /// The place that they go to.
    pub place: TapPlace,
    /// One of so many answers is told.
    pub one_in: u32,
}

/// A place that takes Frame Streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapPlace {
    /// A Unix socket on which a reader listens.
    Socket(PathBuf),
    /// A file, begun anew once it has its size.
    File(PathBuf),
}

impl LogFormat {
    /// The words of the config, and of `--log`.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("json", Self::Json),
        ("ecs", Self::Ecs),
        ("otlp", Self::Otlp),
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, format)| *format == self)
            .map_or("", |(word, _)| word)
    }
}

impl Dnstap {
    /// The default of `one_in`.
    pub const ONE_IN: u32 = 100;
}

impl TapPlace {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Socket(path) | Self::File(path) => path,
        }
    }
}
