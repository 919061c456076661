//! The machines of the demo: real HTTP servers on the endpoints' addresses, which die by key.
//!
//! A dead machine refuses connections, as a host does whose service is gone; connections
//! that stand are cut.
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::base::{EndpointId, RegionId};
use crate::plan::Plan;

/// All machines, by endpoint.
pub(super) struct Machines {
    machines: Vec<Machine>,
}

/// One endpoint's machine.
pub(super) struct Machine {
    /// Its endpoint.
    pub(super) endpoint: EndpointId,
    /// The endpoint's name.
    pub(super) name: String,
    provider: String,
    region: RegionId,
    region_name: String,
    sockets: Vec<SocketAddr>,
    running: Vec<JoinHandle<()>>,
}

impl Machines {
    /// Starts a machine for each endpoint, on its addresses and `port`.
    pub(super) async fn start(plan: &Plan, port: u16) -> std::io::Result<Self> {
        let mut machines = Vec::new();
        for (index, endpoint) in plan.endpoints.iter().enumerate() {
            let mut machine = Machine {
                endpoint: EndpointId::from_index(index),
                name: endpoint.name.clone(),
                provider: endpoint.provider.clone(),
                region: endpoint.region,
                region_name: plan.regions[endpoint.region.index()].name.clone(),
                sockets: endpoint
                    .addresses
                    .iter()
                    .map(|address| (*address, port).into())
                    .collect(),
                running: Vec::new(),
            };
            machine.heal().await?;
            machines.push(machine);
        }
        Ok(Self { machines })
    }

    /// The machines that a name means: a region's, a provider's, or one endpoint's.
    pub(super) fn named(&self, name: &str) -> Vec<EndpointId> {
        let found = self.machines.iter().filter(|machine| {
            [&machine.name, &machine.provider, &machine.region_name].contains(&&name.to_owned())
        });
        found.map(|machine| machine.endpoint).collect()
    }

    /// All machines, in the order of the config.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Machine> {
        self.machines.iter()
    }

    /// One machine.
    pub(super) fn get(&mut self, endpoint: EndpointId) -> &mut Machine {
        &mut self.machines[endpoint.index()]
    }

    /// The port that all of them have.
    pub(super) fn port(&self) -> u16 {
        self.machines
            .first()
            .map_or(0, |machine| machine.sockets[0].port())
    }

    /// The endpoint that has an address.
    pub(super) fn with_address(&self, address: IpAddr) -> Option<&Machine> {
        self.machines
            .iter()
            .find(|machine| machine.sockets.iter().any(|socket| socket.ip() == address))
    }
}

impl Machine {
    /// Its region.
    pub(super) fn region(&self) -> RegionId {
        self.region
    }

    /// Whether it runs.
    pub(super) fn is_up(&self) -> bool {
        !self.running.is_empty()
    }

    /// Dies: the port is closed, connections are cut.
    pub(super) async fn kill(&mut self) {
        for task in self.running.drain(..) {
            task.abort();
            // An aborted task ends with an error; what counts is that it has ended.
            let _ = task.await;
        }
    }

    /// Comes back.
    pub(super) async fn heal(&mut self) -> std::io::Result<()> {
        if self.is_up() {
            return Ok(());
        }
        for socket in &self.sockets {
            let listener = TcpListener::bind(socket).await.map_err(|error| {
                std::io::Error::new(
                    error.kind(),
                    format!("machine {} on {socket}: {error}", self.name),
                )
            })?;
            self.running
                .push(tokio::spawn(serve(listener, self.name.clone())));
        }
        Ok(())
    }
}

/// Says `NAME is well` to every request.
async fn serve(listener: TcpListener, name: String) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let body = Bytes::from(format!("{name} is well\n"));
                let service = service_fn(move |_| {
                    let body = body.clone();
                    async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
                });
                connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
