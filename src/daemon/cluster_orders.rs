//! Orders and challenges between this node's cores and the shared copy.
//!
//! ```text
//! operator --> weigh --> engine, carried out --> share: entries of the log --> disk --> known by others, or 1.5 s --> answer
//! others' entries --arrived--> disk          the log --agreed, each second and on news--> engine
//! challenges that are served --> entries                 '--changes--> zones
//! ```
//!
//! An order is in force here before it is on the disk, and acknowledged after; who else knows it is told by the heads of the others.
//! What a planned window orders stays here: each node has its own config, and goes by its own clock.
//!
//! It waits for nothing, and decides nothing: what stands is for `share` to say, what it does for the engine.
use std::collections::BTreeMap;

use tracing::warn;

use super::keeper::{ClusterBefore, OrderKeeping};
use crate::base::{Moment, Span, Utc};
use crate::dns::Name;
use crate::dns::challenges::{Challenge, Challenges};
use crate::engine::agreed::{self, MissingOrders};
use crate::engine::{OrderId, OrderRequest, OrderResult};
use crate::io::control::OrderRefusal;
use crate::io::state::cluster_log::OrdersBefore;
use crate::share::{
    Author, Boot, Cluster, Intent, IntentRefusal, LogAct, LoggedEntry, RecordFate, RecordRefusal,
    Sealed,
};

/// Time between two looks at what has begun or ended by the clock.
pub(super) const LOOK_EVERY: Span = Span(1000);

/// A value of a challenge: its name, and its RDATA.
pub(super) type ChallengeKey = (Name, Vec<u8>);

/// Orders on their way.
#[derive(Debug)]
pub(super) struct ClusterOrders {
    /// Until the engine was told the first time: the fate of orders that it has and the log has not.
    pub(super) missing: Option<MissingOrders>,
    pub(super) look_at: Moment,
    /// Orders of which others are to hear before whoever gave them is answered.
    pub(super) waiting: BTreeMap<OrderId, Spreading>,
    /// Challenges that this node's zones had last.
    pub(super) served: Challenges,
    /// Challenges as they were agreed on last.
    pub(super) agreed: BTreeMap<ChallengeKey, Challenge>,
    /// Set once the zones were told.
    pub(super) has_told: bool,
}

/// An order that others hear of.
#[derive(Debug)]
pub(super) struct Spreading {
    pub(super) entries: Result<Vec<LoggedEntry>, IntentRefusal>,
    pub(super) until: Moment,
    /// The answer, once it is on the disk.
    pub(super) told: Option<(OrderResult, OrderKeeping)>,
}

/// The way that an order takes.
pub(super) enum OrderPath {
    /// The engine is to carry it out.
    CarryOut(OrderRequest),
    /// It waits for a second node to order the same.
    HoldBack(OrderRequest),
    Refuse(OrderRefusal),
}

impl ClusterOrders {
    /// Begins with what the disk had. Of challenges those count as told that the log has.
    pub(super) fn new(cluster: &Cluster, utc: Utc, before: &ClusterBefore) -> Self {
        let known = standing(cluster, utc);
        let mut served = Challenges::default();
        for (name, one) in before.challenges.iter() {
            if known.contains_key(&(name.clone(), one.rdata.clone())) {
                // There was room for all of them.
                let _ = served.add(name, one.clone());
            }
        }
        Self {
            served,
            missing: Some(match before.orders {
                OrdersBefore::Whole(_) => MissingOrders::Ended,
                OrdersBefore::Lost(_) => MissingOrders::Kept,
            }),
            look_at: Moment(0),
            waiting: BTreeMap::new(),
            agreed: BTreeMap::new(),
            has_told: false,
        }
    }
}

/// The start of this author that is later than all that the disk had of it, whatever the clock says.
pub(super) fn later(boot: Boot, author: Author, before: &ClusterBefore) -> Boot {
    let records = before.orders.records().iter();
    let records = records.filter_map(|record| Sealed::parse(record).ok());
    let own = records.filter(|record| record.envelope().author == author);
    let last = own.map(|record| record.envelope().boot.next()).max();
    last.map_or(boot, |last| boot.max(last))
}

/// Takes in what the disk had; what cannot be taken is told, and left out.
pub(super) fn restore(cluster: &mut Cluster, wall: Utc, before: &ClusterBefore) {
    for record in before.orders.records() {
        match cluster.restore(wall, record) {
            Ok(RecordFate::Order(_) | RecordFate::Known | RecordFate::Newer(..)) => {}
            // Nobody misses what is over.
            Ok(RecordFate::Refused(RecordRefusal::Spent)) | Err(RecordRefusal::Spent) => {}
            Ok(RecordFate::Refused(why)) | Err(why) => {
                warn!(
                    event = "cluster_order_unread",
                    "an order that was kept is left out: {why:?}"
                );
            }
        }
    }
}

pub(super) fn by_key(all: &Challenges) -> BTreeMap<ChallengeKey, &Challenge> {
    let all = all.iter();
    all.map(|(name, one)| ((name.clone(), one.rdata.clone()), one))
        .collect()
}

pub(super) fn intent((act, name, one): (LogAct, &Name, &Challenge)) -> Intent {
    Intent {
        act,
        scope: name.to_string(),
        by: one.author.clone(),
        reason: String::new(),
        begins: None,
        expires: Some(Utc::from_seconds(one.expires)),
    }
}

/// The challenges that stand in the log, each with whether it is this node's own.
pub(super) fn standing(cluster: &Cluster, utc: Utc) -> BTreeMap<ChallengeKey, (Challenge, bool)> {
    let all = cluster.in_force(utc, &agreed::Unlimited).into_iter();
    let all = all.filter_map(|one| {
        let entry = &one.entry.entry;
        let LogAct::PutChallenge(ttl, rdata) = &entry.act else {
            return None;
        };
        let name = Name::parse(&entry.scope).ok()?;
        let challenge = Challenge {
            rdata: rdata.clone(),
            ttl: *ttl,
            expires: entry.ends()?.0 / 1000,
            author: agreed::author(one.entry, cluster),
        };
        let is_own = one.entry.author == cluster.author();
        Some(((name, rdata.clone()), (challenge, is_own)))
    });
    all.collect()
}
