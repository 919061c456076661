//! `waypost external-dns`: the webhook provider of Kubernetes' external-dns.
//!
//! ```text
//!  external-dns --loopback, HTTP--> waypost external-dns --control API, token or certificate--> waypost run
//! ```
//!
//! The protocol proves nobody's identity, so it is spoken over loopback alone, as a sidecar does. Health and metrics stand at an
//! address of their own, for a kubelet and a scraper. Nothing is kept here: the server is asked each time, and what it shows is what external-dns
//! compares. external-dns logs the status of a reply and not its reason, so a line for each refusal is printed here.
//!
//! external-dns tries again after 5xx, and ends after 4xx. So what passes by itself (no server, one that cannot write) is a 503, and what
//! somebody has to mend (a name that a file owns, a rule that is missing, a token) keeps the 4xx of the control API.
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::say;
use super::shared_arguments::{Control, span};
use crate::base::Span;
use crate::daemon::{Failure, runtime};
use crate::dns::Name;

mod count;
mod endpoint;
mod provider;
mod serve;

use provider::Provider;

/// Arguments of `waypost external-dns`.
#[derive(Debug, Args)]
pub(super) struct ExternalDns {
    /// A zone whose records external-dns may have declared; may be given again
    #[arg(long = "zone", value_name = "ZONE", required = true, value_parser = zone)]
    zones: Vec<Name>,
    /// The address for external-dns, on loopback (its --webhook-provider-url)
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8888",
        value_parser = loopback
    )]
    listen: SocketAddr,
    /// The address of /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    health: SocketAddr,
    /// The TTL of records for which nobody says one
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "5m")]
    ttl: Span,
    #[command(flatten)]
    control: Control,
}

/// Serves until it is told to end.
pub(super) fn external_dns(arguments: ExternalDns) -> Result<ExitCode, Failure> {
    let ExternalDns {
        zones,
        listen,
        health,
        ttl,
        control,
    } = arguments;
    let provider = Arc::new(Provider::new(zones, ttl, control)?);
    let runtime = runtime()?;
    let ended = runtime.block_on(run(&provider, listen, health));
    // A change that the server is about to make is not waited for: external-dns looks at what came of it when it is back.
    runtime.shutdown_background();
    ended?;
    Ok(ExitCode::SUCCESS)
}

async fn run(
    provider: &Arc<Provider>,
    listen: SocketAddr,
    health: SocketAddr,
) -> Result<(), Failure> {
    let told = |error: std::io::Error| format!("cannot wait for signals: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(told)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(told)?;
    let own = open("--listen", listen).await?;
    let open_to_all = open("--health", health).await?;
    say(&format!(
        "waypost external-dns: listening on {listen}, health and metrics on {health}"
    ));
    tokio::select! {
        () = serve::accept(own, serve::protocol(provider)) => {}
        () = serve::accept(open_to_all, serve::health(provider)) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn open(option: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let opened = TcpListener::bind(address).await;
    opened.map_err(|error| format!("{option} {address}: {error}"))
}

fn zone(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| error.to_string())
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "write it as 127.0.0.1:8888".to_owned())?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err("the protocol proves nobody's identity: it is spoken on loopback alone, by an external-dns in the same pod".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_have_no_way_to_it() {
        assert!(loopback("127.0.0.1:8888").is_ok() && loopback("[::1]:1").is_ok());
        for text in ["0.0.0.0:8888", "[::]:8888", "192.0.2.1:80", "localhost:1"] {
            assert!(loopback(text).is_err(), "{text}");
        }
    }
}
