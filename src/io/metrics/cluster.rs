//! The cluster as gauges; nothing where a node stands alone.
//!
//! Who it is that differs is told by the page and by `waypost cluster status`; here they are counted, and only clocks are told apart.
use super::text::{Exposition, Kind, seconds};
use crate::share::{ClusterSummary, ClusterView, Footing, ReleaseView};

/// A gauge with its help, and its value in a summary.
type CountedSeries = (&'static str, &'static str, fn(&ClusterSummary) -> usize);

const COUNTS: [CountedSeries; 12] = [
    (
        "waypost_cluster_vantages",
        "Vantages of the cluster.",
        |own| own.vantages.of,
    ),
    (
        "waypost_cluster_vantages_heard",
        "Vantages that are heard, this node among them if it is one.",
        |own| own.vantages.heard,
    ),
    (
        "waypost_cluster_nodes",
        "Nodes of the cluster that are not revoked.",
        |own| own.nodes.of,
    ),
    (
        "waypost_cluster_nodes_heard",
        "Nodes that are heard, this one among them.",
        |own| own.nodes.heard,
    ),
    (
        "waypost_cluster_orders_differ",
        "Nodes that are heard and have other orders.",
        |own| own.orders_differ.len(),
    ),
    (
        "waypost_cluster_config_differs",
        "Nodes that are heard and have another policy.",
        |own| own.config_differs.len(),
    ),
    (
        "waypost_cluster_declared_refused",
        "Changes of what is declared, made on other nodes, that this node does not take.",
        |own| own.declared_refused.len(),
    ),
    (
        "waypost_cluster_certificates_untimely",
        "Certificates that keep this node and others from speaking, because they are not valid by its clock or by theirs.",
        |own| own.certificates.len(),
    ),
    (
        "waypost_cluster_twin",
        "Whether another node writes with this one's key (1), so that this one is silent, or not (0).",
        |own| usize::from(own.twin),
    ),
    (
        "waypost_cluster_withdrawn",
        "Whether this node's anycast route is to be withdrawn (1), or not (0).",
        |own| usize::from(own.route == "withdrawn"),
    ),
    (
        "waypost_cluster_release_halted",
        "Whether the newest release of the shared config is halted (1), or not (0).",
        |own| {
            usize::from(
                own.release
                    .as_ref()
                    .is_some_and(|one| one.state == "halted"),
            )
        },
    ),
    (
        "waypost_cluster_release_pending",
        "Nodes that have not proved the newest release of the shared config, or lack it.",
        |own| own.release.as_ref().map_or(0, ReleaseView::pending),
    ),
];

/// Writes what is known of the other nodes, if there are any.
pub(super) fn write(text: &mut Exposition, view: Option<&ClusterView>) {
    let own = view.map(|view| &view.summary);
    for (name, help, count) in COUNTS {
        text.family(name, Kind::Gauge, help);
        if let Some(own) = own {
            text.sample(&[], count(own));
        }
    }
    text.family(
        "waypost_cluster_footing",
        Kind::Gauge,
        "1 for the present one: together with a majority of the vantages, apart from it, or alone after that.",
    );
    for footing in [Footing::Together, Footing::Apart, Footing::Alone] {
        if let Some(own) = own {
            let word = footing.word();
            text.sample(&[("footing", word)], u8::from(own.footing == word));
        }
    }
    text.family(
        "waypost_cluster_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the certificate expires that this node shows to the others, in seconds since 1970.",
    );
    if let Some(expires) = own.and_then(|own| own.certificate_expires) {
        text.sample(&[], expires);
    }
    text.family(
        "waypost_cluster_nats_connected",
        Kind::Gauge,
        "Whether a NATS server is connected to (1), or not (0); where the config names one.",
    );
    if let Some(nats) = own.and_then(|own| own.nats.as_ref()) {
        text.sample(&[], u8::from(nats.server.is_some()));
    }
    text.family(
        "waypost_cluster_skew_seconds",
        Kind::Gauge,
        "Difference of a vantage's clock from this node's, with the time on the way, by node.",
    );
    for node in view.iter().flat_map(|view| &view.nodes) {
        if let Some(skew) = node.skew_ms {
            text.sample(&[("peer", &node.name)], seconds(skew));
        }
    }
}
