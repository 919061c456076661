//! Configs with a tier of many endpoints.
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use waypost::config::{self, Compiled, Diagnostics, Files};

/// A fleet in words.
#[derive(Clone, Copy)]
pub(crate) struct FleetConfig {
    pub(crate) endpoints: usize,
    pub(crate) answers: usize,
    /// The key `dnssec` of the zone, or nothing.
    pub(crate) dnssec: &'static str,
    /// Further keys of every endpoint.
    pub(crate) keys: &'static str,
}

const ZONE: &[u8] =
    b"$ORIGIN example.org.\n$TTL 300\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n\
    @ NS ns1\nns1 A 192.0.2.1\n";

/// The weight of an endpoint: no two in a row are alike.
pub(crate) fn weight(endpoint: usize) -> usize {
    1 + endpoint * 7919 % 997
}

impl FleetConfig {
    /// The config: the endpoints have an address of each family, and the weights of [`weight`].
    pub(crate) fn text(self) -> String {
        let mut text = format!(
            "[server]\nlisten = [\"127.0.0.1:5300\"]\n[geo]\ndatabase = \"embedded\"\n\
             [[zones]]\nname = \"example.org\"\nfile = \"fleet.zone\"\n{}\n\
             [monitors.web]\ntype = \"tcp\"\nport = 80\n\
             [services.www]\nhostnames = [\"www.example.org\"]\nmonitors = [\"web\"]\nanswers = {}\n\
             [regions.eu]\nlocation = [50.11, 8.68]\n",
            self.dnssec, self.answers
        );
        for endpoint in 0..self.endpoints {
            let (high, low) = (endpoint / 250, endpoint % 250 + 1);
            writeln!(
                text,
                "[[regions.eu.endpoints]]\nname = \"e{endpoint}\"\nprovider = \"p\"\nweight = {}\n\
                 addresses = [\"192.0.{high}.{low}\", \"2001:db8::{endpoint:x}\"]\n{}",
                weight(endpoint),
                self.keys
            )
            .expect("a string takes all");
        }
        text
    }

    /// What it comes to.
    pub(crate) fn compile(self) -> Result<(Compiled, Diagnostics), Diagnostics> {
        let (spec, found) = config::read(Path::new("fleet.toml"), &self.text());
        let mut files = Files::new();
        loop {
            let wanted = spec.files(&files);
            if wanted.is_empty() {
                return config::compile(&spec, found, &files);
            }
            for path in wanted {
                files.insert(path, Ok(Arc::from(ZONE)));
            }
        }
    }
}
