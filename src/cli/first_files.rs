//! The files that `waypost init` writes, and what it says at the end.
//!
//! A config that says the least: one service, steered to the nearest machine, watched by opening a TCP connection, since nothing
//! else is known of the machines; a signed zone with one NS record for each name server. Comments say what to amend first. A region
//! lies where its country's people are.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::dns::Name;
use crate::geo::country::Facts;

/// Name of the config in its folder.
pub(super) const CONFIG: &str = "config.toml";

/// A machine that serves the domain.
#[derive(Clone, Debug)]
pub(super) struct ServingMachine {
    /// Name of its region.
    pub(super) region: String,
    /// The country that the region is in.
    pub(super) country: &'static Facts,
    /// Its addresses.
    pub(super) addresses: Vec<IpAddr>,
}

/// The places of config, state and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileLayout {
    /// All in one folder.
    Folder,
    /// Those of the service of the packages.
    Service,
}

/// All that is known of the domain.
#[derive(Debug)]
pub(super) struct DomainAnswers {
    pub(super) domain: Name,
    /// Not empty.
    pub(super) machines: Vec<ServingMachine>,
    /// The addresses of each name server; not empty.
    pub(super) servers: Vec<Vec<IpAddr>>,
    /// The addresses that this server listens on.
    pub(super) listen: Vec<SocketAddr>,
    pub(super) place: FileLayout,
}

impl FileLayout {
    /// `[server] state`.
    pub(super) const fn state(self) -> &'static str {
        match self {
            Self::Folder => "state",
            Self::Service => "/var/lib/waypost",
        }
    }

    /// `[server] user`.
    pub(super) const fn user(self) -> Option<&'static str> {
        match self {
            Self::Folder => None,
            Self::Service => Some("waypost"),
        }
    }

    const fn keys(self) -> &'static str {
        match self {
            Self::Folder => "keys",
            Self::Service => "/var/lib/waypost/keys",
        }
    }

    const fn socket(self) -> &'static str {
        match self {
            Self::Folder => "waypost.sock",
            Self::Service => "/run/waypost/waypost.sock",
        }
    }
}

impl DomainAnswers {
    /// The files: name below the folder, and text.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        vec![
            (self.zone_file(), self.zone()),
            (CONFIG.to_owned(), self.config()),
        ]
    }

    fn zone_file(&self) -> String {
        format!("zones/{}.zone", self.domain)
    }

    fn config(&self) -> String {
        let domain = &self.domain;
        let listen = list(self.listen.iter());
        let user = self.place.user();
        let user = user.map_or(String::new(), |user| format!("user = \"{user}\"\n"));
        let (state, keys) = (self.place.state(), self.place.keys());
        format!(
            r#"# {domain}, as `waypost init` wrote it. `waypost check` names every error; docs/src/reference/config.md has every key.
[server]
listen = [{listen}]
state = "{state}"
{user}
[control]
# Orders go by the socket (`waypost status`, `waypost drain`); HTTP has the page, /metrics and /readyz.
socket = "{socket}"
listen = "127.0.0.1:8053"

[[zones]]
name = "{domain}"
file = "{file}"
dnssec = {{ keys = "{keys}" }}

# A region lies where its country's people are: write where your machines are.
{regions}# A machine is well while it takes TCP connections. Better: type = "https" and path = "/healthz".
[monitors]
web = {{ type = "tcp", port = 443 }}

[services.web]
hostnames = ["{domain}", "www.{domain}"]
monitors = ["web"]
"#,
            socket = self.place.socket(),
            file = self.zone_file(),
            regions = self.regions(),
        )
    }

    fn regions(&self) -> String {
        let mut by_name: BTreeMap<&str, Vec<&ServingMachine>> = BTreeMap::new();
        for machine in &self.machines {
            by_name.entry(&machine.region).or_default().push(machine);
        }
        let mut text = String::new();
        for (name, machines) in by_name {
            let place = machines.first().map(|own| own.country.location);
            let degrees = |thousandths: i32| f64::from(thousandths) / 1000.0;
            let (north, east) = place.map_or((0.0, 0.0), |own| {
                (degrees(own.latitude), degrees(own.longitude))
            });
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "[regions.{name}]\nlocation = [{north:.2}, {east:.2}]\n"
            );
            for (index, machine) in machines.iter().enumerate() {
                let _ = writeln!(
                    text,
                    "[[regions.{name}.endpoints]]\nname = \"{name}-{}\"\nprovider = \"own\"\naddresses = [{}]\n",
                    index + 1,
                    list(machine.addresses.iter())
                );
            }
        }
        text
    }

    fn zone(&self) -> String {
        let domain = &self.domain;
        let mut text = format!(
            "; {domain}, as `waypost init` wrote it; what is steered stands in the config.\n\
             $ORIGIN {domain}.\n$TTL 3600\n@    IN SOA  ns1 hostmaster 1 7200 3600 1209600 300\n"
        );
        for number in 1..=self.servers.len() {
            let _ = writeln!(text, "@    IN NS   ns{number}");
        }
        for (number, address) in self.glue() {
            let _ = writeln!(text, "ns{number}  IN {} {address}", address_type(address));
        }
        text
    }

    /// Each address of a name server, with that server's number.
    fn glue(&self) -> impl Iterator<Item = (usize, IpAddr)> {
        let servers = self.servers.iter().enumerate();
        servers.flat_map(|(index, own)| own.iter().map(move |address| (index + 1, *address)))
    }

    /// The NS records and their addresses, with the heading of the DS records that follow.
    pub(super) fn for_parent(&self) -> String {
        let domain = &self.domain;
        let mut text = "\nFor the parent (your registrar):\n\n".to_owned();
        for number in 1..=self.servers.len() {
            let _ = writeln!(text, "{domain}. IN NS ns{number}.{domain}.");
        }
        for (number, address) in self.glue() {
            let _ = writeln!(
                text,
                "ns{number}.{domain}. IN {} {address}",
                address_type(address)
            );
        }
        if self.servers.len() == 1 {
            text += "; registries want two: run a second server in another network, with the same files\n";
        }
        text
    }

    /// The commands that start it, and that test each step.
    pub(super) fn next_steps(&self, config: &Path) -> String {
        let domain = &self.domain;
        let path = config.display();
        let (start, option) = match self.place {
            FileLayout::Folder => (
                format!("waypost run --config {path}"),
                format!(" --config {path}"),
            ),
            FileLayout::Service => (
                "systemctl restart waypost".to_owned(),
                format!(" --config {path}"),
            ),
        };
        let mut text =
            format!("\nNext:\n\n{start}\nwaypost check{option}\nwaypost status{option}\n");
        for (_, address) in self.glue() {
            let _ = writeln!(text, "dig @{address} {domain} SOA +norecurse +dnssec");
        }
        let _ = write!(
            text,
            "waypost keys ds {domain}{option}     # when the parent may have the DS\n\n\
             Once the parent has the records:\n\n\
             dig +trace {domain} NS\n\
             delv {domain} A                      # \"fully validated\"\n\
             waypost keys ds {domain} --seen TAG{option}"
        );
        text
    }
}

const fn address_type(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "A",
        IpAddr::V6(_) => "AAAA",
    }
}

/// Quoted, with commas.
fn list<T: ToString>(all: impl Iterator<Item = T>) -> String {
    let quoted = all.map(|own| format!("\"{}\"", own.to_string()));
    quoted.collect::<Vec<_>>().join(", ")
}
