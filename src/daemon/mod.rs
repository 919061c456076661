//! The driver: it starts what runs, carries inputs into both cores and outputs out, and owns no rule.
//!
//! | module | what it does |
//! |---|---|
//! | `run` | the server with signals and logs, to its end |
//! | `server` | the running server: start order, and its parts joined |
//! | `control_loop` | the task that owns both cores |
//! | `channels` | what it works with, and what it listens to |
//! | `declared_orders` | orders about declared objects, and questions about whole configs, handed on to whoever reads and compares those |
//! | `declaring` | declared services and other objects: judged, compiled with the files, kept and taken into force |
//! | `composing` | what was read again, on its way into force |
//! | `zone_driver` | what the engine of zones says, carried out |
//! | `ordered`, `order_words` | orders that wait for the engine's answer, and the answer in words |
//! | `agreeing`, `cluster_orders`, `order_spread` | orders on their way through a cluster, and who knows them |
//! | `keeper` | what the engine knows, kept; orders that wait for the disk |
//! | `prepared` | a config that was read, with all that the cores need of it |
//! | `names` | machines that are known by name: resolvers asked, and what is known handed on |
//! | `discovering`, `discovered_lists` | sources of endpoints asked, and their lists compiled |
//! | `readdress` | other addresses of them, on their way into force |
//! | `dry_start` | a start without sockets, so that what a config costs can be counted |
//! | `reader` | the thread that reads the config, and files of zones, again |
//! | `watched` | what the watch reads, in the audit log |
//! | `geo_keeper` | what was compiled of the geo database, kept for the next start |
//! | `transfers` | who answers what the answering threads hand on |
//! | `observer` | how much clients have asked since the engine was last told |
//! | `judge`, `weigh` | what a config that was read again would change; whether it may be taken |
//! | `maintenance` | windows of the config, ordered when they are due |
//! | `pushed` | the slots that a report is of that nobody asked for |
//! | `cluster`, `cluster_view` | what goes between the engine and the other nodes, and what is told of them |
//! | `carrier` | what carries it to them |
//! | `cluster_load` | what all nodes answer together |
//! | `expiry` | when the server's own certificate expires |
//! | `sockets` | what is listened on, opened or taken over before anything runs |
//! | `upgrade` | another program started in this one's place |
//! | `runtimes` | what runs where |
//! | `comparer` | a config that somebody brings, held against the one in force, and that one proved |
//! | `findings` | what is doubtful or wrong in a config, in lines of the log |
//! | `log`, `log_form`, `sink` | the log, the forms of its lines for machines, and the queue through which they go |
//! | `notice_log`, `notice_lines`, `order_log` | what of the engine's notices stands in it, and in which words |
mod agreeing;
mod anycast;
mod carrier;
mod channels;
mod cluster;
mod cluster_load;
mod cluster_orders;
mod cluster_view;
mod comparer;
mod composing;
mod control_loop;
mod declared_orders;
mod declared_sharing;
mod declared_words;
mod declaring;
mod discovered_lists;
mod discovering;
mod distribution;
pub(crate) mod dry_start;
mod expiry;
mod findings;
mod geo_keeper;
mod judge;
mod keeper;
mod key_sharing;
mod key_watch;
mod latest_writer;
mod log;
mod log_form;
mod maintenance;
mod measured_keeper;
mod names;
mod notice_lines;
mod notice_log;
mod observer;
mod order_log;
mod order_spread;
mod order_words;
mod ordered;
pub(crate) mod prepared;
mod pushed;
mod readdress;
mod reader;
mod reload_effects;
mod run;
mod runtimes;
mod secret_sharing;
pub(crate) mod server;
mod shared_text;
mod signalled;
mod sink;
pub(crate) mod sockets;
mod transfers;
pub(crate) mod upgrade;
mod watched;
mod weigh;
mod zone_driver;
mod zone_work;

pub(crate) use channels::Shown;
pub(crate) use run::{StartRole, run, runtime};

/// What went wrong, in words for the person at the terminal; the exit code is 1.
pub(crate) type Failure = String;
