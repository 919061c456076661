//! `[control]` and `[tokens]` resolved, and what does not go together in them.
//!
//! Beyond loopback HTTP is spoken over TLS only, and only where somebody can prove who they are: anything else is an error,
//! because what listens there is found within the hour. The listener for metrics tells nothing but how the process is, and may
//! stand anywhere.
use std::net::SocketAddr;

use crate::config::Files;
use crate::config::diagnostic::Diagnostics;
use crate::config::reader::At;
use crate::config::spec::{SOCKET, Spec, TokenSpec, Wish, default_audit};
use crate::plan::{AccessRules, ApiToken, Carriage, Chosen, Control, GroupRole};

use super::observation::observation;
use super::{notify, tls};

/// Resolves where the control API listens, and who may ask it what.
pub(super) fn control(spec: &Spec, files: &Files, found: &mut Diagnostics) -> Control {
    let control = &spec.control;
    let tls = control.tls.as_ref();
    let pair = tls.and_then(|tls| {
        let parts = (tls.certificate.as_ref()?, tls.key.as_ref()?);
        tls::pair(parts, spec, files, found)
    });
    let roots = tls.and_then(|tls| tls.client_roots.as_ref());
    let roots = roots.and_then(|path| tls::part(path, spec, files, found, tls::roots));
    let carriage = match tls {
        None => Carriage::Plain,
        Some(_) => Carriage::Tls(roots.unwrap_or_default()),
    };
    let takes_certificates = tls.is_some_and(|tls| tls.client_roots.is_some());
    let tokens = control_tokens(&spec.tokens, takes_certificates, found);
    let groups = control.groups.iter().map(|(group, grant)| GroupRole {
        group: group.value.clone(),
        grant: grant.value.clone(),
    });
    let access = AccessRules {
        socket: chosen(&control.socket, spec, || spec.beside(SOCKET)),
        listen: control.listen.as_ref().map(|listen| listen.value),
        carriage,
        metrics: control.metrics.as_ref().map(|listen| listen.value),
        hosts: control
            .hosts
            .iter()
            .map(|host| host.value.clone())
            .collect(),
        groups: groups.collect(),
        tokens,
        audit: chosen(&control.audit, spec, || {
            default_audit(&spec.path, spec.server.state.as_deref())
        }),
    };
    if let Some(listen) = &control.listen {
        check_reach(listen, &access, found);
    }
    Control {
        access,
        pair,
        endpoint_series: control.endpoint_series,
        webhooks: notify::webhooks(spec, files, found),
        observation: observation(&control.observation, |path| spec.resolve(path)),
    }
}

fn chosen(
    wish: &Wish,
    spec: &Spec,
    default: impl Fn() -> std::path::PathBuf,
) -> Option<Chosen<std::path::PathBuf>> {
    match wish {
        Wish::Nothing => None,
        Wish::Default => Some(Chosen {
            value: default(),
            stated: false,
        }),
        Wish::Path(path) => Some(Chosen {
            value: spec.resolve(path),
            stated: true,
        }),
    }
}

fn control_tokens(
    specs: &[TokenSpec],
    takes_certificates: bool,
    found: &mut Diagnostics,
) -> Vec<ApiToken> {
    for (index, spec) in specs.iter().enumerate() {
        let Some(certificate) = &spec.certificate else {
            continue;
        };
        if !takes_certificates {
            let message = "nobody can show a certificate here";
            found
                .error(&certificate.at, message)
                .help("name the roots that vouch for clients: `client_roots` of `[control] tls`");
        }
        let mut others = specs[..index]
            .iter()
            .filter_map(|other| other.certificate.as_ref());
        if others.any(|other| other.value.eq_ignore_ascii_case(&certificate.value)) {
            let message = format!(
                "`{}` is the certificate of another token",
                certificate.value
            );
            found
                .error(&certificate.at, message)
                .help("a certificate means one token");
        }
    }
    let tokens = specs.iter().map(|spec| ApiToken {
        name: spec.name.value.clone(),
        hash: spec.hash,
        certificate: spec.certificate.as_ref().map(|name| name.value.clone()),
        grant: spec.grant.clone(),
        expires: spec.expires,
    });
    tokens.collect()
}

/// Refuses what anybody in reach could use.
fn check_reach(listen: &At<SocketAddr>, access: &AccessRules, found: &mut Diagnostics) {
    if AccessRules::is_loopback(listen.value) {
        return;
    }
    let message = format!("`{}` is reached from beyond this machine", listen.value);
    if access.carriage == Carriage::Plain {
        found
            .error(&listen.at, message)
            .label("and everything would go there in the clear, to and from anybody")
            .help(
                "add `tls = { certificate = \"…\", key = \"…\" }` and a token (`waypost token new`); or listen on 127.0.0.1; \
                 metrics alone may be opened: `metrics = \"0.0.0.0:9153\"`",
            );
    } else if !access.has_proofs() {
        found
            .error(&listen.at, message)
            .label("and nobody could prove who they are")
            .help(
                "add a token (`waypost token new NAME --role ROLE`), or `client_roots` and a token with `certificate`",
            );
    }
}
