//! What endpoints and regions carry, and whom capacity leads elsewhere.
//!
//! ```text
//! routes, demand --> loads --fit--> nothing changes
//!                      '--exceed--> a plan --> parts whose classes are led by it
//! ```
//!
//! Where no capacity or no demand is stated there is nothing of this, and no cost. Where all fits,
//! the loads are all there is. Only where some place would carry more than it can is it planned who
//! goes where ([`crate::steer::capacity`]), anew from scratch, so that the plan depends on nothing
//! but plan, demand and shares; what it gives to a part is kept as long as it is the same.
use std::sync::Arc;

use crate::base::{ClassId, EndpointId, Family, RegionId, ServiceId};
use crate::plan::{Demands, Plan};
use crate::steer::capacity::rooms::Loads;
use crate::steer::capacity::stock::Stock;
use crate::steer::capacity::{Claim, Ground, Lot, Placement, place};

use super::Table;
use super::burden::{Burden, asked};
use super::layout::{Layout, Planning};
use super::part::Part;

/// What a table's clients put where.
#[derive(Debug)]
pub(super) struct Carried {
    /// The parts as they are without a plan.
    naturals: Vec<Arc<Part>>,
    /// What each of them puts where.
    burdens: Vec<Arc<Burden>>,
    claims: Arc<Claims>,
    /// By part: the classes that are led elsewhere.
    placed: Vec<Arc<[Placed]>>,
    /// What endpoints and regions carry.
    loads: Arc<Loads>,
}

/// Who asks for how much; it follows from plan and demand alone.
#[derive(Debug)]
struct Claims {
    /// Demand by part and class.
    asked: Vec<Vec<u64>>,
    /// The part and class of each claim.
    of: Vec<(usize, ClassId)>,
    claims: Vec<Claim>,
}

/// A class that is led elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) class: ClassId,
    /// Its cohorts; a lot's pool is the place of it among those that the class consults.
    pub(super) lots: Vec<Lot>,
    /// How many of its cohorts fit nowhere.
    pub(super) overloaded: u64,
}

impl Claims {
    fn new(plan: &Plan, layout: &Layout, demands: &Demands) -> Self {
        let parts = layout.parts.iter().enumerate();
        let asked = parts.map(|(number, place)| asked(layout, number, place, demands));
        let mut all = Self {
            asked: asked.collect(),
            of: Vec::new(),
            claims: Vec::new(),
        };
        for (number, place) in layout.parts.iter().enumerate() {
            let asked = all.asked[number].iter().enumerate();
            for (index, &demand) in asked.filter(|(_, demand)| **demand > 0) {
                let class = ClassId::from_index(index);
                let pools = place.consulted(plan, class);
                if pools.is_empty() {
                    continue;
                }
                all.of.push((number, class));
                all.claims.push(Claim {
                    pools,
                    demand,
                    overload: plan.services[place.service.index()].overload,
                    start: Claim::start_of((number as u64) << 32 | index as u64),
                });
            }
        }
        all
    }
}

impl Carried {
    /// What the parts of a table carry, which are as they are without a plan, and who of them is led elsewhere; `None` where nothing is
    /// to be planned. `previous` is of the same layout.
    pub(super) fn new(table: &Table, previous: Option<&Table>) -> Option<Self> {
        match table.layout.planning {
            Planning::Idle => return None,
            Planning::Active => {}
        }
        let naturals = table.parts.clone();
        let before = previous.and_then(|previous| previous.carried.as_ref());
        let same = |previous: &&Table| previous.demands == table.demands;
        let asks_alike = previous.filter(same).and(before);
        let claims = match asks_alike {
            Some(before) => Arc::clone(&before.claims),
            None => Arc::new(Claims::new(&table.plan, &table.layout, &table.demands)),
        };
        let burden = |(number, part): (usize, &Arc<Part>)| match asks_alike {
            Some(before) if Arc::ptr_eq(part, &before.naturals[number]) => {
                Arc::clone(&before.burdens[number])
            }
            _ => Arc::new(Burden::new(part, &table.pools, &claims.asked[number])),
        };
        let carried = Self {
            burdens: naturals.iter().enumerate().map(burden).collect(),
            placed: vec![Arc::from([]); naturals.len()],
            naturals,
            claims,
            loads: Arc::default(),
        };
        let alike = asks_alike.zip(previous).filter(|(_, previous)| {
            let mut pairs = table.standings.iter().zip(&*previous.standings);
            pairs.all(|(one, two)| one.share == two.share)
        });
        Some(match alike {
            Some((before, _)) => Self {
                placed: before.placed.clone(),
                loads: Arc::clone(&before.loads),
                ..carried
            },
            None => carried.planned(table, before),
        })
    }

    fn planned(mut self, table: &Table, before: Option<&Self>) -> Self {
        let mut loads = Loads::none(&table.plan);
        self.burdens.iter().for_each(|own| own.add_to(&mut loads));
        if !loads.exceed(&table.plan) {
            self.loads = Arc::new(loads);
            return self;
        }
        let placement = self.place(table);
        self.loads = Arc::new(placement.loads);
        let mut placed: Vec<Vec<Placed>> = self.naturals.iter().map(|_| Vec::new()).collect();
        for own in placement.placings {
            let (part, class) = self.claims.of[own.claim];
            placed[part].push(Placed {
                class,
                lots: own.lots,
                overloaded: own.overloaded / self.claims.claims[own.claim].demand,
            });
        }
        let placed = placed.into_iter().enumerate();
        let placed = placed.map(|(number, own)| match before {
            Some(before) if *before.placed[number] == own[..] => Arc::clone(&before.placed[number]),
            _ => own.into(),
        });
        self.placed = placed.collect();
        self
    }

    fn place(&self, table: &Table) -> Placement {
        let mut fixed = Loads::none(&table.plan);
        self.burdens
            .iter()
            .for_each(|own| own.add_fixed_to(&mut fixed));
        let stocks = table.pools.iter().map(|pool| pool.stock.as_deref());
        let stocks: Option<Vec<&Stock>> = stocks.collect();
        place(Ground {
            plan: &table.plan,
            stocks: &stocks.expect("every pool has a stock where capacity is planned"),
            claims: &self.claims.claims,
            fixed,
        })
    }

    /// The parts as they are with the plan; those of `previous` where nothing is different.
    pub(super) fn parts(&self, table: &Table, previous: Option<&Table>) -> Vec<Arc<Part>> {
        let before = previous.and_then(|previous| Some((previous, previous.carried.as_ref()?)));
        let parts = self.naturals.iter().zip(&self.placed).enumerate();
        let parts = parts.map(|(number, (natural, placed))| {
            if placed.is_empty() {
                return Arc::clone(natural);
            }
            if let Some((previous, before)) = before {
                let same = Arc::ptr_eq(natural, &before.naturals[number])
                    && Arc::ptr_eq(placed, &before.placed[number]);
                if same {
                    return Arc::clone(&previous.parts[number]);
                }
            }
            let place = &table.layout.parts[number];
            Arc::new(natural.led_by((&table.plan, place), &table.pools, placed))
        });
        parts.collect()
    }

    /// Whether the same classes are led to the same places.
    pub(super) fn leads_as(&self, other: &Self) -> bool {
        let mut pairs = self.placed.iter().zip(&other.placed);
        pairs.all(|(one, two)| Arc::ptr_eq(one, two) || one == two)
    }

    /// The parts as they are without a plan.
    pub(super) fn naturals(&self) -> &[Arc<Part>] {
        &self.naturals
    }
}

impl Table {
    /// Whether capacity is planned: some place states one, and some service a demand.
    #[must_use]
    pub fn plans_capacity(&self) -> bool {
        self.carried.is_some()
    }

    /// What an endpoint carries by the demand that is known, in millionths of the operator's unit;
    /// `None` where no capacity is planned.
    #[must_use]
    pub fn endpoint_load(&self, endpoint: EndpointId) -> Option<u64> {
        let carried = self.carried.as_ref()?;
        carried.loads.endpoints.get(endpoint.index()).copied()
    }

    /// What a region carries by the demand that is known, in millionths of the operator's unit;
    /// `None` where no capacity is planned.
    #[must_use]
    pub fn region_load(&self, region: RegionId) -> Option<u64> {
        let carried = self.carried.as_ref()?;
        carried.loads.regions.get(region.index()).copied()
    }

    /// What of a service's demand in a family fits nowhere, in millionths of the operator's unit.
    #[must_use]
    pub fn overloaded(&self, service: ServiceId, family: Family) -> u64 {
        let Some(carried) = &self.carried else {
            return 0;
        };
        let part = self.layout.part_of[service.index()][family.index()];
        let placed = carried.placed.get(part as usize);
        let placed = placed.map_or(&[][..], |placed| placed);
        let each = placed
            .iter()
            .map(|own| own.overloaded * self.demands.of(service, family, own.class));
        each.sum()
    }
}
