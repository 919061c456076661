//! The command line of `waypost drill`.
use std::path::PathBuf;

use clap::Args;

use crate::base::Span;
use crate::cli::shared_arguments::{Control, OrderBy, span};

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// The scenario; outages are played as drains
    #[arg(value_name = "SCENARIO.toml")]
    pub(super) scenario: PathBuf,
    /// A name that may be drained; may be given again
    #[arg(
        long,
        value_name = "REGION|PROVIDER|ENDPOINT",
        required_unless_present = "shadow"
    )]
    pub(super) allow: Vec<String>,
    /// Play it in the table only, at once: nothing is ordered, and no client is moved
    #[arg(long)]
    pub(super) shadow: bool,
    /// Stop when a region carries more than this part of its capacity
    #[arg(long, value_name = "PERCENT", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) max_load: u16,
    /// Stop when more than so many of a thousand answers since the beginning were SERVFAIL, or named endpoints that are down
    #[arg(long, value_name = "PERMILLE", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(super) max_errors: u16,
    /// Let a drain end by itself so long after a drill that is gone
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = span)]
    pub(super) lease: Span,
    /// Write a page: what was predicted, with charts, and what happened
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    #[command(flatten)]
    pub(super) by: OrderBy,
    #[command(flatten)]
    pub(super) control: Control,
}
