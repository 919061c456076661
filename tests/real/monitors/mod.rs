//! Monitors of each type against programs that others wrote: one probe at a time, by the keys of a config.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::unbounded_channel;
use waypost::base::{Cause, Moment, SlotId};
use waypost::config;
use waypost::engine::ProbeId;
use waypost::health::{ProbeResult, Report};
use waypost::io::clock::Clock;
use waypost::io::files;
use waypost::io::probe::{Prober, Unready};
use waypost::plan::Plan;

use crate::world::World;

mod directory;
mod echo;
mod grpc;
mod mail;
mod mysql;
mod names;
mod redis;
mod source;
mod web;

/// The name that certificates of these tests are for.
const HOST: &str = "api.example.org";
/// Longer than any probe takes here, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than a probe's farewell takes.
const FAREWELL: Duration = Duration::from_millis(300);
const ZONE: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 1209600 300\n@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1\n";

/// The plan of a config with one endpoint and one monitor of these keys, in the world's folder.
fn plan(world: &World, at: SocketAddr, keys: &str) -> Plan {
    let port = match at.port() {
        0 => String::new(),
        port => format!("port = {port}\n"),
    };
    let address = at.ip();
    world.write("example.org.zone", ZONE);
    let path = world.write(
        "monitor.toml",
        &format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\n\
             [[zones]]\nname = \"example.org\"\nfile = \"example.org.zone\"\n\
             [regions.here]\nlocation = [50.11, 8.68]\n\
             [[regions.here.endpoints]]\nname = \"one\"\nprovider = \"own\"\naddresses = [\"{address}\"]\n\
             [services.api]\nhostnames = [\"{HOST}\"]\nmonitors = [\"own\"]\n\
             [monitors.own]\ninterval = \"40s\"\ntimeout = \"20s\"\n{port}{keys}\n"
        ),
    );
    let loaded = files::load(&path).unwrap();
    let compiled = config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
    let (compiled, _) = compiled.unwrap_or_else(|found| panic!("{}", found.render(false)));
    compiled.plan
}

/// Probes an address once, as a monitor of these keys does; why it cannot be run, if it cannot.
fn try_probe(world: &World, at: SocketAddr, keys: &str) -> Result<Report, Vec<Unready>> {
    let plan = Arc::new(plan(world, at, keys));
    assert_eq!(plan.slots.len(), 1);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (sender, mut reports) = unbounded_channel();
        let mut prober = Prober::new(&Handle::current(), Clock::start(), sender).unwrap();
        let unready = prober.use_plan(0, plan);
        if !unready.is_empty() {
            return Err(unready);
        }
        let id = ProbeId {
            epoch: 0,
            slot: SlotId(0),
        };
        prober.start(id, Moment(0));
        let finished = tokio::time::timeout(PATIENCE, reports.recv()).await;
        tokio::time::sleep(FAREWELL).await;
        Ok(finished.unwrap().unwrap().report)
    })
}

/// Probes an address once, as a monitor of these keys does.
fn probe(world: &World, at: SocketAddr, keys: &str) -> Report {
    try_probe(world, at, keys).unwrap()
}

/// Sees what a monitor of these keys concludes.
#[track_caller]
fn expect(world: &World, at: SocketAddr, keys: &str, outcome: ProbeResult) {
    assert_eq!(probe(world, at, keys).outcome, outcome, "{keys}");
}

fn fail(cause: Cause) -> ProbeResult {
    ProbeResult::Fail(cause)
}

/// An authority of a world: `roots.pem`.
struct Authority<'w> {
    world: &'w World,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl<'w> Authority<'w> {
    fn new(world: &'w World) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        world.write("roots.pem", &issuer.pem());
        Self { world, issuer }
    }

    /// Writes a certificate for a name, and its key: `FILE.pem` and `FILE.key`.
    fn issue(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.world.write(&format!("{file}.pem"), &certificate.pem());
        self.world
            .write(&format!("{file}.key"), &key.serialize_pem());
    }
}
