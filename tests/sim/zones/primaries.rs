//! Primaries of a world: two servers, the second of which follows the first.
use std::collections::BTreeMap;
use std::net::SocketAddr;

use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::transfer::{Packed, PackedChanges, Received};
use waypost::zones::{Request, Want};

use super::data::{Edition, is_ahead};

/// How a server behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// It says nothing, so that requests end after [`SILENCE`].
    Silent,
    /// It refuses.
    Refusing,
}

/// After how long a request to a silent server is given up, milliseconds.
pub(super) const SILENCE: u64 = 3000;

pub(super) struct Primary {
    pub(super) address: SocketAddr,
    pub(super) mood: Mood,
    /// By zone: all editions since its journal began.
    pub(super) zones: BTreeMap<Name, Vec<Edition>>,
}

impl Primary {
    pub(super) fn new(last: u8, apexes: &[Name]) -> Self {
        let zones = apexes.iter();
        Self {
            address: SocketAddr::from(([127, 0, 0, last], 53)),
            mood: Mood::Well,
            zones: zones
                .map(|apex| (apex.clone(), vec![Edition::FIRST]))
                .collect(),
        }
    }

    /// The newest edition.
    pub(super) fn head(&self, apex: &Name) -> Edition {
        *self.zones[apex].last().unwrap()
    }

    /// What it answers now, and after how many milliseconds.
    pub(super) fn answer(
        &self,
        request: &Request,
        draws: &mut Draws,
    ) -> (u64, Result<Received, String>) {
        let delay = 2 + draws.below(150);
        match self.mood {
            Mood::Silent => return (SILENCE, Err("it says nothing".to_owned())),
            Mood::Refusing => return (delay, Err("REFUSED".to_owned())),
            Mood::Well => {}
        }
        let editions = &self.zones[&request.apex];
        let head = self.head(&request.apex);
        let apex = &request.apex;
        let whole = || Received::Whole(Packed::of(apex, &head.content(apex)));
        let Some(soa) = &request.soa else {
            return (delay, Ok(whole()));
        };
        if !is_ahead(head.serial, soa.serial()) {
            return (delay, Ok(Received::Nothing(head.serial)));
        }
        let known = editions
            .iter()
            .position(|own| own.serial == soa.serial())
            .filter(|_| request.want == Want::News && draws.chance(800));
        let Some(known) = known else {
            return (delay, Ok(whole()));
        };
        let contents = editions[known..].iter();
        let contents: Vec<_> = contents.map(|own| own.content(&request.apex)).collect();
        let steps = contents.windows(2);
        let diffs: Vec<_> = steps.map(|pair| pair[0].diff(&pair[1])).collect();
        let changes = PackedChanges::of(&request.apex, &diffs).expect("the head is ahead");
        (delay, Ok(Received::Changes(changes)))
    }
}
