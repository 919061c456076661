//! `[cluster]` resolved: who takes part, and whether they can agree.
//!
//! What would make a node that nobody hears is an error: a key that is not the roster's, two nodes with one key, a certificate
//! that is not its key's. What makes a cluster that agrees late or never is a warning: too few vantages without canaries, one
//! provider for all, more revoked than are left. Whether others have the same roster cannot be known here; heads show it.
//!
//! It opens no connection, and does not know by which names others reach this node.
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateRevocationListDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::names::{Names, within};
use super::tls::{self, Fault};
use crate::base::limits::{
    CLUSTER_FRESH, CLUSTER_MEMBERS, CLUSTER_NATS, CLUSTER_PEERS, CLUSTER_VANTAGES,
};
use crate::base::{Permille, Span, from_hexadecimal, nkey_seed, similar, to_hexadecimal};
use crate::config::Files;
use crate::config::cluster::{ClusterNodeSpec, ClusterSpec, NatsSpec, WithdrawWord};
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::Spec;
use crate::plan::{
    ClusterFiles, ClusterNode, ClusterPart, ClusterRules, DistributeRule, NatsRules, Pair,
    WithdrawRule,
};

/// Vantages below which two that fail leave nobody to tell them from the world.
const FEW: usize = 3;
/// Vantages from which on `up_while` counts.
const MANY: usize = 8;
/// Time without a fault until an anycast route comes back.
const HOLD: Span = Span::from_secs(60);
/// Time for which most nodes may have newer data.
const STALE_AFTER: Span = Span::from_secs(300);
/// Time for which a node must have been sound with a release.
const SOAK: Span = Span::from_secs(300);
/// Time after which a cookie secret is followed by another.
const ROLL_COOKIES: Span = Span::from_secs(30 * 24 * 3600);
/// Share of those who say up from which on a target is up anyway.
const HALF: Permille = Permille(500);

const SEAL: &str = "`waypost node new NAME` makes it: 64 hexadecimal digits, and nothing else";
const NKEY: &str = "58 letters and digits that begin with `SU`, and nothing else, as `nk -gen user` of NATS prints them";
const LIST: &str = "the file holds revoked certificates in PEM (`-----BEGIN X509 CRL-----`); `waypost node new` makes it with the CA";

/// The cluster, if there is one and nothing of it is missing.
pub(super) fn resolve(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Option<ClusterRules> {
    let own = spec.cluster.as_ref()?;
    let nodes = nodes(own, found);
    check_regions(spec, own, found);
    let node = this_node(spec, own, found);
    check_vantages(spec, own, found);
    check_tuning(own, found);
    let certificate = own.certificate.as_ref().zip(own.private_key.as_ref());
    let pair = certificate.and_then(|parts| tls::pair(parts, spec, files, found));
    if let Some(((pair, path), node)) = pair
        .as_ref()
        .zip(own.certificate.as_ref())
        .zip(node.as_ref())
    {
        check_certificate(path, pair, node, found);
    }
    let names = pair.map_or_else(Vec::new, |pair| pair.names);
    check_carriage(own, &names, found);
    if let Some(path) = &own.roots {
        tls::part(path, spec, files, found, tls::roots);
    }
    if let Some(path) = &own.revoked {
        tls::part(path, spec, files, found, revocations);
    }
    if let Some(path) = &own.key {
        let seal = tls::part(path, spec, files, found, seal);
        let this = nodes.iter().find(|one| Some(&one.name) == node.as_ref());
        if let Some((seal, this)) = seal.zip(this) {
            check_seal(path, seal, (this, &nodes), found);
        }
    }
    let path = |path: &Option<At<String>>| path.as_ref().map(|path| spec.resolve(path));
    let nats = own.nats.as_ref();
    let nats = nats.map(|nats| self::nats((nats, own), spec, files, found));
    Some(ClusterRules {
        name: own.name.as_ref()?.value.clone(),
        node: node?,
        nodes,
        beat: own.beat,
        alone_after: own.alone_after.value,
        up_while: own.up_while.as_ref().map(|own| own.value),
        withdraw: withdraw(spec, own, found),
        distribute: distribute(spec, own, found),
        roll_cookies: own
            .roll_cookies
            .as_ref()
            .map_or(ROLL_COOKIES, |own| own.value),
        listen: own.listen.iter().map(|one| one.value).collect(),
        peers: own.peers.iter().map(|one| one.value.clone()).collect(),
        nats: nats.flatten(),
        files: ClusterFiles {
            seal: path(&own.key)?,
            certificate: path(&own.certificate)?,
            private_key: path(&own.private_key)?,
            roots: path(&own.roots)?,
            revoked: path(&own.revoked),
        },
    })
}

/// The nodes, each name and each key once.
fn nodes(own: &ClusterSpec, found: &mut Diagnostics) -> Vec<ClusterNode> {
    let names = || own.nodes.iter().filter_map(|node| node.name.as_ref());
    within(
        "nodes",
        CLUSTER_MEMBERS,
        names().map(|name| &name.at),
        found,
    );
    let vantages = own.nodes.iter().filter(|node| node.is_vantage);
    let vantages = vantages.filter_map(|node| node.name.as_ref());
    within(
        "vantages",
        CLUSTER_VANTAGES,
        vantages.map(|name| &name.at),
        found,
    );
    let mut nodes: Vec<ClusterNode> = Vec::new();
    for node in &own.nodes {
        let Some((name, key)) = node.name.as_ref().zip(node.key.as_ref()) else {
            continue;
        };
        if nodes.iter().any(|other| other.name == name.value) {
            found
                .error(&name.at, format!("node `{}` is there twice", name.value))
                .help("names tell nodes apart: give each its own, or remove one");
        }
        if let Some(other) = nodes.iter().find(|other| other.key == key.value) {
            let message = format!("node `{}` has the key of node `{}`", name.value, other.name);
            found
                .error(&key.at, message)
                .label("of two nodes with one key one falls silent")
                .help("`waypost node new NAME` makes a key of its own for each");
        }
        let text = |own: &Option<At<String>>| {
            own.as_ref()
                .map_or_else(String::new, |own| own.value.clone())
        };
        nodes.push(ClusterNode {
            name: name.value.clone(),
            key: key.value,
            region: text(&node.region),
            provider: text(&node.provider),
            control: node.control.as_ref().map(|own| own.value.clone()),
            part: part(node),
        });
    }
    nodes
}

fn part(node: &ClusterNodeSpec) -> ClusterPart {
    match (node.is_vantage, node.is_revoked) {
        (true, false) => ClusterPart::Vantage,
        (false, false) => ClusterPart::Follower,
        (true, true) => ClusterPart::RevokedVantage,
        (false, true) => ClusterPart::RevokedFollower,
    }
}

/// A region that is almost one of the config's is most likely meant to be it: its vantages rule for its clients.
fn check_regions(spec: &Spec, own: &ClusterSpec, found: &mut Diagnostics) {
    let known = || spec.regions.iter().map(|region| &*region.name.value);
    for region in own.nodes.iter().filter_map(|node| node.region.as_ref()) {
        let name = &*region.value;
        if known().all(|known| known != name)
            && let Some(meant) = similar(name, known())
        {
            found
                .warn(&region.at, format!("`{name}` is no region of this config"))
                .label("so it votes for no region's clients in particular")
                .help(format!("did you mean `{meant}`?"))
                .inferred();
        }
    }
}

/// The name of this node, which is one of the list.
fn this_node(spec: &Spec, own: &ClusterSpec, found: &mut Diagnostics) -> Option<String> {
    let identity = spec.server.identity.as_ref();
    let identity = identity.map(|identity| At {
        value: identity.clone(),
        at: own.at.clone(),
    });
    let Some(node) = own.node.clone().or(identity) else {
        found
            .error(&own.at, "which of the nodes is this one?")
            .help("write `node = \"…\"` with its name, or `identity` of `[server]`");
        return None;
    };
    let names = own.nodes.iter().filter_map(|node| node.name.as_ref());
    let all: Vec<&str> = names.map(|name| &*name.value).collect();
    let place = Names::new("node", all.iter().copied()).find(&node, found)?;
    if own.nodes.get(place).is_some_and(|this| this.is_revoked) {
        found
            .warn(&node.at, format!("this node, `{}`, is revoked", node.value))
            .label("no other node listens to it, and it takes no orders")
            .help("take it out of service, or give it a new key: `waypost node new NAME`");
    }
    Some(node.value)
}

/// Warns where the vantages would agree late or never.
fn check_vantages(spec: &Spec, own: &ClusterSpec, found: &mut Diagnostics) {
    let vantages: Vec<&ClusterNodeSpec> = own.nodes.iter().filter(|node| node.is_vantage).collect();
    let of = vantages.len();
    if of == 0 {
        if !own.nodes.is_empty() {
            found
                .error(&own.at, "no node of the cluster votes")
                .help("leave out `vantage = false` for those that probe; three or more are usual");
        }
        return;
    }
    let revoked = vantages.iter().filter(|node| node.is_revoked).count();
    if revoked * 2 >= of {
        found
            .warn(&own.at, format!("{revoked} of {of} vantages are revoked"))
            .label("they count as vantages still: no target can be ruled down")
            .help("remove their `[[cluster.nodes]]` on all nodes, or add vantages");
    }
    if of < FEW && spec.canaries.is_empty() {
        found
            .warn(&own.at, format!("{of} vantages, and no canaries"))
            .label("a node that hears no majority cannot tell its own network from the world, so it never decides alone")
            .help("name `canaries` in `[guard]`, or let three nodes or more vote");
    }
    check_providers(own, &vantages, found);
    if let Some(part) = &own.up_while
        && (of < MANY || part.value >= HALF)
    {
        let why = if of < MANY {
            format!("it counts from {MANY} vantages on, and there are {of}")
        } else {
            "what more than half see up is up anyway".to_owned()
        };
        found
            .warn(&part.at, "`up_while` has no effect here")
            .label(why)
            .help("omit it, or write a part below 50% for 8 vantages and more, such as \"18%\"");
    }
}

/// A target is ruled down by vantages of two providers, where there are two.
fn check_providers(own: &ClusterSpec, vantages: &[&ClusterNodeSpec], found: &mut Diagnostics) {
    let mut by_provider: BTreeMap<&str, Vec<&At<String>>> = BTreeMap::new();
    for node in vantages {
        if let (Some(name), Some(provider)) = (&node.name, &node.provider) {
            by_provider.entry(&provider.value).or_default().push(name);
        }
    }
    let of: usize = by_provider.values().map(Vec::len).sum();
    let sizes: Vec<(&&str, &Vec<&At<String>>)> = by_provider.iter().collect();
    match sizes[..] {
        [(provider, _)] if of > 1 => {
            found
                .warn(&own.at, format!("all vantages are run by `{provider}`"))
                .label("an outage of its network looks like one of every endpoint, and a majority may take them all out")
                .help("let vantages of two providers or more vote: then two must agree on what is down");
        }
        [(_, a), (_, b)] if of >= FEW && a.len().min(b.len()) == 1 => {
            let (lone, others) = if a.len() == 1 {
                (a, sizes[1].0)
            } else {
                (b, sizes[0].0)
            };
            let message = format!("all vantages but `{}` are run by `{others}`", lone[0].value);
            found
                .warn(&lone[0].at, message)
                .label("two providers must agree on what is down: while this one is silent nothing is taken out")
                .help("let a vantage of a third provider vote, or a second one of this provider");
        }
        _ => {}
    }
}

fn check_tuning(own: &ClusterSpec, found: &mut Diagnostics) {
    let window = CLUSTER_FRESH.max(own.beat.times(3));
    if let At {
        value: Some(limit),
        at,
    } = &own.alone_after
        && *limit < window
    {
        let message = format!("`alone_after` of {limit} is shorter than a vote counts, {window}");
        found
            .error(at, message)
            .label("a node would decide alone while it still goes by what others said")
            .help("the default is \"2m\"; \"never\" lets no node decide alone");
    }
}

/// The rule by which this node gives its anycast route back. Canaries tell whether it is this node that is cut off.
fn withdraw(spec: &Spec, own: &ClusterSpec, found: &mut Diagnostics) -> Option<WithdrawRule> {
    let word = own.withdraw.as_ref()?;
    let stale_after = match word.value {
        WithdrawWord::Never => return None,
        WithdrawWord::Isolated => None,
        WithdrawWord::Stale => Some(
            own.stale_after
                .as_ref()
                .map_or(STALE_AFTER, |own| own.value),
        ),
    };
    if spec.canaries.is_empty() {
        found
            .error(&word.at, "`withdraw` without canaries")
            .label("a node that hears nobody cannot tell whether it is cut off, or the others are gone")
            .help("name `canaries` in `[guard]`: addresses that do not fail together, such as public resolvers");
    }
    if stale_after.is_some() && own.nodes.len() < FEW {
        found
            .warn(
                &word.at,
                format!("of {} nodes none is ever stale", own.nodes.len()),
            )
            .label("more than half of all nodes must have newer data than this one")
            .help("\"isolated\" says what is meant, or add nodes");
    }
    Some(WithdrawRule {
        stale_after,
        hold: own.withdraw_hold.as_ref().map_or(HOLD, |own| own.value),
    })
}

/// The rule by which releases of the shared config are taken. The file that they are written to must be a part of this config.
fn distribute(spec: &Spec, own: &ClusterSpec, found: &mut Diagnostics) -> Option<DistributeRule> {
    let distribute = own.distribute.as_ref()?;
    let file = distribute.file.as_ref()?;
    let path = spec.resolve(file);
    let shown = path.display().to_string();
    if spec.parts().skip(1).all(|(part, _)| part != shown) {
        found
            .error(&file.at, format!("`{}` is not included", file.value))
            .label("a release that is written there would change nothing")
            .help("name it in `include` of this config; an empty file does for a beginning");
    }
    Some(DistributeRule {
        file: path,
        keys: distribute.keys.iter().map(|key| key.value).collect(),
        soak: distribute.soak.as_ref().map_or(SOAK, |own| own.value),
    })
}

/// Checks how others are reached.
fn check_carriage(own: &ClusterSpec, names: &[String], found: &mut Diagnostics) {
    within(
        "peers",
        CLUSTER_PEERS,
        own.peers.iter().map(|peer| &peer.at),
        found,
    );
    for (place, peer) in own.peers.iter().enumerate() {
        let mut before = own.peers[..place].iter();
        if before.any(|other| other.value.eq_ignore_ascii_case(&peer.value)) {
            let message = format!("peer `{}` is listed twice", peer.value);
            found.error(&peer.at, message).help("remove one of them");
        }
        if is_self(&peer.value, &own.listen, names) {
            found
                .error(&peer.at, format!("`{}` is this node itself", peer.value))
                .help("name other nodes only: three to five, and those of other networks first");
        }
    }
    let has_peers = !own.peers.is_empty() || !own.listen.is_empty();
    if own.nodes.len() > 1 && !has_peers && own.nats.is_none() {
        found
            .warn(&own.at, "this node asks nobody, and nobody can ask it")
            .help("write `peers = [\"tor1.example.net:5354\"]`, or `listen`, or both; or `nats`");
    }
}

/// The NATS that carries records; what it is not told of its own is that of the cluster.
fn nats(
    (own, cluster): (&NatsSpec, &ClusterSpec),
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<NatsRules> {
    within(
        "NATS servers",
        CLUSTER_NATS.0,
        own.servers.iter().map(|one| &one.at),
        found,
    );
    match (&own.certificate, &own.private_key) {
        (Some(certificate), Some(key)) => drop(tls::pair((certificate, key), spec, files, found)),
        (None, None) => {}
        (Some(lone), None) | (None, Some(lone)) => {
            found
                .error(&lone.at, "`certificate` and `private_key` stand together")
                .help("name both of `[cluster.nats]`, or neither: then those of `[cluster]` are shown");
        }
    }
    if let Some(path) = &own.roots {
        tls::part(path, spec, files, found, tls::roots);
    }
    if let Some(path) = &own.nkey {
        tls::part(path, spec, files, found, nkey);
    }
    let path = |own: &Option<At<String>>, usual: &Option<At<String>>| {
        own.as_ref()
            .or(usual.as_ref())
            .map(|path| spec.resolve(path))
    };
    let revoked = cluster.revoked.as_ref().filter(|_| own.roots.is_none());
    Some(NatsRules {
        servers: own.servers.iter().map(|one| one.value.clone()).collect(),
        certificate: path(&own.certificate, &cluster.certificate)?,
        private_key: path(&own.private_key, &cluster.private_key)?,
        roots: path(&own.roots, &cluster.roots)?,
        // A list says nothing of what other roots vouch for.
        revoked: revoked.map(|path| spec.resolve(path)),
        nkey: own.nkey.as_ref().map(|path| spec.resolve(path)),
    })
}

/// Checks the seed of an NKey.
fn nkey(text: &[u8]) -> Result<(), Fault> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let seed = nkey_seed(text.trim());
    seed.map(drop)
        .ok_or_else(|| ("holds no seed of a user's NKey".to_owned(), NKEY))
}

/// Others know a node by a name of its certificate, as a DNS name.
fn check_certificate(path: &At<String>, pair: &Pair, node: &str, found: &mut Diagnostics) {
    let first = pair.certified.cert.first();
    let shown = first.and_then(|own| ParsedCertificate::try_from(own).ok());
    let name = ServerName::try_from(node).ok();
    let bears = shown.zip(name);
    if bears.is_some_and(|(shown, name)| verify_server_name(&shown, &name).is_ok()) {
        return;
    }
    found
        .error(&path.at, format!("`{}` is no certificate of node `{node}`", path.value))
        .label(format!("its names: {}", pair.names.join(", ")))
        .help("other nodes refuse it: it must bear the node's name as a DNS name; `waypost node new NAME` makes one that does");
}

/// Tells whether a peer is where this node listens: at an address of its own, or by a name of its certificate.
fn is_self(peer: &str, listen: &[At<SocketAddr>], names: &[String]) -> bool {
    let Some((host, port)) = peer.rsplit_once(':') else {
        return false;
    };
    let host = host.trim_matches(['[', ']']);
    let address: Option<IpAddr> = host.parse().ok();
    let is_named = names.iter().any(|name| name.eq_ignore_ascii_case(host));
    listen.iter().any(|own| {
        let ip = own.value.ip();
        let is_here = address
            .is_some_and(|address| address == ip || ip.is_unspecified() && address.is_loopback());
        port.parse() == Ok(own.value.port()) && (is_here || is_named)
    })
}

/// The public key of a secret.
fn seal(text: &[u8]) -> Result<[u8; 32], Fault> {
    let wrong = || ("holds no key of a node".to_owned(), SEAL);
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let seed: [u8; 32] = from_hexadecimal(text.trim()).ok_or_else(wrong)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| wrong())?;
    pair.public_key().as_ref().try_into().map_err(|_| wrong())
}

/// A node whose key is another than others know it by would be heard by nobody.
fn check_seal(
    path: &At<String>,
    key: [u8; 32],
    (this, nodes): (&ClusterNode, &[ClusterNode]),
    found: &mut Diagnostics,
) {
    if this.key == key {
        return;
    }
    let owner = nodes.iter().find(|node| node.key == key);
    let message = match owner {
        Some(owner) => format!("`{}` is the key of node `{}`", path.value, owner.name),
        None => format!("`{}` is not the key of node `{}`", path.value, this.name),
    };
    let help = format!(
        "its public half is \"ed25519:{}\": write that as the `key` of the node, on all nodes, or name the right file",
        to_hexadecimal(&key)
    );
    found
        .error(&path.at, message)
        .label(format!(
            "this node is `{}`, and nobody would listen to it",
            this.name
        ))
        .help(help);
}

/// Checks a list of revoked certificates.
fn revocations(text: &[u8]) -> Result<(), Fault> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| ("is broken: not all of it is PEM".to_owned(), LIST))?;
    if lists.is_empty() {
        return Err(("holds no list of revoked certificates".to_owned(), LIST));
    }
    for list in &lists {
        CertificateRevocationList::from_der(list)
            .map_err(|error| (format!("holds a broken list: {error}"), LIST))?;
    }
    Ok(())
}
