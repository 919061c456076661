//! Everything that waits, listens, reads a clock or opens a file.
//!
//! `audit`, `background`, `clock`, `dnstap`, `publish`, `files`, `history`, `keep`, `keys`, `state`, `memory`, `metrics`, `notify`, `screen`, `log_line`, `log_rate`, `node_name`, `resolve`, `web`, `inherited`, `service_manager` and
//! `privileges` serve the siblings above them: `serve`, `probe`, `discovery`, `transfer`, `control`, `carry` and `handover`, which do not see
//! each other. `daemon` joins them to the cores.
pub mod audit;
pub mod background;
pub mod carry;
pub mod clock;
pub mod control;
pub mod discovery;
pub mod dnstap;
pub mod files;
pub mod handover;
pub mod history;
pub mod inherited;
pub mod keep;
pub mod keys;
pub mod log_line;
pub mod log_rate;
pub mod memory;
pub mod metrics;
pub mod node_name;
pub mod notify;
pub mod privileges;
pub mod probe;
pub mod publish;
pub mod resolve;
pub mod screen;
pub mod serve;
pub mod service_manager;
pub mod state;
pub mod terminal;
pub mod transfer;
pub mod web;
