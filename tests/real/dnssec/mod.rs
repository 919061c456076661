//! Signed zones: what validators that others wrote make of them.
mod clients;
mod dnsviz;
mod elsewhere;
mod fleet;
mod records;
mod validators;
mod whole;
