//! A program that runs hickory-server with a zone of its own, and mounts steered names beside it: asked by hickory-resolver, over
//! UDP and over TCP.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::{A, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_server::Server;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};
use waypost::hickory::Handler;
use waypost::io::publish::Published;

use crate::sample;

/// What the program serves already: `www.example.com`.
fn catalog() -> Catalog {
    let apex: Name = "example.com.".parse().unwrap();
    let www: Name = "www.example.com.".parse().unwrap();
    let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
        InMemoryZoneHandler::empty(apex.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(apex.clone(), apex.clone(), 1, 60, 60, 60, 60);
    let address = A(Ipv4Addr::new(203, 0, 113, 80));
    zone.upsert_mut(Record::from_rdata(apex.clone(), 60, RData::SOA(soa)), 1);
    zone.upsert_mut(Record::from_rdata(www, 60, RData::A(address)), 1);
    let mut catalog = Catalog::new();
    catalog.upsert(apex.into(), vec![Arc::new(zone)]);
    catalog
}

/// Serves a table beside that, on one port of both transports.
async fn serve(table: Arc<Published>) -> (Server<Handler<Catalog>>, SocketAddr) {
    let mut server = Server::new(Handler::new(table, catalog()));
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        // Another test may have the port for UDP.
        if let Ok(socket) = UdpSocket::bind(at).await {
            server.register_socket(socket);
            server.register_listener(listener, Duration::from_secs(60), 16);
            return (server, at);
        }
    }
}

/// A resolver that asks this server alone, and keeps nothing.
fn resolver(at: SocketAddr, mut by: ConnectionConfig) -> TokioResolver {
    by.port = at.port();
    let server = NameServerConfig::new(at.ip(), true, vec![by]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder.options_mut().cache_size = 0;
    builder.options_mut().timeout = Duration::from_secs(30);
    builder.build().unwrap()
}

/// The addresses of a name, sorted; nothing where there is no answer.
async fn addresses(resolver: &TokioResolver, name: &str) -> Vec<String> {
    let Ok(found) = resolver.lookup(name, RecordType::A).await else {
        return Vec::new();
    };
    let data = found.answers().iter().map(|record| record.data.to_string());
    let mut data: Vec<String> = data.collect();
    data.sort();
    data
}

/// Endpoints that have one of these addresses.
fn owners(addresses: &[String]) -> Vec<&'static str> {
    let endpoints = sample::plan().endpoints.iter();
    let has = |own: &std::net::IpAddr| addresses.contains(&own.to_string());
    let owners = endpoints.filter(|one| one.addresses.iter().any(has));
    owners.map(|one| &*one.name).collect()
}

#[tokio::test]
async fn a_resolver_hears_what_the_table_says_and_the_other_zones() {
    let published = Arc::new(Published::new(Arc::new(sample::table(&[]))));
    let (mut server, at) = serve(Arc::clone(&published)).await;
    for by in [ConnectionConfig::udp(), ConnectionConfig::tcp()] {
        published.publish(Arc::new(sample::table(&[])));
        let resolver = resolver(at, by);
        let heard = async |name| addresses(&resolver, name).await;
        let steered = heard("api.example.org.").await;
        let down = owners(&steered);
        assert!(!down.is_empty(), "{steered:?}");
        assert_eq!(heard("mail.example.org.").await, ["192.0.2.25"]);
        assert!(heard("nowhere.example.org.").await.is_empty());
        assert_eq!(heard("www.example.com.").await, ["203.0.113.80"]);
        assert!(heard("www.example.net.").await.is_empty());
        // The next table is in force as soon as it is published.
        published.publish(Arc::new(sample::table(&down)));
        let next = heard("api.example.org.").await;
        assert!(
            !next.is_empty() && next.iter().all(|own| !steered.contains(own)),
            "{next:?}"
        );
    }
    server.shutdown_gracefully().await.unwrap();
}
