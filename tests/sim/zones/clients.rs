//! Whoever sets challenges in a world, by orders and by updates, and what they were told.
use std::collections::{BTreeMap, BTreeSet};

use waypost::base::{Draws, Span};
use waypost::dns::Name;
use waypost::dns::tsig::Signer;
use waypost::zones::{ChallengeName, ChallengeOrder, ChallengesDone, Ticket};

use super::data::{below, text};
use super::setup::update_key;

/// One record.
pub(super) type Item = (Name, Vec<u8>);

/// Where they are set.
pub(super) const LABELS: [&str; 3] = [
    "_acme-challenge",
    "_acme-challenge.www2",
    "_acme-challenge.alias",
];

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    List,
    Add(Item),
    Remove(Name),
    /// By an update.
    Put(Item),
    /// By an update.
    Clear(Name),
}

/// What there should be.
#[derive(Default)]
pub(super) struct Clients {
    pub(super) waiting: BTreeMap<Ticket, Asked>,
    /// What was acknowledged, and until when it stays at the least and at the most, in true seconds.
    pub(super) known: BTreeMap<Item, (u64, u64)>,
    /// What may be there or not, because nobody was told.
    pub(super) doubtful: BTreeSet<Item>,
    /// Whether anything may be there, because the last change was not kept before a crash.
    pub(super) is_lost: bool,
}

impl Clients {
    /// Draws what somebody wants of one of these zones.
    pub(super) fn draw(apexes: &[Name], draws: &mut Draws) -> Asked {
        let apex = &apexes[usize::try_from(draws.below(apexes.len() as u64)).unwrap()];
        let label = LABELS[usize::try_from(draws.below(3)).unwrap()];
        let name = below(label, apex);
        let value = text(["a", "b", "c"][usize::try_from(draws.below(3)).unwrap()]);
        match draws.below(10) {
            0..3 => Asked::Add((name, value)),
            3..5 => Asked::Remove(name),
            5..8 => Asked::Put((name, value)),
            8 => Asked::Clear(name),
            _ => Asked::List,
        }
    }

    /// The order, if it is one.
    pub(super) fn order(asked: &Asked) -> Option<ChallengeOrder> {
        match asked {
            Asked::List => Some(ChallengeOrder::List),
            Asked::Add((name, rdata)) => Some(ChallengeOrder::Add {
                target: ChallengeName::Exact(name.clone()),
                rdata: rdata.clone(),
                ttl: None,
                stay: None::<Span>,
                author: "somebody".to_owned(),
            }),
            Asked::Remove(name) => Some(ChallengeOrder::Remove {
                target: ChallengeName::Exact(name.clone()),
                rdata: None,
                author: "somebody".to_owned(),
            }),
            Asked::Put(_) | Asked::Clear(_) => None,
        }
    }

    /// The update, if it is one, signed at a time in seconds since 1970.
    pub(super) fn update(asked: &Asked, now: u64) -> Option<Vec<u8>> {
        let (name, rdata) = match asked {
            Asked::Put((name, rdata)) => (name, Some(rdata)),
            Asked::Clear(name) => (name, None),
            Asked::List | Asked::Add(_) | Asked::Remove(_) => return None,
        };
        let labels: Vec<String> = name
            .labels()
            .map(|label| String::from_utf8(label.to_vec()).unwrap())
            .collect();
        let apex = super::data::name(&labels[labels.len() - 2..].join("."));
        let mut message = vec![0, 7, 0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0];
        message.extend_from_slice(apex.as_wire());
        message.extend_from_slice(&[0, 6, 0, 1]);
        message.extend_from_slice(name.as_wire());
        // TXT of class IN to add, of class ANY to delete the RRset.
        let (class, ttl) = rdata.map_or((255_u16, 0_u32), |_| (1, 30));
        message.extend_from_slice(&[0, 16]);
        message.extend_from_slice(&class.to_be_bytes());
        message.extend_from_slice(&ttl.to_be_bytes());
        let rdata = rdata.map_or(&[][..], Vec::as_slice);
        message.extend_from_slice(&u16::try_from(rdata.len()).unwrap().to_be_bytes());
        message.extend_from_slice(rdata);
        Signer::request(&update_key().key().unwrap()).sign(&mut message, now);
        Some(message)
    }

    /// Notes that something was carried out; `stays` in true seconds.
    pub(super) fn done(&mut self, asked: &Asked, stays: (u64, u64)) {
        match asked {
            Asked::List => {}
            Asked::Add(item) | Asked::Put(item) => {
                self.doubtful.remove(item);
                self.known.insert(item.clone(), stays);
            }
            Asked::Remove(name) | Asked::Clear(name) => {
                self.known.retain(|(own, _), _| own != name);
                self.doubtful.retain(|(own, _)| own != name);
            }
        }
    }

    /// Nobody will ever hear what became of these.
    pub(super) fn lose(&mut self, asked: &Asked) {
        match asked {
            Asked::List => {}
            Asked::Add(item) | Asked::Put(item) => {
                self.known.remove(item);
                self.doubtful.insert(item.clone());
            }
            Asked::Remove(name) | Asked::Clear(name) => {
                let gone = self.known.extract_if(.., |(own, _), _| own == name);
                self.doubtful.extend(gone.map(|(item, _)| item));
            }
        }
    }

    /// Holds a list against what there should be at a time in true seconds, and goes by it from then on.
    pub(super) fn compare(&mut self, done: &ChallengesDone, now: u64) -> Result<(), String> {
        let listed: BTreeSet<Item> = done
            .challenges
            .iter()
            .map(|one| {
                let value = one.value.trim_matches('"');
                (super::data::name(&one.name), text(value))
            })
            .collect();
        if std::mem::take(&mut self.is_lost) {
            // What a clock that is ahead has let go is on the disk still, and there again by one that is right.
            let unlisted = std::mem::take(&mut self.known).into_keys();
            self.doubtful.extend(unlisted.chain(listed));
            return Ok(());
        }
        for (item, (least, _)) in &self.known {
            if *least > now && !listed.contains(item) {
                return Err(format!("{item:?} was acknowledged and is not there"));
            }
        }
        for item in &listed {
            let most = self.known.get(item).map(|(_, most)| *most);
            let is_fine = self.doubtful.contains(item) || most.is_some_and(|most| now <= most);
            if !is_fine {
                return Err(format!("{item:?} is there, until {most:?} at {now}"));
            }
        }
        self.known.retain(|item, _| listed.contains(item));
        Ok(())
    }
}
