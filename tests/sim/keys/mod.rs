//! Keys: rollovers under every order of events.
mod model;
mod rollover;
