//! hickory-server with our handler: what it costs to have it carry our answers.
//!
//! The benchmark itself is the program: it reads the config that Waypost is measured with, takes everything as up, and serves the
//! table from one thread. It is built behind the feature `hickory`; without that it says so.
use std::process::Command;

use super::{Setup, waypost};
use crate::Failure;

pub(super) fn prepare(setup: &Setup<'_>) -> std::io::Result<Command> {
    let config = waypost::write_config(setup)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hickory", "--port", &setup.port.to_string()]);
    command.arg("--config").arg(config);
    Ok(command)
}

/// Serves a config until it is killed.
#[cfg(not(feature = "hickory"))]
pub(crate) fn run(_: u16, _: &std::path::Path) -> Result<(), Failure> {
    Err("build it with `--features hickory`, or leave hickory out (`--only`)".to_owned())
}

/// Serves a config until it is killed.
#[cfg(feature = "hickory")]
pub(crate) fn run(port: u16, config: &std::path::Path) -> Result<(), Failure> {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use ::waypost::base::{Moment, Permille, Standing};
    use ::waypost::hickory::Handler;
    use ::waypost::io::{files, publish::Published};
    use ::waypost::table::Table;
    use hickory_server::Server;
    use hickory_server::zone_handler::Catalog;

    use crate::explain;

    let loaded = files::load(config).map_err(|error| error.to_string())?;
    let compiled = ::waypost::config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
    let (compiled, _) = compiled.map_err(|found| found.render(false))?;
    let zones = compiled.unsigned();
    let plan = Arc::new(compiled.plan);
    let up = Standing {
        share: Permille::FULL,
        ..Standing::UNPROVEN
    };
    let standings = vec![up; plan.targets.len()];
    let table = Table::build(1, plan, standings.into(), Moment(0), None).with_zones(zones);
    let published = Arc::new(Published::new(Arc::new(table)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(explain("a runtime"))?;
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await;
        let mut server = Server::new(Handler::new(published, Catalog::new()));
        server.register_socket(socket.map_err(explain("hickory's port"))?);
        server
            .block_until_done()
            .await
            .map_err(|error| error.to_string())
    })
}
