//! Tables of the config into [`Spec`]: which keys there are, what they default to, and what can
//! be said of one table without looking at another.
//!
//! A broken table still gives its part of the spec, with defaults in the gaps: its errors are
//! reported already, and what refers to it by name should not be reported as well.
mod acme;
mod catalog;
mod cluster;
mod control;
mod defence;
mod discovery;
mod dnssec;
mod dynamic;
mod endpoint;
mod guard;
mod maintenance;
mod monitor;
mod notify;
mod observation;
mod place;
mod records;
mod recovery;
mod resolvers;
mod service;
mod steering;
mod tls;
mod transfer;
mod tsig;
mod views;
mod watch;

pub(crate) use defence::parse_secret;
pub(crate) use place::client_place;
pub(crate) use recovery::default_steps;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::include::{self, Surroundings};
use super::reader::{At, Fields, Reader, items, plain};
use super::spec::{GeoSpec, SOCKET, ServerSpec, Spec, Wish, ZoneSpec, beside, default_audit};
use super::value::{self, path};
use crate::base::limits::{STREAM_CONNECTIONS_LEAST, STREAM_CONNECTIONS_MOST, UDP_REPLY_BYTES};
use crate::geo::{NamedCity, Network, Territory};
use crate::text::document::Document;

/// How many connections a config may allow.
const CONNECTIONS: RangeInclusive<usize> = STREAM_CONNECTIONS_LEAST..=STREAM_CONNECTIONS_MOST;

/// Where the server that a config describes is reached, whatever else may be wrong with the config.
#[derive(Debug)]
pub struct Contact {
    /// `[control] listen`, if it could be read.
    pub control: Option<SocketAddr>,
    /// `[control] socket`, relative to the folder of the config; absent = none.
    pub socket: Option<PathBuf>,
    /// `[control] audit`, likewise.
    pub audit: Option<PathBuf>,
    /// Tells whether that listener speaks TLS.
    pub encrypted: bool,
    /// The first of `[server] listen`, if it could be read.
    pub server: Option<SocketAddr>,
    /// What is not TOML, and what is wrong with these keys.
    pub diagnostics: Diagnostics,
}

/// Reads only where the server is reached.
pub(crate) fn contact(path: &Path, text: &str, around: &Surroundings<'_>) -> Contact {
    let mut document = include::document(path, text, around);
    let text = Arc::clone(document.text());
    let mut found = Diagnostics::of_document(&document);
    let table = include::table(&text, &mut document, around, &mut found);
    let reader = Reader::new(found);
    let mut fields = reader.document(&table);
    let (mut control, mut socket, mut encrypted) = (None, Wish::Default, false);
    let mut audit = Wish::Default;
    if let Some(mut own) = fields.table("control") {
        control = control::listen(&mut own);
        socket = control::socket(&mut own);
        encrypted = own.key("tls").is_some();
        audit = control::audit(&mut own);
    }
    let server = fields.table("server");
    let mut state = None;
    let server = server.and_then(|mut server| {
        state = plain(server.optional("state", self::path));
        listen_of_server(&mut server).into_iter().next()
    });
    let audit = match audit {
        Wish::Nothing => None,
        Wish::Default => Some(default_audit(path, state.as_deref())),
        Wish::Path(own) => Some(beside(path, &own.value)),
    };
    Contact {
        control: plain(control),
        socket: match socket {
            Wish::Nothing => None,
            Wish::Default => Some(beside(path, SOCKET)),
            Wish::Path(own) => Some(beside(path, &own.value)),
        },
        audit,
        encrypted,
        server: plain(server),
        diagnostics: reader.into_diagnostics(),
    }
}

/// Reads the text of a config file.
pub(crate) fn read(path: &Path, text: &str, around: &Surroundings<'_>) -> (Spec, Diagnostics) {
    let mut document = include::document(path, text, around);
    let text = Arc::clone(document.text());
    let mut found = Diagnostics::of_document(&document);
    let table = include::table(&text, &mut document, around, &mut found);
    let reader = Reader::new(found);
    let mut fields = reader.document(&table);
    include::read(&mut fields, &reader, around.included);
    let spec = spec(path, document, &mut fields);
    fields.finish();
    let mut found = reader.into_diagnostics();
    found.settle();
    (spec, found)
}

/// The keys of the whole config.
pub(super) fn spec(path: &Path, document: Document, fields: &mut Fields<'_, '_>) -> Spec {
    let (guard, ejection_bounds, canaries) = guard::guard(fields);
    Spec {
        path: path.to_owned(),
        document,
        server: server(fields),
        control: control::control(fields),
        tokens: control::tokens(fields),
        geo: geo(fields),
        zones: zones(fields),
        views: views::views(fields),
        jurisdictions: place::jurisdictions(fields),
        regions: place::regions(fields),
        monitors: monitor::monitors(fields),
        recoveries: recovery::recoveries(fields),
        services: service::services(fields),
        maintenance: maintenance::windows(fields),
        tsig: tsig::keys(fields),
        acme: acme::acme(fields),
        dynamic: dynamic::dynamic(fields),
        cluster: cluster::cluster(fields),
        resolvers: resolvers::resolvers(fields),
        discovery: discovery::discoveries(fields),
        guard,
        ejection_bounds,
        canaries,
    }
}

fn server(document: &mut Fields<'_, '_>) -> ServerSpec {
    let Some(mut fields) = document.table("server") else {
        if document.key("server").is_none() {
            document.missing(
                "server",
                "begin with `[server]` and `listen = [\"127.0.0.1:5300\"]`",
            );
        }
        return ServerSpec::default();
    };
    let spec = ServerSpec {
        listen: listen_of_server(&mut fields),
        identity: plain(fields.optional("identity", value::short_text)),
        version: plain(fields.optional("version", value::short_text)),
        udp_reply_bytes: plain(fields.optional("udp_reply_bytes", value::number(512..=4096)))
            .unwrap_or(u16::try_from(UDP_REPLY_BYTES).unwrap_or(u16::MAX)),
        threads: plain(fields.optional("threads", value::number(1..=1024))),
        cohort_key: fields.optional("cohort_key", value::secret),
        connections: plain(fields.optional("connections", value::number(CONNECTIONS))),
        tls: tls::tls(&mut fields),
        user: plain(fields.optional("user", value::short_text)),
        state: plain(fields.optional("state", path)),
        watch_off: plain(fields.optional("watch", value::boolean)) == Some(false),
        exec: plain(fields.optional("exec", value::boolean)) == Some(true),
        defence: defence::defence(&mut fields),
    };
    fields.finish();
    spec
}

fn listen_of_server(server: &mut Fields<'_, '_>) -> Vec<At<SocketAddr>> {
    let example = r#"["127.0.0.1:5300", "[::1]:5300"]"#;
    server.required_list("listen", example, value::socket)
}

fn geo(document: &mut Fields<'_, '_>) -> GeoSpec {
    let Some(mut fields) = document.table("geo") else {
        return GeoSpec::default();
    };
    let database = fields.optional("database", value::text);
    let spec = GeoSpec {
        database: database.filter(|path| path.value != "embedded"),
        asn_database: fields.optional("asn_database", value::path),
        overrides: overrides(&mut fields),
        default: items(fields.list("default", value::text)),
    };
    fields.finish();
    spec
}

fn overrides(fields: &mut Fields<'_, '_>) -> Vec<(At<Network>, Territory, Option<NamedCity>)> {
    let reader = fields.reader();
    let mut networks = Vec::new();
    for (text, own) in fields.pairs("overrides", place::locality) {
        let (territory, city) = own.value;
        match value::known_network(&text.value) {
            Ok(network) => networks.push((
                At {
                    value: network,
                    at: text.at,
                },
                territory,
                city,
            )),
            Err(trouble) => reader.trouble(&text.at, trouble),
        }
    }
    networks
}

fn zones(document: &mut Fields<'_, '_>) -> Vec<ZoneSpec> {
    if document.key("zones").is_none() {
        document.missing("zones", "write `[[zones]]` with `name` and `file`");
    }
    let mut zones = Vec::new();
    for mut fields in document.tables("zones") {
        let incoming = transfer::incoming(&mut fields);
        let catalog = catalog::catalog(&mut fields, incoming.is_some());
        zones.push(ZoneSpec {
            name: fields.required("name", r#""example.org""#, value::domain),
            view: views::of_zone(&mut fields),
            file: catalog::file(&mut fields, catalog.as_ref()),
            dnssec: dnssec::dnssec(&mut fields).map(Box::new),
            transfer: transfer::transfer(&mut fields).map(Box::new),
            incoming: incoming.map(Box::new),
            source: transfer::source(&mut fields),
            aliases: resolvers::aliases(&mut fields),
            catalog: catalog.map(Box::new),
            listed_by: None,
        });
        fields.finish();
    }
    zones.shrink_to_fit();
    zones
}
