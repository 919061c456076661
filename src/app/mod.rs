//! Wiring: start order, signals, reload, the subcommands.
