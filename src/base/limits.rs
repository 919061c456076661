//! Every bound of the program, in one place (promise 8).
//!
//! What the operator may set is in the config; what is here bounds what the config may ask
//! for, and what a stranger's packet may cost.
use super::Span;

/// Cohorts into which client networks are divided: one permille each.
pub const COHORTS: u16 = 1000;
/// IPv4 clients are told apart no finer than this when cohorts matter (RFC 7871, section 11.1).
pub const COHORT_PREFIX_V4: u8 = 24;
/// IPv6 clients are told apart no finer than this when cohorts matter.
pub const COHORT_PREFIX_V6: u8 = 48;

/// Longest name on the wire (RFC 1035, section 3.1).
pub const NAME_BYTES: usize = 255;
/// Doubtful records of one zone that are told one by one.
pub const ZONE_ADVICE: usize = 1000;
/// Most aliases (CNAME, DNAME) followed for one answer.
pub const ALIAS_HOPS: usize = 8;
/// Most names in an answer whose addresses are added to it; what a delegation needs is not counted.
pub const ADDITIONAL_TARGETS: usize = 32;
/// Largest UDP reply when the client offers EDNS (DNS flag day 2020).
pub const UDP_REPLY_BYTES: usize = 1232;
/// Largest UDP reply without EDNS (RFC 1035, section 4.2.1).
pub const UDP_REPLY_BYTES_PLAIN: usize = 512;
/// Largest message at all.
pub const MESSAGE_BYTES: usize = 65_535;

/// Secrets that cookies are checked with: the one in use, and others that come or go.
pub const COOKIE_SECRETS: usize = 4;
/// Least bound on the octets of a UDP reply, as a multiple of its query's, that a config may ask for:
/// a question, an OPT record and a cookie always fit.
pub const AMPLIFICATION_LEAST: u16 = 3;
/// Largest such bound; no reply is so many times as long as its query.
pub const AMPLIFICATION_MOST: u16 = 1000;
/// Most replies per second that a rate limit may be set to.
pub const RATE_LIMIT_MOST: u32 = 1_000_000;
/// Longest window that a rate limit may have.
pub const RATE_LIMIT_WINDOW_MOST: Span = Span::from_secs(3600);
/// Networks that may be exempt from it.
pub const RATE_LIMIT_EXEMPT: usize = 1000;
/// Networks and classes whose replies are counted at a time, all together 4 MiB; of more, those that
/// owe least are forgotten.
pub const RATE_BUCKETS: usize = 1 << 19;
/// Networks that are named while they are limited; more are limited without being named.
pub const RATE_WATCHED: usize = 64;

/// Queries taken from, and replies given to, the kernel at once.
pub const UDP_BATCH: usize = 64;
/// Longest query that is read over UDP; queries are a question and an OPT record.
pub const UDP_QUERY_BYTES: usize = 2048;
/// Largest UDP reply that a config may ask for (`server.udp_reply_bytes`).
pub const UDP_REPLY_BYTES_MOST: usize = 4096;
/// Room for bursts in a UDP socket; the kernel gives what it allows.
pub const UDP_RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Turns of an answering thread of which one is timed.
pub const TIMED_TURNS: u32 = 64;
/// How long a thread that stops goes on to answer what has come over UDP.
pub const UDP_DRAIN: Span = Span::from_secs(2);
/// Records of one update (RFC 2136), prerequisites and changes together.
pub const UPDATE_RECORDS: usize = 1000;
/// Records of one declared RRset.
pub const DECLARED_SET_RECORDS: usize = 512;
/// Octets of RDATA of one.
pub const DECLARED_SET_BYTES: usize = 32 * 1024;
/// Changes of declared records in one batch.
pub const DECLARED_CHANGES: usize = 20_000;
/// Octets of the body of a batch.
pub const DECLARED_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Batches of them that may wait.
pub const DECLARED_WAITING: usize = 256;
/// Declared services, monitors, regions and endpoints in all.
pub const DECLARED_OBJECTS: usize = 20_000;
/// Octets of one of them as JSON.
pub const DECLARED_OBJECT_BYTES: usize = 256 * 1024;
/// Octets of a batch of anything declared that all nodes of a cluster share; a larger one has to be sent in several.
pub const DECLARED_SHARED_BYTES: usize = 160 * 1024;
/// Things declared no more that a zone, or the objects, are remembered by, so that nothing older brings them back; the oldest go.
pub const DECLARED_GRAVES: usize = 10_000;
/// Octets of the file in which they are kept.
pub const DECLARED_FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// TXT records of `_acme-challenge` names that are kept at once.
pub const CHALLENGES: usize = 4096;
/// The same, of one name.
pub const CHALLENGES_PER_NAME: usize = 32;
/// Octets of RDATA of one.
pub const CHALLENGE_BYTES: usize = 512;
/// Orders and updates of them that may wait.
pub const CHALLENGES_WAITING: usize = 64;
/// Octets of the file in which they are kept.
pub const CHALLENGES_FILE_BYTES: u64 = 32 * 1024 * 1024;
/// Zones that primaries say may have changed, and that nobody has looked at yet.
pub const NOTIFICATIONS_WAITING: usize = 4096;
/// Octets of the file in which orders of all nodes of a cluster are kept.
pub const CLUSTER_FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// Octets of the file in which health, orders and demand are kept.
pub const HEALTH_FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// Geo databases that are kept compiled.
pub const GEO_FILES_KEPT: usize = 4;
/// Octets of one of them: ten times what 10 million networks take.
pub const GEO_FILE_KEPT_BYTES: u64 = 1024 * 1024 * 1024;
/// Longest time that the end of the server waits for what is to be kept.
pub const KEEP_AT_END: Span = Span::from_secs(5);
/// Octets of the file in which serials of zones and the like are kept.
pub const TRANSFERS_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Octets of the file in which the signatures of one zone are kept; one that would be longer is not written.
pub const SIGNATURES_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Octets of kept signatures that are written in a second at the most, of all zones together.
pub const SIGNATURES_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;
/// Least time between two writes of one zone's signatures.
pub const KEEP_SIGNATURES_EVERY: Span = Span::from_secs(10);
/// Signatures that are made at once when a zone is composed; more are made in steps of their own.
pub const SIGNATURES_AT_ONCE: usize = 2048;
/// Messages of one kind that may wait for whoever answers what must be waited for; twice, apart for datagrams and for
/// streams.
pub const DEFERRED_WAITING: usize = 256;
/// The same, of one peer.
pub const DEFERRED_BY_PEER: usize = 64;
/// Connections that the kernel holds until they are accepted.
pub const STREAM_BACKLOG: i32 = 1024;
/// How long connections may take to finish once the server stops.
pub const STREAM_DRAIN: Span = Span::from_secs(3);
/// Connections at once, over all clients and all stream transports, unless the config says
/// otherwise. One that is encrypted holds some 20 kB while it idles.
pub const STREAM_CONNECTIONS: usize = 4096;
/// Fewest connections that a config may allow (`server.connections`).
pub const STREAM_CONNECTIONS_LEAST: usize = 16;
/// Most connections that a config may allow.
pub const STREAM_CONNECTIONS_MOST: usize = 65_536;
/// Connections at once from one client address (or IPv6 /64), over all stream transports.
pub const STREAM_CONNECTIONS_PER_CLIENT: usize = 64;
/// How long a connection may be silent while there is room (RFC 7766, section 6.2.3).
pub const STREAM_IDLE: Span = Span::from_secs(10);
/// How long a connection may be silent when every place is taken.
pub const STREAM_IDLE_LEAST: Span = Span::from_secs(1);
/// How long a peer may take for a handshake, to read one reply or to finish one query.
pub const STREAM_TRANSFER: Span = Span::from_secs(5);
/// Queries answered on one connection before it is closed.
pub const STREAM_QUERIES: usize = 10_000;
/// Octets of replies to pipelined queries that are gathered before they are written.
pub const STREAM_BATCH_BYTES: usize = 16 * 1024;
/// Octets that are read and thrown away after the last reply, so that it is not lost to a reset.
pub const STREAM_LINGER_BYTES: usize = 64 * 1024;
/// Queries that one HTTP/2 or QUIC connection may have open at once.
pub const STREAM_REQUESTS: u32 = 32;
/// Octets of one such query.
pub const STREAM_REQUEST_BYTES: usize = 4096;
/// Octets of the head of an HTTP request; a query in its address has to fit in.
pub const HTTPS_HEAD_BYTES: u32 = 16 * 1024;
/// Octets that one QUIC connection may have under way in each direction.
pub const QUIC_WINDOW_BYTES: u32 = 256 * 1024;
/// QUIC connections that have begun and not yet been looked at.
pub const QUIC_INCOMING: usize = 256;
/// Octets that wait with each of them.
pub const QUIC_INCOMING_BYTES: u64 = 16 * 1024;
/// How long before its expiry the server's own certificate is cause for alarm.
pub const CERTIFICATE_SOON: Span = Span::from_secs(7 * 24 * 3600);
/// How often that is said.
pub const CERTIFICATE_ALARM_EVERY: Span = Span::from_secs(6 * 3600);
/// Time before its expiry from which on the status tells of the certificate that a node shows to the others of its cluster.
pub const CERTIFICATE_NEAR: Span = Span::from_secs(14 * 24 * 3600);
/// Padded replies are a multiple of so many octets (RFC 8467, section 4.1).
pub const PADDING_BLOCK: u16 = 468;

/// Octets to which the messages of a zone transfer are filled: compression pointers reach so far.
pub const TRANSFER_MESSAGE_BYTES: usize = 16 * 1024;
/// Zone transfers given at once, over all clients; each holds a version of a zone.
pub const TRANSFERS_OUT: usize = 32;
/// Versions of a zone behind the present one from which a secondary gets the changes alone.
pub const JOURNAL_VERSIONS: usize = 16;
/// Records of one transferred zone.
pub const TRANSFER_RECORDS: usize = 20_000_000;
/// Octets of one transferred zone, as they come, unless the config says otherwise (`max_size`).
pub const TRANSFER_BYTES: u64 = 256 * 1024 * 1024;
/// Fewest octets that a config may bound one to: a message with an SOA and a signature.
pub const TRANSFER_BYTES_LEAST: u64 = 4096;
/// Most octets that a config may allow one.
pub const TRANSFER_BYTES_MOST: u64 = 16 * 1024 * 1024 * 1024;
/// How long a primary may take to connect, and for each message.
pub const TRANSFER_SILENCE: Span = Span::from_secs(10);
/// How long one zone transfer may take in all.
pub const TRANSFER_WHOLE: Span = Span::from_secs(600);
/// Time that a start waits for zones that it has no copy of; the others are answered no later than that.
pub const TRANSFER_AT_START: Span = Span::from_secs(1);
/// Time that a start waits for zones to be as they should once they are composed, at most.
pub const ZONES_AT_START: Span = Span::from_secs(10);
/// Zone transfers taken at once from one primary; more wait for their turn.
pub const TRANSFERS_IN_BY_PRIMARY: usize = 16;
/// Zone transfers taken at once, over all primaries.
pub const TRANSFERS_IN: usize = 256;
/// Descriptors that are kept for listeners, files, logs and the like, whatever connections there are.
pub const DESCRIPTORS_OWN: usize = 192;
/// Shortest and longest time between two looks at a primary, whatever the SOA says.
pub const REFRESH_BOUNDS: (Span, Span) = (Span::from_secs(2), Span::from_secs(24 * 3600));
/// Shortest and longest time after which a zone that cannot be refreshed is given up.
pub const EXPIRE_BOUNDS: (Span, Span) = (Span::from_secs(10), Span::from_secs(90 * 24 * 3600));
/// How long a secondary has to acknowledge a notification the first time; each further try waits twice as long.
pub const NOTIFY_WAIT: Span = Span::from_secs(1);
/// How often one secondary is told of one version.
pub const NOTIFY_TRIES: u32 = 6;
/// Primaries of one zone.
pub const PRIMARIES: usize = 16;
/// Secondaries told of one zone's changes, and rules of who may have it.
pub const SECONDARIES: usize = 256;

/// Size from which the file of the audit log is rotated away.
pub const AUDIT_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Octets of one of its lines.
pub const AUDIT_LINE_BYTES: u64 = 64 * 1024;
/// Failures to prove an identity, or to have a right, that are recorded one by one …
pub const REFUSALS_TOLD: u32 = 10;
/// … within this time; of more, the number is.
pub const REFUSALS_WINDOW: Span = Span::from_secs(10);
/// Connections of each control listener at once.
pub const CONTROL_CONNECTIONS: usize = 64;
/// Octets of a control request's head.
pub const CONTROL_HEAD_BYTES: usize = 16 * 1024;
/// How long a control request may take in all; a reload of a large config takes a while.
pub const CONTROL_WHOLE_REQUEST: Span = Span::from_secs(90);
/// How long a turn of the control loop may take before the process is called unhealthy; idle, it
/// turns once a second.
pub const CONTROL_LOOP_TURN: Span = Span::from_secs(3);
/// Time that an upgrade may take until the new program answers, at most and unless it is said.
pub const UPGRADE: Span = Span::from_secs(80);
/// Names that one question to `explain` may suppose down.
pub const EXPLAIN_SUPPOSED: usize = 64;
/// Octets of each text of an operator's order: its scope, its author, its reason.
pub const ORDER_TEXT_BYTES: usize = 512;
/// Orders in force or to come; further ones are refused.
pub const ORDERS_HELD: usize = 1000;
/// Orders that have ended, as the history shows them; the oldest goes first.
pub const ORDERS_PAST: usize = 500;
/// Age past which an order that has ended is forgotten, however few there are.
pub const ORDERS_PAST_AGE: Span = Span::from_secs(90 * 24 * 3600);
/// Time that an override holds if nobody says.
pub const OVERRIDE_DEFAULT: Span = Span::from_secs(3600);
/// Time that an override may hold at most: what is meant for longer belongs in the config.
pub const OVERRIDE_LONGEST: Span = Span::from_secs(30 * 24 * 3600);
/// Scrapes of the metrics that are made at once; each holds a text of some octets for each series.
pub const SCRAPES: usize = 2;
/// The time for which a further one waits for its turn.
pub const SCRAPE_PATIENCE: Span = Span::from_secs(5);
/// Endpoints whose transitions within [`BURST_WINDOW`] are written one by one; of more, there is a line for each region
/// and cause.
pub const BURST_ENDPOINTS: usize = 50;
/// The time over which transitions are counted for that.
pub const BURST_WINDOW: Span = Span::from_secs(1);
/// Longest time for which the first results of endpoints are gathered while more keep coming.
pub const BURST_FIRST: Span = Span::from_secs(10);
/// Endpoints that such a line names.
pub const BURST_NAMED: usize = 3;
/// Log lines that may wait for a slow reader; further ones are lost, and counted.
pub const LOG_LINES_WAITING: usize = 4096;
/// How often the engine is told how much clients ask for.
pub const OBSERVE_EVERY: Span = Span::from_secs(10);
/// Commands that may wait for the engine.
pub const COMMANDS_WAITING: usize = 1024;
/// How long a control request may take to arrive.
pub const CONTROL_REQUEST: Span = Span::from_secs(5);

/// Probes in flight at once.
pub const PROBES_IN_FLIGHT: usize = 2048;
/// Probes that may wait for one of those in flight to end; more are given up as local failures.
pub const PROBES_WAITING: usize = 16_384;
/// Shortest time for which a report of a machine holds.
pub const PUSH_TTL_LEAST: Span = Span(1000);
/// Time between two steps of a weight that follows a value.
pub const WEIGHT_STEP: Span = Span(10_000);
/// Programs of `exec` monitors that run at once.
pub const EXEC_AT_ONCE: usize = 16;
/// Octets of what such a program says that are kept.
pub const EXEC_OUTPUT_BYTES: usize = 4096;
/// How long a TCP probe that has passed may wait for the peer to close as well.
pub const PROBE_LINGER: Span = Span(200);
/// Bytes of the head of a response that a probe takes.
pub const PROBE_HEAD_BYTES: usize = 16 * 1024;
/// Header fields of a response that a probe takes: more than fit into [`PROBE_HEAD_BYTES`].
pub const PROBE_HEADERS: usize = 4096;
/// Bytes of a response body that a probe reads.
pub const PROBE_BODY_BYTES: usize = 64 * 1024;
/// Octets that a monitor may send over a plain connection, and of what comes back that a probe reads.
pub const PROBE_DIALOGUE_BYTES: usize = 16 * 1024;
/// Steps of a dialogue over a plain connection.
pub const PROBE_DIALOGUE_STEPS: usize = 16;
/// How long after its first look a probe looks again at a standby whose replay seems too old.
pub const PROBE_SECOND_LOOK: Span = Span(100);
/// Connections that probes keep from one to the next at the most; further ones are closed.
pub const PROBE_CONNECTIONS_KEPT: usize = 16_384;
/// Age at which a kept connection is closed and a new one is dialled, at the latest: a listener that died may be
/// survived by its connections.
pub const PROBE_CONNECTION_AGE: Span = Span::from_secs(10 * 60);
/// Longest time for which the certificate of a server is not verified in full while its TLS sessions are resumed.
pub const PROBE_VERIFY_EVERY: Span = Span::from_secs(3600);
/// Shortest time between two turns of the control loop that take reports and start probes: what comes meanwhile is taken
/// together.
pub const PROBE_BATCH: Span = Span(5);
/// Shortest probe interval that a config may ask for.
pub const PROBE_INTERVAL_LEAST: Span = Span(100);
/// Age past which, over a restart, the last look at an address says nothing any more; three of its
/// intervals if these are longer.
pub const HEALTH_OUTDATED: Span = Span::from_secs(15 * 60);
/// Shortest time between two writes of what has changed of health.
pub const KEEP_EVERY: Span = Span::from_secs(1);
/// Longest time after which it is kept that time has passed, and that the last look at an address was a newer one.
pub const KEEP_AGE_EVERY: Span = Span::from_secs(10);
/// How long a changed table may wait for further changes before it is published.
pub const COALESCE: Span = Span(100);

/// Bytes of the config file itself.
pub const CONFIG_BYTES: u64 = 64 * 1024 * 1024;
/// Files that a config may include; together with it they have no more bytes than the config alone may have.
pub const INCLUDED_FILES: usize = 1000;
/// Bytes of one file that the config names.
pub const FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Files that one config may name, with all that they include: one for each zone, and as many more.
pub const FILES: usize = 2 * ZONES;
/// Files that are looked at for changes at one poll, a second, on average: 10 ms of processor time.
pub const FILES_AT_A_POLL: usize = 10_000;

/// Networks that regions and services claim, in all: each has a mark of 16 bits.
pub const CLAIMED_NETWORKS: usize = 60_000;

/// Views of a plan.
pub const VIEWS: usize = 256;
/// Networks of all views.
pub const VIEW_NETWORKS: usize = 10_000;

/// Regions of a plan.
pub const REGIONS: usize = 256;
/// Endpoints of a plan.
pub const ENDPOINTS: usize = 100_000;
/// Services of a plan.
pub const SERVICES: usize = 10_000;
/// Zones of a plan: eight times as many as the largest collection of public zone files holds. So many small
/// ones take 3 s of processor time to read, at the start and at each reload, and 250 MB.
pub const ZONES: usize = 100_000;
/// Keys of a plan that are shared with other servers.
pub const TSIG_KEYS: usize = 10_000;
/// Keys of a zone that its state remembers, those that were removed included.
pub const KEYS_REMEMBERED: usize = 32;
/// How often a new key is made when the tags of those before were taken.
pub const KEY_TRIES: usize = 64;
/// Steps that a zone's keys take at one look; more wait for the next.
pub const KEY_STEPS: usize = 64;
/// Octets of one file in the folder of the keys.
pub const KEY_FILE_BYTES: u64 = 64 * 1024;
/// Canaries of a plan.
pub const CANARIES: usize = 16;
/// Intervals of a monitor that may pass without a look before what it watches is unwatched.
pub const UNWATCHED_INTERVALS: u64 = 3;
/// Shortest time without a look after which something is unwatched.
pub const UNWATCHED_LEAST: Span = Span::from_secs(2);
/// Monitors of a plan.
pub const MONITORS: usize = 10_000;
/// Jurisdictions of a plan (bits of a set, one of them taken by "none").
pub const JURISDICTIONS: usize = 62;
/// Endpoints of one tier of one pool.
pub const TIER_MEMBERS: usize = 1000;
/// Endpoints of a tier that is dealt out by cohort; a larger one is a fleet.
pub const COHORT_MEMBERS: usize = 64;
/// Draws of a client among the sets of a fleet, before all that could answer are compared: with one in ten of them
/// up, one client in thirty is not served by then.
pub const FLEET_DRAWS: usize = 32;
/// Lines of the log that wait for one receiver of `[notify]`; what comes beyond them is left out, and counted.
pub const NOTIFY_QUEUE: usize = 1024;
/// Samples of answers that wait for the thread that writes them (`[dnstap]`); what comes beyond them is dropped, and counted.
pub const DNSTAP_QUEUE: usize = 1024;
/// Samples that are written at once.
pub const DNSTAP_TOGETHER: usize = 256;
/// Octets of a file of samples at which another is begun; the one before it is kept, and no more.
pub const DNSTAP_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Lines of the log in one message to a receiver.
pub const NOTIFY_TOGETHER: usize = 200;
/// Octets of the file of the addresses of names.
pub const NAMES_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Octets of the file of discovered endpoints.
pub const DISCOVERED_BYTES: u64 = 64 * 1024 * 1024;
/// Octets of a list of endpoints, as its source has it.
pub const DISCOVERED_LIST_BYTES: u64 = 16 * 1024 * 1024;
/// Octets of the file of tables of measured times.
pub const MEASURED_FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Questions for addresses of names that are out at once.
pub const NAME_QUESTIONS: usize = 64;
/// Resolvers of a config.
pub const RESOLVERS: usize = 8;
/// Depth to which combinations of monitors can lie in each other.
pub const COMBINATION_DEPTH: usize = 4;
/// Monitors of one combination: so few that two combinations can be compared case by case.
pub const COMBINED_MONITORS: usize = 12;
/// Addresses of one endpoint.
pub const ENDPOINT_ADDRESSES: usize = 64;
/// Endpoints in one answer.
pub const ANSWERS: usize = 16;
/// Bytes of records in one steered answer; leaves room for a header, a question and OPT.
pub const STEERED_RRSET_BYTES: usize = 900;
/// Octets of RDATA in one RRset that follows the choice; a message holds it several times.
pub const RECORD_SET_BYTES: usize = 16_384;
/// Choices of endpoints of one tier that may all be signed beforehand; where there are more, the tier is a fleet.
pub const TIER_SUBSETS: usize = 4096;
/// Answers of one family that a service may give, where they are signed beforehand: a tier of
/// [`TIER_MEMBERS`] endpoints, [`ANSWERS`] in an answer, has 5,000 of them, so there may be 52 such tiers.
pub const STEERED_ANSWERS: usize = 262_144;
/// Network classes of one map.
pub const CLASSES: usize = 60_000;
/// Regions that a service may share its clients out among by weight.
pub const WEIGHTED_REGIONS: usize = 32;
/// Orders of regions that clients of one class may draw: the first two places of [`WEIGHTED_REGIONS`], or all of six.
pub const REGION_ORDERS: usize = 1000;
/// Fences of one map that networks with several may have in common.
pub const SHARED_FENCES: usize = 1024;
/// How deep `$INCLUDE` may nest.
pub const INCLUDE_DEPTH: usize = 8;
/// Most records that one `$GENERATE` may make.
pub const GENERATED_RECORDS: u32 = 1 << 20;

/// Choices of a ring that the planning of capacity follows in their order; past them, members with
/// room are taken in the order of the config.
pub const CAPACITY_CHOICES: usize = 4;
/// Steps that one planning of capacity may take to make room by moving others; what has found no
/// room by then is treated as if there were none.
pub const CAPACITY_STEPS: u64 = 2_000_000;

/// Time for which the timeline goes back at least; what is older is forgotten.
pub const HISTORY_KEPT: Span = Span::from_secs(26 * 3600);
/// Events of the timeline.
pub const HISTORY_EVENTS: usize = 20_000;
/// Minutes of the timeline: somewhat more than [`HISTORY_KEPT`] has.
pub const HISTORY_MINUTES: usize = 1600;
/// Samples of the latency of probes.
pub const HISTORY_LATENCIES: usize = 320;
/// Time between two samples of the latency of probes, in minutes.
pub const HISTORY_LATENCY_MINUTES: u64 = 5;
/// Changes of shares that the timeline goes back by.
pub const HISTORY_CHANGES: usize = 200_000;
/// Things that may wait to be remembered; what comes then is not.
pub const HISTORY_WAITING: usize = 4096;
/// Octets of one file of the timeline.
pub const HISTORY_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Octets of all its files.
pub const HISTORY_FILES_BYTES: u64 = 64 * 1024 * 1024;
/// Readers of the live state at once; each has a connection of [`CONTROL_CONNECTIONS`].
pub const LIVE_READERS: usize = 32;
/// Changes of the live state that are kept for readers who come back.
pub const LIVE_MESSAGES: usize = 256;
/// Octets of them.
pub const LIVE_BYTES: usize = 4 * 1024 * 1024;
/// Longest time of one connection that reads the live state; it comes back and goes on where it was.
pub const LIVE_CONNECTION: Span = Span::from_secs(60);
/// Maps that are kept for whoever asks for the same again.
pub const MAPS_KEPT: usize = 64;
/// Octets of a config that is to be compared with the one in force.
pub const COMPARED_BYTES: usize = 4 * 1024 * 1024;

/// Records in which a node tells what it serves of its zones' keys: some 200 zones in each.
pub const CLUSTER_RINGS: usize = 64;
/// Secrets that one node gives at once, and the octets of them; who gets none of these gets some later.
pub const CLUSTER_SECRETS: (usize, usize) = (1024, 40 * 1024);
/// Secrets that all nodes have in common, and the octets of those that one node gives at once.
pub const CLUSTER_VAULT: (usize, usize) = (64, 24 * 1024);
/// Octets of the file in which they are kept.
pub const VAULT_BYTES: u64 = 1024 * 1024;
/// Records in which the text of a release is given, and the octets of each.
pub const CLUSTER_RELEASE: (u16, usize) = (24, 40 * 1024);
/// Time after which a release is halted whose table is not published.
pub const RELEASE_UNPUBLISHED: Span = Span::from_secs(10);
/// Time that a node which begins waits for others to tell whether its keys are theirs.
pub const CLUSTER_KEYS_AWAITED: Span = Span::from_secs(15);
/// Nodes of a roster.
pub const CLUSTER_MEMBERS: usize = 1024;
/// Vantages of a roster.
pub const CLUSTER_VANTAGES: usize = 64;
/// Peers that one node asks.
pub const CLUSTER_PEERS: usize = 64;
/// NATS servers of one node; questions of others that wait there, and octets a second that it reads from a server.
pub const CLUSTER_NATS: (usize, usize, usize) = (8, 16, 8 * 1024 * 1024);
/// Octets of a line of NATS, and octets a second that it takes from one node over it.
pub const CLUSTER_NATS_LINE: (usize, usize) = (64 * 1024, 512 * 1024);
/// Octets of one shared record, signature included.
pub const CLUSTER_RECORD_BYTES: usize = 48 * 1024;
/// Octets of one that holds what is declared, and up to which small changes are put together in one; records of such for each author.
pub const CLUSTER_DECLARED: (usize, usize, u16) = (192 * 1024, 40 * 1024, 256);
/// Octets of records that one node gives another at once.
pub const CLUSTER_BUNDLE_BYTES: usize = 256 * 1024;
/// Octets in which a node says what it has.
pub const CLUSTER_HAVE_BYTES: usize = 256 * 1024;
/// Targets that one vote speaks of.
pub const CLUSTER_TARGETS: usize = 131_072;
/// Causes that one vote gives.
pub const CLUSTER_CAUSES: usize = 64;
/// Targets of which one vote tells for how long they have been up, and for how long it does.
pub const CLUSTER_RISEN: (usize, Span) = (64, Span::from_secs(600));
/// Names of targets in one record.
pub const CLUSTER_NAMES_AT_ONCE: usize = 4096;
/// Rows of one record of loads.
pub const CLUSTER_LOAD_ROWS: usize = 1024;
/// Zones whose serials one head names.
pub const CLUSTER_SERIALS: usize = 1024;
/// Entries of one author's log that are kept, and their octets: what fits twice into what is given at once.
pub const CLUSTER_LOG: (usize, usize) = (512, 120 * 1024);
/// Starts of one author that a node remembers the last entry of.
pub const CLUSTER_LOG_BOOTS: usize = 64;
/// Entries that one names as seen when it was written.
pub const CLUSTER_SEEN: usize = 64;
/// Octets of an entry's scope, author, reason and content.
pub const CLUSTER_TEXT_BYTES: (usize, usize, usize, usize) = (255, 128, 512, 6 * 1024);
/// Time that an entry which ends by itself is kept past the longest that any such may hold.
pub const CLUSTER_SPENT_KEPT: Span = Span::from_secs(3600);
/// Time for which an approval waits for the return that it is for, on nodes where that is late.
pub const CLUSTER_APPROVAL: Span = Span::from_secs(24 * 3600);
/// Difference of two falls of one target, as two nodes saw them, that are the same outage.
pub const CLUSTER_FALLS_APART: Span = Span::from_secs(60);
/// Time for which whoever gives an order waits until the other nodes know it.
pub const CLUSTER_ORDER_KNOWN: Span = Span(1500);
/// Time for which a vote counts, and no less than three beats.
pub const CLUSTER_FRESH: Span = Span::from_secs(15);
/// Difference of two nodes' clocks that is told.
pub const CLUSTER_SKEW_TOLD: Span = Span::from_secs(30);
/// Difference of two nodes' clocks from which votes do not count and entries wait.
pub const CLUSTER_SKEW_MOST: Span = Span::from_secs(300);
/// Time between two heads, by which a node tells what it has and runs.
pub const CLUSTER_HEAD_EVERY: Span = Span::from_secs(5);
/// Time for which something is wrong until an anycast route is withdrawn, beyond that for which another node's word on its route
/// counts: so nobody goes by what was so before.
pub const CLUSTER_ROUTE_UNSOUND: Span = Span::from_secs(5);
/// Time after the last return of an anycast route from which the next withdrawal is no part of a series.
pub const CLUSTER_ROUTE_CALM: Span = Span::from_secs(3600);
/// Time for which a load counts.
pub const CLUSTER_LOAD_FRESH: Span = Span::from_secs(30);

/// Connections of other nodes at once, and those of one node among them.
pub const CLUSTER_CONNECTIONS: (usize, usize) = (64, 2);
/// Handshakes of other nodes at once; the oldest goes for the next.
pub const CLUSTER_HANDSHAKES: usize = 16;
/// Longest wait for news on a question that another node asks.
pub const CLUSTER_POLL: Span = Span::from_secs(5);
/// Time for which news are gathered before they are given.
pub const CLUSTER_GATHERED: Span = Span(50);
/// Time in which a handshake is made.
pub const CLUSTER_HANDSHAKE: Span = Span::from_secs(3);
/// Time for which a connection stands; then another begins, by the files as they are then.
pub const CLUSTER_CONNECTION: Span = Span::from_secs(300);
