//! Heads and loads: what a node has and runs, and what it answers.
//!
//! Nothing is decided by a head: it shows whether nodes have come to the same, and who knows an order. Loads are counts by service,
//! family and class, and hold no address; they are summed over all nodes that were heard of lately.
use crate::base::limits::{CLUSTER_LOAD_ROWS, CLUSTER_MEMBERS, CLUSTER_SERIALS};
use crate::base::{Family, Utc};

use super::entry::EntryHash;
use super::packing::{Garbled, Packer, Unpacker};
use super::seal::Author;
use super::stamp::Boot;

/// A node's orders, config, table and zones.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NodeHead {
    /// The time at which it was sent.
    pub sent: Utc,
    /// By author, the newest start that it knows of, and the last entry of that; sorted.
    pub last: Vec<(Author, Boot, u64)>,
    /// The digest of the orders that it has.
    pub digest: EntryHash,
    /// The hash of its config.
    pub config: [u8; 32],
    /// The generation of its table.
    pub generation: u64,
    /// By the hash of a zone's name, its serial; sorted.
    pub serials: Vec<(u64, u32)>,
    /// Its anycast route.
    pub route: RouteWord,
}

/// Answers that a node gave lately.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NodeLoad {
    /// The time at which it was sent.
    pub sent: Utc,
    /// Counts, sorted by what they are of.
    pub rows: Vec<(LoadRow, u64)>,
}

/// A row of counts: service, family and class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoadRow {
    /// The hash of the service's name.
    pub service: u64,
    /// The family.
    pub family: Family,
    /// The hash of the class, as regions in order.
    pub class: u64,
}

/// A word of a node on its anycast route, in its heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum RouteWord {
    /// It never withdraws, and does not say whether it announces anything.
    #[default]
    Untold,
    /// It announces, and is sound.
    Announced,
    /// It announces, and something is wrong with it.
    Unsound,
    /// It is withdrawn.
    Withdrawn,
}

impl NodeHead {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.u64(self.sent.0);
        out.count(self.last.len());
        for (author, boot, seq) in &self.last {
            for number in [author.0, boot.0, *seq] {
                out.u64(number);
            }
        }
        out.fixed(&self.digest.0);
        out.fixed(&self.config);
        out.u64(self.generation);
        out.count(self.serials.len());
        for (zone, serial) in &self.serials {
            out.u64(*zone);
            out.u32(*serial);
        }
        // Nodes that do not know of routes read heads without.
        if self.route != RouteWord::Untold {
            out.u8(self.route.code());
        }
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let mut head = Self {
            sent: Utc(from.u64()?),
            last: from.rising(CLUSTER_MEMBERS, |from| {
                Ok((Author(from.u64()?), Boot(from.u64()?), from.u64()?))
            })?,
            digest: EntryHash(from.fixed()?),
            config: from.fixed()?,
            generation: from.u64()?,
            serials: from.rising(CLUSTER_SERIALS, |from| Ok((from.u64()?, from.u32()?)))?,
            route: RouteWord::Untold,
        };
        if !from.is_at_end() {
            let word = RouteWord::of(from.u8()?);
            head.route = word.ok_or_else(|| from.wrong("route"))?;
        }
        from.end()?;
        Ok(head)
    }

    /// Tells that it has an entry.
    #[must_use]
    pub fn knows(&self, author: Author, boot: Boot, seq: u64) -> bool {
        let mut last = self.last.iter();
        last.any(|known| (known.0, known.1) == (author, boot) && known.2 >= seq)
    }
}

impl RouteWord {
    fn code(self) -> u8 {
        match self {
            Self::Untold => 0,
            Self::Announced => 1,
            Self::Unsound => 2,
            Self::Withdrawn => 3,
        }
    }

    fn of(code: u8) -> Option<Self> {
        let all = [Self::Announced, Self::Unsound, Self::Withdrawn];
        all.into_iter().find(|word| word.code() == code)
    }

    /// The word for people; empty where there is nothing to say.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Untold => "",
            Self::Announced => "announced",
            Self::Unsound => "unsound",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl NodeLoad {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Packer::default();
        out.u64(self.sent.0);
        out.count(self.rows.len());
        for (row, count) in &self.rows {
            out.u64(row.service);
            out.u8(match row.family {
                Family::V4 => 4,
                Family::V6 => 6,
            });
            out.u64(row.class);
            out.u64(*count);
        }
        out.0
    }

    pub(super) fn unpack(content: &[u8]) -> Result<Self, Garbled> {
        let mut from = Unpacker::new(content);
        let load = Self {
            sent: Utc(from.u64()?),
            rows: from.rising(CLUSTER_LOAD_ROWS, |from| {
                let service = from.u64()?;
                let family = match from.u8()? {
                    4 => Family::V4,
                    6 => Family::V6,
                    _ => return Err(from.wrong("family")),
                };
                let class = from.u64()?;
                let row = LoadRow {
                    service,
                    family,
                    class,
                };
                Ok((row, from.u64()?))
            })?,
        };
        from.end()?;
        // One row twice with two counts would rise, too.
        let twice = load.rows.windows(2).any(|two| two[0].0 == two[1].0);
        if twice {
            Err(from.wrong("order"))
        } else {
            Ok(load)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_loads_are_read_as_they_were_written() {
        let head = NodeHead {
            sent: Utc(3),
            last: vec![(Author(1), Boot(2), 3)],
            generation: 7,
            serials: vec![(1, 2), (3, 4)],
            ..NodeHead::default()
        };
        assert_eq!(NodeHead::unpack(&head.pack()), Ok(head.clone()));
        for route in [
            RouteWord::Announced,
            RouteWord::Unsound,
            RouteWord::Withdrawn,
        ] {
            let told = NodeHead {
                route,
                ..head.clone()
            };
            assert_eq!(NodeHead::unpack(&told.pack()), Ok(told.clone()));
            assert_eq!(told.pack().len(), head.pack().len() + 1, "{route:?}");
        }
        let untold = [head.pack(), vec![0]].concat();
        assert!(NodeHead::unpack(&untold).is_err(), "there is one form only");
        assert!(head.knows(Author(1), Boot(2), 3) && !head.knows(Author(1), Boot(2), 4));
        let row = LoadRow {
            service: 1,
            family: Family::V6,
            class: 2,
        };
        let mut load = NodeLoad {
            sent: Utc(3),
            rows: vec![(row, 10)],
        };
        assert_eq!(NodeLoad::unpack(&load.pack()), Ok(load.clone()));
        load.rows.push((row, 11));
        assert!(NodeLoad::unpack(&load.pack()).is_err());
    }
}
