//! Waypost's controller for Kubernetes: what runs in several clusters as endpoints of Waypost's regions.
//!
//! ```text
//! watch ─► facts ─► plan ─► actor ─► waypost    lists and watches; a service for each resource; what is missing is done
//!                             │
//!                             └─► status         conditions of the resource, by server-side apply
//! lease      one of several controllers acts
//! ```
//!
//! `waypost-kubernetes run --config FILE` runs it, `crd` prints the definition of its resource, `orphans --config FILE` what it has
//! declared for resources that are no longer there.
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

mod actor;
#[path = "../../terraform/src/api.rs"]
#[expect(
    dead_code,
    reason = "the provider of Terraform, whose file it is, uses all of it"
)]
mod api;
mod config;
mod facts;
mod health;
mod lease;
mod log;
mod orphans;
mod plan;
mod resource;
mod status;
mod watch;
mod waypost;

use actor::Actor;
use config::Config;
use facts::Shared;
use health::Health;
use lease::Candidate;
use waypost::Waypost;

/// Time between looks at the files of the config.
const FILES: Duration = Duration::from_secs(5);

const USAGE: &str = "\
Usage: waypost-kubernetes COMMAND

  run --config FILE [--identity NAME]   Run the controller; of several with one Lease one acts
  crd                                   Print the definition of the resource WaypostService
  orphans --config FILE [--delete]      List services at Waypost whose resource is gone, or remove them
";

/// Why it ends.
enum Ending {
    /// It was told to.
    Told,
    /// A file of the config changed.
    Changed,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match words.as_slice() {
        ["run", "--config", path] => run(path, None),
        ["run", "--config", path, "--identity", name] => run(path, Some(name)),
        ["crd"] => resource::definition().and_then(|text| print(&text)),
        ["orphans", "--config", path] => block(orphans::list(path, false)),
        ["orphans", "--config", path, "--delete"] => block(orphans::list(path, true)),
        ["--help" | "-h" | "help"] => print(USAGE),
        _ => Err(USAGE.to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output.
fn print(text: &str) -> Result<(), String> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| error.to_string())
}

fn block(future: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| error.to_string())?.block_on(future)
}

fn run(path: &str, identity: Option<&str>) -> Result<(), String> {
    // In a pod that is its name.
    let name = || std::env::var("HOSTNAME").ok().filter(|own| !own.is_empty());
    let identity = identity.map(str::to_owned).or_else(name);
    let identity = identity.unwrap_or_else(|| format!("process-{}", std::process::id()));
    block(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let health = Arc::new(Health::default());
        let mut config = Config::read(path)?;
        if let Some(address) = &config.health {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|error| format!("health: {address}: {error}"))?;
            tokio::spawn(health::serve(health.clone(), listener));
        }
        loop {
            let ending = async {
                tokio::select! {
                    _ = terminate.recv() => Ending::Told,
                    _ = interrupt.recv() => Ending::Told,
                    () = changed(&config, path) => Ending::Changed,
                }
            };
            match lead(&config, &identity, &health, ending).await? {
                Ending::Told => return Ok(()),
                Ending::Changed => log::line("reload", "a file of the config has changed"),
            }
            match Config::read(path) {
                Ok(new) => config = new,
                Err(why) => log::line("reload", &format!("the config stays: {why}")),
            }
        }
    })
}

/// Waits until a file is another.
async fn changed(config: &Config, path: &str) {
    let before = config.files(path);
    while before == config.files(path) {
        sleep(FILES).await;
    }
}

/// Leads whenever it can, until that ends.
async fn lead(
    config: &Config,
    identity: &str,
    health: &Arc<Health>,
    ending: impl Future<Output = Ending>,
) -> Result<Ending, String> {
    let api = Arc::new(config.api()?);
    let mut clients = Vec::new();
    for cluster in &config.clusters {
        clients.push(cluster.client(config.silence_seconds).await?);
    }
    let named = config.clusters.iter().zip(&clients);
    let mut home = named.filter(|(own, _)| own.name == config.home);
    let home: Client = home
        .next()
        .map(|own| own.1.clone())
        .ok_or("home: no such cluster")?;
    let candidate = Candidate::new(home.clone(), &config.lease, identity.to_owned());
    let config = Arc::new(config.clone());
    let mut ending = std::pin::pin!(ending);
    loop {
        health.lead(false);
        let mut held = tokio::select! {
            own = &mut ending => return Ok(own),
            held = candidate.acquire() => held,
        };
        log::line("leading", identity);
        health.lead(true);
        let shared = Arc::new(Shared::default());
        let _watches = watch::begin(&config, &clients, &shared);
        let waypost = Waypost::new(api.clone(), &config.owner, &config.prefix);
        let parts = (config.clone(), shared);
        let mut actor = Actor::new(parts, health.clone(), home.clone(), waypost);
        // The Lease is looked at first: without it nothing more is done.
        let own = tokio::select! {
            biased;
            why = candidate.hold(&mut held) => {
                log::line("leading_no_more", &why);
                None
            }
            own = &mut ending => Some(own),
            () = actor.run() => None,
        };
        if let Some(own) = own {
            drop(actor);
            if matches!(own, Ending::Told) {
                candidate.release(held).await;
            }
            return Ok(own);
        }
    }
}
