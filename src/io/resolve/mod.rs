//! Asks resolvers for the addresses of machines that are known by name.
//!
//! A resolver is asked over UDP (and TCP where an answer is too large), TLS or HTTPS; which ones are asked is the config's
//! word, otherwise that of `/etc/resolv.conf`, which is read for each question, so that it may change. Nothing is cached here: how
//! long an answer holds is decided in [`crate::names`], by the TTLs that it came with.
//!
//! An answer is taken with its aliases. Where there is none, it is found out by asking for aliases one by one whether they
//! lead in a circle: resolvers tell that in as many ways as there are resolvers.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{self, RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::base::Span;
use crate::discovery::{DiscoveredEndpoint, EndpointList, ListedMachine};
use crate::dns::Name;
use crate::names::{LookupFailure, NameAnswer, Resolution};
use crate::plan::{Resolving, Spoken, Upstream};

/// Aliases that are followed to see whether they lead in a circle.
const ALIASES: usize = 16;
/// Times that a resolver is asked before another is.
const ATTEMPTS: usize = 2;

/// Asks by one config.
#[derive(Clone, Debug)]
pub struct NameResolver {
    resolving: Resolving,
    /// By the resolvers of the config; absent where the system's are asked.
    own: Option<Result<TokioResolver, String>>,
}

impl NameResolver {
    /// Asks as this says.
    #[must_use]
    pub fn new(resolving: &Resolving) -> Self {
        let own = (!resolving.servers.is_empty()).then(|| of_config(resolving));
        Self {
            resolving: resolving.clone(),
            own,
        }
    }

    /// Asks for the machines that SRV records of a name lead to (RFC 2782): each by its name, with its port, its weight, and as a tier below
    /// the first those of each higher priority.
    ///
    /// # Errors
    /// The reason why there is no answer; for a person.
    pub async fn services(&self, name: &Name) -> Result<EndpointList, String> {
        let asked = foreign(name).ok_or("no resolver takes the name")?;
        let found = self.resolver()?.lookup(asked, RecordType::SRV).await;
        let found = match found {
            Ok(found) => found,
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let code = none.response_code;
                return Err(
                    match (
                        code == ResponseCode::NXDomain,
                        code == ResponseCode::NoError,
                    ) {
                        (true, _) => "there is no such name".to_owned(),
                        (false, true) => "the name has no SRV records".to_owned(),
                        (false, false) => format!("the resolver says {code}"),
                    },
                );
            }
            Err(error) => return Err(error.to_string()),
        };
        let records = found.answers().iter().filter_map(|record| {
            let RData::SRV(own) = &record.data else {
                return None;
            };
            Some(own)
        });
        let records: Vec<&SRV> = records.collect();
        let priorities: BTreeSet<u16> = records.iter().map(|own| own.priority).collect();
        let machines = records.iter().filter(|own| !own.target.is_root());
        let machines = machines.map(|own| ListedMachine {
            id: None,
            endpoint: DiscoveredEndpoint {
                hostname: home(&own.target).map(|name| name.to_string()),
                port: Some(own.port),
                weight: weight(own, &records),
                rank: u16::try_from(priorities.range(..own.priority).count()).unwrap_or(u16::MAX),
                ..DiscoveredEndpoint::default()
            },
        });
        ListedMachine::list(machines.collect())
    }

    fn resolver(&self) -> Result<TokioResolver, String> {
        match &self.own {
            Some(own) => own.clone(),
            None => of_system(&self.resolving),
        }
    }

    /// Asks for both families of addresses of a name.
    pub async fn resolve(&self, name: &Name) -> Resolution {
        let resolver = self.resolver();
        let (resolver, asked) = match (resolver, foreign(name)) {
            (Ok(resolver), Some(asked)) => (resolver, asked),
            (Err(why), _) => return failed(&LookupFailure::Failed(why)),
            (Ok(_), None) => {
                return failed(&LookupFailure::Failed(
                    "no resolver takes the name".to_owned(),
                ));
            }
        };
        let (v4, v6) = tokio::join!(
            resolver.lookup(asked.clone(), RecordType::A),
            resolver.lookup(asked.clone(), RecordType::AAAA),
        );
        let families = [v4, v6].map(answer);
        let is_nothing = |one: &Result<NameAnswer, _>| {
            one.as_ref().is_ok_and(|found| found.addresses.is_empty())
        };
        let in_vain = families.iter().all(|one| one.is_err() || is_nothing(one));
        if in_vain && leads_in_a_circle(&resolver, asked).await {
            return failed(&LookupFailure::Loop);
        }
        Resolution { families }
    }
}

fn failed(failure: &LookupFailure) -> Resolution {
    Resolution {
        families: [Err(failure.clone()), Err(failure.clone())],
    }
}

/// The weight of a record beside the others of its priority: none where nobody of them has one, otherwise a small one in place of 0 (RFC 2782).
fn weight(own: &SRV, all: &[&SRV]) -> Option<u16> {
    let mut alike = all.iter().filter(|one| one.priority == own.priority);
    alike.any(|one| one.weight > 0).then(|| own.weight.max(1))
}

/// Takes the addresses, the aliases and the least TTL of an answer.
fn answer(found: Result<Lookup, NetError>) -> Result<NameAnswer, LookupFailure> {
    let found = match found {
        Ok(found) => found,
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let code = none.response_code;
            if code == ResponseCode::NoError {
                return Ok(NameAnswer::default());
            }
            return Err(match code == ResponseCode::NXDomain {
                true => LookupFailure::Vanished,
                false => LookupFailure::Failed(format!("the resolver says {code}")),
            });
        }
        Err(NetError::Dns(DnsError::ResponseCode(code))) => {
            return Err(LookupFailure::Failed(format!("the resolver says {code}")));
        }
        Err(error) => return Err(LookupFailure::Failed(error.to_string())),
    };
    let mut taken = NameAnswer {
        ttl: Span(u64::MAX),
        ..NameAnswer::default()
    };
    for record in found.answers() {
        if let RData::A(own) = &record.data {
            taken.addresses.push(own.0.into());
        } else if let RData::AAAA(own) = &record.data {
            taken.addresses.push(own.0.into());
        } else if let RData::CNAME(own) = &record.data {
            taken.chain.extend(home(&own.0));
        } else {
            continue;
        }
        taken.ttl = taken.ttl.min(Span::from_secs(u64::from(record.ttl)));
    }
    Ok(taken)
}

/// Follows aliases one by one; tells whether they come back to a name, or never end.
async fn leads_in_a_circle(resolver: &TokioResolver, mut name: rr::Name) -> bool {
    let mut seen = BTreeSet::new();
    for _ in 0..ALIASES {
        if !seen.insert(name.to_lowercase()) {
            return true;
        }
        let Ok(found) = resolver.lookup(name.clone(), RecordType::CNAME).await else {
            return false;
        };
        let own = found.answers().iter().filter(|one| one.name == name);
        let mut targets = own.filter_map(|record| {
            let RData::CNAME(own) = &record.data else {
                return None;
            };
            Some(own.0.clone())
        });
        match targets.next() {
            Some(target) => name = target,
            None => return false,
        }
    }
    true
}

fn of_system(resolving: &Resolving) -> Result<TokioResolver, String> {
    let builder = TokioResolver::builder_tokio()
        .map_err(|error| format!("the resolvers of this system cannot be found: {error}"))?;
    build(builder, resolving, ResolveHosts::Always)
}

fn of_config(resolving: &Resolving) -> Result<TokioResolver, String> {
    let servers = resolving.servers.iter().map(server).collect();
    let config = ResolverConfig::from_name_servers(servers);
    let provider = TokioRuntimeProvider::default();
    let builder = TokioResolver::builder_with_config(config, provider);
    build(builder, resolving, ResolveHosts::Never)
}

fn build(
    builder: ResolverBuilder<TokioRuntimeProvider>,
    resolving: &Resolving,
    hosts: ResolveHosts,
) -> Result<TokioResolver, String> {
    let mut builder = builder.with_tls_config(trust(resolving)?);
    let options: &mut ResolverOpts = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = hosts;
    options.preserve_intermediates = true;
    options.edns0 = true;
    options.attempts = ATTEMPTS;
    options.timeout = Duration::from_millis(resolving.timeout.0);
    builder.build().map_err(|error| error.to_string())
}

/// The settings of TLS; without servers that speak it no root is looked for.
fn trust(resolving: &Resolving) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let is_plain = |one: &Upstream| one.spoken == Spoken::Plain;
    if !resolving.roots.is_empty() {
        for root in &resolving.roots {
            let added = roots.add(CertificateDer::from(root.clone()));
            added.map_err(|error| error.to_string())?;
        }
    } else if !resolving.servers.iter().all(is_plain) {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("this system has no trusted root certificates: give `[resolvers]` `roots` of its own".to_owned());
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn server(upstream: &Upstream) -> NameServerConfig {
    let at_port = |protocol: ProtocolConfig| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = upstream.address.port();
        connection
    };
    let connections = match &upstream.spoken {
        Spoken::Plain => vec![at_port(ProtocolConfig::Udp), at_port(ProtocolConfig::Tcp)],
        Spoken::Tls { name } => vec![at_port(ProtocolConfig::Tls {
            server_name: Arc::clone(name),
        })],
        Spoken::Https { name, path } => vec![at_port(ProtocolConfig::Https {
            server_name: Arc::clone(name),
            path: Arc::clone(path),
        })],
    };
    // What one says that does not exist is asked of no other one.
    NameServerConfig::new(upstream.address.ip(), true, connections)
}

fn foreign(name: &Name) -> Option<rr::Name> {
    let labels: Vec<&[u8]> = name.labels().collect();
    rr::Name::from_labels(labels).ok()
}

fn home(name: &rr::Name) -> Option<Name> {
    let mut wire = Vec::new();
    for label in name.iter() {
        wire.push(u8::try_from(label.len()).ok()?);
        wire.extend(label);
    }
    wire.push(0);
    Name::from_wire(&wire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_out_and_come_back_as_they_are() {
        for text in ["example.cdn-a.test", "X.test", "a\\.b.test", "\\200.test"] {
            let name = Name::parse(text).unwrap();
            let out = foreign(&name).unwrap();
            assert!(out.is_fqdn());
            assert_eq!(home(&out), Some(name), "{text}");
        }
    }
}
