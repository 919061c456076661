//! What the running server says of an answer: which link of its chain decided.
//!
//! The same explanation that `waypost explain` shows whole; here the links that matter for one
//! answer, and for each alias that leads on. It is asked right after the answer came, so between
//! the two a table may have been published; the generation is said.
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::words::Asked;
use crate::base::limits::ALIAS_HOPS;
use crate::cli::remote::Remote;
use crate::daemon::Failure;
use crate::dns::text;

/// The reasons of an answer, one for each name on its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons {
    /// What the server explained, as it came.
    pub(super) explained: Vec<Value>,
    /// The same for a person.
    pub(super) lines: Vec<String>,
    /// Why there is no more of it.
    pub(super) missing: Option<Failure>,
}

/// What is read of an explanation.
#[derive(Debug, Deserialize)]
struct Explained {
    name: String,
    generation: u64,
    chain: Chain,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Chain {
    Steered(Steered),
    Static {
        finding: String,
        target: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
struct Steered {
    service: String,
    network: String,
    place: Place,
    consulted: Vec<Consulted>,
    reason: String,
    region: Option<String>,
    tier: Option<u16>,
    endpoints: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Place {
    country: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Consulted {
    region: String,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Serves,
    Passes,
    Full,
    Out,
    Absent,
}

impl Reasons {
    /// Whether the server gave none.
    pub(super) fn is_missing(&self) -> bool {
        self.missing.is_some()
    }
}

/// Asks the control API about a name, and about what it is an alias of.
pub(super) fn find(remote: Result<Remote, Failure>, asked: &Asked, client: IpAddr) -> Reasons {
    let mut reasons = Reasons::default();
    let outcome = remote.and_then(|remote| reasons.follow(&remote, asked, client));
    reasons.missing = outcome.err();
    reasons
}

impl Reasons {
    fn follow(&mut self, remote: &Remote, asked: &Asked, client: IpAddr) -> Result<(), Failure> {
        let (client, qtype) = (client.to_string(), text::type_name(asked.rtype));
        let mut next = Some(asked.name.to_string());
        while let Some(name) = next.take().filter(|_| self.explained.len() < ALIAS_HOPS) {
            let query = [("name", &*name), ("client", &*client), ("type", &*qtype)];
            let body = match remote.get("/api/v1/explain", &query) {
                // An alias that leads out of our zones is explained up to there.
                Err(_) if !self.explained.is_empty() => return Ok(()),
                asked => asked?,
            };
            next = self
                .take(&body)
                .map_err(|error| format!("unexpected explanation: {error}"))?;
        }
        Ok(())
    }

    /// Takes one explanation in; where it leads.
    fn take(&mut self, body: &str) -> serde_json::Result<Option<String>> {
        let value: Value = serde_json::from_str(body)?;
        let explained = Explained::deserialize(&value)?;
        self.explained.push(value);
        self.lines.extend(explained.lines());
        Ok(match explained.chain {
            Chain::Static { target, .. } => target,
            Chain::Steered(_) => None,
        })
    }
}

impl Explained {
    fn lines(&self) -> Vec<String> {
        match &self.chain {
            Chain::Static { finding, .. } => vec![format!("{}: {finding}", self.name)],
            Chain::Steered(steered) => steered.lines(self.generation),
        }
    }
}

impl Steered {
    fn lines(&self, generation: u64) -> Vec<String> {
        let endpoints = self.endpoints.join(", ");
        let chosen = match (&self.region, self.tier) {
            (Some(region), Some(tier)) => format!(": {endpoints} in {region}, tier {tier}"),
            (_, None) | (None, _) => ": no endpoint".to_owned(),
        };
        let country = self.place.country.as_deref().unwrap_or("unknown place");
        let mut lines = vec![
            format!("{}{chosen}", self.reason),
            format!("service {}, generation {generation}", self.service),
            format!("client in {} ({country})", self.network),
        ];
        let before = self.consulted.iter();
        let before = before.take_while(|one| one.role != Role::Serves);
        lines.extend(before.map(|one| format!("passed over {}: {}", one.region, one.role.words())));
        lines
    }
}

impl Role {
    fn words(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::Passes => "serves other clients of the class now",
            Self::Full => "full",
            Self::Out => "takes nobody",
            Self::Absent => "has no endpoint of this family",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_that_decided_are_said() {
        let mut reasons = Reasons::default();
        let alias = r#"{"name": "www.example.org", "generation": 4, "chain":
            {"kind": "static", "finding": "an alias (CNAME)", "target": "api.example.org"}}"#;
        let next = reasons.take(alias).unwrap();
        assert_eq!(next.as_deref(), Some("api.example.org"));
        let steered = r#"{"name": "api.example.org", "generation": 4, "chain": {"kind": "steered",
            "service": "api", "network": "198.51.100.0/24", "place": {"country": "DE"},
            "consulted": [{"region": "eu", "role": "out"}, {"region": "na", "role": "serves"},
            {"region": "ap", "role": "out"}], "reason": "failover", "region": "na", "tier": 1,
            "endpoints": ["na-a"]}}"#;
        assert_eq!(reasons.take(steered).unwrap(), None);
        assert_eq!(
            reasons.lines,
            [
                "www.example.org: an alias (CNAME)",
                "failover: na-a in na, tier 1",
                "service api, generation 4",
                "client in 198.51.100.0/24 (DE)",
                "passed over eu: takes nobody",
            ]
        );
        assert_eq!(reasons.explained.len(), 2);
    }
}
