//! `waypost init`: the first config, zone and keys of a domain.
//!
//! It asks for a domain, the machines that serve it and the addresses of the name servers, each of which can be a flag instead, so
//! that scripts can run it. What is there already stays: only the config that the packages install, as long as nobody has changed it,
//! is replaced. What is written passes `waypost check` without a warning.
//!
//! It does not know how the files look; that is `first_files`.
use std::fs;
use std::io::{IsTerminal, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::first_files::{CONFIG, DomainAnswers, FileLayout, ServingMachine};
use super::import::write_new;
use super::{keys, say};
use crate::daemon::Failure;
use crate::dns::Name;
use crate::geo::{Country, country};
use crate::io::privileges::Account;

/// The files that the packages install below /etc/waypost; each is replaced as long as nobody has changed it.
const PACKAGED: [(&str, &str); 2] = [
    (CONFIG, include_str!("../../deploy/package/config.toml")),
    (
        "zones/example.org.zone",
        include_str!("../../deploy/package/example.org.zone"),
    ),
];

/// Arguments of `waypost init`.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The domain, such as example.org
    #[arg(value_parser = domain)]
    domain: Option<Name>,
    /// A machine that serves it: its region, the country that this is in (ISO 3166), and its addresses; may be given again
    ///
    /// `DE=192.0.2.10,2001:db8::10` is a machine of the region `de`; `us-west@US=198.51.100.7` one of the region `us-west`.
    #[arg(long, value_name = "[NAME@]COUNTRY=IP[,IP]", value_parser = machine)]
    region: Vec<ServingMachine>,
    /// The public addresses of a name server: the first one given is `ns1` of the domain, the next `ns2`
    #[arg(long, value_name = "IP[,IP]", value_parser = addresses)]
    server: Vec<Addresses>,
    /// The addresses that this server listens on
    #[arg(long, value_name = "IP:PORT", default_values = ["0.0.0.0:53", "[::]:53"])]
    listen: Vec<SocketAddr>,
    /// The folder to write to; this one if absent
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write for the service of the packages: to /etc/waypost, with keys and state in /var/lib/waypost, for the user `waypost`
    #[arg(long, conflicts_with = "out")]
    service: bool,
}

/// Addresses of one machine.
#[derive(Clone, Debug)]
struct Addresses(Vec<IpAddr>);

/// Writes the files, makes the keys, and says what comes next.
pub(super) fn init(arguments: Init) -> Result<ExitCode, Failure> {
    let place = match arguments.service {
        true => FileLayout::Service,
        false => FileLayout::Folder,
    };
    let out = match place {
        FileLayout::Service => PathBuf::from("/etc/waypost"),
        FileLayout::Folder => arguments.out.unwrap_or_default(),
    };
    let config = out.join(CONFIG);
    refuse_existing(&out, CONFIG)?;
    let domain = match arguments.domain {
        Some(domain) => domain,
        None => ask("Domain, such as example.org", "DOMAIN", domain)?,
    };
    let machines = match arguments.region.is_empty() {
        false => arguments.region,
        true => ask_all(
            "A machine that serves it, as COUNTRY=ADDRESS[,ADDRESS], such as DE=192.0.2.10",
            "--region",
            machine,
        )?,
    };
    let servers = match arguments.server.is_empty() {
        false => arguments.server,
        true => ask_all(
            "Public addresses of a name server, as ADDRESS[,ADDRESS]",
            "--server",
            addresses,
        )?,
    };
    let answers = DomainAnswers {
        domain,
        machines,
        servers: servers.into_iter().map(|own| own.0).collect(),
        listen: arguments.listen,
        place,
    };
    let files = answers.files();
    for (name, _) in &files {
        refuse_existing(&out, name)?;
    }
    for path in files.iter().map(|(name, _)| out.join(name)) {
        if path.exists() {
            fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    write_new(&out, &files)?;
    keys::begin(&config, &answers.domain)?;
    if let (FileLayout::Service, Some(user)) = (place, place.user()) {
        let owned = Account::find(user)?.own(Path::new(place.state()));
        owned.map_err(|error| format!("{}: {error}", place.state()))?;
    }
    say(&answers.for_parent());
    keys::for_parent(&config, &answers.domain)?;
    say(&answers.next_steps(&config));
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over a file, unless it is one of the packages that nobody has changed.
fn refuse_existing(out: &Path, name: &str) -> Result<(), Failure> {
    let path = out.join(name);
    let packaged = PACKAGED.iter().find(|(own, _)| *own == name);
    let is_replaceable =
        packaged.is_some_and(|(_, text)| fs::read_to_string(&path).is_ok_and(|own| own == *text));
    match path.exists() && !is_replaceable {
        true => Err(format!(
            "{} is there already and is not overwritten",
            path.display()
        )),
        false => Ok(()),
    }
}

/// Asks for one thing until it is understood.
fn ask<T>(
    question: &str,
    flag: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    loop {
        match read(&answer(question, flag)?) {
            Ok(value) => return Ok(value),
            Err(why) => tell(&format!("  {why}\n")),
        }
    }
}

/// Asks for one or more of a kind; an empty line ends it.
fn ask_all<T>(
    question: &str,
    flag: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Failure> {
    let mut all = vec![ask(question, flag, &read)?];
    loop {
        let line = answer("Another one (nothing: no more)", flag)?;
        if line.is_empty() {
            return Ok(all);
        }
        match read(&line) {
            Ok(value) => all.push(value),
            Err(why) => tell(&format!("  {why}\n")),
        }
    }
}

/// A line that a person writes.
fn answer(question: &str, flag: &str) -> Result<String, Failure> {
    let missing =
        || format!("{flag} is missing, and there is nobody to ask: see waypost init --help");
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(missing());
    }
    tell(&format!("{question}: "));
    let mut line = String::new();
    match stdin.read_line(&mut line) {
        Ok(0) | Err(_) => Err(missing()),
        Ok(_) => Ok(line.trim().to_owned()),
    }
}

/// Questions and remarks go where a pipe does not take them.
fn tell(text: &str) {
    // A closed standard error is no reason to end otherwise.
    let _ = write!(std::io::stderr(), "{text}");
}

fn domain(text: &str) -> Result<Name, String> {
    let name = Name::parse(text).map_err(|error| error.to_string())?;
    match name == Name::root() {
        true => Err("the root is not a domain of yours".to_owned()),
        false => Ok(name),
    }
}

fn machine(text: &str) -> Result<ServingMachine, String> {
    const HELP: &str = "write it as COUNTRY=ADDRESS[,ADDRESS], such as DE=192.0.2.10,2001:db8::10, or with a name for the region: eu-west@DE=192.0.2.10";
    let (place, addresses_of) = text.split_once('=').ok_or(HELP)?;
    let (name, code) = place.split_once('@').unwrap_or((place, place));
    let country = Country::parse(code).and_then(country::find);
    let country = country.ok_or_else(|| format!("`{code}` is no country of ISO 3166; {HELP}"))?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name.is_empty() || !name.chars().all(fits) {
        return Err(format!(
            "the name of a region is letters, digits and `-`; {HELP}"
        ));
    }
    Ok(ServingMachine {
        region: name.to_ascii_lowercase(),
        country,
        addresses: addresses(addresses_of)?.0,
    })
}

fn addresses(text: &str) -> Result<Addresses, String> {
    let read = |word: &str| {
        let word = word.trim();
        let address = word.parse::<IpAddr>();
        address.map_err(|_| format!("`{word}` is no address, such as 192.0.2.10 or 2001:db8::10"))
    };
    text.split(',')
        .map(read)
        .collect::<Result<_, _>>()
        .map(Addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_with_or_without_a_name_for_its_region() {
        let read = machine("DE=192.0.2.10, 2001:db8::10").unwrap();
        assert_eq!((read.region.as_str(), read.addresses.len()), ("de", 2));
        let read = machine("us-west@US=198.51.100.7").unwrap();
        assert_eq!(
            (read.region.as_str(), read.country.name),
            ("us-west", "United States")
        );
        for (wrong, why) in [
            ("DE", "write it as"),
            ("XX=192.0.2.10", "`XX` is no country"),
            ("DE=192.0.2", "`192.0.2` is no address"),
            ("DE=", "`` is no address"),
            ("a b@DE=192.0.2.10", "the name of a region"),
        ] {
            let error = machine(wrong).unwrap_err();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
