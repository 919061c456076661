//! Judges what the clients of the demo heard, knowing which machines are really dead.
//!
//! It shares nothing with the server but the plan. An answer is *wrong* when it is lost, not
//! NOERROR or empty; when it names an address that is no endpoint's; when it lies outside the
//! fence of a strict service; or when it names a machine that has been dead for longer than
//! the promise although another machine could serve. The promise is what the config allows:
//! `fall` probes, one timeout, and a second for the rest.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::clients::{CLIENTS, Heard};
use super::machines::Machines;
use crate::base::{EndpointId, Family, Moment, ServiceId, Span};
use crate::plan::Plan;

/// What a judged answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Right,
    /// Names a dead machine, but within the promise.
    Stale,
    /// Not as it should be.
    Wrong(String),
}

/// One thing that died, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// As the script names it.
    pub(super) what: String,
    /// When it died.
    pub(super) at: Moment,
    /// When the server had noticed all of it.
    pub(super) noticed: Option<Moment>,
    /// How many clients were sent there and could go elsewhere.
    pub(super) sent: usize,
    /// When the last client that was sent there had another answer.
    pub(super) answered: Option<Moment>,
    /// When all of it carried its full share again, after it was healed.
    pub(super) recovered: Option<Moment>,
    /// When it was healed.
    pub(super) healed: Option<Moment>,
    endpoints: Vec<EndpointId>,
    unnoticed: Vec<EndpointId>,
    unrecovered: Vec<EndpointId>,
    waiting: Vec<(usize, ServiceId)>,
}

/// Keeps the score.
pub(super) struct Judge {
    /// Answers asked for.
    pub(super) asked: u64,
    /// Answers that named a machine just dead, within the promise.
    pub(super) stale: u64,
    /// What was wrong, first of all first.
    pub(super) wrong: Vec<String>,
    /// What died so far.
    pub(super) losses: Vec<Loss>,
    dead: BTreeMap<EndpointId, Moment>,
    latest: BTreeMap<(usize, ServiceId), EndpointId>,
    promise: Span,
    plan: Arc<Plan>,
}

impl Judge {
    /// Starts with every machine alive.
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let slowest = plan.monitors.iter().map(|monitor| {
            Span(monitor.interval.0 * u64::from(monitor.fall) + monitor.timeout.0 + 1000)
        });
        Self {
            asked: 0,
            stale: 0,
            wrong: Vec::new(),
            losses: Vec::new(),
            dead: BTreeMap::new(),
            latest: BTreeMap::new(),
            promise: slowest.max().unwrap_or_default(),
            plan,
        }
    }

    /// Notes that machines died.
    pub(super) fn killed(&mut self, what: &str, endpoints: &[EndpointId], now: Moment) {
        let newly: Vec<EndpointId> = endpoints
            .iter()
            .copied()
            .filter(|endpoint| !self.dead.contains_key(endpoint))
            .collect();
        self.dead
            .extend(newly.iter().map(|endpoint| (*endpoint, now)));
        // Who has nowhere else to go keeps the dead one (fail-open), and is not waited for.
        let sent_there = self
            .latest
            .iter()
            .filter(|&(&(client, service), endpoint)| {
                newly.contains(endpoint) && self.others_live(client, service)
            });
        let waiting: Vec<_> = sent_there.map(|(who, _)| *who).collect();
        self.losses.push(Loss {
            what: what.to_owned(),
            at: now,
            noticed: None,
            sent: waiting.len(),
            answered: waiting.is_empty().then_some(now),
            recovered: None,
            healed: None,
            unnoticed: newly.clone(),
            unrecovered: newly.clone(),
            endpoints: newly,
            waiting,
        });
    }

    /// Notes that machines came back.
    pub(super) fn healed(&mut self, endpoints: &[EndpointId], now: Moment) {
        for endpoint in endpoints {
            self.dead.remove(endpoint);
        }
        for loss in &mut self.losses {
            if loss
                .endpoints
                .iter()
                .any(|endpoint| endpoints.contains(endpoint))
            {
                loss.healed.get_or_insert(now);
            }
        }
    }

    /// Notes that the server calls an endpoint down.
    pub(super) fn noticed(&mut self, endpoint: EndpointId, now: Moment) {
        for loss in &mut self.losses {
            loss.unnoticed.retain(|other| *other != endpoint);
            if loss.unnoticed.is_empty() {
                loss.noticed.get_or_insert(now);
            }
        }
    }

    /// Notes that the server gives an endpoint its full share.
    pub(super) fn recovered(&mut self, endpoint: EndpointId, now: Moment) {
        for loss in self.losses.iter_mut().filter(|loss| loss.healed.is_some()) {
            loss.unrecovered.retain(|other| *other != endpoint);
            if loss.unrecovered.is_empty() {
                loss.recovered.get_or_insert(now);
            }
        }
    }

    /// Judges one answer.
    pub(super) fn hear(&mut self, machines: &Machines, heard: &Heard) {
        self.asked += 1;
        match self.verdict(machines, heard) {
            Verdict::Right => {}
            Verdict::Stale => self.stale += 1,
            Verdict::Wrong(why) => self.wrong.push(why),
        }
    }

    fn verdict(&mut self, machines: &Machines, heard: &Heard) -> Verdict {
        let plan = Arc::clone(&self.plan);
        let client = CLIENTS[heard.client];
        let service = &plan.services[heard.service.index()];
        let wrong =
            |why: &str| Verdict::Wrong(format!("{} from {}: {why}", service.name, client.country));
        let Some(reply) = &heard.reply else {
            return wrong("no reply");
        };
        let Some(address) = reply.addresses().next().filter(|_| reply.rcode == 0) else {
            return wrong(&format!(
                "rcode {} with {} addresses",
                reply.rcode,
                reply.addresses().count()
            ));
        };
        let Some(machine) = machines.with_address(address) else {
            return wrong(&format!("{address} is no endpoint's"));
        };
        let class = plan.class_of(heard.service, client.address);
        let fence = plan.class(heard.service, class).fence;
        if !fence.contains(plan.regions[machine.region().index()].jurisdiction) {
            return wrong(&format!("{} lies outside the fence", machine.name));
        }
        self.settle(heard, machine.endpoint);
        match self.dead.get(&machine.endpoint) {
            Some(since) if self.others_live(heard.client, heard.service) => {
                let late = heard.asked.since(*since);
                if late > self.promise {
                    wrong(&format!("{} is dead for {late}", machine.name))
                } else {
                    Verdict::Stale
                }
            }
            _ => Verdict::Right,
        }
    }

    /// Notes where a client was sent, and whether it waited for that.
    fn settle(&mut self, heard: &Heard, endpoint: EndpointId) {
        let who = (heard.client, heard.service);
        self.latest.insert(who, endpoint);
        if self.dead.contains_key(&endpoint) {
            return;
        }
        for loss in &mut self.losses {
            loss.waiting.retain(|other| *other != who);
            if loss.waiting.is_empty() {
                loss.answered.get_or_insert(heard.at);
            }
        }
    }

    /// Whether any machine that may serve this client is alive.
    fn others_live(&self, client: usize, service: ServiceId) -> bool {
        let address = CLIENTS[client].address;
        let class = self.plan.class_of(service, address);
        let class = self.plan.class(service, class);
        let pools = &self.plan.services[service.index()].pools[Family::V4.index()];
        class
            .preference
            .iter()
            .flat_map(|region| &pools[region.index()].tiers)
            .flat_map(|tier| &tier.members)
            .any(|member| !self.dead.contains_key(&member.endpoint))
    }
}
