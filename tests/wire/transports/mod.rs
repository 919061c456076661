//! The encrypted transports, by clients of our own; by `kdig`: `tests/real/kdig.rs`.
mod certificates;
mod clients;
mod hold;
mod http;
mod limits;
mod same;
mod views;
