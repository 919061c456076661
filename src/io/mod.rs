//! Everything that waits, listens, reads a clock or opens a file.
//!
//! `audit`, `clock`, `publish`, `files`, `keep`, `keys`, `state` and `metrics` serve the siblings above them: `serve`,
//! `probe`, `transfer` and `control`, which do not see each other. `daemon` joins them to the cores.
pub mod audit;
pub mod clock;
pub mod control;
pub mod files;
pub mod keep;
pub mod keys;
pub mod metrics;
pub mod probe;
pub mod publish;
pub mod serve;
pub mod state;
pub mod transfer;
