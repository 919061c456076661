//! `[discovery]` resolved: places found, secrets brought, and bounds that make no sense told.
use super::names::Names;
use super::notify::bring;
use super::places::Places;
use super::tls;
use crate::base::{EndpointId, Permille, RegionId, Secret, Span};
use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::discovery::{DiscoverySourceSpec, DiscoverySpec};
use crate::config::spec::Spec;
use crate::plan::{Discovery, DiscoverySource, WebSource};

/// Longest time that a list may take to come into force without being told.
const SLOW: Span = Span::from_secs(3600);

/// The discoveries, in the order of the config; one with an error is left out, and reported.
pub(super) fn resolve(
    spec: &Spec,
    places: &Places<'_>,
    files: &Files,
    found: &mut Diagnostics,
) -> Vec<Discovery> {
    let services = spec.services.iter().map(|own| &*own.name.value);
    let services = Names::new("service", services);
    let mut list = Vec::new();
    for (number, own) in spec.discovery.iter().enumerate() {
        check(own, found);
        check_service(own, spec, &services, found);
        let region = own.region.as_ref();
        let region = region.and_then(|name| places.region_names.find(name, found));
        if let Some(law) = &own.jurisdiction {
            // Of its endpoints it is looked up as well, but there may be none yet.
            let _ = places.jurisdiction_names.find(law, found);
        }
        let (Some(region), Some(source)) = (region, source(own, spec, files, found)) else {
            continue;
        };
        let endpoints = places.written.iter().enumerate();
        let endpoints = endpoints.filter(|(_, one)| one.discovery.map(usize::from) == Some(number));
        list.push(Discovery {
            name: own.name.value.clone(),
            source,
            every: own.every.value,
            timeout: own.timeout,
            region: RegionId::from_index(region),
            networks: own.networks.iter().map(|one| one.value).collect(),
            changes_per_minute: own.changes_per_minute.value,
            max_shrink: own.max_shrink.value,
            max_endpoints: own.max_endpoints.value,
            endpoints: endpoints
                .map(|(place, _)| EndpointId::from_index(place))
                .collect(),
        });
    }
    list
}

/// A service answers with its own endpoints where it has any, so one that gets them by discovery alone would change its ways with the first list.
fn check_service(own: &DiscoverySpec, spec: &Spec, services: &Names<'_>, found: &mut Diagnostics) {
    let Some(name) = &own.service else { return };
    let Some(place) = services.find(name, found) else {
        return;
    };
    let service = &spec.services[place];
    if service.endpoints.iter().all(|one| one.discovery.is_some()) {
        let name = &name.value;
        let message = format!("service `{name}` has no endpoints of its own in the config");
        found.error(&own.name.at, message).help(format!(
            "write at least one `[[services.{name}.endpoints]]`, which serves before anything is discovered; \
             or leave `service` away: then they are the region's"
        ));
    }
}

fn source(
    own: &DiscoverySpec,
    spec: &Spec,
    files: &Files,
    found: &mut Diagnostics,
) -> Option<DiscoverySource> {
    let written = own.token.as_ref().map(|token| Secret(token.value.clone()));
    let brought = match &own.token_file {
        Some(path) => Some(bring(path, spec, files, found)?),
        None => None,
    };
    let roots = match &own.roots {
        Some(path) => tls::part(path, spec, files, found, tls::roots)?,
        None => Vec::new(),
    };
    let token = brought.or(written);
    let web = |url: &String| WebSource {
        url: url.trim_end_matches('/').to_owned(),
        token,
        roots,
    };
    Some(match &own.source.as_ref()?.value {
        DiscoverySourceSpec::File(path) => DiscoverySource::File(spec.beside(path)),
        DiscoverySourceSpec::Srv(name) => DiscoverySource::Srv(name.clone()),
        DiscoverySourceSpec::Url(url) => DiscoverySource::Url(WebSource {
            url: url.clone(),
            ..web(url)
        }),
        DiscoverySourceSpec::Consul(url, query) => DiscoverySource::Consul(web(url), query.clone()),
    })
}

/// Tells of what makes no sense.
fn check(own: &DiscoverySpec, found: &mut Diagnostics) {
    let bound = &own.max_shrink;
    if bound.value == Permille::FULL {
        found
            .warn(&bound.at, "an empty list takes all of its endpoints out")
            .help("write a part of them: the default is \"50%\"");
    } else if bound.value == Permille::NONE {
        found
            .warn(&bound.at, "a list that is one endpoint shorter is refused")
            .help("only `waypost reload --accept NAME` takes it then; the default is \"50%\"");
    }
    let (most, rate) = (own.max_endpoints.value, own.changes_per_minute.value);
    let slowest = Span::from_secs(60).times(u64::try_from(most.div_ceil(rate)).unwrap_or(u64::MAX));
    if slowest > SLOW {
        found
            .warn(
                &own.changes_per_minute.at,
                format!("it takes {slowest} until all of {most} endpoints are others"),
            )
            .help("raise `changes_per_minute`, or lower `max_endpoints`");
    }
    if let (Some(token), Some(file)) = (&own.token, &own.token_file) {
        let _ = token;
        found
            .error(&file.at, "`token` and `token_file` both say the token")
            .help("keep one of them");
    }
    check_source(own, found);
}

fn check_source(own: &DiscoverySpec, found: &mut Diagnostics) {
    let Some(source) = &own.source else { return };
    let url = match &source.value {
        DiscoverySourceSpec::Url(url) | DiscoverySourceSpec::Consul(url, _) => Some(url),
        DiscoverySourceSpec::File(_) | DiscoverySourceSpec::Srv(_) => None,
    };
    let token = own.token.as_ref().or(own.token_file.as_ref());
    let unused = token.or(own.roots.as_ref()).filter(|_| url.is_none());
    if let Some(key) = unused {
        found
            .warn(&key.at, "this has no effect here")
            .help("tokens and roots are for sources that are asked over HTTP: `url`, `consul`");
    }
    let is_open = url.is_some_and(|url| {
        let host = url.strip_prefix("http://");
        host.is_some_and(|host| {
            let is_near = ["127.", "localhost", "[::1]"];
            !is_near.iter().any(|near| host.starts_with(near))
        })
    });
    if let Some(token) = token.filter(|_| is_open) {
        found
            .warn(&token.at, "the token is sent as clear text")
            .help("write a URL that begins with `https://`");
    }
    if let DiscoverySourceSpec::Srv(_) = &source.value
        && let Some(first) = own.networks.first()
    {
        found
            .warn(&first.at, "`networks` has no effect here")
            .help("SRV records list machines by name: `[resolvers] private` says which of their addresses are taken");
    }
}
