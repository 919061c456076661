//! Limits that bound mistakes, floods and sick probers: `[guard]`, the defences of `[server]`, capacities.
use crate::audit::compare::LossKind;
use crate::base::Permille;
use crate::geo::Network;
use crate::names::PrivateAddresses;
use crate::plan::{
    Cookies, Defence, Discovery, Endpoint, Guard, Losses, NamedMachine, Plan, RateLimit, Resolving,
    ResponseClass, Server, Spoken, Tls, Upstream,
};

use super::found::{Decisions, Findings};

const KIND: LossKind = LossKind::Guard;

pub(super) fn judge(sides: [Decisions<'_>; 2], found: &mut Findings) {
    let [before, after] = sides.map(|side| side.plan);
    let Plan {
        digest: _,
        policy: _,
        key,
        server,
        // Rules of access.
        control: _,
        views: _,
        guard,
        // Fences, services and what belongs to them.
        jurisdictions: _,
        regions: _,
        services: _,
        maps: _,
        // Networks whose country the config states are a part of fences.
        atlas: _,
        // Monitors and returns are judged with the services that have them.
        monitors: _,
        recoveries: _,
        slots: _,
        targets: _,
        endpoints,
        // Windows take out what their drains would, and are refused like these.
        maintenance: _,
        // For explanations only.
        claimants: _,
        canaries,
        geo,
        resolving,
        discoveries,
        // Who votes is judged in `cluster`.
        cluster: _,
    } = before;
    let same_zones = zones(sides[0]) == zones(sides[1]);
    if *key != after.key && same_zones {
        let change = ["clients keep their cohorts", "all are dealt out anew"];
        found.tell(KIND, "cohort_key", change);
    }
    if geo.source != after.geo.source && after.geo.source == EMBEDDED {
        let change = [&geo.source, &after.geo.source];
        found.tell(KIND, "[geo] database", change);
    }
    found.fall(KIND, "canaries", [canaries.len(), after.canaries.len()]);
    for endpoint in endpoints {
        let Endpoint {
            name,
            capacity,
            region: _,
            service: _,
            enabled: _,
            provider: _,
            tier: _,
            weight: _,
            weight_from: _,
            capacity_from: _,
            addresses: _,
            named: _,
        } = endpoint;
        let next = after.endpoints.iter().find(|next| next.name == *name);
        if let (Some(own), Some(None)) = (capacity, next.map(|next| next.capacity)) {
            let change = [format!("capacity {own}"), "unlimited".to_owned()];
            found.tell(KIND, &format!("endpoint {name}"), change);
        }
        if let Some(next) = next {
            stated(endpoint, next, found);
        }
    }
    guards(guard, &after.guard, found);
    asked(resolving, &after.resolving, found);
    listed([discoveries, &after.discoveries], found);
    listeners(server, &after.server, found);
    let state = sides.map(|side| side.zoning.state.clone().unwrap_or_default());
    if state[0] != state[1] {
        let change = state.map(|folder| folder.display().to_string());
        found.tell(KIND, "[server] state", change);
    }
}

/// Compares what is stated of machines that are known by name. Where strict services need the statement, the fence rests on it.
fn stated(before: &Endpoint, after: &Endpoint, found: &mut Findings) {
    let law = |own: &NamedMachine| own.jurisdiction;
    let change = match (&before.named, &after.named) {
        (Some(own), Some(next)) if law(own) != law(next) => {
            ["a stated jurisdiction", "another one"]
        }
        (None, Some(next)) if next.jurisdiction.is_some() => {
            ["addresses of the config", "whatever its name leads to"]
        }
        (Some(_) | None, Some(_) | None) => return,
    };
    let of = format!("endpoint {}", before.name);
    found.tell(LossKind::Fence, &of, change);
}

/// Compares who is asked for addresses, and what of answers is left out.
fn asked(before: &Resolving, after: &Resolving, found: &mut Findings) {
    let Resolving {
        servers,
        roots,
        timeout: _,
        bounds: _,
        private,
    } = before;
    if *private != after.private && after.private == PrivateAddresses::Serve {
        let change = ["private addresses left out", "served"];
        found.tell(KIND, "[resolvers] private", change);
    }
    let is_encrypted = |servers: &[Upstream]| {
        let mut plain = servers.iter().filter(|one| one.spoken == Spoken::Plain);
        !servers.is_empty() && plain.next().is_none()
    };
    if is_encrypted(servers) && !is_encrypted(&after.servers) {
        found.tell(KIND, "[resolvers] servers", ["encrypted", "in the clear"]);
    }
    if !roots.is_empty() && after.roots.iter().any(|one| !roots.contains(one))
        || !roots.is_empty() && after.roots.is_empty()
    {
        found.tell(KIND, "[resolvers] roots", ["these alone", "also others"]);
    }
}

/// Compares what lists of discoveries that stay may be.
fn listed([before, after]: [&[Discovery]; 2], found: &mut Findings) {
    for own in before {
        let next = after.iter().find(|next| next.name == own.name);
        next.iter().for_each(|next| discovered(own, next, found));
    }
}

fn discovered(before: &Discovery, after: &Discovery, found: &mut Findings) {
    let of = |key| format!("discovery {} {key}", before.name);
    if after.max_shrink > before.max_shrink {
        let change = [before, after].map(|own| own.max_shrink.to_string());
        found.tell(KIND, &of("max_shrink"), change);
    }
    if after.max_endpoints > before.max_endpoints {
        let change = [before, after].map(|own| own.max_endpoints.to_string());
        found.tell(KIND, &of("max_endpoints"), change);
    }
    let networks = &before.networks;
    let is_wider =
        after.networks.is_empty() || after.networks.iter().any(|own| !networks.contains(own));
    if !networks.is_empty() && is_wider {
        found.tell(KIND, &of("networks"), ["these alone", "also others"]);
    }
}

/// The database that holds when the config names none.
const EMBEDDED: &str = "embedded";

fn zones(side: Decisions<'_>) -> Vec<String> {
    let zones = side.zoning.zones.iter();
    let mut names: Vec<String> = zones.map(|zone| zone.id.to_string()).collect();
    names.sort();
    names
}

fn guards(before: &Guard, after: &Guard, found: &mut Findings) {
    let Guard {
        doubt,
        max_ejected,
        max_ejected_at_once,
        ejection_interval,
        max_shrink,
        max_shrink_watched,
        max_moved,
        losses,
    } = before;
    for (key, own, next) in [
        ("doubt", doubt, after.doubt),
        ("max_ejected", max_ejected, after.max_ejected),
        (
            "max_ejected_at_once",
            max_ejected_at_once,
            after.max_ejected_at_once,
        ),
        ("max_shrink", max_shrink, after.max_shrink),
        (
            "max_shrink_watched",
            max_shrink_watched,
            after.max_shrink_watched,
        ),
        ("max_moved", max_moved, after.max_moved),
    ] {
        found.rise(KIND, &format!("guard.{key}"), [*own, next]);
    }
    if after.max_ejected_at_once < Permille::FULL {
        let change = [*ejection_interval, after.ejection_interval];
        found.fall(KIND, "guard.ejection_interval", change);
    }
    if (*losses, after.losses) == (Losses::Refuse, Losses::Report) {
        found.tell(KIND, "guard.losses", ["refuse", "report"]);
    }
}

fn listeners(before: &Server, after: &Server, found: &mut Findings) {
    let Server {
        // What is opened by these stays until a restart.
        listen: _,
        threads: _,
        // Words about the server itself, and sizes.
        identity: _,
        version: _,
        udp_reply_bytes: _,
        connections: _,
        tls,
        defence,
        exec,
    } = before;
    if !exec && after.exec {
        let change = ["monitors run no programs", "monitors run programs"];
        found.tell(KIND, "[server] exec", change);
    }
    if let Some(own) = tls {
        let none = [Vec::new(), Vec::new(), Vec::new()];
        let other = after.tls.as_ref().map_or(none, addresses);
        let kinds = ["DNS over TLS", "DNS over HTTPS", "DNS over QUIC"];
        for ((own, other), kind) in addresses(own).into_iter().zip(other).zip(kinds) {
            if let Some(lost) = own.iter().find(|one| !other.contains(one)) {
                let change = [format!("{kind} on {lost}"), "not there".to_owned()];
                found.tell(KIND, "[server.tls]", change);
            }
        }
    }
    defences(defence, &after.defence, found);
}

fn addresses(tls: &Tls) -> [Vec<String>; 3] {
    let Tls {
        listen,
        listen_https,
        listen_quic,
        pair: _,
    } = tls;
    [listen, listen_https, listen_quic].map(|list| list.iter().map(ToString::to_string).collect())
}

fn defences(before: &Defence, after: &Defence, found: &mut Findings) {
    let Defence {
        cookies,
        amplification,
        rate_limit,
    } = before;
    let rank = |cookies: &Cookies| match cookies {
        Cookies::Off => (0, "no cookies"),
        Cookies::OwnSecret => (1, "a secret of this server's own"),
        Cookies::Secrets(_) => (2, "shared secrets"),
    };
    let (own, next) = (rank(cookies), rank(&after.cookies));
    if next.0 < own.0 {
        found.tell(KIND, "cookies", [own.1, next.1]);
    }
    let change = [*amplification, after.amplification];
    found.rise(KIND, "amplification", change);
    match (rate_limit, &after.rate_limit) {
        (Some(_), None) => found.tell(KIND, "rate_limit", ["limited", "not limited"]),
        (Some(own), Some(next)) => limits(own, next, found),
        (None, _) => {}
    }
}

fn limits(before: &RateLimit, after: &RateLimit, found: &mut Findings) {
    let RateLimit {
        per_second,
        ipv4_prefix,
        ipv6_prefix,
        slip,
        window,
        exempt,
    } = before;
    for class in ResponseClass::ALL {
        // None is as many as are asked for.
        let [own, next] =
            [per_second, &after.per_second].map(|rates| match rates[class as usize] {
                0 => u32::MAX,
                rate => rate,
            });
        let key = format!("rate_limit of {}", class.word());
        found.rise(KIND, &key, [own, next]);
    }
    let change = [*ipv4_prefix, after.ipv4_prefix];
    found.rise(KIND, "rate_limit.ipv4_prefix", change);
    let change = [*ipv6_prefix, after.ipv6_prefix];
    found.rise(KIND, "rate_limit.ipv6_prefix", change);
    // One of so many is sent; of none, none.
    let sent = |slip: u8| 1000_u32.checked_div(u32::from(slip)).unwrap_or(0);
    if sent(after.slip) > sent(*slip) {
        found.tell(KIND, "rate_limit.slip", [*slip, after.slip]);
    }
    found.fall(KIND, "rate_limit.window", [*window, after.window]);
    let is_covered = |network: &&Network| {
        let mut own = exempt.iter();
        own.any(|own| own.prefix <= network.prefix && own.contains(network.address))
    };
    for network in after.exempt.iter().filter(|one| !is_covered(one)) {
        let change = ["limited".to_owned(), "exempt".to_owned()];
        found.tell(KIND, &format!("rate_limit of {network}"), change);
    }
}
