//! The view that a node has of the others, for people: who hears whom, whose clock is off, and who differs in orders or config.
//!
//! Ages and differences of clocks are milliseconds; the units stand in the names. Nothing is decided by it. It does not know the
//! cluster's name, which records have as a number only.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::limits::CLUSTER_SKEW_TOLD;
use crate::base::{Moment, Span, Utc, shown, to_hexadecimal};

use super::ballot::Ballot;
use super::cluster::{Cluster, Footing};
use super::head::NodeHead;
use super::record::{RecordStream, Sealed};
use super::release_view::ReleaseView;
use super::roster::{MemberRole, RosterMember};
use super::ruling::Trust;
use super::seal::Author;

/// Octets of a hash that are shown.
const SHOWN: usize = 8;

/// A cluster as one of its nodes knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterView {
    /// The cluster in short.
    pub summary: ClusterSummary,
    /// All nodes of this node's roster, by name.
    pub nodes: Vec<NodeView>,
}

/// A cluster in short, as one of its nodes knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterSummary {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of this node.
    pub node: String,
    /// `together`: a majority of the vantages is heard; `apart`: it is not, and nothing is taken out; `alone`: it has not been for
    /// long, and those who are heard decide.
    pub footing: String,
    /// Vantages that are heard, this node among them if it is one.
    pub vantages: HeardOf,
    /// Nodes that are heard, this one among them, of those that are not revoked.
    pub nodes: HeardOf,
    /// Tells that another node writes with this one's key; this one is silent therefore.
    pub twin: bool,
    /// Hash of the orders that this node has, in hexadecimal digits.
    pub orders: String,
    /// Nodes that are heard and have other orders.
    pub orders_differ: Vec<String>,
    /// Nodes that are heard and have another policy.
    pub config_differs: Vec<String>,
    /// Changes of what is declared, made on other nodes, that this node does not take, and why; for a person.
    #[serde(default)]
    pub declared_refused: Vec<String>,
    /// Everything that is wrong with the secrets of all nodes at this one; for a person.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Certificates that keep this node and others from speaking, because they are not valid by its clock or by theirs; for a person.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Nodes whose clock differs from this one's by more than 30 seconds.
    pub skewed: Vec<String>,
    /// This node's anycast route: `announced`; `unsound`, which is announced though something is wrong; or `withdrawn`. Empty for a
    /// node that never withdraws.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// Why it is withdrawn or unsound; for a person.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub route_reason: String,
    /// The newest release of the shared config, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseView>,
    /// The connection to NATS, which carries records; absent, where the config has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats: Option<NatsView>,
    /// The other nodes, by name.
    pub others: Vec<OtherNode>,
    /// The time at which the certificate expires that this node shows to others, as its carrier has read it last; seconds since 1970.
    #[serde(
        rename = "certificate_expires_at",
        default,
        with = "shown::utc_or_null"
    )]
    #[schema(value_type = Option<Utc>)]
    pub certificate_expires: Option<u64>,
}

/// A node's connection to NATS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NatsView {
    /// The server that is connected to, as the log has it: `nats HOST:PORT`. Absent, while none is.
    pub server: Option<String>,
    /// The time since which that has been so; seconds since 1970.
    #[serde(rename = "since_at", with = "shown::utc")]
    #[schema(value_type = Utc)]
    pub since: u64,
    /// The trouble that ended the last connection, or kept one from being made, with the server's name; for a person. Absent, if nothing has.
    pub trouble: Option<String>,
}

/// A number of things that are heard, and that of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeardOf {
    /// The number that is heard.
    pub heard: usize,
    /// All of them.
    pub of: usize,
}

/// Another node, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OtherNode {
    /// Its name.
    pub name: String,
    /// [`NodeView::state`].
    pub state: String,
}

/// A node of a cluster, as another one knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// The region that it stands in.
    pub region: String,
    /// The provider that runs it.
    pub provider: String,
    /// `vantage` or `follower`.
    pub part: String,
    /// `this` one, `heard`, `late` (it was heard before), `silent`, or `revoked`.
    pub state: String,
    /// Time since the newest of its words came; absent for this node, and for one that was never heard.
    pub age_ms: Option<u64>,
    /// The carrier that brought the newest of its words: `peers` or `nats`; absent for this node, and for one that was never heard.
    #[serde(default)]
    pub heard_by: Option<String>,
    /// Difference of its clock from this one's, with the time on the way; of vantages that were heard.
    pub skew_ms: Option<u64>,
    /// Tells that it doubts its own network.
    pub doubting: bool,
    /// Vantages that it hears itself, by name.
    pub hears: Vec<String>,
    /// The address of its control API, if the config says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// Its orders, config and table, as it said last.
    pub head: Option<HeadView>,
}

/// The orders, config and table of a node, as it said last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeadView {
    /// Hash of its orders, in hexadecimal digits.
    pub orders: String,
    /// Tells that they are those of this node.
    pub orders_same: bool,
    /// Hash of its policy, in hexadecimal digits.
    pub config: String,
    /// Tells that it is that of this node.
    pub config_same: bool,
    /// Generation of its table.
    pub generation: u64,
    /// Its anycast route, as [`ClusterSummary::route`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub route: String,
}

/// This node's last words.
struct OwnWords {
    ballot: Option<Ballot>,
    head: Option<NodeHead>,
}

impl Footing {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Apart => "apart",
            Self::Alone => "alone",
        }
    }
}

impl Cluster {
    /// Shows what this node knows of the others; `name` is the cluster's.
    #[must_use]
    pub fn view(&self, name: &str, now: Moment) -> ClusterView {
        let own = self.own_words();
        let members = self.roster.members();
        let mut nodes: Vec<NodeView> = members
            .map(|member| self.node_view(member, &own, now))
            .collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        ClusterView {
            summary: self.summary(name, &nodes, now),
            nodes,
        }
    }

    fn summary(&self, name: &str, nodes: &[NodeView], now: Moment) -> ClusterSummary {
        let this = self.roster.member(self.me);
        let heard = || {
            let nodes = nodes.iter();
            nodes.filter(|node| matches!(&*node.state, "this" | "heard"))
        };
        let named = |is_so: &dyn Fn(&NodeView) -> bool| {
            let all = heard().filter(|node| is_so(node));
            all.map(|node| node.name.clone()).collect()
        };
        let head = |node: &NodeView, is_same: fn(&HeadView) -> bool| {
            node.head.as_ref().is_some_and(|head| !is_same(head))
        };
        let told = CLUSTER_SKEW_TOLD.0;
        ClusterSummary {
            cluster: name.to_owned(),
            node: this.map(|own| own.name.clone()).unwrap_or_default(),
            footing: self.footing().word().to_owned(),
            vantages: HeardOf {
                heard: self.fresh(now).count() + usize::from(self.has_vote()),
                of: self.roster.vantages().len(),
            },
            nodes: HeardOf {
                heard: heard().count(),
                of: nodes.iter().filter(|node| node.state != "revoked").count(),
            },
            twin: self.twin,
            orders: short(&self.log.digest().0),
            orders_differ: named(&|node| head(node, |head| head.orders_same)),
            config_differs: named(&|node| head(node, |head| head.config_same)),
            declared_refused: self.declared.refused.clone(),
            secrets: self.vaults.doubts.clone(),
            skewed: {
                let off = |node: &&NodeView| node.skew_ms.is_some_and(|skew| skew > told);
                let off = nodes.iter().filter(off);
                off.map(|node| node.name.clone()).collect()
            },
            // The route is this node's own affair: whoever drives it says how it stands.
            route: String::new(),
            route_reason: String::new(),
            // So is how far it is with a release.
            release: None,
            others: {
                let others = nodes.iter().filter(|node| node.state != "this");
                let short = others.map(|node| OtherNode {
                    name: node.name.clone(),
                    state: node.state.clone(),
                });
                short.collect()
            },
            // Carriers know of certificates.
            certificates: Vec::new(),
            certificate_expires: None,
            nats: None,
        }
    }

    fn node_view(
        &self,
        (author, member): (Author, &RosterMember),
        own: &OwnWords,
        now: Moment,
    ) -> NodeView {
        let is_self = author == self.me;
        let heard = self.heard.get(&author).filter(|_| !is_self);
        let told = self.heads.get(&author).filter(|_| !is_self);
        let came = self.last_heard(author).filter(|_| !is_self);
        let age = came.map(|came| now.since(came));
        let (ballot, head) = if is_self {
            (own.ballot.as_ref(), own.head.as_ref())
        } else {
            (
                heard.map(|(_, ballot)| &**ballot),
                told.map(|(_, head)| head),
            )
        };
        let hears = ballot.iter().flat_map(|ballot| &ballot.heard);
        let hears = hears.filter_map(|other| self.roster.member(*other));
        let mut hears: Vec<String> = hears.map(|other| other.name.clone()).collect();
        hears.sort();
        NodeView {
            name: member.name.clone(),
            region: member.region.clone(),
            provider: member.provider.clone(),
            part: match member.role {
                MemberRole::Vantage => "vantage",
                MemberRole::Follower => "follower",
            }
            .to_owned(),
            state: self.state_word(author, age).to_owned(),
            age_ms: age.map(|age| age.0),
            // Whoever carries knows it.
            heard_by: None,
            skew_ms: heard.map(|(hearing, _)| hearing.skew().0),
            doubting: ballot.is_some_and(|ballot| ballot.trust == Trust::Doubting),
            hears,
            // A record does not say it: whoever has the config does.
            control: None,
            head: head.map(|head| self.head_view(head, own)),
        }
    }

    fn state_word(&self, author: Author, age: Option<Span>) -> &'static str {
        if self.void.contains(&author) {
            return "revoked";
        }
        match age {
            _ if author == self.me => "this",
            Some(age) if age <= self.window() => "heard",
            Some(_) => "late",
            None => "silent",
        }
    }

    /// This node's last vote and head, as others have them.
    fn own_words(&self) -> OwnWords {
        let own = |stream| self.newest.get(&(self.me, stream)).map(Sealed::content);
        let (vote, head) = (own(RecordStream::Vote), own(RecordStream::Head));
        OwnWords {
            ballot: vote.and_then(|content| Ballot::unpack(content).ok()),
            head: head.and_then(|content| NodeHead::unpack(content).ok()),
        }
    }

    fn head_view(&self, head: &NodeHead, own: &OwnWords) -> HeadView {
        let own = own.head.as_ref();
        // This node's own orders are newer than what it said of them last.
        let is_self = own.is_some_and(|own| std::ptr::eq(own, head));
        let now = self.log.digest();
        let orders = if is_self { now } else { head.digest };
        HeadView {
            orders: short(&orders.0),
            orders_same: orders == now,
            config: short(&head.config),
            config_same: own.is_none_or(|own| own.config == head.config),
            generation: head.generation,
            route: head.route.word().to_owned(),
        }
    }
}

/// The first octets of a hash.
fn short(hash: &[u8; 32]) -> String {
    to_hexadecimal(&hash[..SHOWN])
}
