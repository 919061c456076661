//! Tables of what the server tells of itself beside metrics, as they are written.
use super::reader::At;
use crate::plan::LogFormat;

/// `[log]` and `[dnstap]`.
#[derive(Debug, Default)]
pub(crate) struct ObservationSpec {
    /// `format` of `[log]`.
    pub(crate) log: LogFormat,
    pub(crate) dnstap: Option<DnstapSpec>,
}

/// `[dnstap]`: one of both places.
#[derive(Debug)]
pub(crate) struct DnstapSpec {
    pub(crate) socket: Option<At<String>>,
    pub(crate) file: Option<At<String>>,
    pub(crate) one_in: u32,
}
