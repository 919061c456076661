//! Zones given to knot, nsd and bind, and taken from each of them; and from a primary that does
//! everything wrong.
mod catalogs;
mod changes;
mod hostile;
mod incoming;
mod outgoing;
mod peers;
mod scripted;
mod signed;
mod sources;
mod strays;
mod upkeep;
mod views;
