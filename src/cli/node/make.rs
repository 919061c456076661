//! `waypost node new`: the keys and the certificate of a node, and its part of the config.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_lc_rs::rand;
use serde_json::json;

use super::arguments::NodeNew;
use super::authority::{Authority, write, write_new};
use crate::base::{from_hexadecimal, to_hexadecimal};
use crate::cli::say;
use crate::daemon::Failure;
use crate::io::clock::Clock;
use crate::share::AuthorSeal;

/// Makes them, and prints what goes into the config.
pub(super) fn new(arguments: &NodeNew) -> Result<ExitCode, Failure> {
    let name = &arguments.name;
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    let now = Clock::start().wall_seconds();
    let seal = seal(&folder, arguments.renew)?;
    let authority = Authority::open_or_make(&arguments.authority, now)?;
    // Others know it by its name, wherever it is reached.
    let names = [std::slice::from_ref(name), &arguments.address].concat();
    let issued = authority.issue(name, &names, (now, arguments.lifetime.0 / 1000))?;
    write(&folder.join("node-tls.key"), &issued.key, 0o600)?;
    write(&folder.join("node.pem"), &issued.certificate, 0o644)?;
    for shared in ["ca.pem", "crl.pem"] {
        let path = arguments.authority.join(shared);
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        write(&folder.join(shared), &text, 0o644)?;
    }
    let key = format!("ed25519:{}", to_hexadecimal(&seal.key().0));
    let table = table(arguments, &key);
    let own = own_table(name, &folder, arguments.address.first());
    if arguments.json {
        let told =
            json!({ "name": name, "key": key, "folder": folder, "nodes": table, "cluster": own });
        say(&told.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!(
        "# {} is for node {name} alone: bring it there, beside the config, for the server's user.",
        folder.display()
    ));
    say(&format!("# The config of {name}, once:"));
    for line in own.lines() {
        say(&format!("# {line}"));
    }
    say("# The config of every node:");
    say(&table);
    Ok(ExitCode::SUCCESS)
}

/// The key that signs what the node says.
fn seal(folder: &Path, renew: bool) -> Result<AuthorSeal, Failure> {
    let path = folder.join("node.key");
    let broken = || format!("{} holds no key of a node", path.display());
    let mut seed = [0; 32];
    if renew {
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        seed = from_hexadecimal(text.trim()).ok_or_else(broken)?;
    } else {
        if path.exists() {
            return Err(format!(
                "{} is there already: `--renew` keeps it and makes another certificate",
                path.display()
            ));
        }
        rand::fill(&mut seed).map_err(|_| "the system gives no random numbers".to_owned())?;
        write_new(&path, &format!("{}\n", to_hexadecimal(&seed)))?;
    }
    AuthorSeal::from_seed(&seed).ok_or_else(broken)
}

/// The table by which every node knows it.
fn table(arguments: &NodeNew, key: &str) -> String {
    let NodeNew {
        name,
        region,
        provider,
        follower,
        ..
    } = arguments;
    let vantage = if *follower { "vantage = false\n" } else { "" };
    format!(
        "[[cluster.nodes]]\nname = \"{name}\"\nkey = \"{key}\"\nregion = \"{region}\"\nprovider = \"{provider}\"\n{vantage}"
    )
}

/// The table of the node itself.
fn own_table(name: &str, folder: &Path, address: Option<&String>) -> String {
    let folder = folder
        .file_name()
        .map_or_else(|| name.into(), |own| own.to_string_lossy());
    let listen = match address.and_then(|own| own.parse::<std::net::IpAddr>().ok()) {
        Some(ip) => std::net::SocketAddr::new(ip, PORT).to_string(),
        None => format!("0.0.0.0:{PORT}"),
    };
    format!(
        "[cluster]\nname = \"prod\"\nnode = \"{name}\"\nkey = \"{folder}/node.key\"\ncertificate = \"{folder}/node.pem\"\n\
         private_key = \"{folder}/node-tls.key\"\nroots = \"{folder}/ca.pem\"\nrevoked = \"{folder}/crl.pem\"\n\
         listen = [\"{listen}\"]\npeers = [\"OTHER:{PORT}\"]\n"
    )
}

/// The port on which nodes listen in examples.
const PORT: u16 = 5354;
