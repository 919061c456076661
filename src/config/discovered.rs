//! Endpoints that are discovered, added to the config: they stand beside those of the files, as if their table
//! said so, so that whatever holds of a file's holds of them.
use super::reader::At;
use super::spec::Spec;
use crate::discovery::DiscoveredLists;

impl Spec {
    /// Tells whether it has any discovery.
    #[must_use]
    pub fn discovers(&self) -> bool {
        !self.discovery.is_empty()
    }

    /// Adds the endpoints that are discovered, each where its discovery says.
    pub fn add_discovered(&mut self, lists: &DiscoveredLists) {
        for (number, own) in self.discovery.iter().enumerate() {
            let Some(list) = lists.0.get(&own.name.value) else {
                continue;
            };
            let endpoints = list.iter().map(|(id, one)| own.endpoint(number, id, one));
            let place = |one: &At<String>, wanted: &Option<At<String>>| {
                wanted.as_ref().is_some_and(|own| own.value == one.value)
            };
            // Unknown ones are told where names are looked up.
            let into = match &own.service {
                Some(_) => {
                    let mut services = self.services.iter_mut();
                    let service = services.find(|one| place(&one.name, &own.service));
                    service.map(|one| &mut one.endpoints)
                }
                None => {
                    let mut regions = self.regions.iter_mut();
                    let region = regions.find(|one| place(&one.name, &own.region));
                    region.map(|one| &mut one.endpoints)
                }
            };
            if let Some(into) = into {
                into.extend(endpoints);
            }
        }
    }
}
