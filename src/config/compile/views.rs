//! Views, the zones of each, and the services that have hostnames in them.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::{Names, within};
use crate::base::ViewId;
use crate::base::limits::{VIEW_NETWORKS, VIEWS};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{Spec, ViewSpec};
use crate::geo::Network;
use crate::plan::{ClientView, ClientViews, DEFAULT_VIEW, Plan};

/// The views of a config, and who is of which.
pub(super) struct Views {
    pub(super) all: ClientViews,
    /// By zone of the config; the outer is absent where the view is not known.
    pub(super) zones: Vec<Option<Option<ViewId>>>,
    /// By service of the config.
    pub(super) services: Vec<Vec<Option<ViewId>>>,
}

impl Views {
    /// Has a plan of the same config know them.
    pub(super) fn enter(&self, plan: &mut Plan) {
        plan.views = Arc::new(self.all.clone());
        for (service, own) in plan.services.iter_mut().zip(&self.services) {
            service.views.clone_from(own);
        }
    }
}

/// Resolves them.
pub(super) fn resolve(spec: &Spec, found: &mut Diagnostics) -> Views {
    check_names(spec, found);
    let networks = spec.views.iter().flat_map(|view| &view.clients);
    if within(
        "networks of views",
        VIEW_NETWORKS,
        networks.map(|one| &one.at),
        found,
    ) && within(
        "views",
        VIEWS,
        spec.views.iter().map(|one| &one.name.at),
        found,
    ) {
        check_reach(&spec.views, found);
    }
    let keys = Names::new("key", spec.tsig.iter().map(|key| key.name.value.as_str()));
    let mut takers = BTreeMap::new();
    let views = spec.views.iter().take(VIEWS).map(|view| {
        let mut own = keys.find_all(&view.keys, found);
        for (key, written) in own.iter().zip(&view.keys) {
            if let Some(other) = takers.insert(*key, &view.name.value) {
                found
                    .error(
                        &written.at,
                        format!("`{}` stands for view `{other}` already", written.value),
                    )
                    .help("a key stands for one view: make one for each");
            }
        }
        own.sort_unstable();
        ClientView {
            name: view.name.value.clone(),
            clients: view.clients.iter().map(|one| one.value).collect(),
            keys: own,
        }
    });
    let all = ClientViews::new(views.collect());
    let names = Names::new("view", all.all().iter().map(|view| view.name.as_str()));
    let mut known = |written: &At<String>| match written.value == DEFAULT_VIEW {
        true => Some(None),
        false => names
            .find(written, found)
            .map(|place| Some(ViewId::from_index(place))),
    };
    let zones = spec.zones.iter();
    let zones = zones.map(|zone| zone.view.as_ref().map_or(Some(None), &mut known));
    let zones = zones.collect();
    let services = spec.services.iter().map(|service| {
        let mut own: Vec<_> = service.views.iter().filter_map(&mut known).collect();
        own.sort_unstable();
        own.dedup();
        match service.views.is_empty() {
            true => vec![None],
            false => own,
        }
    });
    let services = services.collect();
    drop(names);
    Views {
        all,
        zones,
        services,
    }
}

/// Names of views are parts of domain names, which know no case.
fn check_names(spec: &Spec, found: &mut Diagnostics) {
    for (place, view) in spec.views.iter().enumerate() {
        let mut before = spec.views[..place].iter();
        let is_it = |other: &ViewSpec| other.name.value.eq_ignore_ascii_case(&view.name.value);
        if before.any(is_it) {
            found
                .error(
                    &view.name.at,
                    format!("a second view `{}`", view.name.value),
                )
                .help("list all its networks in one `clients`");
        }
    }
}

/// Refuses networks whose clients are all of a view that comes first: nobody would ever see this one from there.
fn check_reach(views: &[ViewSpec], found: &mut Diagnostics) {
    let mut taken: BTreeMap<Network, &str> = BTreeMap::new();
    for view in views {
        for client in &view.clients {
            let own = client.value;
            let around = (0..=own.prefix)
                .rev()
                .map(|prefix| Network::around(own.address, prefix));
            let mut around = around.filter_map(|wider| Some((wider, *taken.get(&wider)?)));
            if let Some((wider, other)) = around.next() {
                let message = format!("`{own}` never reaches view `{}`", view.name.value);
                found
                    .error(&client.at, message)
                    .label(format!("view `{other}` has `{wider}` before it"))
                    .help("the first view that has an address counts: write the narrower network first, or remove it");
            } else {
                taken.insert(own, &view.name.value);
            }
        }
    }
}
