//! The carrier between peers over real TLS on loopback: what arrives, who is let in, and what the bad cost.
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use waypost::base::Span;
use waypost::io::carry::peers::Peers;
use waypost::io::carry::{CarrierTools, SharedCopy};
use waypost::io::clock::Clock;
use waypost::io::metrics::Metrics;
use waypost::plan::{ClusterFiles, ClusterNode, ClusterPart, ClusterRules};
use waypost::share::{
    Author, AuthorSeal, Boot, Cluster, ClusterStart, Intent, LogAct, MemberAdmission, MemberRole,
    Roster, RosterMember, TargetNames, Trust, Tuning,
};

mod bent;
mod exchange;
mod trust;

use crate::membership::NodeAuthority;

/// Longer than anything takes here, however busy the machine.
const LONG: Duration = Duration::from_secs(60);
/// The names of nodes, in the order of the ring.
const NAMES: [&str; 15] = [
    "fra1", "osl1", "sin1", "tor1", "v04", "v05", "v06", "v07", "v08", "v09", "v10", "v11", "v12",
    "v13", "v14",
];
/// A year in which no test runs any more.
const LATER: i32 = 2090;

/// A cluster on loopback: sockets that are open, files that are written, nodes that run where a test starts them.
struct Site {
    authority: NodeAuthority,
    folder: TempDir,
    listeners: Vec<TcpListener>,
}

/// A node that runs.
struct Node {
    copy: SharedCopy,
    metrics: Arc<Metrics>,
    peers: Peers,
    rules: Arc<ClusterRules>,
}

impl Site {
    /// Of so many nodes, each with a good certificate.
    fn new(nodes: usize) -> Self {
        let (authority, folder) = (NodeAuthority::new(), tempfile::tempdir().unwrap());
        let listen = |_| TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners = (0..nodes).map(listen).collect();
        for (serial, name) in (1..).zip(&NAMES[..nodes]) {
            authority.issue(folder.path(), (name, &[name]), serial, LATER);
        }
        Self {
            authority,
            folder,
            listeners,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn address(&self, node: usize) -> SocketAddr {
        self.listeners[node].local_addr().unwrap()
    }

    fn names(&self) -> &'static [&'static str] {
        &NAMES[..self.listeners.len()]
    }

    /// The rules of a node that asks these.
    fn rules(&self, node: usize, asked: &[usize]) -> ClusterRules {
        let name = NAMES[node];
        let nodes = self
            .names()
            .iter()
            .zip(1..)
            .map(|(name, number)| ClusterNode {
                name: (*name).to_owned(),
                key: seal(number).key().0,
                region: (*name).to_owned(),
                provider: "own".to_owned(),
                control: None,
                part: ClusterPart::Vantage,
            });
        ClusterRules {
            name: "test".to_owned(),
            node: name.to_owned(),
            nodes: nodes.collect(),
            beat: Span(1000),
            alone_after: None,
            up_while: None,
            withdraw: None,
            distribute: None,
            roll_cookies: Span(u64::MAX),
            listen: vec![self.address(node)],
            peers: asked
                .iter()
                .map(|at| self.address(*at).to_string())
                .collect(),
            nats: None,
            files: ClusterFiles {
                seal: self.path("unused"),
                certificate: self.path(&format!("{name}.pem")),
                private_key: self.path(&format!("{name}.key")),
                roots: self.path(&format!("{name}-ca.pem")),
                revoked: None,
            },
        }
    }

    /// Starts a node that asks these.
    fn start(&self, node: usize, asked: &[usize]) -> Node {
        self.start_by(node, self.rules(node, asked))
    }

    fn start_by(&self, node: usize, rules: ClusterRules) -> Node {
        let clock = Clock::start();
        let (rules, metrics) = (Arc::new(rules), Arc::new(Metrics::new(clock)));
        let tools = CarrierTools {
            copy: copy(node, &rules, clock),
            clock,
            metrics: Arc::clone(&metrics),
        };
        let listener = self.listeners[node].try_clone().unwrap();
        Node {
            copy: tools.copy.clone(),
            metrics,
            peers: Peers::start(vec![listener], Arc::clone(&rules), tools).unwrap(),
            rules,
        }
    }
}

impl Node {
    fn vote(&self) {
        self.copy.say(|cluster, now, wall| {
            let ballot = cluster.ballot(Trust::Sure);
            cluster.say(now, wall, ballot);
        });
    }

    fn order(&self, act: LogAct, scope: &str) {
        let intent = Intent {
            act,
            scope: scope.to_owned(),
            by: "ada".to_owned(),
            reason: String::new(),
            begins: None,
            expires: None,
        };
        let ordered = self
            .copy
            .say(|cluster, _, wall| cluster.order(wall, intent));
        ordered.unwrap();
    }

    /// The nodes whose votes have come, by number.
    fn hears(&self) -> Vec<usize> {
        let heard: Vec<Author> = self
            .copy
            .look(|cluster, _, _| cluster.hearings().map(|(author, _)| author).collect());
        let all = 0..NAMES.len();
        all.filter(|node| heard.contains(&author(*node))).collect()
    }

    /// Scopes of all orders.
    fn orders(&self) -> Vec<String> {
        self.copy.look(|cluster, _, _| {
            let entries = cluster.log().entries();
            entries.map(|entry| entry.entry.scope.clone()).collect()
        })
    }

    /// Octets that went one way, of records and questions.
    fn carried(&self, direction: &str) -> u64 {
        let series = format!("waypost_cluster_carried_bytes_total{{direction=\"{direction}\"}} ");
        self.count(&series)
    }

    /// How often there was a trouble with a member.
    fn troubles(&self, member: &str, trouble: &str) -> u64 {
        let start =
            format!("waypost_cluster_troubles_total{{peer=\"{member}\",trouble=\"{trouble}\"}} ");
        self.count(&start)
    }

    fn count(&self, series: &str) -> u64 {
        let text = self.metrics.render(None);
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix(series));
        count.map_or(0, |count| count.parse().unwrap())
    }
}

/// The secret of a node, by its number from 1.
fn seal(number: u8) -> AuthorSeal {
    AuthorSeal::from_seed(&[number; 32]).unwrap()
}

fn author(node: usize) -> Author {
    seal(u8::try_from(node).unwrap() + 1).key().author()
}

/// The copy of a node that knows nothing yet.
fn copy(node: usize, rules: &ClusterRules, clock: Clock) -> SharedCopy {
    let members = rules.nodes.iter().map(|node| RosterMember {
        name: node.name.clone(),
        key: waypost::share::AuthorKey(node.key),
        region: node.region.clone(),
        provider: node.provider.clone(),
        role: MemberRole::Vantage,
        admission: match node.part {
            ClusterPart::Vantage | ClusterPart::Follower => MemberAdmission::Admitted,
            ClusterPart::RevokedVantage | ClusterPart::RevokedFollower => MemberAdmission::Revoked,
        },
    });
    let roster = Roster::new(&rules.name, members.collect()).unwrap();
    let tuning = Tuning {
        beat: rules.beat,
        alone_after: rules.alone_after,
        up_while: rules.up_while,
    };
    let start = ClusterStart {
        now: clock.now(),
        boot: Boot::at(clock.calendar().utc, 0),
    };
    let number = u8::try_from(node).unwrap() + 1;
    let mut cluster = Cluster::new(seal(number), Arc::new(roster), tuning, start);
    cluster.plan(vec![TargetNames::hash("a")]);
    SharedCopy::new(cluster, clock)
}

/// Waits until something holds; what is done meanwhile is done again and again.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(Duration::from_millis(20));
    }
}
