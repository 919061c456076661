//! Who may update what (RFC 2136, section 3), and what the reply is.
//!
//! The order is that of the RFC but for one thing: whether the key may do so is asked first, so that
//! nobody learns by prerequisites what a query would not tell. All changes of one message are made,
//! or none. A key can do nothing but set TXT records of `_acme-challenge` names: the rest is REFUSED,
//! and says nothing of the zone.
use tracing::{info, warn};

use super::{Challenge, Desk, Full, Ways};
use crate::dns::rr::rcode;
use crate::dns::tsig::{self, Checked, Signer};
use crate::dns::update::{self, Change};
use crate::dns::{Name, message, text};
use crate::io::serve::slow::Request;

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
            Ok(names) if self.kept == before => Ok(names),
            Ok(names) => match self.settle(ways, before).await {
                Ok(()) => Ok(names),
                Err(_) => Err(rcode::SERVFAIL),
            },
            Err(rcode) => {
                self.kept = before;
                Err(rcode)
            }
        };
        match outcome {
            Ok(names) => {
                for name in names {
                    info!(event = "challenge", action = "update", name = %name, author);
                }
                rcode::NOERROR
            }
            Err(rcode) => {
                let word = text::rcode_name(rcode);
                warn!(event = "update_refused", author, "{word}");
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
    ) -> Result<Vec<Name>, u16> {
        let granted = self.plan.acme.keys.iter();
        let mut granted = granted.filter_map(|&index| self.keys.get(index));
        if !granted.any(|key| key.name() == signer.key().name()) {
            return Err(rcode::REFUSED);
        }
        let update = update::read(message)?;
        let table = ways.published.load();
        let zones = table.zones.all().iter();
        let mut zones = zones.map(|served| &served.zone);
        let zone = zones.find(|zone| *zone.apex() == update.zone);
        let zone = zone.ok_or(rcode::NOTAUTH)?;
        if let Some(rcode) = update.unmet(zone) {
            return Err(rcode);
        }
        let changes = update.changes.into_iter();
        changes
            .map(|change| self.make(author, &update.zone, change))
            .collect()
    }

    fn make(&mut self, author: &str, apex: &Name, change: Change) -> Result<Name, u16> {
        let name = match &change {
            Change::Add { name, .. } | Change::Remove { name, .. } | Change::Clear { name } => name,
        };
        if self.placed(name).as_ref() != Ok(apex) {
            return Err(rcode::REFUSED);
        }
        match change {
            Change::Add { name, ttl, rdata } => {
                let stay = self.plan.acme.expire.as_secs();
                let challenge = Challenge {
                    rdata,
                    ttl: ttl.min(stay),
                    expires: self.clock.wall_seconds() + u64::from(stay),
                    author: author.to_owned(),
                };
                let added = self.kept.add(&name, challenge);
                added.map_err(|_: Full| rcode::REFUSED)?;
                Ok(name)
            }
            Change::Remove { name, rdata } => {
                self.kept.remove(&name, Some(&rdata));
                Ok(name)
            }
            Change::Clear { name } => {
                self.kept.remove(&name, None);
                Ok(name)
            }
        }
    }
}
