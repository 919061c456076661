//! Rights that somebody gains: the one place where access rules are compared.
//!
//! [`judge`] goes through every rule that grants something to somebody: zone transfers and who feeds a zone, updates,
//! shared keys, the control listener. The match on their fields is exhaustive: each struct that grants is taken apart by a
//! pattern without `..`, so that a new field, and with it a new kind of access rule (tokens, roles, groups), does not compile
//! until it is judged here. A new struct that grants is added to [`judge`], as its field of [`Zoning`] or of the plan demands (`guards` takes that apart).
//!
//! A right that is taken away is no loss, so that a revocation is in force as soon as it is written; but for a rule that
//! vanishes whole, which is what a file looks like that was cut off.
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::audit::compare::LossKind;
use crate::dns::challenges::Pattern;
use crate::dns::{Name, text};
use crate::geo::Network;
use crate::plan::{
    AccessRules, Acme, Allowed, ApiToken, Carriage, Chosen, ClientView, ClientViews, Control,
    Declarer, Dnstap, Dynamic, Grant, GroupRole, Incoming, NamePattern, ObjectKind, ObjectRule,
    Observation, Outgoing, Permission, RecordRule, RoleGrant, TsigKey, ZonePlan, Zoning,
};

use super::found::{Decisions, Findings};

/// Compares every rule of access.
pub(super) fn judge(sides: [Decisions<'_>; 2], found: &mut Findings) {
    control(sides.map(|side| &side.plan.control), found);
    let [before, after] = sides.map(|side| side.zoning);
    let Zoning {
        zones,
        tsig,
        views,
        acme: _,
        dynamic: _,
        // Where things lie; who may read there is the system's to say.
        state: _,
        // A guard.
        max_shrink: _,
    } = before;
    for key in tsig {
        shared_key(key, after, found);
    }
    seen([views, &after.views], found);
    challenges([before, after], found);
    declared([before, after], found);
    for zone in zones {
        if let Some(next) = after.zone(&zone.id) {
            transfers([before, after], [zone, next], found);
        }
    }
}

/// Compares who sees which version of zones: whoever comes to another one is answered with what was not meant for them.
fn seen([before, after]: [&ClientViews; 2], found: &mut Findings) {
    let told = |view: &ClientView| {
        let clients = view.clients.iter().map(ToString::to_string);
        let keys = (!view.keys.is_empty()).then(|| format!("{} keys", view.keys.len()));
        clients.chain(keys).collect::<Vec<String>>().join(", ")
    };
    for view in before.all() {
        let next = after.all().iter().find(|next| next.name == view.name);
        let [own, next] = [Some(view), next].map(|one| one.map_or_else(|| "none".to_owned(), told));
        if own != next {
            found.tell(
                LossKind::Access,
                &format!("view {}", view.name),
                [own, next],
            );
        }
    }
    let is_new = |view: &&ClientView| before.all().iter().all(|own| own.name != view.name);
    for view in after.all().iter().filter(is_new) {
        let change = ["the default's zones".to_owned(), told(view)];
        found.tell(LossKind::Access, &format!("view {}", view.name), change);
    }
}

/// Judges what leaves the server in samples of answers: nobody gets more of them unasked.
fn sampled(before: &Observation, after: &Observation, found: &mut Findings) {
    let Observation {
        // The same lines in another form.
        log: _,
        dnstap,
    } = before;
    let words = |tap: &Option<Dnstap>| match tap {
        None => "no answers".to_owned(),
        Some(Dnstap { place, one_in }) => {
            format!("one of {one_in} answers to {}", place.path().display())
        }
    };
    let is_more = match (dnstap, &after.dnstap) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(own), Some(next)) => own.place != next.place || own.one_in > next.one_in,
    };
    if is_more {
        let change = [words(dnstap), words(&after.dnstap)];
        found.tell(LossKind::Access, "[dnstap]", change);
    }
}

/// The control API: who reaches it, who may do what there, and where that is recorded.
fn control([before, after]: [&Control; 2], found: &mut Findings) {
    let Control {
        access,
        // Which certificate it shows is no right of anybody.
        pair: _,
        endpoint_series: _,
        // Whoever is told no more may have been told no more on purpose, and nobody gets a right by it.
        webhooks: _,
        observation,
    } = before;
    sampled(observation, &after.observation, found);
    let AccessRules {
        // Where the kernel says who asks; who that may be is `groups`.
        socket: _,
        listen,
        carriage,
        metrics,
        hosts,
        groups,
        tokens,
        audit,
    } = access;
    let next = &after.access;
    let of = "[control]";
    let sockets = [(listen, next.listen), (metrics, next.metrics)];
    for (own, next) in sockets {
        let is_open = |listen: &SocketAddr| !AccessRules::is_loopback(*listen);
        if let Some(next) = next.filter(is_open)
            && !own.as_ref().is_some_and(is_open)
        {
            let before = own.map_or("none".to_owned(), |own| own.to_string());
            found.tell(LossKind::Access, of, [before, next.to_string()]);
        }
    }
    carriages([carriage, &next.carriage], found);
    for more in next.hosts.iter().filter(|more| !hosts.contains(more)) {
        let change = ["less".to_owned(), format!("asked as {more}")];
        found.tell(LossKind::Access, of, change);
    }
    for GroupRole { group, grant } in &next.groups {
        let own = groups.iter().find(|own| own.group == *group);
        more_granted(
            &format!("group {group}"),
            own.map(|own| &own.grant),
            grant,
            found,
        );
    }
    for token in &next.tokens {
        let own = tokens.iter().find(|own| own.name == token.name);
        more_given(own, token, found);
    }
    let place = |log: &Option<Chosen<PathBuf>>| {
        let path = log.as_ref().map(|log| log.value.display().to_string());
        path.unwrap_or("none".to_owned())
    };
    if audit.is_some() && *audit != next.audit {
        let change = [place(audit), place(&next.audit)];
        found.tell(LossKind::Access, "[control] audit", change);
    }
}

/// TLS that is gone, and roots that vouch for more clients.
fn carriages(sides: [&Carriage; 2], found: &mut Findings) {
    let of = "[control] tls";
    match sides {
        [_, Carriage::Plain] if sides[0] == sides[1] => {}
        [_, Carriage::Plain] => found.tell(LossKind::Access, of, ["TLS", "in the clear"]),
        [before, Carriage::Tls(roots)] => {
            let own: &[Vec<u8>] = match before {
                Carriage::Plain => &[],
                Carriage::Tls(own) => own,
            };
            if roots.iter().any(|root| !own.contains(root)) {
                let change = ["fewer client_roots", "other client_roots"];
                found.tell(LossKind::Access, of, change);
            }
        }
    }
}

/// A token that is new, lives longer or may do more. Another secret, or another certificate, is a rotation.
fn more_given(before: Option<&ApiToken>, after: &ApiToken, found: &mut Findings) {
    let ApiToken {
        name,
        hash: _,
        certificate: _,
        grant,
        expires,
    } = after;
    let of = format!("token {name}");
    more_granted(&of, before.map(|own| &own.grant), grant, found);
    let until = |expires: Option<u64>| expires.unwrap_or(u64::MAX);
    if let Some(own) = before.filter(|own| until(own.expires) < until(*expires)) {
        let told = |expires: Option<u64>| expires.map_or("never".to_owned(), |at| at.to_string());
        let change = [own.expires, *expires].map(|one| format!("ends {}", told(one)));
        found.tell(LossKind::Access, &of, change);
    }
}

/// A role that is new or stronger, or a scope that is wider.
fn more_granted(of: &str, before: Option<&RoleGrant>, after: &RoleGrant, found: &mut Findings) {
    let RoleGrant { role, scope } = after;
    let all = [
        Permission::Report,
        Permission::Look,
        Permission::Order,
        Permission::Challenge,
        Permission::Govern,
    ];
    let is_new = |permission: &Permission| {
        role.allows(*permission) && !before.is_some_and(|own| own.role.allows(*permission))
    };
    let widens = before.is_some_and(|own| {
        !own.scope.is_empty()
            && (scope.is_empty() || scope.iter().any(|one| !own.scope.contains(one)))
    });
    if all.iter().any(is_new) || widens && role.takes_scope() {
        let told = |grant: &RoleGrant| {
            let scope: Vec<String> = grant.scope.iter().map(ToString::to_string).collect();
            match scope.is_empty() {
                true => grant.role.word().to_owned(),
                false => format!("{} of {}", grant.role.word(), scope.join(", ")),
            }
        };
        let change = [before.map_or("no role".to_owned(), told), told(after)];
        found.tell(LossKind::Access, of, change);
    }
}

/// A key whose MACs are shorter now. Another secret is a rotation.
fn shared_key(before: &TsigKey, after: &Zoning, found: &mut Findings) {
    let TsigKey {
        name,
        algorithm,
        secret: _,
    } = before;
    let next = after.tsig.iter().find(|one| one.name == *name);
    if let Some(next) = next
        && (next.algorithm as u8) < (*algorithm as u8)
    {
        let change = [algorithm, &next.algorithm].map(|one| format!("{one:?}"));
        found.tell(LossKind::Access, &format!("key {name}"), change);
    }
}

/// Names that may be set by updates and by orders, and for how long.
fn challenges([before, after]: [&Zoning; 2], found: &mut Findings) {
    let Acme {
        configured,
        grants,
        names,
        expire,
        ttl: _,
    } = &before.acme;
    for Grant { key, names } in &after.acme.grants {
        let name = key_name(after, Some(*key));
        let own = grants
            .iter()
            .filter(|own| key_name(before, Some(own.key)) == name);
        let own: Vec<&Pattern> = own.flat_map(|own| &own.names).collect();
        for more in names.iter().filter(|more| !covered(&own, more)) {
            let of = format!("key {}", name.map_or(String::new(), ToString::to_string));
            let change = ["less".to_owned(), format!("may set {}", told(more))];
            found.tell(LossKind::Access, &of, change);
        }
    }
    if after.acme.configured && !configured {
        let change = ["nobody sets challenges", "operators do"];
        found.tell(LossKind::Access, "[acme]", change);
    }
    let own: Vec<&Pattern> = names.iter().collect();
    for more in after.acme.names.iter().filter(|more| !covered(&own, more)) {
        let change = [
            "less".to_owned(),
            format!("operators may set {}", told(more)),
        ];
        found.tell(LossKind::Access, "[acme]", change);
    }
    let change = [*expire, after.acme.expire];
    found.rise(LossKind::Access, "[acme] expire", change);
}

/// Records that may be declared while the server runs: by whom, at which names, of which types.
fn declared([before, after]: [&Zoning; 2], found: &mut Findings) {
    declared_objects([before, after], found);
    let Dynamic {
        records,
        objects: _,
        // Bounds on how much there is and how long it is kept; neither lets anybody do more than declare.
        max_records: _,
        ttl: _,
        // What nobody may declare, as it is decided here.
        fixed: _,
        // Which node this is lets nobody do anything.
        node: _,
    } = &before.dynamic;
    for rule in &after.dynamic.records {
        let RecordRule {
            zone,
            names,
            types,
            by,
        } = rule;
        for by in by.iter().map(|by| who(after, by)) {
            let of_zone = records.iter().filter(|own| own.zone == *zone);
            let own: Vec<&RecordRule> = of_zone
                .filter(|own| own.by.iter().any(|one| who(before, one) == by))
                .collect();
            let whole = [
                NamePattern::Below(zone.clone()),
                NamePattern::Name(zone.clone()),
            ];
            let wanted: &[NamePattern] = if names.is_empty() { &whole } else { names };
            let is_granted = |kind: u16, wanted: &NamePattern| {
                own.iter().any(|rule| {
                    let mut names = rule.names.iter();
                    rule.types.contains(&kind)
                        && (rule.names.is_empty() || names.any(|name| name.includes(wanted)))
                })
            };
            let more = wanted.iter().find_map(|name| {
                let kind = types.iter().find(|kind| !is_granted(**kind, name))?;
                Some((name, text::type_name(*kind)))
            });
            if let Some((name, kind)) = more {
                let change = ["less".to_owned(), format!("may declare {kind} at {name}")];
                found.tell(LossKind::Access, &by, change);
            }
        }
    }
}

/// Whoever may declare something, in words.
fn who(zoning: &Zoning, by: &Declarer) -> String {
    match by {
        Declarer::Role(role) => format!("role {}", role.word()),
        Declarer::Token(name) => format!("token {name}"),
        Declarer::Key(key) => {
            let name = key_name(zoning, Some(*key));
            format!("key {}", name.map_or(String::new(), ToString::to_string))
        }
    }
}

/// Services and other objects that may be declared: a rule that is not there as it is takes the rest of its grant for new.
fn declared_objects([before, after]: [&Zoning; 2], found: &mut Findings) {
    let rules = after.dynamic.objects.iter();
    for rule in rules.filter(|rule| !before.dynamic.objects.contains(rule)) {
        let ObjectRule {
            kinds,
            names,
            hostnames: _,
            by,
        } = rule;
        let kinds = kinds.iter().map(|kind| match kind {
            ObjectKind::Monitor => "monitors",
            ObjectKind::Region => "regions",
            ObjectKind::Service => "services",
            ObjectKind::Endpoint => "endpoints",
        });
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        let names = match names.is_empty() {
            true => "any name".to_owned(),
            false => names.join(", "),
        };
        for by in by.iter().map(|by| who(after, by)) {
            let change = ["less".to_owned(), format!("may declare {kinds} of {names}")];
            found.tell(LossKind::Access, &by, change);
        }
    }
}

/// Tells whether one of the patterns lets everything be set that another does.
fn covered(own: &[&Pattern], other: &Pattern) -> bool {
    own.iter().any(|own| match (own, other) {
        (own, Pattern::Name(name)) => own.covers(name),
        (Pattern::Below(base), Pattern::Below(other)) => other.is_within(base),
        (Pattern::Challenges, Pattern::Challenges) => true,
        (Pattern::Challenges | Pattern::Name(_), Pattern::Below(_))
        | (Pattern::Name(_) | Pattern::Below(_), Pattern::Challenges) => false,
    })
}

fn told(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Challenges => "every `_acme-challenge`".to_owned(),
        Pattern::Name(name) => name.to_string(),
        Pattern::Below(name) => format!("*.{name}"),
    }
}

/// Compares who gets a zone and who feeds it.
fn transfers(zonings: [&Zoning; 2], zones: [&ZonePlan; 2], found: &mut Findings) {
    let [before, after] = zones;
    let ZonePlan {
        id,
        apex: _,
        view: _,
        // What a zone holds and who signs it is judged elsewhere; its names are counted when its file is read.
        file: _,
        dnssec: _,
        mounts: _,
        outgoing: _,
        incoming: _,
        aliases,
        is_catalog: _,
        listed_by: _,
    } = before;
    for alias in aliases {
        let mut next = after.aliases.iter();
        if !next.any(|next| next.owner == alias.owner) {
            let of = alias.owner.to_string();
            found.tell(LossKind::Name, &of, ["an alias", "none"]);
        }
    }
    let of = format!("zone {id}");
    let rules = [before, after].map(|zone| zone.outgoing.as_deref());
    if rules != [None, None] {
        given(&of, zonings, rules, found);
    }
    match (&before.incoming, &after.incoming) {
        (Some(own), Some(next)) => fed(&of, zonings, [own, next], found),
        (Some(_), None) => found.tell(LossKind::Access, &of, ["from primaries", "from a file"]),
        (None, _) => {}
    }
}

fn given(
    of: &str,
    zonings: [&Zoning; 2],
    [before, after]: [Option<&Outgoing>; 2],
    found: &mut Findings,
) {
    let Some(next) = after else {
        return found.tell(LossKind::Access, of, ["transfer", "no rule"]);
    };
    let rights = |side: usize, rule: Option<&Outgoing>| -> Vec<Right> {
        let Some(Outgoing {
            to,
            key,
            notify: _,
            render_for: _,
            render_strict: _,
            min_interval: _,
            sources: _,
        }) = rule
        else {
            return Vec::new();
        };
        // A request has one signature, so that two keys are nobody's.
        let fits = |own: &Allowed| own.key.is_none() || key.is_none() || own.key == *key;
        let entries = to.iter().filter(|own| fits(own));
        let entries = entries.map(|Allowed { network, key: own }| Right {
            network: *network,
            key: key_name(zonings[side], own.or(*key)).cloned(),
        });
        entries.collect()
    };
    let own = rights(0, before);
    for right in rights(1, Some(next)) {
        if !own.iter().any(|own| own.includes(&right)) {
            let change = ["nobody else".to_owned(), format!("also {}", right.told())];
            found.tell(LossKind::Access, of, change);
        }
    }
    if let Some(own) = before.filter(|own| own.render_for != next.render_for) {
        let change = [own, next].map(|one| format!("rendered for {}", one.render_for));
        found.tell(LossKind::Fence, of, change);
    }
    let strict = [before.and_then(|own| own.render_strict), next.render_strict];
    if strict[1].is_some() && strict[0] != strict[1] {
        let [from, to] = strict.map(|law| match law {
            None => "without the addresses of strict services",
            Some(_) => "with those that another jurisdiction's clients get",
        });
        found.tell(LossKind::Fence, of, [from, to]);
    }
}

/// One who may have a zone: from there, signed with that key.
#[derive(Debug, PartialEq, Eq)]
struct Right {
    network: Option<Network>,
    key: Option<Name>,
}

impl Right {
    /// Tells whether whoever has the other has this one too.
    fn includes(&self, other: &Self) -> bool {
        let is_near = match (self.network, other.network) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own.prefix <= other.prefix && own.contains(other.address),
        };
        is_near && (self.key.is_none() || self.key == other.key)
    }

    fn told(&self) -> String {
        let network = self.network.map(|network| network.to_string());
        let network = network.unwrap_or("anybody".to_owned());
        match &self.key {
            None => format!("{network} without a key"),
            Some(key) => format!("{network} with key {key}"),
        }
    }
}

fn fed(of: &str, zonings: [&Zoning; 2], [before, after]: [&Incoming; 2], found: &mut Findings) {
    let Incoming {
        primaries,
        key,
        // More may come; whoever sends it is the same.
        max_size: _,
        sources: _,
    } = before;
    let own = key_name(zonings[0], *key);
    match (own, key_name(zonings[1], after.key)) {
        (Some(own), None) => {
            let change = [format!("signed with {own}"), "taken unsigned".to_owned()];
            found.tell(LossKind::Access, of, change);
        }
        (_, None) => {
            let mut more = after.primaries.iter();
            if let Some(more) = more.find(|one| !primaries.contains(one)) {
                let change = ["fed by others".to_owned(), format!("{more}, unsigned")];
                found.tell(LossKind::Access, of, change);
            }
        }
        (_, Some(_)) => {}
    }
}

/// Name of a key on the wire.
fn key_name(zoning: &Zoning, key: Option<usize>) -> Option<&Name> {
    zoning.tsig.get(key?).map(|key| &key.name)
}
