//! Views: client networks that are answered from versions of zones of their own (`[[views]]`).
//!
//! The source address of a query decides, and never a client subnet option, which anybody can write. The first view, in the
//! order of the config, that has the address counts; whoever is in none sees the default's zones. A message that is signed
//! with a key that a view names is that view's, wherever it comes from: a secondary can so have any version from any place.
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::ViewId;
use crate::dns::Name;
use crate::geo::Network;

/// The name under which services and operators mean those who are in no view.
pub const DEFAULT_VIEW: &str = "default";

/// One view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientView {
    /// Name, unique in the plan.
    pub name: String,
    /// The networks whose clients see it.
    pub clients: Vec<Network>,
    /// The keys (indexes in [`super::Zoning::tsig`]) that stand for it, in ascending order.
    pub keys: Vec<usize>,
}

/// An address as a number, behind what tells the families apart: IPv4 comes first.
type AddressNumber = (bool, u128);

/// All views, in the order of the config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientViews {
    views: Vec<ClientView>,
    /// By the first address of a stretch: its view. The stretches cover every address.
    stretches: Vec<(AddressNumber, Option<ViewId>)>,
}

impl ClientViews {
    /// The views of a config, the first of which counts where several have an address.
    #[must_use]
    pub fn new(views: Vec<ClientView>) -> Self {
        let mut starts = BTreeMap::from([((false, 0), None), ((true, 0), None)]);
        // The last ones first: those before them are laid over them.
        for (index, view) in views.iter().enumerate().rev() {
            for network in &view.clients {
                lay(&mut starts, *network, ViewId::from_index(index));
            }
        }
        let mut stretches: Vec<_> = starts.into_iter().collect();
        stretches.dedup_by_key(|(_, view)| *view);
        Self { views, stretches }
    }

    /// All views, by [`ViewId`].
    #[must_use]
    pub fn all(&self) -> &[ClientView] {
        &self.views
    }

    /// The view of a client at an address; absent = the default.
    #[must_use]
    pub fn of(&self, source: IpAddr) -> Option<ViewId> {
        let place = place(source);
        let behind = self.stretches.partition_point(|(start, _)| *start <= place);
        self.stretches.get(behind.checked_sub(1)?)?.1
    }

    /// The view of whoever sends a message from an address, signed with a key if any.
    #[must_use]
    pub fn of_signed(&self, source: IpAddr, key: Option<usize>) -> Option<ViewId> {
        let names = |key: usize| {
            let mut views = self.views.iter();
            views.position(|view| view.keys.contains(&key))
        };
        let by_key = key.and_then(names).map(ViewId::from_index);
        by_key.or_else(|| self.of(source))
    }

    /// The view of a name; the outer is absent where there is no such view, the inner for [`DEFAULT_VIEW`].
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Option<ViewId>> {
        let mut views = self.views.iter();
        match views.position(|view| view.name == name) {
            Some(index) => Some(Some(ViewId::from_index(index))),
            None => (name == DEFAULT_VIEW).then_some(None),
        }
    }

    /// The name of a view, or [`DEFAULT_VIEW`].
    #[must_use]
    pub fn name(&self, view: Option<ViewId>) -> &str {
        let view = view.and_then(|view| self.views.get(view.index()));
        view.map_or(DEFAULT_VIEW, |view| &view.name)
    }
}

/// The name by which the version of a zone that a view has is known in the state, in the log and between nodes: the apex
/// below a label that no domain ends in, `example.org.~office`. `None` where that is longer than a name can be.
#[must_use]
pub fn version_id(apex: &Name, view: Option<&str>) -> Option<Name> {
    let Some(view) = view else {
        return Some(apex.clone());
    };
    let labels = apex.as_wire().strip_suffix(&[0])?;
    let length = u8::try_from(view.len() + 1).ok()?;
    Name::from_wire(&[labels, &[length, b'~'], view.as_bytes(), &[0]].concat())
}

/// Lays a view over whatever its network had.
fn lay(starts: &mut BTreeMap<AddressNumber, Option<ViewId>>, network: Network, view: ViewId) {
    let first = place(network.address);
    let bits = match network.address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    } - u32::from(network.prefix);
    let last = (
        first.0,
        first.1 | u128::MAX.checked_shr(128 - bits).unwrap_or(0),
    );
    if let Some(behind) = last.1.checked_add(1) {
        let behind = (last.0, behind);
        let there = starts.range(..=behind).next_back();
        let there = there.and_then(|(_, view)| *view);
        starts.insert(behind, there);
    }
    starts.retain(|start, _| !(first..=last).contains(start));
    starts.insert(first, Some(view));
}

fn place(address: IpAddr) -> AddressNumber {
    match address.to_canonical() {
        IpAddr::V4(address) => (false, address.to_bits().into()),
        IpAddr::V6(address) => (true, address.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(all: &[(&str, &[&str], &[usize])]) -> ClientViews {
        let views = all.iter().map(|(name, clients, keys)| ClientView {
            name: (*name).to_owned(),
            clients: clients
                .iter()
                .map(|one| Network::parse(one).unwrap())
                .collect(),
            keys: keys.to_vec(),
        });
        ClientViews::new(views.collect())
    }

    fn seen<'v>(views: &'v ClientViews, source: &str) -> &'v str {
        views.name(views.of(source.parse().unwrap()))
    }

    #[test]
    fn the_first_view_that_has_the_address_counts() {
        let views = views(&[
            ("lab", &["10.1.0.0/16", "2001:db8:1::/48"], &[]),
            (
                "office",
                &["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"],
                &[],
            ),
            ("rest", &["0.0.0.0/0"], &[]),
        ]);
        for (source, view) in [
            ("10.1.0.0", "lab"),
            ("10.1.255.255", "lab"),
            ("10.0.255.255", "office"),
            ("10.2.0.0", "office"),
            ("::ffff:10.1.0.9", "lab"),
            ("192.0.2.7", "office"),
            ("192.0.2.8", "rest"),
            ("255.255.255.255", "rest"),
            ("0.0.0.0", "rest"),
            ("2001:db8:1::7", "lab"),
            ("2001:db8:2::7", "office"),
            ("2001:db9::", DEFAULT_VIEW),
            ("::", DEFAULT_VIEW),
            ("::fffe:10.1.0.9", DEFAULT_VIEW),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", DEFAULT_VIEW),
        ] {
            assert_eq!(seen(&views, source), view, "{source}");
        }
    }

    /// The stretches say the same as one look at each view after the other.
    #[test]
    fn stretches_agree_with_the_views_asked_in_turn() {
        let mut draws = crate::base::Draws::from_seed(7);
        for _ in 0..200 {
            let mut network = || {
                let octet = u8::try_from(draws.below(4)).unwrap();
                let prefix = 6 + u8::try_from(draws.below(4)).unwrap();
                Network::around(IpAddr::from([octet, 0, 0, 0]), prefix)
            };
            let all = (0..3).map(|number| ClientView {
                name: format!("v{number}"),
                clients: (0..3).map(|_| network()).collect(),
                keys: Vec::new(),
            });
            let all: Vec<ClientView> = all.collect();
            let views = ClientViews::new(all.clone());
            for octet in 0..8 {
                for source in [[octet, 0, 0, 0], [octet, 255, 255, 255]] {
                    let source = IpAddr::from(source);
                    let has =
                        |view: &ClientView| view.clients.iter().any(|one| one.contains(source));
                    let first = all.iter().position(has).map(ViewId::from_index);
                    assert_eq!(views.of(source), first, "{source}: {all:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_that_a_view_names_counts_before_addresses() {
        let views = views(&[("office", &["10.0.0.0/8"], &[1]), ("public", &[], &[2])]);
        let view = |source: &str, key| views.name(views.of_signed(source.parse().unwrap(), key));
        assert_eq!(view("10.0.0.1", None), "office");
        assert_eq!(view("10.0.0.1", Some(0)), "office");
        assert_eq!(view("10.0.0.1", Some(2)), "public");
        assert_eq!(view("192.0.2.1", Some(1)), "office");
        assert_eq!(view("192.0.2.1", Some(0)), DEFAULT_VIEW);
    }

    #[test]
    fn without_views_everybody_is_in_the_default() {
        let none = ClientViews::default();
        assert_eq!(none.of("192.0.2.1".parse().unwrap()), None);
        assert_eq!(none.named(DEFAULT_VIEW), Some(None));
        assert_eq!(none.named("office"), None);
    }

    #[test]
    fn versions_have_names_of_their_own() {
        let apex = Name::parse("example.org").unwrap();
        assert_eq!(version_id(&apex, None), Some(apex.clone()));
        let own = version_id(&apex, Some("office")).unwrap();
        assert_eq!(own.to_string(), "example.org.~office");
        assert_eq!(Name::parse(&own.to_string()), Ok(own));
        let long = Name::parse(&format!("{}.x", ["a".repeat(61).as_str(); 4].join("."))).unwrap();
        assert_eq!(version_id(&long, Some("office")), None);
    }
}
