//! Signed zones, asked without sockets: what signing may not change, and what is denied by type.
mod by_type;
mod property;
