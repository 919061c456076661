//! Record sets that choose by place or by distance: each is a region.
//!
//! A geolocation set that is down hands its clients to the set of the larger place around it, and at last to the default: that is
//! the list of its place. Latency is what Amazon measures between networks and its regions; distance stands in for it here.
use std::collections::BTreeMap;

use super::sets::{HostedSets, RecordSet};
use crate::geo::{Country, country};
use crate::import::draft::{
    DraftMember, DraftPool, DraftService, DraftSteering, ImportDraft, PlaceLists,
};
use crate::import::places::ClientPlace;
use crate::import::remark::Feature;
use crate::import::toml_text::slug;

/// Amazon's regions, in degrees.
const AWS_REGIONS: [(&str, (f64, f64)); 29] = [
    ("af-south-1", (-33.92, 18.42)),
    ("ap-east-1", (22.32, 114.17)),
    ("ap-northeast-1", (35.68, 139.69)),
    ("ap-northeast-2", (37.57, 126.98)),
    ("ap-northeast-3", (34.69, 135.5)),
    ("ap-south-1", (19.08, 72.88)),
    ("ap-south-2", (17.39, 78.49)),
    ("ap-southeast-1", (1.35, 103.82)),
    ("ap-southeast-2", (-33.87, 151.21)),
    ("ap-southeast-3", (-6.21, 106.85)),
    ("ap-southeast-4", (-37.81, 144.96)),
    ("ca-central-1", (45.5, -73.57)),
    ("ca-west-1", (51.05, -114.07)),
    ("eu-central-1", (50.11, 8.68)),
    ("eu-central-2", (47.37, 8.54)),
    ("eu-north-1", (59.33, 18.07)),
    ("eu-south-1", (45.46, 9.19)),
    ("eu-south-2", (41.65, -0.89)),
    ("eu-west-1", (53.35, -6.26)),
    ("eu-west-2", (51.51, -0.13)),
    ("eu-west-3", (48.86, 2.35)),
    ("il-central-1", (32.09, 34.78)),
    ("me-central-1", (24.45, 54.38)),
    ("me-south-1", (26.07, 50.56)),
    ("sa-east-1", (-23.55, -46.63)),
    ("us-east-1", (38.95, -77.45)),
    ("us-east-2", (39.96, -83.0)),
    ("us-west-1", (37.35, -121.96)),
    ("us-west-2", (45.84, -119.7)),
];

impl HostedSets {
    pub(super) fn by_geolocation(
        &self,
        service: &mut DraftService,
        sets: &[&RecordSet],
        draft: &mut ImportDraft,
    ) {
        let (mut own, mut default) = (BTreeMap::new(), None);
        for set in sets {
            let region = self.region(service, slug(set.identifier()), set, draft);
            match place(set) {
                Some(Some(place)) => {
                    own.entry(place).or_insert((set.origin.clone(), region));
                }
                Some(None) => default = Some(region),
                None => {
                    let (why, help) = (
                        "no place has this code",
                        "name the networks of these clients in `places`",
                    );
                    draft.lose(
                        &set.origin,
                        format!("location of `{}`", set.identifier()),
                        why,
                        help,
                    );
                }
            }
        }
        let mut lists = PlaceLists::default();
        for (place, (origin, region)) in &own {
            let mut list = vec![region.clone()];
            let around = around(place)
                .into_iter()
                .filter_map(|outer| own.get(&outer).map(|(_, region)| region.clone()));
            list.extend(
                around
                    .chain(default.clone())
                    .filter(|other| other != region),
            );
            lists.places.push((origin.clone(), place.clone(), list));
        }
        lists.default = default.map(|region| vec![region]);
        if lists.default.is_none() {
            let (why, help) = (
                "Route 53 answers all other clients with nothing, as there is no default",
                "see `order`: now they have the first region",
            );
            draft.lose(&service.origin, format!("`{}`", service.name), why, help);
            lists.default = Some(
                service
                    .pools
                    .iter()
                    .map(|pool| pool.region.clone())
                    .collect(),
            );
        }
        service.steering = DraftSteering::ByPlace(lists);
    }

    pub(super) fn by_distance(
        &self,
        service: &mut DraftService,
        sets: &[&RecordSet],
        draft: &mut ImportDraft,
    ) {
        let mut bias = BTreeMap::new();
        for set in sets {
            let proximity = set.node.get("GeoProximityLocation");
            let aws = set
                .node
                .text_of("Region")
                .or(proximity.and_then(|own| own.text_of("AWSRegion")));
            let region = self.region(service, slug(aws.unwrap_or(set.identifier())), set, draft);
            let known = AWS_REGIONS.iter().find(|(name, _)| Some(*name) == aws);
            let stated = proximity.and_then(|own| own.get("Coordinates"));
            let stated = stated.and_then(|own| {
                let degrees = |key: &str| own.text_of(key)?.parse().ok();
                Some((degrees("Latitude")?, degrees("Longitude")?))
            });
            match stated.or(known.map(|(_, point)| *point)) {
                Some(point) => {
                    draft.locations.insert(region.clone(), point);
                }
                None => {
                    let (why, help) = ("where it lies is not known", "state its `location`");
                    draft.lose(&set.origin, format!("region `{region}`"), why, help);
                }
            }
            let percent = proximity.and_then(|own| own.text_of("Bias")?.parse::<i16>().ok());
            bias.extend(percent.filter(|own| *own != 0).map(|own| (region, own)));
        }
        if sets.iter().any(|set| set.node.get("Region").is_some()) {
            draft.lacks(
                Feature::LatencyTable,
                &service.origin,
                format!("latency of `{}`", service.name),
            );
        }
        service.steering = DraftSteering::Nearest(bias.into_iter().collect());
    }

    /// The pool of a set: of both families where the set has both.
    fn region(
        &self,
        service: &mut DraftService,
        region: String,
        set: &RecordSet,
        draft: &mut ImportDraft,
    ) -> String {
        let members = self.targets(set, 0, draft);
        match service.pools.iter_mut().find(|pool| pool.region == region) {
            Some(pool) => pool
                .members
                .extend(members.into_iter().map(|member| DraftMember {
                    label: format!("{}-{}", member.label, set.kind),
                    ..member
                })),
            None => service.pools.push(DraftPool {
                region: region.clone(),
                members,
            }),
        }
        region
    }
}

/// The clients of a set; `None` inside for all others, `None` outside if the code says nothing.
fn place(set: &RecordSet) -> Option<Option<ClientPlace>> {
    let location = set.node.get("GeoLocation")?;
    let text = |key: &str| location.text_of(key);
    match (
        text("ContinentCode"),
        text("CountryCode"),
        text("SubdivisionCode"),
    ) {
        (_, Some("*"), _) => Some(None),
        (_, Some(country), Some(code)) => ClientPlace::subdivision(country, code).map(Some),
        (_, Some(country), None) => ClientPlace::country(country).map(Some),
        (Some(continent), None, _) => ClientPlace::continent(continent).map(Some),
        (None, None, _) => None,
    }
}

/// The places around a place, the nearest first.
fn around(place: &ClientPlace) -> Vec<ClientPlace> {
    let continent =
        |own: Country| country::find(own).map(|facts| ClientPlace::Continent(facts.continent));
    match place {
        ClientPlace::Country(own) => continent(*own).into_iter().collect(),
        ClientPlace::Subdivision(code) => {
            let own = code.get(..2).and_then(Country::parse);
            let outer = own.and_then(continent);
            own.map(ClientPlace::Country)
                .into_iter()
                .chain(outer)
                .collect()
        }
        ClientPlace::Continent(_)
        | ClientPlace::City(_)
        | ClientPlace::Asn(_)
        | ClientPlace::Network(_) => Vec::new(),
    }
}
