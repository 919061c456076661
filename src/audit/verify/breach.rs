//! What disproves a promise: one client, one state of health, and what the client would be given.
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;

use crate::base::Family;
use crate::geo::Country;

/// One client, one state of health, and what the client would be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counterexample {
    /// What is broken.
    pub kind: Kind,
    /// The service; empty where it is not one service's matter.
    pub service: String,
    /// Type of the query: IPv4 for A, IPv6 for AAAA; absent where it does not matter.
    pub family: Option<Family>,
    /// Who asks; absent where it does not matter.
    pub client: Option<Client>,
    /// What is down and what is up.
    pub health: String,
    /// What is given; absent where it is nothing.
    pub given: Option<Given>,
    /// Names of the jurisdictions in which the answer may lie.
    pub fence: Vec<String>,
    /// What is wrong with that, in words.
    pub finding: String,
}

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The answer lies outside of the fence.
    Outside,
    /// The class's fence is wider than the law, so that nothing would stop a wrong table.
    WideFence,
    /// The address belongs to an endpoint outside of the fence as well.
    SharedAddress,
    /// A pool holds an endpoint of another region.
    Misplaced,
    /// An address is not the endpoint's own.
    ForeignAddress,
    /// There is no answer, though there is an endpoint inside of the fence, or none is inside.
    Empty,
    /// A region abroad is asked before one at home, though the service prefers home.
    AbroadFirst,
    /// Steering leads to a region that is not among the preferred ones.
    Astray,
    /// Two jurisdictions name one country.
    Disputed,
    /// The table's own check refuses it.
    Refused,
}

/// Clients that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// Their law: a jurisdiction, `outside`, `unknown`, or `several` for a network that is not under one.
    pub law: String,
    /// Their countries.
    pub countries: Vec<Country>,
    /// One of their networks.
    pub network: String,
    /// Number of their class in the service's map.
    pub class: u16,
}

/// What a client is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Given {
    /// The region.
    pub region: String,
    /// The jurisdiction of the region, if it states one.
    pub jurisdiction: Option<String>,
    /// The endpoint, if there is one.
    pub endpoint: Option<String>,
    /// The address, if there is one.
    pub address: Option<IpAddr>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match (&*self.service, self.family) {
            ("", _) => "the config".to_owned(),
            (name, None) => name.to_owned(),
            (name, Some(Family::V4)) => format!("{name} A"),
            (name, Some(Family::V6)) => format!("{name} AAAA"),
        };
        writeln!(out, "{service}: {}", self.finding)?;
        if let Some(client) = &self.client {
            let who = match &*client.law {
                "unknown" => "of unknown place".to_owned(),
                "several" => "under several laws at once".to_owned(),
                "outside" => format!("outside every jurisdiction ({})", some(&client.countries)),
                law => format!("under {law} ({})", some(&client.countries)),
            };
            writeln!(out, "  client  {} {who}", client.network)?;
        }
        writeln!(out, "  health  {}", self.health)?;
        match &self.given {
            Some(given) => writeln!(out, "  given   {given}")?,
            None => writeln!(out, "  given   nothing")?,
        }
        if self.client.is_some() {
            let fence = match self.fence.is_empty() {
                true => "empty".to_owned(),
                false => self.fence.join(", "),
            };
            writeln!(out, "  fence   {fence}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Given {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.address {
            write!(out, "{address} ")?;
        }
        if let Some(endpoint) = &self.endpoint {
            write!(out, "of {endpoint} ")?;
        }
        let law = self.jurisdiction.as_deref();
        write!(
            out,
            "in {} ({})",
            self.region,
            law.unwrap_or("no jurisdiction")
        )
    }
}

/// The first few of a list of countries.
pub(super) fn some(countries: &[Country]) -> String {
    const SHOWN: usize = 6;
    let shown = countries.iter().take(SHOWN).map(ToString::to_string);
    let mut shown = shown.collect::<Vec<_>>().join(" ");
    if countries.len() > SHOWN {
        shown.push_str(&format!(" and {} more", countries.len() - SHOWN));
    }
    shown
}
