//! A server without sockets: `world.toml` and `world.zone` compiled, and questions to it.
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use waypost::answer::{Answered, Asker, Transport, answer};
use waypost::base::{Moment, Permille, Span, Standing};
use waypost::config::{self, Compiled, Files};
use waypost::dns::Name;
use waypost::dns::text::type_number;
use waypost::dns::zone::Zones;
use waypost::plan::Plan;
use waypost::table::Table;

/// A client in Germany.
pub(crate) const GERMAN: &str = "192.0.2.99";

/// The plan of `world.toml`, compiled once.
pub(crate) fn plan() -> &'static Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| Arc::new(compile().plan))
}

/// The zones of `world.toml`.
pub(crate) fn zones() -> Arc<Zones> {
    static ZONES: OnceLock<Arc<Zones>> = OnceLock::new();
    Arc::clone(ZONES.get_or_init(|| compile().unsigned()))
}

/// What `world.toml` comes to.
pub(crate) fn compile() -> Compiled {
    let (spec, diagnostics) = config::read(Path::new("world.toml"), include_str!("world.toml"));
    let mut files = Files::new();
    loop {
        let wanted = spec.files(&files);
        if wanted.is_empty() {
            break;
        }
        for path in wanted {
            let zone: Arc<[u8]> = Arc::from(include_bytes!("world.zone").as_slice());
            files.insert(path, Ok(zone));
        }
    }
    match config::compile(&spec, diagnostics, &files) {
        Ok((compiled, _)) => compiled,
        Err(diagnostics) => panic!("{}", diagnostics.render(false)),
    }
}

/// A table in which the targets of these endpoints are down.
pub(crate) fn table(down: &[&str]) -> Table {
    table_of(plan(), down)
}

/// A table of a plan in which the targets of these endpoints are down.
pub(crate) fn table_of(plan: &Arc<Plan>, down: &[&str]) -> Table {
    table_by(plan, |endpoint| match down.contains(&endpoint) {
        true => Permille::NONE,
        false => Permille::FULL,
    })
}

/// A table of a plan in which endpoints have these shares.
pub(crate) fn table_by(plan: &Arc<Plan>, share: impl Fn(&str) -> Permille) -> Table {
    let names = plan.targets.iter().map(|target| target.endpoint.index());
    let standings: Vec<Standing> = names
        .map(|endpoint| Standing {
            share: share(&plan.endpoints[endpoint].name),
            ..Standing::UNPROVEN
        })
        .collect();
    Table::build(1, Arc::clone(plan), standings.into(), Moment(0), None).with_zones(zones())
}

/// A query, part by part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    /// Id.
    pub(crate) id: u16,
    /// Question in wire format, type and class included.
    pub(crate) question: Vec<u8>,
    /// The options of OPT, if there is one.
    pub(crate) options: Option<Vec<u8>>,
    /// Payload size of OPT.
    pub(crate) payload: u16,
}

impl Ask {
    /// A question of class IN, without EDNS: `"www.example.org A"`.
    pub(crate) fn new(question: &str) -> Self {
        let (name, rtype) = question.split_once(' ').unwrap();
        let mut wire = Name::parse(name).unwrap().as_wire().to_vec();
        wire.extend(type_number(rtype).unwrap().to_be_bytes());
        wire.extend([0, 1]);
        Self {
            question: wire,
            ..Self::default()
        }
    }

    /// With EDNS and this payload size.
    pub(crate) fn edns(mut self, payload: u16) -> Self {
        self.payload = payload;
        self.options.get_or_insert_default();
        self
    }

    /// With a client subnet.
    pub(crate) fn subnet(self, network: &str, prefix: u8) -> Self {
        let address: IpAddr = network.parse().unwrap();
        let (family, octets) = match address {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (2, address.octets().to_vec()),
        };
        let octets = &octets[..usize::from(prefix).div_ceil(8)];
        let length = u8::try_from(4 + octets.len()).unwrap();
        let mut with = self.edns(1232);
        let options = with.options.get_or_insert_default();
        options.extend([0, 8, 0, length, 0, family, prefix, 0]);
        options.extend(octets);
        with
    }

    /// The packet.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let mut packet = self.id.to_be_bytes().to_vec();
        let additional = u8::from(self.options.is_some());
        packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, additional]);
        packet.extend(&self.question);
        if let Some(options) = &self.options {
            packet.extend([0, 0, 41]);
            packet.extend(self.payload.to_be_bytes());
            packet.extend([0, 0, 0, 0]);
            packet.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
            packet.extend(options);
        }
        packet
    }
}

/// Answers a packet from a client at this address.
pub(crate) fn reply_to(
    table: &Table,
    packet: &[u8],
    client: &str,
    transport: Transport,
) -> Option<(Answered, Vec<u8>)> {
    let asker = Asker {
        source: client.parse().unwrap(),
        transport,
        now: Moment(0),
        idle: Span::ZERO,
        cookies: None,
    };
    let mut buffer = vec![0xAA; 65_535];
    let answered = answer(table, &asker, packet, &mut buffer)?;
    buffer.truncate(answered.length);
    Some((answered, buffer))
}
