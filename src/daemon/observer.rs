//! Tells the engine how much clients ask for, where a service wants that observed.
//!
//! The answering threads count for as long as a plan is in force; what is told is what has come
//! since the last time.
use crate::base::Moment;
use crate::base::limits::OBSERVE_EVERY;
use crate::engine::Observed;
use crate::io::metrics::Metrics;
use crate::io::metrics::asked::Asked;
use crate::plan::{Demand, Plan};

/// What was told last.
pub(crate) struct Observer {
    digest: u64,
    at: Moment,
    asked: Asked,
}

impl Observer {
    /// Begins to count now.
    pub(crate) fn new(plan: &Plan, now: Moment) -> Self {
        Self {
            digest: plan.digest,
            at: now,
            asked: Asked::new(),
        }
    }

    /// What has come since the last time, if that is long enough ago and anyone wants to know.
    pub(crate) fn look(&mut self, plan: &Plan, metrics: &Metrics, now: Moment) -> Option<Observed> {
        if self.digest != plan.digest {
            *self = Self::new(plan, now);
        }
        let within = now.since(self.at);
        let mut services = plan.services.iter();
        if within < OBSERVE_EVERY || !services.any(|own| own.demand == Demand::Observed) {
            return None;
        }
        let asked = metrics.asked(plan);
        let answers = asked.iter().map(|(key, counts)| {
            let before = self.asked.get(key).map_or(&[][..], Vec::as_slice);
            let before = before.iter().copied().chain(std::iter::repeat(0));
            let counts = counts.iter().zip(before);
            let risen = counts.map(|(now, before)| now.saturating_sub(before));
            (*key, risen.collect())
        });
        let observed = Observed {
            digest: plan.digest,
            within,
            answers: answers.collect(),
        };
        (self.at, self.asked) = (now, asked);
        Some(observed)
    }
}
