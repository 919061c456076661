//! What is left out because it is outside the zone, and how that is told.
//!
//! Lines with foreign owners are told one by one, if they are few: the exports of Windows have the
//! addresses of foreign name servers. An `$ORIGIN` outside the zone takes every line below with
//! it; then it is the one to blame, once, with the number of records lost. Nothing here knows how
//! names are read.
use super::lex::At;

/// Owners outside the zone that are told one by one.
const TOLD: usize = 10;

/// A word of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Which of the zone's files.
    pub(super) file: u16,
    /// Where in it.
    pub(super) at: At,
}

/// Whom the loss of a record is laid to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Its owner, which has been told.
    Owner,
    /// One of many owners.
    Others,
    /// The origin with this number.
    Origin(usize),
}

/// An origin outside the zone, and how many records went with it.
#[derive(Debug)]
pub(super) struct Origin {
    /// Where it is set.
    pub(super) spot: Spot,
    /// Its name.
    pub(super) name: String,
    /// Records left out.
    pub(super) records: u64,
}

/// All that is left out.
#[derive(Debug, Default)]
pub(super) struct Outside {
    told: usize,
    origins: Vec<Origin>,
    /// The first owner that is not told by itself, and the records of all those.
    others: Option<(Spot, u64)>,
    /// What the first record is laid to.
    first: Option<Spot>,
    /// The first SOA, and whose it is.
    soa: Option<(Spot, String)>,
    records: u64,
}

impl Outside {
    /// Takes note of an origin; its number.
    pub(super) fn origin(&mut self, spot: Spot, name: String) -> usize {
        self.origins.push(Origin {
            spot,
            name,
            records: 0,
        });
        self.origins.len() - 1
    }

    /// Whether one more owner is to be told by itself, or as one of many.
    pub(super) fn owner(&mut self, spot: Spot) -> Blame {
        if self.told < TOLD {
            self.told += 1;
            return Blame::Owner;
        }
        self.others.get_or_insert((spot, 0));
        Blame::Others
    }

    /// Leaves a record out that stands at `spot`.
    pub(super) fn leave(&mut self, blame: Blame, spot: Spot) {
        self.records += 1;
        let mut cause = spot;
        match (blame, &mut self.others) {
            (Blame::Origin(number), _) => {
                let origin = &mut self.origins[number];
                origin.records += 1;
                cause = origin.spot;
            }
            (Blame::Others, Some((_, records))) => *records += 1,
            (Blame::Owner | Blame::Others, _) => {}
        }
        self.first.get_or_insert(cause);
    }

    /// Takes note of an SOA that was left out.
    pub(super) fn soa(&mut self, spot: Spot, owner: String) {
        self.soa.get_or_insert((spot, owner));
    }

    /// Records left out, and what the first of them is laid to.
    pub(super) fn all(&self) -> Option<(u64, Spot)> {
        Some((self.records, self.first?))
    }

    /// The first SOA that was left out, and its owner.
    pub(super) fn first_soa(&self) -> Option<&(Spot, String)> {
        self.soa.as_ref()
    }

    /// The origins that took records with them.
    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.origins.iter().filter(|origin| origin.records > 0)
    }

    /// Where the owners begin that were not told by themselves, and how many records they had.
    pub(super) fn others(&self) -> Option<(Spot, u64)> {
        self.others.filter(|(_, records)| *records > 0)
    }
}
