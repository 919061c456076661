//! Waypost. (Architecture comment to come.)
pub mod answer;
pub mod app;
pub mod base;
pub mod config;
pub mod dns;
pub mod engine;
pub mod geo;
pub mod health;
pub mod io;
pub mod plan;
pub mod sim;
pub mod steer;
pub mod table;
