//! Who may update what (RFC 2136, section 3), and what the reply is.
//!
//! The order is that of the RFC but for one thing: whether the key may set these names is asked first, so that
//! nobody learns by prerequisites what a query would not tell. All changes of one message are made,
//! or none. A key can do nothing but set TXT records of names that it is granted: those that `[acme]` lists for it, or
//! every `_acme-challenge` name. The rest is REFUSED, and says nothing of the zone; the log says why.
use super::{Challenge, KeyChangeStage, Then, looked_in};
use crate::base::limits::UPDATE_RECORDS;
use crate::dns::challenges::{Full, Uncovered};
use crate::dns::rr::{rcode, rtype};
use crate::dns::tsig::{self, Checked, Signer};
use crate::dns::update::{self, Change, Update};
use crate::dns::zone::Zone;
use crate::dns::{Name, message, text};
use crate::plan::{Declarer, Grant};
use crate::zones::declared::AskedUpdate;
use crate::zones::notice::Notice;
use crate::zones::{Reply, Ticket, ZoneEngine};

/// Why nothing was changed.
struct Refusal {
    rcode: u16,
    /// For the log.
    why: String,
}

/// A name that was changed, and what a wildcard no longer stands for with it.
type Changed = (Name, Option<Uncovered>);

impl ZoneEngine {
    /// Begins to carry an update out.
    pub(super) fn update(&mut self, ticket: Ticket, message: Vec<u8>) {
        let now = self.seconds();
        let reply = match tsig::check(self.challenges.keys.iter().flatten(), &message, now) {
            Ok(Checked::Signed(signer)) => return self.update_as(ticket, signer, message),
            Ok(Checked::Unsigned) => {
                self.tell(Notice::warn("update_refused", "it bears no signature"));
                self.answer(&message, rcode::REFUSED, None)
            }
            Err(fault) => {
                let why = format!("its signature: {}", fault.word());
                self.tell(Notice::warn("update_refused", why));
                match message::reply(&message, fault.rcode()) {
                    Ok(mut reply) => {
                        fault.sign(&mut reply, now);
                        Reply::Message(reply)
                    }
                    Err(_) => Reply::Silence,
                }
            }
        };
        self.reply(ticket, reply);
    }

    /// What was signed with a key of ours.
    fn update_as(&mut self, ticket: Ticket, signer: Signer, message: Vec<u8>) {
        let author = signer.key().name().to_string();
        match self.declares(&signer, &message) {
            Ok(None) => {}
            Ok(Some((key, update))) => {
                return self.take_declared_update(AskedUpdate {
                    ticket,
                    signer: Box::new(signer),
                    message,
                    update,
                    key,
                });
            }
            Err(refusal) => {
                self.record_end(&author, KeyChangeStage::Refused, refusal.why.clone());
                return self.refuse(ticket, signer, &message, &refusal);
            }
        }
        let before = self.challenges.kept.clone();
        match self.change(&author, &signer, &message) {
            Ok(changed) if self.challenges.kept == before => {
                self.updated(ticket, signer, &message, changed);
            }
            Ok(changed) => {
                let then = Then::Update {
                    ticket,
                    signer: Box::new(signer),
                    message,
                    changed,
                };
                self.record_first(before, then, &author);
            }
            Err(refusal) => {
                self.challenges.kept = before;
                self.record_end(&author, KeyChangeStage::Refused, refusal.why.clone());
                self.refuse(ticket, signer, &message, &refusal);
            }
        }
    }

    /// The update, and its key, if it is about declared records: where a key may set challenges too, that is what an update of
    /// nothing but texts at such names is about.
    fn declares(
        &self,
        signer: &Signer,
        message: &[u8],
    ) -> Result<Option<(usize, Update)>, Refusal> {
        let mut keys = self.challenges.keys.iter();
        let is_signers = |key: &tsig::Key| key.name() == signer.key().name();
        let key = keys.position(|key| key.as_ref().is_some_and(is_signers));
        let is_known = |key: &usize| self.zoning.dynamic.knows(&[Declarer::Key(*key)]);
        let Some(key) = key.filter(is_known) else {
            return Ok(None);
        };
        let update = update::read(message).map_err(unread)?;
        let Some(grant) = self.grant(signer) else {
            return Ok(Some((key, update)));
        };
        let is_challenge = |change: &Change| {
            let mut names = grant.names.iter();
            change.kind().is_none_or(|kind| kind == rtype::TXT)
                && names.any(|name| name.covers(change.name()))
        };
        let are_challenges = update.changes.iter().all(is_challenge);
        Ok((!are_challenges).then_some((key, update)))
    }

    /// Tells what became of an update of declared records.
    pub(in crate::zones) fn tell_of_update(&mut self, author: &str, code: u16, why: String) {
        let notice = match code {
            rcode::NOERROR => Notice::info("declared", why).form("update"),
            code => Notice::warn("update_refused", why).form(text::rcode_name(code)),
        };
        self.tell(notice.by(author));
    }

    /// Says that it is done.
    pub(super) fn updated(
        &mut self,
        ticket: Ticket,
        signer: Signer,
        message: &[u8],
        changed: Vec<Changed>,
    ) {
        let author = signer.key().name().to_string();
        self.record_end(&author, KeyChangeStage::Done, String::new());
        for (name, uncovered) in changed {
            let notice = Notice::info("challenge", "updated");
            self.tell(notice.name(&name).by(&author).form("update"));
            if let Some(uncovered) = uncovered {
                self.note(&name, uncovered);
            }
        }
        let reply = self.answer(message, rcode::NOERROR, Some(signer));
        self.reply(ticket, reply);
    }

    /// Says that it cannot be served.
    pub(super) fn update_failed(
        &mut self,
        ticket: Ticket,
        signer: Signer,
        message: &[u8],
        why: String,
    ) {
        let refusal = refusal(rcode::SERVFAIL, why.clone());
        let author = signer.key().name().to_string();
        self.record_end(&author, KeyChangeStage::Failed, why);
        self.refuse(ticket, signer, message, &refusal);
    }

    fn refuse(&mut self, ticket: Ticket, signer: Signer, message: &[u8], refusal: &Refusal) {
        let author = signer.key().name().to_string();
        let notice = Notice::warn("update_refused", refusal.why.clone());
        self.tell(notice.by(&author).form(text::rcode_name(refusal.rcode)));
        let reply = self.answer(message, refusal.rcode, Some(signer));
        self.reply(ticket, reply);
    }

    /// Makes the changes, and gives the names that they are about; prerequisites are asked of what
    /// is served now.
    fn change(
        &mut self,
        author: &str,
        signer: &Signer,
        message: &[u8],
    ) -> Result<Vec<Changed>, Refusal> {
        let grant = self.grant(signer).ok_or_else(|| {
            let why = "the key is none of `[acme] keys`".to_owned();
            refusal(rcode::REFUSED, why)
        })?;
        let update = update::read(message).map_err(unread)?;
        let zones = std::sync::Arc::clone(&self.served);
        let zone = looked_in(&zones, &update.zone).of(&update.zone);
        let zone = zone.map(|served| &*served.zone);
        let zone = zone.ok_or_else(|| {
            let why = format!("{} is none of our zones", update.zone);
            refusal(rcode::NOTAUTH, why)
        })?;
        for change in &update.changes {
            if change.kind().is_some_and(|kind| kind != rtype::TXT) {
                let why = format!("{}: a challenge is a TXT record", change.name());
                return Err(refusal(rcode::REFUSED, why));
            }
            self.check(change.name(), &grant, zone)?;
        }
        if let Some(rcode) = update.unmet(zone) {
            return Err(refusal(rcode, "a prerequisite does not hold".to_owned()));
        }
        let changes = update.changes.into_iter();
        changes.map(|change| self.make(author, change)).collect()
    }

    /// What the key of a message is granted.
    fn grant(&self, signer: &Signer) -> Option<Grant> {
        let mut grants = self.zoning.acme.grants.iter();
        let is_it = |grant: &&Grant| {
            let key = self.challenges.keys.get(grant.key).and_then(Option::as_ref);
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

    fn make(&mut self, author: &str, change: Change) -> Result<Changed, Refusal> {
        match change {
            Change::Add {
                name, ttl, rdata, ..
            } => {
                let stay = self.zoning.acme.expire.as_secs();
                let challenge = Challenge {
                    rdata,
                    ttl: ttl.min(stay),
                    expires: self.seconds() + u64::from(stay),
                    author: author.to_owned(),
                };
                let uncovered = self.uncovered(&name);
                let added = self.challenges.kept.add(&name, challenge);
                let full = |full: Full| refusal(rcode::REFUSED, format!("{name}: {full}"));
                added.map_err(full)?;
                Ok((name, uncovered))
            }
            Change::Remove { name, rdata, .. } => {
                self.challenges.kept.remove(&name, Some(&rdata));
                Ok((name, None))
            }
            Change::Clear { name } | Change::RemoveSet { name, .. } => {
                self.challenges.kept.remove(&name, None);
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
            format!("it is about more than {UPDATE_RECORDS} records")
        }
        _ => "it is malformed".to_owned(),
    };
    refusal(rcode, why)
}
