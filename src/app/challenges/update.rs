//! Who may update what (RFC 2136, section 3), and what the reply is.
//!
//! The order is that of the RFC but for one thing: whether the key may set these names is asked first, so that
//! nobody learns by prerequisites what a query would not tell. All changes of one message are made,
//! or none. A key can do nothing but set TXT records of names that it is granted: those that `[acme]` lists for it, or
//! every `_acme-challenge` name. The rest is REFUSED, and says nothing of the zone; the log says why.
use tracing::{info, warn};

use super::{Challenge, Desk, Full, Ways};
use crate::base::limits::UPDATE_RECORDS;
use crate::dns::challenges::Uncovered;
use crate::dns::rr::rcode;
use crate::dns::tsig::{self, Checked, Signer};
use crate::dns::update::{self, Change};
use crate::dns::zone::Zone;
use crate::dns::{Name, message, text};
use crate::io::serve::slow::Request;
use crate::plan::Grant;

/// Why nothing was changed.
struct Refusal {
    rcode: u16,
    /// For the log.
    why: String,
}

/// A name that was changed, and what a wildcard no longer stands for with it.
type Changed = (Name, Option<Uncovered>);

impl Desk {
    /// Carries an update out, and replies when it is served.
    pub(super) async fn update(&mut self, request: &Request, ways: &Ways) {
        let now = self.clock.wall_seconds();
        let reply = match tsig::check(&self.keys, &request.message, now) {
            Ok(Checked::Signed(mut signer)) => {
                let rcode = self.update_as(&signer, request, ways).await;
                message::reply(&request.message, rcode).map(|mut reply| {
                    signer.sign(&mut reply, self.clock.wall_seconds());
                    reply
                })
            }
            Ok(Checked::Unsigned) => {
                warn!(event = "update_refused", "it bears no signature");
                message::reply(&request.message, rcode::REFUSED)
            }
            Err(fault) => {
                warn!(event = "update_refused", "its signature: {}", fault.word());
                message::reply(&request.message, fault.rcode()).map(|mut reply| {
                    fault.sign(&mut reply, now);
                    reply
                })
            }
        };
        if let Ok(reply) = reply {
            // Whoever asked may have gone.
            let _ = request.reply(reply).await;
        }
    }

    /// The response code for what was signed with a key of ours.
    async fn update_as(&mut self, signer: &Signer, request: &Request, ways: &Ways) -> u16 {
        let author = signer.key().name().to_string();
        let before = self.kept.clone();
        let outcome = match self.change(&author, signer, (&request.message, ways)) {
            Ok(changed) if self.kept == before => Ok(changed),
            Ok(changed) => match self.settle(ways, before).await {
                Ok(_) => Ok(changed),
                Err(why) => Err(refusal(rcode::SERVFAIL, why)),
            },
            Err(refusal) => {
                self.kept = before;
                Err(refusal)
            }
        };
        match outcome {
            Ok(changed) => {
                for (name, uncovered) in changed {
                    info!(event = "challenge", action = "update", name = %name, author);
                    if let Some(uncovered) = uncovered {
                        self.note(&name, uncovered);
                    }
                }
                rcode::NOERROR
            }
            Err(Refusal { rcode, why }) => {
                let word = text::rcode_name(rcode);
                warn!(event = "update_refused", author, rcode = word, "{why}");
                rcode
            }
        }
    }

    /// Makes the changes, and gives the names that they are about; prerequisites are asked of what
    /// is served now.
    fn change(
        &mut self,
        author: &str,
        signer: &Signer,
        (message, ways): (&[u8], &Ways),
    ) -> Result<Vec<Changed>, Refusal> {
        let grant = self.grant(signer).ok_or_else(|| {
            let why = "the key is none of `[acme] keys`".to_owned();
            refusal(rcode::REFUSED, why)
        })?;
        let update = update::read(message).map_err(unread)?;
        let table = ways.published.load();
        let zones = table.zones.all().iter();
        let mut zones = zones.map(|served| &served.zone);
        let zone = zones.find(|zone| *zone.apex() == update.zone);
        let zone = zone.ok_or_else(|| {
            let why = format!("{} is none of our zones", update.zone);
            refusal(rcode::NOTAUTH, why)
        })?;
        for change in &update.changes {
            self.check(change.name(), &grant, zone)?;
        }
        if let Some(rcode) = update.unmet(zone) {
            return Err(refusal(rcode, "a prerequisite does not hold".to_owned()));
        }
        let changes = update.changes.into_iter();
        changes
            .map(|change| self.make(author, change, ways))
            .collect()
    }

    /// What the key of a message is granted.
    fn grant(&self, signer: &Signer) -> Option<Grant> {
        let mut grants = self.plan.acme.grants.iter();
        let is_it = |grant: &&Grant| {
            let key = self.keys.get(grant.key);
            key.is_some_and(|key| key.name() == signer.key().name())
        };
        grants.find(is_it).cloned()
    }

    /// Whether a name of the zone may be set by whoever has the grant.
    fn check(&self, name: &Name, grant: &Grant, zone: &Zone) -> Result<(), Refusal> {
        match self.placed(name, &grant.names) {
            Ok(apex) if apex == *zone.apex() => Ok(()),
            Ok(apex) => {
                let why = format!("{name}: it lies in {apex}, which is another zone");
                Err(refusal(rcode::REFUSED, why))
            }
            Err(why) => Err(refusal(rcode::REFUSED, format!("{name}: {why}"))),
        }
    }

    fn make(&mut self, author: &str, change: Change, ways: &Ways) -> Result<Changed, Refusal> {
        match change {
            Change::Add { name, ttl, rdata } => {
                let stay = self.plan.acme.expire.as_secs();
                let challenge = Challenge {
                    rdata,
                    ttl: ttl.min(stay),
                    expires: self.clock.wall_seconds() + u64::from(stay),
                    author: author.to_owned(),
                };
                let uncovered = self.uncovered(&name, ways);
                let added = self.kept.add(&name, challenge);
                let full = |full: Full| refusal(rcode::REFUSED, format!("{name}: {full}"));
                added.map_err(full)?;
                Ok((name, uncovered))
            }
            Change::Remove { name, rdata } => {
                self.kept.remove(&name, Some(&rdata));
                Ok((name, None))
            }
            Change::Clear { name } => {
                self.kept.remove(&name, None);
                Ok((name, None))
            }
        }
    }
}

fn refusal(rcode: u16, why: String) -> Refusal {
    Refusal { rcode, why }
}

/// Why an update was not even read.
fn unread(rcode: u16) -> Refusal {
    let why = match rcode {
        rcode::NOTZONE => "a name lies outside the zone".to_owned(),
        rcode::REFUSED => {
            format!("it is about other records than TXT, or more than {UPDATE_RECORDS}")
        }
        _ => "it is malformed".to_owned(),
    };
    refusal(rcode, why)
}
