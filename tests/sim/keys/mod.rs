//! Keys: rollovers under every order of events.
mod fleet;
mod model;
mod rollover;
