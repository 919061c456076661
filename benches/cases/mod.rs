//! What a bench measures, apart from how: the same cases are timed by criterion (`benches/geo.rs`
//! and its siblings) and counted in instructions by callgrind (`benches/counts.rs`).
//!
//! A case says how to prepare, and is prepared only when it is its turn, because a zone of a
//! million names costs more to build than to ask. One run of what it gives is one operation.
//! It does not know how often it runs, nor who counts.

/// One operation to be measured.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// What it is called: the subject, a stroke, and the operation (`geo/find IPv6`).
    pub(crate) name: &'static str,
    /// Makes all that the operation needs, which is not measured, and gives the operation.
    pub(crate) prepare: fn() -> Box<dyn FnMut()>,
}
