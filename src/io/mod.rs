//! Everything that waits, listens, reads a clock or opens a file.
//!
//! `clock`, `publish`, `files`, `keep`, `keys`, `state`, `metrics`, `screen` and `log_rate` serve the siblings above
//! them: `serve`, `probe`, `transfer` and `control`, which do not see each other. `daemon` joins them to the cores.
pub mod clock;
pub mod control;
pub mod files;
pub mod keep;
pub mod keys;
pub mod log_rate;
pub mod metrics;
pub mod probe;
pub mod publish;
pub mod screen;
pub mod serve;
pub mod state;
pub mod terminal;
pub mod transfer;
