//! Effects of a reload that an operator is told of: endpoints that are gone, and keys that wait for a restart.
use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::plan::{Observation, Plan, Tls};

/// Endpoints that are gone with a reload and named for it.
const GONE_NAMED: usize = 10;

/// Keys that are read at the start only, each with its value for a person.
pub(super) type Opened = [(&'static str, String); 9];

/// The values that a plan gives them.
pub(super) fn opened_by(plan: &Plan) -> Opened {
    let control = plan.control.access.listen;
    let control = control.map_or_else(|| "absent".to_owned(), |address| format!("{address:?}"));
    let threads = plan.server.threads;
    let threads = threads.map_or_else(|| "one for each core".to_owned(), |count| count.to_string());
    let tls = plan.server.tls.as_ref();
    let encrypted =
        |of: fn(&Tls) -> &Vec<SocketAddr>| format!("{:?}", tls.map_or(&[][..], |tls| of(tls)));
    let Observation { log, dnstap } = &plan.control.observation;
    let samples = dnstap.as_ref();
    let samples = samples.map_or_else(|| "absent".to_owned(), |own| format!("{own:?}"));
    let cluster = plan.cluster.as_ref();
    let cluster = cluster.map_or_else(
        || "absent".to_owned(),
        |own| {
            let seal = own.files.seal.display();
            format!("`{}`, `{}`, `{seal}`, {:?}", own.name, own.node, own.listen)
        },
    );
    [
        ("[server.tls] listen", encrypted(|tls| &tls.listen)),
        (
            "[server.tls] listen_https",
            encrypted(|tls| &tls.listen_https),
        ),
        (
            "[server.tls] listen_quic",
            encrypted(|tls| &tls.listen_quic),
        ),
        ("[server] listen", format!("{:?}", plan.server.listen)),
        ("[server] threads", threads),
        ("[control] listen", control),
        ("[log] format", format!("{log:?}").to_lowercase()),
        ("[dnstap]", samples),
        ("[cluster] name, node, key or listen", cluster),
    ]
}

/// The endpoints that are in one plan and not in the next, by name; no more than a line holds.
pub(super) fn gone(before: &Plan, after: &Plan) -> Option<String> {
    let kept: BTreeSet<&str> = names(after).collect();
    let gone: Vec<&str> = names(before).filter(|name| !kept.contains(name)).collect();
    let more = match gone.len().saturating_sub(GONE_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = gone.len().min(GONE_NAMED);
    (named > 0).then(|| format!("{}{more}", gone[..named].join(", ")))
}

fn names(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.endpoints.iter().map(|endpoint| endpoint.name.as_str())
}
