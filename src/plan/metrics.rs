//! The endpoints of which metrics tell, as far as the config decides that.
//!
//! A fleet of thousands makes thousands of series, and whoever pays for them may want to hear of those alone with which something
//! is wrong. It does not know what a series is.

/// The endpoints that metrics tell of one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndpointSeries {
    /// Each.
    #[default]
    All,
    /// Those that probes or orders hold back, and those that nobody looks at.
    NotHealthy,
    /// None: regions and services are told of as wholes.
    None,
}

impl EndpointSeries {
    /// The words of the config.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("all", Self::All),
        ("not_healthy", Self::NotHealthy),
        ("none", Self::None),
    ];
}
