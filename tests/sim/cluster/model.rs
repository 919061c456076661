//! Three nodes and every interleaving.
//!
//! `Votes`: two targets are truly down, one is well; the third node may be cut off, may be blind meanwhile, and may be alone for long. One
//! node decides. `Orders`: three orders for one scope, given anywhere at any time, and carried between nodes in any order. Both ask
//! the production's own functions, and both can fail: what they prove is refuted when its guard is taken out.
use std::collections::BTreeSet;
use std::sync::Arc;

use stateright::{Model, Property};

use waypost::base::{Cause, Moment, Span, Utc};
use waypost::health::target::Verdict;
use waypost::share::log::holding;
use waypost::share::ruling::{Quorum, Seat};
use waypost::share::{
    Author, Ballot, Boot, Electorate, EntryHash, Envelope, Footing, HybridStamp, LogAct,
    LoggedEntry, OrderEntry, OrderSlot, OtherVantage, PlanHash, RecordStream, Sealed, SharedLog,
    Sight, Trust, VantageId, VantagePanel,
};

use super::nodes::seal;
use crate::model::refuted;

const NODES: usize = 3;
const LONELY: usize = 2;
const NOW: Moment = Moment(1_000_000);
const WINDOW: Span = Span(15_000);
const WALL: Utc = Utc(1_800_000_000_000);
/// Whether each target is truly up.
const TRUTH: [bool; 3] = [false, false, true];

/// What a node has seen of the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Saw {
    /// They were well, before two of them died.
    AllUp,
    Truth,
    /// It was cut off, and its probes failed.
    Nothing,
}

impl Saw {
    fn up(self) -> [bool; 3] {
        match self {
            Self::AllUp => [true; 3],
            Self::Truth => TRUTH,
            Self::Nothing => [false; 3],
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Polled {
    cut: bool,
    long: bool,
    saw: [Saw; NODES],
    heard: [Option<(Saw, bool)>; NODES],
    believed: [bool; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Probe(usize),
    /// A probe of the lonely node fails for the cut.
    Blind,
    Deliver(usize),
    Age(usize),
    Cut,
    Heal,
    /// Time passes until nodes may be alone.
    Wait,
    Rule,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    Nothing,
    /// Those who are heard decide at once.
    Majority,
    /// The canaries are not asked.
    Canaries,
}

struct Votes {
    decider: usize,
    without: Without,
}

impl Votes {
    fn verdict(up: bool) -> Verdict {
        if up {
            Verdict::Up
        } else {
            Verdict::Down(Cause::Refused)
        }
    }

    fn panel(&self, state: &Polled) -> VantagePanel {
        let others = state.heard.iter().enumerate().filter_map(|(from, heard)| {
            let (saw, fresh) = (*heard)?;
            let mut ballot = Ballot::blank(PlanHash([0; 16]), 3, Trust::Sure);
            for (place, up) in (0..).zip(saw.up()) {
                ballot.add(place, Self::verdict(up));
            }
            let age = if fresh { 0 } else { WINDOW.0 + 1 };
            Some(OtherVantage {
                vantage: VantageId(u16::try_from(from).unwrap()),
                at: Moment(NOW.0 - age),
                ballot: Arc::new(ballot),
                places: None,
            })
        });
        let seat = |provider| Seat {
            region: 0,
            provider,
        };
        VantagePanel {
            electorate: Electorate {
                seats: vec![seat(0), seat(1), seat(0)].into(),
                window: WINDOW,
                up_while: None,
            },
            own: Some(VantageId(u16::try_from(self.decider).unwrap())),
            quorum: self.quorum(state),
            others: others.collect(),
            labels: Arc::default(),
        }
    }

    fn quorum(&self, state: &Polled) -> Quorum {
        let fresh = state
            .heard
            .iter()
            .filter(|heard| matches!(heard, Some((_, true))));
        let heard = (fresh.count() + 1, NODES);
        let sight = if state.saw[self.decider] == Saw::Nothing && self.without != Without::Canaries
        {
            Sight::Poor
        } else {
            Sight::Clear
        };
        let apart = Span(if state.long { 120_000 } else { 1 });
        match self.without {
            Without::Majority => Quorum::OfHeard,
            Without::Nothing | Without::Canaries => {
                Footing::of(heard, apart, Some(Span(120_000)), sight).quorum()
            }
        }
    }
}

impl Model for Votes {
    type State = Polled;
    type Action = Move;

    fn init_states(&self) -> Vec<Polled> {
        vec![Polled {
            cut: false,
            long: false,
            saw: [Saw::AllUp; NODES],
            heard: [None; NODES],
            believed: [true; 3],
        }]
    }

    fn actions(&self, _: &Polled, moves: &mut Vec<Move>) {
        for node in 0..NODES {
            moves.push(Move::Probe(node));
            if node != self.decider {
                moves.extend([Move::Deliver(node), Move::Age(node)]);
            }
        }
        moves.extend([Move::Blind, Move::Cut, Move::Heal, Move::Wait, Move::Rule]);
    }

    fn next_state(&self, last: &Polled, next: Move) -> Option<Polled> {
        let mut state = last.clone();
        match next {
            Move::Probe(node) => state.saw[node] = Saw::Truth,
            Move::Blind if last.cut => state.saw[LONELY] = Saw::Nothing,
            Move::Blind => {}
            Move::Deliver(from) => {
                if !(last.cut && (from == LONELY || self.decider == LONELY)) {
                    state.heard[from] = Some((last.saw[from], true));
                    state.long = false;
                }
            }
            Move::Age(from) => state.heard[from].as_mut()?.1 = false,
            Move::Cut => state.cut = true,
            Move::Heal => state.cut = false,
            Move::Wait => {
                state.long = last
                    .heard
                    .iter()
                    .all(|heard| !matches!(heard, Some((_, true))))
            }
            Move::Rule => {
                let panel = self.panel(last);
                for (place, up) in (0..).zip(last.saw[self.decider].up()) {
                    let own = (Self::verdict(up), Trust::Sure);
                    let believed = &mut state.believed[place as usize];
                    let ruling = panel.rule(NOW, place, own);
                    *believed = ruling.over(Self::verdict(*believed)) == Verdict::Up;
                }
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what is well stays", |_, state: &Polled| state.believed[2]),
            Property::sometimes("both dead are out", |_, state: &Polled| {
                state.believed == TRUTH
            }),
            Property::sometimes("alone, and both dead are out", |_, state: &Polled| {
                state.believed == TRUTH && state.long && state.cut
            }),
        ]
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Given {
    node: usize,
    drain: bool,
    /// Orders that its node had, as bits.
    past: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ordered {
    given: Vec<Given>,
    has: [u8; NODES],
    cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Give(usize, bool),
    Carry(usize, usize),
    Cut,
    Heal,
}

/// What decides between orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deciding {
    Production,
    /// The later clock, whoever knew whom.
    Clock,
}

struct Orders {
    deciding: Deciding,
    record: Sealed,
}

const MOST: usize = 3;

impl Orders {
    fn new(deciding: Deciding) -> Self {
        let envelope = Envelope {
            cluster: 0,
            author: seal(0).key().author(),
            stream: RecordStream::Log,
            boot: Boot(1),
            seq: 1,
        };
        Self {
            deciding,
            record: Sealed::seal(envelope, &[], &seal(0)),
        }
    }

    /// The orders as entries, each written with what the production says that its node had seen.
    fn entries(&self, given: &[Given]) -> Vec<LoggedEntry> {
        let mut entries: Vec<LoggedEntry> = Vec::new();
        for (number, one) in given.iter().enumerate() {
            let log = log(&entries, one.past, number);
            let act = if one.drain {
                LogAct::Drain
            } else {
                LogAct::Undrain
            };
            let mut hash = EntryHash::default();
            hash.0[0] = u8::try_from(number).unwrap() + 1;
            let entry = OrderEntry {
                before: EntryHash::default(),
                // Clocks of nodes differ: those of later ones are ahead.
                stamp: HybridStamp::next(log.latest(), Utc(WALL.0 + one.node as u64 * 60_000)),
                seen: log.seen(&OrderSlot::of(&act, "s")),
                act,
                scope: "s".to_owned(),
                by: String::new(),
                reason: String::new(),
                begins: None,
                expires: None,
            };
            entries.push(LoggedEntry {
                author: Author(one.node as u64),
                boot: Boot(1),
                seq: number as u64 + 1,
                hash,
                entry,
                record: self.record.clone(),
            });
        }
        entries
    }

    /// Whether the scope is drained where these orders are known, in whichever order they came.
    fn drained(&self, entries: &[LoggedEntry], has: u8) -> Option<bool> {
        let rising = log(entries, has, MOST);
        let falling: Vec<LoggedEntry> = entries.iter().rev().cloned().collect();
        let mirrored = (0..entries.len()).filter(|bit| has >> bit & 1 == 1);
        let mirrored = mirrored.fold(0, |bits, bit| bits | 1 << (entries.len() - 1 - bit));
        let falling = log(&falling, mirrored, MOST);
        (rising.digest() == falling.digest()).then(|| self.decide(&rising))
    }

    fn decide(&self, log: &SharedLog) -> bool {
        let none = BTreeSet::new();
        let mut slots = log.slots(&none);
        let Some((_, entries)) = slots.next() else {
            return false;
        };
        let held = match self.deciding {
            Deciding::Production => holding(&entries),
            Deciding::Clock => entries.iter().copied().max_by_key(|one| one.entry.stamp),
        };
        held.is_some_and(|held| held.entry.act == LogAct::Drain)
    }
}

fn log(entries: &[LoggedEntry], has: u8, before: usize) -> SharedLog {
    let mut log = SharedLog::default();
    for (bit, entry) in entries.iter().enumerate().take(before) {
        if has >> bit & 1 == 1 {
            log.join(WALL, entry.clone());
        }
    }
    log
}

/// Of orders that nobody who is here knew of, one is a drain.
fn should_be_drained(given: &[Given], has: u8) -> bool {
    let here = |bit: &usize| has >> bit & 1 == 1;
    let mut last = (0..given.len()).filter(here).filter(|bit| {
        let mut others = (0..given.len()).filter(here);
        !others.any(|other| given[other].past >> bit & 1 == 1)
    });
    last.any(|bit| given[bit].drain)
}

impl Model for Orders {
    type State = Ordered;
    type Action = Step;

    fn init_states(&self) -> Vec<Ordered> {
        vec![Ordered {
            given: Vec::new(),
            has: [0; NODES],
            cut: false,
        }]
    }

    fn actions(&self, state: &Ordered, steps: &mut Vec<Step>) {
        for node in 0..NODES {
            if state.given.len() < MOST {
                steps.extend([Step::Give(node, true), Step::Give(node, false)]);
            }
            let others = (0..NODES).filter(|other| *other != node);
            steps.extend(others.map(|other| Step::Carry(node, other)));
        }
        steps.push(if state.cut { Step::Heal } else { Step::Cut });
    }

    fn next_state(&self, last: &Ordered, step: Step) -> Option<Ordered> {
        let mut state = last.clone();
        match step {
            Step::Give(node, drain) => {
                let past = last.has[node];
                state.has[node] |= 1 << last.given.len();
                state.given.push(Given { node, drain, past });
            }
            Step::Carry(from, to) => {
                if !(last.cut && [from, to].contains(&LONELY)) {
                    state.has[to] |= last.has[from];
                }
            }
            Step::Cut => state.cut = true,
            Step::Heal => state.cut = false,
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "the last word, or the safer",
                |model: &Self, state: &Ordered| {
                    let entries = model.entries(&state.given);
                    state.has.iter().all(|has| {
                        let should = should_be_drained(&state.given, *has);
                        model.drained(&entries, *has) == Some(should)
                    })
                },
            ),
            Property::sometimes(
                "a drain and an undrain in ignorance",
                |_, state: &Ordered| {
                    let all = state.has == [0b11; NODES];
                    let apart = state.given.iter().all(|given| given.past == 0);
                    all && apart
                        && state.given.iter().any(|given| !given.drain)
                        && should_be_drained(&state.given, 0b11)
                },
            ),
        ]
    }
}

#[test]
fn no_interleaving_takes_out_what_is_well() {
    for decider in [0, LONELY] {
        let model = Votes {
            decider,
            without: Without::Nothing,
        };
        let met = refuted(model, &format!("votes, {decider} decides"));
        let both = ["both dead are out", "alone, and both dead are out"];
        assert!(
            both.iter().all(|one| met.contains(one)) || decider == 0,
            "{met:?}"
        );
        assert!(!met.contains(&"what is well stays"), "{met:?}");
    }
}

#[test]
fn each_guard_of_the_ruling_is_needed() {
    for without in [Without::Majority, Without::Canaries] {
        let model = Votes {
            decider: LONELY,
            without,
        };
        let found = refuted(model, &format!("votes without {without:?}"));
        assert!(
            found.contains(&"what is well stays"),
            "{without:?}: {found:?}"
        );
    }
}

#[test]
fn orders_come_to_the_last_word_or_the_safer() {
    let met = refuted(Orders::new(Deciding::Production), "orders");
    assert_eq!(met, ["a drain and an undrain in ignorance"]);
}

#[test]
fn clocks_alone_do_not_decide_orders() {
    let found = refuted(Orders::new(Deciding::Clock), "orders by clock");
    assert!(found.contains(&"the last word, or the safer"), "{found:?}");
}
