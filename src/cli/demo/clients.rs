//! The clients of the demo: they ask the running server over UDP, as resolvers do.
//!
//! Each stands in a country and tells its network by ECS, so that four countries can be
//! played from one machine.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::base::{Moment, ServiceId};
use crate::dns::Name;
use crate::dns::ask;
use crate::dns::rr::rtype;
use crate::io::clock::Clock;
use crate::plan::Plan;

/// A country, and a network that lies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Two letters.
    pub(super) country: &'static str,
    /// An address there.
    pub(super) address: IpAddr,
}

/// Who asks. The addresses are public facts: heise.de, a Canadian university, `SingNet`, nic.br.
pub(super) const CLIENTS: [Client; 4] = [
    Client {
        country: "DE",
        address: IpAddr::V4(Ipv4Addr::new(193, 99, 144, 0)),
    },
    Client {
        country: "CA",
        address: IpAddr::V4(Ipv4Addr::new(142, 66, 3, 0)),
    },
    Client {
        country: "SG",
        address: IpAddr::V4(Ipv4Addr::new(165, 21, 83, 0)),
    },
    Client {
        country: "BR",
        address: IpAddr::V4(Ipv4Addr::new(200, 160, 2, 0)),
    },
];

/// How long a client waits for a reply before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two questions of all clients together.
const PACE: Duration = Duration::from_millis(10);

/// What one client got for one question.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// When the question went out.
    pub(super) asked: Moment,
    /// When the reply came.
    pub(super) at: Moment,
    /// Index into [`CLIENTS`].
    pub(super) client: usize,
    /// The service it asked for.
    pub(super) service: ServiceId,
    /// The reply; `None` if it was lost.
    pub(super) reply: Option<ask::Reply>,
}

/// Asks for every service from every client, in turn, until `heard` closes.
pub(super) async fn ask_forever(
    server: SocketAddr,
    plan: std::sync::Arc<Plan>,
    clock: Clock,
    heard: mpsc::UnboundedSender<Heard>,
) -> std::io::Result<()> {
    let local: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::LOCALHOST, 0).into()
    } else {
        "[::1]:0".parse().map_err(std::io::Error::other)?
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    let mut pace = tokio::time::interval(PACE);
    for id in (0..=u16::MAX).cycle() {
        pace.tick().await;
        let turn = usize::from(id);
        let client = turn % CLIENTS.len();
        let service = ServiceId::from_index(turn / CLIENTS.len() % plan.services.len());
        let asked = clock.now();
        let name = &plan.services[service.index()].hostnames[0];
        let reply = ask_once(&socket, id, name, CLIENTS[client]).await?;
        if heard
            .send(Heard {
                asked,
                at: clock.now(),
                client,
                service,
                reply,
            })
            .is_err()
        {
            break;
        }
    }
    Ok(())
}

async fn ask_once(
    socket: &UdpSocket,
    id: u16,
    name: &Name,
    client: Client,
) -> std::io::Result<Option<ask::Reply>> {
    let question = ask::Question {
        name: name.clone(),
        rtype: rtype::A,
        wants: vec![ask::Want::Subnet(client.address, 24)],
    };
    socket.send(&ask::encode(id, &question)).await?;
    let mut buffer = [0; 1500];
    let wait = async {
        loop {
            let length = socket.recv(&mut buffer).await?;
            // A late reply to an earlier question is not this one's.
            if let Some(reply) = ask::decode(&buffer[..length]).filter(|reply| reply.id == id) {
                return Ok(Some(reply));
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or(Ok(None))
}
