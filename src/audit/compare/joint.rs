//! Which orders of regions clients draw before and after, together.
//!
//! A client draws by one hash of its network in both plans, so what it draws before tells of what it draws after. Where the
//! draws are the same in both plans, or only one of them has any, the parts are those that were asked for; where they
//! differ, some clients are tried, always the same ones.
use std::collections::BTreeMap;

use crate::base::{ClassId, ClientHash, Draws};
use crate::plan::{Lots, Map};

/// Clients that are tried; so many parts of a million each.
const TRIED: u64 = 20_000;
const WHOLE: u64 = 1_000_000;

/// All pairs of classes that there are clients of whose networks are in these, with their parts of a million.
pub(super) fn of(maps: [&Map; 2], classes: [ClassId; 2]) -> Vec<([ClassId; 2], u64)> {
    let [before, after] = classes;
    let lots = [0, 1].map(|side: usize| maps[side].lots_of(classes[side]));
    match lots {
        [None, None] => vec![(classes, WHOLE)],
        [Some(one), None] => alone(one, |class| [class, after]),
        [None, Some(two)] => alone(two, |class| [before, class]),
        [Some(one), Some(two)] if one.draws_as(two) => alone(one, |class| {
            let number = class.index() - one.first.index();
            [class, ClassId::from_index(two.first.index() + number)]
        }),
        [Some(one), Some(two)] => tried(one, two),
    }
}

fn alone(lots: &Lots, pair: impl Fn(ClassId) -> [ClassId; 2]) -> Vec<([ClassId; 2], u64)> {
    let parts = lots.classes().map(pair).zip(lots.parts(WHOLE));
    parts.filter(|(_, part)| *part > 0).collect()
}

fn tried(one: &Lots, two: &Lots) -> Vec<([ClassId; 2], u64)> {
    let mut draws = Draws::from_seed(0);
    let mut parts = BTreeMap::new();
    for _ in 0..TRIED {
        let client = ClientHash::any(&mut draws);
        let pair = [one.draw(client), two.draw(client)];
        *parts.entry(pair).or_insert(0) += WHOLE / TRIED;
    }
    parts.into_iter().collect()
}
