//! Waypost: a health-aware authoritative DNS server and global traffic manager.
//!
//! *Text becomes a plan; probes become health; plan and health become a table; a table and a
//! query become an answer.* Each "becomes" is a pure function in a folder of its own. There are two cores
//! without I/O and clock, [`engine`] (health, orders, steering) and [`zones`] (what zones hold, and what becomes
//! of it over time), and one driver, [`daemon`], that carries inputs in and outputs out and owns no rule. What
//! waits, listens, or reads a clock lives in [`io`].
//!
//! ```text
//!  config.toml   geo.mmdb   operator             zone files   primaries   keys   updates   wall clock
//!         \        |           |                       \          |        |        |         /
//!          config::compile     | orders                 '---------+--------+--------+--------'
//!                |             v                                  v
//!              Plan ----> engine::Engine <-- reports -- io::probe  zones::ZoneEngine --> disk, primaries, secondaries
//!                          | health -> Standings                  | overlays -> keys -> signatures
//!                          |-- Output::Probe --> io::probe        |-- Output::Work, Fetch, Remember, Copy, Tell
//!                          |-- Output::Notice --> log, metrics    |-- Output::Notice --> log
//!                          |                                      '-- Output::Publish(zones) --.
//!                          |<------------------------------------------------------------------'
//!                          '-- Output::Publish(Arc<Table>): steering and zones of one generation
//!                                    v
//!                          io::publish (the one ArcSwap)
//!                                    | one look per batch of queries
//!     client --bytes--> io::serve --> answer::answer(table, client, query, reply) --bytes--> client
//! ```
//!
//! # Floors
//!
//! A module names only modules on lower floors; `tests/pure/tidy` holds the list of allowed
//! edges and fails when an import breaks it, when a word of effect appears below `io`, or when
//! a file outgrows its room. It also holds lists that may only shrink: files of one folder that name each
//! other in a circle, type names that stand for several things, doc comments that begin with a clause.
//!
//! | floor | folder | what it is |
//! |---|---|---|
//! | 0 | [`base`] | moments, shares, ids, standings, reasons, the keyed hash, every limit |
//! | 1 | [`dns`] | names, in-place query parsing, reply writing, EDNS, cookies, TSIG, transfers, zone data, keys and signatures; the only folder that names a DNS library |
//! | 1 | [`geo`] | address -> place -> network class; knows no DNS, opens no files |
//! | 2 | [`text`] | text in TOML taken apart: tables and values with their places, and all that is wrong with them |
//! | 2 | [`names`] | machines that are known by name: which is asked for when, and which addresses it has; knows time, as an argument, and no sockets |
//! | 2 | [`discovery`] | endpoints that are discovered: which list of a source is taken, how much of it at once, what goes on where none comes; knows time, as an argument, and no sockets |
//! | 2 | [`keys`] | when keys are published, when they sign, when they go; knows time, as an argument, and no files |
//! | 2 | [`import`] | configs of other servers -> a config, zone files, and what could not be said; text to text |
//! | 3 | [`monitor`] | how an endpoint can be checked: one file for each type, with its keys, defaults, files and needs |
//! | 4 | [`plan`] | what was decided before start, of steering and of zones: dense, resolved, immutable |
//! | 5 | [`config`] | text -> `Spec` -> `Plan`, or all errors, each with file, line, column and a help line |
//! | 5 | [`health`] | probe outcomes -> `Standing`; rise, fall, hold-down, gates, approval, ramp, drains and guards. Knows time, as an argument |
//! | 5 | [`steer`] | standings -> who serves which cohort, and who when places are full; knows no time and no DNS |
//! | 6 | [`share`] | what several nodes know together: records, votes and their ruling, orders and how they merge; whoever carries records is elsewhere |
//! | 6 | [`table`] | the routing table: build, independent check, explain |
//! | 7 | [`audit`] | what a plan may ever do: the fence proved, two plans compared, what another config weakens |
//! | 7 | [`answer`] | (table, client, query) -> reply bytes and outcome; never waits, never fails, never allocates |
//! | 7 | [`zones`] | `handle(now, wall, input)`, `poll()`, `wake_at()`; sole owner of what zones hold: files, transfers, challenges, keys, signatures, serials, expiry |
//! | 7 | [`engine`] | `handle(now, input)`, `poll()`, `wake_at()`; sole owner of health, orders and steering |
//! | 8 | [`sim`] | a world that drives engine and answer in virtual time, by seed or by scenario |
//! | 9 | [`io`] | clock, publish, files, keys, state, timeline, audit log, metrics, privileges; above them serve, probe, control, transfer and handover, blind to each other |
//! | 10 | `hickory` | behind the feature of that name: the answers of a table as a request handler of hickory-server |
//! | 10 | [`daemon`] | the driver: start order, control loop, signals, reload, log |
//! | 11 | [`cli`] | the subcommands and the demo |
//!
//! # Who works for whom
//!
//! One thread per core answers UDP, on a socket of its own. TCP is answered in a runtime of its own;
//! both cores, probes and control share another ([`io`] gives the parts, [`daemon`] starts them). What takes
//! long for a zone (signing, rendering, taking a transfer) is a job that runs on a thread of its own and
//! changes nothing. What can be done before a query comes is done then: a zone holds each RRset, and a table
//! each pool's addresses, as the octets that a reply copies. The writer's side frees the tables that it has
//! replaced, because with the last one of a config goes a whole zone.
//!
//! # What a zone goes through
//!
//! A zone comes from its file or from a primary. Over a file is laid what is declared ([`zones::declared`]), over that what comes and goes by itself (challenges, a
//! serial, keys), then it is signed, and the engine publishes it with the next table: so records, signatures and
//! steering of one answer are of one generation. A change of one zone is no reload: it reads no config, parses no
//! other zone and touches no probe, and costs what it changes ([`dns::zone::Zone::amended`],
//! [`dns::zone::signed`]). A signature is a function of content, key and time, and a steered name has a
//! finite list of answers ([`table::variants`](fn@table::variants)), of a thousand endpoints no more than some
//! thousands, so all of them are there before they are asked for, and two nodes make the same. A zone that was signed
//! and cannot be signed any more is withheld (SERVFAIL), never answered unsigned.
//!
//! Signing stands in nobody's way. Many signatures are made in steps, on threads of the lowest priority, and nothing else
//! waits for a step. Meanwhile the zone goes on with its last version; one that has none (a new zone, a start) answers
//! SERVFAIL with the extended error Not Ready until it is signed. What was signed is kept over restarts, bound to
//! what it is over and to the key, and only what is missing, stale or damaged is made anew ([`dns::zone::signed`]).
//!
//! # Which zones a client sees
//!
//! A zone may have a version for each **view** ([`plan::ClientViews`]) and one for everybody else, the default's. Each version is a
//! zone of its own to [`zones`]: with keys, signatures, serials and secondaries. The source of a query chooses a view once, and with it
//! a table that differs in its zones alone ([`table::Table::seen_from`]); from there on nothing knows of views. Where there are none,
//! the loop that answers has no such choice in it.
//!
//! # How a client finds its endpoint
//!
//! The address (the ECS prefix if one is given, else the source) falls into a **class** of the
//! service's **map** ([`plan::Map`]): all networks that prefer the same regions inside the same
//! fence. The same address, cut to its /24 or /48 and hashed with a key, falls into one of a
//! thousand **cohorts** ([`plan::Plan::cohort`]). The class says in which order regions are
//! consulted, the cohort says whose clients move first when an endpoint's share is partial.
//!
//! Per tier a **cohort order** ([`plan::CohortOrder`]) gives each cohort its order of endpoints, dealt out by
//! weight, and for each a rank; an endpoint with a share of `s` permille serves the cohorts
//! whose rank is below `s`. So weights hold exactly, survivors share by weight, and as a share
//! rises each client moves at most once. Because all ranges of a map are maximal, the widest
//! prefix around an address that lies in one class is computed from the range itself, and is
//! the ECS scope.
//!
//! A tier is a **fleet** ([`plan::Fleet`]) where that is not enough: where it has more than 64 endpoints, where a thousand
//! cohorts cannot hold its weights, or where its answers are signed and all choices of them would be too many.
//! It answers with one of its **sets**, as many as it has endpoints at most, each endpoint in exactly its share of them. The
//! cohort says, as above, whether the client is one of those that move first; which set it is, the client's whole hash
//! draws, so that weights hold exactly and not to a thousandth. Who draws a set of which nobody is up draws again. Of a set of
//! which some are up others fill the places of those that are not; in a signed zone, where every answer is known
//! beforehand, the largest part of it that is up answers, of `n (log2 k + 1)` parts that there are of `n` endpoints and
//! `k` in an answer.
//!
//! Where capacities are stated and a demand does not fit by preference alone, a class is *diverted*:
//! some of its cohorts are sent past what is full, along its own preference and never out of its
//! fence ([`steer::capacity`]). Everything else is as if no capacity were stated.
//!
//! # How a monitor type comes in
//!
//! A type is a file in [`monitor`] (its keys, defaults, files, and what it needs of the service) and one of the same name
//! in [`io::probe`] (how it dials and judges), each declared and given one row in the registry beside it. The
//! variant of [`monitor::Check`], the keys that are refused for other types and the dispatch of probes all come of the
//! two rows. A type dials for itself: whether it connects at all is its own affair.
//!
//! # What health may do
//!
//! A **slot** is one address under one monitor; a **target** is one endpoint's addresses of
//! one family under a service's monitors and recovery. Families are apart because they fail
//! apart: an endpoint whose IPv6 is dead keeps its IPv4 clients. `health` turns a target into a
//! [`base::Standing`], `steer` turns standings into choices; they meet in nothing else. Which
//! names and types exist is decided by the config alone.
//!
//! # Who may order
//!
//! Every rule of access stands in [`plan::AccessRules`]. `io::control` finds out who asks (the kernel's word over the socket, a token, a
//! certificate), what that one's role allows, and whether its scope covers every endpoint of an order. A change is written in the log
//! of changes ([`io::audit`]) before it is made, and is refused where it cannot be; updates by keys (RFC 2136), SIGHUP, and a config
//! that the watch has read too.
//! DNS asks none of this.
//!
//! # What outlives the process
//!
//! [`engine::Engine::snapshot`] is all that the engine knows, by names that outlast a process, and
//! [`engine::Engine::resume`] starts from one; what a time away means for each part stands in `engine::resume`.
//! [`io::state`] keeps it, and an order is answered once it is on the disk. Signatures are kept beside it, and nobody waits
//! for those; nor for geo databases, which are kept as their files say and not as a config makes use of them
//! ([`io::state::geo_data`]). An upgrade ([`io::handover`]) passes sockets
//! and drawn secrets to the new process, and the state by the disk: the old one lets go of it, the new one resumes,
//! answers, and only then the old one ends.
//!
//! What happened in the last day is kept as well ([`io::history`]), for people alone: nothing is decided by it, and nothing waits
//! for it.
//!
//! # Who may change what
//!
//! Whoever asks the control API is known by the kernel, a token or a certificate, has a role, and is written into the
//! audit log before anything is done ([`io::control`], [`io::audit`]). Nobody asks when a file changes by itself: then
//! [`audit::weaken`] judges, and what weakens waits for somebody who says that it is meant.
//!
//! # Glossary
//!
//! Words of DNS are those of RFC 9499. What is Waypost's own:
//!
//! | word | meaning |
//! |---|---|
//! | **amend** | make a zone of another with some RRsets replaced |
//! | **answer path** | from the octets of a query to those of the reply; waits for nothing, allocates nothing |
//! | **base** | a zone as its file or its primary has it, before anything is laid over it |
//! | **challenge** | a TXT record that proves control of a name for a while, set by an order or an update |
//! | **class** | client networks that a plan treats alike for a service |
//! | **cohort** | one of a thousand parts of the clients, by a keyed hash of their network |
//! | **combination** | how the monitors of one address decide together, where not all of them must hold |
//! | **compose** | lay challenges, serial and keys over a base, and sign it |
//! | **copy** | the file in which the last good version of a zone from a primary is kept |
//! | **declare** | have an RRset served that no file has, by an order or an update; it stays until it is removed |
//! | **fence** | jurisdictions that an answer may lie in |
//! | **fleet** | a tier that is dealt out by draws of each client, because it is too large or too fine for cohorts |
//! | **generation** | the number of a published table |
//! | **job** | work on one zone that takes long, done off the core |
//! | **mount** | a steered name in a zone, and the service that it belongs to |
//! | **pool** | a service's endpoints of one family in one region |
//! | **record** | of a cluster: what one node says to all, signed by it |
//! | **snapshot** | all that the engine knows at a moment, kept over restarts |
//! | **set** | endpoints of a fleet that answer together |
//! | **slot** | one address under one monitor; what is probed |
//! | **standing** | what steering may know of a target: its share, why, until when |
//! | **target** | an endpoint's addresses of one family under a service's monitors and recovery |
//! | **ticket** | the number by which a core answers later whoever asked |
//! | **timeline** | what happened in the last day, and how shares have changed |
//! | **unready** | of a zone: there, and not answered yet, because its signatures are being made |
//! | **variant** | an answer that a steered name may have, known and signed beforehand |
//! | **version** | of a zone: what the clients of one view see of it |
//! | **view** | client networks that are answered from versions of zones of their own; of a table: what the clients of one region are given, by standings of their own |
//! | **weaken** | of a config: take away what protects (a fence, a gate, a signature, a right, a guard) or what is served |
//! | **window** | of maintenance: a time by the wall clock in which something is drained |
//! | **withheld** | of a zone: there, and not answered, because it was signed and its keys cannot be used |
pub mod answer;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod discovery;
pub mod dns;
pub mod engine;
pub mod geo;
pub mod health;
#[cfg(feature = "hickory")]
pub mod hickory;
pub mod import;
pub mod io;
pub mod keys;
pub mod monitor;
pub mod names;
pub mod plan;
pub mod share;
pub mod sim;
pub mod steer;
pub mod table;
pub mod text;
pub mod zones;
