//! `waypost query`: asks a name server and shows all that it tells, and why it says so.
//!
//! | module | what it decides |
//! |---|---|
//! | `words` | what is asked of whom, read from the command line |
//! | `exchange` | how a question travels: UDP, TCP, TLS |
//! | `trust` | whose certificate is taken |
//! | `reason` | what the control API says of the answer |
//! | `page` | how all of it is shown |
//!
//! A truncated reply is asked for again over TCP, and a server that insists on a cookie of its own
//! is asked again with it; both are said. Everything else is asked once: a lost packet is a finding.
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::arguments::{Cli, Query};
use super::proof::Credentials;
use super::remote::{self, ControlWay, Remote};
use super::say;
use crate::daemon::Failure;
use crate::dns::ask::{Question, Told, Want};
use crate::io::files;
use exchange::{Exchanged, Transport, Way};
use page::Page;
use reason::Reasons;
use words::{Asked, ServerWord};

mod exchange;
mod page;
mod reason;
mod trust;
mod words;

/// What a server says that wants its own cookie back first (RFC 7873, section 5.2.3).
const BADCOOKIE: u16 = 23;
/// Response codes that are answers: NOERROR and NXDOMAIN.
const ANSWERS: [u16; 2] = [0, 3];
/// Octets of a client cookie (RFC 7873, section 4).
const CLIENT_COOKIE_BYTES: usize = 8;

/// Asks, and prints the reply.
pub(super) fn query(arguments: &Query) -> Result<ExitCode, Failure> {
    let asked = words::read(&arguments.words).unwrap_or_else(|error| misused(&error));
    let way = way(arguments, asked.server.as_ref())?;
    let question = question(arguments, &asked)?;
    let mut notes = Vec::new();
    let exchanged = ask(&way, question.clone(), &mut notes)?;
    let reasons = reasons(arguments, &asked, &exchanged);
    let page = Page {
        question: &question,
        way: &way,
        exchanged: &exchanged,
        reasons: reasons.as_ref(),
        notes: &notes,
    };
    match arguments.json {
        true => say(&page.to_json()?),
        false => say(page.to_string().trim_end()),
    }
    let unexplained =
        arguments.control.is_some() && reasons.is_some_and(|found| found.is_missing());
    let is_answer = ANSWERS.contains(&exchanged.reply.rcode);
    Ok(match is_answer && !unexplained {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Ends as for any wrong use.
fn misused(error: &str) -> ! {
    let mut command = Cli::command();
    command.build();
    let query = command.find_subcommand_mut("query");
    let query = query.expect("the command that was called is there");
    query.error(ErrorKind::ValueValidation, error).exit()
}

/// How to reach the server: the one that is named, or the config's first listener.
fn way(arguments: &Query, named: Option<&ServerWord>) -> Result<Way, Failure> {
    let transport = match (arguments.tls, arguments.tcp) {
        (true, _) => Transport::Tls,
        (false, true) => Transport::Tcp,
        (false, false) => Transport::Udp,
    };
    let server = match named {
        Some(word) => word.resolve(transport)?,
        None => listener_in(&arguments.config.config, transport)?,
    };
    let trust = match transport {
        Transport::Tls => {
            let host = named.map_or_else(|| server.ip().to_string(), |word| word.host.clone());
            let name = arguments.tls_name.as_deref().unwrap_or(&host);
            Some(trust::Trust::new(
                arguments.ca.as_deref(),
                arguments.insecure.into(),
                name,
            )?)
        }
        Transport::Udp | Transport::Tcp => None,
    };
    Ok(Way {
        server,
        transport,
        patience: std::time::Duration::from_millis(arguments.timeout.0),
        trust,
    })
}

/// The config's first listener; TLS is asked for at its own port there.
fn listener_in(path: &Path, transport: Transport) -> Result<std::net::SocketAddr, Failure> {
    let contact = files::contact(path)
        .map_err(|error| format!("{error}; name the server as @SERVER, or give --config FILE"))?;
    let listen = contact.server.ok_or_else(|| {
        let path = path.display();
        format!("{path} has no [server] listen that can be read: name the server as @SERVER")
    })?;
    let mut server = remote::reachable(listen);
    if transport == Transport::Tls {
        server.set_port(transport.port());
    }
    Ok(server)
}

fn question(arguments: &Query, asked: &Asked) -> Result<Question, Failure> {
    let mut wants = Vec::new();
    if arguments.dnssec {
        wants.push(Want::Dnssec);
    }
    if arguments.nsid {
        wants.push(Want::Identity);
    }
    if let Some(network) = arguments.subnet {
        wants.push(Want::Subnet(network.address, network.prefix));
    }
    if arguments.cookie {
        let mut octets = [0; CLIENT_COOKIE_BYTES];
        exchange::fill(&mut octets)?;
        wants.push(Want::Cookie(octets.to_vec()));
    }
    if arguments.tls {
        wants.push(Want::Padding);
    }
    Ok(Question {
        name: asked.name.clone(),
        rtype: asked.rtype,
        wants,
    })
}

/// Asks, once more where the reply says so.
fn ask(way: &Way, mut question: Question, notes: &mut Vec<String>) -> Result<Exchanged, Failure> {
    let mut exchanged = exchange::exchange(way, &question)?;
    if exchanged.reply.rcode == BADCOOKIE && with_server_cookie(&mut question, &exchanged) {
        notes.push("the server wanted its cookie first; asked again with it".to_owned());
        exchanged = exchange::exchange(way, &question)?;
    }
    if exchanged.transport == Transport::Udp && exchanged.reply.is_truncated() {
        let octets = exchanged.octets;
        notes.push(format!(
            "truncated over UDP at {octets} octets; asked again over TCP"
        ));
        exchanged = exchange::exchange(&way.by(Transport::Tcp), &question)?;
    }
    Ok(exchanged)
}

/// Puts the cookie of the reply behind the question's own; whether there is one.
fn with_server_cookie(question: &mut Question, exchanged: &Exchanged) -> bool {
    let server = exchanged.reply.told().iter().find_map(|told| match told {
        Told::Cookie { server, .. } if !server.is_empty() => Some(server),
        Told::Cookie { .. }
        | Told::Identity { .. }
        | Told::Subnet { .. }
        | Told::Keepalive { .. }
        | Told::Padding { .. }
        | Told::Error { .. }
        | Told::Other { .. } => None,
    });
    let own = question.wants.iter_mut().find_map(|want| match want {
        Want::Cookie(octets) => Some(octets),
        Want::Subnet(..) | Want::Dnssec | Want::Identity | Want::Padding => None,
    });
    match (server, own) {
        (Some(server), Some(own)) => {
            own.truncate(CLIENT_COOKIE_BYTES);
            own.extend(server);
            true
        }
        (_, None) | (None, _) => false,
    }
}

/// What the control API says: of the server that is named, or of the config's own if it was asked.
fn reasons(arguments: &Query, asked: &Asked, exchanged: &Exchanged) -> Option<Reasons> {
    let remote = match (&arguments.control, &asked.server) {
        (Some(url), _) => Remote::at(url, &Credentials::default()),
        (None, Some(_)) => return None,
        // A config without a control listener has no reason to tell, which is no fault.
        (None, None) => Remote::by(
            ControlWay::in_config(&arguments.config.config).ok()?,
            &Credentials::default(),
        ),
    };
    let client = arguments
        .subnet
        .map_or(exchanged.local, |network| network.address);
    Some(reason::find(remote, asked, client))
}
