//! Comparison placeholder.
