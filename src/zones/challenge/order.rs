//! What an operator may order of challenges: values added, removed and listed.
//!
//! An operator may set every `_acme-challenge` name, and every name that the config lists for anybody. Who orders
//! by a domain means the name that proves it, which may lie elsewhere ([`owner`]); the reply names it.
//! It also says what the operator should know and would not see: that the value is lost with a restart, and
//! that a wildcard stands for less than before.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Challenge, Then, looked_in};
use crate::base::Span;
use crate::dns::challenges::{Uncovered, owner};
use crate::dns::rr::rtype;
use crate::dns::{Name, text};
use crate::zones::notice::Notice;
use crate::zones::{Reply, Ticket, ZoneEngine};

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeOrder {
    /// Say which there are.
    List,
    /// Add a value.
    Add {
        /// Where.
        target: ChallengeName,
        /// RDATA of the TXT record.
        rdata: Vec<u8>,
        /// Its TTL; the config's if nobody says.
        ttl: Option<Span>,
        /// How long it stays; as long as the config says if nobody says.
        stay: Option<Span>,
        /// Who orders it; empty if nobody said.
        author: String,
    },
    /// Remove one value, or all of the name.
    Remove {
        /// Where.
        target: ChallengeName,
        /// RDATA of the TXT record; absent for all.
        rdata: Option<Vec<u8>>,
        /// Who orders it; empty if nobody said.
        author: String,
    },
}

/// At which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeName {
    /// At this one.
    Exact(Name),
    /// At the one that proves this domain.
    OfDomain(Name),
}

/// One record that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengeStatus {
    /// Its name.
    pub name: String,
    /// Its value, as a master file has it.
    pub value: String,
    /// Its TTL, seconds.
    pub ttl_s: u32,
    /// When it goes, seconds from now.
    pub left_s: u64,
    /// Who put it there.
    pub author: String,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengesDone {
    /// For a person.
    pub result: String,
    /// What whoever ordered it should know besides; for a person.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// All that are there now.
    pub challenges: Vec<ChallengeStatus>,
}

/// Why nothing was done; for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeRefusal {
    /// The name may have no challenge.
    Misplaced(String),
    /// There is no such record to remove.
    Unknown(String),
    /// There are too many.
    Full(String),
    /// It could not be served, or nobody is there who serves it.
    Failed(String),
}

/// What is to be added.
struct Addition {
    rdata: Vec<u8>,
    ttl: Option<Span>,
    stay: Option<Span>,
    author: String,
}

impl ZoneEngine {
    /// Begins to carry an order out.
    pub(super) fn carry_out(&mut self, ticket: Ticket, order: ChallengeOrder) {
        let begun = match order {
            ChallengeOrder::List => {
                let done = ChallengesDone {
                    result: String::new(),
                    warnings: Vec::new(),
                    challenges: self.list(),
                };
                return self.reply(ticket, Reply::Challenges(Ok(done)));
            }
            ChallengeOrder::Add {
                target,
                rdata,
                ttl,
                stay,
                author,
            } => {
                let addition = Addition {
                    rdata,
                    ttl,
                    stay,
                    author,
                };
                self.add(ticket, &self.owner(target), addition)
            }
            ChallengeOrder::Remove {
                target,
                rdata,
                author,
            } => {
                let name = self.owner(target);
                self.remove(ticket, (&name, rdata.as_deref()), &author)
            }
        };
        if let Err(refusal) = begun {
            self.reply(ticket, Reply::Challenges(Err(refusal)));
        }
    }

    fn owner(&self, target: ChallengeName) -> Name {
        match target {
            ChallengeName::Exact(name) => name,
            ChallengeName::OfDomain(domain) => {
                let zones = looked_in(&self.served, &domain);
                owner(zones, &domain, &self.zoning.acme.names)
            }
        }
    }

    fn add(
        &mut self,
        ticket: Ticket,
        name: &Name,
        addition: Addition,
    ) -> Result<(), ChallengeRefusal> {
        if !self.zoning.acme.configured {
            let why =
                "the config has no `[acme]`: with one, even an empty one, challenges may be set";
            return Err(ChallengeRefusal::Misplaced(format!("{name}: {why}")));
        }
        self.placed(name, &self.zoning.acme.names)
            .map_err(|why| ChallengeRefusal::Misplaced(format!("{name}: {why}")))?;
        let most = self.zoning.acme.expire;
        let stay = addition.stay.unwrap_or(most).min(most);
        let ttl = addition.ttl.unwrap_or(self.zoning.acme.ttl).min(stay);
        let author = addition.author;
        self.tell_of(name, "add", &author, format!("for {stay}"));
        let challenge = Challenge {
            rdata: addition.rdata,
            ttl: ttl.as_secs(),
            expires: self.seconds() + u64::from(stay.as_secs()),
            author,
        };
        let uncovered: Option<Uncovered> = self.uncovered(name);
        let before = self.challenges.kept.clone();
        let added = self.challenges.kept.add(name, challenge);
        added.map_err(|full| ChallengeRefusal::Full(full.to_string()))?;
        let then = Then::Order {
            ticket,
            result: format!("{name} has the value for {stay}, with TTL {ttl}"),
            unkept: "the value is lost with a restart",
            set: uncovered.map(|uncovered| (name.clone(), uncovered)),
        };
        self.begin_change(before, then);
        Ok(())
    }

    fn remove(
        &mut self,
        ticket: Ticket,
        (name, rdata): (&Name, Option<&[u8]>),
        author: &str,
    ) -> Result<(), ChallengeRefusal> {
        let before = self.challenges.kept.clone();
        let gone = self.challenges.kept.remove(name, rdata);
        if gone == 0 {
            let what = match rdata {
                Some(_) => "has no such value",
                None => "has no value",
            };
            return Err(ChallengeRefusal::Unknown(format!("{name} {what}")));
        }
        self.tell_of(name, "remove", author, format!("{gone} gone"));
        let then = Then::Order {
            ticket,
            result: format!("{name} has lost {gone} of its values"),
            unkept: "it may come back with a restart",
            set: None,
        };
        self.begin_change(before, then);
        Ok(())
    }

    fn tell_of(&mut self, name: &Name, action: &str, author: &str, text: String) {
        let notice = Notice::info("challenge", text);
        self.tell(notice.name(name).by(author).form(action));
    }

    /// All that are there.
    pub(super) fn list(&self) -> Vec<ChallengeStatus> {
        let now = self.seconds();
        let all = self
            .challenges
            .kept
            .iter()
            .map(|(name, one)| ChallengeStatus {
                name: name.to_string(),
                value: text::show_rdata(rtype::TXT, &one.rdata),
                ttl_s: one.ttl,
                left_s: one.expires.saturating_sub(now),
                author: one.author.clone(),
            });
        all.collect()
    }
}
