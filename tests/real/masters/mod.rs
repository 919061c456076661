//! Master files of every kind, read by Waypost and by BIND, Knot and NSD.
mod compare;
mod differences;
mod programs;
mod record;
mod shrink;
mod slips;
mod types;
mod words;
mod zones;
