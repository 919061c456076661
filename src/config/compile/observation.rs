//! `[log]` and `[dnstap]` resolved.
use std::path::PathBuf;

use crate::config::observation::{DnstapSpec, ObservationSpec};
use crate::plan::{Dnstap, Observation, TapPlace};
use crate::text::reader::At;

/// Resolves both tables; `resolve` gives the path of one that is written.
pub(super) fn observation(
    own: &ObservationSpec,
    resolve: impl Fn(&At<String>) -> PathBuf,
) -> Observation {
    let dnstap = own.dnstap.as_ref();
    Observation {
        log: own.log,
        dnstap: dnstap.and_then(|own| self::dnstap(own, resolve)),
    }
}

/// Samples of answers, where they have a place; one that has none is reported.
fn dnstap(own: &DnstapSpec, resolve: impl Fn(&At<String>) -> PathBuf) -> Option<Dnstap> {
    let socket = own.socket.as_ref();
    let socket = socket.map(|path| TapPlace::Socket(resolve(path)));
    let file = own.file.as_ref();
    let file = file.map(|path| TapPlace::File(resolve(path)));
    Some(Dnstap {
        place: socket.or(file)?,
        one_in: own.one_in,
    })
}
