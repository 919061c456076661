//! A world whose services answer with more than addresses: `records.toml` and `records.zone`.
use std::path::Path;
use std::sync::Arc;

use waypost::config::{self, Compiled, Files};
use waypost::table::Table;

use crate::sample;

/// A client in Canada.
pub(crate) const CANADIAN: &str = "198.51.100.9";
/// A client in Singapore.
pub(crate) const SINGAPOREAN: &str = "203.0.113.9";
/// Every endpoint.
pub(crate) const ALL: [&str; 5] = ["eu-one", "eu-two", "na-one", "na-two", "ap-four"];

/// What it comes to.
pub(crate) fn compile() -> Compiled {
    let text = include_str!("records.toml");
    let (spec, found) = config::read(Path::new("records.toml"), text);
    let mut files = Files::new();
    for path in spec.files(&files) {
        let zone: Arc<[u8]> = Arc::from(include_bytes!("records.zone").as_slice());
        files.insert(path, Ok(zone));
    }
    let compiled = config::compile(&spec, found, &files);
    compiled
        .unwrap_or_else(|found| panic!("{}", found.render(false)))
        .0
}

/// A table of it in which these endpoints are down.
pub(crate) fn table(down: &[&str]) -> Table {
    let compiled = compile();
    let zones = compiled.unsigned();
    sample::table_of(&Arc::new(compiled.plan), down).with_zones(zones)
}
