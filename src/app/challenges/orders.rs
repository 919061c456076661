//! What orders of operators come to: values added, removed and listed.
//!
//! An operator may set every `_acme-challenge` name, and every name that the config lists for anybody. Who orders
//! by a domain means the name that proves it, which may lie elsewhere ([`owner`]); the reply names it.
//! It also says what the operator should know and would not see: that the value is lost with a restart, and
//! that a wildcard stands for less than before.
use tracing::info;

use super::{Challenge, Desk, Ways, in_words};
use crate::base::Span;
use crate::dns::challenges::owner;
use crate::dns::rr::rtype;
use crate::dns::{Name, text};
use crate::io::control::{
    ChallengeName, ChallengeOrder, ChallengeRefusal, ChallengeStatus, ChallengesDone,
};

/// What is to be added.
struct Addition {
    rdata: Vec<u8>,
    ttl: Option<Span>,
    stay: Option<Span>,
    author: String,
}

impl Desk {
    /// Carries an order out; comes back when it is served.
    pub(super) async fn carry_out(
        &mut self,
        order: ChallengeOrder,
        ways: &Ways,
    ) -> Result<ChallengesDone, ChallengeRefusal> {
        let (result, warnings) = match order {
            ChallengeOrder::List => (String::new(), Vec::new()),
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
                self.add(&self.owner(target), addition, ways).await?
            }
            ChallengeOrder::Remove {
                target,
                rdata,
                author,
            } => {
                let removed = (self.owner(target), rdata.as_deref());
                self.remove(removed, &author, ways).await?
            }
        };
        Ok(ChallengesDone {
            result,
            warnings,
            challenges: self.list(),
        })
    }

    fn owner(&self, target: ChallengeName) -> Name {
        match target {
            ChallengeName::Exact(name) => name,
            ChallengeName::OfDomain(domain) => {
                owner(&self.plan.zones, &domain, &self.plan.acme.names)
            }
        }
    }

    /// Adds a value; says what was done, and what else there is to know.
    async fn add(
        &mut self,
        name: &Name,
        addition: Addition,
        ways: &Ways,
    ) -> Result<(String, Vec<String>), ChallengeRefusal> {
        self.placed(name, &self.plan.acme.names)
            .map_err(|why| ChallengeRefusal::Misplaced(format!("{name}: {why}")))?;
        let most = self.plan.acme.expire;
        let stay = addition.stay.unwrap_or(most).min(most);
        let ttl = addition.ttl.unwrap_or(self.plan.acme.ttl).min(stay);
        let author = addition.author;
        info!(event = "challenge", action = "add", name = %name, author, "for {stay}");
        let challenge = Challenge {
            rdata: addition.rdata,
            ttl: ttl.as_secs(),
            expires: self.clock.wall_seconds() + u64::from(stay.as_secs()),
            author,
        };
        let (before, uncovered) = (self.kept.clone(), self.uncovered(name, ways));
        let added = self.kept.add(name, challenge);
        added.map_err(|full| ChallengeRefusal::Full(full.to_string()))?;
        let unkept = self.settle(ways, before).await;
        let unkept = unkept.map_err(ChallengeRefusal::Failed)?;
        let mut warnings = Vec::new();
        warnings.extend(unkept.map(|why| format!("the value is lost with a restart: {why}")));
        if let Some(uncovered) = uncovered {
            warnings.push(in_words(&uncovered));
            self.note(name, uncovered);
        }
        let result = format!("{name} has the value for {stay}, with TTL {ttl}");
        Ok((result, warnings))
    }

    async fn remove(
        &mut self,
        (name, rdata): (Name, Option<&[u8]>),
        author: &str,
        ways: &Ways,
    ) -> Result<(String, Vec<String>), ChallengeRefusal> {
        let before = self.kept.clone();
        let gone = self.kept.remove(&name, rdata);
        if gone == 0 {
            let what = match rdata {
                Some(_) => "has no such value",
                None => "has no value",
            };
            return Err(ChallengeRefusal::Unknown(format!("{name} {what}")));
        }
        info!(event = "challenge", action = "remove", name = %name, author, "{gone} gone");
        let unkept = self.settle(ways, before).await;
        let unkept = unkept.map_err(ChallengeRefusal::Failed)?;
        let warnings = unkept.map(|why| format!("it may come back with a restart: {why}"));
        let result = format!("{name} has lost {gone} of its values");
        Ok((result, warnings.into_iter().collect()))
    }

    fn list(&self) -> Vec<ChallengeStatus> {
        let now = self.clock.wall_seconds();
        let all = self.kept.iter().map(|(name, one)| ChallengeStatus {
            name: name.to_string(),
            value: text::show_rdata(rtype::TXT, &one.rdata),
            ttl_s: one.ttl,
            left_s: one.expires.saturating_sub(now),
            author: one.author.clone(),
        });
        all.collect()
    }
}
